"""Hail or sgkit beside ours, the same question in one running Python: run by hand, prints ratios, asserts no time.

    .venv-hail/bin/python tests/benchmarks/hail/bench_peers.py hail S.vcz --phenotypes S.pheno --covariates S.covar
    .venv/bin/python tests/benchmarks/hail/bench_peers.py sgkit S.vcz --phenotypes S.pheno --covariates S.covar

Each round asks every question once of the peer and once of ours. Read from disk and written to disk on both sides: Hail
from its own MatrixTable (made by `to_hail` before the clock runs) to its own Table, sgkit from the same store as ours,
its answer computed in memory; ours from the store to Parquet. Before the clock each side answers once on a few
variants, so that neither compiles.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from genomics_dc.analyses.association import associate_to_file
from genomics_dc.analyses.view import open_store
from genomics_dc.store.text import header as view_header
from genomics_dc.store.vcf.header import parse_header

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from measure import run_call, side_by_side

COMPONENTS = 10
Questions = dict[str, Callable[[], object]]


def ours(options, folder: Path, index=None) -> Questions:
    """Our answers, written as Parquet."""

    def view():
        found = open_store(options.store)
        return found if index is None else found.variants(index=index)

    def linear(traits):
        associate_to_file(
            view(),
            options.phenotypes,
            folder / "linear.parquet",
            traits=traits,
            covariates=options.covariates,
            threads=options.threads,
            force=True,
        )

    return {
        "variant QC": lambda: view().variant_qc(threads=options.threads).write(folder / "v.parquet", force=True),
        "sample QC": lambda: view().sample_qc(threads=options.threads).write(folder / "s.parquet", force=True),
        "linear, 1 trait": lambda: linear(options.traits[:1]),
        f"linear, {len(options.traits)} traits": lambda: linear(options.traits),
        f"PCA, {COMPONENTS} components": lambda: (
            view().pca(COMPONENTS, threads=options.threads).write(folder / "pca.parquet", force=True)
        ),
    }


def hail(options, folder: Path) -> tuple[Questions, Questions]:
    """Hail's answers, written as its tables; and the same on some variants."""
    import hail as hl

    from genomics_dc import hail_bridge

    hl.init(
        master=f"local[{options.threads}]",
        quiet=True,
        show_progress=False,
        log=str(folder / "hail.log"),
        tmp_dir=str(folder),
        spark_conf={"spark.driver.memory": "6g"},
    )
    view = open_store(options.store)
    lengths = parse_header(view_header(view).encode(), "the store").contigs
    genome = hl.ReferenceGenome("benchmark", list(lengths), lengths)
    whole = options.matrix or folder / "cohort.mt"
    if not whole.exists():
        taken = run_call(lambda: hail_bridge.to_hail(view, whole, reference_genome=genome))
        print(f"to_hail, to {whole.name}: {taken.wall_s:.1f} s")  # noqa: T201
    few = folder / "few.mt"
    hail_bridge.to_hail(view.variants(index=few_rows(view)), few, reference_genome=genome)
    tables = [
        hl.import_table(str(path), key="#IID", types=dict.fromkeys(names, hl.tfloat64), delimiter=r"\s+").select(*names)
        for path, names in ((options.phenotypes, options.traits), (options.covariates, options.covariate_names))
    ]

    def questions(path: Path) -> Questions:
        def read():
            return hl.read_matrix_table(str(path))

        def write(table):
            table.write(str(folder / "answer.ht"), overwrite=True)

        def linear(traits):
            mt = read()
            mt = mt.annotate_cols(y=tables[0][mt.s], c=tables[1][mt.s])
            covariates = [1.0, *(mt.c[name] for name in options.covariate_names)]
            write(
                hl.linear_regression_rows(
                    y=[mt.y[name] for name in traits], x=mt.GT.n_alt_alleles(), covariates=covariates
                )
            )

        return {
            "variant QC": lambda: write(hl.variant_qc(read()).rows()),
            "sample QC": lambda: write(hl.sample_qc(read()).cols()),
            "linear, 1 trait": lambda: linear(options.traits[:1]),
            f"linear, {len(options.traits)} traits": lambda: linear(options.traits),
            f"PCA, {COMPONENTS} components": lambda: write(hl.hwe_normalized_pca(read().GT, k=COMPONENTS)[1]),
        }

    return questions(whole), questions(few)


