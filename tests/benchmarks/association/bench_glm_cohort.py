"""Association paired with `plink2 --glm` on a made-up cohort: run by hand, prints ratios, asserts nothing about time.

    python tests/benchmarks/association/bench_glm_cohort.py S.vcf.gz S.pheno S.covar [--rounds 3] [--what many,cc]

The cohort is a VCF, a table of traits y1 .. y100 and cc (0 and 1, or 1 and 2), and a table of covariates. Each round
runs, back to back: the whole `plink2` command on its own .pgen, and our call in a running Python, the store read from
disk and the result written included. With `--threads-too` ours runs on one thread as well; with `--growth STEM` on
1/16 to all of the variants, and of the samples, drawn as STEM.svg and .png. Answers are compared: linear by beta, error
and p; logistic by p below 0.05, and by the hits below 5e-8.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from measure import run_call, run_command, side_by_side

from genomics_dc.analyses.association import associate_to_file
from genomics_dc.analyses.view import open_store
from genomics_dc.store import build_store

SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
QUESTIONS = {
    "linear": (["y1"], "linear"),
    "many": ([f"y{number}" for number in range(1, 101)], "linear"),
    "cc": (["cc"], "logistic"),
}


def compare(ours, theirs, model):
    """The largest relative differences, in words."""
    sign = np.where(theirs["A1"] == ours["effect_allele"], 1.0, -1.0)
    p = np.abs(ours["p_value"] / theirs["P"] - 1)
    if model == "linear":
        beta = np.abs(ours["beta"] * sign / theirs["BETA"] - 1)
        error = np.abs(ours["standard_error"] / theirs["SE"] - 1)
        return f"beta {beta.max():.1e}, standard error {error.max():.1e}, p {p.max():.1e}"
    small = (theirs["P"] < 0.05).to_numpy()
    hits = [set(np.flatnonzero(column < 5e-8)) for column in (ours["p_value"], theirs["P"])]
    return (
        f"p below 0.05: {small.sum():,}, of them {int((p[small] > 1e-4).sum())} differ by more than 1e-4, the most by "
        f"{p[small].max():.1e}; hits {len(hits[0])} and {len(hits[1])}, "
        f"{'the same' if hits[0] == hits[1] else 'OTHERS'}"
    )


def main():
    """Print a block for each question."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vcf", type=Path)
    parser.add_argument("phenotypes", type=Path)
    parser.add_argument("covariates", type=Path)
    parser.add_argument("--what", default="linear,many,cc")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--threads-too", action="store_true")
    parser.add_argument("--growth", type=Path, metavar="STEM")
    parser.add_argument("--store", type=Path, help="a store of the VCF; built first when not given")
    parser.add_argument("--pgen", type=Path, help="prefix of PLINK's files of the VCF; made first when not given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.vcf.parent) as name:
        folder = Path(name)
        store, pgen = options.store or folder / "c.vcz", options.pgen or folder / "c"
        if options.store is None:
            build_store(options.vcf, store)
        if options.pgen is None:
            run_command(["plink2", "--vcf", options.vcf, "--make-pgen", "--out", pgen])
        grown = {}
        for what in options.what.split(","):
            traits, model = QUESTIONS[what]

            def theirs(traits=traits):
                words = ["--pheno", options.phenotypes, "--pheno-name", ",".join(traits), "--glm", "hide-covar"]
                words += ["--covar", options.covariates, "--threads", options.threads, "--out", folder / "o"]
                return run_command(["plink2", "--pfile", pgen, *words])

            def call(threads, variants=1.0, samples=1.0, traits=traits, model=model):
                view = open_store(store)
                if variants < 1.0:
                    view = view.variants(index=np.arange(int(view.n_variants * variants)))
                if samples < 1.0:
                    view = view.samples(view.sample_ids[: int(view.n_samples * samples)].tolist())
                return associate_to_file(
                    view,
                    options.phenotypes,
                    folder / "r.parquet",
                    traits=traits,
                    covariates=options.covariates,
                    model=model,
                    threads=threads,
                    force=True,
                )

            call(options.threads, 0.01)  # compiled code is loaded once, as in a notebook
            if options.growth is not None:
                grown[what] = grown_by(call, options.threads)
                continue
            contestants = {"plink2": theirs, "ours": lambda call=call: run_call(lambda: call(options.threads))}
            if options.threads_too:
                contestants["ours, 1 thread"] = lambda call=call: run_call(lambda: call(1))
            found = side_by_side(contestants, options.rounds)
            print(f"{what}: {len(traits)} trait(s), {model}")  # noqa: T201
            for contestant, summary in found.items():
                ratio = found["plink2"].wall_s / summary.wall_s
                print(f"  {contestant:28s} {summary}  plink2 / this {ratio:.1f}")  # noqa: T201
            result = call(options.threads).read()
            (path,) = folder.glob(f"o.{traits[0]}.glm.*")
            print(  # noqa: T201
                "  " + compare(result.of_trait(traits[0]).to_pandas(), pd.read_csv(path, sep="\t"), model)
            )
        if grown:
            view = open_store(store)
            draw(grown, {"variants": view.n_variants, "samples": view.n_samples}, options.growth)


def grown_by(call, threads):
    """Return processor seconds, the least of three, for shares of the variants and of the samples."""
    found = {}
    for along in ("variants", "samples"):
        runs = [partial(call, threads, **{along: share}) for share in SHARES]
        found[along] = [min(run_call(run).cpu_s for _ in range(3)) for run in runs]
    return found


def draw(grown, sizes, stem):
    """Draw processor seconds against size, along variants and along samples."""
    from genomics_dc.plots import style

    with style.applied():
        figure, axes = style.new_figure(9.0, 4.0, columns=2)
        for axis, along in zip(axes[0], sizes, strict=True):
            at = [int(sizes[along] * share) for share in SHARES]
            for what, found in grown.items():
                axis.loglog(at, found[along], marker="o", label=what)
                print(f"growth in {along}, {what}: {dict(zip(at, np.round(found[along], 3).tolist(), strict=True))}")  # noqa: T201
            style.title(axis, f"Growth in {along}", "processor seconds, best of three")
            axis.set_xlabel(along)
            axis.set_xticks(at, [f"{size:,}" for size in at])
            axis.minorticks_off()
            axis.legend()
        print(*style.save(figure, stem))  # noqa: T201


if __name__ == "__main__":
    main()
