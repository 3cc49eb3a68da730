"""`genomics-dc run`: reads to reports, as one configuration says."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genomics_dc.cli.options import JsonOption

if TYPE_CHECKING:
    from genomics_dc.calls.workflow import Progress


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run", epilog="Example: genomics-dc run configs/brca1_1kg.yaml --cores 2")(run_command)


def run_command(
    config: Annotated[Path, typer.Argument(help="The run's configuration; configs/example.yaml explains it.")],
    profile: Annotated[str, typer.Option("--profile", help="local or slurm.")] = "local",
    cores: Annotated[int | None, typer.Option("--cores", min=1, help="Cores to use; all of them by default.")] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Stop after reads, calls, store, analyses or reports.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take reads to joint calls, store, quality, findings and reports; run it again to go on where it stopped."""
    from genomics_dc.calls.workflow import run_workflow

    with _progress_display(dry_run=dry_run) as show:
        summary = run_workflow(config, profile=profile, cores=cores, until=until, dry_run=dry_run, on_progress=show)
    if as_json:
        print(json.dumps({**asdict(summary), "output": str(summary.output)}))  # noqa: T201 - the command's result
        return
    if dry_run:
        for rule, count in sorted(summary.planned.items()):
            print(f"{count}\t{rule}")  # noqa: T201
        return
    what = (
        f"{summary.steps_done} steps in {summary.elapsed_s:.0f} s" if summary.steps_total else "nothing was left to do"
    )
    print(f"{summary.output}: {what}")  # noqa: T201
    for path in summary.blocked:
        print(f"blocked by an identity finding: {summary.output / path}")  # noqa: T201


@contextmanager
def _progress_display(*, dry_run: bool) -> Iterator[Callable[[Progress], None] | None]:
    """Give a function that shows progress on stderr: a bar on a terminal, a line per step in a log."""
    if dry_run:
        yield None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        with Bar(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("planning", total=None)

            def show_bar(progress: Progress) -> None:
                description = ", ".join(progress.running[:3]) + (" ..." if len(progress.running) > 3 else "")
                bar.update(task, completed=progress.done, total=progress.total or None, description=description)

            yield show_bar
    else:
        last_done = -1

        def show_line(progress: Progress) -> None:
            nonlocal last_done
            if progress.done != last_done:
                last_done = progress.done
                now = ", ".join(progress.running) or "-"
                line = f"{progress.done} of {progress.total} steps, {progress.elapsed_s:.0f} s; now {now}"
                print(line, file=sys.stderr, flush=True)  # noqa: T201

        yield show_line
