"""FHIR R4 bundles: kept, skipped, refused, and read again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from genomics_dc.cohorts import database, queries, records
from genomics_dc.cohorts.emr import fhir
from genomics_dc.cohorts.models import Demographics, Phenotype
from genomics_dc.errors import InputError
from tests.registry_fixtures import CentreHome

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"


def coding(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": "urn:local", "code": "x"}, {"system": system, "code": code}]}


def patient(identity: str = "pat-1", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": identity,
        "identifier": [{"system": "urn:hospital:mrn", "value": f"MRN-{identity}", "type": coding("urn:v2", "MR")}],
        "name": [{"use": "nickname", "text": "Nick"}, {"use": "official", "family": "王", "given": ["小明"]}],
        "gender": "male",
        "birthDate": "1980-02",
        **more,
    }


def observation(identity: str = "obs-1", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "code": coding(LOINC, "4548-4"),
        "subject": {"reference": "Patient/pat-1"},
        "effectiveDateTime": "2026-01-02T08:00:00+08:00",
        "valueQuantity": {"value": 6.5, "unit": "percent", "code": "%"},
        **more,
    }


def condition(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": "con-1",
        "code": coding(SNOMED, "44054006"),
        "subject": {"reference": "Patient/pat-1"},
        "onsetDateTime": "2020",
        "verificationStatus": coding("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"),
        **more,
    }


def bundle(home: CentreHome, *resources: Any, name: str = "bundle.json"):
    document = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}
    return home.write(name, json.dumps(document, ensure_ascii=False))


def kept(home: CentreHome) -> list[tuple[Any, ...]]:
    with database.transaction(home.open()._engine) as session:
        rows = session.scalars(select(Phenotype).order_by(Phenotype.code, Phenotype.value_number))
        return [(row.kind, row.system, row.code, row.value_number, row.value_code, row.unit) for row in rows]


def test_patient_observation_condition(home: CentreHome) -> None:
    path = bundle(home, observation(), condition(), patient(), {"resourceType": "Device"})
    centre = home.open()
    report = centre.import_fhir(path)
    assert report.counts == {"identifiers_added": 2, "people_created": 1, "phenotypes_added": 2}
    assert report.skipped == {"resources of other types": 1}
    assert kept(home) == [
        ("condition", SNOMED, "44054006", None, None, None),
        ("number", LOINC, "4548-4", 6.5, None, "%"),
    ]
    with database.transaction(centre._engine) as session:
        person = queries.person_of_number(session, centre._keyring, "urn:hospital:mrn", "MRN-pat-1")
        assert person == report.person_ids[0][1]
        row = session.get(Demographics, person)
        assert records.demographics(centre._keyring, row) == {"name": "小明 王", "birth_date": "1980-02", "sex": "male"}
        value = session.scalars(select(Phenotype).where(Phenotype.code == "4548-4")).one()
        assert value.observed_at.isoformat() == "2026-01-02T00:00:00+00:00"


def test_again_changes_nothing_and_an_amended_value_replaces(home: CentreHome) -> None:
    path = bundle(home, patient(), observation(), condition())
    home.open().import_fhir(path)
    assert home.open().import_fhir(path).counts == {"people_unchanged": 1, "phenotypes_unchanged": 2}
    later = bundle(home, observation(status="amended", valueQuantity={"value": 7, "code": "%"}), name="later.json")
    assert home.open().import_fhir(later).counts == {"phenotypes_updated": 1}
    assert kept(home)[1][3] == 7.0
    # Another hospital's pat-1 and obs-1 are other ones.
    with pytest.raises(InputError, match="no person in the registry"):
        home.open().import_fhir(later, source="elsewhere")


def test_people_from_a_table_and_from_fhir_meet_by_their_number(home: CentreHome) -> None:
    person = home.people("mrn mrn_system sex\nMRN-pat-1 urn:hospital:mrn M")["2"]
    assert home.open().import_fhir(bundle(home, patient())).person_ids[0][1] == person


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (observation(status="entered-in-error"), "observations that are not final"),
        (observation(status="preliminary"), "observations that are not final"),
        (observation(valueQuantity={"value": 1, "comparator": "<"}), "values with < or >"),
        ({k: v for k, v in observation().items() if k != "valueQuantity"}, "observations without a value"),
        (condition(verificationStatus=coding("urn:x", "refuted")), "conditions that are not confirmed"),
        (condition(code={"text": "the illness of Nick"}), "conditions without a code"),
    ],
)
def test_what_is_left_aside_is_counted(sqlite_home: CentreHome, resource: dict[str, Any], reason: str) -> None:
    report = sqlite_home.open().import_fhir(bundle(sqlite_home, patient(), resource))
    assert report.skipped == {reason: 1}
    assert kept(sqlite_home) == []


def test_free_text_is_never_kept(sqlite_home: CentreHome) -> None:
    text = observation()
    del text["valueQuantity"]
    text["valueString"] = "spoke with Nick"
    report = sqlite_home.open().import_fhir(bundle(sqlite_home, patient(), text))
    assert report.skipped == {"values of type String": 1}
    assert kept(sqlite_home) == []


def test_coded_boolean_and_component_values(sqlite_home: CentreHome) -> None:
    coded = observation("a", code=coding(LOINC, "1-1"), valueCodeableConcept=coding(SNOMED, "260385009"))
    truth = observation("b", code=coding(LOINC, "2-2"), valueBoolean=False)
    pressure = observation("c", code=coding(LOINC, "85354-9"))
    for one in (coded, truth, pressure):
        del one["valueQuantity"]
    pressure["component"] = [
        {"code": coding(LOINC, "8480-6"), "valueQuantity": {"value": 120, "code": "mm[Hg]"}},
        {"code": coding(LOINC, "8462-4"), "valueInteger": 80},
    ]
    sqlite_home.open().import_fhir(bundle(sqlite_home, patient(), coded, truth, pressure))
    assert kept(sqlite_home) == [
        ("category", LOINC, "1-1", None, "260385009", None),
        ("category", LOINC, "2-2", None, "false", None),
        ("number", LOINC, "8462-4", 80.0, None, None),
        ("number", LOINC, "8480-6", 120.0, None, "mm[Hg]"),
    ]


def test_every_bad_entry_is_told_and_nothing_is_written(home: CentreHome) -> None:
    path = bundle(
        home,
        patient(gender="Nick", birthDate="1980-99"),
        observation(subject={"display": "Nick"}),
        observation("o2", valueQuantity={"value": "Nick"}),
        observation("o3", code={"text": "Nick"}),
        observation("o4", effectiveDateTime="Nick"),
        "Nick",
        {"resourceType": "Patient", "name": [{"text": "Nick"}]},
        patient("pat-2", identifier=[{"value": "Nick"}]),
    )
    with pytest.raises(InputError) as caught:
        home.open().import_fhir(path)
    message = str(caught.value)
    for words in (
        "entry 1 (Patient): gender: expected one of",
        "entry 1 (Patient): birthDate",
        "entry 2 (Observation): subject: expected a reference",
        "entry 3 (Observation): valueQuantity: expected a finite number",
        "entry 4 (Observation): code: expected a coding",
        "entry 5 (Observation): effectiveDateTime",
        "entry 6: resource",
        "entry 7 (Patient): identifier",
        "entry 8 (Patient): identifier[0].system",
    ):
        assert words in message, message
    assert "Nick" not in message
    with database.transaction(home.open()._engine) as session:
        assert queries.counts(session)["people"] == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "expected a FHIR R4 Bundle"),
        ('{"resourceType": "Patient"}', "expected a FHIR R4 Bundle"),
        ('{"resourceType": "Bundle", "entry": {}}', "must be a list"),
        ('{"resourceType": "Bundle", "entry": [NaN]}', "finite numbers"),
        ("[" * 100_000, "sane depth"),
    ],
)
def test_files_that_are_no_bundle(sqlite_home: CentreHome, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        fhir.read_bundle(sqlite_home.write("b.json", text))


def test_fields_of_any_type_are_a_problem_or_skipped_never_a_crash(sqlite_home: CentreHome) -> None:
    odd = [None, 7, "x", [], {}, [None], [7], {"coding": 7}, {"coding": [7, None, {}]}, {"reference": 7}, {"start": []}]
    for resource in (patient(), observation(), condition()):
        for key in resource:
            for value in odd:
                batch = fhir.read_bundle(bundle(sqlite_home, patient("other"), {**resource, key: value}))
                assert isinstance(batch, records.Batch)
