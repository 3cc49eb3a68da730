"""`genomics-dc audit`: whether the audit log is whole."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from genomics_dc.cli.options import JsonOption
from genomics_dc.errors import FindingsError


def register(app: typer.Typer) -> None:
    """Add `audit verify`."""
    audit = typer.Typer(help="The audit log.", no_args_is_help=True)

    @audit.callback()
    def _root() -> None:
        """Read the audit log."""

    audit.command("verify")(_verify)
    app.add_typer(audit, name="audit")


def _verify(
    centre: Annotated[Path, typer.Option("--centre", help="The data centre file.", metavar="CENTRE.yaml")] = Path(
        "centre.yaml"
    ),
    anchor: Annotated[
        Path | None, typer.Option("--anchor", help="A copy of the anchor file kept elsewhere; default: the centre's.")
    ] = None,
    principal: Annotated[str | None, typer.Option("--as", help="Who asks.", metavar="NAME")] = None,
    json_output: JsonOption = False,
) -> None:
    """Find rows of the audit log that were edited, deleted, reordered or cut off; exit 3 when there are any.

    Example: genomics-dc audit verify --centre centre.yaml --anchor /mnt/other/audit.anchor
    """
    from genomics_dc.centre import open_centre

    with open_centre(centre, purpose="registry", principal=principal) as opened:
        found = opened.verify_audit(anchor=anchor)
    if json_output:
        findings = [{"row": finding.seq, "problem": finding.problem} for finding in found.findings]
        print(json.dumps({"rows": found.rows, "head": found.head, "anchored": found.anchored, "findings": findings}))  # noqa: T201
    else:
        for finding in found.findings:
            print(finding)  # noqa: T201
        anchored = "no anchor file: a tail that was cut off cannot be seen" if found.anchored is None else "anchored"
        print(f"{found.rows} rows read, head {found.head[:16]}, {anchored}", file=sys.stderr)  # noqa: T201
    if found.findings:
        raise FindingsError(
            f"the audit log is not whole: {len(found.findings)} findings; keep a copy and tell the auditor"
        )
