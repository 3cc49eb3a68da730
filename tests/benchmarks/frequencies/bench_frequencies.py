"""Counts by group of samples beside sgkit, bcftools and plink2: run by hand, prints ratios, asserts no time.

    python tests/benchmarks/frequencies/bench_frequencies.py --vcf S.vcf.gz --store S.vcz [--groups 5] [--rounds 3]

Samples are dealt into groups by a fixed seed. In a running Python: our frequencies by group, spectrum, private alleles
and carriers by gene (of made consequences), and sgkit's `count_cohort_alleles` of the same groups from the same store.
As whole commands: ours, `bcftools +fill-tags -S`, and `plink2 --freq` once a group. Answers are held against each
other. A ratio above 1 means that we are faster: of wall-clock seconds, and of the processor's.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

import genomics_dc as gdc
from genomics_dc.provenance import Provenance
from genomics_dc.results import Result

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import measure


def made_consequences(view):
    """A table as `annotate` writes it: each tenth variant a stop, others missense, forty variants a gene."""
    sites = view.sites()
    rows = {
        "contig": sites.contig.astype(str),
        "position": sites.position,
        "ref": sites.ref.astype(str),
        "alt": np.array([str(alt).split(",")[0] for alt in sites.alt]),
        "gene": np.array([f"G{k // 40}" for k in range(len(sites))]),
        "so_terms": [["missense_variant"] if k % 10 else ["stop_gained"] for k in range(len(sites))],
    }
    return Result(pa.table(rows), Provenance("annotate", store_hash=view.store_hash))


def with_sgkit(store, names, n_groups, answer):
    """Allele counts by cohort, computed from the store's own genotypes."""
    import sgkit
    import xarray as xr

    dataset = sgkit.load_dataset(store)
    cohort = np.array([names[str(name)] for name in dataset["sample_id"].to_numpy()])
    dataset["sample_cohort"] = xr.DataArray(cohort, dims="samples")
    counted = sgkit.count_cohort_alleles(dataset.chunk({"variants": 10_000}))
    answer["sgkit"] = counted["cohort_allele_count"].to_numpy()


def main():
    """Print one line a question."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vcf", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--groups", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    view = gdc.open_store(options.store)
    ids = [str(name) for name in view.sample_ids]
    random = np.random.default_rng(1)
    number = random.integers(0, options.groups, len(ids))
    of_sample = dict(zip(ids, number.tolist(), strict=True))
    groups = {f"g{k}": [name for name in ids if of_sample[name] == k] for k in range(options.groups)}
    consequences = made_consequences(view)
    trait = pd.DataFrame({"IID": ids, "cc": random.integers(0, 2, len(ids))})
    answer = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table, lists = folder / "groups.tsv", folder / "groups.txt"
        table.write_text("IID\tgroup\n" + "".join(f"{one}\tg{of_sample[one]}\n" for one in ids))
        lists.write_text("".join(f"{one}\tg{of_sample[one]}\n" for one in ids))
        for group, members in groups.items():
            (folder / f"{group}.keep").write_text("\n".join(members) + "\n")
        measure.run_command(["plink2", "--vcf", options.vcf, "--make-pgen", "--out", folder / "p"])

        plain = ["plink2", "--pfile", folder / "p", "--freq", "--threads", options.threads]

        def opened():
            return gdc.open_store(options.store)

        def ours():
            answer["ours"] = opened().frequencies(groups=groups, threads=options.threads)
            answer["ours"].write(folder / "f.parquet", force=True)

        def plink2():
            runs = [
                measure.run_command([*plain, "--keep", folder / f"{group}.keep", "--out", folder / group])
                for group in groups
            ]
            return measure.Taken(
                sum(r.wall_s for r in runs), sum(r.cpu_s for r in runs), max(r.peak_bytes for r in runs)
            )

        command = [sys.executable, "-m", "genomics_dc.cli.main", "frequencies", options.store, "--groups", table]
        command += ["--threads", options.threads, "--output", folder / "c.parquet", "--force"]
        fill = [
            "bcftools",
            "+fill-tags",
            options.vcf,
            "-Ob",
            "-o",
            folder / "b.bcf",
            "--threads",
            options.threads,
            "--",
        ]
        fill += ["-S", lists, "-t", "AN,AC,AF"]
        contestants = {
            "frequencies, in process": lambda: measure.run_call(ours),
            "sgkit count_cohort_alleles, in process": lambda: measure.run_call(
                lambda: with_sgkit(options.store, of_sample, options.groups, answer)
            ),
            "frequencies, whole command": lambda: measure.run_command(command),
            "bcftools +fill-tags -S": lambda: measure.run_command(fill),
            "plink2 --freq, once a group": plink2,
            "spectrum, in process": lambda: measure.run_call(
                lambda: opened().spectrum(groups=groups, project=100, threads=options.threads)
            ),
            "private alleles, in process": lambda: measure.run_call(
                lambda: opened().private_alleles(groups=groups, threads=options.threads)
            ),
            "carriers by gene, in process": lambda: measure.run_call(
                lambda: opened().gene_counts(consequences, trait, trait="cc", threads=options.threads)
            ),
            "consequences, in process": lambda: measure.run_call(
                lambda: opened().consequence_counts(consequences, groups=groups, threads=options.threads)
            ),
        }
        for key in list(contestants):
            if key.endswith("in process") and not key.startswith("sgkit"):
                contestants[key]()  # compiled code is loaded once, as in a notebook
        taken = measure.side_by_side(contestants, options.rounds)
    for key, summary in taken.items():
        print(f"{key:42s} {summary}")  # noqa: T201
    pairs = (
        ("frequencies, in process", "sgkit count_cohort_alleles, in process"),
        ("frequencies, whole command", "bcftools +fill-tags -S"),
        ("frequencies, in process", "plink2 --freq, once a group"),
        ("frequencies, whole command", "plink2 --freq, once a group"),
    )
    for own, peer in pairs:
        cpu = [statistics.median(run.cpu_s for run in taken[key].runs) for key in (peer, own)]
        wall = taken[peer].wall_s / taken[own].wall_s
        print(f"{peer} / {own}: {wall:.1f} (processor {cpu[0] / cpu[1]:.1f})")  # noqa: T201
    for k, group in enumerate(groups):
        same = np.array_equal(answer["sgkit"][:, k, 1], answer["ours"].of_group(group, "AC"))
        print(f"{group}: the same copies as sgkit: {same}")  # noqa: T201


if __name__ == "__main__":
    main()
