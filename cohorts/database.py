"""Reaching the registry's database: SQLite or PostgreSQL, one schema, sessions that the caller holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from genomics_dc.cohorts import keys
from genomics_dc.errors import MissingExtraError, OutputExistsError, RegistryError, UsageError

# Kept as a constant so that opening a registry does not load Alembic; a test holds it to the newest migration.
HEAD_REVISION = "0001"

_BUSY_TIMEOUT_S = 60


def registry_url(registry: str, *, home: Path | str = ".") -> URL:
    """Return the database address; a relative SQLite file is taken from `home` (the folder of centre.yaml)."""
    try:
        url = make_url(registry)
    except ArgumentError:
        raise UsageError(
            "the registry address is not understood; expected sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
        ) from None
    backend = url.get_backend_name()
    if backend == "sqlite":
        if not url.database or url.database == ":memory:":
            raise UsageError("a registry needs a file: sqlite:///registry.db, or sqlite:////full/path/registry.db")
        return url.set(drivername="sqlite", database=str(Path(home, url.database)))
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    raise UsageError(f"a registry is kept in SQLite or PostgreSQL, not in {backend}")


def shown(url: URL) -> str:
    """Return the address without its password, for messages."""
    return url.render_as_string(hide_password=True)


def connect(url: URL) -> Engine:
    """Return an engine that never puts values into its messages."""
    try:
        if url.get_backend_name() == "sqlite":
            return _connect_sqlite(url)
        return create_engine(url, hide_parameters=True, pool_pre_ping=True)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise MissingExtraError(
            "PostgreSQL needs psycopg; install it with: pip install 'genomics_dc[postgresql]'"
        ) from error


def _connect_sqlite(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": _BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # Python's driver starts transactions late and on its own; here SQLAlchemy says when (see "begin" below).
        connection.isolation_level = None
        for pragma in ("foreign_keys=ON", "recursive_triggers=ON", "synchronous=FULL", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # IMMEDIATE takes the write lock before the head of the audit chain is read: two writers queue up, instead of
        # both reading the same head and one of them failing at commit.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """Give a session whose work is committed when the block ends well, and undone otherwise."""
    with explain_database_errors(engine), Session(engine) as session, session.begin():
        yield session


@contextmanager
def explain_database_errors(engine: Engine) -> Iterator[None]:
    """Turn a database failure into one sentence that holds no value."""
    try:
        yield
    except DBAPIError as error:
        reason = _plain_reason(error)
        raise RegistryError(f"the registry {shown(engine.url)} refused: {reason}; nothing was changed") from None
    except SQLAlchemyError as error:
        raise RegistryError(f"the registry {shown(engine.url)} failed ({type(error).__name__})") from None


def _plain_reason(error: DBAPIError) -> str:
    """Return what the driver says, cut before anything that could quote a row."""
    lines = str(error.orig).strip().splitlines()
    first = lines[0] if lines else ""
    # PostgreSQL quotes values in "invalid input ... : "VALUE"" and in DETAIL lines; both are cut.
    return first.split('"')[0].strip(" :") or type(error.orig).__name__


def create_registry(url: URL, key_file: keys.KeyFile) -> None:
    """Create the tables by the migrations and the data keys by the key file; refuse a database that has tables.

    Raises
    ------
    OutputExistsError
        The database is a registry already, or holds other tables.
    RegistryError
        The database cannot be reached.
    """
    if url.get_backend_name() == "sqlite":
        _make_private_file(Path(str(url.database)))
    engine = connect(url)
    try:
        with explain_database_errors(engine):
            if inspect(engine).get_table_names():
                raise OutputExistsError(f"{shown(url)} holds tables already; a registry is made in an empty database")
            with engine.begin() as connection:
                migrate(connection)
                with Session(connection, join_transaction_mode="create_savepoint") as session, session.begin():
                    keys.create_data_keys(session, key_file)
    finally:
        engine.dispose()


def _make_private_file(path: Path) -> None:
    """Create an empty SQLite file that its owner alone may read, before SQLite makes it readable by all."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise RegistryError(f"the registry {path} cannot be created: {error.strerror}") from error


def upgrade_registry(url: URL, key_file: keys.KeyFile) -> None:
    """Bring a registry that the key file opens to the newest schema, in one transaction."""
    engine = connect(url)
    try:
        with explain_database_errors(engine):
            if not inspect(engine).has_table("alembic_version"):
                raise RegistryError(f"{shown(url)} is not a registry; `genomics-dc cohort init` makes one")
            with engine.begin() as connection:
                migrate(connection)
                keys.open_keyring(Session(connection), key_file)
    finally:
        engine.dispose()


def migrate(connection: Any, revision: str = "head") -> None:
    """Bring the tables to a revision, inside the connection's transaction."""
    from alembic import command

    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def alembic_config() -> Any:
    """Return the Alembic configuration, which needs no file of its own."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def open_registry(url: URL, key_file: keys.KeyFile) -> tuple[Engine, keys.Keyring]:
    """Return the engine and the opened keys of a registry; raise RegistryError when it is not one."""
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        raise RegistryError(f"there is no registry at {shown(url)}; `genomics-dc cohort init` makes one")
    engine = connect(url)
    try:
        with explain_database_errors(engine):
            if not inspect(engine).has_table("alembic_version"):
                raise RegistryError(f"{shown(url)} is not a registry; `genomics-dc cohort init` makes one")
        with transaction(engine) as session:
            revision = session.scalar(text("SELECT version_num FROM alembic_version"))
            if revision != HEAD_REVISION:
                raise RegistryError(
                    f"the registry {shown(url)} has schema {revision}, this software needs {HEAD_REVISION}; "
                    "make a backup, then run `genomics-dc cohort upgrade`"
                )
            return engine, keys.open_keyring(session, key_file)
    except BaseException:
        engine.dispose()
        raise
