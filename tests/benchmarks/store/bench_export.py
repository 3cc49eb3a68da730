"""A store given back as pgen, bed and BGEN, paired with plink2's own conversion of the VCF.

    python tests/benchmarks/store/bench_export.py --cohorts DIR [--names S] [--rounds 5]

All are whole processes: ours from the store, plink2 from the VCF with two threads. The files are compared as well.
"""

from __future__ import annotations

import argparse
import filecmp
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measure import Taken, run_command, side_by_side

TOOLS = Path(sys.executable).parent
OF_PLINK2 = {"pgen": ["--make-pgen"], "bed": ["--make-bed"], "bgen": ["--export", "bgen-1.2", "bits=8"]}


def main() -> None:
    """Print one line a format."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=Path, required=True)
    parser.add_argument("--names", default="S")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for name in options.names.split(","):
        with tempfile.TemporaryDirectory(dir=options.cohorts) as scratch:
            export(name, options.cohorts / f"{name}.vcf.gz", Path(scratch), options.rounds)


def export(name: str, vcf: Path, folder: Path, rounds: int) -> None:
    """Build the store once, then let both write every format."""
    store = folder / "s.vcz"
    run_command([TOOLS / "genomics-dc", "store", "build", vcf, "--output", store])
    for kind, words in OF_PLINK2.items():

        def ours(kind: str = kind) -> Taken:
            output = folder / f"ours.{kind}"
            return run_command([TOOLS / "genomics-dc", "store", "export", store, "--output", output, "--force"])

        def plink2(words: list[str] = words) -> Taken:
            return run_command(["plink2", "--vcf", vcf, *words, "--threads", 2, "--out", folder / "theirs"])

        taken = side_by_side({"ours": ours, "plink2 from the VCF": plink2}, rounds)
        same = filecmp.cmp(folder / f"ours.{kind}", folder / f"theirs.{kind}", shallow=False)
        print(f"{name} as {kind}: {'the same bytes' if same else 'other bytes'}")  # noqa: T201
        for program, summary in taken.items():
            beside = "" if program == "ours" else f"  peer / ours = {summary.wall_s / taken['ours'].wall_s:.2f}"
            print(f"    {program:20} {summary}{beside}")  # noqa: T201


if __name__ == "__main__":
    main()
