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
    # One ALT allele: one row, whichever allele it names. Many: a row for each allele, in the order of the site.
    rows = hardy.merge(tested, left_on="ID", right_on="variant_id")
    one_alt = rows[~rows["alt"].str.contains(",")]
    np.testing.assert_allclose(one_alt["hwe_p"], numbers(one_alt["MIDP"]), rtol=5.1e-6)
    many = rows[rows["alt"].str.contains(",")]
    for _, of_site in many.groupby("variant_id", sort=False):
        ours_by_allele = dict(
            zip([of_site["ref"].iloc[0], *of_site["alt"].iloc[0].split(",")],
                numbers(pd.Series(of_site["hwe_p_by_allele"].iloc[0].split(","))), strict=True)
        )  # fmt: skip
        known = [ours_by_allele[allele] for allele in of_site["A1"]]
        printed = numbers(of_site["MIDP"])
        both = np.isfinite(known)  # of an allele that nobody carries there is no test; PLINK prints 0.5
        np.testing.assert_allclose(np.array(known)[both], printed[both], rtol=1.1e-5)
        np.testing.assert_allclose(of_site["hwe_p"].iloc[0], printed[both].min(), rtol=5.1e-6)


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


def test_golden_hardy_weinberg_of_2504_people(thousand_genomes, shared_data):
    """Exact mid-p that plink2 printed earlier, to its printed digits."""
    golden = table(shared_data / "cohort_1kg_chr20" / "expected.plink2_1kg.hardy_midp.tsv.gz")
    ours = thousand_genomes[1].variant_qc(threads=2).to_pandas()
    names = (
        "20:" + ours["base_pair_location"].astype(str) + ":" + ours["ref"].astype(str) + ":" + ours["alt"].astype(str)
    )
    p = dict(zip(names, ours["hwe_p"], strict=True))
    found = np.array([p[name] for name in golden["ID"]])
    printed = numbers(golden["MIDP"])
    tested = np.isfinite(found)  # of a site with one allele there is no test; PLINK prints 0.5
    assert tested.sum() > 3000
    np.testing.assert_allclose(found[tested], printed[tested], rtol=5.1e-6, atol=1e-300)
    np.testing.assert_array_equal(printed[~tested], 0.5)


def test_bcftools_stats_by_sample(pair, program, tmp_path):
    """PSC of `bcftools stats -s -`, an independent reading of the same VCF, of sites with one ALT allele."""
    vcf, view = pair
    sites = view.sites()
    one_alt = view.variants(index=sites.index[sites.n_alleles == 2])
    ours = one_alt.sample_qc(threads=2).to_pandas().set_index("sample_id")
    command = f"{program('bcftools')} view -M2 {vcf} | {program('bcftools')} stats -s -"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    lines = [line.split("\t") for line in done.stdout.splitlines() if line.startswith("PSC\t")]
    theirs = pd.DataFrame(
        [[line[2], *map(int, (line[3], line[4], line[5], line[6], line[7], line[8], line[13]))] for line in lines],
        columns=["sample", "hom_ref", "hom_alt", "het", "transitions", "transversions", "indels", "missing"],
    ).set_index("sample")
    np.testing.assert_array_equal(ours["missing"], theirs["missing"].reindex(ours.index))
    np.testing.assert_array_equal(ours["transitions"], theirs["transitions"].reindex(ours.index))
    np.testing.assert_array_equal(ours["transversions"], theirs["transversions"].reindex(ours.index))
    np.testing.assert_array_equal(ours["insertions"] + ours["deletions"], theirs["indels"].reindex(ours.index))
