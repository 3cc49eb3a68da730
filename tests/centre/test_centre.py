"""The data centre: policy, consent, audit, and where people meet numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from genomics_dc.analyses.view import open_store
from genomics_dc.centre import create_centre, open_centre, read_centre, upgrade_centre
from genomics_dc.cohorts import database
from genomics_dc.cohorts.models import AuditEvent
from genomics_dc.errors import InputError, OutputExistsError, RefusedError, RegistryError, UsageError
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf
from tests.registry_fixtures import CentreHome

RESEARCH, CARE = "DUO:0000006", "DUO:0000043"
N = 24


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 samples S0000 to S0023 x 40 variants."""
    folder = tmp_path_factory.mktemp("store")
    vcf = write_cohort_vcf(folder / "c.vcf", n_samples=N, n_variants=40, missing_rate=0.0)
    build_store(vcf, folder / "c.vcz", workers=1)
    return folder / "c.vcz"


def events(home: CentreHome) -> list[dict[str, Any]]:
    with database.transaction(home.open()._engine) as session:
        return [json.loads(text) for text in session.scalars(select(AuditEvent.payload).order_by(AuditEvent.seq))]


def fill(home: CentreHome, store: Path) -> dict[str, str]:
    """Import 24 people with a trait; return {sample: person id}."""
    home.change(stores={"cohort": str(store)}, traits={"hba1c": "http://loinc.org|4548-4"})
    lines = ["mrn name birth_date sex sample store collected"]
    for number in range(N):
        sex = "FM"[number % 2]
        lines.append(f"M{number} Canary{number} {1950 + number}-06-01 {sex} S{number:04d} cohort 2026-01-01")
    people = home.people("\n".join(lines))
    traits = ["sample\tbmi\tpack_years"]
    traits += [f"S{number:04d}\t{20 + (number * 7) % 11}\t{number % 5}" for number in range(N)]
    home.open().import_table(home.write("traits.tsv", "\n".join(traits) + "\n"), traits=True)
    return {f"S{int(line) - 2:04d}": person for line, person in people.items()}


def consent_all(home: CentreHome, people: dict[str, str], terms: str) -> None:
    lines = ["person\tterms\tfrom", *(f"{person}\t{terms}\t2026-01-01" for person in people.values())]
    home.open().import_consents(home.write("consents.tsv", "\n".join(lines) + "\n"))


def test_nobody_is_in_a_cohort_without_consent_and_withdrawal_counts_at_once(home: CentreHome, store: Path) -> None:
    people = fill(home, store)
    analyst = home.open("analyst", RESEARCH)
    analyst.define_cohort("everyone", [])
    assert analyst.cohort("everyone").sample_ids == ()
    consent_all(home, people, RESEARCH)
    cohort = analyst.cohort("everyone")
    assert cohort.sample_ids == tuple(sorted(people))
    home.open().withdraw_consent(people["S0003"])
    assert "S0003" not in analyst.cohort("everyone").sample_ids
    # The cohort object that was opened before the withdrawal computes without the person, too.
    assert "S0003" not in set(cohort.view().sample_ids)
    assert cohort.view().n_samples == N - 1


def test_consent_to_one_purpose_is_none_to_another(sqlite_home: CentreHome, store: Path) -> None:
    people = fill(sqlite_home, store)
    consent_all(sqlite_home, people, RESEARCH)
    analyst = sqlite_home.open("analyst", "DUO:0000011")
    analyst.define_cohort("everyone", [])
    assert analyst.cohort("everyone").sample_ids == ()
    with pytest.raises(RefusedError, match="no consent in force"):
        sqlite_home.open("doctor", CARE).person(people["S0000"])


def test_association_equals_the_one_by_hand(sqlite_home: CentreHome, store: Path) -> None:
    people = fill(sqlite_home, store)
    consent_all(sqlite_home, people, RESEARCH)
    sqlite_home.open().withdraw_consent(people["S0005"])
    analyst = sqlite_home.open("analyst", RESEARCH)
    analyst.define_cohort("c", ["bmi >= 20"])
    by_centre = analyst.cohort("c").associate("bmi", covariates=["sex", "age"], maf=0.05)

    import pandas as pd

    numbers = [number for number in range(N) if number != 5]
    born = pd.to_datetime([f"{1950 + number}-06-01" for number in numbers])
    frame = pd.DataFrame({
        "sample_id": [f"S{number:04d}" for number in numbers],
        "bmi": [20.0 + (number * 7) % 11 for number in numbers],
        "sex": [float(number % 2) for number in numbers],
        "age": (pd.Timestamp("2026-01-01") - born).days / 365.2425,
    })  # fmt: skip
    view = open_store(store).samples(list(frame["sample_id"])).variants(maf=0.05)
    by_hand = view.associate(frame[["sample_id", "bmi"]], traits=["bmi"], covariates=frame[["sample_id", "sex", "age"]])
    assert by_centre.table.num_rows == by_hand.table.num_rows > 10
    for column in ("beta", "standard_error", "neg_log_10_p_value"):
        ours, theirs = (result.to_pandas()[column].to_numpy(float) for result in (by_centre, by_hand))
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, equal_nan=True)
    assert "Canary" not in str(by_centre.table.to_pydict())
    assert "P-" not in str(by_centre.table.to_pydict())


