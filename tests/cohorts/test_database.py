"""The schema: migrations equal models, on both databases; what the database itself refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from genomics_dc.cohorts import database, keys, models
from genomics_dc.errors import OutputExistsError, RegistryError, UsageError
from tests.registry_fixtures import CentreHome


@pytest.fixture
def made(tmp_path: Path, registry_address: str):
    url = database.registry_url(registry_address)
    database.create_registry(url, keys.create_key_file(tmp_path / "k"))
    engine = database.connect(url)
    yield engine
    engine.dispose()


def test_migrations_and_models_are_the_same(made) -> None:
    with made.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, models.Base.metadata) == []


def test_named_checks_are_the_same(made) -> None:
    """Alembic does not compare CHECK constraints, so they are compared here by name."""
    inspector = inspect(made)
    for table in models.Base.metadata.sorted_tables:
        wanted = {c.name for c in table.constraints if c.__class__.__name__ == "CheckConstraint"}
        assert {check["name"] for check in inspector.get_check_constraints(table.name)} == wanted
        assert all(key["name"] for key in inspector.get_foreign_keys(table.name))
        assert inspector.get_pk_constraint(table.name)["name"] == f"pk_{table.name}"


def test_a_difference_would_be_seen(made) -> None:
    with made.begin() as connection:
        connection.execute(text("ALTER TABLE person ADD COLUMN nickname VARCHAR(8)"))
    with made.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), models.Base.metadata) != []


def test_head_revision_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(database.alembic_config()).get_current_head() == database.HEAD_REVISION


def test_down_and_up_again(made) -> None:
    from alembic import command

    config = database.alembic_config()
    with made.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
        command.upgrade(config, "head")
        assert "person" in inspect(connection).get_table_names()


def test_registry_is_made_in_an_empty_database_only(tmp_path: Path, registry_address: str) -> None:
    url = database.registry_url(registry_address)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE other (a INTEGER)"))
    engine.dispose()
    key_file = keys.create_key_file(tmp_path / "k")
    with pytest.raises(OutputExistsError, match="holds tables already"):
        database.create_registry(url, key_file)
    with pytest.raises(RegistryError, match="is not a registry"):
        database.open_registry(url, key_file)


def test_old_schema_is_told(made, tmp_path: Path) -> None:
    with made.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    with pytest.raises(RegistryError, match=r"has schema 0000, this software needs 0001.*cohort upgrade"):
        database.open_registry(made.url, keys.read_key_file(tmp_path / "k"))


@pytest.mark.parametrize("address", ["nonsense", "sqlite://", "sqlite:///:memory:", "mysql://x/y"])
def test_addresses_that_cannot_be_a_registry(address: str) -> None:
    with pytest.raises(UsageError):
        database.registry_url(address)


def test_password_is_not_shown() -> None:
    url = database.registry_url("postgresql://me:geheim@localhost:1/none")
    assert "geheim" not in database.shown(url)
    with pytest.raises(RegistryError) as caught:
        database.open_registry(url, keys.KeyFile("x", b"0" * 32))
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("statement", ["UPDATE audit_event SET payload = 'x'", "DELETE FROM audit_event"])
def test_audit_log_refuses_change(home: CentreHome, statement: str) -> None:
    centre = home.open()
    centre.info()
    with pytest.raises(DBAPIError, match="append-only"), centre._engine.begin() as connection:
        connection.execute(text(statement))
    if centre._engine.dialect.name == "postgresql":
        with pytest.raises(DBAPIError, match="append-only"), centre._engine.begin() as connection:
            connection.execute(text("TRUNCATE audit_event"))
    else:
        with pytest.raises(DBAPIError, match="append-only"), centre._engine.begin() as connection:
            connection.execute(text("REPLACE INTO audit_event SELECT seq, 'x', prev_hash, hash FROM audit_event"))


def test_used_cohort_definition_refuses_change(home: CentreHome) -> None:
    analyst = home.open("analyst", "DUO:0000006")
    analyst.define_cohort("all", [])
    analyst.cohort("all")
    for statement in ("UPDATE cohort_definition SET criteria = '{}'", "DELETE FROM cohort_definition"):
        with pytest.raises(DBAPIError, match="frozen"), analyst._engine.begin() as connection:
            connection.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO relationship (child_id, kind, parent_id, created_at) VALUES ('{p}', 'father', '{p}', '2026-1-1')",
        "INSERT INTO relationship (child_id, kind, parent_id, created_at) VALUES ('{p}', 'uncle', 'x', '2026-01-01')",
        "INSERT INTO sample (id, person_id, created_at) VALUES ('S1', 'nobody', '2026-01-01')",
        "UPDATE demographics SET sex = 'x'",
        "INSERT INTO phenotype (id, person_id, kind, system, code, source_token, created_at)"
        " VALUES ('1', '{p}', 'number', 'local', 'bmi', 'x', '2026-01-01')",
    ],
)
def test_database_refuses_what_cannot_be(home: CentreHome, statement: str) -> None:
    person = home.people("mrn sex\nM1 F")["2"]
    with pytest.raises(DBAPIError), home.open()._engine.begin() as connection:
        connection.execute(text(statement.format(p=person)))
