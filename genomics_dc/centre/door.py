"""The door of the data centre: who may ask what, for which purpose; everything asked is written down."""

from __future__ import annotations

import hashlib
import os
import pwd
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from genomics_dc.centre.cohort import CentreCohort, Members
from genomics_dc.centre.person import CentrePerson
from genomics_dc.cohorts import audit, consent, database, definitions, ids, keys, queries, records
from genomics_dc.cohorts.access import Decision, Policy, Principal
from genomics_dc.cohorts.home import CentreConfig, read_centre
from genomics_dc.cohorts.models import Person
from genomics_dc.errors import GenomicsError, InputError, RefusedError, UsageError
from genomics_dc.files import sha256_file

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session


# The purpose of keeping the registry itself: importing, linking, recording consent. Not of DUO: it opens no data.
REGISTRY_PURPOSE = "registry"


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

    def _members(self, action: str, name: str) -> Members:
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
        return Members(full_name, tuple(rows))

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
