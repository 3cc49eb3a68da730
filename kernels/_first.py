"""Who is told before the first kernel is compiled. Apart from the compiler, so that it costs nothing to say."""

from __future__ import annotations

from collections.abc import Callable

_told: list[Callable[[], None]] = []


def before_first_compilation(tell: Callable[[], None]) -> None:
    """Have `tell` called once, before this process compiles a kernel where not all have been compiled before."""
    _told.append(tell)


def is_told() -> bool:
    """Tell whether anyone waits to be told."""
    return bool(_told)


def tell_all() -> None:
    """Call everyone who waits, once."""
    for tell in nobody_waits():
        tell()


def nobody_waits() -> list[Callable[[], None]]:
    """Forget who waits, and return them: what compiles everything is not told that it will."""
    waiting = _told.copy()
    _told.clear()
    return waiting
