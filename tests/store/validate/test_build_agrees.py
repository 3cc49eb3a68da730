"""`store build` against `validate`: no store from an error, unless the rule says why it may be stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from genomics_dc.errors import GenomicsError
from genomics_dc.store import build_store
from genomics_dc.store.validate import RULES, validate_vcf
from tests.store.validate.header_cases import HEADER_CASES
from tests.store.validate.record_cases import RECORD_CASES
from tests.store.validate.vcf_text import record, text

CASES = HEADER_CASES | RECORD_CASES
REFUSED = [name for name, rule in RULES.items() if not rule.kept and "E" in rule.levels and name in CASES]


def _file(folder: Path, version: str, broken: object) -> Path:
    """Write a case, with a record where it has none, so that there is something to build."""
    data = text([record(**broken)], version=version) if isinstance(broken, dict) else broken
    assert isinstance(data, bytes)
    if data.endswith(b"FORMAT\tNA1\tNA2\n"):
        data += record().encode() + b"\n"
    path = folder / "case.vcf"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("rule", REFUSED)
def test_what_is_an_error_is_not_built(rule: str, tmp_path: Path) -> None:
    version, broken, _ = CASES[rule][0]
    path = _file(tmp_path, version, broken)
    found = validate_vcf(path)
    assert any(finding.is_error and finding.kept is None for finding in found.findings), rule
    with pytest.raises(GenomicsError):
        build_store(path, tmp_path / "case.vcz", workers=1)