def test_association_on_few_people_or_without_values_is_told(sqlite_home: CentreHome, store: Path) -> None:
    people = fill(sqlite_home, store)
    consent_all(sqlite_home, dict(list(people.items())[:3]), RESEARCH)
    analyst = sqlite_home.open("analyst", RESEARCH)
    analyst.define_cohort("c", [])
    with pytest.raises(RefusedError, match="fewer than 5 people"):
        analyst.cohort("c").associate("bmi")
    consent_all(sqlite_home, people, RESEARCH)
    with pytest.raises(InputError, match="no value of hba1c"):
        analyst.cohort("c").associate("hba1c")
    with pytest.raises(InputError, match="no value of the covariate height"):
        analyst.cohort("c").associate("bmi", covariates=["height"])


def test_identity_is_shown_to_a_clinician_for_care_alone(home: CentreHome, store: Path) -> None:
    people = fill(home, store)
    consent_all(home, people, f"{RESEARCH} {CARE}")
    person = people["S0002"]
    subject = home.open("doctor", CARE).person(person).subject()
    assert (subject.name, subject.medical_record_number, subject.sex) == ("Canary2", "M2", "female")
    assert subject.birth_date is not None
    assert subject.birth_date.isoformat() == "1952-06-01"
    assert subject.collected is not None
    assert "Canary" not in repr(subject)
    laboratory = home.open("laboratory", CARE).person(person)
    pseudonym = laboratory.pseudonym()
    assert (pseudonym.name, pseudonym.medical_record_number, pseudonym.birth_date) == (None, None, None)
    with pytest.raises(RefusedError, match=r"no rule .* allows person\.identify to laboratory"):
        laboratory.subject()
    for principal, purpose in (
        ("doctor", RESEARCH), ("analyst", RESEARCH), ("registrar", "registry"), ("root", CARE), ("auditor", CARE),
    ):  # fmt: skip
        with pytest.raises(RefusedError):
            home.open(principal, purpose).person(person)
    home.open().withdraw_consent(person, scope="clinical")
    with pytest.raises(RefusedError, match="no consent in force"):
        home.open("doctor", CARE).person(person)


def test_separation_of_duties(sqlite_home: CentreHome, store: Path) -> None:
    people = fill(sqlite_home, store)
    table = sqlite_home.folder / "people.tsv"
    for principal in ("analyst", "doctor", "laboratory", "auditor", "root"):
        with pytest.raises(RefusedError):
            sqlite_home.open(principal).import_table(table)
        with pytest.raises(RefusedError):
            sqlite_home.open(principal).withdraw_consent(people["S0000"])
    sqlite_home.open("analyst", RESEARCH).define_cohort("c", [])
    for principal in ("registrar", "doctor", "laboratory", "auditor", "root"):
        with pytest.raises(RefusedError):
            sqlite_home.open(principal, RESEARCH).cohort("c")


def test_every_decision_is_in_the_log(sqlite_home: CentreHome, store: Path) -> None:
    people = fill(sqlite_home, store)
    with pytest.raises(RefusedError):
        sqlite_home.open("analyst", CARE).person(people["S0001"])
    last = events(sqlite_home)[-1]
    assert (last["action"], last["outcome"], last["principal"]) == ("person.read", "denied", "analyst")
    assert (last["resource"], last["purpose"], last["roles"]) == (f"person:{people['S0001']}", CARE, ["analyst"])
    assert last["reason"]
    with pytest.raises(InputError):
        sqlite_home.open().import_table(sqlite_home.write("bad.tsv", "mrn\tsex\nM1\tCanary\n"))
    assert [event["outcome"] for event in events(sqlite_home)[-2:]] == ["allowed", "failed"]
    assert "Canary" not in json.dumps(events(sqlite_home))


def test_unknown_person_and_wrong_id(sqlite_home: CentreHome, store: Path) -> None:
    doctor = sqlite_home.open("doctor", CARE)
    with pytest.raises(InputError, match="no person P-SMRY908B7500H"):
        doctor.person("P-SMRY908B7500H")
    with pytest.raises(InputError, match="not a person id") as caught:
        doctor.person("Canary7")
    assert "Canary" not in str(caught.value)


