"""The conformance corpora as `genomics-dc validate` and `bcftools view` judge them: a confusion table in Markdown.

    python tests/benchmarks/store/validator_corpus.py [--data ../shared/data] [--large VCF ...] [--output TABLE.md]

A file of a "failed" folder should be refused, one of a "passed" folder accepted. Ours judges in process, bcftools as a
process of its own; a file that bcftools reads with warnings counts as accepted. `--large` adds the speed on big files.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from genomics_dc.store.validate import validate_vcf

FOLDERS = tuple(f"conformance_vcf/{name}" for name in ("v4.2_passed", "v4.2_failed", "v4.3_passed", "v4.3_failed"))
UNJUDGED = (
    "conformance_htslib/htslib_vcf",
    "conformance_bad_vcf/hail_bad_vcf",
    "conformance_bcftools/norm_view_query_stats",
)


def ours_accepts(path: Path) -> bool:
    """Whether the validator finds no error."""
    return validate_vcf(path).is_valid


def bcftools_accepts(path: Path) -> bool:
    """Whether bcftools reads the file to its end."""
    done = subprocess.run(["bcftools", "view", "-o", "/dev/null", path], capture_output=True, check=False)
    return done.returncode == 0


def judged(paths: list[Path], accepts: Callable[[Path], bool]) -> tuple[int, float]:
    """Return how many files are accepted, and the longest time that one took (seconds)."""
    n_accepted, longest_s = 0, 0.0
    for path in paths:
        start = time.perf_counter()
        n_accepted += accepts(path)
        longest_s = max(longest_s, time.perf_counter() - start)
    return n_accepted, longest_s


def corpus_table(data: Path) -> Iterator[str]:
    """Yield the lines of the table."""
    ours_and_theirs = "genomics-dc: accepted / refused | right | bcftools: accepted / refused | right"
    yield f"| corpus | files | should be | {ours_and_theirs} | longest, ours |"
    yield "|---|---|---|---|---|---|---|---|"
    for name in (*FOLDERS, *UNJUDGED):
        paths = [p for p in sorted((data / name).iterdir()) if p.name.endswith((".vcf", ".vcf.gz", ".bcf"))]
        should = "accepted" if "passed" in name else "refused" if "failed" in name else "not said"
        ours, longest_s = judged(paths, ours_accepts)
        theirs, _ = judged(paths, bcftools_accepts)
        cells = [name, str(len(paths)), should]
        for accepted in (ours, theirs):
            refused = len(paths) - accepted
            right = accepted if should == "accepted" else refused
            cells += [f"{accepted} / {refused}", "" if should == "not said" else f"{right / len(paths):.1%}"]
        yield f"| {' | '.join([*cells, f'{longest_s * 1000:.0f} ms'])} |"


def speed_table(paths: list[Path]) -> Iterator[str]:
    """Yield processor time and text per second of each file."""
    yield "| file | text | processor time | text per second | errors | warnings |"
    yield "|---|---|---|---|---|---|"
    for path in paths:
        start = time.process_time()
        found = validate_vcf(path)
        seconds = time.process_time() - start
        megabytes = n_text_bytes(path) / 1e6
        yield (
            f"| {path.name} | {megabytes:,.0f} MB | {seconds:.1f} s | {megabytes / seconds:.0f} MB/s "
            f"| {found.n_errors:,} | {found.n_warnings:,} |"
        )


def n_text_bytes(path: Path) -> int:
    """Return how long the text is."""
    n_bytes, waiting = 0, b""
    with open(path, "rb") as handle:
        while waiting or (waiting := handle.read(1 << 20)):
            inflate = zlib.decompressobj(31)
            while not inflate.eof and (waiting or (waiting := handle.read(1 << 20))):
                n_bytes += len(inflate.decompress(waiting))
                waiting = b""
            waiting = inflate.unused_data
    return n_bytes


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[4] / "shared" / "data")
    parser.add_argument("--large", type=Path, nargs="*", default=[])
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    lines = list(corpus_table(given.data))
    if given.large:
        lines += ["", *speed_table(given.large)]
    table = "\n".join(lines) + "\n"
    sys.stdout.write(table)
    if given.output:
        given.output.write_text(table, "utf-8")


if __name__ == "__main__":
    main()
