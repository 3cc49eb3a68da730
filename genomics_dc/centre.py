"""The data centre: the one place where people meet numbers.

`open_centre` reads centre.yaml (registry, key file, stores, policy, principals) and gives a `DataCentre` for one
principal and one purpose. Every question is decided by the policy, then by consent, and written to the audit log before
anything is shown; when the log cannot be written, nothing is shown. Genotypes come from the stores by opaque sample id,
phenotypes and identity from the registry.

Who the principal is, is taken from centre.yaml and, where it names an `account`, from the operating system: there is no
login here. Whoever can read the key file and the database is trusted by the machine, not by this module.
"""

from __future__ import annotations

import hashlib
import os
import pwd
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from genomics_dc.cohorts import audit, consent, database, definitions, ids, keys, queries, records
from genomics_dc.cohorts.access import Decision, Policy, Principal
from genomics_dc.cohorts.home import DEFAULT_POLICY, CentreConfig, StoreHome, create_centre, read_centre, upgrade_centre
from genomics_dc.cohorts.models import Demographics, Person
from genomics_dc.errors import GenomicsError, InputError, RefusedError, UsageError
from genomics_dc.files import sha256_file
from genomics_dc.reports.subject import Subject

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from genomics_dc.analyses.association import AssociationResult
    from genomics_dc.analyses.view import View
    from genomics_dc.cohorts.models import Sample
    from genomics_dc.reports.render import Reports
    from genomics_dc.screening.model import Findings

__all__ = [
    "DEFAULT_POLICY",
    "REGISTRY_PURPOSE",
    "CentreCohort",
    "CentreConfig",
    "CentrePerson",
    "DataCentre",
    "PersonFindings",
    "StoreHome",
    "create_centre",
    "open_centre",
    "read_centre",
    "upgrade_centre",
]

# The purpose of keeping the registry itself: importing, linking, recording consent. Not of DUO: it opens no data.
REGISTRY_PURPOSE = "registry"

_DAYS_PER_YEAR = 365.2425


def open_centre(path: Path | str, *, purpose: str, principal: str | None = None) -> DataCentre:
    """Open a data centre for a principal with a purpose.

    Parameters
    ----------
    path
        centre.yaml.
    purpose
        A DUO permission ("DUO:0000006"; "DUO:0000007/MONDO:…" for one disease; "DUO:0000043" for care), or "registry"
        for keeping the registry itself.
    principal
        A name under `principals` in centre.yaml; the default is its `principal`.

    Raises
    ------
    RefusedError
        The principal is not known, or the operating-system account is not the principal's. This is audited.
    """
    config, policy = read_centre(path)
    if purpose != REGISTRY_PURPOSE:
        consent.parse_purpose(purpose)
    url = database.registry_url(config.registry, home=config.home)
    engine, keyring = database.open_registry(url, keys.read_key_file(config.keys))
    name = principal or config.principal
    roles, account = config.principals.get(name, (frozenset[str](), None))
    centre = DataCentre(config, policy, engine, keyring, Principal(name, roles), purpose)
    if name not in config.principals:
        # The name is not written down: it may be anything that was typed.
        centre.principal = Principal("unknown", roles)
        centre.refuse("centre.open", "centre", "the principal is not in the data centre file")
    if account is not None and account != pwd.getpwuid(os.geteuid()).pw_name:
        centre.refuse("centre.open", "centre", f"principal {name} belongs to another account of this machine")
    return centre


