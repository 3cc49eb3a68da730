"""Association and PCA against PLINK 2: golden files of real cohorts, and `plink2` run on the same VCF.

Tolerances. PLINK prints six significant digits: half a unit of the last is at most 5e-6 of the number, and that is what
linear regression is held to. It computes logistic regression in single precision and stops early, so there its own
error is larger than its printing (beta to about 2e-5, the standard error to 5e-5): a third program in double precision,
statsmodels, then shows which one is right, to 1e-7.
"""

from __future__ import annotations

import gzip
import subprocess

import numpy as np
import pandas as pd
import pysam
import pytest

from genomics_dc.analyses.view import open_store
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf

PRINTED = 5.1e-6
GENES = ("ENSG00000184674.8", "ENSG00000273295.1", "ENSG00000235231.3")


def genotypes_only(source, target, first=0, last=1 << 60):
    """Copy a VCF without INFO and with GT alone, positions first..last: a store of it is built in seconds."""
    with gzip.open(source, "rt") as lines, pysam.BGZFile(str(target), "wb") as out:
        header = []
        for line in lines:
            if line.startswith("##"):
                header += [line] if line.startswith(("##fileformat", "##FORMAT=<ID=GT,")) else []
                continue
            cells = line.rstrip("\n").split("\t")
            if line.startswith("#"):
                names = cells
                continue
            if header:
                top = [*header, f"##contig=<ID={cells[0]}>\n", "\t".join(names) + "\n"]
                out.write("".join(top).encode())
                header = []
            if first <= int(cells[1]) <= last:
                kept = [*cells[:5], ".", "PASS", ".", "GT", *(call.split(":")[0] for call in cells[9:])]
                out.write(("\t".join(kept) + "\n").encode())
    return target


@pytest.fixture(scope="module")
def geuvadis(shared_data, tmp_path_factory):
    """The part of chr22 that the golden file covers, as VCF and as view."""
    folder = tmp_path_factory.mktemp("geuvadis")
    source = shared_data / "cohort_geuvadis_eqtl" / "geuvadis.358.chr22_16-27Mb.vcf.gz"
    vcf = genotypes_only(source, folder / "g.vcf.gz", 23_999_000, 24_635_000)
    build_store(vcf, folder / "g.vcz")
    return vcf, open_store(folder / "g.vcz")


