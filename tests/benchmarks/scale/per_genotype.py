"""What a genotype costs at each step, measured on one cohort, and what that makes of a million people.

    python tests/benchmarks/scale/per_genotype.py COHORT.vcf.gz COHORT.pheno COHORT.covar [--threads 2]

Prints two tables in Markdown for docs/scale.md: processor seconds (user and system, all threads) of each step on this
machine, and the same figures times 10^6 samples x 10^8 variants. Kernels should be compiled before: `genomics-dc doctor
--compile`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from genomics_dc.analyses.view import open_store

SAMPLES, VARIANTS = 10**6, 10**8
PRUNED = 200_000  # variants that components and kinship are taken of, whatever the cohort
TRAITS = 100
HOURS = 3600.0

_CALL = """
import json, resource, sys, time
from genomics_dc.analyses.view import open_store
view = open_store({store!r})
{call}
start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
{call}
wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps(dict(wall=wall, cpu=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
                      peak=after.ru_maxrss * 1024, more={more})))
"""


@dataclass(frozen=True)
class Step:
    """One step: processor and wall seconds, memory (bytes), and how many units of its work it did."""

    name: str
    cpu_s: float
    wall_s: float
    peak_bytes: int
    units: float
    unit: str
    units_at_scale: float

    @property
    def core_hours(self) -> float:
        """Processor hours at scale, in proportion to the units."""
        return self.cpu_s / self.units * self.units_at_scale / HOURS


def measured(store: Path, call: str, *, more: str = "None") -> dict[str, float]:
    """Run a call twice in a fresh Python and give the second: nothing is compiled, and the store is in memory."""
    code = _CALL.format(store=str(store), call=call, more=more)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def build(vcf: Path, store: Path, threads: int) -> dict[str, float]:
    """Build the store by the command, as its memory is the process's own."""
    words = [sys.executable, "-m", "genomics_dc.cli.main", "store", "build", vcf, "--output", store]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([*map(str, words), "--threads", str(threads)], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu": cpu, "wall": time.perf_counter() - start, "peak": after.ru_maxrss * 1024}


def steps_of(
    vcf: Path, phenotypes: Path, covariates: Path, store: Path, threads: int
) -> tuple[list[Step], dict[str, float]]:
    """Measure every step, and reckon the bytes of results at scale."""
    taken = build(vcf, store, threads)
    view = open_store(store)
    genotypes = view.n_samples * view.n_variants
    whole = SAMPLES * VARIANTS
    print(f"built in {taken['wall']:.0f} s", file=sys.stderr)  # noqa: T201
    found = [Step("build the store", taken["cpu"], taken["wall"], int(taken["peak"]), genotypes, "genotype", whole)]

    def add(name: str, call: str, units: float, unit: str, at_scale: float, **options: str) -> dict[str, float]:
        one = measured(store, call, **options)
        found.append(Step(name, one["cpu"], one["wall"], int(one["peak"]), units, unit, at_scale))
        print(f"{name}: {one['cpu']:.2f} s of processor", file=sys.stderr, flush=True)  # noqa: T201
        return one

    add("verify", "from genomics_dc.store import verify_store; verify_store(view.path)", genotypes, "genotype", whole)
    rows = "{}.to_arrow().nbytes / view.n_variants"
    quality = f"found = view.qc(threads={threads})"
    sizes = {"quality": add("quality", quality, genotypes, "genotype", whole, more=rows.format("found.variants"))}
    table = f"{str(phenotypes)!r}, covariates={str(covariates)!r}, threads={threads}"
    for n in (1, TRAITS):
        traits = [f"y{number}" for number in range(1, n + 1)]
        call = f"found = view.associate({table}, traits={traits!r})"
        name = f"linear, {n} trait{'s' * (n > 1)}"
        sizes[name] = add(name, call, genotypes, "genotype", whole, more=rows.format("found"))
    add("logistic, 1 trait", f"view.associate({table}, traits=['cc'], model='logistic')", genotypes, "genotype", whole)
    prune = f"view.ld_prune(r2=0.2, window_bp=200_000, threads={threads})"
    add("prune for linkage", prune, genotypes, "genotype", whole)
    passes = "components.provenance.parameters['passes']"
    pca = f"components = view.pca(k=10, threads={threads})"
    one = add("10 components", pca, genotypes, "genotype and pass", SAMPLES * PRUNED, more=passes)
    n_passes = float(one["more"])
    found[-1] = Step(
        "10 components", one["cpu"], one["wall"], int(one["peak"]), genotypes * n_passes, "genotype and pass",
        SAMPLES * PRUNED * n_passes,
    )  # fmt: skip
    pairs = math.comb(view.n_samples, 2) * view.n_variants
    king = f"view.kinship(kinship_min=0.0442, threads={threads})"
    add("kinship, related pairs", king, pairs, "pair and variant", math.comb(SAMPLES, 2) * PRUNED)
    return found, {name: one["more"] * VARIANTS for name, one in sizes.items()}


def main() -> None:
    """Measure, and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vcf", type=Path)
    parser.add_argument("phenotypes", type=Path)
    parser.add_argument("covariates", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "cohort.vcz"
        steps, sizes = steps_of(asked.vcf, asked.phenotypes, asked.covariates, store, asked.threads)
        view = open_store(store)
        print_tables(steps, sizes, store, view.n_samples, view.n_variants, asked.threads)


def print_tables(
    steps: list[Step], sizes: dict[str, float], store: Path, n_samples: int, n_variants: int, threads: int
) -> None:
    """Print what was measured, and what it makes at scale."""
    stored = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    a_genotype = stored / (n_samples * n_variants)
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "unknown")
    say = print  # a script's result
    say(f"Measured {time.strftime('%Y-%m-%d')} on {len(os.sched_getaffinity(0))} processors ({model}, ", end="")
    say(
        f"{platform.system()} {platform.machine()}), {threads} threads; "
        f"{n_samples:,} samples x {n_variants:,} variants."
    )
    say(f"Store: {stored / 2**20:,.1f} MiB, {a_genotype:.4f} bytes a genotype.\n")
    say("| step | processor s | wall s | memory, MiB | a unit, ns | unit |")
    say("|---|---|---|---|---|---|")
    for step in steps:
        cost = 1e9 * step.cpu_s / step.units
        figures = f"{step.cpu_s:.2f} | {step.wall_s:.2f} | {step.peak_bytes / 2**20:,.0f} | {cost:.3g}"
        say(f"| {step.name} | {figures} | {step.unit} |")
    packed = SAMPLES * VARIANTS / 4
    say(
        f"\n{SAMPLES:,} samples x {VARIANTS:,} variants: store {a_genotype * SAMPLES * VARIANTS / 1e12:,.1f} TB ",
        end="",
    )
    say(f"(two bits a genotype, uncompressed: {packed / 1e12:,.0f} TB).\n")
    rows = records_in_chunk(store.parent)
    chunk = rows * SAMPLES
    say("| step | core hours | hours on 1,000 cores |")
    say("|---|---|---|")
    for step in steps:
        say(f"| {step.name} | {step.core_hours:,.0f} | {step.core_hours / 1000:,.1f} |")
    say(
        f"\nA chunk holds {rows:,} records: {chunk / 4 / 2**20:,.0f} MiB packed, {chunk / 2**20:,.0f} MiB as dosages, ",
        end="",
    )
    say(f"{2 * chunk / 2**20:,.0f} MiB as genotypes.")
    say("Results in memory: " + "; ".join(f"{name}, {size / 1e9:,.0f} GB" for name, size in sizes.items()) + ".")


def records_in_chunk(folder: Path) -> int:
    """Return how many records a chunk of a store of 10^6 samples holds, as the plan for such a VCF says."""
    from genomics_dc.store.planning import plan_store

    vcf = folder / "wide.vcf"
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    with open(vcf, "w") as handle:
        handle.write("##fileformat=VCFv4.3\n##contig=<ID=1>\n")
        handle.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
        handle.write("\t".join([*columns, *(f"S{number}" for number in range(SAMPLES))]) + "\n")
        for row in range(2):
            handle.write(f"1\t{row + 1}\t.\tA\tC\t.\tPASS\t.\tGT" + "\t0/0" * SAMPLES + "\n")
    return plan_store([vcf], memory_bytes=8 << 30).plan.variants_per_chunk


if __name__ == "__main__":
    main()
