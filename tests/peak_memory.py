"""The most memory that a program held, asked of the kernel in the program itself.

`ru_maxrss` is not asked: a child begins with the peak of the process that forked it, so that a test would measure the
tests before it. `VmHWM` belongs to the program's own memory alone.
"""

from __future__ import annotations

import subprocess
import sys

_SAY_PEAK = """
with open("/proc/self/status") as _status:
    print(next(int(_line.split()[1]) for _line in _status if _line.startswith("VmHWM:")) * 1024)
"""


def run_and_measure(code: str, *arguments: object) -> tuple[str, int]:
    """Run Python code in a process of its own; return what it printed, and the most bytes that it held."""
    done = subprocess.run(
        [sys.executable, "-c", code + _SAY_PEAK, *map(str, arguments)], capture_output=True, check=True, text=True
    )
    printed, _, peak = done.stdout.rstrip("\n").rpartition("\n")
    return printed, int(peak)
