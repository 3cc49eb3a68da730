"""One writer of a store at a time.

The lock is a file beside the store, `.NAME.lock`, held with flock: the kernel frees it when its holder dies. For file
systems where flock does not reach other hosts, the file carries a lease too: who holds it, and a count that the holder
raises every few seconds. A writer on another host watches that count. When it rises, the holder lives, and the second
writer is refused with the name of the first; when it stands still for the length of a lease, the holder is dead. Only
what goes by on the watcher's own monotonic clock is looked at: no clock on the wall, which may be wrong or be set back.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

from genomics_dc.errors import StoreError

LEASE_S: Final = 20.0
RENEW_EVERY_S: Final = 4.0
_LOOK_EVERY_S: Final = 0.5
_LEASE_BYTES: Final = 256


class Clock(Protocol):
    """What a lock knows of time."""

    def monotonic(self) -> float:
        """Return seconds since some moment; never less than before."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The monotonic clock of the machine."""

    def monotonic(self) -> float:
        """Return seconds since the machine was started."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


SYSTEM_CLOCK: Final = SystemClock()


def lock_path(output: Path) -> Path:
    """Return the lock file of a store that stands, or will stand, at `output`."""
    return output.with_name(f".{output.name}.lock")


class WriterLock:
    """The only right to write a store, while it is held. Made by `writer_lock`."""

    def __init__(self, output: Path, descriptor: int) -> None:
        self.output = output
        self._descriptor = descriptor
        self._token = secrets.token_hex(8)
        self._count = 0
        self._guard = threading.Lock()

    def renew(self) -> None:
        """Tell those who watch that the holder lives."""
        with self._guard:
            self._count += 1
            lease = {
                "host": socket.gethostname(),
                "process": os.getpid(),
                "token": self._token,
                "count": self._count,
            }
            # one length always, so that one write replaces it whole
            os.pwrite(self._descriptor, json.dumps(lease).encode().ljust(_LEASE_BYTES - 1) + b"\n", 0)

    def check(self) -> None:
        """Raise StoreError when another has taken the lock: this process slept for longer than a lease.

        To be asked right before the step that publishes.
        """
        lease = _read_lease(self._descriptor)
        if not _is_current(self._descriptor, lock_path(self.output)) or lease.get("token") != self._token:
            raise StoreError(
                f"{self.output}: another writer took over while this one stood still; nothing was published, try again"
            )


@contextmanager
def writer_lock(output: Path, *, clock: Clock = SYSTEM_CLOCK) -> Iterator[WriterLock]:
    """Hold the only right to write `output`; raise StoreError naming the holder when another has it."""
    path = lock_path(output)
    descriptor = _acquire(path, output, clock)
    lock = WriterLock(output, descriptor)
    stop = threading.Event()
    try:
        lock.renew()
        renewer = threading.Thread(target=_renew, args=(lock, stop), name="store-lease", daemon=True)
        renewer.start()
        try:
            yield lock
        finally:
            stop.set()
            renewer.join()
    finally:
        if _is_current(descriptor, path):
            with suppress(FileNotFoundError):
                path.unlink()
        os.close(descriptor)


def _renew(lock: WriterLock, stop: threading.Event) -> None:
    while not stop.wait(RENEW_EVERY_S):
        with suppress(OSError):  # a full disk for a moment; the watcher's patience is five renewals long
            lock.renew()


def _acquire(path: Path, output: Path, clock: Clock) -> int:
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
            _refuse_living(descriptor, output, clock)
        except BaseException:
            with suppress(OSError):
                os.close(descriptor)
            raise
        return descriptor


def _refuse_living(descriptor: int, output: Path, clock: Clock) -> None:
    """Raise StoreError when the lease is another host's and its count rises within the length of a lease."""
    lease = _read_lease(descriptor)
    if not lease or lease.get("host") == socket.gethostname():
        return  # flock reaches every process of this host: the holder is dead
    seen = (lease.get("token"), lease.get("count"))
    until = clock.monotonic() + LEASE_S
    while clock.monotonic() < until:
        clock.sleep(_LOOK_EVERY_S)
        now = _read_lease(descriptor)
        if not now:
            continue
        if (now.get("token"), now.get("count")) != seen:
            raise StoreError(_refusal(output, now))


def _is_current(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)


def _read_lease(descriptor: int) -> dict[str, Any]:
    try:
        lease = json.loads(os.pread(descriptor, 4096, 0) or b"{}")
    except ValueError:
        return {}
    return lease if isinstance(lease, dict) else {}


def _refusal(output: Path, lease: dict[str, Any]) -> str:
    holder = f"process {lease.get('process', 'unknown')} on host {lease.get('host', 'unknown')}"
    return f"{output} is being written by {holder}; wait until it is done, or stop it and try again"
