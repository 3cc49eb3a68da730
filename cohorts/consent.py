"""Consent: what people allowed, matched against a purpose at the moment of asking.

Terms are of the GA4GH Data Use Ontology (https://github.com/EBISPOT/DUO). A purpose is allowed when a consent that is
in force names it or a wider term. A modifier on a consent (such as "ethics approval required") blocks research until
the data centre says that it is met: a condition that nobody checked is not met.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from genomics_dc.cohorts.models import Consent, Person, now_utc
from genomics_dc.errors import InputError, UsageError

Scope = Literal["research", "clinical"]

NO_RESTRICTION = "DUO:0000004"
HEALTH_RESEARCH = "DUO:0000006"
DISEASE_RESEARCH = "DUO:0000007"
ANCESTRY_RESEARCH = "DUO:0000011"
GENERAL_RESEARCH = "DUO:0000042"
CLINICAL_CARE = "DUO:0000043"

# What each permission covers, besides itself. Disease-specific research covers only the diseases that it names.
COVERS: Mapping[str, frozenset[str]] = {
    NO_RESTRICTION: frozenset({GENERAL_RESEARCH, HEALTH_RESEARCH, DISEASE_RESEARCH, ANCESTRY_RESEARCH}),
    GENERAL_RESEARCH: frozenset({HEALTH_RESEARCH, DISEASE_RESEARCH, ANCESTRY_RESEARCH}),
    HEALTH_RESEARCH: frozenset({DISEASE_RESEARCH}),
    DISEASE_RESEARCH: frozenset(),
    ANCESTRY_RESEARCH: frozenset(),
    CLINICAL_CARE: frozenset(),
}

# Modifiers that a consent may carry: NPUNCU, PUB, COL, IRB, GS, MOR, TS, US, PS, IS, RTN and the two that forbid.
MODIFIERS = frozenset(
    f"DUO:{number:07d}" for number in (12, 15, 16, 18, 19, 20, 21, 22, 24, 25, 26, 27, 28, 29, 44, 45, 46)
)

_PURPOSE = re.compile(r"(DUO:\d{7})(?:/([A-Za-z]+:[A-Za-z0-9._-]+))?")


@dataclass(frozen=True)
class Purpose:
    """What data are asked for: a DUO permission, with the disease where it is disease-specific."""

    term: str
    disease: str | None = None

    def __str__(self) -> str:
        return self.term if self.disease is None else f"{self.term}/{self.disease}"

    @property
    def scope(self) -> Scope:
        """Return which kind of consent this purpose needs."""
        return "clinical" if self.term == CLINICAL_CARE else "research"


def parse_purpose(text: str) -> Purpose:
    """Return the purpose in "DUO:0000006" or "DUO:0000007/MONDO:0005148"; raise UsageError otherwise."""
    found = _PURPOSE.fullmatch(text)
    if found is None or found.group(1) not in COVERS or found.group(1) == NO_RESTRICTION:
        known = ", ".join(sorted(set(COVERS) - {NO_RESTRICTION}))
        raise UsageError(f"the purpose {text!r} is not known; expected one of {known}, or DUO:0000007/DISEASE")
    purpose = Purpose(found.group(1), found.group(2))
    if (purpose.disease is not None) != (purpose.term == DISEASE_RESEARCH):
        raise UsageError(
            f"a disease belongs to DUO:0000007 and to no other purpose: DUO:0000007/MONDO:…, came {text!r}"
        )
    return purpose


def permits(
    terms: Collection[str],
    diseases: Collection[str],
    modifiers: Collection[str],
    purpose: Purpose,
    *,
    modifiers_met: Collection[str] = (),
) -> bool:
    """Return whether one consent's terms allow the purpose, all its modifiers being met for research."""
    if purpose.scope == "research" and not set(modifiers) <= set(modifiers_met):
        return False
    for term in terms:
        if purpose.term in COVERS[term]:
            return True
        if purpose.term == term and (term != DISEASE_RESEARCH or purpose.disease in diseases):
            return True
    return False


