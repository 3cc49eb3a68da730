"""The progress bar of every command: on stderr, and only where a person looks on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_STEP_CHARACTERS = 32


@contextmanager
def progress_bar(first_step: str = "Starting") -> Iterator[Callable[[str, float], None]]:
    """Give a callback (what is done now, share done, 0 to 1) that moves a bar; silent when stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _step, _share: None
        return
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
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(first_step, total=1.0)
        yield lambda step, share: bar.update(task, description=step[:_STEP_CHARACTERS], completed=share)


@contextmanager
def counting_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Give a callback (number done, number in all) that moves the bar."""
    with progress_bar(what) as tell:
        yield lambda done, total: tell(what, done / total if total else 1.0)