def sgkit(options, _folder: Path) -> tuple[Questions, Questions]:
    """Sgkit's answers, computed in memory; and the same on some variants."""
    import dask
    import sgkit as sg

    dask.config.set(scheduler="threads", num_workers=options.threads)
    ids = [str(name) for name in open_store(options.store).sample_ids]
    phenotypes, covariates = (
        pd.read_csv(path, sep="\t").set_index("#IID").loc[ids] for path in (options.phenotypes, options.covariates)
    )

    def questions(n_variants: int | None) -> Questions:
        def read():
            data = sg.load_dataset(str(options.store))
            data["call_genotype_mask"] = data.call_genotype < 0
            return data if n_variants is None else data.isel(variants=slice(n_variants))

        def linear(traits):
            data = read()
            data["call_dosage"] = data.call_genotype.sum(dim="ploidy").astype(np.float32)
            for name in traits:
                data[name] = ("samples", phenotypes[name].to_numpy())
            for name in options.covariate_names:
                data[name] = ("samples", covariates[name].to_numpy())
            sg.gwas_linear_regression(
                data,
                dosage="call_dosage",
                covariates=options.covariate_names,
                traits=traits,
                add_intercept=True,
                merge=False,
            ).compute()

        return {
            "variant QC": lambda: sg.variant_stats(read(), merge=False).compute(),
            "sample QC": lambda: sg.sample_stats(read(), merge=False).compute(),
            "linear, 1 trait": lambda: linear(options.traits[:1]),
            f"linear, {len(options.traits)} traits": lambda: linear(options.traits),
        }

    return questions(None), questions(2000)


def few_rows(view) -> np.ndarray:
    """Variants enough to compile everything."""
    return np.arange(min(view.n_variants, 2000))


def main() -> None:
    """Print one line a question: both times, and the peer's over ours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=["hail", "sgkit"])
    parser.add_argument("store", type=Path)
    parser.add_argument("--phenotypes", type=Path, required=True, help="#IID and traits")
    parser.add_argument("--covariates", type=Path, required=True, help="#IID and covariates")
    parser.add_argument("--matrix", type=Path, help="Hail's MatrixTable of the store; made first when absent")
    parser.add_argument("--only", help="questions that begin so, comma-separated")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    os.environ.setdefault("NUMBA_NUM_THREADS", str(options.threads))
    warnings.simplefilter("ignore")
    options.traits = [name for name in header(options.phenotypes) if name.startswith("y")]
    options.covariate_names = header(options.covariates)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        theirs, theirs_on_few = {"hail": hail, "sgkit": sgkit}[options.peer](options, folder)
        mine = ours(options, folder)
        mine_on_few = ours(options, folder, few_rows(open_store(options.store)))
        for question, ask in theirs.items():
            if options.only and not question.startswith(tuple(options.only.split(","))):
                continue
            theirs_on_few[question]()
            mine_on_few[question]()
            found = side_by_side(
                {options.peer: lambda ask=ask: run_call(ask), "ours": lambda ask=mine[question]: run_call(ask)},
                options.rounds,
            )
            ratio = found[options.peer].wall_s / found["ours"].wall_s
            print(  # noqa: T201
                f"{question:24} {options.peer} {found[options.peer].wall_s:8.2f} s   ours {found['ours'].wall_s:7.3f} s"
                f"   {ratio:6.1f} x",
                flush=True,
            )


def header(path: Path) -> list[str]:
    """The columns after the sample id."""
    return path.read_text().partition("\n")[0].split()[1:]


if __name__ == "__main__":
    main()
