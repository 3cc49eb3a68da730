"""FHIR R4 bundles: Patient, Observation and Condition, read leniently.

Hospitals' bundles differ, so unknown resources and fields are skipped and counted, and only what the registry keeps is
looked at (https://hl7.org/fhir/R4/patient.html, observation.html, condition.html). What is wrong is told by entry
number and field, never by value. Free text (valueString, notes) is never kept: it may hold a name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from genomics_dc.cohorts.emr.dates import Moment, parse_birth_date, parse_moment
from genomics_dc.cohorts.records import Batch, Number, PersonRecord, PhenotypeRecord, Who
from genomics_dc.errors import InputError

SEXES = ("female", "male", "other", "unknown")

# Observation.status and Condition.verificationStatus of values that stand (value sets observation-status and
# condition-ver-status of FHIR R4); the others are not final, or were entered in error.
OBSERVATION_STATUS_KEPT = ("final", "amended", "corrected")
CONDITION_STATUS_KEPT = ("confirmed",)

# When several codings stand side by side, the first of these systems names the value.
PREFERRED_SYSTEMS = ("http://loinc.org", "http://snomed.info/sct")

_PATIENT_ID_SYSTEM = "urn:genomics_dc:fhir-patient-id"


def read_bundle(path: Path | str, *, source: str = "hospital", zone: str = "UTC") -> Batch:
    """Read a bundle into a batch; problems of entries are in the batch, each with its entry number.

    `source` names the server that gave the bundle: resource ids are unique within it, and the same bundle read again
    under the same source changes nothing.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8-sig"), parse_constant=_refuse_constant)
    except OSError as error:
        raise InputError(f"{path}: the bundle cannot be read: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not JSON (column {error.colno})") from None
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise InputError(f"{path}: not JSON in UTF-8 with finite numbers and a sane depth") from None
    if not isinstance(document, dict) or document.get("resourceType") != "Bundle":
        raise InputError(f"{path}: expected a FHIR R4 Bundle (resourceType Bundle)")
    entries = document.get("entry", [])
    if not isinstance(entries, list):
        raise InputError(f"{path}: Bundle.entry must be a list")
    return _Reader(str(path), source, ZoneInfo(zone)).read(entries)


def _refuse_constant(_: str) -> float:
    raise ValueError


