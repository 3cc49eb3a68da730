"""Questions to a store in a running Python, paired with bcftools on an indexed BCF and vcztools on the same store.

    python tests/benchmarks/store/bench_query.py --cohorts DIR [--names S,L] [--rounds 5]

bcftools and vcztools are whole processes (vcztools' start-up of about half a second is printed apart and may be
subtracted); ours is a call in this Python, store opened anew each time, text written to /dev/null or a file.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measure import Taken, folder_bytes, run_call, run_command, side_by_side

from genomics_dc.store import StoreView, export_vcf, query

TOOLS = Path(sys.executable).parent


def regions(view: StoreView) -> dict[str, str]:
    """A region of 1 kb and one of 100 kb around the middle variant."""
    sites = view.sites()
    middle = len(sites) // 2
    contig, position = str(sites.contig[middle]), int(sites.position[middle])
    return {f"{bp:,} bp": f"{contig}:{position}-{position + bp - 1}" for bp in (1_000, 100_000)}


def main() -> None:
    """Print one line a question."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=Path, required=True)
    parser.add_argument("--names", default="S,L")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for name in options.names.split(","):
        vcf = options.cohorts / f"{name}.vcf.gz"
        with tempfile.TemporaryDirectory(dir=options.cohorts) as scratch:
            ask(name, vcf, Path(scratch), options.rounds)


def ask(name: str, vcf: Path, folder: Path, rounds: int) -> None:
    """Build the store and the BCF, then ask both."""
    store, bcf, out = folder / "s.vcz", folder / "s.bcf", folder / "out.vcf"
    run_command([TOOLS / "genomics-dc", "store", "build", vcf, "--output", store])
    run_command(["bcftools", "view", "--threads", 2, "-Ob", "-o", bcf, vcf])
    run_command(["bcftools", "index", bcf])
    print(f"\n{name}: store {folder_bytes(store):,} bytes, BCF {bcf.stat().st_size:,} bytes")  # noqa: T201
    opened = side_by_side({"open": lambda: run_call(lambda: StoreView.open(store))}, 2 * rounds)["open"]
    print(f"  open: {opened}")  # noqa: T201
    nothing = side_by_side({"vcztools": lambda: run_command([TOOLS / "vcztools", "--version"])}, rounds)["vcztools"]
    print(f"  vcztools --version: {nothing}")  # noqa: T201
    for label, region in regions(StoreView.open(store)).items():

        def ours(region: str = region) -> Taken:
            return run_call(lambda: export_vcf(StoreView.open(store).region(region), out, force=True))

        def bcftools(region: str = region) -> Taken:
            return run_command(["bcftools", "view", "-r", region, bcf], stdout=out)

        def vcztools(region: str = region) -> Taken:
            return run_command([TOOLS / "vcztools", "view", "-r", region, store], stdout=out)

        tell(f"region of {label} as VCF text", {"ours": ours, "bcftools": bcftools, "vcztools": vcztools}, rounds)
    view = StoreView.open(store)
    ids = [str(view.sample_ids[k]) for k in range(0, view.n_samples, max(1, view.n_samples // 10))][:10]
    line = "%CHROM\t%POS[\t%GT]\n"

    def ten() -> Taken:
        def call() -> None:
            with open(out, "w", encoding="utf-8") as sink:
                query(store, sink, query_format=line, samples=ids)

        return run_call(call)

    asked = {
        "ours": ten,
        "bcftools": lambda: run_command(["bcftools", "query", "-s", ",".join(ids), "-f", line, bcf], stdout=out),
        "vcztools": lambda: run_command(
            [
                TOOLS / "vcztools",
                "query",
                "-s",
                ",".join(ids),
                "-f",
                line.replace("\t", "\\t").replace("\n", "\\n"),
                store,
            ],
            stdout=out,
        ),
    }
    tell("10 samples over all variants", asked, rounds)
    whole = {
        "ours": lambda: run_call(lambda: export_vcf(StoreView.open(store), out, force=True)),
        "bcftools": lambda: run_command(["bcftools", "view", bcf], stdout=out),
    }
    if name != "L":
        whole["vcztools"] = lambda: run_command([TOOLS / "vcztools", "view", store], stdout=out)
    tell("the whole file as VCF text", whole, max(1, rounds // 2))
    read_packed(store, rounds)


def read_packed(store: Path, rounds: int) -> None:
    """Read every packed genotype, beside reading the same stored bytes and copying the same unpacked bytes."""
    view = StoreView.open(store)
    n_bytes = sum(block.packed.nbytes for block in view.blocks("packed"))

    def packed() -> None:
        for block in StoreView.open(store).blocks("packed"):
            block.packed[:1, :1].sum()

    buffer = bytearray(os.urandom(1 << 20) * (n_bytes // (1 << 20) + 1))

    def copy() -> None:
        bytes(buffer)

    taken = side_by_side({"packed": lambda: run_call(packed), "copy": lambda: run_call(copy)}, rounds)
    print(  # noqa: T201
        f"  packed genotypes, {n_bytes:,} bytes: {taken['packed']}; {n_bytes / taken['packed'].wall_s / 1e9:.2f} GB/s; "
        f"a copy in memory {n_bytes / taken['copy'].wall_s / 1e9:.2f} GB/s"
    )


def tell(question: str, contestants: dict[str, object], rounds: int) -> None:
    """Ask, and print times and ratios."""
    taken = side_by_side(contestants, rounds)  # type: ignore[arg-type]
    ours = taken["ours"].wall_s
    print(f"  {question}")  # noqa: T201
    for program, summary in taken.items():
        beside = "" if program == "ours" else f"  peer / ours = {summary.wall_s / ours:.2f}"
        print(f"    {program:10} {summary}{beside}")  # noqa: T201


if __name__ == "__main__":
    main()
