"""Hospital tables: good ones, bad ones, again and again."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
import yaml
from sqlalchemy import select

from genomics_dc.cohorts import database, queries, records
from genomics_dc.cohorts.emr import table
from genomics_dc.cohorts.emr.dates import parse_birth_date, parse_moment
from genomics_dc.cohorts.models import Demographics, Phenotype, Relationship, Sample
from genomics_dc.errors import InputError
from tests.registry_fixtures import CentreHome

PEOPLE = """
mrn mrn_system name birth_date sex sample specimen collected received father mother
M1 hosp Ann 1980-01-02 F S1 blood 2026-01-02 2026-01-03 M3 .
M2 hosp Bo 1981-05 男 S2 blood 2026-01-02 . . .
M3 hosp Cy 1955 M . . . . . .
"""


def values(home: CentreHome):
    with database.transaction(home.open()._engine) as session:
        return [
            (row.code, row.value_number, row.value_code, row.unit, row.observed_precision)
            for row in session.scalars(select(Phenotype).order_by(Phenotype.code, Phenotype.value_number))
        ]


def test_people_samples_and_parents(home: CentreHome) -> None:
    people = home.people(PEOPLE)
    centre = home.open()
    with database.transaction(centre._engine) as session:
        row = session.get(Demographics, people["2"])
        assert records.demographics(centre._keyring, row) == {
            "name": "Ann",
            "birth_date": "1980-01-02",
            "sex": "female",
        }
        partial = session.get(Demographics, people["4"])
        assert records.demographics(centre._keyring, partial)["birth_date"] == "1955"
        assert session.get(Sample, "S1").collected_at.isoformat() == "2026-01-02T00:00:00+00:00"
        assert session.get(Sample, "S2").received_at is None
        assert session.scalars(select(Relationship)).one().parent_id == people["4"]
        assert queries.person_of_number(session, centre._keyring, "hosp", "M2") == people["3"]
        assert queries.person_of_number(session, centre._keyring, "other", "M2") is None


def test_import_again_changes_nothing_and_a_correction_is_taken(home: CentreHome) -> None:
    first = home.people(PEOPLE)
    assert home.people(PEOPLE) == first
    report = home.open().import_table(home.folder / "people.tsv")
    assert report.counts == {"people_unchanged": 3}
    assert home.people("mrn mrn_system name sex\nM1 hosp Anna F\nM2 hosp . .", "again.tsv")["2"] == first["2"]
    centre = home.open()
    with database.transaction(centre._engine) as session:
        changed = records.demographics(centre._keyring, session.get(Demographics, first["2"]))
        kept = records.demographics(centre._keyring, session.get(Demographics, first["3"]))
    assert changed == {"name": "Anna", "birth_date": "1980-01-02", "sex": "female"}
    assert kept == {"name": "Bo", "birth_date": "1981-05", "sex": "male"}, "an empty cell erases nothing"


def test_every_bad_line_is_told_at_once_and_nothing_is_written(home: CentreHome) -> None:
    bad = """
    mrn name birth_date sex sample collected received
    M1 Ann 1980-13-02 F S1 . .
    . Bo 1981-05-01 M S2 . .
    M3 Cy 2999-01-01 X S3 . .
    M4 Di 1981-05-01 F ../S4 . .
    M5 Ed 1981-05-01 F S5 2026-02-02 2026-01-01
    M6 Flo
    M1 Gus 1990 F . . .
    """
    with pytest.raises(InputError) as caught:
        home.people(bad)
    message = str(caught.value)
    expected = (
        "people.tsv:2: column birth_date: expected a birth date",
        "people.tsv:3: column mrn: empty",
        "people.tsv:4: column birth_date: expected a birth date",
        "people.tsv:4: column sex: expected female, male",
        "people.tsv:5: the sample id has characters",
        "people.tsv:6: sample S5 was received before",
        "people.tsv:7: 2 fields, expected 7",
        "people.tsv:8: the same person as",
    )
    for words in expected:
        assert words in message, message
    for canary in ("Ann", "Bo", "Cy", "Gus", "1981", "2999", "../S4"):
        assert canary not in message
    with database.transaction(home.open()._engine) as session:
        counts = queries.counts(session)
    assert {name: count for name, count in counts.items() if count} == {"audit_events": 2}


def test_numbers_of_two_people_are_never_merged(home: CentreHome) -> None:
    home.people("mrn sex\nM1 F\nM2 M")
    mapping = home.write("map.yaml", yaml.safe_dump({
        "identifiers": [{"column": "a", "system": "mrn"}, {"column": "b", "system": "mrn"}], "create": True,
    }))  # fmt: skip
    with pytest.raises(InputError, match="belong to 2 different people; nothing is merged"):
        home.open().import_table(home.write("two.tsv", "a\tb\nM1\tM2\n"), mapping=mapping)


def test_sample_does_not_change_hands(home: CentreHome) -> None:
    home.people("mrn sex sample\nM1 F S1\nM2 M .")
    with pytest.raises(InputError, match="sample S1 belongs to another person"):
        home.people("mrn sample\nM2 S1")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the table is empty"),
        (b"mrn\tmrn\nM1\tM2\n", "columns stand twice: mrn"),
        (b"mrn\tweight\nM1\t3\n", "unknown columns: weight"),
        (b"name\tsex\nAnn\tF\n", "a column mrn or person is needed"),
        (b"mrn\tsex\n", "no line with data"),
        (b"mrn\tname\nM1\t\xff\xfe\n", "is not text in utf-8"),
        (b"mrn\tname\nM1\tA\0B\n", "NUL|not a table"),
        (b"person\tsex\n12345\tF\n", "this is not a person id"),
        (b"person\tsex\nP-SMRY908B7500H\tF\n", "no person in the registry has this person id"),
    ],
)
def test_files_that_are_no_table(sqlite_home: CentreHome, content: bytes, words: str) -> None:
    path = sqlite_home.folder / "t.tsv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        sqlite_home.open().import_table(path)
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_ends_and_bom_do_not_matter(sqlite_home: CentreHome, ending: str) -> None:
    path = sqlite_home.folder / "t.tsv"
    path.write_bytes(b"\xef\xbb\xbf" + ending.join(["mrn\tsex", "M1\tF", "M2\tM", ""]).encode())
    assert sqlite_home.open().import_table(path).counts["people_created"] == 2


def test_chinese_hospital_table(sqlite_home: CentreHome) -> None:
    mapping = sqlite_home.write("map.yaml", yaml.safe_dump({
        "encoding": "gb18030",
        "identifiers": [{"column": "住院号", "system": "urn:hospital:1", "type": "MR"}],
        "name": ["姓名"], "birth_date": {"column": "出生日期", "formats": ["%Y年%m月%d日"]}, "sex": {"column": "性别"},
    }, allow_unicode=True))  # fmt: skip
    path = sqlite_home.folder / "people.csv"
    path.write_bytes("住院号,姓名,出生日期,性别\n００１,王小明,1980年1月2日,男\n".encode("gb18030"))
    centre = sqlite_home.open()
    report = centre.import_table(path, mapping=mapping)
    person = report.person_ids[0][1]
    with database.transaction(centre._engine) as session:
        row = session.get(Demographics, person)
        assert records.demographics(centre._keyring, row) == {
            "name": "王小明",
            "birth_date": "1980-01-02",
            "sex": "male",
        }
        assert queries.person_of_number(session, centre._keyring, "urn:hospital:1", "001") == person


def test_values_by_map(home: CentreHome) -> None:
    home.people("mrn sex\nM1 F\nM2 M")
    mapping = home.write("map.yaml", yaml.safe_dump({
        "identifiers": [{"column": "pid", "system": "mrn"}],
        "only": {"column": "scale", "equals": ["Qn"]},
        "measurements": {
            "code": "loinc", "system": "http://loinc.org", "value": "value", "unit": "unit", "time": "day",
            "text": "skip",
        },
    }))  # fmt: skip
    lines = ["pid\tscale\tloinc\tvalue\tunit\tday", "M1\tQn\t4548-4\t6.5\t%\t2026", "M1\tQn\t4548-4\t7\t%\t2026-02-03"]
    lines += ["M2\tNom\t1-1\tred\t\t", "M2\tQn\t4548-4\t<1\t%\t2026"]
    path = home.write("labs.tsv", "\n".join(lines) + "\n")
    report = home.open().import_table(path, mapping=mapping)
    assert report.counts == {"phenotypes_added": 2}
    assert report.skipped == {"rows where scale is another": 1, "values that are not a number": 1}
    assert values(home) == [("4548-4", 6.5, None, "%", "year"), ("4548-4", 7.0, None, "%", "day")]
    assert home.open().import_table(path, mapping=mapping).counts == {"phenotypes_unchanged": 2}


def test_category_values_have_declared_levels(sqlite_home: CentreHome) -> None:
    sqlite_home.people("mrn sex\nM1 F\nM2 M")
    spec = {"column": "smoker", "trait": "smoking", "type": "category", "levels": {"Y": "yes", "N": "no"}}
    mapping = sqlite_home.write(
        "map.yaml", yaml.safe_dump({"identifiers": [{"column": "id", "system": "mrn"}], "phenotypes": [spec]})
    )
    good = sqlite_home.write("good.tsv", "id\tsmoker\nM1\tY\nM2\tNA\n")
    assert sqlite_home.open().import_table(good, mapping=mapping).counts == {"phenotypes_added": 1}
    assert values(sqlite_home) == [("smoking", None, "yes", None, None)]
    bad = sqlite_home.write("bad.tsv", "id\tsmoker\nM1\tcall Ann\n")
    with pytest.raises(InputError, match="column smoker: the value is not among") as caught:
        sqlite_home.open().import_table(bad, mapping=mapping)
    assert "Ann" not in str(caught.value)


def test_traits_of_linked_samples(sqlite_home: CentreHome) -> None:
    sqlite_home.people("mrn sex sample\nM1 F S1\nM2 M S2")
    path = sqlite_home.folder / "traits.tsv.gz"
    path.write_bytes(gzip.compress(b"#IID\tbmi\tage\nS1\t22.5\t40\nS2\tNA\t41\n"))
    assert sqlite_home.open().import_table(path, traits=True).counts == {"phenotypes_added": 3}
    bad = sqlite_home.write("bad.tsv", "sample\tbmi\nS1\tfat\nS9\t3\nS2\tinf\n")
    with pytest.raises(InputError) as caught:
        sqlite_home.open().import_table(bad, traits=True)
    for words in (
        "bad.tsv:2: column bmi: expected a number",
        "bad.tsv:3: column bmi: this sample",
        "bad.tsv:4: column bmi",
    ):
        assert words in str(caught.value)
    path.write_bytes(gzip.compress(b"#IID\tbmi\nS1\t22.5\n")[:-6])
    with pytest.raises(InputError, match="cut off or damaged"):
        sqlite_home.open().import_table(path, traits=True)


def test_two_different_values_of_the_same_are_a_problem(sqlite_home: CentreHome) -> None:
    sqlite_home.people("mrn sex sample\nM1 F S1")
    bad = sqlite_home.write("t.tsv", "sample\tbmi\nS1\t1\nS1\t2\n")
    with pytest.raises(InputError, match=r"t\.tsv:3: column bmi: a second, different value of what .*t\.tsv:2"):
        sqlite_home.open().import_table(bad, traits=True)


def test_consents_table_does_not_undo_a_withdrawal(home: CentreHome) -> None:
    people = home.people("mrn sex sample\nM1 F S1\nM2 M S2")
    path = home.write(
        "c.tsv",
        "mrn\tterms\tfrom\tuntil\nM1\tDUO:0000042 DUO:0000043\t2026-01-01\t\nM2\tDUO:0000006\t2026-01-01\t2026-02-01\n",
    )
    assert home.open().import_consents(path).counts == {"consents_added": 3}
    assert home.open().withdraw_consent(people["2"]) == 2
    assert home.open().import_consents(path).counts == {"consents_unchanged": 3}
    bad = home.write("bad.tsv", "mrn\tterms\tfrom\nM1\tAnn\t2026-01-01\nM1\tDUO:0000042\t\nM9\tDUO:0000042\t2026\n")
    with pytest.raises(InputError) as caught:
        home.open().import_consents(bad)
    assert "Ann" not in str(caught.value)
    for words in ("bad.tsv:2: column terms", "bad.tsv:3: column from: empty", "bad.tsv:4: no person in the registry"):
        assert words in str(caught.value)


def test_map_problems_are_told_with_their_lines(sqlite_home: CentreHome) -> None:
    path = sqlite_home.write("map.yaml", "identifiers:\n  - column: a\nsex: F\nnmae: [x]\n")
    with pytest.raises(InputError) as caught:
        table.read_map(path)
    for words in ("map.yaml:2: identifiers.0 needs system", "map.yaml:3: sex must be", "unknown keys (nmae)"):
        assert words in str(caught.value)
    good = sqlite_home.write("good.yaml", "identifiers: [{column: PID, system: mrn}]\nname: [lname]\n")
    with pytest.raises(InputError, match=r"t\.tsv:1: columns of the map are not in the table: lname"):
        sqlite_home.open().import_table(sqlite_home.write("t.tsv", "PID\nM1\n"), mapping=good)


@pytest.mark.parametrize(
    ("text", "iso", "precision"),
    [
        ("2000", "2000", "year"),
        ("2000-05", "2000-05", "month"),
        ("2000-5-7", "2000-05-07", "day"),
        ("2000/05/07", "2000-05-07", "day"),
        ("20000507", "2000-05-07", "day"),
        ("2000-05-07T23:30:00-05:00", "2000-05-08T04:30:00+00:00", "time"),
        ("2000-05-07T23:30:00Z", "2000-05-07T23:30:00+00:00", "time"),
    ],
)
def test_dates(text: str, iso: str, precision: str) -> None:
    moment = parse_moment(text)
    assert moment is not None
    assert moment.precision == precision
    assert moment.at.isoformat().startswith(iso)


@pytest.mark.parametrize(
    "text", ["", "0", "07/05/2000", "2000-02-30", "2000-13", "20001301", "yesterday", "２０００年", "0000"]
)
def test_what_is_no_date(text: str) -> None:
    assert parse_moment(text) is None


@pytest.mark.parametrize("text", ["1849-12-31", "2999", "12", "Ann"])
def test_what_is_no_birth_date(text: str) -> None:
    assert parse_birth_date(text) is None


def test_real_hospital_tables(home: CentreHome, shared_data: Path) -> None:
    """SMART sample patients: old Macintosh line ends, 67 people, 3,513 laboratory values, 561 problems."""
    folder = shared_data / "emr_smart_patients"
    identifiers = [{"column": "PID", "system": "urn:smart:pid"}]
    maps = {
        "patients": {
            "identifiers": identifiers, "name": ["fname", "lname"], "birth_date": {"column": "dob"},
            "sex": {"column": "gender"},
        },
        "labs": {
            "identifiers": identifiers, "only": {"column": "SCALE", "equals": ["Qn"]},
            "measurements": {
                "code": "LOINC", "system": "http://loinc.org", "value": "VALUE", "unit": "UNITS", "time": "DATE",
                "row": "ID", "text": "skip",
            },
        },
        "problems": {
            "identifiers": identifiers,
            "conditions": {
                "code": "SNOMED", "system": "http://snomed.info/sct", "start": "START_DATE", "end": "END_DATE",
                "row": "ID",
            },
        },
    }  # fmt: skip
    reports = {}
    for name, plan in maps.items():
        mapping = home.write(f"{name}.yaml", yaml.safe_dump(plan))
        reports[name] = home.open().import_table(folder / f"{name}.txt", mapping=mapping)
    rows = [line.split("\t") for line in (folder / "labs.txt").read_text().splitlines()[1:]]
    numeric = [row for row in rows if row[4] == "Qn" and re.fullmatch(r"-?\d+(\.\d+)?|-?\.\d+", row[6])]
    assert reports["patients"].counts == {"identifiers_added": 67, "people_created": 67}
    assert reports["labs"].counts == {"phenotypes_added": len(numeric)}
    assert sum(reports["labs"].skipped.values()) == len(rows) - len(numeric)
    assert reports["problems"].counts == {"phenotypes_added": 561}
    again = home.open().import_table(folder / "labs.txt", mapping=home.folder / "labs.yaml")
    assert again.counts == {"phenotypes_unchanged": len(numeric)}


def test_example_maps_are_right_and_read_the_real_tables(sqlite_home: CentreHome, shared_data: Path) -> None:
    import genomics_dc

    folder = Path(genomics_dc.__file__).parent / "configs" / "registry"
    for name, rows in (("people_map", 67), ("laboratory_map", 3212 - 10)):
        plan = table.read_map(folder / f"{name}.yaml")
        if "measurements" in plan:
            plan["measurements"]["text"] = "skip"
        source = "patients" if name == "people_map" else "labs"
        batch = table.read_table(shared_data / "emr_smart_patients" / f"{source}.txt", plan)
        assert batch.problems == []
        assert len(batch.people) + len(batch.phenotypes) == rows
