"""One person from the registry through screening to the report, on a made-up genome."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from genomics_dc.annotation.annotate import annotate
from genomics_dc.errors import InputError, RefusedError, UsageError
from genomics_dc.store import build_store
from tests.gene_world import CONTIG, make_world, vcf_text
from tests.registry_fixtures import CentreHome

CARE = "DUO:0000043"
WORLD = make_world()
PANEL: dict[str, Any] = {
    "name": "toy",
    "version": "1",
    "source": "made up for tests",
    "title": {"en": "Toy panel", "zh-CN": "测试组合"},
    "genes": [{"symbol": "ALPHA", "transcript": "T-ALPHA.1", "inheritance": ["autosomal_recessive"]}],
}


@pytest.fixture
def family(sqlite_home: CentreHome) -> dict[str, str]:
    """Kid, dad and mum in a run's output tree and in the registry, all consenting to care."""
    home = sqlite_home
    for name in ("store", "callable", "panels"):
        (home.folder / name).mkdir()
    position = WORLD.genomic("T-ALPHA.1", 3 * 10 - 2)
    rows = [(position, WORLD.base(position, 3), "TAA", "PASS", ["1/1", "0/1", "0/1"])]
    vcf = home.write("c.vcf", vcf_text(rows, ("kid", "dad", "mum")))
    build_store(vcf, home.folder / "store" / "c.vcz", workers=1)
    genes = WORLD.gff(home.folder)
    annotate(home.folder / "store" / "c.vcz", genes=genes, fasta=WORLD.fasta(home.folder))
    (home.folder / "callable" / "kid.bed").write_text(f"{CONTIG}\t0\t12000\n")
    (home.folder / "panels" / "toy.yaml").write_text(yaml.safe_dump(PANEL, allow_unicode=True))
    home.change(stores={"run": "store/c.vcz"}, panels="panels", references={"genes": str(genes)})
    lines = ["mrn name birth_date sex sample store father mother", "M1 Canary 2017-05-14 F kid run M2 M3"]
    made = home.people("\n".join([*lines, "M2 Dad 1985 M dad run . .", "M3 Mum 1987 F mum run . ."]))
    people = dict(zip(("kid", "dad", "mum"), made.values(), strict=True))
    for person in people.values():
        home.open().grant_consent(person, [CARE])
    return people


def test_screening_report_and_who_sees_what(sqlite_home: CentreHome, family: dict[str, str], tmp_path: Path) -> None:
    kid = sqlite_home.open("doctor", CARE).person(family["kid"])
    found = kid.screen(["toy"])
    (variant,) = found.findings[0].variants
    assert variant.segregation == "homozygous_recessive"
    assert {call.role: call.genotype for call in variant.parents} == {"father": "0/1", "mother": "0/1"}
    assert "Canary" not in found.findings[0].model_dump_json()
    (written,) = found.report(lang=["en"]).write(tmp_path / "out", formats=["html"])
    page = next(path for path in written.paths if path.suffix == ".html")
    assert "Canary" in page.read_text(encoding="utf-8")
    assert "Canary" not in page.name

    laboratory = sqlite_home.open("laboratory", CARE).person(family["kid"]).screen(["toy"])
    with pytest.raises(RefusedError, match=r"person\.identify"):
        laboratory.report(lang=["en"])
    (written,) = laboratory.report(lang=["en"], identify=False).write(tmp_path / "lab", formats=["html"])
    for path in written.paths:
        content = path.read_text(encoding="utf-8")
        assert "Canary" not in content
        assert "M1<" not in content


def test_parent_who_withdrew_is_unknown_never_reference(sqlite_home: CentreHome, family: dict[str, str]) -> None:
    sqlite_home.open().withdraw_consent(family["mum"])
    found = sqlite_home.open("doctor", CARE).person(family["kid"]).screen(["toy"])
    (variant,) = found.findings[0].variants
    assert {call.role for call in variant.parents} == {"father"}


def test_withdrawal_between_screening_and_report(sqlite_home: CentreHome, family: dict[str, str]) -> None:
    found = sqlite_home.open("doctor", CARE).person(family["kid"]).screen(["toy"])
    sqlite_home.open().withdraw_consent(family["kid"])
    with pytest.raises(RefusedError, match="no consent in force"):
        found.report()


def test_findings_of_a_run_are_read(sqlite_home: CentreHome, family: dict[str, str]) -> None:
    kid = sqlite_home.open("doctor", CARE).person(family["kid"])
    with pytest.raises(InputError, match="names no folder of `findings`"):
        kid.findings(["toy"])
    made = kid.screen(["toy"]).findings[0]
    (sqlite_home.folder / "findings").mkdir()
    path = sqlite_home.folder / "findings" / "kid.toy.json"
    path.write_text(made.model_dump_json())
    sqlite_home.change(findings="findings")
    kid = sqlite_home.open("doctor", CARE).person(family["kid"])
    assert kid.findings(["toy"]).findings == (made,)
    path.write_text("{}")
    with pytest.raises(InputError, match="does not hold findings"):
        kid.findings(["toy"])
    with pytest.raises(InputError, match="cannot be read"):
        kid.findings(["other"])


def test_what_is_missing_is_told(sqlite_home: CentreHome, family: dict[str, str]) -> None:
    kid = sqlite_home.open("doctor", CARE).person(family["kid"])
    with pytest.raises(UsageError, match="at least one panel"):
        kid.screen([])
    with pytest.raises(InputError, match="has no such sample"):
        kid.screen(["toy"], sample="other")
    sqlite_home.change(references={})
    with pytest.raises(InputError, match="references: genes"):
        sqlite_home.open("doctor", CARE).person(family["kid"]).screen(["toy"])


def test_command_line_screens_a_person(
    sqlite_home: CentreHome, family: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from genomics_dc.cli.main import main

    sqlite_home.change(principal="doctor")
    words = ["screen", "--person", family["kid"], "--panel", "toy", "--centre", str(sqlite_home.path)]
    monkeypatch.setattr(sys, "argv", ["genomics-dc", *words, "--purpose", CARE])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert '"homozygous_recessive"' in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["genomics-dc", *words, "--purpose", "DUO:0000006"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 4
    assert capsys.readouterr().err.startswith("genomics-dc: refused: person.read by doctor")