class DataCentre:
    """Registry, stores and policy for one principal with one purpose. Use it in a `with` block, or close it."""

    def __init__(
        self,
        config: CentreConfig,
        policy: Policy,
        engine: Engine,
        keyring: keys.Keyring,
        principal: Principal,
        purpose: str,
    ) -> None:
        self.config = config
        self.policy = policy
        self.principal = principal
        self.purpose = purpose
        self._engine = engine
        self._keyring = keyring
        self._columns: dict[str, set[str]] = {}

    def __repr__(self) -> str:
        return f"DataCentre({self.config.path.name}, principal {self.principal.name}, purpose {self.purpose})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    # Decisions. Everything below goes through these three.

    def authorize(self, action: str, resource: str) -> Decision:
        """Decide, and write the decision to the audit log; raise RefusedError when it is no.

        The log is written and committed first: when that fails, the error goes out and nothing is shown.
        """
        decision = self.policy.authorize(self.principal, action, resource, {"purpose": self.purpose})
        if not decision.allowed:
            self.refuse(action, resource, decision.reason)
        self._write(action, "allowed", resource, decision.reason)
        return decision

    def refuse(self, action: str, resource: str, reason: str) -> None:
        """Write a denial to the audit log, then raise RefusedError."""
        self._write(action, "denied", resource, reason)
        raise RefusedError(f"refused: {action} by {self.principal.name} for purpose {self.purpose}: {reason}")

    @contextmanager
    def _changing(self, action: str, resource: str) -> Iterator[tuple[Session, dict[str, audit.Detail]]]:
        """Give a session for an allowed change; the change and its audit event are committed together or not at all."""
        self.authorize(action, resource)
        details: dict[str, audit.Detail] = {}
        try:
            with database.transaction(self._engine) as session:
                yield session, details
                event = self._event(action, "done", resource, "", details)
                audit.append(session, event, anchor=self.config.audit_anchor)
        except GenomicsError as error:
            # The message may name files; the log gets the kind of failure alone.
            self._write(action, "failed", resource, type(error).__name__)
            raise

    def _event(
        self, action: str, outcome: str, resource: str, reason: str, details: Mapping[str, audit.Detail]
    ) -> audit.Event:
        return audit.Event(
            action=action,
            outcome=outcome,
            principal=self.principal.name,
            roles=tuple(sorted(self.principal.roles)),
            resource=resource,
            purpose=self.purpose,
            reason=reason,
            details=details,
        )

    def _write(
        self, action: str, outcome: str, resource: str, reason: str, details: Mapping[str, audit.Detail] | None = None
    ) -> None:
        with database.transaction(self._engine) as session:
            event = self._event(action, outcome, resource, reason, details or {})
            audit.append(session, event, anchor=self.config.audit_anchor)

    # Keeping the registry.

    def import_table(
        self, path: Path | str, *, mapping: Path | str | None = None, traits: bool = False
    ) -> records.ImportReport:
        """Import people, samples or values from a hospital table; `traits` reads `sample` + numeric trait columns."""
        from genomics_dc.cohorts.emr import table

        if traits:
            if mapping is not None:
                raise UsageError("a table of traits needs no map; use `import table` with --map instead")
            return self._import(path, lambda: table.read_traits(path))
        plan = None if mapping is None else table.read_map(mapping)
        return self._import(path, lambda: table.read_table(path, plan))

    def import_consents(self, path: Path | str) -> records.ImportReport:
        """Import a table of consents. A line that was imported before, and withdrawn since, stays withdrawn."""
        from genomics_dc.cohorts.emr import table

        return self._import(path, lambda: table.read_consents(path))

    def import_fhir(self, path: Path | str, *, source: str = "hospital") -> records.ImportReport:
        """Import a FHIR R4 bundle of Patient, Observation and Condition from the server called `source`."""
        from genomics_dc.cohorts.emr import fhir

        return self._import(path, lambda: fhir.read_bundle(path, source=source))

    def _import(self, path: Path | str, read: Any) -> records.ImportReport:
        with self._changing("registry.import", "registry") as (session, details):
            batch: records.Batch = read()
            report = records.apply(session, self._keyring, batch, store_columns=self._store_columns)
            details["file_sha256"] = sha256_file(path)
            details.update(report.counts)
            return report

    def find(self, number: str) -> str:
        """Return the person id of SYSTEM|VALUE (or of a person id, checked)."""
        self.authorize("registry.find", "registry")
        with database.transaction(self._engine) as session:
            return queries.resolve_person(session, self._keyring, number)

    def link(
        self,
        sample_id: str,
        person: str,
        *,
        store: str | None = None,
        store_column: str | None = None,
        specimen: str | None = None,
    ) -> records.ImportReport:
        """Say whose a sample is (`person`: person id or SYSTEM|VALUE) and which column of which store holds it."""
        with self._changing("registry.link", f"sample:{_shown_sample(sample_id)}") as (session, details):
            person_id = queries.resolve_person(session, self._keyring, person)
            record = records.SampleRecord(
                "the link",
                records.Who(person_id=person_id),
                sample_id,
                store=None if store is None else self._store_name(store),
                store_column=store_column,
                specimen=specimen,
            )
            batch = records.Batch("the link", samples=[record])
            report = records.apply(session, self._keyring, batch, store_columns=self._store_columns)
            details["person"] = person_id
            details.update(report.counts)
            return report

    def grant_consent(
        self,
        person: str,
        terms: Sequence[str],
        *,
        diseases: Sequence[str] = (),
        valid_from: datetime | None = None,
        valid_to: datetime | None = None,
        document: Path | str | None = None,
    ) -> int:
        """Record what a person allowed; return how many consents were written."""
        with self._changing("consent.record", "consent") as (session, details):
            person_id = queries.resolve_person(session, self._keyring, person)
            made = consent.grant(
                session,
                person_id,
                terms,
                diseases=diseases,
                valid_from=valid_from,
                valid_to=valid_to,
                document_sha256=None if document is None else sha256_file(document),
            )
            details.update(person=person_id, granted=",".join(sorted(terms)))
            return len(made)

    def withdraw_consent(self, person: str, *, scope: consent.Scope | None = None) -> int:
        """Take back a person's consents from now on; return how many were in force. The next query obeys."""
        with self._changing("consent.record", "consent") as (session, details):
            person_id = queries.resolve_person(session, self._keyring, person)
            count = consent.withdraw(session, person_id, scope=scope)
            details.update(person=person_id, withdrawn=count)
            return count

    def define_cohort(self, name: str, where: Sequence[str]) -> str:
        """Define a cohort by criteria; return NAME@VERSION."""
        with self._changing("cohort.define", _shown_cohort(name)) as (session, details):
            definition = definitions.define(session, name, where)
            details.update(version=definition.version, criteria_sha256=definition.criteria_sha256)
            return f"{definition.name}@{definition.version}"

    # Counts.

    def info(self) -> dict[str, int | str]:
        """Return how much the registry holds, small counts of people hidden."""
        self.authorize("registry.read", "registry")
        with database.transaction(self._engine) as session:
            found = queries.counts(session)
        people = ("people", "samples", "placements", "identifiers", "relationships", "consents", "phenotype_values")
        return {name: self._shown(count) if name in people else count for name, count in found.items()}

    def list_cohorts(self) -> list[dict[str, int | str | bool]]:
        """Return each cohort with its criteria and how many people fulfil them and consent to this purpose."""
        self.authorize("cohort.list", "cohort:*")
        rows: list[dict[str, int | str | bool]] = []
        with database.transaction(self._engine) as session:
            for definition in definitions.everything(session):
                people = definitions.members(session, definitions.criteria_of(definition), self.config.traits)
                row: dict[str, int | str | bool] = {
                    "cohort": f"{definition.name}@{definition.version}",
                    "frozen": definition.frozen_at is not None,
                    "criteria": definition.criteria,
                    "people": self._shown(len(people)),
                }
                if self.purpose != REGISTRY_PURPOSE:
                    row["consenting"] = self._shown(len(self._consenting(session, people)))
                rows.append(row)
        return rows

    def _shown(self, count: int) -> int | str:
        return queries.shown_count(count, self.policy.counts_shown_min)

    def verify_audit(self, *, anchor: Path | str | None = None) -> audit.Verification:
        """Verify the audit log against its own chain and the anchor file; then write down that it was verified.

        The verification comes before the writing, so that a log that was cut off is read as it was found.
        """
        decision = self.policy.authorize(self.principal, "audit.verify", "audit", {"purpose": self.purpose})
        if not decision.allowed:
            self.refuse("audit.verify", "audit", decision.reason)
        with database.transaction(self._engine) as session:
            found = audit.verify(session, anchor=Path(anchor) if anchor is not None else self._existing_anchor())
        details = {"rows": found.rows, "findings": len(found.findings)}
        self._write("audit.verify", "done", "audit", decision.reason, details)
        return found

    def _existing_anchor(self) -> Path | None:
        """Return the anchor file; a log that nothing was ever written to has none yet."""
        anchor = self.config.audit_anchor
        if anchor is None or anchor.exists():
            return anchor
        with database.transaction(self._engine) as session:
            return anchor if queries.counts(session)["audit_events"] else None

    # People and numbers.

    def cohort(self, name: str) -> CentreCohort:
        """Return a cohort's consenting people as opaque samples; the definition is frozen from now on."""
        self.authorize("cohort.read", _shown_cohort(name))
        return CentreCohort(self, self._members("cohort.read", name))

    def person(self, person: str) -> CentrePerson:
        """Return one person, who must consent to the purpose."""
        person_id = ids.require_person_id(person)
        self._person_decision("person.read", person_id)
        return CentrePerson(self, person_id)

    def _person_decision(self, action: str, person_id: str) -> None:
        """Decide on an action on one person: rule first, then consent at this moment."""
        decision = self.policy.authorize(self.principal, action, f"person:{person_id}", {"purpose": self.purpose})
        if not decision.allowed:
            self.refuse(action, f"person:{person_id}", decision.reason)
        with database.transaction(self._engine) as session:
            known = session.get(Person, person_id) is not None
            consenting = bool(self._consenting(session, {person_id}))
        if known and not consenting:
            self.refuse(action, f"person:{person_id}", f"no consent in force allows {self.purpose}")
        self._write(action, "allowed" if known else "failed", f"person:{person_id}", decision.reason)
        if not known:
            raise InputError(f"there is no person {person_id} in the registry")

    def _consenting(self, session: Session, people: set[str]) -> set[str]:
        if self.purpose == REGISTRY_PURPOSE:
            return set()
        purpose = consent.parse_purpose(self.purpose)
        return consent.consented_persons(session, people, purpose, modifiers_met=self.config.modifiers_met)

    def _members(self, action: str, name: str) -> _Members:
        """Return who is in a cohort at this moment, after consent; freeze it and write down how many."""
        with database.transaction(self._engine) as session:
            definition = definitions.find(session, name)
            definitions.freeze(session, definition)
            criteria = definitions.criteria_of(definition)
            people = definitions.members(session, criteria, self.config.traits)
            consenting = self._consenting(session, people)
            rows = queries.placements(session, person_ids=consenting)
            full_name = f"{definition.name}@{definition.version}"
            samples = sorted({row[1] for row in rows})
            details: dict[str, audit.Detail] = {
                "criteria_sha256": definition.criteria_sha256,
                "people": len(people),
                "consenting": len(consenting),
                "samples": len(samples),
                "samples_sha256": hashlib.sha256("\n".join(samples).encode()).hexdigest(),
            }
            event = self._event(action, "done", f"cohort:{full_name}", "", details)
            audit.append(session, event, anchor=self.config.audit_anchor)
        return _Members(full_name, tuple(rows))

    # Stores.

    def _store_name(self, store: str) -> str:
        """Return the name of a store in centre.yaml, or the full path of one that has no name there."""
        if store in self.config.stores:
            return store
        path = Path(store).resolve()
        for name, known in self.config.stores.items():
            if known.path.resolve() == path:
                return name
        if not path.exists():
            raise InputError(f"{store} is neither a store of {self.config.path.name} nor a path that exists")
        return str(path)

    def store_path(self, store: str) -> Path:
        """Return where a store is, by its name in the registry."""
        return self.config.stores[store].path if store in self.config.stores else Path(store)

    def panel(self, panel: str) -> str:
        """Return the path of a panel in the centre's own folder, or the name as it came."""
        own = None if self.config.panels is None else self.config.panels / f"{panel}.yaml"
        return str(own) if own is not None and "/" not in panel and own.is_file() else panel

    def _store_columns(self, store: str) -> set[str]:
        from genomics_dc.store.read import StoreView

        if store not in self._columns:
            if store not in self.config.stores and not Path(store).is_absolute():
                raise InputError(f"there is no store {store} in {self.config.path.name}")
            self._columns[store] = {str(name) for name in StoreView.open(self.store_path(store)).sample_ids}
        return self._columns[store]


