"""The workflow's own cost: `genomics-dc run` beside a shell script with the same commands on the same reads.

    python tests/benchmarks/workflow/own_cost.py [--folder DIR] [--rounds 1] [--cores 2]

Six people of the 1000 Genomes Project at 28x over 1.2 Mb of chromosome 20, simulated once; then, in turn, `by_hand.sh`
and `genomics-dc run --until store`. Each round prints both times, the ratio, and whether sites and genotypes agree.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

CHROMOSOME = Path("/usr/share/doc/vt/examples/ref/20.fa.gz")
PANEL = Path("/usr/share/doc/shapeit4/examples/test/reference.vcf.gz")
PEOPLE = ("HG00096", "HG00097", "HG00099", "HG00100", "HG00101", "HG00102")
START, END = 1_000_001, 2_200_000
REGION = f"20:{START}-{END}"
DEPTH_PER_HAPLOTYPE = 14

CONFIG = f"""\
assembly: GRCh37
reference:
  fasta: 20.fa
samples: samples.tsv
output: OUTPUT
regions: ["{REGION}"]
calling:
  scatter_window_bp: {(END - START + 1) // 2}
"""


def simulate(folder: Path) -> None:
    """Write the reference, the reads and the sample sheet; a folder that has them is left alone."""
    if (folder / "samples.tsv").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"gzip -dcq {CHROMOSOME} > 20.fa || test $? -eq 2",
        "samtools faidx 20.fa",
        f"samtools faidx 20.fa {REGION} > window.fa",
        f"cp {PANEL} panel.vcf.gz && bcftools index -f panel.vcf.gz",
    ]
    for number, person in enumerate(PEOPLE, 1):
        for haplotype in (1, 2):
            stem = f"{person}.{haplotype}"
            lines += [
                f"bcftools consensus -s {person} -H {haplotype} -f window.fa panel.vcf.gz 2>/dev/null "
                f"| sed 's/^>.*/>20/' > {stem}.fa",
                f"dwgsim -z {10 * number + haplotype} -C {DEPTH_PER_HAPLOTYPE} -1 150 -2 150 -e 0.001-0.01 "
                f"-E 0.001-0.01 -r 0 -y 0 -H -o 1 -P {stem} {stem}.fa {stem} > /dev/null 2>&1",
            ]
        lines += [f"cat {person}.?.bwa.read{mate}.fastq.gz > {person}_R{mate}.fastq.gz" for mate in (1, 2)]
        lines.append(f"rm {person}.?.*")
    subprocess.run(["bash", "-euc", "\n".join(lines)], cwd=folder, check=True)
    header = "sample\tlibrary\tlane\tfastq_1\tfastq_2\tsex\tfather\tmother\n"
    rows = "".join(f"{person}\twgs\t1\t{person}_R1.fastq.gz\t{person}_R2.fastq.gz\t.\t.\t.\n" for person in PEOPLE)
    (folder / "samples.tsv").write_text(header + rows)


def seconds(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Run a command to its end; return the wall time in seconds."""
    started = time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, check=True)
    return time.monotonic() - started


def main() -> None:
    """Simulate, run both in turn, print times and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("genomics-dc-runs/own-cost"))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    folder = options.folder.resolve()
    simulate(folder)
    programs = Path(sys.executable).parent
    environment = dict(
        os.environ,
        PATH=f"{programs}:{os.environ['PATH']}",
        PEOPLE=" ".join(PEOPLE),
        START=str(START),
        END=str(END),
        CORES=str(options.cores),
    )
    script = str(Path(__file__).with_name("by_hand.sh"))
    for number in range(options.rounds):
        hand, run = folder / f"hand-{number}", folder / f"run-{number}"
        for made in (hand, run):
            shutil.rmtree(made, ignore_errors=True)
        hand.mkdir()
        config = folder / f"run-{number}.yaml"
        config.write_text(CONFIG.replace("OUTPUT", run.name))
        by_hand_s = seconds(["bash", script], hand, environment)
        command = ["genomics-dc", "run", str(config), "--cores", str(options.cores), "--until", "store"]
        by_run_s = seconds(command, folder, environment)
        figures = {
            "by_hand_s": round(by_hand_s, 1),
            "run_s": round(by_run_s, 1),
            "ratio": round(by_run_s / by_hand_s, 3),
            "same_sites_and_genotypes": records(hand / "joint.vcf.gz") == records(run / "calls" / "joint.vcf.gz"),
        }
        print(json.dumps(figures))  # noqa: T201  a benchmark prints


def records(vcf: Path) -> bytes:
    """Return every site and genotype as text."""
    command = ["bcftools", "query", "-f", "%CHROM\\t%POS\\t%REF\\t%ALT[\\t%GT]\\n", str(vcf)]
    return subprocess.run(command, capture_output=True, check=True).stdout


if __name__ == "__main__":
    main()
