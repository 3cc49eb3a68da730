"""`genomics-dc report`, run as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from genomics_dc.screening.model import IdentityCheck
from tests.builders import make_findings


def report(*words) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "genomics_dc.cli.main", "report", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture
def findings(tmp_path):
    path = tmp_path / "child.demo.json"
    path.write_text(make_findings().model_dump_json())
    return path


def test_report_from_findings(findings, tmp_path):
    options = ("--findings", findings, "--output", tmp_path / "out", "--lang", "en", "--format", "html,json")
    done = report(*options, "--json", "--institution", "Example centre")
    assert done.returncode == 0, done.stderr
    paths = json.loads(done.stdout)["reports"][0]["files"]
    assert paths == [str(tmp_path / "out" / f"child.demo.{end}") for end in ("en.html", "json", "manifest.json")]
    page = (tmp_path / "out" / "child.demo.en.html").read_text()
    assert "Example centre" in page
    again = report(*options)
    assert again.returncode == 1
    assert again.stderr.count("\n") == 1
    assert "--force" in again.stderr


def test_a_blocked_report_exits_with_4(tmp_path):
    path = tmp_path / "f.json"
    path.write_text(
        make_findings(identity=(IdentityCheck(check="sex", status="finding", detail="d"),)).model_dump_json()
    )
    done = report("--findings", path, "--output", tmp_path / "out")
    assert done.returncode == 4
    assert "sex" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_not_findings_is_one_sentence(tmp_path):
    path = tmp_path / "f.json"
    path.write_text('{"sample_id": "secret"}')
    done = report("--findings", path, "--output", tmp_path / "out")
    assert done.returncode == 1
    assert "not findings of one sample" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "give --findings FILE, or --person ID"),
        (["--person", "P-1"], "--centre and --purpose"),
        (["--person", "P-1", "--centre", "c.yaml", "--purpose", "DUO:0000043"], "give --panel"),
        (["--findings", "x", "--panel", "y"], "give --panel"),
        (["--findings", "x", "--centre", "c.yaml"], "go with --person"),
        (["--findings", "does-not-exist.json"], "does not exist"),
    ],
)
def test_wrong_use_is_one_sentence(words, expected, tmp_path):
    done = report(*words, "--output", tmp_path / "out")
    assert done.returncode in (1, 2)
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


CARE = "DUO:0000043"


@pytest.fixture
def known_child(sqlite_home):
    """A centre that knows whose sample `child` is, with a clinician who may ask; returns (centre.yaml, person id)."""
    people = sqlite_home.people("mrn name birth_date sex sample\nM7 Canary 1990-06-01 F child")
    (person,) = people.values()
    consents = f"person\tterms\tfrom\n{person}\t{CARE}\t2026-01-01\n"
    sqlite_home.open().import_consents(sqlite_home.write("consents.tsv", consents))
    return sqlite_home.path, person


def test_the_registry_says_whose_report_it_is(known_child, findings, tmp_path):
    centre, person = known_child
    options = ("--findings", findings, "--person", person, "--centre", centre, "--purpose", CARE, "--lang", "en")
    out = tmp_path / "out"
    done = report(*options, "--format", "html,json", "--output", out, "--as", "doctor", "--indication", "dystonia")
    assert done.returncode == 0, done.stderr
    page = (out / "child.demo.en.html").read_text()
    for shown in ("Canary", "M7", "1990-06-01", "dystonia", person):
        assert f">{shown}<" in page
    assert "Canary" not in done.stdout + done.stderr + (out / "child.demo.manifest.json").read_text()
    assert not [path for path in out.iterdir() if "Canary" in path.name]
    refused = report(*options, "--output", tmp_path / "other", "--as", "analyst")
    assert refused.returncode == 4
    assert "Canary" not in refused.stderr
    assert not (tmp_path / "other").exists()
