"""KING, PCA, GRM and FST beside plink2 and scikit-allel: run by hand, prints ratios, asserts no time.

    python tests/benchmarks/structure/bench_structure.py COHORT.vcf.gz [--store C.vcz] [--rounds 3] [--threads 2]
        [--parts king,pca,grm,fst] [--skip-slow-peers] [--growth growth.svg] [--wide L.vcz]

Each round runs every contestant once: the whole plink2 command on its own .pgen, our whole command on a store, and the
call in a running Python, store read from disk and result written. A ratio above 1 means that we are faster. The answers
are compared: the kinship that plink2 prints, the space of the components with the exact one.

`--skip-slow-peers` leaves out plink2's PCA (minutes) and scikit-allel's. `--wide` finds the related pairs of 20,000
samples of a larger store. `--growth` draws our time over parts of the cohort up to a factor of 16.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from genomics_dc.analyses.view import open_store
from genomics_dc.store import build_store

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from measure import run_call, run_command, side_by_side

OURS = [sys.executable, "-m", "genomics_dc.cli.main"]


def say(text):
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201


def report(name, found, peer):
    """One line a contestant, and the ratio of the peer to each of ours."""
    say(name)
    for contestant, summary in found.items():
        ratio = f"{found[peer].wall_s / summary.wall_s:6.2f} x" if contestant != peer and peer in found else ""
        say(f"  {contestant:<24} {summary}  {ratio}")


def plink2(folder, *words, threads):
    """Return a call that runs plink2 on the cohort's .pgen."""
    every = ["plink2", "--pfile", folder / "p", "--threads", threads, *words]
    return lambda: run_command(every)


def king(store, folder, options):
    """All pairs."""

    def call(threads):
        found = open_store(store).kinship(threads=threads)
        found.write(folder / "k.parquet", force=True)
        return found

    found = call(options.threads)
    words = ["kinship", store, "-o", folder / "kc.parquet", "--force", "--threads", options.threads]
    contestants = {
        "plink2": plink2(folder, "--make-king-table", "--out", folder / "t", threads=options.threads),
        "our command": lambda: run_command([*OURS, *words]),
        "in process": lambda: run_call(lambda: call(options.threads)),
        "in process, 1 thread": lambda: run_call(lambda: call(1)),
    }
    report("KING, all pairs", side_by_side(contestants, options.rounds), "plink2")
    theirs = pd.read_csv(folder / "t.kin0", sep="\t")
    ours = found.to_plink2().to_pandas()
    same = (theirs["#IID1"].astype(str) == ours["#IID1"].astype(str)).all()
    gap = (theirs["KINSHIP"] - ours["KINSHIP"]).abs().max()
    say(f"  {len(ours):,} pairs; the same order: {'yes' if same else 'NO'}; largest difference in kinship {gap:.1e}")


def pca(store, folder, options):
    """Ten components."""

    def call(threads):
        found = open_store(store).pca(10, threads=threads)
        found.write(folder / "c.parquet", force=True)
        return found

    found = call(options.threads)
    words = ["pca", store, "-o", folder / "cc.parquet", "--force", "--threads", options.threads]
    contestants = {
        "our command": lambda: run_command([*OURS, *words]),
        "in process": lambda: run_call(lambda: call(options.threads)),
        "in process, 1 thread": lambda: run_call(lambda: call(1)),
    }
    slow = {"plink2 approx": plink2(folder, "--pca", "10", "approx", "--out", folder / "q", threads=options.threads)}
    if not options.skip_slow_peers:
        dosage = open_store(store).dosage()

        def allel_pca():
            import allel

            allel.randomized_pca(np.maximum(dosage, 0), n_components=10, scaler="patterson", random_state=1)

        slow["scikit-allel, in process"] = lambda: run_call(allel_pca)
    ours = side_by_side(contestants, options.rounds)
    if not options.skip_slow_peers:
        peers = side_by_side(slow, 1)
        report("PCA, 10 components", peers | ours, "plink2 approx")
        report("  the same beside scikit-allel", peers | ours, "scikit-allel, in process")
    else:
        report("PCA, 10 components", ours, "")
    start = time.perf_counter()
    exact = open_store(store).pca(10, exact=True, threads=options.threads)
    took = time.perf_counter() - start
    outside = found.vectors() - exact.vectors() @ (exact.vectors().T @ found.vectors())
    say(
        f"  sine of the angle to the exact space {np.linalg.norm(outside, 2):.1e} (bound {found.angle:.1e}); the exact "
        f"one took {took:.1f} s"
    )


def grm(store, folder, options):
    """The relationship of all pairs."""

    def call(threads):
        open_store(store).grm(threads=threads).write(folder / "g", force=True)

    call(options.threads)
    contestants = {
        "plink2": plink2(folder, "--make-grm-bin", "--out", folder / "h", threads=options.threads),
        "in process": lambda: run_call(lambda: call(options.threads)),
        "in process, 1 thread": lambda: run_call(lambda: call(1)),
    }
    report("GRM", side_by_side(contestants, 1), "plink2")
    ours, theirs = (np.fromfile(folder / f"{stem}.grm.bin", "<f4") for stem in "gh")
    say(f"  largest difference {np.abs(ours - theirs).max():.1e}")


