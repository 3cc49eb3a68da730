"""`genomics-dc run`: check everything first, start Snakemake, follow it, and say plainly what went wrong."""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from genomics_dc import tools
from genomics_dc.calls.reads import first_look
from genomics_dc.calls.windows import run_windows
from genomics_dc.config import ProblemsError, RunConfig, load_run_config
from genomics_dc.errors import MissingExtraError, ToolError, UsageError
from genomics_dc.files import explain_os_errors

STAGES = ("reads", "calls", "store", "analyses", "reports")
PROFILES = ("local", "slurm")
WORKFLOW_FOLDER = Path(__file__).resolve().parent.parent / "workflows"
_LOCK_WAIT_S = 15.0
_PR_SET_PDEATHSIG = 1
_LAST_LINES = 12


@dataclass(frozen=True)
class Progress:
    """Where a run stands: steps done of all, what runs now, seconds so far."""

    done: int
    total: int
    running: tuple[str, ...]
    elapsed_s: float


@dataclass(frozen=True)
class RunSummary:
    """What a run did. `planned` counts the jobs by rule; `blocked` are the reports that identity findings stopped."""

    output: Path
    steps_done: int
    steps_total: int
    elapsed_s: float
    planned: dict[str, int]
    blocked: tuple[str, ...]


@dataclass
class _Follower:
    """Reads Snakemake's lines and keeps what is running, done and failed."""

    done: int = 0
    total: int = 0
    planned: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    running: dict[str, str] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))
    _block: str = ""
    _rule: str = ""
    _jobid: str = ""

    def feed(self, line: str) -> bool:
        """Take one line; return whether there is something new to show."""
        text = line.rstrip("\n")
        if text.strip():
            self.last_lines.append(text)
        if found := re.match(r"(?:local)?(?:rule|checkpoint) (\w+):$", text):
            self._block, self._rule, self._jobid = "start", found[1], ""
        elif found := re.match(r"Error in rule (\w+):$", text):
            self._block, self._rule, self._jobid = "error", found[1], ""
        elif text.startswith("Job stats:"):
            self._block = "stats"
        elif found := re.match(r"Finished jobid: (\d+)", text):
            self.running.pop(found[1], None)
        elif found := re.match(r"(\d+) of (\d+) steps", text):
            self.done, self.total = int(found[1]), int(found[2])
            return True
        elif self._block == "stats":
            if found := re.match(r"(\w+)\s+(\d+)$", text):
                if found[1] == "total":
                    self.total, self._block = int(found[2]), ""
                else:
                    self.planned[found[1]] = int(found[2])
        elif found := re.match(r"    jobid: (\d+)", text):
            self._jobid = found[1]
            if self._block == "start":
                self.running[self._jobid] = self.jobs[self._jobid] = self._rule
                return True
        elif found := re.match(r"    wildcards: (.+)", text):
            if self._block == "start" and self._jobid:
                values = [part.partition("=")[2] for part in found[1].split(", ")]
                self.running[self._jobid] = self.jobs[self._jobid] = f"{self._rule} {' '.join(values)}"
                return True
        elif (found := re.match(r"    log: (.+?)(?: \(check log file\(s\).*)?$", text)) and self._block == "error":
            self.failures.append((self.jobs.get(self._jobid, self._rule), found[1]))
        return False


