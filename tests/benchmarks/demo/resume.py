"""Kill the demo at random moments, run it again, and compare every byte with a demo that ran undisturbed.

    python tests/benchmarks/demo/resume.py --whole genomics-dc-demo --scratch resume --times 20

`--whole` is a finished demo folder made by the same software. One demo is killed again and again on its way, and copied
at each kill; then every copy is run to its end. Prints one line per kill and exits with 1 when one ends in other bytes.
What carries a date or a random key by its nature is not compared (see _NOT_COMPARED).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

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


def link_or_copy(source: str, target: str) -> None:
    """Link the genome and its index, which nothing rewrites, and copy everything else."""
    same = Path(source).parent.name == "reference" and Path(source).parents[1].name == "demo"
    (os.link if same else shutil.copy2)(source, target)


def kill_all(process: subprocess.Popen[bytes], *, children: bool) -> None:
    """Kill the demo with -9, with all its descendants or alone: then they learn of it by themselves."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in family if children else family[:1]:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait()
    psutil.wait_procs(family, timeout=120)


def main() -> None:
    """Kill one demo again and again, copying it each time; then run every copy to its end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--whole", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=12.0, help="let it run on for up to this between two kills")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    expected = digests(arguments.whole)
    moments = random.Random(arguments.seed)
    # One path for all: a run notices when its files have moved.
    folder = arguments.scratch / "demo"
    done: list[str] = []
    for number in range(arguments.times):
        if not folder.exists():
            seed_folder(arguments.whole, folder)
        process = start(folder, arguments.cores)
        moment = moments.uniform(0.5, arguments.seconds)
        try:
            process.wait(timeout=moment)
            shutil.rmtree(folder)  # it came through: begin anew
            seed_folder(arguments.whole, folder)
            process = start(folder, arguments.cores)
            time.sleep(moment)
        except subprocess.TimeoutExpired:
            pass
        kill_all(process, children=number % 2 == 0)
        shutil.copytree(folder, arguments.scratch / f"killed{number}", symlinks=True, copy_function=link_or_copy)
        done.append("all" if number % 2 == 0 else "the parent alone")
        print(f"killed {number + 1} of {arguments.times}", file=sys.stderr, flush=True)  # noqa: T201
    shutil.rmtree(folder)

    same = 0
    for number, killed in enumerate(done):
        (arguments.scratch / f"killed{number}").rename(folder)
        begun = time.monotonic()
        status = start(folder, arguments.cores).wait()
        found = digests(folder)
        wrong = sorted(path for path in expected.keys() | found.keys() if expected.get(path) != found.get(path))
        good = status == 0 and not wrong
        same += good
        seconds = time.monotonic() - begun
        verdict = "same bytes" if good else f"status {status}, {len(wrong)} differ: {', '.join(wrong[:5])}"
        print(f"{number + 1}: killed {killed}, ended after {seconds:.0f} s, {verdict}", flush=True)  # noqa: T201
        if good:
            shutil.rmtree(folder)
        else:
            folder.rename(arguments.scratch / f"differs{number}")
    print(f"{same} of {len(done)} reach the same bytes; {len(expected)} files compared")  # noqa: T201
    raise SystemExit(0 if same == len(done) else 1)


if __name__ == "__main__":
    main()
