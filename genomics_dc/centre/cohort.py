"""A cohort of the registry, with consent and access applied, over the genotypes of a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from genomics_dc.cohorts import database, queries, records
from genomics_dc.cohorts.emr.dates import full_date
from genomics_dc.cohorts.models import Demographics
from genomics_dc.errors import InputError, UsageError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from genomics_dc.analyses.association import AssociationResult
    from genomics_dc.analyses.view import View
    from genomics_dc.centre.door import DataCentre

_DAYS_PER_YEAR = 365.2425


@dataclass(frozen=True, repr=False)
class Members:
    """A cohort at one moment: (person, sample, store, store column) of everyone who is in it and consents."""

    name: str
    rows: tuple[tuple[str, str, str, str], ...]

    @property
    def sample_ids(self) -> tuple[str, ...]:
        """Sample ids of everyone, each once, sorted."""
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

    def __init__(self, centre: DataCentre, members: Members) -> None:
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
        born = full_date(records.demographics(centre._keyring, row)["birth_date"])
        if at is not None and born is not None:
            birth = datetime(born.year, born.month, born.day, tzinfo=UTC)
            ages[row.person_id] = (at - birth).total_seconds() / 86_400 / _DAYS_PER_YEAR
    return ages
