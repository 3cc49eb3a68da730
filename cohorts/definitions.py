"""Cohort definitions: criteria as data, versioned, frozen on first use.

A criterion is FIELD OP VALUE. Fields are `sex`, `store`, `condition` (SYSTEM|CODE), or a trait (its latest value). All
criteria must hold. A person without a value fulfils no criterion on it: missing is neither small nor different.
"""

from __future__ import annotations

import hashlib
import json
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from genomics_dc.cohorts import queries
from genomics_dc.cohorts.audit import canonical_json
from genomics_dc.cohorts.models import CohortDefinition, Person, now_utc
from genomics_dc.errors import InputError, UsageError

_CRITERION = re.compile(r"\s*(?P<field>[^\s<>=!]+)\s*(?P<op><=|>=|!=|=|<|>|\bin\b)\s*(?P<value>.+?)\s*")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ORDER: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_PLAIN_FIELDS = ("sex", "store", "condition")


def is_cohort_name(text: str) -> bool:
    """Return whether `text` may be a cohort's name, with or without @VERSION."""
    return bool(re.fullmatch(rf"{_NAME.pattern}(@\d{{1,9}})?", text))


def parse_criterion(text: str) -> dict[str, Any]:
    """Return one criterion as data; raise UsageError with the form that is expected."""
    found = _CRITERION.fullmatch(text)
    if found is None:
        raise UsageError(
            f"--where {text!r} is not understood; expected FIELD OP VALUE, such as 'sex = female' or 'bmi >= 25'"
        )
    field, op, value = found["field"], found["op"], found["value"]
    if op == "in":
        values = [part.strip() for part in value.strip("()").split(",") if part.strip()]
        if not values:
            raise UsageError(f"--where {text!r}: expected a list, such as 'sex in (female, male)'")
        return {"field": field, "op": op, "value": values}
    if op in _ORDER:
        if field in _PLAIN_FIELDS:
            raise UsageError(f"--where {text!r}: {field} has no order; use =, != or in")
        if not _is_number(value):
            raise UsageError(f"--where {text!r}: {op} needs a number")
    return {"field": field, "op": op, "value": value}


def define(session: Session, name: str, where: Sequence[str]) -> CohortDefinition:
    """Store a definition; return it. The same criteria again change nothing; a frozen one gets a new version."""
    if not _NAME.fullmatch(name):
        raise UsageError("a cohort's name has lower-case letters, digits and ._- , such as t2d-2026")
    # Numbers stay text: canonical JSON of fractions differs between programs, and the hash must not.
    criteria = canonical_json({"all": [parse_criterion(text) for text in where]})
    digest = hashlib.sha256(criteria.encode()).hexdigest()
    newest = _newest(session, name)
    if newest is not None and newest.criteria_sha256 == digest:
        return newest
    if newest is not None and newest.frozen_at is None:
        newest.criteria, newest.criteria_sha256 = criteria, digest
        session.flush()
        return newest
    definition = CohortDefinition(
        name=name, version=1 if newest is None else newest.version + 1, criteria=criteria, criteria_sha256=digest
    )
    session.add(definition)
    session.flush()
    return definition


def find(session: Session, name: str) -> CohortDefinition:
    """Return a cohort's newest version, or the one asked for by NAME@VERSION."""
    base, separator, version = name.partition("@")
    if separator:
        found = session.get(CohortDefinition, (base, int(version))) if version.isdecimal() else None
    else:
        found = _newest(session, base)
    if found is None:
        raise InputError(f"there is no cohort {name}; `genomics-dc cohort list` shows those there are")
    return found


def freeze(session: Session, definition: CohortDefinition) -> None:
    """Freeze a definition on its first use; the database refuses changes from then on."""
    if definition.frozen_at is None:
        definition.frozen_at = now_utc()
        session.flush()


def criteria_of(definition: CohortDefinition) -> dict[str, Any]:
    """Return the criteria as data."""
    criteria: dict[str, Any] = json.loads(definition.criteria)
    return criteria


def everything(session: Session) -> list[CohortDefinition]:
    """Return all definitions by name and version."""
    return list(session.scalars(select(CohortDefinition).order_by(CohortDefinition.name, CohortDefinition.version)))


def members(session: Session, criteria: Mapping[str, Any], aliases: Mapping[str, tuple[str, str]]) -> set[str]:
    """Return the people who fulfil all criteria, before consent."""
    people = set(session.scalars(select(Person.id)))
    for criterion in criteria["all"]:
        people &= _matching(session, people, criterion, aliases)
    return people


def _newest(session: Session, name: str) -> CohortDefinition | None:
    version = session.scalar(select(func.max(CohortDefinition.version)).where(CohortDefinition.name == name))
    return None if version is None else session.get(CohortDefinition, (name, version))


def _matching(
    session: Session, people: set[str], criterion: Mapping[str, Any], aliases: Mapping[str, tuple[str, str]]
) -> set[str]:
    field, op, value = criterion["field"], criterion["op"], criterion["value"]
    if field == "sex":
        known = {person: {sex} for person, sex in queries.sexes(session).items() if sex != "unknown"}
        return _equal(known, op, value)
    if field == "store":
        placed: dict[str, set[str]] = {}
        for person, _, store, _ in queries.placements(session):
            placed.setdefault(person, set()).add(store)
        return _equal(placed, op, value)
    if field == "condition":
        wanted = value if op == "in" else [value]
        having: set[str] = set()
        for text in wanted:
            system, separator, code = text.rpartition("|")
            if not separator:
                raise UsageError("a condition is named by SYSTEM|CODE, such as http://snomed.info/sct|44054006")
            having |= queries.people_with_condition(session, system, code)
        # "Not known to have it" is the most that a registry can say; != means exactly that.
        return people - having if op == "!=" else having
    system, code = queries.trait_code(field, aliases)
    values = queries.latest_values(session, system, code)
    if op in _ORDER:
        if len(queries.units_of(values.values())) > 1:
            raise InputError(f"the values of {field} are in different units; they cannot be compared with one number")
        limit = float(value)
        return {p for p, v in values.items() if v.number is not None and _ORDER[op](v.number, limit)}
    return {
        person
        for person, found in values.items()
        if _same(found, value if isinstance(value, list) else [value]) != (op == "!=")
    }


def _equal(known: Mapping[str, set[str]], op: str, value: Any) -> set[str]:
    wanted = set(value) if isinstance(value, list) else {value}
    return {person for person, values in known.items() if bool(values & wanted) != (op == "!=")}


def _same(found: queries.TraitValue, wanted: Sequence[str]) -> bool:
    if found.number is not None:
        return any(_is_number(text) and float(text) == found.number for text in wanted)
    return found.code in wanted


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