def _shown_sample(sample_id: str) -> str:
    """Return a sample id for the log, or a stand-in when it has not the form of one and may be anything."""
    return sample_id if ids.is_sample_id(sample_id) else "(not a sample id)"


def _shown_cohort(name: str) -> str:
    """Return a cohort for the log, or a stand-in when it has not the form of a name and may be anything."""
    return f"cohort:{name}" if definitions.is_cohort_name(name) else "cohort:(not a cohort name)"


@dataclass(frozen=True, repr=False)
class _Members:
    """A cohort at one moment: (person, sample, store, store column) of everyone who is in it and consents."""

    name: str
    rows: tuple[tuple[str, str, str, str], ...]

    @property
    def sample_ids(self) -> tuple[str, ...]:
        return tuple(sorted({row[1] for row in self.rows}))

    def in_store(self, store: str | None) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Return the store and (person, column) of one sample each: of people with several, the first by sample id."""
        stores = sorted({row[2] for row in self.rows})
        if not stores:
            raise InputError(f"cohort {self.name} has no sample in a store that may be used for this purpose")
        if store is None:
            if len(stores) > 1:
                raise UsageError(f"cohort {self.name} is in several stores; choose one of {', '.join(stores)}")
            store = stores[0]
        first: dict[str, str] = {}
        for person, _, where, column in self.rows:
            if where == store:
                first.setdefault(person, column)
        if not first:
            raise InputError(f"cohort {self.name} has no sample in store {store}; it is in {', '.join(stores)}")
        return store, tuple(first.items())


class CentreCohort:
    """A cohort as opaque samples, after policy and consent. What it computes asks again: consent may have changed."""

    def __init__(self, centre: DataCentre, members: _Members) -> None:
        self._centre = centre
        self._members = members
        self.name = members.name

    def __repr__(self) -> str:
        return f"CentreCohort({self.name}, {self._centre._shown(len(self.sample_ids))} samples)"

    @property
    def sample_ids(self) -> tuple[str, ...]:
        """Return the opaque sample ids, sorted, as they were when the cohort was opened."""
        return self._members.sample_ids

    def view(self, *, store: str | None = None) -> View:
        """Return a view of the cohort's genotypes in one store, after asking policy and consent again."""
        return self._open("cohort.read", store)[0]

    def associate(
        self,
        trait: str,
        *,
        covariates: Sequence[str] = (),
        store: str | None = None,
        maf: float | None = None,
        hwe: float | None = None,
        missing: float | None = None,
        **options: Any,
    ) -> AssociationResult:
        """Return the association of a trait: phenotypes from the registry, genotypes from the store.

        Parameters
        ----------
        trait
            A name under `traits` in centre.yaml, SYSTEM|CODE, or a local trait. The latest value of each person counts.
        covariates
            The same, or `sex` (female 0, male 1) and `age` (years at the trait's time, else at collection).
        store
            Needed when the cohort's samples are in several stores.
        maf, hwe, missing
            Variants to keep, judged over the cohort's samples; see `StoreView.variants`.
        **options
            Passed to `View.associate`: model, threads, progress.
        """
        view, people = self._open("cohort.associate", store)
        if len(people) < self._centre.policy.counts_shown_min:
            self._centre.refuse(
                "cohort.associate",
                f"cohort:{self.name}",
                f"fewer than {self._centre.policy.counts_shown_min} people: a result would speak about single persons",
            )
        phenotypes, covariate_table = self._centre_tables(people, trait, covariates)
        if covariate_table is not None:
            options["covariates"] = covariate_table
        kept = view.variants(maf=maf, hwe=hwe, missing=missing)
        return kept.associate(phenotypes, traits=[trait], **options)

    def _open(self, action: str, store: str | None) -> tuple[View, tuple[tuple[str, str], ...]]:
        from genomics_dc.analyses.view import open_store

        self._centre.authorize(action, f"cohort:{self.name}")
        name, people = self._centre._members(action, self.name).in_store(store)
        view = open_store(self._centre.store_path(name)).samples([column for _, column in people])
        return view, people

    def _centre_tables(
        self, people: tuple[tuple[str, str], ...], trait: str, covariates: Sequence[str]
    ) -> tuple[Any, Any | None]:
        import pyarrow as pa

        centre = self._centre
        samples = pa.array([column for _, column in people])
        with database.transaction(centre._engine) as session:
            values = _trait_values(session, centre, trait)
            if not values:
                raise InputError(f"the registry has no value of {trait}; see `traits` in {centre.config.path.name}")
            phenotypes = pa.table({"sample_id": samples, trait: _column(people, values)})
            if not covariates:
                return phenotypes, None
            columns = {"sample_id": samples}
            for name in covariates:
                columns[name] = _column(people, _covariate(session, centre, name, trait))
        return phenotypes, pa.table(columns)


