"""`genomics-dc doctor`: what this machine has, what it lacks, and the line that installs it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from genomics_dc.cli.options import JsonOption
from genomics_dc.cli.progress import progress_bar

_DISK_FREE_MIN_GB = 5
_NEEDED_MODULES = ("snakemake", "multiqc", "pysam", "cyvcf2", "zarr", "numba", "weasyprint")


class Row(NamedTuple):
    """One thing that was looked for. `package` is the Debian package that brings it."""

    what: str
    status: str
    detail: str
    package: str | None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor", epilog="Example: genomics-dc doctor --output-folder /data/runs")(doctor_command)


def doctor_command(
    folder: Annotated[
        Path, typer.Option("--output-folder", help="Where runs will write; its disk is looked at.")
    ] = Path(),
    database: Annotated[str | None, typer.Option("--database", help="Registry address to try, as sqlite:///F.")] = None,
    compile_kernels: Annotated[
        bool, typer.Option("--compile", help="Compile what later commands would compile at their first use, and stop.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at programs, fonts, disk, database and bundled references; exit with 1 when something needed is missing."""
    if compile_kernels:
        _compile(as_json)
        return
    rows = [*_programs(), *_modules(), _fonts(), _disk(folder), *_database(database), _panels()]
    missing = [row for row in rows if row.status == "missing"]
    packages = sorted({row.package for row in missing if row.package})
    if as_json:
        told = {"checks": [row._asdict() for row in rows], "packages": packages, "ok": not missing}
        print(json.dumps(told))  # noqa: T201 - the command's result
    else:
        for row in rows:
            hint = f" (Debian package {row.package})" if row.package and row.status != "ok" else ""
            print(f"{row.status:<9}{row.what:<22}{row.detail}{hint}")  # noqa: T201
        if packages:
            line = f"sudo apt-get install --yes --no-install-recommends {' '.join(packages)}"
            print(f"install what is missing: {line}")  # noqa: T201
    if missing:
        raise typer.Exit(1)


def _compile(as_json: bool) -> None:
    from genomics_dc.cli.compiling import compile_everything

    with progress_bar() as tell:
        elapsed_s, failed = compile_everything(tell)
    if as_json:
        print(json.dumps({"elapsed_s": round(elapsed_s, 1), "failed": failed}))  # noqa: T201
    else:
        print("\n".join([f"compiled in {elapsed_s:.0f} s", *failed]))  # noqa: T201
    if failed:
        raise typer.Exit(1)


def _programs() -> list[Row]:
    from genomics_dc.tools import PROGRAMS, version_of

    rows = []
    for program in PROGRAMS.values():
        found = version_of(program.name)
        optional = program.needed_for != "run"
        wanted = ".".join(map(str, program.version_min))
        if found is None:
            status, detail = "optional" if optional else "missing", f"not found; needed for {program.needed_for}"
        elif found < program.version_min:
            status, detail = "optional" if optional else "missing", f"{_dotted(found)} is too old, {wanted} is needed"
        else:
            status, detail = "ok", _dotted(found)
        rows.append(Row(program.name, status, detail, program.package))
    return rows


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def _modules() -> list[Row]:
    rows = [Row("python", "ok", sys.version.split()[0], None)]
    for name in _NEEDED_MODULES:
        try:
            if name == "weasyprint":  # the one that needs system libraries, which only an import tells
                import_module(name)
            rows.append(Row(name, "ok", version(name), None))
        except PackageNotFoundError:
            rows.append(Row(name, "missing", "install genomics_dc again with pip", None))
        except OSError as error:
            rows.append(Row(name, "missing", str(error).splitlines()[0], "libpango-1.0-0"))
    return rows


def _fonts() -> Row:
    if shutil.which("fc-list") is None:
        return Row("fonts", "missing", "fc-list is not there", "fontconfig")
    listed = subprocess.run(["fc-list", ":lang=zh-cn", "family"], capture_output=True, text=True, check=False).stdout
    families = sorted({line.split(",")[0] for line in listed.splitlines() if line})
    if not families:
        return Row("fonts for Chinese", "missing", "reports would show boxes", "fonts-noto-cjk")
    return Row("fonts for Chinese", "ok", ", ".join(families[:3]), "fonts-noto-cjk")


def _disk(folder: Path) -> Row:
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free_gb = shutil.disk_usage(existing).free / 1e9
    status = "ok" if free_gb >= _DISK_FREE_MIN_GB else "missing"
    return Row("disk", status, f"{free_gb:.1f} GB free at {existing}, {_DISK_FREE_MIN_GB} GB wanted", None)


def _database(address: str | None) -> list[Row]:
    rows = [Row("sqlite", "ok", sqlite3.sqlite_version, None)]
    try:
        rows.append(Row("psycopg", "ok", version("psycopg"), None))
    except PackageNotFoundError:
        rows.append(Row("psycopg", "optional", "for a PostgreSQL registry: install genomics_dc[postgresql]", None))
    if address is not None:
        from sqlalchemy import create_engine, text
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with create_engine(address).connect() as connection:
                connection.execute(text("select 1"))
            rows.append(Row("registry", "ok", "answers", None))
        except (SQLAlchemyError, ImportError) as error:
            rows.append(Row("registry", "missing", f"does not answer ({type(error).__name__})", None))
    return rows


def _panels() -> Row:
    from genomics_dc.config import PANEL_FOLDER

    panels = sorted(path.stem for path in PANEL_FOLDER.glob("*.yaml"))
    if not panels:
        return Row("panels", "missing", "no panel came with the software: install genomics_dc again", None)
    return Row("panels", "ok", ", ".join(panels), None)
