"""Fixtures of the registry and the data centre: a real PostgreSQL, a registry on either database, a centre."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import create_engine, make_url, text

from genomics_dc.centre import DataCentre, create_centre, open_centre

_POSTGRESQL = Path("/usr/lib/postgresql/15/bin")
_numbers = itertools.count()

ROLES = {
    "registrar": ["registrar"],
    "analyst": ["analyst"],
    "doctor": ["clinician"],
    "laboratory": ["laboratory"],
    "auditor": ["auditor"],
    "root": ["administrator"],
}


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The socket folder of a PostgreSQL 15 that lives as long as the tests; skips where it is not installed."""
    if not (_POSTGRESQL / "initdb").exists():
        pytest.skip("PostgreSQL 15 is not installed (Debian package postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="gdc-pg-", dir="/tmp"))  # a socket path may have 107 characters at most
    prefix: list[str] = []
    if os.geteuid() == 0:  # initdb refuses root
        prefix = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
        shutil.chown(folder, "postgres", "postgres")

    def run(*words: str) -> None:
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        subprocess.run([*prefix, *words], check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL)

    data = folder / "data"
    try:
        run(str(_POSTGRESQL / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=40"
        start = ["-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start"]
        run(str(_POSTGRESQL / "pg_ctl"), *start)
        try:
            yield str(folder)
        finally:
            run(str(_POSTGRESQL / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("postgresql"))]


def _new_database(folder: str, template: str = "template1") -> str:
    """Make a PostgreSQL database as a copy of another one; return its address."""
    name = f"registry_{os.getpid()}_{next(_numbers)}"
    address = f"postgresql+psycopg://postgres@/{{}}?host={folder}"
    engine = create_engine(address.format("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    engine.dispose()
    return address.format(name)


@pytest.fixture(params=_KINDS)
def registry_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/registry.db"
    return _new_database(request.getfixturevalue("postgresql_server"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a new data centre on SQLite, to be copied: the migrations run once and not for each test."""
    folder = tmp_path_factory.mktemp("centre")
    create_centre(folder / "centre.yaml", registry="sqlite:///registry.db", key_file="registry.key")
    return folder


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a new data centre on PostgreSQL, and the name of its database, to be copied."""
    folder, address = tmp_path_factory.mktemp("centre"), _new_database(postgresql_server)
    create_centre(folder / "centre.yaml", registry=address, key_file="registry.key")
    return folder, str(make_url(address).database)


class CentreHome:
    """A folder with a data centre, opened as anyone."""

    def __init__(self, folder: Path, template: Path, registry: str = "sqlite:///registry.db") -> None:
        self.folder = folder
        self.path = folder / "centre.yaml"
        shutil.copytree(template, folder, dirs_exist_ok=True)
        self.change(registry=registry)
        self.change(principals={name: {"roles": roles} for name, roles in ROLES.items()}, principal="registrar")
        self._opened: list[DataCentre] = []

    def change(self, **values: Any) -> None:
        """Change keys of centre.yaml."""
        document = yaml.safe_load(self.path.read_text()) | values
        self.path.write_text(yaml.safe_dump(document, allow_unicode=True))

    def open(self, principal: str = "registrar", purpose: str = "registry") -> DataCentre:
        centre = open_centre(self.path, purpose=purpose, principal=principal)
        self._opened.append(centre)
        return centre

    def write(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.write_text(content, encoding="utf-8")
        return path

    def people(self, lines: str, name: str = "people.tsv") -> dict[str, str]:
        """Import a table given with spaces for tabs; return {line: person id}."""
        table = "\n".join("\t".join(line.split()) for line in lines.strip().splitlines()) + "\n"
        report = self.open().import_table(self.write(name, table))
        return {where.rsplit(":", 1)[-1]: person for where, person in report.person_ids}

    def close(self) -> None:
        for centre in self._opened:
            centre.close()


@pytest.fixture(params=_KINDS)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CentreHome]:
    """A data centre on each kind of database."""
    if request.param == "sqlite":
        made = CentreHome(tmp_path, request.getfixturevalue("sqlite_template"))
    else:
        folder, database = request.getfixturevalue("postgresql_template")
        made = CentreHome(tmp_path, folder, _new_database(request.getfixturevalue("postgresql_server"), database))
    yield made
    made.close()


@pytest.fixture
def sqlite_home(tmp_path: Path, sqlite_template: Path) -> Iterator[CentreHome]:
    """A data centre on SQLite, where the kind of database does not matter."""
    made = CentreHome(tmp_path, sqlite_template)
    yield made
    made.close()


@pytest.fixture
def drop_audit_guards() -> Callable[[DataCentre], None]:
    """Give a function that goes round the database's refusal, as an intruder with the database's password would."""

    def drop(centre: DataCentre) -> None:
        with centre._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.execute(text("DROP TRIGGER audit_event_no_update"))
                connection.execute(text("DROP TRIGGER audit_event_no_delete"))
            else:
                connection.execute(text("DROP TRIGGER audit_event_no_change ON audit_event"))

    return drop
