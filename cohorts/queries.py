"""Questions to the registry, each with a name. All take the session and return opaque ids, values or counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from genomics_dc.cohorts import ids
from genomics_dc.cohorts.keys import Keyring
from genomics_dc.cohorts.models import (
    AuditEvent,
    CohortDefinition,
    Consent,
    Demographics,
    Identifier,
    Person,
    Phenotype,
    Placement,
    Relationship,
    Sample,
)
from genomics_dc.errors import InputError

_COUNTED = {
    "people": Person,
    "identifiers": Identifier,
    "samples": Sample,
    "placements": Placement,
    "relationships": Relationship,
    "phenotype_values": Phenotype,
    "consents": Consent,
    "cohort_definitions": CohortDefinition,
    "audit_events": AuditEvent,
}


@dataclass(frozen=True, repr=False)
class TraitValue:
    """A person's value of a trait: a number, or a code. `unit` is as the source wrote it."""

    number: float | None
    code: str | None
    unit: str | None
    observed_at: datetime | None


def person_of_number(session: Session, keyring: Keyring, system: str, value: str) -> str | None:
    """Return the person who has this number in this system, or None."""
    token = keyring.identifier_token(system, value)
    statement = select(Identifier.person_id).where(Identifier.system == system, Identifier.value_token == token)
    return session.scalar(statement)


def resolve_person(session: Session, keyring: Keyring, text: str) -> str:
    """Return the person for a person id, or for SYSTEM|VALUE; raise InputError without repeating the value."""
    system, separator, value = text.rpartition("|")
    if separator:
        found = person_of_number(session, keyring, system, value)
        if found is None:
            raise InputError("nobody in the registry has this number in this system")
        return found
    ids.require_person_id(text)
    if session.get(Person, text) is None:
        raise InputError(f"there is no person {text} in the registry")
    return text


def counts(session: Session) -> dict[str, int]:
    """Return how many rows each table has."""
    return {name: session.scalar(select(func.count()).select_from(table)) or 0 for name, table in _COUNTED.items()}


def sexes(session: Session) -> dict[str, str]:
    """Return the sex of each person of whom something is known."""
    rows = session.execute(select(Demographics.person_id, Demographics.sex))
    return {row.person_id: row.sex for row in rows}


def latest_values(session: Session, system: str, code: str) -> dict[str, TraitValue]:
    """Return each person's latest value of a trait. A value without a time is older than any with one."""
    statement = (
        select(Phenotype)
        .where(Phenotype.system == system, Phenotype.code == code, Phenotype.kind != "condition")
        .order_by(Phenotype.observed_at, Phenotype.id)
    )
    rows = sorted(session.scalars(statement), key=lambda row: row.observed_at is not None)
    return {row.person_id: TraitValue(row.value_number, row.value_code, row.unit, row.observed_at) for row in rows}


def people_with_condition(session: Session, system: str, code: str) -> set[str]:
    """Return who has or had a condition."""
    statement = select(Phenotype.person_id).where(
        Phenotype.kind == "condition", Phenotype.system == system, Phenotype.code == code
    )
    return set(session.scalars(statement))


def placements(session: Session, *, person_ids: Collection[str] | None = None) -> list[tuple[str, str, str, str]]:
    """Return (person, sample, store, store column) in the order of samples; of all people, or of those given."""
    statement = select(Sample.person_id, Sample.id, Placement.store, Placement.store_column)
    statement = statement.join(Placement, Placement.sample_id == Sample.id).order_by(Sample.id, Placement.store)
    rows = [(row[0], row[1], row[2], row[3]) for row in session.execute(statement)]
    return rows if person_ids is None else [row for row in rows if row[0] in person_ids]


def samples_of(session: Session, person_id: str) -> list[Sample]:
    """Return a person's samples in the order of their ids."""
    return list(session.scalars(select(Sample).where(Sample.person_id == person_id).order_by(Sample.id)))


def parents_of(session: Session, person_id: str) -> dict[str, str]:
    """Return {"father": person id, "mother": person id}, as far as known."""
    statement = select(Relationship.kind, Relationship.parent_id).where(Relationship.child_id == person_id)
    return {row.kind: row.parent_id for row in session.execute(statement)}


def numbers_of(session: Session, keyring: Keyring, person_id: str) -> list[tuple[str, str, str]]:
    """Return a person's (kind, system, value) in the clear. Only the data centre calls this, after a decision."""
    statement = (
        select(Identifier).where(Identifier.person_id == person_id).order_by(Identifier.created_at, Identifier.id)
    )
    return [
        (
            row.kind,
            row.system,
            keyring.decrypt(("identifier", "value_encrypted", row.id), row.value_encrypted, row.key_version),
        )
        for row in session.scalars(statement)
    ]


def units_of(values: Iterable[TraitValue]) -> set[str]:
    """Return the units that values are in; more than one means that they may not be mixed."""
    return {value.unit or "" for value in values if value.number is not None}


def shown_count(count: int, smallest: int) -> int | str:
    """Return a count of people, or "<5" where it is small enough to point at someone. Zero is shown."""
    return count if count == 0 or count >= smallest else f"<{smallest}"


def trait_code(trait: str, aliases: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    """Return (system, code) of a trait: an alias of the data centre, SYSTEM|CODE, or a local name."""
    if trait in aliases:
        return aliases[trait]
    system, separator, code = trait.rpartition("|")
    return (system, code) if separator else ("local", trait)