def _column(people: Sequence[tuple[str, str]], values: Mapping[str, float]) -> Any:
    import pyarrow as pa

    return pa.array([values.get(person) for person, _ in people], pa.float64())


def _trait_values(session: Session, centre: DataCentre, trait: str) -> dict[str, float]:
    """Return each person's latest number of a trait; mixed units are refused."""
    system, code = queries.trait_code(trait, centre.config.traits)
    found = queries.latest_values(session, system, code)
    units = queries.units_of(found.values())
    if len(units) > 1:
        shown = ", ".join(sorted(unit or "(none)" for unit in units))
        raise InputError(f"the values of {trait} are in different units ({shown}); they may not be mixed")
    return {person: value.number for person, value in found.items() if value.number is not None}


def _covariate(session: Session, centre: DataCentre, name: str, trait: str) -> dict[str, float]:
    values = _trait_values(session, centre, name)
    if not values and name == "sex":
        coded = {"female": 0.0, "male": 1.0}
        return {person: coded[sex] for person, sex in queries.sexes(session).items() if sex in coded}
    if not values and name == "age":
        return _ages(session, centre, trait)
    if not values:
        raise InputError(f"the registry has no value of the covariate {name}")
    return values


def _ages(session: Session, centre: DataCentre, trait: str) -> dict[str, float]:
    """Return ages in years at the trait's time, or at the collection of the first sample where the trait has none."""
    from sqlalchemy import select

    system, code = queries.trait_code(trait, centre.config.traits)
    moments = {p: v.observed_at for p, v in queries.latest_values(session, system, code).items() if v.observed_at}
    ages: dict[str, float] = {}
    for row in session.scalars(select(Demographics).where(Demographics.birth_date_encrypted.is_not(None))):
        at = moments.get(row.person_id) or next(
            (s.collected_at for s in queries.samples_of(session, row.person_id) if s.collected_at), None
        )
        born = _full_date(records.demographics(centre._keyring, row)["birth_date"])
        if at is not None and born is not None:
            birth = datetime(born.year, born.month, born.day, tzinfo=UTC)
            ages[row.person_id] = (at - birth).total_seconds() / 86_400 / _DAYS_PER_YEAR
    return ages