def in_force(consent: Consent, at: datetime) -> bool:
    """Return whether a consent holds at a time: begun, not ended, not withdrawn."""
    return (
        consent.valid_from <= at
        and (consent.valid_to is None or at < consent.valid_to)
        and (consent.withdrawn_at is None or at < consent.withdrawn_at)
    )


def consented_persons(
    session: Session,
    person_ids: Iterable[str],
    purpose: Purpose,
    *,
    modifiers_met: Collection[str] = (),
    at: datetime | None = None,
) -> set[str]:
    """Return those of `person_ids` who allow the purpose now. Nothing is cached: a withdrawal counts at once."""
    moment = at or now_utc()
    wanted = set(person_ids)
    rows = session.scalars(select(Consent).where(Consent.scope == purpose.scope, Consent.withdrawn_at.is_(None)))
    return {
        row.person_id
        for row in rows
        if row.person_id in wanted
        and in_force(row, moment)
        and permits(
            json.loads(row.terms),
            json.loads(row.diseases),
            json.loads(row.modifiers),
            purpose,
            modifiers_met=modifiers_met,
        )
    }


def make(
    person_id: str,
    terms: Sequence[str],
    *,
    diseases: Sequence[str] = (),
    valid_from: datetime | None = None,
    valid_to: datetime | None = None,
    document_sha256: str | None = None,
) -> list[Consent]:
    """Return the consents that terms make, one for each scope they touch; nothing is stored yet."""
    unknown = [term for term in terms if term not in COVERS and term not in MODIFIERS]
    if unknown:
        raise UsageError(f"unknown DUO terms: {', '.join(unknown)}; known permissions are {', '.join(sorted(COVERS))}")
    permissions = sorted({term for term in terms if term in COVERS})
    modifiers = sorted({term for term in terms if term in MODIFIERS})
    if not permissions:
        raise UsageError("a consent needs a permission, such as DUO:0000042 (general research) or DUO:0000043 (care)")
    if (DISEASE_RESEARCH in permissions) != bool(diseases):
        raise UsageError("DUO:0000007 (disease-specific research) and a disease belong together")
    start = valid_from or now_utc()
    if valid_to is not None and valid_to <= start:
        raise UsageError("a consent ends after it begins; its last day is not after its first")
    by_scope: dict[Scope, list[str]] = {
        "research": [term for term in permissions if term != CLINICAL_CARE],
        "clinical": [term for term in permissions if term == CLINICAL_CARE],
    }
    return [
        Consent(
            id=str(uuid.uuid4()),
            person_id=person_id,
            scope=scope,
            terms=json.dumps(scope_terms),
            modifiers=json.dumps(modifiers if scope == "research" else []),
            diseases=json.dumps(sorted(set(diseases)) if scope == "research" else []),
            document_sha256=document_sha256,
            valid_from=start,
            valid_to=valid_to,
        )
        for scope, scope_terms in by_scope.items()
        if scope_terms
    ]


def grant(session: Session, person_id: str, terms: Sequence[str], **options: Any) -> list[Consent]:
    """Record what a person allowed; options as in `make`."""
    if session.get(Person, person_id) is None:
        raise InputError(f"there is no person {person_id} in the registry")
    made = make(person_id, terms, **options)
    session.add_all(made)
    session.flush()
    return made


def withdraw(session: Session, person_id: str, *, scope: Scope | None = None, at: datetime | None = None) -> int:
    """Take back a person's consents (of one scope, or all) from now on; return how many were in force."""
    moment = at or now_utc()
    if session.get(Person, person_id) is None:
        raise InputError(f"there is no person {person_id} in the registry")
    statement = select(Consent).where(Consent.person_id == person_id, Consent.withdrawn_at.is_(None))
    if scope is not None:
        statement = statement.where(Consent.scope == scope)
    count = 0
    for consent in session.scalars(statement):
        count += in_force(consent, moment)
        consent.withdrawn_at = moment
    session.flush()
    return count
