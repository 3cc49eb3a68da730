"""Identity: sex, contamination, duplicates, parents; acceptance by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from genomics_dc.calls.identity import (
    Check,
    VariantCall,
    accept,
    blocking_sentences,
    check_contamination,
    check_relations,
    check_sex,
    write_checks,
)
from genomics_dc.config import Sample

SETTINGS = {
    "sites_min": 30,
    "kinship_sites_min": 500,
    "duplicate_concordance_min": 0.95,
    "parent_opposite_homozygotes_max": 0.02,
    "contamination_max": 0.03,
    "heterozygous_balance_min": 0.4,
    "sex_x_ratio_male_max": 0.65,
    "sex_x_ratio_female_min": 0.8,
    "sex_y_ratio_male_min": 0.2,
}


def person(name: str, sex: str | None = None, father: str | None = None, mother: str | None = None) -> Sample:
    return Sample(name, sex, father, mother, ())


def family(n_variants: int, seed: int) -> np.ndarray:
    """Dosage int8[V, 4] of father, mother, child and an unrelated person, in linkage equilibrium."""
    random = np.random.default_rng(seed)
    frequency = random.uniform(0.2, 0.8, n_variants)
    haplotypes = random.random((n_variants, 6)) < frequency[:, None]
    which = random.integers(0, 2, (n_variants, 2))
    rows = np.arange(n_variants)
    child = haplotypes[rows, which[:, 0]].astype(int) + haplotypes[rows, 2 + which[:, 1]]
    parts = [haplotypes[:, 0].astype(int) + haplotypes[:, 1], haplotypes[:, 2].astype(int) + haplotypes[:, 3], child]
    return np.stack([*parts, haplotypes[:, 4].astype(int) + haplotypes[:, 5]], axis=1).astype(np.int8)


def relations(dosage: np.ndarray, father: str = "F", mother: str = "M") -> dict[tuple[str, frozenset[str]], Check]:
    samples = {name: person(name) for name in "FM"} | {"C": person("C", None, father, mother), "U": person("U")}
    return {(check.check, frozenset(check.samples)): check for check in check_relations(samples, dosage, SETTINGS)}


def test_true_family_passes() -> None:
    checks = relations(family(2000, 1))
    assert checks["kinship", frozenset("CF")].status == "pass"
    assert checks["kinship", frozenset("CM")].status == "pass"
    assert not [check for check in checks.values() if check.status == "finding"]


@pytest.mark.parametrize("n_variants", [60, 2000])
def test_swapped_parent_is_a_finding(n_variants: int) -> None:
    checks = relations(family(n_variants, 2), father="U")
    found = checks["kinship", frozenset("CU")]
    assert found.status == "finding"
    assert "U as father of C does not fit the reads" in found.detail


def test_few_sites_confirm_nobody_and_say_how_many() -> None:
    checks = relations(family(60, 3))
    assert checks["kinship", frozenset("CF")].status == "not_assessable"
    assert "0 of 60 variant sites" in checks["kinship", frozenset("CF")].detail
    assert "29 shared variant sites, 30 are needed" in relations(family(29, 3))["kinship", frozenset("CF")].detail


def test_same_person_twice_and_undeclared_relative() -> None:
    dosage = family(2000, 4)
    dosage[:, 3] = dosage[:, 2]
    checks = relations(dosage)
    assert checks["duplicate", frozenset("CU")].status == "finding"
    assert checks["kinship", frozenset("FU")].status == "finding"  # the copy of the child has the child's father
    assert "which the sheet does not say" in checks["kinship", frozenset("FU")].detail


def test_missing_genotypes_do_not_count() -> None:
    dosage = family(2000, 5)
    dosage[100:, 0] = -1
    assert "of 100 variant sites" in relations(dosage)["kinship", frozenset("CF")].detail


@pytest.mark.parametrize(
    ("declared", "x_depth", "y_depth", "status", "seen"),
    [
        ("male", 15, 14, "pass", "male"),
        ("female", 30, 0, "pass", "female"),
        ("female", 15, 14, "finding", "male"),
        ("male", 30, 0, "finding", "female"),
        ("female", 22, 0, "finding", "unclear"),
        (None, 15, 14, "pass", "male"),
    ],
)
def test_sex(declared: str | None, x_depth: int, y_depth: int, status: str, seen: str) -> None:
    depths = {"chr1": (1000, 30_000), "chrX": (1000, x_depth * 1000), "chrY": (1000, y_depth * 1000), "decoy": (9, 9)}
    check = check_sex(person("P", declared), depths, SETTINGS)
    assert check.status == status
    assert check.detail.endswith(seen)


def test_sex_without_x_is_not_assessable() -> None:
    assert check_sex(person("P", "male"), {"20": (100, 3000)}, SETTINGS).status == "not_assessable"


def test_contamination() -> None:
    clean = [VariantCall(2, 0, 30)] * 40 + [VariantCall(1, 15, 15)] * 40
    assert check_contamination("P", clean, SETTINGS).status == "pass"
    mixed = [VariantCall(2, 3, 27)] * 40 + [VariantCall(1, 15, 15)] * 40
    assert check_contamination("P", mixed, SETTINGS).status == "finding"
    uneven = [VariantCall(2, 0, 30)] * 40 + [VariantCall(1, 24, 6)] * 40
    assert "median share of ALT reads" in check_contamination("P", uneven, SETTINGS).detail
    few = check_contamination("P", clean[:5], SETTINGS)
    assert (few.status, "5 variant sites" in few.detail) == ("not_assessable", True)


def test_acceptance_is_by_check_and_exact_samples(tmp_path: Path) -> None:
    found = Check("duplicate", ("A", "B"), "finding", "same")
    right = {"check": "duplicate", "samples": ["B", "A"], "reason": "two tubes"}
    assert accept(found, [right]).status == "accepted"
    assert accept(found, [right]).detail == "same; accepted: two tubes"
    assert accept(found, [{**right, "check": "kinship"}]).status == "finding"
    assert accept(found, [{**right, "samples": ["A"]}]).status == "finding"
    write_checks([found], tmp_path / "identity.json")
    assert json.loads((tmp_path / "identity.json").read_text())[0]["samples"] == ["A", "B"]


def test_blocking_sentences(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    check = {"check": "sex", "status": "finding", "detail": "declared male, seen female"}
    path.write_text(json.dumps({"sample_id": "P1", "identity": [check, {**check, "status": "accepted"}]}))
    assert len(blocking_sentences(path)) == 1
    assert "identity.accept" in blocking_sentences(path)[0]
