# ruff: noqa: T201 (it prints a table)
"""Seconds that each command still compiles in a fresh process, when `genomics-dc doctor --compile` has run.

    python tests/benchmarks/scale/first_run.py [--cold]

Prints a table: seconds of compilation, of the whole command, and which kernels were compiled. `--cold` leaves the
commands without what was compiled before, in a cache of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from genomics_dc.cli.compiling import FIRST, GROUPS
from genomics_dc.cli.compiling_cohort import write_cohort

_PROGRAM = """
import json, os, shlex, sys
from numba.core import event

compiled = []
with event.install_timer("numba:compile", lambda duration: compiled.append(duration)) as timer, \\
        event.install_recorder("numba:compile") as recorder:
    from genomics_dc.cli.main import app
    code = app(shlex.split(sys.argv[1]), standalone_mode=False)
names = sorted({one.data["dispatcher"].py_func.__qualname__ for _, one in recorder.buffer})
print("\\n" + json.dumps({"compile_s": sum(compiled), "kernels": names, "code": code}))
"""


def main() -> None:
    """Measure each command line of `genomics_dc.cli.compiling`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cold", action="store_true", help="start with an empty cache")
    cold = parser.parse_args().cold
    with tempfile.TemporaryDirectory() as folder:
        write_cohort(Path(folder))
        environment = dict(os.environ, **({"NUMBA_CACHE_DIR": f"{folder}/cache"} if cold else {}))
        print(f"{'compile s':>9} {'whole s':>8}  command")
        worst = 0.0
        for line in (*FIRST, *(line for group in GROUPS for line in group)):
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", _PROGRAM, line], cwd=folder, env=environment, capture_output=True, text=True
            )
            whole_s = time.perf_counter() - start
            if done.returncode:
                raise SystemExit(f"{line}\n{done.stderr[-2000:]}")
            answer = json.loads(done.stdout.splitlines()[-1])
            worst = max(worst, answer["compile_s"])
            print(f"{answer['compile_s']:9.2f} {whole_s:8.2f}  {line}  {' '.join(answer['kernels'])}", flush=True)
        print(f"most of a command: {worst:.2f} s of compilation")


if __name__ == "__main__":
    main()
