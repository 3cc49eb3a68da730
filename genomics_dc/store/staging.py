"""A staging directory, one atomic step to the final name, and the generations before.

`NAME.vcz` is always the newest generation. The one before it stands in `.NAME.vcz.generations/N`, where N is its
number, until it is swept; files that did not change are hard links, so that it costs only what changed. The step from
one generation to the next is one exchange of two names; what was NAME.vcz then gets its number.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from genomics_dc.errors import ResourceError, StoreError
from genomics_dc.files import explain_os_errors, fsync_directory, refuse_existing
from genomics_dc.store.lock import SYSTEM_CLOCK, Clock, WriterLock, lock_path, writer_lock
from genomics_dc.store.place import LocalPlace
from genomics_dc.store.seal import read_seal

__all__ = [
    "StagedGeneration",
    "generation_path",
    "generations",
    "lock_path",
    "next_generation",
    "publish",
    "staged_store",
    "sweep",
    "sweep_generations",
    "writer_lock",
]

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
_PREFIX = ".partial-"
_OLD_PREFIX = ".old-"
_WAITING_PREFIX = ".next-"
_FILES_FOR_SYNCFS = 64  # 1,500 files one by one take 3.9 s on ext4, all at once 0.3 s


@dataclass(frozen=True)
class StagedGeneration:
    """A generation that is being made.

    `folder` is where to write it; it does not exist yet. `scratch` is for anything else, and is removed. `base` is the
    store as it stands, `generation` the number of the new one.
    """

    folder: Path
    scratch: Path
    base: Path
    generation: int


def generations_folder(output: Path) -> Path:
    """Return the folder of the generations before the one that stands at `output`."""
    return output.with_name(f".{output.name}.generations")


def generation_path(output: Path, generation: int) -> Path:
    """Return where an older generation of the store at `output` stands, if it was not swept."""
    return generations_folder(output) / str(generation)


def generations(output: Path) -> list[int]:
    """Return the numbers of the older generations that can still be read, the oldest first."""
    folder = generations_folder(output)
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit()) if folder.is_dir() else []


@contextmanager
def staged_store(output: Path, *, force: bool, clock: Clock = SYSTEM_CLOCK) -> Iterator[Path]:
    """Give an empty staging directory beside `output`; publish its subdirectory `store` when the block ends well.

    Holds the writer lock all through. What a killed builder left is swept first. Every file is fsynced before the
    rename. With `force`, the old store stands until the one step that puts the new one in its place; then it is gone,
    with its generations: another store stands there, not a change of it.
    """
    refuse_existing(output, force=force)
    with explain_os_errors(output), writer_lock(output, clock=clock) as lock:
        refuse_existing(output, force=force)
        with _staging(output, lock) as staging:
            yield staging.path
            staging.make_durable(staging.path / "store")
            lock.check()
            publish(staging.path / "store", output)
            _remove(generations_folder(output), output)


@contextmanager
def next_generation(
    output: Path, *, keep_older: bool = True, clock: Clock = SYSTEM_CLOCK
) -> Iterator[StagedGeneration]:
    """Make the next generation of the store at `output`; it is published when the block ends well.

    Holds the writer lock all through. On any error the store is what it was. Without `keep_older`, the generation
    before never stands under a number: it goes with the staging directory, whatever fails after the step, and so do
    those before it.
    """
    if not output.is_dir():
        raise StoreError(f"{output} is not there; give the folder of a store (NAME.vcz)")
    with explain_os_errors(output), writer_lock(output, clock=clock) as lock, _staging(output, lock) as staging:
        number = _generation_of(output)
        made = StagedGeneration(staging.path / "store", staging.path / "scratch", output, number + 1)
        made.scratch.mkdir()
        yield made
        if _generation_of(made.folder) != number + 1:
            raise StoreError(f"{output}: generation {number + 1} was to be written, another was; nothing was published")
        staging.make_durable(made.folder)
        lock.check()
        if keep_older:
            _publish_generation(made.folder, output, number)
        else:
            publish(made.folder, output)
            _remove(generations_folder(output), output)


def _generation_of(folder: Path) -> int:
    return read_seal(LocalPlace(folder)).generation


class _Staging:
    """A directory beside the store that goes away."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # opened before anything is written: it then tells of every write that failed later
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def make_durable(self, root: Path) -> None:
        """Let every file and directory under `root` reach the disk."""
        root.chmod(0o755)
        new = list(_new_files(root))
        if len(new) < _FILES_FOR_SYNCFS or not _sync_file_system(self._descriptor):
            for path in new:
                _fsync(path)

    def close(self) -> None:
        os.close(self._descriptor)


@contextmanager
def _staging(output: Path, lock: WriterLock) -> Iterator[_Staging]:
    del lock  # who has it may sweep
    sweep(output)
    staging = _Staging(Path(tempfile.mkdtemp(prefix=_PREFIX, suffix=f"-{output.name}", dir=output.parent)))
    try:
        yield staging
    finally:
        staging.close()
        shutil.rmtree(staging.path, ignore_errors=True)


def sweep(output: Path) -> None:
    """Remove what killed writers of `output` left beside it; put back an old store that lost its name to a crash.

    Only for the holder of the writer lock.
    """
    for leftover in sorted(output.parent.glob(f"{_OLD_PREFIX}*-{_escaped(output.name)}")):
        if not os.path.lexists(output):
            leftover.rename(output)
        elif not _kept_as_generation(leftover, output):
            _remove(leftover, output)
    _mend_generations(output)
    for leftover in sorted(output.parent.glob(f"{_PREFIX}*-{_escaped(output.name)}")):
        # mkdtemp's random part is eight letters without "-", so a longer store name cannot be meant
        if len(leftover.name) == len(_PREFIX) + 8 + 1 + len(output.name):
            _remove(leftover, output)


