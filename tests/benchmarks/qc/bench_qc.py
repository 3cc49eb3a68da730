"""Quality beside plink2, bcftools and sgkit: run by hand, prints ratios, asserts no time.

    python tests/benchmarks/qc/bench_qc.py COHORT.vcf.gz [--store C.vcz] [--large LARGE.vcf.gz] [--rounds 5]
        [--threads 2] [--slow] [--growth growth]

Each round runs every contestant once: the whole plink2 command on its own .pgen, and the call in a running Python,
store read from disk and table written. `--large` adds whole commands against whole commands on a cohort where starting
Python no longer counts. `--slow` adds `bcftools +fill-tags` and sgkit. `--growth STEM` measures a factor 16 in variants
and in samples, and draws STEM.svg and .png. A ratio above 1 means that we are faster. The answers are compared too.
"""

from __future__ import annotations

import argparse
import gzip
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from genomics_dc.analyses.view import open_store
from genomics_dc.store import build_store

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from measure import run_call, run_command, side_by_side

VARIANTS = ["--freq", "--missing", "--hardy", "midp"]
SAMPLES = ["--sample-counts"]


def report(name, found, peer):
    """One line a contestant, and the ratio of each of ours to the peer."""
    print(name)  # noqa: T201
    for contestant, summary in found.items():
        ratio = f"{found[peer].wall_s / summary.wall_s:6.2f} x" if contestant != peer else ""
        print(f"  {contestant:<24} {summary}  {ratio}", flush=True)  # noqa: T201


def plink2(folder, *words, threads):
    """Run the whole command on the .pgen in `folder`."""
    return run_command(["plink2", "--pfile", folder / "p", *words, "--threads", threads, "--out", folder / "t"])


def make_pgen(vcf, folder):
    """Write plink2's own form of a VCF."""
    words = ["plink2", "--vcf", vcf, "--make-pgen", "--out", folder / "p"]
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def variants(view, folder, threads):
    """Count variants in this process, from the disk to the disk."""
    view.variant_qc(threads=threads).write(folder / "v.parquet", force=True)


def samples(view, folder, threads):
    """Count samples in this process, from the disk to the disk."""
    view.sample_qc(threads=threads).write(folder / "s.parquet", force=True)


def in_process(store, folder, options):
    """Print the two comparisons of calls against whole plink2 commands."""
    threads = options.threads
    for name, call, words in (("variant quality", variants, VARIANTS), ("sample quality", samples, SAMPLES)):
        call(open_store(store), folder, threads)  # compiled code is loaded once, as in a notebook
        contestants = {
            "plink2": lambda words=words: plink2(folder, *words, threads=threads),
            "in process": lambda call=call: run_call(lambda: call(open_store(store), folder, threads)),
            "in process, 1 thread": lambda call=call: run_call(lambda: call(open_store(store), folder, 1)),
        }
        report(name, side_by_side(contestants, options.rounds), "plink2")
    plink2(folder, *VARIANTS, threads=threads)
    ours = pd.read_parquet(folder / "v.parquet")
    theirs = pd.read_csv(folder / "t.afreq", sep="\t")
    gap = np.nanmax(np.abs(ours["AF"] - theirs["ALT_FREQS"]))
    print(f"  largest difference of frequency {gap:.1e} (plink2 prints six digits)")  # noqa: T201


def slow_peers(vcf, store, folder, options):
    """Print the comparisons with bcftools and sgkit, once each."""
    import sgkit
    import xarray

    fill = ["bcftools", "+fill-tags", vcf, "-Ob", "-o", folder / "filled.bcf", "--", "-t", "AC,AN,AF,NS,HWE,F_MISSING"]
    variants(open_store(store), folder, options.threads)
    contestants = {
        "bcftools +fill-tags": lambda: run_command(fill),
        "in process": lambda: run_call(lambda: variants(open_store(store), folder, options.threads)),
    }
    report("variant quality and bcftools", side_by_side(contestants, 1), "bcftools +fill-tags")

    def theirs(function, prefix):
        data = xarray.open_zarr(store, consolidated=False)
        found = function(data)
        found[[name for name in found if str(name).startswith(prefix)]].load()

    for name, function, prefix, ours in (
        ("variant quality and sgkit", sgkit.variant_stats, "variant_", variants),
        ("sample quality and sgkit", sgkit.sample_stats, "sample_", samples),
    ):
        ours(open_store(store), folder, options.threads)
        contestants = {
            "sgkit": lambda function=function, prefix=prefix: run_call(lambda: theirs(function, prefix)),
            "in process": lambda ours=ours: run_call(lambda: ours(open_store(store), folder, options.threads)),
        }
        report(name, side_by_side(contestants, 2), "sgkit")


