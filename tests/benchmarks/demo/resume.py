"""Kill the demo with -9 at random moments, run it again, and hold every file against an undisturbed run.

    python -m tests.benchmarks.demo.resume [--folder DIR] [--kills 20] [--seed 1]

An undisturbed run gives the bytes to reach. A second one is killed, with all its children, again and again at random
moments until it is through; at each kill its folder is copied. Each copy is then run to its end under the same path.
Files that carry a time (the summary, logs, benchmarks, Snakemake's own notes, MultiQC's page) are not compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil

DATED_NAMES = {"index.html", "summary.json"}
DATED_FOLDERS = {"logs", "benchmarks", "multiqc", ".snakemake", ".genomics-dc", ".work"}


def tree(folder: Path) -> dict[str, str]:
    """Return relative path to SHA-256 of every file that carries no time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if not path.is_file() or DATED_FOLDERS & set(relative.parts) or relative.name in DATED_NAMES:
            continue
        found[str(relative)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def start(out: Path) -> subprocess.Popen[bytes]:
    """Start the demo."""
    command = [str(Path(sys.executable).parent / "genomics-dc"), "demo", "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all its descendants with -9, parents first."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in family:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()
    psutil.wait_procs(family, timeout=10)


def main() -> None:
    """Run, kill, run again, compare; print one JSON line a kill and a last one for all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("genomics-dc-runs/resume"))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = options.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    out = folder / "demo"
    moments = random.Random(options.seed)

    started = time.monotonic()
    assert start(out).wait() == 0, "the undisturbed run failed"
    whole_s = time.monotonic() - started
    wanted = tree(out)
    shutil.rmtree(out)

    for number in range(options.kills):
        process = start(out)
        pause_s = moments.uniform(0, 2 * whole_s / options.kills) + 1
        try:
            process.wait(timeout=pause_s)
            shutil.rmtree(out)  # it came through: begin anew
            process = start(out)
            time.sleep(pause_s)
        except subprocess.TimeoutExpired:
            pass
        kill_all(process)
        shutil.copytree(out, folder / f"killed-{number}", symlinks=True) if out.exists() else None
        if not out.exists():
            (folder / f"killed-{number}").mkdir()
    shutil.rmtree(out, ignore_errors=True)

    same = 0
    for number in range(options.kills):
        (folder / f"killed-{number}").rename(out)
        status = start(out).wait()
        reached = tree(out)
        different = sorted(name for name in wanted.keys() | reached.keys() if wanted.get(name) != reached.get(name))
        same += status == 0 and not different
        print(json.dumps({"kill": number, "exit": status, "different": different[:10]}), flush=True)  # noqa: T201
        shutil.rmtree(out)
    print(json.dumps({"whole_run_s": round(whole_s, 1), "files": len(wanted), "same": same, "of": options.kills}))  # noqa: T201


if __name__ == "__main__":
    main()