def fst(store, folder, options):
    """Five groups of the samples by number: only the time counts."""
    ids = [str(name) for name in open_store(store).sample_ids]
    groups = folder / "groups.tsv"
    groups.write_text("#IID\tpop\n" + "".join(f"{name}\tg{i % 5}\n" for i, name in enumerate(ids)))

    def call(threads):
        open_store(store).fst(groups, threads=threads).write(folder / "f.parquet", force=True)

    call(options.threads)
    words = ["--pheno", groups, "--fst", "pop", "blocksize=1000", "--out", folder / "s"]
    contestants = {
        "plink2": plink2(folder, *words, threads=options.threads),
        "in process": lambda: run_call(lambda: call(options.threads)),
        "in process, 1 thread": lambda: run_call(lambda: call(1)),
    }
    report("FST, 5 groups", side_by_side(contestants, options.rounds), "plink2")


def wide(store, folder, options):
    """Related pairs of 20,000 samples."""
    ids = [str(name) for name in open_store(store).sample_ids[:20_000]]
    keep = folder / "wide.txt"
    keep.write_text("\n".join(ids) + "\n")
    words = ["kinship", store, "--keep", keep, "--kinship-min", 0.0442, "-o", folder / "w.parquet", "--force"]
    contestants = {"our command": lambda: run_command([*OURS, *words, "--threads", options.threads])}
    if options.wide_pgen is not None:
        peer = ["plink2", "--pfile", options.wide_pgen, "--keep", keep, "--make-king-table"]
        peer += ["--king-table-filter", 0.0442, "--threads", options.threads, "--out", folder / "wt"]
        contestants["plink2"] = lambda: run_command(peer)
    report(f"KING, {len(ids):,} samples, related pairs", side_by_side(contestants, 1), "plink2")


def growth(store, target, options):
    """Time over parts of the cohort: variants for each, samples for each."""
    from genomics_dc.plots import style

    whole = open_store(store)
    ids, rows = np.asarray(whole.sample_ids, dtype=object), whole.sites_index()
    calls = {
        "KING": lambda view: view.kinship(threads=options.threads, kinship_min=0.2),
        "PCA": lambda view: view.pca(10, threads=options.threads),
        "GRM": lambda view: view.grm(threads=options.threads),
    }
    with style.applied():
        figure, axes = style.new_figure(9.0, 4.2, columns=2)
        for one, what, sizes in (
            (axes[0, 0], "variants", [len(rows) // part for part in (16, 8, 4, 2, 1)]),
            (axes[0, 1], "samples", [len(ids) // part for part in (16, 8, 4, 2, 1)]),
        ):
            for colour, (name, call) in zip(style.PALETTE, calls.items(), strict=False):
                taken = []
                for size in sizes:
                    part = (
                        whole.variants(index=rows[:size]) if what == "variants" else whole.samples(ids[:size].tolist())
                    )
                    taken.append(min(run_call(partial(call, part)).wall_s for _ in range(options.rounds)))
                say(f"  {name} by {what}: " + ", ".join(f"{n:,}: {s:.2f} s" for n, s in zip(sizes, taken, strict=True)))
                one.loglog(sizes, taken, marker="o", color=colour, label=name)
            one.set_xlabel(what)
            one.set_xticks(sizes, [f"{size:,}" for size in sizes])
            one.minorticks_off()
            one.set_ylabel("seconds")
            one.legend()
            style.title(one, f"Time by {what}")
        style.save(figure, target.with_suffix(""))


def main():
    """Print the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vcf", type=Path)
    parser.add_argument("--store", type=Path, help="a store of the VCF; built first when not given")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--parts", default="king,pca,grm,fst")
    parser.add_argument("--skip-slow-peers", action="store_true")
    parser.add_argument("--growth", type=Path, help="draw the growth under this name")
    parser.add_argument("--wide", type=Path, help="a store of 20,000 samples or more")
    parser.add_argument("--wide-pgen", type=Path, help="its .pgen, without the ending")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = options.store or folder / "c.vcz"
        if options.store is None:
            build_store(options.vcf, store)
        words = ["plink2", "--vcf", options.vcf, "--make-pgen", "--out", folder / "p"]
        subprocess.run([str(word) for word in words], check=True, capture_output=True)
        for part in options.parts.split(","):
            {"king": king, "pca": pca, "grm": grm, "fst": fst, "": lambda *_: None}[part](store, folder, options)
        if options.wide is not None:
            wide(options.wide, folder, options)
        if options.growth is not None:
            say("growth")
            growth(store, options.growth, options)


if __name__ == "__main__":
    main()
