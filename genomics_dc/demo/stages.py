"""Stages that are done once: inputs are hashed, a marker is written last, a stop anywhere costs one stage."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from genomics_dc.errors import ResourceError
from genomics_dc.files import sha256_file, write_text
from genomics_dc.provenance import JsonValue, software_version

MARKERS = ".stages"
_SWEEP_TRIES = 20
Figures = Mapping[str, JsonValue]


class Display(Protocol):
    """Where progress is told."""

    def started(self, title: str) -> None:
        """Say that a stage began."""

    def told(self, title: str, text: str) -> None:
        """Say what a running stage does now."""

    def finished(self, title: str, elapsed_s: float, *, redone: bool) -> None:
        """Say that a stage ended, or that its work was there already (`redone` false)."""


@dataclass(frozen=True)
class Stage:
    """One step: `work` makes `outputs` (paths below the folder) and returns its figures.

    `inputs` maps names to text that decides the result (hashes, parameters); a stage also depends on the figures of
    the stages in `needs`, and on the program's files below the folders of `code` (all of them by default). `work` gets
    a function to tell what it does now. Work that goes on where it was stopped has a folder in `resumes`: it is emptied
    first when what was stopped had begun from other inputs.
    """

    name: str
    title: str
    work: Callable[[Callable[[str], None]], Figures]
    outputs: tuple[str, ...]
    inputs: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    resumes: str | None = None


@dataclass(frozen=True)
class Done:
    """A finished stage: its figures, what it took when it was done, whether that was in this run."""

    figures: Figures
    elapsed_s: float
    redone: bool
    key: str


@cache
def software_fingerprint(code: tuple[str, ...] = ()) -> str:
    """Return the version and a SHA-256 over the program's own files: another program redoes the work.

    `code` names the folders of the package that count; none names all.
    """
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256(software_version().encode())
    suffixes = {".py", ".smk", ".yaml", ".html", ".css", ".json", ".vcf", ".gff3", ""}
    linked = [child for child in sorted(package.iterdir()) if child.is_symlink() and child.is_dir()]
    folders = [package / name for name in code] or [package, *linked]
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix in suffixes and "__pycache__" not in path.parts:
                digest.update(f"{folder.name}/{path.relative_to(folder)}\0{sha256_file(path)}\n".encode())
    return f"{software_version()} {digest.hexdigest()}"


class Runner:
    """Runs stages in a folder that is held for one runner at a time."""

    def __init__(self, folder: Path, display: Display) -> None:
        self.folder = folder
        self.done: dict[str, Done] = {}
        self._display = display
        self._mutex = threading.Lock()
        self._failed = threading.Event()

    def run_lanes(self, lanes: Sequence[Sequence[Stage]], *, side_by_side: bool) -> None:
        """Run each lane's stages in order; the lanes side by side or one after the other.

        When a stage fails, the other lanes stop after the stage they are in, and the error is raised.
        """
        self._failed.clear()
        with ThreadPoolExecutor(len(lanes) if side_by_side else 1) as pool:
            futures = [pool.submit(self._run_lane, lane) for lane in lanes]
        for future in futures:
            future.result()

    def _run_lane(self, lane: Sequence[Stage]) -> None:
        for stage in lane:
            if self._failed.is_set():
                return
            try:
                self._run(stage)
            except BaseException:
                self._failed.set()
                raise

    def _run(self, stage: Stage) -> None:
        key = self._key(stage)
        marker = self.folder / MARKERS / f"{stage.name}.json"
        timing = self.folder / "logs" / f"{stage.name}.time.json"
        figures = _read_marker(marker, key, self.folder)
        self._display.started(stage.title)
        if figures is not None:
            elapsed_s = _read_elapsed(timing)
            self._finish(stage, Done(figures, elapsed_s, redone=False, key=key))
            return
        marker.unlink(missing_ok=True)
        if stage.resumes is not None:
            self._resume(stage, key)
        begun = time.monotonic()
        figures = stage.work(lambda text: self._display.told(stage.title, text))
        elapsed_s = time.monotonic() - begun
        missing = [output for output in stage.outputs if not (self.folder / output).exists()]
        assert not missing, f"stage {stage.name} did not make {missing}"
        write_text(timing, json.dumps({"stage": stage.name, "elapsed_s": round(elapsed_s, 2)}) + "\n", force=True)
        content = {
            "key": key,
            "outputs": {path: _size(self.folder / path) for path in stage.outputs},
            "figures": dict(figures),
        }
        write_text(marker, json.dumps(content, sort_keys=True, ensure_ascii=False, indent=1) + "\n", force=True)
        self._finish(stage, Done(figures, elapsed_s, redone=True, key=key))

    def _resume(self, stage: Stage, key: str) -> None:
        """Empty the folder of work that goes on by itself, unless it was begun from just these inputs."""
        assert stage.resumes is not None
        begun = self.folder / MARKERS / f"{stage.name}.begun"
        if not begun.exists() or begun.read_text().strip() != key:
            shutil.rmtree(self.folder / stage.resumes, ignore_errors=True)
            write_text(begun, key + "\n", force=True)

    def _finish(self, stage: Stage, done: Done) -> None:
        with self._mutex:
            self.done[stage.name] = done
        self._display.finished(stage.title, done.elapsed_s, redone=done.redone)

    def _key(self, stage: Stage) -> str:
        before = {name: [self.done[name].key, dict(self.done[name].figures)] for name in stage.needs}
        software = software_fingerprint(stage.code)
        text = json.dumps(["v2", software, stage.name, dict(stage.inputs), before], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _size(path: Path) -> int:
    """Return the bytes of a file, or of everything below a folder."""
    if path.is_dir():
        return sum(child.lstat().st_size for child in path.rglob("*") if child.is_file())
    return path.stat().st_size


def _read_marker(marker: Path, key: str, folder: Path) -> Figures | None:
    """Return a done stage's figures, or None when it must be done: other inputs, or an output that is not as left."""
    try:
        content = json.loads(marker.read_text())
        if content["key"] != key:
            return None
        for path, size in content["outputs"].items():
            if _size(folder / path) != size:
                return None
        figures: Figures = content["figures"]
    except (OSError, ValueError, KeyError):
        return None
    return figures