def sweep_generations(output: Path, *, keep: int = 0, clock: Clock = SYSTEM_CLOCK) -> list[int]:
    """Remove the older generations of the store at `output` but the newest `keep`; return the numbers removed.

    Who still reads one is told that it was replaced. The store itself is not touched.
    """
    if keep < 0:
        raise ValueError(f"keep must be 0 or more, not {keep}")
    with explain_os_errors(output), writer_lock(output, clock=clock):
        sweep(output)
        there = generations(output)
        gone = there[: len(there) - keep] if keep else there
        for number in gone:
            _remove(generation_path(output, number), output)
        if not generations(output):
            _remove(generations_folder(output), output)
        return gone


def _kept_as_generation(leftover: Path, output: Path) -> bool:
    """Give the store that was replaced its place among the generations, if the one that stands there follows it."""
    try:
        seal, history = read_seal(LocalPlace(leftover)), read_seal(LocalPlace(output)).history
    except StoreError:
        return False
    if not any(event.before == seal.store_hash for event in history):
        return False
    place = generation_path(output, seal.generation)
    place.parent.mkdir(exist_ok=True)
    _remove(place, output)
    leftover.rename(place)
    return True


def _mend_generations(output: Path) -> None:
    """Undo, or end, a step to a new generation that a crash cut."""
    folder = generations_folder(output)
    older = generations(output)
    if older and not os.path.lexists(output):  # the system has no exchange, and the crash came between two renames
        generation_path(output, older[-1]).rename(output)
    for waiting in sorted(folder.glob(f"{_WAITING_PREFIX}[0-9]*")):
        number = int(waiting.name.removeprefix(_WAITING_PREFIX))
        try:
            holds = _generation_of(waiting)
        except StoreError:
            continue  # damaged, but perhaps all there is of it
        place = generation_path(output, number)
        if holds == number and not os.path.lexists(place):
            waiting.rename(place)  # published: it is what stood there before
        else:
            _remove(waiting, output)


def _remove(path: Path, output: Path) -> None:
    """Remove a folder so that a crash on the way leaves nothing that looks whole."""
    if not os.path.lexists(path):
        return
    # a worker of a killed builder may still write; under another name its paths lead nowhere
    dead = Path(tempfile.mkdtemp(prefix=_PREFIX, suffix=f"-{output.name}", dir=output.parent))
    path.replace(dead)
    shutil.rmtree(dead, ignore_errors=True)


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _new_files(root: Path) -> Iterator[str]:
    """Yield every directory, and every file that is no link to one of an older generation."""
    for folder, _, files, descriptor in os.fwalk(root):
        for name in files:
            if os.stat(name, dir_fd=descriptor).st_nlink == 1:
                yield os.path.join(folder, name)  # noqa: PTH118  (10^5 files: no Path each)
        yield folder


def _fsync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file_system(descriptor: int) -> bool:
    """Let everything on a file system reach the disk; return False where there is no such call."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "syncfs"):
        return False
    if library.syncfs(descriptor) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number))


def publish(finished: Path, output: Path) -> None:
    """Give `finished` the name `output` in one step; a store that was there ends under the old name of `finished`."""
    if os.path.lexists(output):
        if not _exchange(finished, output):
            old = output.with_name(f"{_OLD_PREFIX}{os.getpid()}-{output.name}")
            output.rename(old)
            finished.rename(output)
            shutil.rmtree(old)
    else:
        finished.rename(output)
    _confirm(output, output.parent)


def _publish_generation(finished: Path, output: Path, number: int) -> None:
    """Let `finished` be the store, and the store that was be generation `number`.

    The exchange of the two names is the one step that publishes. Both sides of it have names that no reader takes for a
    generation, so that a number never leads to anything but the generation of that number.
    """
    place = generation_path(output, number)
    place.parent.mkdir(exist_ok=True)
    _remove(place, output)  # left by a crash, and not what is to be kept
    waiting = place.with_name(f"{_WAITING_PREFIX}{number}")
    finished.rename(waiting)
    try:
        fsync_directory(waiting.parent)
        exchanged = _exchange(waiting, output)
    except OSError:
        waiting.rename(finished)  # not published: it must not stand among the older ones
        with suppress(OSError):
            place.parent.rmdir()  # only where it holds no other
        raise
    if not exchanged:
        output.rename(place)
        waiting.rename(output)
    _confirm(output, place.parent, output.parent, aside=(waiting, place) if exchanged else None)


def _confirm(output: Path, *folders: Path, aside: tuple[Path, Path] | None = None) -> None:
    """Rename what was replaced, and make the new names in `folders` durable.

    The new store stands: an error here must not be told as if nothing had been published.
    """
    try:
        if aside is not None:
            aside[0].rename(aside[1])
        for folder in folders:
            fsync_directory(folder)
    except OSError as error:
        raise ResourceError(
            f"{output} was written, but the disk did not confirm that it will keep it ({error.strerror}); look at the "
            "system's log, then verify the store before you trust it"
        ) from error


def _exchange(first: Path, second: Path) -> bool:
    """Swap two names atomically (Linux renameat2); return False where the system or file system has no such call."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        return False
    done = library.renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
    if done == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(second))