def whole_commands(vcf, folder, options):
    """Print whole commands against whole commands."""
    make_pgen(vcf, folder)
    store = folder / "large.vcz"
    build_store(vcf, store)
    for only, words in (("variants", VARIANTS), ("samples", SAMPLES)):
        command = ["-m", "genomics_dc.cli.main", "qc", store, "--only", only, "--threads", options.threads, "--force"]
        command += ["--output", folder / f"{only}.parquet"]
        contestants = {
            "plink2": lambda words=words: plink2(folder, *words, threads=options.threads),
            "our command": lambda command=command: run_command([sys.executable, *command]),
        }
        report(f"whole command, {only}", side_by_side(contestants, options.rounds), "plink2")


def cut(vcf, path, n_variants, n_samples):
    """Write the first variants and samples of a VCF."""
    with gzip.open(vcf, "rt") as source, path.open("w") as target:
        left = n_variants
        for line in source:
            if line.startswith("##"):
                target.write(line)
                continue
            target.write("\t".join(line.rstrip("\n").split("\t", 9 + n_samples)[: 9 + n_samples]) + "\n")
            left -= not line.startswith("#")
            if not left:
                return


def growth(vcf, store, folder, options):
    """Measure a factor 16 in variants, and in samples (of the first sixteenth of the variants), and draw both."""
    from genomics_dc.plots import style

    view = open_store(store)
    position, contig = view.sites().position, view.contigs[view.contig_numbers()[0]]
    along = {"variants": [], "samples": []}
    opened = {"variants": [], "samples": []}
    for part in (1, 2, 4, 8, 16):
        last = int(position[len(position) * part // 16 - 1])
        opened["variants"].append(lambda last=last: open_store(store).region(contig, 0, last))
        along["variants"].append(view.region(contig, 0, last).n_variants)
        n_samples = view.n_samples * part // 16
        cut(vcf, folder / "cut.vcf", len(position) // 16, n_samples)
        build_store(folder / "cut.vcf", folder / f"cut{part}.vcz")
        opened["samples"].append(lambda part=part: open_store(folder / f"cut{part}.vcz"))
        along["samples"].append(n_samples)
    with style.applied():
        figure, axes = style.new_figure(9.0, 4.0, columns=2)
        for one, axis in zip(axes[0], along, strict=True):
            for name, call in (("variant quality", variants), ("sample quality", samples)):
                seconds = []
                for make in opened[axis]:
                    call(make(), folder, options.threads)
                    runs = [run_call(lambda m=make, c=call: c(m(), folder, options.threads)) for _ in range(5)]
                    seconds.append(min(run.cpu_s for run in runs))
                one.plot(along[axis], seconds, marker="o", label=name)
                found = dict(zip(along[axis], np.round(seconds, 3).tolist(), strict=True))
                print(f"growth in {axis}, {name}: {found}", flush=True)  # noqa: T201
            style.title(one, f"Growth in {axis}", "processor seconds, best of five")
            one.set_xlabel(axis)
            one.set_ylim(bottom=0)
            style.thousands(one.xaxis)
            one.legend()
        print(*style.save(figure, options.growth))  # noqa: T201


def main():
    """Print every comparison asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vcf", type=Path)
    parser.add_argument("--store", type=Path, help="a store of the VCF; built first when not given")
    parser.add_argument("--large", type=Path, help="a VCF of a million variants, for whole commands")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slow", action="store_true", help="bcftools and sgkit too")
    parser.add_argument("--growth", type=Path, metavar="STEM", help="measure growth, and draw it under this name")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = options.store or folder / "c.vcz"
        if options.store is None:
            build_store(options.vcf, store)
        make_pgen(options.vcf, folder)
        in_process(store, folder, options)
        if options.slow:
            slow_peers(options.vcf, store, folder, options)
        if options.growth is not None:
            growth(options.vcf, store, folder, options)
        if options.large is not None and options.large.exists():
            whole_commands(options.large, folder, options)


if __name__ == "__main__":
    main()
