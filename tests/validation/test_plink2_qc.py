"""Quality and kinship against `plink2` run on the same VCF: equal to its printed digits."""

from __future__ import annotations

import subprocess

import numpy as np
import pandas as pd
import pytest

from genomics_dc.analyses.view import open_store
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf

# PLINK prints six significant digits: half a unit of the last is at most 5e-6 of the number.
PRINTED = {"rtol": 5.1e-6, "atol": 1e-12}


def table(path):
    """A PLINK table as it was printed, as text."""
    frame = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    return frame.rename(columns=lambda name: name.lstrip("#"))


def numbers(values):
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, copy=True)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """A cohort with SNVs, insertions, deletions, missing calls, rare, common and monomorphic sites; many ALTs on 21."""
    folder = tmp_path_factory.mktemp("cohort")
    vcf = write_cohort_vcf(folder / "cohort.vcf", n_samples=70, n_variants=900, seed=11, many_alleles=60)
    build_store(vcf, folder / "cohort.vcz")
    return vcf, open_store(folder / "cohort.vcz")


@pytest.fixture(scope="module")
def thousand_genomes(shared_data, tmp_path_factory):
    vcf = shared_data / "cohort_1kg_chr20" / "1kg_phase3.2504.chr20_1.99-2.11Mb.vcf.gz"
    path = tmp_path_factory.mktemp("kg") / "kg.vcz"
    build_store(vcf, path)
    return vcf, open_store(path)


@pytest.fixture(params=["cohort", "thousand_genomes"])
def pair(request):
    return request.getfixturevalue(request.param)


def plink2(program, vcf, folder, *arguments):
    command = [program("plink2"), "--vcf", str(vcf), "--threads", "2", "--out", str(folder / "p"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "p"


def test_frequencies_missingness_and_hardy_weinberg(pair, program, tmp_path):
    vcf, view = pair
    out = plink2(program, vcf, tmp_path, "--freq", "--missing", "--hardy", "midp")
    ours = view.qc(threads=2).variants.to_pandas()

    frequency = table(f"{out}.afreq")
    np.testing.assert_array_equal(ours["AN"], np.array(frequency["OBS_CT"], dtype=np.int64))
    by_allele = ours["AC_by_allele"].fillna(ours["AC"].astype(str))
    found = [int(n) / an for text, an in zip(by_allele, ours["AN"], strict=True) for n in text.split(",")]
    printed = [float(value) for text in frequency["ALT_FREQS"] for value in text.split(",")]
    np.testing.assert_allclose(found, printed, **PRINTED)

    missing = table(f"{out}.vmiss")
    np.testing.assert_array_equal(ours["missing"], np.array(missing["MISSING_CT"], dtype=np.int64))

    hardy = table(f"{out}.hardy")
    tested = ours[ours["hwe_note"].isna()]
    assert len(tested) > 500
    # One ALT allele: one row, whichever allele it names. Many: a row each, and ours is the one of the reference.
    rows = hardy.merge(tested, left_on="ID", right_on="variant_id")
    rows = rows[(rows["A1"] == rows["ref"]) | ~rows["alt"].str.contains(",")]
    assert sorted(rows["variant_id"]) == sorted(tested["variant_id"])
    np.testing.assert_allclose(rows["hwe_p"], numbers(rows["MIDP"]), rtol=5.1e-6)


def test_sample_counts(pair, program, tmp_path):
    vcf, view = pair
    wanted = "homref,het,hom,hetsnp,dipts,diptv,dipnonsnpsymb,dipsingle,missing"
    out = plink2(program, vcf, tmp_path, "--sample-counts", f"cols={wanted}")
    counts = table(f"{out}.scount")
    ours = view.qc().samples.to_pandas()
    assert list(ours["sample_id"]) == list(counts["IID"])
    for column, name in (
        ("hom_ref", "HOM_REF_CT"),
        ("het", "HET_CT"),
        ("transitions", "DIPLOID_TRANSITION_CT"),
        ("transversions", "DIPLOID_TRANSVERSION_CT"),
        ("missing", "MISSING_CT"),
    ):
        np.testing.assert_array_equal(ours[column], np.array(counts[name], dtype=np.int64), err_msg=name)
    np.testing.assert_array_equal(ours["hom_ref"] + ours["hom_alt"], np.array(counts["HOM_CT"], dtype=np.int64))
    np.testing.assert_array_equal(
        ours["insertions"] + ours["deletions"], np.array(counts["DIPLOID_NONSNP_NONSYMBOLIC_CT"], dtype=np.int64)
    )


def test_singletons_where_there_is_one_alt_allele(pair, program, tmp_path):
    vcf, view = pair
    out = plink2(program, vcf, tmp_path, "--max-alleles", "2", "--sample-counts", "cols=dipsingle")
    one_alt = view.variants(index=view.sites().index[view.sites().n_alleles == 2])
    found = one_alt.qc().samples.to_pandas()["singletons"]
    np.testing.assert_array_equal(found, np.array(table(f"{out}.scount")["DIPLOID_SINGLETON_CT"], dtype=np.int64))
    assert found.sum() > 0


def test_inbreeding(pair, program, tmp_path):
    vcf, view = pair
    out = plink2(program, vcf, tmp_path, "--het")
    printed = table(f"{out}.het")
    ours = view.qc().samples.to_pandas()
    np.testing.assert_allclose(ours["f_inbreeding"], numbers(printed["F"]), rtol=5.1e-6, atol=5e-7)


def test_kinship(pair, program, tmp_path):
    vcf, view = pair
    people = list(view.sample_ids[:300])
    (tmp_path / "keep").write_text("\n".join(people) + "\n")
    out = plink2(program, vcf, tmp_path, "--keep", str(tmp_path / "keep"), "--make-king-table", "counts", "cols=+ibs1")
    printed = table(f"{out}.kin0")
    ours = view.samples(people).kinship(threads=2).to_pandas()
    assert list(ours["sample_id_1"]) == list(printed["IID1"])
    assert list(ours["sample_id_2"]) == list(printed["IID2"])
    n = np.array(printed["NSNP"], dtype=np.int64)
    np.testing.assert_array_equal(ours["n"], n)
    # v2.00a3.5 prints the two ibs1 columns the other way round than it names them: HET1_HOM2 counts where IID2 is het.
    names = {"hethet": "HETHET", "ibs0": "IBS0", "het1_hom2": "HET2_HOM1", "het2_hom1": "HET1_HOM2"}
    for column, name in names.items():
        np.testing.assert_array_equal(np.rint(ours[column] * n), np.array(printed[name], dtype=np.int64), err_msg=name)
    kinship = numbers(printed["KINSHIP"])
    kinship[np.isinf(kinship)] = np.nan  # without a heterozygous call PLINK prints -inf; here it is missing
    np.testing.assert_allclose(ours["kinship"], kinship, rtol=5.1e-6, atol=5e-7)


def test_golden_frequencies_of_2504_people(thousand_genomes, shared_data):
    """The file holds what plink2 printed earlier (tests/golden/README.md), so this needs no plink2."""
    path = shared_data / "cohort_1kg_chr20" / "expected.plink2_1kg.afreq.tsv.gz"
    golden = table(path)
    ours = thousand_genomes[1].qc(threads=2).variants.to_pandas()
    assert list(ours["ref"]) == list(golden["REF"])
    assert list(ours["alt"]) == list(golden["ALT"])
    np.testing.assert_array_equal(ours["AN"], np.array(golden["OBS_CT"], dtype=np.int64))
    np.testing.assert_allclose(ours["AF"], numbers(golden["ALT_FREQS"]), **PRINTED)