def _full_date(text: str | None) -> date | None:
    """Return a date that is known to the day, or None: a year alone is not the first of January."""
    return date.fromisoformat(text) if text is not None and len(text) == len("YYYY-MM-DD") else None


class CentrePerson:
    """One person, known here by an opaque id; who it is shows only in `subject`, for a role that may."""

    def __init__(self, centre: DataCentre, person_id: str) -> None:
        self._centre = centre
        self.person_id = person_id

    def __repr__(self) -> str:
        return f"CentrePerson({self.person_id})"

    def samples(self) -> list[tuple[str, str, str]]:
        """Return (sample id, store, store column) of everything that was sequenced of this person."""
        self._centre._person_decision("person.read", self.person_id)
        with database.transaction(self._centre._engine) as session:
            return [row[1:] for row in queries.placements(session, person_ids={self.person_id})]

    def subject(self, sample_id: str | None = None, *, indication: str | None = None) -> Subject:
        """Return who this is, for the head of a report; only for a role that may identify people, and audited."""
        self._centre._person_decision("person.identify", self.person_id)
        with database.transaction(self._centre._engine) as session:
            sample = self._sample(session, sample_id)
            row = session.get(Demographics, self.person_id)
            known = {} if row is None else records.demographics(self._centre._keyring, row)
            numbers = queries.numbers_of(session, self._centre._keyring, self.person_id)
            record_number = next((value for kind, _, value in numbers if kind == "MR"), None)
            return Subject(
                person_id=self.person_id,
                sample_id=sample_id or sample.id,
                name=known.get("name"),
                sex=known.get("sex"),
                birth_date=_full_date(known.get("birth_date")),
                medical_record_number=record_number,
                specimen=sample.specimen,
                collected=sample.collected_at.date() if sample.collected_at else None,
                received=sample.received_at.date() if sample.received_at else None,
                indication=indication,
            )

    def pseudonym(self, sample_id: str | None = None) -> Subject:
        """Return the head of a report without identity: person id, sample id and specimen dates."""
        self._centre._person_decision("person.report", self.person_id)
        with database.transaction(self._centre._engine) as session:
            sample = self._sample(session, sample_id)
            return Subject(
                person_id=self.person_id,
                sample_id=sample_id or sample.id,
                specimen=sample.specimen,
                collected=sample.collected_at.date() if sample.collected_at else None,
                received=sample.received_at.date() if sample.received_at else None,
            )

    def _sample(self, session: Session, sample_id: str | None) -> Sample:
        """Return the sample by its id or by its column in a store; the only one when none is asked for."""
        samples = queries.samples_of(session, self.person_id)
        if sample_id is not None:
            rows = queries.placements(session, person_ids={self.person_id})
            wanted = {sample_id, *(sample for _, sample, _, column in rows if column == sample_id)}
            samples = [sample for sample in samples if sample.id in wanted]
        if not samples:
            raise InputError(f"person {self.person_id} has no such sample; `genomics-dc cohort link` links one")
        if len(samples) > 1:
            names = ", ".join(sample.id for sample in samples)
            raise UsageError(f"person {self.person_id} has several samples; choose one of {names}")
        return samples[0]

    def screen(
        self,
        panels: Sequence[str],
        *,
        sample: str | None = None,
        store: str | None = None,
        affected: bool | None = None,
        callable_fraction_min: float | None = None,
    ) -> PersonFindings:
        """Return what panels find in this person's genotypes; see `screening.screen`.

        Parents count when the registry knows them, their samples are in the same store, and they consent to this
        purpose; otherwise they are unknown to the screening, never reference.

        Parameters
        ----------
        panels
            Names (in the centre's `panels` folder, or of those that come with the software) or paths.
        sample, store
            Needed when the person has several.
        affected
            Whether the person has the condition; some criteria are judged only when true.
        """
        from genomics_dc.screening.screen import screen

        if not panels:
            raise UsageError("name at least one panel")
        centre = self._centre
        centre._person_decision("person.screen", self.person_id)
        with database.transaction(centre._engine) as session:
            store_name, column = self._place(session, sample, store)
            parents = self._parents(session, store_name)
            sex = queries.sexes(session).get(self.person_id)
        home = centre.config.stores.get(store_name)
        if home is None or home.genes is None:
            raise InputError(
                f"{centre.config.path.name} must name store {store_name} under `stores` and gene models under "
                "`references: genes`"
            )
        callable_bed = home.callable / f"{column}.bed" if home.callable.is_dir() else home.callable
        findings = tuple(
            screen(
                home.path,
                column,
                centre.panel(panel),
                home.annotation,
                callable_bed,
                home.genes,
                home.identity,
                father=parents.get("father"),
                mother=parents.get("mother"),
                sex="male" if sex == "male" else "female" if sex == "female" else None,
                affected=affected,
                callable_fraction_min=callable_fraction_min,
            )
            for panel in panels
        )
        return PersonFindings(self, findings)

    def findings(self, panels: Sequence[str], *, sample: str | None = None) -> PersonFindings:
        """Return what a run found already: `{column}.{panel}.json` in the centre's `findings` folder."""
        from pydantic import ValidationError

        from genomics_dc.screening.model import Findings

        centre = self._centre
        centre._person_decision("person.screen", self.person_id)
        folder = centre.config.findings
        if folder is None:
            raise InputError(f"{centre.config.path.name} names no folder of `findings`; use `screen`")
        with database.transaction(centre._engine) as session:
            _, column = self._place(session, sample, None)
        found = []
        for panel in panels:
            path = folder / f"{column}.{panel}.json"
            try:
                found.append(Findings.model_validate_json(path.read_bytes()))
            except OSError as error:
                raise InputError(f"{path}: findings cannot be read: {error.strerror}") from error
            except ValidationError:
                raise InputError(f"{path} does not hold findings of this version; run the screening again") from None
        if not found:
            raise UsageError("name at least one panel")
        return PersonFindings(self, tuple(found))

    def _place(self, session: Session, sample: str | None, store: str | None) -> tuple[str, str]:
        rows = queries.placements(session, person_ids={self.person_id})
        found = [
            (where, column)
            for _, name, where, column in rows
            if sample in (None, name, column) and store in (None, where)
        ]
        if not found:
            raise InputError(
                f"person {self.person_id} has no such sample in a store; `genomics-dc cohort link` links one"
            )
        if len(found) > 1:
            shown = ", ".join(f"{column} in {where}" for where, column in found)
            raise UsageError(f"person {self.person_id} has several samples; choose by sample and store: {shown}")
        return found[0]

    def _parents(self, session: Session, store: str) -> dict[str, str]:
        """Return the store columns of the parents who consent to this purpose and have one sample in the store."""
        columns: dict[str, str] = {}
        for kind, parent in queries.parents_of(session, self.person_id).items():
            rows = [row for row in queries.placements(session, person_ids={parent}) if row[2] == store]
            if len(rows) == 1 and self._centre._consenting(session, {parent}):
                columns[kind] = rows[0][3]
        return columns


class PersonFindings:
    """What panels found in one person, still without identity."""

    def __init__(self, person: CentrePerson, findings: tuple[Findings, ...]) -> None:
        self._person = person
        self.findings = findings

    def __repr__(self) -> str:
        return f"PersonFindings({self._person.person_id}, {', '.join(one.panel for one in self.findings)})"

    def report(
        self, *, lang: Sequence[str] = ("zh-CN", "en"), identify: bool = True, indication: str | None = None
    ) -> Reports:
        """Return the reports, one for each panel; `.write(folder)` makes the pages.

        With `identify` the head of the report says who it is, for a role that may; without, it shows ids alone.
        """
        from genomics_dc.reports.model import build
        from genomics_dc.reports.render import Reports

        person = self._person
        person._centre._person_decision("person.report", person.person_id)
        sample = self.findings[0].sample_id
        subject = person.subject(sample, indication=indication) if identify else person.pseudonym(sample)
        return Reports(tuple(build(one, subject) for one in self.findings), tuple(lang))
