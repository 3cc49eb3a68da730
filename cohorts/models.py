"""The registry's tables. Times are UTC; every constraint and index has a name; a repr shows opaque ids alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """A time with its zone, kept as UTC; SQLite has no zones, so they are taken off there and put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return UTC for the database; a time without a zone is a bug, not a guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return a UTC time whatever zone the server speaks."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now_utc() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """The base of all tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime}  # noqa: RUF012  # SQLAlchemy reads it as a class attribute

    def __repr__(self) -> str:
        keys: list[Any] = [getattr(self, column.key) for column in self.__table__.primary_key]
        return f"{type(self).__name__}({', '.join(map(str, keys))})"


class DataKey(Base):
    """A data key wrapped by the key file."""

    __tablename__ = "data_key"
    __table_args__ = (CheckConstraint("use IN ('encryption', 'index')", name="use"),)

    use: Mapped[str] = mapped_column(String(16), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    key_file_label: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now_utc)


class Person(Base):
    """A person, known by an opaque id alone."""

    __tablename__ = "person"

    id: Mapped[str] = mapped_column(String(15), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now_utc)


class Identifier(Base):
    """A number that an institution gave a person: the value encrypted, the token to look it up by."""

    __tablename__ = "identifier"
    __table_args__ = (
        UniqueConstraint("system", "value_token"),
        Index(None, "person_id"),
        CheckConstraint("length(value_token) = 64", name="value_token_length"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    system: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(32))
    value_encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    value_token: Mapped[str] = mapped_column(String(64))
    key_version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now_utc)


class Demographics(Base):
    """Name and birth date (encrypted; the date in ISO form, year or year-month where no more is known) and sex."""

    __tablename__ = "demographics"
    __table_args__ = (CheckConstraint("sex IN ('female', 'male', 'other', 'unknown')", name="sex"),)

    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), primary_key=True)
    name_encrypted: Mapped[bytes | None] = mapped_column(LargeBinary)
    birth_date_encrypted: Mapped[bytes | None] = mapped_column(LargeBinary)
    sex: Mapped[str] = mapped_column(String(8), default="unknown")
    key_version: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(default=now_utc, onupdate=now_utc)


class Sample(Base):
    """A specimen that was sequenced, and whose it is."""

    __tablename__ = "sample"
    __table_args__ = (
        Index(None, "person_id"),
        CheckConstraint("received_at IS NULL OR collected_at IS NULL OR received_at >= collected_at", name="dates"),
    )

    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    specimen: Mapped[str | None] = mapped_column(String(64))
    collected_at: Mapped[datetime | None]
    received_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now_utc)


class Placement(Base):
    """Which column of which store holds a sample's genotypes."""

    __tablename__ = "placement"
    __table_args__ = (UniqueConstraint("store", "store_column"),)

    sample_id: Mapped[str] = mapped_column(ForeignKey("sample.id"), primary_key=True)
    store: Mapped[str] = mapped_column(String(1024), primary_key=True)
    store_column: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=now_utc)


class Relationship(Base):
    """A person's father or mother, as the records say."""

    __tablename__ = "relationship"
    __table_args__ = (
        CheckConstraint("kind IN ('father', 'mother')", name="kind"),
        CheckConstraint("child_id <> parent_id", name="not_self"),
        Index(None, "parent_id"),
    )

    child_id: Mapped[str] = mapped_column(ForeignKey("person.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    parent_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(default=now_utc)


class Phenotype(Base):
    """One value of one person: a number with its unit, a code, or a condition that is present. Never free text."""

    __tablename__ = "phenotype"
    __table_args__ = (
        UniqueConstraint("source_token"),
        Index(None, "system", "code", "person_id"),
        Index(None, "person_id"),
        CheckConstraint("kind IN ('number', 'category', 'condition')", name="kind"),
        CheckConstraint(
            "(kind = 'number') = (value_number IS NOT NULL) AND (kind = 'category') = (value_code IS NOT NULL)",
            name="one_value",
        ),
        CheckConstraint("observed_precision IN ('year', 'month', 'day', 'time')", name="observed_precision"),
        CheckConstraint("(observed_at IS NULL) = (observed_precision IS NULL)", name="observed_whole"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[str] = mapped_column(String(16))
    system: Mapped[str] = mapped_column(String(255))
    code: Mapped[str] = mapped_column(String(128))
    value_number: Mapped[float | None] = mapped_column(Float(53))
    value_code: Mapped[str | None] = mapped_column(String(128))
    value_system: Mapped[str | None] = mapped_column(String(255))
    unit: Mapped[str | None] = mapped_column(String(64))
    observed_at: Mapped[datetime | None]
    observed_precision: Mapped[str | None] = mapped_column(String(8))
    ended_at: Mapped[datetime | None]
    source_token: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now_utc)


class CohortDefinition(Base):
    """Who belongs to a cohort, as criteria. Frozen on first use (a trigger refuses changes after that)."""

    __tablename__ = "cohort_definition"
    __table_args__ = (CheckConstraint("version >= 1", name="version"),)

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    criteria: Mapped[str] = mapped_column(Text)
    criteria_sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now_utc)
    frozen_at: Mapped[datetime | None]


class Consent(Base):
    """What a person allowed, from when to when, and when it was taken back. Terms are DUO, as canonical JSON lists."""

    __tablename__ = "consent"
    __table_args__ = (
        Index(None, "person_id"),
        CheckConstraint("scope IN ('research', 'clinical')", name="scope"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="period"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    scope: Mapped[str] = mapped_column(String(16))
    terms: Mapped[str] = mapped_column(Text)
    modifiers: Mapped[str] = mapped_column(Text)
    diseases: Mapped[str] = mapped_column(Text)
    document_sha256: Mapped[str | None] = mapped_column(String(64))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now_utc)


class AuditEvent(Base):
    """One line of the audit log: canonical JSON, chained by hash. The database refuses UPDATE and DELETE."""

    __tablename__ = "audit_event"
    __table_args__ = (
        UniqueConstraint("prev_hash"),
        CheckConstraint("length(hash) = 64 AND length(prev_hash) = 64", name="hash_length"),
    )

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    payload: Mapped[str] = mapped_column(Text)
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
