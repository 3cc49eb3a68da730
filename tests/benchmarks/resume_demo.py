"""Kill the demo at random moments, run it again, and compare every byte with a demo that ran undisturbed.

    python tests/benchmarks/resume_demo.py --whole genomics-dc-demo --scratch /tmp/resume --times 20

`--whole` is a finished demo folder made by the same software. Prints one line per try and exits with 1 when a try ends
in other bytes. What carries a date or a random key by its nature is not compared (see _NOT_COMPARED).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

_NOT_COMPARED = (
    "logs",  # times of stages, logs of programs
    "benchmarks",
    ".snakemake",
    ".genomics-dc",
    "multiqc",  # MultiQC prints the date
    "fastp",  # and so do fastp's pages
    "index.html",  # times by stage
    "summary.json",
    "registry.db",  # encrypted with a key of its own, and a log with the time
    "registry.key",
    "audit.anchor",
    "lock",
)


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every compared file by its relative path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part in _NOT_COMPARED for part in parts):
            found["/".join(parts)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def start(folder: Path, cores: int) -> subprocess.Popen[bytes]:
    """Start the demo in a folder."""
    command = [sys.executable, "-m", "genomics_dc.cli.main", "demo", "--out", str(folder), "--cores", str(cores)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def seed_folder(whole: Path, folder: Path) -> None:
    """Give a new folder the finished reference stage: a minute of bwa index that is the same each time."""
    (folder / ".stages").mkdir(parents=True)
    shutil.copytree(whole / "reference", folder / "reference", copy_function=os.link)
    shutil.copy2(whole / ".stages" / "reference.json", folder / ".stages")


def main() -> None:
    """Run the tries."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--whole", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=180.0, help="kill at a random moment up to this")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    expected = digests(arguments.whole)
    moments = random.Random(arguments.seed)
    same = 0
    for number in range(1, arguments.times + 1):
        folder = arguments.scratch / f"try{number:02d}"
        seed_folder(arguments.whole, folder)
        moment = moments.uniform(0.5, arguments.seconds)
        process = start(folder, arguments.cores)
        try:
            process.wait(timeout=moment)
            how = "it had ended"
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            how = f"killed after {moment:.1f} s"
        begun = time.monotonic()
        status = start(folder, arguments.cores).wait()
        found = digests(folder)
        wrong = sorted(path for path in expected.keys() | found.keys() if expected.get(path) != found.get(path))
        good = status == 0 and not wrong
        same += good
        seconds = time.monotonic() - begun
        verdict = "same bytes" if good else f"status {status}, {len(wrong)} differ: {', '.join(wrong[:5])}"
        print(f"{number}/{arguments.times}: {how}, ended after {seconds:.0f} s more, {verdict}", flush=True)  # noqa: T201
        if good:
            shutil.rmtree(folder)
    print(f"{same} of {arguments.times} reach the same bytes; {len(expected)} files compared")  # noqa: T201
    raise SystemExit(0 if same == arguments.times else 1)


if __name__ == "__main__":
    main()
