"""What an importer hands over, and putting it into the registry: all of it or nothing.

Importers read a file into a `Batch`; `apply` looks people up, checks everything, and either writes the whole batch or
raises one InputError with every problem. Messages hold file, line and column names, never a value.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from genomics_dc.cohorts import consent, ids
from genomics_dc.cohorts.keys import Keyring, normalised_identifier
from genomics_dc.cohorts.models import (
    Base,
    Consent,
    Demographics,
    Identifier,
    Person,
    Phenotype,
    Placement,
    Relationship,
    Sample,
)
from genomics_dc.errors import InputError, UsageError

PROBLEMS_SHOWN_MAX = 200
_LOOK_UP_AT_ONCE = 500

StoreColumns = Callable[[str], Collection[str]]


@dataclass(frozen=True, repr=False)
class Number:
    """A number that an institution gave a person, in the clear: lives only while a file is read."""

    system: str
    value: str
    kind: str = "MR"


@dataclass(frozen=True, repr=False)
class Who:
    """A person as a file names them: by person id, by sample id, or by numbers."""

    person_id: str | None = None
    sample_id: str | None = None
    numbers: tuple[Number, ...] = ()


@dataclass(frozen=True, repr=False)
class PersonRecord:
    """A person and what a file says of them. `create` allows a new person when nobody has these numbers."""

    where: str
    who: Who
    name: str | None = None
    birth_date: str | None = None
    sex: str | None = None
    create: bool = True


@dataclass(frozen=True, repr=False)
class SampleRecord:
    """A sample, whose it is, and where its genotypes are."""

    where: str
    who: Who
    sample_id: str
    store: str | None = None
    store_column: str | None = None
    specimen: str | None = None
    collected_at: datetime | None = None
    received_at: datetime | None = None


@dataclass(frozen=True, repr=False)
class ParentRecord:
    """A person's father or mother."""

    where: str
    child: Who
    kind: str
    parent: Who


@dataclass(frozen=True, repr=False)
class PhenotypeRecord:
    """One value of one person; `key` is what makes it the same value when it is imported again."""

    where: str
    who: Who
    kind: str
    system: str
    code: str
    key: tuple[str, ...]
    value_number: float | None = None
    value_code: str | None = None
    value_system: str | None = None
    unit: str | None = None
    observed_at: datetime | None = None
    observed_precision: str | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, repr=False)
class ConsentRecord:
    """What a person allowed from a day on; person, terms and day make it the same consent when imported again."""

    where: str
    who: Who
    terms: tuple[str, ...]
    valid_from: datetime
    valid_to: datetime | None = None
    diseases: tuple[str, ...] = ()


@dataclass(repr=False)
class Batch:
    """Everything that one file says, with the problems found while reading it."""

    source: str
    people: list[PersonRecord] = field(default_factory=list)
    samples: list[SampleRecord] = field(default_factory=list)
    parents: list[ParentRecord] = field(default_factory=list)
    phenotypes: list[PhenotypeRecord] = field(default_factory=list)
    consents: list[ConsentRecord] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ImportReport:
    """What an import did, in counts; `person_ids` gives the opaque id for each place in the file."""

    counts: dict[str, int]
    skipped: dict[str, int]
    notes: tuple[str, ...]
    person_ids: tuple[tuple[str, str], ...] = field(repr=False, default=())


def refuse(source: str, problems: Sequence[str]) -> None:
    """Raise InputError with every problem, when there is one."""
    if not problems:
        return
    shown = [f"  {problem}" for problem in problems[:PROBLEMS_SHOWN_MAX]]
    if len(problems) > PROBLEMS_SHOWN_MAX:
        shown.append(f"  and {len(problems) - PROBLEMS_SHOWN_MAX} more")
    noun = "problem" if len(problems) == 1 else "problems"
    raise InputError(f"{source} was not imported, it has {len(problems)} {noun}:\n" + "\n".join(shown))


def apply(
    session: Session, keyring: Keyring, batch: Batch, *, store_columns: StoreColumns | None = None
) -> ImportReport:
    """Write a batch; return the counts. Doing it again changes nothing.

    A value that is absent in the file never erases one in the registry. Numbers that belong to two people are a problem
    and never a merge. `store_columns` gives the sample names of a store, to refuse a sample that is not in it.
    """
    work = _Work(session, keyring, batch)
    # Nothing is written before it is asked for: rows go out table by table, many at once, in the order of their keys.
    with session.no_autoflush:
        work.look_up_numbers()
        for person in batch.people:
            work.person(person)
        work.write_later_rows()
        work.look_up_samples()
        for sample in batch.samples:
            work.sample(sample)
        work.write_later_rows()
        work.place(store_columns)
        session.flush()
    for parent in batch.parents:
        work.parent(parent)
    work.phenotypes()
    work.consents()
    refuse(batch.source, batch.problems)
    session.flush()
    return ImportReport(
        counts=dict(sorted(work.counts.items())),
        skipped=dict(sorted(batch.skipped.items())),
        notes=tuple(batch.notes),
        person_ids=tuple(work.person_ids),
    )