def test_unknown_principal_and_foreign_account_are_refused_and_logged(sqlite_home: CentreHome) -> None:
    with pytest.raises(RefusedError, match="not in the data centre file"):
        sqlite_home.open("Canary Smith")
    sqlite_home.change(principals={"registrar": {"roles": ["registrar"], "account": "somebody-else"}})
    with pytest.raises(RefusedError, match="belongs to another account"):
        sqlite_home.open()
    sqlite_home.change(principals={"registrar": {"roles": ["registrar"]}})
    assert [event["outcome"] for event in events(sqlite_home)] == ["denied", "denied"]
    assert "Canary" not in json.dumps(events(sqlite_home))


def test_link_checks_the_store(home: CentreHome, store: Path) -> None:
    people = fill(home, store)
    home.change(stores={"cohort": str(store), "again": str(store)})
    centre = home.open()
    assert centre.link("S0001", people["S0001"], store="again").counts == {"placements_added": 1}
    assert centre.link("S0001", "mrn|M1", store=str(store)).counts == {}, "a path is the store that has it"
    with pytest.raises(InputError, match="store again has no sample X1"):
        centre.link("X1", people["S0001"], store="again")
    with pytest.raises(InputError, match="belongs to another person"):
        centre.link("S0001", people["S0002"], store="again")
    with pytest.raises(InputError, match=r"neither a store of centre.yaml nor a path"):
        centre.link("S0001", people["S0001"], store="absent.vcz")
    with pytest.raises(InputError, match="nobody in the registry has this number"):
        centre.link("S0001", "mrn|Canary", store="again")
    consent_all(home, people, RESEARCH)
    analyst = home.open("analyst", RESEARCH)
    analyst.define_cohort("c", ["store = again"])
    assert analyst.cohort("c").sample_ids == ("S0001",)
    with pytest.raises(UsageError, match="several stores; choose one of again, cohort"):
        analyst.cohort("c").view()
    assert list(analyst.cohort("c").view(store="cohort").sample_ids) == ["S0001"]


def test_counts_hide_small_numbers(sqlite_home: CentreHome) -> None:
    sqlite_home.people("mrn sex\nM1 F\nM2 M")
    assert sqlite_home.open().info()["people"] == "<5"


def test_every_problem_of_centre_yaml_is_told_at_once(sqlite_home: CentreHome) -> None:
    sqlite_home.change(stors={}, principal=7, traits={"x": "no-code"})
    with pytest.raises(InputError) as caught:
        sqlite_home.open()
    for words in ("unknown keys (stors)", "principal must be of type string", "traits.x has not the expected form"):
        assert words in str(caught.value)


def test_roles_that_the_policy_does_not_know_are_told(sqlite_home: CentreHome) -> None:
    sqlite_home.change(principals={"x": {"roles": ["king"]}}, principal="y", modifiers_met=["DUO:0000042"])
    with pytest.raises(InputError) as caught:
        sqlite_home.open()
    for words in ("roles that the policy does not know: king", "y is not among", "DUO:0000042 is not a DUO modifier"):
        assert words in str(caught.value)


def test_making_a_centre_is_whole_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "centre.yaml"
    with pytest.raises(UsageError, match="give --registry and --keys"):
        create_centre(path)
    with pytest.raises(RegistryError, match=r"refused|cannot be created"):
        create_centre(path, registry="sqlite:///absent/registry.db", key_file="k")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "registry.db").write_bytes(b"this is not a database, but something of value" * 100)
    with pytest.raises(RegistryError):
        create_centre(path, registry="sqlite:///registry.db", key_file="k")
    assert [entry.name for entry in tmp_path.iterdir()] == ["registry.db"]
    (tmp_path / "registry.db").unlink()
    create_centre(path, registry="sqlite:///registry.db", key_file="k")
    with pytest.raises(OutputExistsError):
        create_centre(path, registry="sqlite:///other.db", key_file="other")
    with pytest.raises(OutputExistsError):
        create_centre(path)
    config, policy = read_centre(path)
    assert config.principal == "staff"
    assert not policy.reviewed
    with open_centre(path, purpose="registry") as centre:
        assert centre.info()["people"] == 0
        assert repr(centre) == "DataCentre(centre.yaml, principal staff, purpose registry)"


def test_key_file_lost_or_open_to_others(sqlite_home: CentreHome) -> None:
    key = sqlite_home.folder / "registry.key"
    key.chmod(0o644)
    with pytest.raises(RegistryError, match="chmod 600"):
        sqlite_home.open()
    key.unlink()
    with pytest.raises(RegistryError, match=r"key file .* is not there"):
        sqlite_home.open()


@pytest.mark.parametrize("purpose", ["", "curiosity", "DUO:0000004", "DUO:9999999"])
def test_purposes_that_are_none(sqlite_home: CentreHome, purpose: str) -> None:
    with pytest.raises(UsageError, match="purpose"):
        sqlite_home.open("analyst", purpose)


def test_upgrade_of_a_registry_that_is_new_changes_nothing(sqlite_home: CentreHome) -> None:
    assert upgrade_centre(sqlite_home.path) == database.HEAD_REVISION
    assert sqlite_home.open().info()["people"] == 0
