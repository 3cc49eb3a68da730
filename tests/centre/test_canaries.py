"""No name and no number of a person leaves the registry: every command, good and bad, then look everywhere."""

from __future__ import annotations

import io
import json
import logging
import sys
import traceback
from pathlib import Path

import pytest
import yaml
from sqlalchemy import text

from genomics_dc.cohorts import database, queries, records
from genomics_dc.cohorts.emr import fhir, table
from genomics_dc.cohorts.models import Base
from genomics_dc.errors import GenomicsError, RegistryError
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf
from tests.registry_fixtures import CentreHome

NAMES = ("Kanarienvogel", "金丝雀", "Zitronengirlitz")
NUMBERS = ("MRNCANARY77001", "MRNCANARY77002", "11010519491231002X")
DATES = ("1931-07-19", "19310719")
CANARIES = (*NAMES, *NUMBERS, *DATES)
N = 8


def assert_clean(content: str | bytes, where: str) -> None:
    data = content.encode() if isinstance(content, str) else content
    for canary in CANARIES:
        for encoding in ("utf-8", "utf-16-le", "gb18030"):
            assert canary.encode(encoding) not in data, f"{canary} is in {where}"


@pytest.fixture
def filled(home: CentreHome) -> CentreHome:
    """A centre with canaries for people, whose source files are deleted after the import."""
    vcf = write_cohort_vcf(home.folder / "c.vcf", n_samples=N, n_variants=20, missing_rate=0.0)
    build_store(vcf, home.folder / "c.vcz", workers=1)
    vcf.unlink()
    roles = ["registrar", "analyst", "clinician", "laboratory"]
    home.change(stores={"cohort": "c.vcz"}, principals={"all": {"roles": roles}}, principal="all")
    lines = ["mrn\tname\tbirth_date\tsex\tsample\tstore"]
    lines += [f"{NUMBERS[i % 3]}{i}\t{NAMES[i % 3]} {i}\t1931-07-19\tF\tS{i:04d}\tcohort" for i in range(N)]
    home.write("people.tsv", "\n".join(lines) + "\n")
    return home


def commands(home: CentreHome, person: str) -> list[tuple[list[str], str, int]]:
    """Return every command with its standard input and the exit status it must have."""
    bad = home.write("bad.tsv", f"mrn\tname\tbirth_date\tsex\n\t{NAMES[0]}\t{DATES[0]}x\t{NAMES[1]}\n{NUMBERS[0]}\n")
    unmapped = home.write("unmapped.tsv", "mrn\tother\nA\tB\n")
    encoded = home.folder / "encoded.tsv"
    encoded.write_bytes(f"mrn\tname\n{NUMBERS[0]}\t{NAMES[1]}\n".encode("gb18030"))
    resource = {"resourceType": "Patient", "id": NUMBERS[0], "name": [{"text": NAMES[0]}], "gender": NAMES[0]}
    bundle = home.write("bundle.json", json.dumps({"resourceType": "Bundle", "entry": [{"resource": resource}]}))
    broken = home.write("broken.json", f'{{"name": "{NAMES[0]}"')
    good = {**resource, "gender": "female", "identifier": [{"system": "urn:x", "value": NUMBERS[1]}]}
    fine = home.write("fine.json", json.dumps({"resourceType": "Bundle", "entry": [{"resource": good}]}))
    traits = home.write("traits.tsv", "sample\tbmi\n" + "".join(f"S{i:04d}\t{20 + i}\n" for i in range(N)))
    wrong = home.write("wrong.tsv", f"sample\tbmi\nS0000\t{NAMES[0]}\n{NUMBERS[0]}\t3\n")
    consents = home.write("consents.tsv", f"mrn\tterms\tfrom\n{NUMBERS[0]}0\t{NAMES[0]}\t{DATES[0]}\n")
    return [
        (["cohort", "import", "table", str(bad)], "", 1),
        (["cohort", "import", "table", str(unmapped)], "", 1),
        (["cohort", "import", "table", str(encoded)], "", 1),
        (["cohort", "import", "fhir", str(bundle)], "", 1),
        (["cohort", "import", "fhir", str(broken)], "", 1),
        (["cohort", "import", "fhir", str(fine), "--json"], "", 0),
        (["cohort", "import", "traits", str(traits)], "", 0),
        (["cohort", "import", "traits", str(wrong)], "", 1),
        (["cohort", "import", "consents", str(consents)], "", 1),
        (["cohort", "find", "-"], f"mrn|{NUMBERS[0]}0\n", 0),
        (["cohort", "find", "-"], f"mrn|{NUMBERS[0]}nobody\n", 1),
        (["cohort", "find", "-"], f"{NAMES[0]}\n", 1),
        (["cohort", "link", "--sample", "S0000", "--person", "-", "--store", "cohort"], f"mrn|{NUMBERS[1]}1\n", 1),
        (["cohort", "link", "--sample", "S0000", "--person", "-", "--store", "cohort"], f"mrn|{NUMBERS[0]}0\n", 0),
        (["cohort", "consent", person, "--grant", "DUO:0000042", "--grant", "DUO:0000043"], "", 0),
        (["cohort", "consent", "-", "--withdraw", "--scope", "research"], f"mrn|{NUMBERS[0]}0\n", 0),
        (["cohort", "define", "c", "--where", "sex = female"], "", 0),
        (["cohort", "list", "--purpose", "DUO:0000006", "--json"], "", 0),
        (["cohort", "info", "--json"], "", 0),
        (["audit", "verify", "--json"], "", 0),
    ]


