"""How far a long call has come: a bar in a terminal or a notebook, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any, Final, Protocol, TextIO

Tell = Callable[[Any, float], None]
"""Takes (what is done now, share done), (number done, number in all) or (turn, what is still off), as they come."""

_STEP_CHARACTERS: Final = 32
_FIRST_AFTER_S: Final = 2.0  # a call that is over by then shows nothing in a notebook or a log
_LINE_EVERY_S: Final = 15.0
_SHOW_EVERY_S: Final = 0.2


class _Display(Protocol):
    def show(self, step: str, share: float | None) -> None: ...


def interactive() -> bool:
    """Tell whether a person waits for this Python: a notebook, or an interpreter at its prompt."""
    return _in_notebook() or hasattr(sys, "ps1")


@contextmanager
def progress_bar(first_step: str = "Starting") -> Iterator[Tell]:
    """Give a callback that tells how far a call has come, on stderr or under the cell of a notebook.

    A terminal gets a bar that goes away at the end. A log gets a line after two seconds, and then every 15 s, without
    control characters.
    """
    if _in_notebook():
        yield from _teller(_NotebookBar(), first_step)
    elif sys.stderr.isatty():
        with _terminal_bar(first_step) as display:
            yield from _teller(display, first_step)
    else:
        yield from _teller(_LogLines(sys.stderr), first_step)


@contextmanager
def counting_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Give a callback (number done, number in all) that moves the bar."""
    with progress_bar(what) as tell:
        yield tell


def _teller(display: _Display, first_step: str) -> Iterator[Tell]:
    step = first_step

    def tell(first: Any, second: float) -> None:
        nonlocal step
        if isinstance(first, str):
            step = first
            display.show(first, second)
        elif isinstance(second, int):
            display.show(step, first / second if second else 1.0)
        else:
            display.show(f"pass {first}: residual {second:.1e}", None)

    yield tell
    if isinstance(display, _NotebookBar):
        display.clear()


@contextmanager
def _terminal_bar(first_step: str) -> Iterator[_Display]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(f"{{task.description:<{_STEP_CHARACTERS}}}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )

    class Bar:
        def show(self, step: str, share: float | None) -> None:
            if share is None:
                bar.update(task, description=step[:_STEP_CHARACTERS], total=None)
            else:
                bar.update(task, description=step[:_STEP_CHARACTERS], completed=share)

    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(first_step, total=1.0)
        yield Bar()


class _LogLines:
    """Lines of text: "variants: 40%, 12 s, about 18 s left"."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._start = time.monotonic()
        self._next = self._start + _FIRST_AFTER_S

    def show(self, step: str, share: float | None) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _LINE_EVERY_S
        self._stream.write(_sentence(step, share, now - self._start) + "\n")
        self._stream.flush()


class _NotebookBar:
    """A bar under the cell that runs, which goes away at the end."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._next = self._start + _FIRST_AFTER_S
        self._handle: Any = None

    def show(self, step: str, share: float | None) -> None:
        show = _notebook_display()
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _SHOW_EVERY_S
        value = "" if share is None else f' value="{share:.4f}"'
        page = show.HTML(f"<progress{value}></progress> {escape(_sentence(step, share, now - self._start))}")
        if self._handle is None:
            self._handle = show.display(page, display_id=True)
        else:
            self._handle.update(page)

    def clear(self) -> None:
        if self._handle is not None:
            self._handle.update(_notebook_display().HTML(""))


def _notebook_display() -> Any:
    from IPython import display

    return display


def _sentence(step: str, share: float | None, elapsed_s: float) -> str:
    if share is None:
        return f"{step}, {elapsed_s:.0f} s"
    left = f", about {elapsed_s / share - elapsed_s:.0f} s left" if 0 < share < 1 else ""
    return f"{step}: {share:.0%}, {elapsed_s:.0f} s{left}"


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    instance = shell.get_ipython() if shell is not None else None
    return type(instance).__name__ == "ZMQInteractiveShell"
