"""Pruning and r2 beside `plink2 --indep-pairwise` and `plink1.9 --r2`: run by hand, prints ratios, asserts no time.

    python tests/benchmarks/linkage/bench_ld.py COHORT.vcf.gz [--store C.vcz] [--rounds 5] [--threads 2]

Each round runs every contestant once: the whole plink2 command on its own .pgen, our whole command on a store, and the
call in a running Python, store read from disk and ids written. A ratio above 1 means that we are faster. The sets kept
are compared; so are the pairs of the table.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from genomics_dc.analyses import linkage
from genomics_dc.analyses.view import open_store
from genomics_dc.store import build_store

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from measure import run_call, run_command, side_by_side


def report(name, found, peer):
    """One line a contestant, and the ratio of each of ours to the peer."""
    print(name)  # noqa: T201
    for contestant, summary in found.items():
        ratio = f"{found[peer].wall_s / summary.wall_s:6.2f} x" if contestant != peer else ""
        print(f"  {contestant:<22} {summary}  {ratio}")  # noqa: T201


def main():
    """Print the three comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vcf", type=Path)
    parser.add_argument("--store", type=Path, help="a store of the VCF; built first when not given")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--window-kb", type=int, default=200)
    parser.add_argument("--r2", type=float, default=0.2)
    parser.add_argument("--skip-pairs", action="store_true", help="only prune")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = options.store or folder / "c.vcz"
        if options.store is None:
            build_store(options.vcf, store)
        words = ["plink2", "--vcf", options.vcf, "--make-pgen", "--out", folder / "p"]
        subprocess.run([str(word) for word in words], check=True, capture_output=True)
        window_bp = 1000 * options.window_kb

        def theirs():
            limits = ["--indep-pairwise", f"{options.window_kb}kb", options.r2]
            words = ["plink2", "--pfile", folder / "p", *limits, "--threads", options.threads, "--out", folder / "t"]
            return run_command(words)

        def command():
            words = ["-m", "genomics_dc.cli.main", "ld-prune", store, "--r2", options.r2, "--window-bp", window_bp]
            words += ["--threads", options.threads, "--output", folder / "c.prune.in", "--force"]
            return run_command([sys.executable, *words])

        def call(threads):
            found = linkage.prune(open_store(store), r2=options.r2, window_bp=window_bp, threads=threads)
            found.to_plink2(folder / "o", force=True)

        call(1)  # compiled code is loaded once, as in a notebook
        contestants = {
            "plink2": theirs,
            "our command": command,
            "in process": lambda: run_call(lambda: call(options.threads)),
            "in process, 1 thread": lambda: run_call(lambda: call(1)),
        }
        report("prune", side_by_side(contestants, options.rounds), "plink2")
        kept = (folder / "t.prune.in").read_text().split()
        same = kept == (folder / "o.prune.in").read_text().split() == (folder / "c.prune.in").read_text().split()
        print(f"  {len(kept):,} variants kept; the same set: {'yes' if same else 'NO'}")  # noqa: T201
        if options.skip_pairs:
            return

        words = ["plink2", "--pfile", folder / "p", "--make-bed", "--out", folder / "b"]
        subprocess.run([str(word) for word in words], check=True, capture_output=True)
        limits = ["--ld-window", 999_999, "--ld-window-kb", options.window_kb, "--ld-window-r2", 0.5]

        def pairs_theirs():
            words = ["plink1.9", "--bfile", folder / "b", "--r2", *limits, "--threads", options.threads]
            return run_command([*words, "--out", folder / "r"])

        def pairs():
            found = open_store(store).ld(r2_min=0.5, window_bp=window_bp, threads=options.threads)
            found.write(folder / "r.parquet", force=True)

        def scores():
            found = open_store(store).ld_scores(window_bp=window_bp, threads=options.threads)
            found.write(folder / "s.parquet", force=True)

        contestants = {
            "plink1.9 --r2": pairs_theirs,
            "pairs, in process": lambda: run_call(pairs),
            "LD scores, in process": lambda: run_call(scores),
        }
        report(f"pairs of r2 >= 0.5 within {options.window_kb} kb", side_by_side(contestants, 1), "plink1.9 --r2")
        listed, ours = pd.read_csv(folder / "r.ld", sep=r"\s+"), pd.read_parquet(folder / "r.parquet")
        both = listed.merge(ours, left_on=["SNP_A", "SNP_B"], right_on=["variant_id_1", "variant_id_2"])
        gap = (both["R2"] / both["r2"] - 1).abs().max()
        print(  # noqa: T201
            f"  {len(listed):,} and {len(ours):,} pairs, {len(both):,} in both; largest relative difference {gap:.1e}"
        )


if __name__ == "__main__":
    main()
