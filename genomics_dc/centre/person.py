"""One person: identity for those who may see it, findings, and the report that joins both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from genomics_dc.cohorts import database, queries, records
from genomics_dc.cohorts.emr.dates import full_date
from genomics_dc.cohorts.models import Demographics
from genomics_dc.errors import InputError, UsageError
from genomics_dc.reports.subject import Subject

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from genomics_dc.centre.door import DataCentre
    from genomics_dc.cohorts.models import Sample
    from genomics_dc.reports.render import Reports
    from genomics_dc.screening.model import Findings


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
                birth_date=full_date(known.get("birth_date")),
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
