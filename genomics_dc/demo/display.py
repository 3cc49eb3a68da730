"""What a person sees while the demo runs: stages done of all, what runs now, and the time so far."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class TerminalDisplay:
    """Progress on stderr: a bar and one line for each running stage; plain lines where stderr is not a terminal."""

    def __init__(self, n_stages: int) -> None:
        self.n_stages = n_stages
        self.n_done = 0
        self._mutex = threading.Lock()
        self._progress: Progress | None = None
        self._all: TaskID | None = None
        self._tasks: dict[str, TaskID] = {}
        self._begun = time.monotonic()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar while the block runs, when stderr is a terminal."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        if not console.is_terminal:
            yield
            return
        columns = (
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[now]}"),
        )
        with Progress(*columns, console=console, transient=False) as self._progress:
            self._all = self._progress.add_task("[bold]demo", total=self.n_stages, now="")
            yield
            self._progress = None

    def started(self, title: str) -> None:
        """Say that a stage began."""
        with self._mutex:
            if self._progress is not None:
                self._tasks[title] = self._progress.add_task(f"  {title}", total=None, now="")

    def told(self, title: str, text: str) -> None:
        """Say what a running stage does now."""
        with self._mutex:
            if self._progress is not None and title in self._tasks:
                self._progress.update(self._tasks[title], now=text[:60])

    def finished(self, title: str, elapsed_s: float, *, redone: bool) -> None:
        """Say that a stage ended, or that its work was there already."""
        with self._mutex:
            self.n_done += 1
            how = f"{elapsed_s:.1f} s" if redone else "done before"
            if self._progress is not None:
                self._progress.remove_task(self._tasks.pop(title))
                assert self._all is not None
                self._progress.advance(self._all)
                self._progress.console.print(f"[green]✓[/] {title} [dim]({how})")
            else:
                so_far = time.monotonic() - self._begun
                line = f"demo {self.n_done}/{self.n_stages}  {title} ({how}; {so_far:.0f} s so far)"
                print(line, file=sys.stderr, flush=True)  # noqa: T201
