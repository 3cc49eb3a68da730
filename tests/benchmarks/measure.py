"""Time commands side by side: each round runs every one of them once, so that the machine's moods fall on all alike.

A ratio is "seconds of the peer / seconds of ours", of the medians: above 1, ours is faster.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Taken:
    """What one run took: wall-clock and processor seconds, and the most memory that it held (bytes, with children)."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


@dataclass(frozen=True)
class Summary:
    """All rounds of one contestant."""

    runs: tuple[Taken, ...]

    @property
    def wall_s(self) -> float:
        """Median of the wall-clock seconds."""
        return statistics.median(run.wall_s for run in self.runs)

    @property
    def peak_mib(self) -> float:
        """Most memory held in any round."""
        return max(run.peak_bytes for run in self.runs) / 2**20

    def __str__(self) -> str:
        walls = sorted(run.wall_s for run in self.runs)
        cpu = statistics.median(run.cpu_s for run in self.runs)
        spread = f"{walls[0]:.3f} to {walls[-1]:.3f}"
        return f"{self.wall_s:.3f} s ({spread}; {cpu:.2f} s of processor; {self.peak_mib:.0f} MiB)"


def run_command(words: Sequence[object], *, stdout: Path | None = None) -> Taken:
    """Run a program, its talk thrown away or written to `stdout`; its failure is ours.

    A small process of its own starts and waits for it: a program begins with the memory peak of what started it.
    """
    command = [sys.executable, "-S", "-E", __file__, str(stdout or os.devnull), *map(str, words)]
    # as a user has it: Python keeps what it has compiled
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))} failed: {done.stderr[-2000:]}")
    return Taken(*json.loads(done.stdout))


def _run_and_print(stdout: str, words: Sequence[str]) -> int:
    """Run a program and print what it took as a JSON list; return its exit status."""
    with open(stdout, "wb") as sink:
        start = time.perf_counter()
        process = subprocess.Popen(words, stdout=sink, stderr=subprocess.PIPE)
        assert process.stderr is not None
        talk = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    sys.stderr.write(talk.decode(errors="replace"))
    sys.stdout.write(json.dumps([wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024]))
    return process.returncode


def run_call(call: Callable[[], object]) -> Taken:
    """Run a function in this process; its memory is not told apart from the process's."""
    start, cpu = time.perf_counter(), time.process_time()
    call()
    return Taken(time.perf_counter() - start, time.process_time() - cpu, 0)


def side_by_side(contestants: Mapping[str, Callable[[], Taken]], rounds: int) -> dict[str, Summary]:
    """Run every contestant once a round, in turn; return what each took."""
    taken: dict[str, list[Taken]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            taken[name].append(run())
    return {name: Summary(tuple(runs)) for name, runs in taken.items()}


def folder_bytes(folder: Path) -> int:
    """Bytes of all files under a folder, or of one file."""
    if folder.is_file():
        return folder.stat().st_size
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    sys.exit(_run_and_print(sys.argv[1], sys.argv[2:]))
