"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from genomics_dc.errors import OutputExistsError, ResourceError

_READ_BLOCK_BYTES = 1 << 20
_partial_outputs: set[Path] = set()


def sha256_file(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as handle:
        while block := handle.read(_READ_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def refuse_existing(path: Path | str, *, force: bool) -> None:
    """Raise OutputExistsError when `path` exists and `force` is false."""
    if not force and os.path.lexists(path):
        raise OutputExistsError(f"{path} exists already; choose another output, or give --force to replace it")


def fsync_directory(path: Path | str) -> None:
    """Make renames inside a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def explain_os_errors(path: Path | str) -> Iterator[None]:
    """Turn disk-full and permission errors while writing `path` into one plain sentence."""
    try:
        yield
    except OSError as error:
        if isinstance(error, (OutputExistsError, ResourceError)):
            raise
        number = error.errno or 0
        if not number and disk_is_full(path):  # a library that raises OSError without a number
            number = errno.ENOSPC
        sentence = _WRITE_PROBLEMS.get(number)
        if sentence is None:
            raise
        end = "nothing was published" if number in _SYSTEM_PROBLEMS else "nothing was left behind"
        raise ResourceError(f"{path} was not written: {sentence}; {end}") from error


@contextmanager
def _partial(path: Path) -> Iterator[None]:
    """Know of a file or folder that is being written, until it is published or removed."""
    _partial_outputs.add(path)
    try:
        yield
    finally:
        _partial_outputs.discard(path)


def remove_partial_outputs() -> None:
    """Remove every output that is being written, for a process that ends at once."""
    for path in tuple(_partial_outputs):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def disk_is_full(path: Path | str) -> bool:
    """Tell whether less than 64 KiB are free where `path` would stand: then a failed write needs no other reason."""
    try:
        return shutil.disk_usage(Path(path).parent).free < 1 << 16
    except OSError:
        return False


def system_problem(error: OSError) -> str | None:
    """Return in words what the system refused, or None when it is no trouble of disk, network or limits, but a bug."""
    return _SYSTEM_PROBLEMS.get(error.errno or 0)


_SYSTEM_PROBLEMS = {
    errno.EACCES: "you have no permission; ask its owner",
    errno.EPERM: "you have no permission; ask its owner",
    errno.EIO: "the disk reported an input/output error; look at the system's log before you trust that disk again",
    errno.EMFILE: "this program may open no more files; raise its limit (ulimit -n) and try again",
    errno.ENFILE: "this machine can open no more files; end other programs and try again",
    errno.ENOMEM: "the machine is out of memory; free some and try again",
    errno.ESTALE: "the network file system lost the file; try again",
    errno.ETIMEDOUT: "the network file system does not answer; try again",
}

_WRITE_PROBLEMS = {
    **_SYSTEM_PROBLEMS,
    errno.ENOSPC: "the disk is full; free some space or choose another output folder",
    errno.EDQUOT: "your disk quota is used up; free some space or choose another output folder",
    errno.EFBIG: "the file would be larger than this system allows; choose another file system",
    errno.EACCES: "you have no write permission there; choose a folder you can write to",
    errno.EPERM: "you have no write permission there; choose a folder you can write to",
    errno.EROFS: "the file system is read-only; choose a folder you can write to",
    errno.ENOENT: "the folder does not exist; create it first",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another output",
}


@contextmanager
def atomic_path(path: Path | str, *, force: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path`; publish it under the final name when the block ends well.

    The file is fsynced, renamed, and the folder fsynced. On any error the temporary file is removed and a file that was
    there before is untouched. The temporary name keeps the suffixes, so that writers which look at them work.
    """
    final = Path(path)
    refuse_existing(final, force=force)
    with explain_os_errors(final):
        descriptor, name = tempfile.mkstemp(prefix=".partial-", suffix="-" + final.name, dir=final.parent)
        os.close(descriptor)
        temporary = Path(name)
        try:
            with _partial(temporary):
                yield temporary
            with open(temporary, "rb") as handle:
                os.fsync(handle.fileno())
            mask = os.umask(0)
            os.umask(mask)
            temporary.chmod(0o666 & ~mask)
            temporary.replace(final)
            fsync_directory(final.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_files(paths: Sequence[Path], *, force: bool = False) -> Iterator[list[Path]]:
    """Give temporary paths for files that belong together; publish all of them when the block ends well.

    The first path is the one that readers open. It appears last, and with `force` an old one goes first: whoever finds
    it finds its companions, never those of another set. On any error nothing of the set is changed.
    """
    for final in paths:
        refuse_existing(final, force=force)
    folder = paths[0].parent
    with explain_os_errors(paths[0]):
        staging = Path(tempfile.mkdtemp(prefix=".partial-", suffix="-" + paths[0].name, dir=folder))
        staged = [staging / final.name for final in paths]
        try:
            with _partial(staging):
                yield staged
            for temporary in staged:
                with open(temporary, "rb") as handle:
                    os.fsync(handle.fileno())
            paths[0].unlink(missing_ok=True)
            fsync_directory(folder)
            for temporary, final in reversed(list(zip(staged, paths, strict=True))):
                temporary.replace(final)
            fsync_directory(folder)
        finally:
            for temporary in staged:  # listing the folder takes a descriptor, and there may be none left
                temporary.unlink(missing_ok=True)
            shutil.rmtree(staging, ignore_errors=True)
            with suppress(OSError):
                staging.rmdir()


def write_text(path: Path | str, text: str, *, force: bool = False) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(path, force=force) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def atomic_directory(path: Path | str, *, force: bool = False) -> Iterator[Path]:
    """Give a staging directory beside `path`; rename it into place when the block ends well.

    With `force`, a directory that was there is moved aside, and removed only after the new one stands.
    """
    final = Path(path)
    refuse_existing(final, force=force)
    with explain_os_errors(final):
        staging = Path(tempfile.mkdtemp(prefix=".partial-", suffix="-" + final.name, dir=final.parent))
        try:
            with _partial(staging):
                yield staging
            staging.chmod(0o755)
            fsync_directory(staging)
            old = None
            if final.exists():
                old = final.with_name(f".old-{os.getpid()}-{final.name}")
                final.replace(old)
            staging.replace(final)
            fsync_directory(final.parent)
            if old is not None:
                shutil.rmtree(old)
        finally:
            if staging.exists():
                shutil.rmtree(staging)
