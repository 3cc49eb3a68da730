"""A machine on which things go wrong on order: commands run in forked children under a preloaded library (shim.c)."""

from __future__ import annotations

import errno
import json
import mmap
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent

READ, WRITE, SYNC, CREATE, OPEN, MOVE = 1, 2, 4, 8, 16, 32
CHANGING = WRITE | SYNC | CREATE | MOVE
FILLING = WRITE | CREATE
"""What a full disk refuses."""
COUNT, FAIL, KILL, SHORT, END = 0, 1, 2, 3, 4
_PROGRESS = re.compile(r": \d+%, \d+ s, ")
_CONTROL = struct.Struct("<QQQqIIII1024s")


class NoCompilerError(Exception):
    """The library cannot be made here."""


@dataclass(frozen=True)
class Done:
    """How a command ended: exit status (negative: the signal), and what it said."""

    status: int
    out: str
    err: str

    @property
    def said_one_sentence(self) -> bool:
        """Whether stderr is one sentence of ours, and neither silence nor a traceback; progress of slow work aside."""
        lines = [line for line in self.err.splitlines() if line.strip() and not _PROGRESS.search(line)]
        return len(lines) == 1 and lines[0].startswith("genomics-dc: ")


class Machine:
    """Runs `genomics-dc` with faults. One per test session; every fault is off unless ordered for the next command."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise NoCompilerError("injected faults need a C compiler (Debian package gcc)")
        self.folder = folder
        library = folder / "shim.so"
        made = subprocess.run(
            [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(HERE / "shim.c"), "-ldl"],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise NoCompilerError(f"injected faults need a C compiler and its headers: {made.stderr.splitlines()[-1:]}")
        control = folder / "control"
        control.write_bytes(bytes(_CONTROL.size))
        with open(control, "r+b") as handle:
            self._control = mmap.mmap(handle.fileno(), _CONTROL.size)
        environment = {**os.environ, "LD_PRELOAD": str(library), "FAULT_CONTROL": str(control)}
        self._zygote = subprocess.Popen(
            [sys.executable, str(HERE / "zygote.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=HERE.parents[2],
        )
        self._answer()
        self._n_started = 0
        self.order()

    def close(self) -> None:
        """End the process that forks the others."""
        self._zygote.stdin.close()
        self._zygote.wait(timeout=60)

    def order(
        self,
        action: int = COUNT,
        *,
        at: int = 0,
        root: Path | str = "",
        classes: int = 0,
        number: int = errno.EIO,
        sticky: bool = False,
        clock_s: float = 0.0,
    ) -> None:
        """From the next call on: count calls of `classes` on files below `root`, and act on the one numbered `at`."""
        name = os.fsencode(os.path.realpath(root) if root else "")
        self._control[:] = _CONTROL.pack(0, at, 0, int(clock_s * 1e9), action, number, sticky, classes, name)

    @property
    def n_calls(self) -> int:
        """Calls counted since the last order."""
        return _CONTROL.unpack(self._control[:])[0]

    @property
    def n_fired(self) -> int:
        """Calls that were acted on since the last order."""
        return _CONTROL.unpack(self._control[:])[2]

    def start(self, *words: object, files_max: int | None = None) -> tuple[int, Path]:
        """Start `genomics-dc WORDS`; return its process id, and the file that takes its output."""
        self._n_started += 1
        output = self.folder / f"output-{self._n_started}"
        order = {"start": [str(word) for word in words], "cwd": str(self.folder), "output": str(output)}
        return int(self._ask({**order, "files_max": files_max})["pid"]), output

    def wait(self, started: tuple[int, Path]) -> Done:
        """Wait for a started command, end what is left of its process group, and return how it ended."""
        pid, output = started
        status = int(self._ask({"wait": pid})["status"])
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        texts = []
        for path in (output, Path(f"{output}.err")):
            texts.append(path.read_text(encoding="utf-8", errors="replace") if path.exists() else "")
            path.unlink(missing_ok=True)
        return Done(status, *texts)

    def run(self, *words: object, files_max: int | None = None) -> Done:
        """Run a command to its end, and switch every fault off."""
        try:
            return self.wait(self.start(*words, files_max=files_max))
        finally:
            self._control[8:16] = bytes(8)

    def _ask(self, order: dict[str, object]) -> dict[str, object]:
        self._zygote.stdin.write(json.dumps(order) + "\n")
        self._zygote.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, object]:
        line = self._zygote.stdout.readline()
        if not line:
            raise RuntimeError(f"the forking process ended with {self._zygote.wait()}")
        return json.loads(line)