def run_workflow(
    config: Path | str,
    *,
    profile: str = "local",
    cores: int | None = None,
    until: str | None = None,
    dry_run: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> RunSummary:
    """Run the workflow that a configuration describes, from where it stands; return what was done.

    Everything that can be checked without work is checked before the first job, and told all at once (ProblemsError).
    A run that was killed goes on where it was: no finished step is done again, no half-written file is used.
    Raises ToolError with the rule, its sample and the last line of its log when a step fails.
    """
    if profile not in PROFILES:
        raise UsageError(f"profile {profile}: expected one of {', '.join(PROFILES)}")
    if until is not None and until not in STAGES:
        raise UsageError(f"until {until}: expected one of {', '.join(STAGES)}")
    if profile == "slurm" and find_spec("snakemake_executor_plugin_slurm") is None:
        raise MissingExtraError("the slurm profile needs an extra; install genomics_dc[slurm]")
    run = load_run_config(config)
    tools.require("bwa", "samtools", "bcftools", "fastp", *_caller_program(run))
    run_windows(run)
    problems = first_look(run)
    if problems:
        raise ProblemsError(problems)
    command = _command(run, profile, cores or os.cpu_count() or 1, until, dry_run=dry_run)
    with explain_os_errors(run.output):
        (run.output / "logs").mkdir(parents=True, exist_ok=True)
    with _only_run(run.output) as lock:
        shutil.rmtree(run.output / ".stage", ignore_errors=True)
        return _follow(run, command, lock, on_progress)


def _caller_program(run: RunConfig) -> tuple[str, ...]:
    return ("freebayes",) if run.settings["calling"]["caller"] == "freebayes" else ()


def _command(run: RunConfig, profile: str, cores: int, until: str | None, *, dry_run: bool) -> list[str]:
    """Return the words that start Snakemake."""
    words = [sys.executable, "-m", "snakemake", "--snakefile", str(WORKFLOW_FOLDER / "Snakefile")]
    words += ["--configfile", str(run.path), "--directory", str(run.output)]
    words += ["--profile", str(WORKFLOW_FOLDER / "profiles" / profile)]
    # A lock of our own, which dies with its holder, stands in for Snakemake's, which a killed run leaves behind.
    words += ["--nolock", "--rerun-incomplete", "--scheduler", "greedy", "--nocolor"]
    words += ["--cores", str(cores)] if profile == "local" else []
    words += ["--dry-run"] if dry_run else []
    return [*words, until or "all"]


@contextmanager
def _only_run(output: Path) -> Iterator[int]:
    """Hold the output folder for one run; the lock ends with the last process that holds the descriptor."""
    path = output / ".genomics-dc" / "run.lock"
    path.parent.mkdir(exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        until = time.monotonic() + _LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    holder = os.pread(descriptor, 64, 0).decode().strip() or "unknown"
                    message = f"{output}: another run works there (process {holder}); wait for it, or stop it first"
                    raise ToolError(message) from None
                time.sleep(0.2)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _die_with_parent() -> None:
    """Let Snakemake be killed when this program is, so that a killed run is over at once."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _follow(
    run: RunConfig, command: list[str], lock: int, on_progress: Callable[[Progress], None] | None
) -> RunSummary:
    """Start Snakemake, follow its lines to the end, and judge how it ended."""
    follower = _Follower()
    started = time.monotonic()
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    log_path = run.output / "logs" / "run.log"
    with (
        open(log_path, "w", encoding="utf-8") as log,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            pass_fds=(lock,),
            preexec_fn=_die_with_parent,  # no thread of ours runs yet
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                log.write(line)
                if follower.feed(line) and on_progress is not None:
                    elapsed = time.monotonic() - started
                    on_progress(Progress(follower.done, follower.total, tuple(follower.running.values()), elapsed))
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise ToolError(
                f"stopped after {follower.done} of {follower.total} steps; the same command goes on from here"
            ) from None
    if process.returncode != 0:
        raise ToolError(_failure_sentence(run.output, follower, log_path))
    blocked = tuple(str(path.relative_to(run.output)) for path in sorted(run.output.glob("reports/*/*/BLOCKED.txt")))
    elapsed = time.monotonic() - started
    return RunSummary(run.output, follower.done, follower.total, elapsed, follower.planned, blocked)


def _failure_sentence(output: Path, follower: _Follower, log_path: Path) -> str:
    """Return one sentence: which step, what its log says last, where the log is."""
    if follower.failures:
        step, log = follower.failures[0]
        path = output / log.split(", ")[0]
        last = _last_words(path)
        others = f" ({len(follower.failures) - 1} more steps failed, too)" if len(follower.failures) > 1 else ""
        return f"step {step} failed: {last.rstrip('.')}; its log is {path}{others}"
    words = [line.strip() for line in follower.last_lines if "Complete log" not in line]
    return f"Snakemake stopped: {' '.join(words[-3:])}; the whole of it is in {log_path}"


def _last_words(path: Path) -> str:
    """Return the last telling line of a step's log."""
    try:
        lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        return "it left no log"
    own = [line.removeprefix("genomics-dc: ") for line in lines if line.startswith("genomics-dc: ")]
    return (own or lines or ["its log is empty"])[-1]