class _Work:
    """One import in progress: who is known so far, and what was done."""

    def __init__(self, session: Session, keyring: Keyring, batch: Batch) -> None:
        self.session = session
        self.keyring = keyring
        self.batch = batch
        self.counts: Counter[str] = Counter()
        self.person_ids: list[tuple[str, str]] = []
        self._by_token: dict[tuple[str, str], str] = {}
        self._by_sample: dict[str, str] = {}
        self._said: dict[str, tuple[str, dict[str, str]]] = {}
        self._known_people: set[str] = set()
        self._demographics: dict[str, Demographics] = {}
        self._samples: dict[str, Sample] = {}
        self._placed: list[tuple[SampleRecord, str]] = []
        self._later: list[Base] = []

    def problem(self, where: str, text: str) -> None:
        self.batch.problems.append(f"{where}: {text}")

    def _token(self, number: Number) -> tuple[str, str]:
        return number.system, self.keyring.identifier_token(number.system, number.value)

    def look_up_numbers(self) -> None:
        """Read who has the numbers of this file, some hundred at a time."""
        everyone = [*(r.who for r in self.batch.people), *(r.who for r in self.batch.samples)]
        everyone += [who for r in self.batch.parents for who in (r.child, r.parent)]
        everyone += [r.who for r in self.batch.phenotypes] + [r.who for r in self.batch.consents]
        tokens = sorted({self._token(number)[1] for who in everyone for number in who.numbers})
        for chunk in _chunks(tokens):
            statement = select(Identifier.system, Identifier.value_token, Identifier.person_id)
            for system, token, person_id in self.session.execute(statement.where(Identifier.value_token.in_(chunk))):
                self._by_token[system, token] = person_id
        person_ids = sorted({who.person_id for who in everyone if who.person_id is not None})
        for chunk in _chunks(person_ids):
            self._known_people.update(self.session.scalars(select(Person.id).where(Person.id.in_(chunk))))

        known = sorted(self._known_people | set(self._by_token.values()))
        for chunk in _chunks(known):
            rows = self.session.scalars(select(Demographics).where(Demographics.person_id.in_(chunk)))
            self._demographics.update((row.person_id, row) for row in rows)

    def write_later_rows(self) -> None:
        """Write the rows that others refer to, then the rows that refer to them."""
        self.session.flush()
        self.session.add_all(self._later)
        self._later.clear()
        self.session.flush()

    def look_up_samples(self) -> None:
        everyone = [r.who.sample_id for r in self.batch.phenotypes] + [r.who.sample_id for r in self.batch.consents]
        everyone += [r.sample_id for r in self.batch.samples]
        for chunk in _chunks(sorted({sample for sample in everyone if sample is not None})):
            for row in self.session.scalars(select(Sample).where(Sample.id.in_(chunk))):
                self._samples[row.id] = row
                self._by_sample[row.id] = row.person_id

    def find(self, where: str, who: Who) -> str | None:
        """Return the person, or note why there is none."""
        found = {self._by_token[token] for token in map(self._token, who.numbers) if token in self._by_token}
        if who.person_id is not None:
            if who.person_id not in self._known_people:
                self.problem(where, "no person in the registry has this person id")
                return None
            found.add(who.person_id)
        if who.sample_id is not None:
            if who.sample_id not in self._by_sample:
                self.problem(where, "this sample is not linked to a person; link it first")
                return None
            found.add(self._by_sample[who.sample_id])
        if len(found) > 1:
            self.problem(where, f"its numbers belong to {len(found)} different people; nothing is merged by itself")
            return None
        if not found:
            self.problem(where, "no person in the registry has this number; import the people first")
            return None
        return found.pop()

    def person(self, record: PersonRecord) -> None:
        known = any(self._token(number) in self._by_token for number in record.who.numbers)
        if record.who.person_id is not None or known or not record.create:
            person_id = self.find(record.where, record.who)
            if person_id is None:
                return
        else:
            person_id = ids.new_person_id()
            self.session.add(Person(id=person_id))
            self._known_people.add(person_id)
            self.counts["people_created"] += 1
        self.person_ids.append((record.where, person_id))
        self._add_numbers(person_id, record.who.numbers)
        self._describe(person_id, record)

    def _add_numbers(self, person_id: str, numbers: Iterable[Number]) -> None:
        for number in numbers:
            system, token = self._token(number)
            if (system, token) in self._by_token:
                continue
            row_id = str(uuid.uuid4())
            encrypted = self.keyring.encrypt(
                ("identifier", "value_encrypted", row_id), normalised_identifier(number.value)
            )
            self._later.append(
                Identifier(
                    id=row_id,
                    person_id=person_id,
                    system=system,
                    kind=number.kind,
                    value_encrypted=encrypted,
                    value_token=token,
                    key_version=self.keyring.version,
                )
            )
            self._by_token[system, token] = person_id
            self.counts["identifiers_added"] += 1

    def _describe(self, person_id: str, record: PersonRecord) -> None:
        said = {
            key: value
            for key, value in (("name", record.name), ("birth_date", record.birth_date), ("sex", record.sex))
            if value and value != "unknown"
        }
        if person_id in self._said:
            where, earlier = self._said[person_id]
            for key in sorted(said.keys() & earlier.keys()):
                if said[key] != earlier[key]:
                    self.problem(record.where, f"the same person as {where}, with another {key.replace('_', ' ')}")
            earlier.update(said)
        else:
            self._said[person_id] = (record.where, dict(said))
        row = self._demographics.get(person_id)
        if row is None:
            row = Demographics(person_id=person_id, sex="unknown", key_version=self.keyring.version)
            self._demographics[person_id] = row
            self._later.append(row)
            stored: dict[str, str | None] = {}
        else:
            stored = demographics(self.keyring, row)
        merged = {**{key: value for key, value in stored.items() if value}, **said}
        changed = [key for key in said if stored.get(key) != said[key]]
        if not changed:
            self.counts["people_unchanged"] += 1
            return
        if stored:
            self.counts["people_updated"] += 1
        # One version for the row: both values are written anew, so that none is left under an older key.
        row.key_version = self.keyring.version
        row.sex = merged.get("sex") or "unknown"
        for key in ("name", "birth_date"):
            value = merged.get(key)
            column = f"{key}_encrypted"
            setattr(row, column, self.keyring.encrypt(("demographics", column, person_id), value) if value else None)

    def sample(self, record: SampleRecord) -> None:
        if not ids.is_sample_id(record.sample_id):
            self.problem(
                record.where, "the sample id has characters other than letters, digits and ._+- (or starts with one)"
            )
            return
        person_id = self.find(record.where, record.who)
        if person_id is None:
            return
        owner = self._by_sample.get(record.sample_id)
        if owner is not None and owner != person_id:
            self.problem(record.where, f"sample {record.sample_id} belongs to another person already; nothing is moved")
            return
        if record.collected_at and record.received_at and record.received_at < record.collected_at:
            self.problem(record.where, f"sample {record.sample_id} was received before it was collected")
            return
        row = self._samples.get(record.sample_id)
        if row is None:
            row = Sample(id=record.sample_id, person_id=person_id)
            self.session.add(row)
            self._samples[row.id] = row
            self._by_sample[row.id] = person_id
            self.counts["samples_added"] += 1
        row.specimen = record.specimen or row.specimen
        row.collected_at = record.collected_at or row.collected_at
        row.received_at = record.received_at or row.received_at
        if record.store is not None:
            self._placed.append((record, record.store))

    def place(self, store_columns: StoreColumns | None) -> None:
        """Say which column of which store holds each sample; a column has one sample, a sample one column a store."""
        stores = sorted({store for _, store in self._placed})
        rows = self.session.scalars(select(Placement).where(Placement.store.in_(stores))) if stores else ()
        of_column: dict[tuple[str, str], str] = {}
        of_sample: dict[tuple[str, str], str] = {}
        for row in rows:
            of_column[row.store, row.store_column] = row.sample_id
            of_sample[row.store, row.sample_id] = row.store_column
        for record, store in self._placed:
            column = record.store_column or record.sample_id
            if store_columns is not None and column not in store_columns(store):
                self.problem(record.where, f"store {store} has no sample {column}")
            elif of_column.get((store, column), record.sample_id) != record.sample_id:
                taken = of_column[store, column]
                self.problem(record.where, f"column {column} of store {store} belongs to sample {taken}")
            elif of_sample.get((store, record.sample_id), column) != column:
                taken = of_sample[store, record.sample_id]
                self.problem(record.where, f"sample {record.sample_id} is column {taken} of store {store} already")
            elif (store, column) not in of_column:
                self.session.add(Placement(sample_id=record.sample_id, store=store, store_column=column))
                of_column[store, column] = record.sample_id
                of_sample[store, record.sample_id] = column
                self.counts["placements_added"] += 1

    def parent(self, record: ParentRecord) -> None:
        child, parent = (
            self.find(record.where, record.child),
            self.find(f"{record.where}: {record.kind}", record.parent),
        )
        if child is None or parent is None:
            return
        if child == parent:
            self.problem(record.where, f"a person is not their own {record.kind}")
            return
        known = self.session.get(Relationship, (child, record.kind))
        if known is None:
            self.session.add(Relationship(child_id=child, kind=record.kind, parent_id=parent))
            self.session.flush()
            self.counts["relationships_added"] += 1
        elif known.parent_id != parent:
            self.problem(record.where, f"the registry knows another {record.kind} of this person")

    def phenotypes(self) -> None:
        resolved: dict[str, tuple[PhenotypeRecord, str]] = {}
        for record in self.batch.phenotypes:
            person_id = self.find(record.where, record.who)
            if person_id is None:
                continue
            token = self.keyring.token("phenotype", person_id, record.system, record.code, *record.key)
            if token in resolved:
                if _values(resolved[token][0]) != _values(record):
                    self.problem(record.where, f"a second, different value of what {resolved[token][0].where} says")
                else:
                    self.batch.skipped["repeated rows"] += 1
                continue
            resolved[token] = (record, person_id)
        stored: dict[str, Phenotype] = {}
        for chunk in _chunks(sorted(resolved)):
            rows = self.session.scalars(select(Phenotype).where(Phenotype.source_token.in_(chunk)))
            stored.update((row.source_token, row) for row in rows)
        for token, (record, person_id) in resolved.items():
            row = stored.get(token)
            if row is None:
                row = Phenotype(id=str(uuid.uuid4()), person_id=person_id, source_token=token)
                self.session.add(row)
                self.counts["phenotypes_added"] += 1
            elif _values(row) == _values(record):
                self.counts["phenotypes_unchanged"] += 1
                continue
            else:
                self.counts["phenotypes_updated"] += 1
            for name in _VALUE_FIELDS:
                setattr(row, name, getattr(record, name))

    def consents(self) -> None:
        found = [(record, self.find(record.where, record.who)) for record in self.batch.consents]
        known: set[tuple[object, ...]] = set()
        for chunk in _chunks(sorted({person_id for _, person_id in found if person_id is not None})):
            known.update(map(_consent_key, self.session.scalars(select(Consent).where(Consent.person_id.in_(chunk)))))
        for record, person_id in found:
            if person_id is None:
                continue
            if not set(record.terms) <= set(consent.COVERS) | consent.MODIFIERS:
                self.problem(record.where, "column terms: expected DUO terms such as DUO:0000042, some are not known")
                continue
            try:
                made = consent.make(
                    person_id,
                    record.terms,
                    diseases=record.diseases,
                    valid_from=record.valid_from,
                    valid_to=record.valid_to,
                )
            except UsageError as error:
                self.problem(record.where, str(error))
                continue
            for row in made:
                if _consent_key(row) in known:
                    self.counts["consents_unchanged"] += 1
                else:
                    known.add(_consent_key(row))
                    self.session.add(row)
                    self.counts["consents_added"] += 1


def _consent_key(row: Consent) -> tuple[object, ...]:
    return row.person_id, row.scope, row.terms, row.modifiers, row.diseases, row.valid_from, row.valid_to


_VALUE_FIELDS = (
    "kind",
    "system",
    "code",
    "value_number",
    "value_code",
    "value_system",
    "unit",
    "observed_at",
    "observed_precision",
    "ended_at",
)


def _values(row: PhenotypeRecord | Phenotype) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in _VALUE_FIELDS)


def _chunks(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[start : start + _LOOK_UP_AT_ONCE] for start in range(0, len(values), _LOOK_UP_AT_ONCE))


def demographics(keyring: Keyring, row: Demographics) -> dict[str, str | None]:
    """Return name, birth date and sex in the clear. Only the data centre calls this, for someone who may see it."""
    opened: dict[str, str | None] = {"sex": row.sex}
    for key in ("name", "birth_date"):
        column = f"{key}_encrypted"
        value: bytes | None = getattr(row, column)
        place = ("demographics", column, row.person_id)
        opened[key] = None if value is None else keyring.decrypt(place, value, row.key_version)
    return opened
