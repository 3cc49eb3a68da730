"""X and Y by sex, families, cases and controls against `plink2` and `plink1.9`: equal to their printed digits.

PLINK 1.9 prints four significant digits: half a unit of the last is at most 5e-4 of the number.
"""

from __future__ import annotations

import subprocess

import numpy as np
import pandas as pd
import pytest

from genomics_dc.analyses.view import open_store
from genomics_dc.store import build_store
from tests.sexed_cohort import write_sexed_cohort

PLINK2 = {"rtol": 5.1e-6, "atol": 1e-12}
PLINK1 = {"rtol": 5.1e-4, "atol": 5.1e-5}


def run(words, folder):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr


def made(folder, program, *, het_males):
    cohort = write_sexed_cohort(folder, het_males=het_males)
    build_store(cohort.vcf, folder / "s.vcz")
    run([program("plink2"), "--vcf", cohort.vcf, "--make-pgen", "--out", "p"], folder)
    rows = ["\t".join(line.split()[:5]) for line in cohort.fam.read_text().splitlines()]
    (folder / "p.psam").write_text("#FID\tIID\tPAT\tMAT\tSEX\n" + "\n".join(rows) + "\n")
    return folder, cohort, open_store(folder / "s.vcz")


@pytest.fixture(scope="module")
def clean(tmp_path_factory, program):
    """No male is heterozygous on X: PLINK 2 counts such a call as half a copy each, here it is missing."""
    return made(tmp_path_factory.mktemp("clean"), program, het_males=False)


@pytest.fixture(scope="module")
def plink19(tmp_path_factory, program):
    """With heterozygous males, which PLINK 1.9 too takes as missing; its answers beside."""
    folder, cohort, view = made(tmp_path_factory.mktemp("plink19"), program, het_males=True)
    run([program("plink2"), "--pfile", "p", "--make-bed", "--out", "b"], folder)
    cases = pd.read_csv(cohort.phenotypes, sep="\t")
    (folder / "cc.txt").write_text("".join(f"F {name} {code}\n" for name, code in cases.itertuples(index=False)))
    for words in (["--mendel"], ["--check-sex"], ["--het"], ["--test-missing", "--pheno", "cc.txt"]):
        run([program("plink1.9"), "--bfile", "b", "--nonfounders", *words, "--out", "o"], folder)
    return folder, cohort, view


def read(path):
    return pd.read_csv(path, sep="\t").rename(columns=lambda name: name.lstrip("#"))


def test_plink2_frequencies_missingness_and_hardy_weinberg_of_x_and_y(clean, program):
    folder, cohort, view = clean
    words = ["--freq", "--missing", "--nonfounders", "--hardy"]
    run([program("plink2"), "--pfile", "p", *words, "--out", "o"], folder)
    ours = view.variant_qc(sex=cohort.sex, threads=2).to_pandas()
    frequencies = read(folder / "o.afreq")
    np.testing.assert_array_equal(ours["AN"], frequencies["OBS_CT"])
    np.testing.assert_allclose(ours["AF"], frequencies["ALT_FREQS"], **PLINK2)
    missing = read(folder / "o.vmiss")
    np.testing.assert_array_equal(ours["missing"], missing["MISSING_CT"])
    np.testing.assert_allclose(ours["missing_rate"], missing["F_MISS"], **PLINK2)

    run([program("plink2"), "--pfile", "p", "--nonfounders", "--hardy", "midp", "--out", "m"], folder)
    hardy, midp = read(folder / "o.hardy.x"), read(folder / "m.hardy.x")
    on_x = ours[ours["chromosome"] == "X"].reset_index(drop=True)
    counts = hardy[["FEMALE_HOM_A1_CT", "FEMALE_HET_A1_CT", "FEMALE_TWO_AX_CT", "MALE_A1_CT", "MALE_AX_CT"]]
    from genomics_dc.kernels import hwe_x

    exact = 10.0 ** -hwe_x.exact_neg_log10_p(counts.to_numpy())
    np.testing.assert_allclose(exact, hardy["P"], rtol=5.1e-6)
    # Two outcomes can be exactly as likely. PLINK 2 then halves one of them only; the definition in whole fractions
    # (tests/kernels/test_exact_tests.py) halves both, so the largest difference is half of the other.
    same = np.isclose(on_x["hwe_x_p"], midp["MIDP"], rtol=5.1e-6)
    assert same.mean() > 0.97
    assert (on_x["hwe_x_p"][~same] < midp["MIDP"][~same]).all()
    assert (ours["hwe_note"][ours["chromosome"] == "Y"] == "not tested on Y and the mitochondrion").all()


def test_plink19_mendelian_errors(plink19):
    folder, cohort, view = plink19
    result = view.qc(pedigree=cohort.fam, threads=2)
    by_variant = pd.read_csv(folder / "o.lmendel", sep=r"\s+").set_index("SNP")["N"]
    ours = result.variants.to_pandas().set_index("variant_id")["mendel_errors"]
    np.testing.assert_array_equal(ours[by_variant.index], by_variant)
    assert by_variant.sum() > 50
    by_family = pd.read_csv(folder / "o.fmendel", sep=r"\s+").set_index(["PAT", "MAT"])
    families = result.families.to_pandas().set_index(["father", "mother"])
    np.testing.assert_array_equal(families["errors"], by_family["N"].reindex(families.index))
    np.testing.assert_array_equal(families["children"], by_family["CHLD"].reindex(families.index))


def test_plink19_sex(plink19):
    folder, cohort, view = plink19
    theirs = pd.read_csv(folder / "o.sexcheck", sep=r"\s+")
    ours = view.sample_qc(sex=cohort.sex).to_pandas()
    np.testing.assert_allclose(ours["f_x"], theirs["F"], **PLINK1)
    shown = ours["sex_shown"].map({"male": 1, "female": 2}).to_numpy()
    np.testing.assert_array_equal(shown, theirs["SNPSEX"])
    assert (ours["sex_check"] == "match").all()


def test_plink19_homozygosity(plink19):
    folder, _, view = plink19
    theirs = pd.read_csv(folder / "o.het", sep=r"\s+")
    ours = view.sample_qc().to_pandas()
    np.testing.assert_array_equal(ours["homozygous_observed"], theirs["O(HOM)"])
    np.testing.assert_array_equal(ours["called_autosomes"], theirs["N(NM)"])
    np.testing.assert_allclose(ours["homozygous_expected"], theirs["E(HOM)"], rtol=5.1e-4)
    np.testing.assert_allclose(ours["f_inbreeding"], theirs["F"], **PLINK1)


def test_plink19_missingness_of_cases_and_controls(plink19):
    folder, cohort, view = plink19
    theirs = pd.read_csv(folder / "o.missing", sep=r"\s+").set_index("SNP")
    options = {"sex": cohort.sex, "phenotypes": cohort.phenotypes, "trait": "cc"}
    ours = view.variant_qc(**options, threads=2).to_pandas().set_index("variant_id").loc[theirs.index]
    theirs, ours = theirs[theirs["CHR"] != 24], ours[(theirs["CHR"] != 24).to_numpy()]
    np.testing.assert_allclose(ours["missing_rate_cases"], theirs["F_MISS_A"], **PLINK1)
    np.testing.assert_allclose(ours["missing_rate_controls"], theirs["F_MISS_U"], **PLINK1)
    np.testing.assert_allclose(ours["case_missing_p"], theirs["P"], rtol=5.1e-4, atol=1e-9)
    assert theirs["P"].min() < 1e-4
