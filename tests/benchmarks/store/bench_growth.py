"""What a store costs as it grows: append beside a build of the addition, time per genotype over a factor 16, verify.

    python tests/benchmarks/store/bench_growth.py --cohorts DIR [--rounds 3] [--plot growth.png]

Whole processes. The additions are cut from S.vcf.gz by bcftools: the last sample, the last 100 samples, the last tenth
of the variants; each is appended to a store of the rest. Time per genotype is measured on S with 1/16 to all of its
variants, and with 1/16 to all of its samples.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measure import Taken, folder_bytes, run_call, run_command, side_by_side

from genomics_dc.store import verify_store

TOOL = Path(sys.executable).with_name("genomics-dc")
SHARES = (16, 8, 4, 2, 1)


def build(vcf: Path, store: Path) -> Taken:
    """`store build`, as a whole process."""
    return run_command([TOOL, "store", "build", vcf, "--output", store, "--force"])


def cut(vcf: Path, output: Path, *, samples: list[str] | None = None, n_lines: tuple[int, int] | None = None) -> Path:
    """Write some samples, or some records (first, last; zero-based half-open), of a VCF."""
    if output.exists():
        return output
    if samples is not None:
        listed = output.with_suffix(".txt")
        listed.write_text("\n".join(samples) + "\n", encoding="utf-8")
        subprocess.run(["bcftools", "view", "-I", "-S", listed, "-Oz", "-o", output, vcf], check=True)
        return output
    assert n_lines is not None
    first, last = n_lines
    program = f"/^#/ {{ print; next }} {{ n++ }} n > {first} && n <= {last} {{ print }} n == {last} {{ exit }}"
    subprocess.run(f"zcat {vcf} | awk '{program}' | bgzip -c > {output}", shell=True, check=True)
    return output


def append_beside_build(name: str, rest: Path, addition: Path, folder: Path, rounds: int) -> None:
    """Print what it takes to append, beside what it takes to build the addition alone."""
    base = folder / f"base-{name}.vcz"
    build(rest, base)

    def grow() -> Taken:
        copy = folder / "grown.vcz"
        for old in folder.glob("*grown.vcz*"):
            shutil.rmtree(old)
        for old in folder.glob(".grown.vcz*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        shutil.copytree(base, copy)
        return run_command([TOOL, "store", "append", copy, addition])

    taken = side_by_side({"append": grow, "build": lambda: build(addition, folder / "alone.vcz")}, rounds)
    print(f"append {name}: {taken['append']}")  # noqa: T201
    print(f"  build of the addition alone: {taken['build']}")  # noqa: T201
    print(f"  append / build = {taken['append'].wall_s / taken['build'].wall_s:.2f}")  # noqa: T201


def curve(parts: dict[int, Path], genotypes: dict[int, int], folder: Path, rounds: int) -> list[tuple[int, float]]:
    """Return (genotypes, median seconds) by share."""
    taken = side_by_side({str(k): (lambda k=k: build(parts[k], folder / "g.vcz")) for k in parts}, rounds)
    return [(genotypes[k], taken[str(k)].wall_s) for k in parts]


def main() -> None:
    """Print the figures; draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    vcf = options.cohorts / "S.vcf.gz"
    listed = subprocess.run(["bcftools", "query", "-l", vcf], check=True, capture_output=True, text=True).stdout.split()
    total = int(subprocess.run(["bcftools", "index", "-n", vcf], check=True, capture_output=True, text=True).stdout)
    parts = options.cohorts / "parts"
    parts.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.cohorts) as scratch:
        folder = Path(scratch)
        for count in (1, 100):
            rest = cut(vcf, parts / f"without{count}.vcf.gz", samples=listed[:-count])
            addition = cut(vcf, parts / f"last{count}.vcf.gz", samples=listed[-count:])
            append_beside_build(f"{count} samples", rest, addition, folder, options.rounds)
        split = total - total // 10
        append_beside_build(
            "a tenth of the variants",
            cut(vcf, parts / "head.vcf.gz", n_lines=(0, split)),
            cut(vcf, parts / "tail.vcf.gz", n_lines=(split, total)),
            folder,
            options.rounds,
        )
        by_variants = curve(
            {k: cut(vcf, parts / f"v{k}.vcf.gz", n_lines=(0, total // k)) for k in SHARES},
            {k: total // k * len(listed) for k in SHARES},
            folder,
            options.rounds,
        )
        by_samples = curve(
            {k: cut(vcf, parts / f"s{k}.vcf.gz", samples=listed[: len(listed) // k]) for k in SHARES},
            {k: total * (len(listed) // k) for k in SHARES},
            folder,
            options.rounds,
        )
        for name, points in (("variants", by_variants), ("samples", by_samples)):
            (least, first), (most, last) = points[0], points[-1]
            print(f"build by {name}: " + ", ".join(f"{count:,}: {s:.3f} s" for count, s in points))  # noqa: T201
            steady = (last - first) / (most - least)
            print(  # noqa: T201
                f"  nanoseconds a genotype: {steady * 1e9:.2f} between the ends, "
                f"{last / most * 1e9:.2f} at the largest, start-up included"
            )
        store = folder / "base-1 samples.vcz"
        checked = side_by_side({"verify": lambda: run_call(lambda: verify_store(store))}, 2 * options.rounds)["verify"]
        n_bytes = folder_bytes(store)
        print(f"verify: {checked}; {n_bytes / checked.wall_s / 1e9:.2f} GB/s of stored bytes")  # noqa: T201
    if options.plot:
        draw(options.plot, by_variants, by_samples)


def draw(path: Path, by_variants: list[tuple[int, float]], by_samples: list[tuple[int, float]]) -> None:
    """Draw seconds over genotypes, both axes logarithmic, with the line of constant cost."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), constrained_layout=True)
    for name, points in (("more variants", by_variants), ("more samples", by_samples)):
        axes.loglog([count for count, _ in points], [seconds for _, seconds in points], "o-", label=name)
    count, seconds = by_variants[-1]
    axes.loglog([count / 16, count], [seconds / 16, seconds], ":", color="grey", label="same cost a genotype")
    axes.set_xlabel("genotypes")
    axes.set_ylabel("seconds, whole process")
    axes.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
