"""`genomics-dc validate`: what it prints, and with which status it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from genomics_dc.cli.main import app
from genomics_dc.errors import FindingsError, UsageError
from tests.store.validate.vcf_text import record, text

ROOT = Path(__file__).parents[2]


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.vcf"
    path.write_bytes(text([record(a="0/7"), record(pos="101", id=".", qual="x")]))
    return path


def test_a_right_file_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "right.vcf"
    path.write_bytes(text([record()]))
    done = CliRunner().invoke(app, ["validate", str(path)])
    assert done.exit_code == 0
    assert done.stdout == f"{path}: VCF 4.3, 1 records, no errors, 0 warnings\n"


def test_errors_end_with_status_3(broken: Path) -> None:
    done = CliRunner().invoke(app, ["validate", str(broken)])
    assert isinstance(done.exception, FindingsError)
    assert done.exception.exit_code == 3
    assert str(done.exception) == f"{broken} breaks VCF 4.3: 2 errors, 0 warnings"
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == [
        "line 23, column 10 (NA1/GT)",
        "line 24, column 6 (QUAL)",
    ]


def test_json_and_limits(broken: Path) -> None:
    done = CliRunner().invoke(app, ["validate", str(broken), "--json", "--max-findings", "1"])
    said = json.loads(done.stdout)
    assert (said["valid"], said["errors"], said["counts"]) == (False, 2, {"gt-allele": 1, "qual-number": 1})
    assert said["findings"] == [
        {
            "rule": "gt-allele",
            "severity": "error",
            "line": 23,
            "column": 10,
            "column_name": "NA1/GT",
            "text": "",
            "message": "an allele number is above 1, the number of ALT alleles",
        }
    ]


def test_strict_warnings(tmp_path: Path) -> None:
    path = tmp_path / "warned.vcf"
    path.write_bytes(text([record(filter="new")]))
    assert CliRunner().invoke(app, ["validate", str(path)]).exit_code == 0
    strict = CliRunner().invoke(app, ["validate", str(path), "--strict-warnings"])
    assert isinstance(strict.exception, FindingsError)


def test_a_file_must_be_named() -> None:
    assert isinstance(CliRunner().invoke(app, ["validate"]).exception, UsageError)


def test_the_table_of_rules_is_up_to_date() -> None:
    """Made by `genomics-dc validate --list-rules > docs/vcf-rules.md`."""
    done = CliRunner().invoke(app, ["validate", "--list-rules"])
    assert done.stdout == (ROOT / "docs" / "vcf-rules.md").read_text("utf-8")