def test_canaries(
    filled: CentreHome,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from genomics_dc.cli.main import main

    home = filled
    people = home.folder / "people.tsv"
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy", "sqlalchemy.engine", "alembic"):
        caplog.set_level(logging.DEBUG, logger=name)

    def run(words: list[str], stdin: str = "") -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["genomics-dc", *words, "--centre", str(home.path)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out + err

    status, output = run(["cohort", "import", "table", str(people), "--ids", str(home.folder / "ids.tsv")])
    assert status == 0, output
    people.unlink()
    person = (home.folder / "ids.tsv").read_text().splitlines()[1].split("\t")[1]
    assert_clean(output, "the output of the import")
    for words, stdin, expected in commands(home, person):
        status, output = run(words, stdin)
        assert status == expected, (words, output)
        assert_clean(output, " ".join(words[:3]))
    assert "INSERT INTO identifier" in caplog.text, "the log of SQLAlchemy is on, else this test shows nothing"
    assert_clean(caplog.text, "the log")
    for path in home.folder.iterdir():
        if path.suffix in (".tsv", ".json"):
            if path.name == "ids.tsv":
                assert_clean(path.read_bytes(), path.name)
        elif path.is_file():  # the database file with its journal, the anchor, centre.yaml, the keys
            assert_clean(path.read_bytes(), path.name)
    for path in (home.folder / "c.vcz").rglob("*"):
        if path.is_file():
            assert_clean(path.read_bytes(), str(path))
    with home.open("all")._engine.begin() as connection:
        for name in Base.metadata.tables:
            for row in connection.execute(text(f"SELECT * FROM {name}")):
                for value in row:
                    assert_clean(value if isinstance(value, bytes) else str(value), f"table {name}")


def test_canaries_in_reprs_errors_and_results(filled: CentreHome, caplog: pytest.LogCaptureFixture) -> None:
    home = filled
    caplog.set_level(logging.DEBUG)
    centre = home.open("all")
    people = home.folder / "people.tsv"
    batch = table.read_table(people)
    shown = [repr(batch), *map(repr, [*batch.people, *batch.samples, *(r.who for r in batch.people)])]
    shown += [repr(number) for record in batch.people for number in record.who.numbers]
    report = centre.import_table(people)
    shown += [repr(report), repr(centre), repr(centre.config), repr(centre._keyring)]
    resource = {"resourceType": "Patient", "id": NUMBERS[0], "name": [{"text": NAMES[0]}]}
    bundle = home.write("b.json", json.dumps({"resourceType": "Bundle", "entry": [{"resource": resource}]}))
    shown.append(repr(fhir.read_bundle(bundle).people))
    ids = [person for _, person in report.person_ids]
    lines = ["person\tterms\tfrom", *(f"{person}\tDUO:0000042 DUO:0000043\t2026-01-01" for person in ids)]
    centre.import_consents(home.write("c.tsv", "\n".join(lines) + "\n"))
    centre.import_table(
        home.write("t.tsv", "sample\tbmi\n" + "".join(f"S{i:04d}\t{20 + i * i % 7}\n" for i in range(N))), traits=True
    )
    research = home.open("all", "DUO:0000006")
    research.define_cohort("c", [])
    cohort = research.cohort("c")
    result = cohort.associate("bmi")
    result.write(home.folder / "r.tsv")
    result.write(home.folder / "r.parquet")
    for name in ("r.tsv", "r.parquet", "r.tsv.provenance.json"):
        assert_clean((home.folder / name).read_bytes(), name)
    doctor = home.open("all", "DUO:0000043").person(ids[0])
    subject = doctor.subject()
    assert subject.name == f"{NAMES[0]} 0", "the clinician does see it"
    shown += [repr(cohort), repr(result), repr(doctor), repr(subject), str(subject), f"{subject}"]
    with database.transaction(centre._engine) as session:
        for mapper in Base.registry.mappers:
            shown += [repr(row) for row in session.query(mapper.class_).limit(20)]
        known = queries.numbers_of(session, centre._keyring, ids[0])
        assert known[0][2] == f"{NUMBERS[0]}0"
        number = records.Number("mrn", known[0][2])
        shown.append(repr(number))
    for words in (
        lambda: centre.find(NAMES[0]),
        lambda: centre.find(f"mrn|{NUMBERS[2]}"),
        lambda: centre.define_cohort(NAMES[0].lower() + " x", []),
        lambda: centre.import_table(home.write("x.tsv", f"mrn\tbirth_date\nA\t{NAMES[0]}\n")),
        lambda: home.open("all", "DUO:0000043").person(NAMES[0]),
    ):
        with pytest.raises(GenomicsError) as caught:
            words()
        chain = "".join(traceback.format_exception(caught.value, chain=True))
        shown.append("\n".join(line for line in chain.splitlines() if not line.lstrip().startswith(("lambda", "File"))))
    for content in shown:
        assert_clean(content, content[:80])
    assert_clean(caplog.text, "the log")


def test_database_error_shows_no_value(home: CentreHome) -> None:
    """A value that breaks a constraint is in the statement's parameters, which must not reach the message."""
    centre = home.open()

    def insert() -> None:
        statement = "INSERT INTO identifier (id, person_id, system, kind, value_encrypted, value_token, key_version,"
        statement += " created_at) VALUES ('1', :person, 'mrn', 'MR', :value, 'short', 1, '2026-01-01')"
        with database.transaction(centre._engine) as session:
            session.execute(text(statement), {"person": NUMBERS[0], "value": NAMES[1].encode()})

    with pytest.raises(RegistryError) as caught:
        insert()
    assert_clean("".join(traceback.format_exception(caught.value, chain=True)), "the traceback")


def test_registry_files_are_private(sqlite_home: CentreHome) -> None:
    sqlite_home.open().info()
    for name in ("registry.db", "registry.key", "audit.anchor"):
        assert Path(sqlite_home.folder / name).stat().st_mode & 0o077 == 0, name
    assert yaml.safe_load(sqlite_home.path.read_text())["registry"] == "sqlite:///registry.db"
