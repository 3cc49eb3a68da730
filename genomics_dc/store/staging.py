"""One builder at a time, a staging directory, and one atomic step to the final name.

The lock is a file beside the output, `.NAME.lock`, held with flock (the kernel frees it when the holder dies) and
carrying a lease (host, process, expiry) for file systems where flock does not reach other hosts. The lease is renewed
while the holder lives. A second builder is refused with the name of the first; a lock whose holder is dead, or whose
lease has run out, is taken over.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from genomics_dc.errors import StoreError
from genomics_dc.files import explain_os_errors, fsync_directory, refuse_existing

LEASE_S = 60.0
_RENEW_EVERY_S = 15.0
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}


def lock_path(output: Path) -> Path:
    """Return the lock file of a store that stands, or will stand, at `output`."""
    return output.with_name(f".{output.name}.lock")


@contextmanager
def writer_lock(output: Path) -> Iterator[None]:
    """Hold the only right to write `output`; raise StoreError naming the holder when another has it."""
    path = lock_path(output)
    descriptor = _acquire(path, output)
    stop = threading.Event()
    renewer = threading.Thread(target=_renew, args=(descriptor, stop), name="store-lease", daemon=True)
    renewer.start()
    try:
        yield
    finally:
        stop.set()
        renewer.join()
        with suppress(FileNotFoundError):
            path.unlink()
        os.close(descriptor)


def _acquire(path: Path, output: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(_refusal(output, _read_lease(descriptor))) from None
            if not _is_current(descriptor, path):
                os.close(descriptor)  # the former holder removed the file between our open and our lock
                continue
            lease = _read_lease(descriptor)
            if lease and lease.get("host") != socket.gethostname() and _expiry(lease) > time.time():
                raise StoreError(_refusal(output, lease))
            _write_lease(descriptor)
        except BaseException:
            with suppress(OSError):
                os.close(descriptor)
            raise
        return descriptor


def _is_current(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)


def _read_lease(descriptor: int) -> dict[str, object]:
    try:
        lease = json.loads(os.pread(descriptor, 4096, 0) or b"{}")
    except ValueError:
        return {}
    return lease if isinstance(lease, dict) else {}


def _expiry(lease: dict[str, object]) -> float:
    expires = lease.get("expires_unix_s", 0.0)
    return float(expires) if isinstance(expires, (int, float)) else 0.0


def _write_lease(descriptor: int) -> None:
    lease = {"host": socket.gethostname(), "process": os.getpid(), "expires_unix_s": round(time.time() + LEASE_S, 3)}
    data = json.dumps(lease).encode().ljust(200) + b"\n"  # one length always, so that one write replaces it whole
    os.pwrite(descriptor, data, 0)


def _renew(descriptor: int, stop: threading.Event) -> None:
    while not stop.wait(_RENEW_EVERY_S):
        with suppress(OSError):
            _write_lease(descriptor)


def _refusal(output: Path, lease: dict[str, object]) -> str:
    holder = f"process {lease.get('process', 'unknown')} on host {lease.get('host', 'unknown')}"
    return f"{output} is being written by {holder}; wait until it is done, or stop it and try again"


@contextmanager
def staged_store(output: Path, *, force: bool) -> Iterator[Path]:
    """Give an empty staging directory beside `output`; publish its subdirectory `store` when the block ends well.

    Holds the writer lock all through. What a killed builder left is swept first. Every file is fsynced before the
    rename. With `force`, the old store stands until the one step that puts the new one in its place.
    """
    refuse_existing(output, force=force)
    with explain_os_errors(output), writer_lock(output):
        refuse_existing(output, force=force)
        sweep(output)
        staging = Path(tempfile.mkdtemp(prefix=_PREFIX, suffix=f"-{output.name}", dir=output.parent))
        try:
            yield staging
            finished = staging / "store"
            finished.chmod(0o755)
            fsync_tree(finished)
            publish(finished, output)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


_PREFIX = ".partial-"
_OLD_PREFIX = ".old-"


def sweep(output: Path) -> None:
    """Remove what killed builders of `output` left beside it; put back an old store that lost its name to a crash."""
    for leftover in sorted(output.parent.glob(f"{_OLD_PREFIX}*-{_escaped(output.name)}")):
        if not os.path.lexists(output):
            leftover.rename(output)
        else:
            shutil.rmtree(leftover)
    for leftover in sorted(output.parent.glob(f"{_PREFIX}*-{_escaped(output.name)}")):
        # mkdtemp's random part is eight letters without "-", so a longer store name cannot be meant
        if len(leftover.name) == len(_PREFIX) + 8 + 1 + len(output.name):
            # a worker of the killed builder may still write; under another name its paths lead nowhere
            dead = Path(tempfile.mkdtemp(prefix=_PREFIX, suffix=f"-{output.name}", dir=output.parent))
            leftover.replace(dead)
            shutil.rmtree(dead, ignore_errors=True)


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def fsync_tree(root: Path) -> None:
    """Make every file and directory under `root` durable."""
    for folder, _, files in os.walk(root):
        for name in files:
            descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)  # noqa: PTH118  (10^5 files: no Path each)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        fsync_directory(folder)


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
    fsync_directory(output.parent)


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