class _Reader:
    """One bundle being read."""

    def __init__(self, path: str, source: str, zone: ZoneInfo) -> None:
        self.batch = Batch(path)
        self.path = path
        self.source = source
        self.zone = zone
        self.patients: dict[str, Who] = {}
        self.where = path

    def read(self, entries: list[Any]) -> Batch:
        resources: list[tuple[int, str, dict[str, Any]]] = []
        for number, entry in enumerate(entries, start=1):
            self.where = f"{self.path}: entry {number}"
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
                self.problem("resource", "expected a resource with a resourceType")
                continue
            resources.append((number, _text(entry.get("fullUrl")), resource))
        handlers = {"Patient": self._patient, "Observation": self._observation, "Condition": self._condition}
        for kind, handler in handlers.items():  # patients first: the others refer to them, wherever they stand
            for number, full_url, resource in resources:
                if resource["resourceType"] == kind:
                    self.where = f"{self.path}: entry {number} ({kind})"
                    handler(resource, full_url)
        for _, _, resource in resources:
            if resource["resourceType"] not in handlers:
                self.batch.skipped["resources of other types"] += 1
        return self.batch

    def problem(self, field: str, text: str) -> None:
        self.batch.problems.append(f"{self.where}: {field}: {text}")

    def _patient(self, patient: dict[str, Any], full_url: str) -> None:
        numbers = []
        for position, identifier in enumerate(_list(patient.get("identifier"))):
            if not isinstance(identifier, dict) or _text(identifier.get("use")) == "old":
                continue
            system, value = _text(identifier.get("system")), _text(identifier.get("value"))
            if not value:
                continue
            if not system:
                self.problem(f"identifier[{position}].system", "a number needs the system that gave it")
                continue
            coding = _coding(identifier.get("type"))
            numbers.append(Number(system, value, (coding[1] if coding else "MR")[:32]))
        resource_id = _text(patient.get("id"))
        if resource_id:
            numbers.append(self._resource_number(resource_id))
        if not numbers:
            self.problem("identifier", "expected an identifier with system and value, or an id")
            return
        who = Who(numbers=tuple(numbers))
        for key in filter(None, (full_url, f"Patient/{resource_id}" if resource_id else "")):
            if key in self.patients:
                self.problem("id", "two patients of this bundle have the same id")
            self.patients[key] = who
        sex = _text(patient.get("gender")) or None
        if sex is not None and sex not in SEXES:
            self.problem("gender", f"expected one of {', '.join(SEXES)}")
            sex = None
        birth_date = None
        if text := _text(patient.get("birthDate")):
            birth_date = parse_birth_date(text)
            if birth_date is None:
                self.problem("birthDate", "expected YYYY, YYYY-MM or YYYY-MM-DD, not in the future")
        self.batch.people.append(PersonRecord(self.where, who, _name(patient.get("name")), birth_date, sex))

    def _resource_number(self, resource_id: str) -> Number:
        return Number(f"{_PATIENT_ID_SYSTEM}:{self.source}", resource_id, "RI")

    def _subject(self, resource: dict[str, Any]) -> Who | None:
        subject = resource.get("subject")
        subject = subject if isinstance(subject, dict) else {}
        reference = _text(subject.get("reference"))
        if reference in self.patients:
            return self.patients[reference]
        tail = reference.rsplit("/", 2)
        if len(tail) >= 2 and tail[-2] == "Patient" and tail[-1]:
            return self.patients.get(f"Patient/{tail[-1]}") or Who(numbers=(self._resource_number(tail[-1]),))
        identifier = subject.get("identifier")
        if isinstance(identifier, dict) and _text(identifier.get("system")) and _text(identifier.get("value")):
            return Who(numbers=(Number(_text(identifier["system"]), _text(identifier["value"])),))
        self.problem("subject", "expected a reference to a Patient")
        return None

    def _moment(self, resource: dict[str, Any], *fields: str) -> Moment | None:
        for field in fields:
            value = resource.get(field)
            text = _text(value.get("start")) if isinstance(value, dict) else _text(value)
            if text:
                moment = parse_moment(text, zone=self.zone)
                if moment is None:
                    self.problem(field, "expected a FHIR date or time")
                return moment
        return None

    def _observation(self, observation: dict[str, Any], _: str) -> None:
        if _text(observation.get("status")) not in OBSERVATION_STATUS_KEPT:
            self.batch.skipped["observations that are not final"] += 1
            return
        who = self._subject(observation)
        if who is None:
            return
        observed = self._moment(observation, "effectiveDateTime", "effectiveInstant", "effectivePeriod", "issued")
        resource_id = _text(observation.get("id"))
        self._value(who, observation, "", resource_id, observed)
        for position, component in enumerate(_list(observation.get("component"))):
            if isinstance(component, dict):
                self._value(who, component, f"component[{position}].", resource_id, observed)

    def _value(self, who: Who, holder: dict[str, Any], prefix: str, resource_id: str, observed: Moment | None) -> None:
        present = [key for key in holder if key.startswith("value")]
        if not present:
            if not _list(holder.get("component")):
                self.batch.skipped["observations without a value"] += 1
            return
        coding = _coding(holder.get("code"))
        if coding is None:
            self.problem(f"{prefix}code", "expected a coding with system and code")
            return
        number = level = level_system = unit = None
        value = holder[present[0]]
        if present[0] == "valueQuantity" and isinstance(value, dict):
            if value.get("comparator"):
                self.batch.skipped["values with < or >"] += 1
                return
            number, unit = value.get("value"), _text(value.get("code")) or _text(value.get("unit")) or None
        elif present[0] == "valueInteger":
            number = value
        elif present[0] == "valueBoolean" and isinstance(value, bool):
            level = "true" if value else "false"
        elif present[0] == "valueCodeableConcept":
            concept = _coding(value)
            if concept is None:
                self.batch.skipped["values without a code"] += 1
                return
            level_system, level = concept
        else:
            self.batch.skipped[f"values of type {present[0].removeprefix('value')}"] += 1
            return
        if level is None and not _is_number(number):
            self.problem(f"{prefix}{present[0]}", "expected a finite number")
            return
        self._add(
            who,
            "number" if level is None else "category",
            coding,
            ("observation", self.source, resource_id, prefix) if resource_id else _by_time(observed, number, level),
            observed,
            value_number=None if level is not None else float(number),  # type: ignore[arg-type]
            value_code=level,
            value_system=level_system,
            unit=unit,
        )

    def _condition(self, condition: dict[str, Any], _: str) -> None:
        verification = {code for _, code in _codings(condition.get("verificationStatus"))}
        if verification and not verification & set(CONDITION_STATUS_KEPT):
            self.batch.skipped["conditions that are not confirmed"] += 1
            return
        who = self._subject(condition)
        if who is None:
            return
        coding = _coding(condition.get("code"))
        if coding is None:
            self.batch.skipped["conditions without a code"] += 1
            return
        start = self._moment(condition, "onsetDateTime", "onsetPeriod", "recordedDate")
        end = self._moment(condition, "abatementDateTime", "abatementPeriod")
        resource_id = _text(condition.get("id"))
        key = ("condition", self.source, resource_id) if resource_id else _by_time(start, None, None)
        self._add(who, "condition", coding, key, start, ended_at=end.at if end else None)

    def _add(
        self,
        who: Who,
        kind: str,
        coding: tuple[str, str],
        key: tuple[str, ...],
        observed: Moment | None,
        **values: Any,
    ) -> None:
        self.batch.phenotypes.append(
            PhenotypeRecord(
                self.where,
                who,
                kind=kind,
                system=coding[0],
                code=coding[1],
                key=key,
                observed_at=observed.at if observed else None,
                observed_precision=observed.precision if observed else None,
                **values,
            )
        )


