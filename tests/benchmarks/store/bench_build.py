"""Build a store, paired with the peers on the same VCF in every round: prints ratios, asserts nothing about time.

    python tests/benchmarks/store/bench_build.py --cohorts DIR [--names S,F,L] [--rounds 3] [--threads 2]

DIR holds NAME.vcf.gz for each name. S: 2,504 people x 100,000 variants, GT only. F: 500 x 50,000 with GT:AD:DP:GQ:PL,
made from S by read_fields.py. L: 50,000 x 20,000, GT only. Peers: `plink2 --make-pgen` (GT only), `bcftools view -Ob`,
`vcf2zarr` (explode and encode with as many workers). All are whole processes. vcf2zarr runs `--slow-rounds` times only.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measure import Summary, Taken, folder_bytes, run_command, side_by_side

TOOLS = Path(sys.executable).parent


def contestants(vcf: Path, folder: Path, threads: int) -> dict[str, Callable[[], Taken]]:
    """Every fast program, as a call that runs it.

    Each of our runs writes to a new place: for five seconds ext4 gives no inode of a deleted file away, and looks at
    each of them for every file that is made, 0.5 s a run here.
    """
    numbers = count()

    def ours() -> Taken:
        words = [TOOLS / "genomics-dc", "store", "build", vcf, "--output", folder / f"ours-{next(numbers)}.vcz"]
        return run_command([*words, "--workers", threads])

    def plink2() -> Taken:
        return run_command(["plink2", "--vcf", vcf, "--make-pgen", "--threads", threads, "--out", folder / "plink"])

    def bcftools() -> Taken:
        return run_command(["bcftools", "view", "--threads", threads, "-Ob", "-o", folder / "b.bcf", vcf])

    return {"genomics-dc": ours, "plink2": plink2, "bcftools": bcftools}


def vcf2zarr(vcf: Path, folder: Path, threads: int) -> Taken:
    """bio2zarr's two steps as one."""
    for name in ("x.icf", "x.vcz"):
        shutil.rmtree(folder / name, ignore_errors=True)
    first = run_command([TOOLS / "vcf2zarr", "explode", "-Q", "-f", "-p", threads, vcf, folder / "x.icf"])
    second = run_command([TOOLS / "vcf2zarr", "encode", "-Q", "-f", "-p", threads, folder / "x.icf", folder / "x.vcz"])
    return Taken(first.wall_s + second.wall_s, first.cpu_s + second.cpu_s, max(first.peak_bytes, second.peak_bytes))


def main() -> None:
    """Print one table a cohort."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=Path, required=True)
    parser.add_argument("--names", default="S,F,L")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slow-rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    for name in options.names.split(","):
        vcf = options.cohorts / f"{name}.vcf.gz"
        with tempfile.TemporaryDirectory(dir=options.cohorts) as scratch:
            folder = Path(scratch)
            run_command([TOOLS / "genomics-dc", "store", "plan", vcf])  # code is compiled once, not in the first round
            taken = side_by_side(contestants(vcf, folder, options.threads), options.rounds)
            taken |= side_by_side({"vcf2zarr": lambda: vcf2zarr(vcf, folder, options.threads)}, options.slow_rounds)  # noqa: B023
            print(f"\n{name}: {vcf.stat().st_size:,} bytes of VCF, {options.threads} threads")  # noqa: T201
            for program, summary in taken.items():
                print(f"  {program:12} {summary}  {ratio(summary, taken['genomics-dc'])}")  # noqa: T201
            derived = folder_bytes(folder / "ours-0.vcz" / "derived")
            primary = folder_bytes(folder / "ours-0.vcz") - derived
            theirs = folder_bytes(folder / "x.vcz")
            print(  # noqa: T201
                f"  bytes: ours {primary:,} and derived {derived:,}; vcf2zarr {theirs:,} (ours / theirs "
                f"{primary / theirs:.2f}); pgen {folder_bytes(folder / 'plink.pgen'):,}; "
                f"BCF {folder_bytes(folder / 'b.bcf'):,}"
            )


def ratio(peer: Summary, ours: Summary) -> str:
    """How many times faster ours is."""
    return "" if peer is ours else f"peer / ours = {peer.wall_s / ours.wall_s:.2f}"


if __name__ == "__main__":
    main()