@pytest.fixture(scope="module")
def thousand_genomes(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kg")
    source = shared_data / "cohort_1kg_chr20" / "1kg_phase3.2504.chr20_1.99-2.11Mb.vcf.gz"
    vcf = genotypes_only(source, folder / "kg.vcf.gz")
    build_store(vcf, folder / "kg.vcz")
    return vcf, open_store(folder / "kg.vcz")


@pytest.fixture(scope="module")
def patchy(tmp_path_factory):
    """Random people with missing genotypes, traits and covariates, so that every variant has its own complete cases."""
    folder = tmp_path_factory.mktemp("patchy")
    vcf = write_cohort_vcf(folder / "c.vcf", n_samples=150, n_variants=400, seed=5, missing_rate=0.08)
    build_store(vcf, folder / "c.vcz")
    view = open_store(folder / "c.vcz")
    rng = np.random.default_rng(6)
    people = pd.DataFrame({"#IID": [str(name) for name in view.sample_ids]})
    dosage = view.dosage().clip(0)
    # People at both ends differ in which traits they lack.
    people["q1"] = rng.normal(size=150) + 0.4 * dosage[7] - 0.3 * dosage[9]
    people["q2"] = rng.exponential(size=150)
    people["sick"] = 1 + (rng.random(150) < 1 / (1 + np.exp(-0.8 * dosage[7] + 0.7)))
    people.loc[:5, "q1"] = np.nan
    people.loc[140:, "q2"] = np.nan
    covariates = people[["#IID"]].assign(age=rng.integers(20, 80, 150), score=rng.normal(size=150))
    covariates.loc[[20, 21, 22], "score"] = np.nan
    people.to_csv(folder / "p.tsv", sep="\t", index=False, na_rep="NA")
    covariates.to_csv(folder / "v.tsv", sep="\t", index=False, na_rep="NA")
    return vcf, view, folder / "p.tsv", folder / "v.tsv"


def plink2(program, vcf, folder, *arguments):
    words = [program("plink2"), "--vcf", vcf, "--threads", "2", "--out", folder / "p", *arguments]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "p"


def side_by_side(ours, theirs):
    """Join on position and alleles, ours (columns in small letters) turned to the allele that PLINK counts, A1."""
    frame = ours.to_pandas()
    frame["trait"] = frame["trait"].astype(str)
    place = ["base_pair_location", "other_allele", "effect_allele"]
    keys = ["POS", "REF", "ALT"]
    if "GENE" in theirs:
        place, keys = [*place, "trait"], [*keys, "GENE"]
    both = theirs.merge(frame, left_on=keys, right_on=place, validate="one_to_one")
    assert len(both) == len(theirs)
    same = both["A1"] == both["effect_allele"]
    assert (same | (both["A1"] == both["other_allele"])).all()
    both["beta"] *= np.where(same, 1, -1)
    both["frequency"] = np.where(same, both["effect_allele_frequency"], 1 - both["effect_allele_frequency"])
    return both


def assert_printed_alike(found, printed, tolerance=PRINTED):
    np.testing.assert_allclose(found.astype(float), printed.astype(float), rtol=tolerance, atol=1e-300)


def assert_linear_alike(both):
    assert_printed_alike(both["beta"], both["BETA"])
    assert_printed_alike(both["standard_error"], both["SE"])
    assert_printed_alike(both["p_value"], both["P"])
    # -log10 of a p that is printed as 0.999x has few digits of its own; below 0.1 it has six.
    small = both["P"] < 0.1
    assert_printed_alike(both["neg_log_10_p_value"][small], -np.log10(both["P"][small]))
    assert (both["n"] == both["OBS_CT"]).all()


def test_linear_golden_of_real_expression(geuvadis, shared_data):
    folder = shared_data / "cohort_geuvadis_eqtl"
    golden = pd.read_csv(folder / "expected.plink2_glm_linear.tsv.gz", sep="\t")
    result = geuvadis[1].associate(
        folder / "expression.tsv.gz", traits=GENES, covariates=folder / "covariates.tsv", threads=2
    )
    both = side_by_side(result, golden)
    assert len(both) == 3657
    assert (both["status"] == "ok").all()
    assert_linear_alike(both)
    assert_printed_alike(both["frequency"], both["A1_FREQ"])
    # Printed as PLINK prints, not one digit of the estimates differs.
    for ours, printed in (("beta", "BETA"), ("standard_error", "SE")):
        assert [float(f"{value:.6g}") for value in both[ours]] == both[printed].tolist()


def test_linear_of_real_expression_against_a_third_program(geuvadis, shared_data):
    """Statsmodels in double precision: PLINK's printed digits end where this comparison begins."""
    api = pytest.importorskip("statsmodels.api")
    folder = shared_data / "cohort_geuvadis_eqtl"
    view = geuvadis[1].variants(maf=0.05)
    result = view.associate(folder / "expression.tsv.gz", traits=GENES, covariates=folder / "covariates.tsv")
    ids = [str(name) for name in view.sample_ids]
    covariates = pd.read_csv(folder / "covariates.tsv", sep="\t").set_index("#IID").loc[ids].to_numpy()
    scaled = (covariates - covariates.mean(axis=0)) / covariates.std(axis=0)
    expression = pd.read_csv(folder / "expression.tsv.gz", sep="\t").set_index("#IID").loc[ids]
    dosage = view.dosage()
    from scipy import stats

    for gene in GENES:
        table = result.of_trait(gene).to_pandas()
        strongest = int(table["neg_log_10_p_value"].argmax())
        for row in [strongest, *range(0, len(dosage), 100)]:
            x = np.column_stack([np.ones(358), scaled, dosage[row]])
            other = api.OLS(expression[gene].to_numpy(), x).fit()
            assert table["beta"][row] == pytest.approx(other.params[-1], rel=1e-9)
            assert table["standard_error"][row] == pytest.approx(other.bse[-1], rel=1e-9)
            log10_p = (np.log(2) + stats.t.logsf(abs(other.tvalues[-1]), other.df_resid)) / np.log(10)
            assert table["neg_log_10_p_value"][row] == pytest.approx(-log10_p, rel=1e-8)


def test_linear_live_with_missing_values(patchy, program, tmp_path):
    vcf, view, phenotypes, covariates = patchy
    out = plink2(
        *(program, vcf, tmp_path, "--pheno", phenotypes, "--pheno-name", "q1,q2", "--covar", covariates),
        *("--glm", "hide-covar", "cols=+a1freq", "--vif", "1e9", "--covar-variance-standardize"),
    )
    result = view.associate(phenotypes, traits=["q1", "q2"], covariates=covariates, threads=2)
    for trait in ("q1", "q2"):
        theirs = pd.read_csv(f"{out}.{trait}.glm.linear", sep="\t")
        both = side_by_side(result.of_trait(trait), theirs)
        tested = both["P"].notna()
        assert tested.sum() > 350
        assert both["n"][tested].nunique() > 10  # the complete cases do differ
        assert_linear_alike(both[tested])
        assert_printed_alike(both["frequency"], both["A1_FREQ"])
        # What PLINK gives up, we give up with a reason, and the other way round.
        assert (both["status"] == "ok").equals(tested)


@pytest.mark.parametrize("trait", ["AFR", "SEX_M"])
def test_logistic_golden(thousand_genomes, shared_data, trait):
    folder = shared_data / "cohort_1kg_chr20"
    golden = pd.read_csv(folder / f"expected.plink2_1kg.{trait}.logistic.hybrid.tsv.gz", sep="\t")
    view = thousand_genomes[1]
    result = view.associate(folder / "pheno_AFR_SEX.tsv.gz", traits=[trait], model="logistic", fit_all=True, threads=2)
    both = side_by_side(result, golden)
    assert len(both) == 642
    # The same variants need Firth, and say so.
    assert ((both["FIRTH?"] == "Y") == (both["test"] == "FIRTH")).all()
    assert (both["n"] == both["OBS_CT"]).all()
    assert_printed_alike(both["frequency"], both["A1_FREQ"])
    plain = both["test"] == "ADD"
    np.testing.assert_allclose(both["beta"][plain], np.log(both["OR"][plain]), rtol=1e-5, atol=2.5e-5)
    np.testing.assert_allclose(both["standard_error"][plain], both["LOG(OR)_SE"][plain], rtol=6e-5)
    strength = -np.log10(both["P"])
    np.testing.assert_allclose(both["neg_log_10_p_value"][plain], strength[plain], rtol=1e-4, atol=1e-4)
    # PLINK's Firth iterations stop at a step of 1e-4.
    np.testing.assert_allclose(both["beta"][~plain], np.log(both["OR"][~plain]), atol=1e-3)
    np.testing.assert_allclose(both["standard_error"][~plain], both["LOG(OR)_SE"][~plain], rtol=5e-4)


def test_logistic_against_a_third_program_where_plink_is_less_exact(thousand_genomes, shared_data):
    """Double precision Newton by statsmodels on the rows where PLINK and we differ most: it agrees with us."""
    api = pytest.importorskip("statsmodels.api")
    folder = shared_data / "cohort_1kg_chr20"
    golden = pd.read_csv(folder / "expected.plink2_1kg.AFR.logistic.hybrid.tsv.gz", sep="\t")
    view = thousand_genomes[1]
    result = view.associate(folder / "pheno_AFR_SEX.tsv.gz", traits=["AFR"], model="logistic", fit_all=True)
    both = side_by_side(result, golden)
    rows = pd.Series(range(view.n_variants), index=view.sites().position)
    dosage = view.dosage()
    ids = [str(name) for name in view.sample_ids]
    cases = pd.read_csv(folder / "pheno_AFR_SEX.tsv.gz", sep="\t").set_index("#IID").loc[ids, "AFR"].to_numpy() - 1
    both["gap"] = np.abs(both["standard_error"] / both["LOG(OR)_SE"] - 1)
    worst = both[both["test"] == "ADD"].nlargest(12, "gap")
    assert worst["gap"].max() > PRINTED  # else there is nothing to decide
    for row in worst.itertuples():
        x = np.column_stack([np.ones(len(cases)), dosage[rows[row.POS]]])
        other = api.Logit(cases, x).fit(disp=False, tol=1e-12, maxiter=200)
        assert abs(row.beta) == pytest.approx(abs(other.params[1]), rel=1e-7)
        assert row.standard_error == pytest.approx(other.bse[1], rel=1e-7)


@pytest.mark.parametrize("model", ["logistic", "firth"])
def test_logistic_live_with_covariates_and_missing_values(patchy, program, tmp_path, model):
    vcf, view, phenotypes, covariates = patchy
    kind, suffix = ("firth-fallback", "logistic.hybrid") if model == "logistic" else ("firth", "firth")
    out = plink2(
        *(program, vcf, tmp_path, "--pheno", phenotypes, "--pheno-name", "sick", "--covar", covariates),
        *("--glm", "hide-covar", kind, "--vif", "1e9", "--covar-variance-standardize"),
    )
    theirs = pd.read_csv(f"{out}.sick.glm.{suffix}", sep="\t")
    result = view.associate(phenotypes, traits=["sick"], covariates=covariates, model=model, fit_all=True, threads=2)
    both = side_by_side(result, theirs)
    tested = both["P"].notna()
    assert tested.sum() > 350
    assert (both["n"] == both["OBS_CT"]).all()
    both = both[tested]
    assert both["status"].isin(["ok", "firth"]).all()
    if model == "logistic":
        assert ((both["FIRTH?"] == "Y") == (both["test"] == "FIRTH")).all()
        assert (both["FIRTH?"] == "Y").any()
    firth = both["test"] == "FIRTH"
    for part, tolerance in ((both[~firth], 1e-4), (both[firth], 2e-3)):
        np.testing.assert_allclose(part["beta"], np.log(part["OR"]), atol=tolerance, rtol=tolerance)
        np.testing.assert_allclose(part["standard_error"], part["LOG(OR)_SE"], rtol=tolerance)


def test_pca_live(thousand_genomes, program, tmp_path):
    vcf, view = thousand_genomes
    people = [str(name) for name in view.sample_ids[::10]]
    keep = tmp_path / "keep.txt"
    keep.write_text("\n".join(["#IID", *people]) + "\n")
    out = plink2(program, vcf, tmp_path, "--keep", keep, "--maf", "0.05", "--pca", "5")
    result = view.samples(people).variants(maf=0.05).pca(5)
    theirs = pd.read_csv(f"{out}.eigenvec", sep="\t")
    vectors = theirs[[f"PC{j}" for j in range(1, 6)]].to_numpy()
    values = np.loadtxt(f"{out}.eigenval")
    # PLINK prints six digits and keeps the relationship matrix in single precision.
    np.testing.assert_allclose(result.eigenvalues, values, rtol=2e-5)
    np.testing.assert_allclose(np.abs((vectors * result.vectors()).sum(axis=0)), 1, atol=1e-4)