def _by_time(observed: Moment | None, number: Any, level: str | None) -> tuple[str, ...]:
    """Return what makes a value the same when its resource has no id."""
    return "at", observed.iso if observed else "", repr(number), level or ""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _codings(concept: Any) -> list[tuple[str, str]]:
    """Return all (system, code) of a CodeableConcept."""
    return [
        (_text(coding.get("system"))[:255], _text(coding.get("code"))[:128])
        for coding in (_list(concept.get("coding")) if isinstance(concept, Mapping) else [])
        if isinstance(coding, dict) and _text(coding.get("code")) and _text(coding.get("system"))
    ]


def _coding(concept: Any) -> tuple[str, str] | None:
    """Return (system, code) of a CodeableConcept, a preferred system first."""
    codings = _codings(concept)
    rank = {system: position for position, system in enumerate(PREFERRED_SYSTEMS)}
    return min(codings, key=lambda coding: rank.get(coding[0], len(rank)), default=None)


def _name(names: Any) -> str | None:
    """Return a person's name as one text: the official one where there are several."""
    choices = [name for name in _list(names) if isinstance(name, dict)]
    order = {"official": 0, "usual": 1, "": 2}
    for name in sorted(choices, key=lambda choice: order.get(_text(choice.get("use")), 3)):
        given = [_text(part) for part in _list(name.get("given"))]
        whole = _text(name.get("text")) or " ".join(filter(None, [*given, _text(name.get("family"))]))
        if whole:
            return whole
    return None
