"""`genomics-dc demo`: the whole path on public data, reads to report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `demo`."""
    app.command("demo", epilog="Example: genomics-dc demo --out my-demo --cores 2")(demo)


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for everything the demo makes.")] = Path(
        "genomics-dc-demo"
    ),
    fresh: Annotated[bool, typer.Option("--fresh", help="Empty the folder first and do everything again.")] = False,
    cores: Annotated[int, typer.Option("--cores", min=1, help="Cores to use.")] = 2,
) -> None:
    """Make a family, two cohorts and real reads into calls, stores, statistics and a report, and one page about it.

    Uses only what Debian and PyPI packages bring. Stop it whenever you like: run it again and it goes on, and what is
    done is not done again.
    """
    from genomics_dc.demo.run import run_demo

    page = run_demo(out, fresh=fresh, cores=cores)
    print(f"Look at {page}")  # noqa: T201 - the command's result
    print(f"Every figure is in {page.with_name('summary.json')}")  # noqa: T201
