"""Every rule by hand: text that breaks it and nothing else of its kind, and text beside it that does not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from genomics_dc.store.validate import RULES, validate_vcf
from tests.store.validate.header_cases import HEADER_CASES
from tests.store.validate.record_cases import RECORD_CASES
from tests.store.validate.vcf_text import FORMAT, record, text, validated

CASES = HEADER_CASES | RECORD_CASES
FLAT = [(rule, *case) for rule, cases in CASES.items() for case in cases]


def _data(version: str, given: object) -> bytes:
    if isinstance(given, bytes):
        return given
    assert isinstance(given, dict)
    return text([record(**given)], version=version)


@pytest.mark.parametrize(("rule", "version", "broken", "right"), FLAT, ids=[f"{c[0]}-{i}" for i, c in enumerate(FLAT)])
def test_broken_text_is_found_and_right_text_is_not(
    rule: str, version: str, broken: object, right: object, tmp_path: Path
) -> None:
    assert rule in validated(tmp_path, _data(version, broken)).counts
    assert rule not in validated(tmp_path, _data(version, right), "right.vcf").counts


def test_every_rule_has_a_case() -> None:
    of_containers = {"file-damaged", "file-truncated", "file-not-bgzf"}  # test_container.py
    assert set(CASES) | of_containers == set(RULES)


def test_levels_follow_the_version(tmp_path: Path) -> None:
    without_end = {
        version: validated(tmp_path, text([record()], version=version, end=""), f"{version}.vcf").is_valid
        for version in ("4.1", "4.2", "4.3", "4.4", "4.5")
    }
    assert without_end == {"4.1": True, "4.2": True, "4.3": False, "4.4": False, "4.5": False}
    assert all(len(rule.levels) == 5 and set(rule.levels) <= set("EW-") for rule in RULES.values())
    assert all(rule.section or rule.levels.endswith("---") for rule in RULES.values())
    assert all(rule.old_section or rule.levels.startswith("--") for rule in RULES.values())


def test_a_right_file_has_no_findings(tmp_path: Path) -> None:
    found = validated(tmp_path, text([record(), record(pos="200", id=".", a="1|1", b="0|1:2:0,5,.")]))
    assert found.is_valid
    assert found.n_records == 2
    assert [str(f) for f in found.findings if f.rule != "meta-id-repeated"] == []


def test_a_finding_names_line_column_and_field_and_hides_genotypes(tmp_path: Path) -> None:
    found = validated(tmp_path, text([record(info="AC=x", b="0/7:secret")]))
    places = {(f.rule, f.line, f.column, f.column_name, f.text) for f in found.findings}
    assert places == {
        ("info-type", 23, 8, "INFO/AC", "x"),
        ("gt-allele", 23, 11, "NA2/GT", ""),
        ("call-type", 23, 11, "NA2/DP", ""),
    }
    assert "0/7" not in "".join(map(str, found.findings))
    assert str(found.findings[0]) == "line 23, column 8 (INFO/AC): error info-type: AC should be of Type=Integer [x]"


def test_offending_text_is_cut_and_printable(tmp_path: Path) -> None:
    found = validated(tmp_path, text([record(filter="a b\t" + "x" * 300)]))
    assert max(len(f.text) for f in found.findings) <= 40
    assert "\t" not in "".join(f.text for f in found.findings)


def test_findings_are_counted_beyond_what_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "many.vcf"
    path.write_bytes(text([record(pos=str(i + 1), id=".", info="AC=x") for i in range(300)]))
    found = validate_vcf(path, max_findings=3)
    assert found.counts == {"info-type": 300}
    assert found.n_errors == 300
    assert len(found.findings) == 3


def test_strict_warnings_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "w.vcf.gz"
    path.write_bytes(gzip.compress(text([record()])))
    assert validate_vcf(path).is_valid
    strict = validate_vcf(path, strict_warnings=True)
    assert (strict.n_errors, strict.n_warnings, strict.is_valid) == (1, 0, False)


def test_lists_of_local_alleles_may_be_empty_in_4_5(tmp_path: Path) -> None:
    broken = text([record(format="LAA:LEC", a=":", b="")], version="4.5", meta=[FORMAT.format("LEC", "LA", "Integer")])
    assert validated(tmp_path, broken).is_valid
