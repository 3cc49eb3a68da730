"""Cohort definitions: criteria as data, versions, freezing; a person without a value is in no criterion."""

from __future__ import annotations

import pytest
import yaml

from genomics_dc.cohorts import database, definitions, queries
from genomics_dc.errors import InputError, UsageError
from tests.registry_fixtures import CentreHome

LINES = """
mrn sex sample
M1 F S1
M2 M S2
M3 F S3
M4 . S4
"""


@pytest.fixture
def people(home: CentreHome) -> dict[str, str]:
    made = {f"S{int(line) - 1}": person for line, person in home.people(LINES).items()}
    traits = home.write("t.tsv", "sample\tbmi\tscore\nS1\t20\t1\nS2\t25\t2\nS3\t30\tNA\n")
    home.open().import_table(traits, traits=True)
    mapping = home.write("m.yaml", yaml.safe_dump({
        "identifiers": [{"column": "mrn", "system": "mrn"}],
        "conditions": {"code": "code", "system": "http://snomed.info/sct"},
    }))  # fmt: skip
    home.open().import_table(home.write("c.tsv", "mrn\tcode\nM1\t44054006\nM4\t73211009\n"), mapping=mapping)
    return made


def members(home: CentreHome, *where: str) -> set[str]:
    with database.transaction(home.open()._engine) as session:
        criteria = {"all": [definitions.parse_criterion(text) for text in where]}
        found = definitions.members(session, criteria, {"mass": ("local", "bmi")})
        return {sample for sample in ("S1", "S2", "S3", "S4") if _owner(session, sample) in found}


def _owner(session, sample: str) -> str:
    from genomics_dc.cohorts.models import Sample

    return session.get(Sample, sample).person_id


def test_criteria(home: CentreHome, people: dict[str, str]) -> None:
    for where, expected in (
        ([], {"S1", "S2", "S3", "S4"}),
        (["sex = female"], {"S1", "S3"}),
        (["sex != female"], {"S2"}),
        (["sex in (female, male)"], {"S1", "S2", "S3"}),
        (["bmi >= 25"], {"S2", "S3"}),
        (["bmi>25"], {"S3"}),
        (["bmi < 25"], {"S1"}),
        (["bmi <= 25", "sex = female"], {"S1"}),
        (["mass = 20.0"], {"S1"}),
        (["bmi != 20"], {"S2", "S3"}),
        (["score in (1, 2)"], {"S1", "S2"}),
        (["local|score > 0"], {"S1", "S2"}),
        (["condition = http://snomed.info/sct|44054006"], {"S1"}),
        (["condition in (http://snomed.info/sct|44054006, http://snomed.info/sct|73211009)"], {"S1", "S4"}),
        (["condition != http://snomed.info/sct|44054006"], {"S2", "S3", "S4"}),
        (["unknown_trait > 0"], set()),
        (["store = x"], set()),
    ):
        assert members(home, *where) == expected, where


@pytest.mark.parametrize(
    "text",
    ["", "bmi", "bmi >", "> 3", "bmi >= tall", "sex > female", "bmi ~ 3", "bmi in ()", "bmi >= nan", "bmi >= inf"],
)
def test_criteria_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        definitions.parse_criterion(text)


def test_versions_and_freezing(home: CentreHome) -> None:
    analyst = home.open("analyst", "DUO:0000006")
    assert analyst.define_cohort("t2d-2026", ["bmi > 30"]) == "t2d-2026@1"
    assert analyst.define_cohort("t2d-2026", ["bmi > 31"]) == "t2d-2026@1", "not used yet: it may be mended"
    analyst.cohort("t2d-2026")
    assert analyst.define_cohort("t2d-2026", ["bmi > 31"]) == "t2d-2026@1", "the same again is the same"
    assert analyst.define_cohort("t2d-2026", ["bmi > 32"]) == "t2d-2026@2"
    rows = {row["cohort"]: row for row in analyst.list_cohorts()}
    assert rows["t2d-2026@1"]["frozen"] is True
    assert rows["t2d-2026@2"]["frozen"] is False
    assert '"value":"31"' in str(rows["t2d-2026@1"]["criteria"])
    assert analyst.cohort("t2d-2026@1").name == "t2d-2026@1"
    assert analyst.cohort("t2d-2026").name == "t2d-2026@2"
    for name in ("t2d-2026@9", "t2d-2026@x", "none"):
        with pytest.raises(InputError, match="there is no cohort"):
            analyst.cohort(name)
    with pytest.raises(UsageError, match="lower-case letters"):
        analyst.define_cohort("Ann Smith", [])


def test_values_in_different_units_are_not_compared(sqlite_home: CentreHome) -> None:
    sqlite_home.people("mrn sex\nM1 F\nM2 M")
    mapping = sqlite_home.write("m.yaml", yaml.safe_dump({
        "identifiers": [{"column": "mrn", "system": "mrn"}],
        "measurements": {"code": "c", "system": "http://loinc.org", "value": "v", "unit": "u"},
    }))  # fmt: skip
    path = sqlite_home.write("v.tsv", "mrn\tc\tv\tu\nM1\t2345-7\t95\tmg/dL\nM2\t2345-7\t5.3\tmmol/L\n")
    sqlite_home.open().import_table(path, mapping=mapping)
    with database.transaction(sqlite_home.open()._engine) as session:
        criteria = {"all": [definitions.parse_criterion("http://loinc.org|2345-7 > 90")]}
        with pytest.raises(InputError, match="different units"):
            definitions.members(session, criteria, {})


def test_small_counts_are_not_shown() -> None:
    assert [queries.shown_count(count, 5) for count in (0, 1, 4, 5, 6)] == [0, "<5", "<5", 5, 6]
