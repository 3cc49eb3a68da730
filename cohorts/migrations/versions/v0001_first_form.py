"""The registry's first form: people, samples, phenotypes, cohorts, consent, audit, and the triggers that guard them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    "placement",
    "sample",
    "relationship",
    "phenotype",
    "identifier",
    "demographics",
    "consent",
    "person",
    "data_key",
    "cohort_definition",
    "audit_event",
)

_SQLITE_TRIGGERS = (
    """CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_event
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    """CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    """CREATE TRIGGER cohort_definition_no_update BEFORE UPDATE ON cohort_definition WHEN OLD.frozen_at IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'a cohort definition that was used is frozen'); END""",
    """CREATE TRIGGER cohort_definition_no_delete BEFORE DELETE ON cohort_definition WHEN OLD.frozen_at IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'a cohort definition that was used is frozen'); END""",
)

_POSTGRESQL_TRIGGERS = (
    """CREATE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$""",
    """CREATE TRIGGER audit_event_no_change BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_event_refuse()""",
    """CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse()""",
    """CREATE FUNCTION cohort_definition_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'a cohort definition that was used is frozen'; END $$""",
    """CREATE TRIGGER cohort_definition_no_change BEFORE UPDATE OR DELETE ON cohort_definition
    FOR EACH ROW WHEN (OLD.frozen_at IS NOT NULL) EXECUTE FUNCTION cohort_definition_refuse()""",
)


def upgrade() -> None:
    """Create the tables and the triggers."""
    op.create_table(
        "audit_event",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.CheckConstraint("length(hash) = 64 AND length(prev_hash) = 64", name=op.f("ck_audit_event_hash_length")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_event")),
        sa.UniqueConstraint("prev_hash", name=op.f("uq_audit_event_prev_hash")),
    )
    op.create_table(
        "cohort_definition",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("criteria", sa.Text(), nullable=False),
        sa.Column("criteria_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("version >= 1", name=op.f("ck_cohort_definition_version")),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_cohort_definition")),
    )
    op.create_table(
        "data_key",
        sa.Column("use", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("key_file_label", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("use IN ('encryption', 'index')", name=op.f("ck_data_key_use")),
        sa.PrimaryKeyConstraint("use", "version", name=op.f("pk_data_key")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.String(length=15), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
    )
    op.create_table(
        "consent",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=15), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("modifiers", sa.Text(), nullable=False),
        sa.Column("diseases", sa.Text(), nullable=False),
        sa.Column("document_sha256", sa.String(length=64), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("scope IN ('research', 'clinical')", name=op.f("ck_consent_scope")),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_consent_period")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_consent_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(op.f("ix_consent_person_id"), "consent", ["person_id"], unique=False)
    op.create_table(
        "demographics",
        sa.Column("person_id", sa.String(length=15), nullable=False),
        sa.Column("name_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("birth_date_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("sex", sa.String(length=8), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("sex IN ('female', 'male', 'other', 'unknown')", name=op.f("ck_demographics_sex")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_demographics_person_id_person")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_demographics")),
    )
    op.create_table(
        "identifier",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=15), nullable=False),
        sa.Column("system", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("value_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("value_token", sa.String(length=64), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(value_token) = 64", name=op.f("ck_identifier_value_token_length")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_identifier_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identifier")),
        sa.UniqueConstraint("system", "value_token", name=op.f("uq_identifier_system_value_token")),
    )
    op.create_index(op.f("ix_identifier_person_id"), "identifier", ["person_id"], unique=False)
    op.create_table(
        "phenotype",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=15), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("system", sa.String(length=255), nullable=False),
        sa.Column("code", sa.String(length=128), nullable=False),
        sa.Column("value_number", sa.Float(precision=53), nullable=True),
        sa.Column("value_code", sa.String(length=128), nullable=True),
        sa.Column("value_system", sa.String(length=255), nullable=True),
        sa.Column("unit", sa.String(length=64), nullable=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("observed_precision", sa.String(length=8), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("source_token", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind = 'number') = (value_number IS NOT NULL) AND (kind = 'category') = (value_code IS NOT NULL)",
            name=op.f("ck_phenotype_one_value"),
        ),
        sa.CheckConstraint("kind IN ('number', 'category', 'condition')", name=op.f("ck_phenotype_kind")),
        sa.CheckConstraint(
            "observed_precision IN ('year', 'month', 'day', 'time')", name=op.f("ck_phenotype_observed_precision")
        ),
        sa.CheckConstraint(
            "(observed_at IS NULL) = (observed_precision IS NULL)", name=op.f("ck_phenotype_observed_whole")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_phenotype_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phenotype")),
        sa.UniqueConstraint("source_token", name=op.f("uq_phenotype_source_token")),
    )
    op.create_index(op.f("ix_phenotype_person_id"), "phenotype", ["person_id"], unique=False)
    op.create_index(
        op.f("ix_phenotype_system_code_person_id"), "phenotype", ["system", "code", "person_id"], unique=False
    )
    op.create_table(
        "relationship",
        sa.Column("child_id", sa.String(length=15), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("parent_id", sa.String(length=15), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('father', 'mother')", name=op.f("ck_relationship_kind")),
        sa.CheckConstraint("child_id <> parent_id", name=op.f("ck_relationship_not_self")),
        sa.ForeignKeyConstraint(["child_id"], ["person.id"], name=op.f("fk_relationship_child_id_person")),
        sa.ForeignKeyConstraint(["parent_id"], ["person.id"], name=op.f("fk_relationship_parent_id_person")),
        sa.PrimaryKeyConstraint("child_id", "kind", name=op.f("pk_relationship")),
    )
    op.create_index(op.f("ix_relationship_parent_id"), "relationship", ["parent_id"], unique=False)
    op.create_table(
        "sample",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("person_id", sa.String(length=15), nullable=False),
        sa.Column("specimen", sa.String(length=64), nullable=True),
        sa.Column("collected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "received_at IS NULL OR collected_at IS NULL OR received_at >= collected_at", name=op.f("ck_sample_dates")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_sample_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sample")),
    )
    op.create_index(op.f("ix_sample_person_id"), "sample", ["person_id"], unique=False)
    op.create_table(
        "placement",
        sa.Column("sample_id", sa.String(length=128), nullable=False),
        sa.Column("store", sa.String(length=1024), nullable=False),
        sa.Column("store_column", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["sample_id"], ["sample.id"], name=op.f("fk_placement_sample_id_sample")),
        sa.PrimaryKeyConstraint("sample_id", "store", name=op.f("pk_placement")),
        sa.UniqueConstraint("store", "store_column", name=op.f("uq_placement_store_store_column")),
    )
    postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _POSTGRESQL_TRIGGERS if postgresql else _SQLITE_TRIGGERS:
        op.execute(statement)


def downgrade() -> None:
    """Drop everything: only for a registry that is thrown away."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in _TABLES:
        op.drop_table(table)
    if postgresql:
        op.execute("DROP FUNCTION audit_event_refuse()")
        op.execute("DROP FUNCTION cohort_definition_refuse()")