def _read_elapsed(timing: Path) -> float:
    try:
        return float(json.loads(timing.read_text())["elapsed_s"])
    except (OSError, ValueError, KeyError):
        return 0.0


@contextmanager
def held_folder(folder: Path, *, fresh: bool) -> Iterator[None]:
    """Make `folder` ready and hold it: one demo at a time. With `fresh`, everything in it that a demo made goes.

    Half-written files of a run that was killed are swept. Raises ResourceError when another demo holds the folder, or
    when `fresh` would empty a folder that no demo made.
    """
    import fcntl

    markers = folder / MARKERS
    if fresh and folder.exists() and any(folder.iterdir()) and not markers.is_dir():
        raise ResourceError(f"{folder} is not a folder that a demo made; choose another with --out")
    try:
        markers.mkdir(parents=True, exist_ok=True)
        (folder / "logs").mkdir(exist_ok=True)
        lock = (markers / "lock").open("w")
    except OSError as error:
        raise ResourceError(
            f"{folder} cannot be written: {error.strerror}; choose another folder with --out"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ResourceError(f"another demo is running in {folder}; wait for it, or choose another --out") from error
        if fresh:
            for child in folder.iterdir():
                if child.name != MARKERS:
                    shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()
            for marker in (*markers.glob("*.json"), *markers.glob("*.begun")):
                marker.unlink()
            (folder / "logs").mkdir()
        sweep(folder)
        yield


def sweep(folder: Path) -> None:
    """Remove what a killed run left half-written outside the workflow's own folders, which clean up themselves.

    A program that outlived the kill may still write there: then it is tried again for a while.
    """
    for depth in ("", "*/", "*/*/"):
        for path in folder.glob(f"{depth}.partial-*"):
            for _ in range(_SWEEP_TRIES):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
                if not path.exists():
                    break
                time.sleep(0.1)
