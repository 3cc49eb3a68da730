"""Linkage against `plink2` and `plink1.9` run on the same VCF: the set kept, r2, D' and clumps to printed digits."""

from __future__ import annotations

import subprocess

import numpy as np
import pandas as pd
import pytest

from genomics_dc.analyses import linkage
from genomics_dc.analyses.view import open_store
from genomics_dc.store import build_store
from tests.builders import write_vcf
from tests.kernels.test_ld import random_dosage

N_SAMPLES = 120


def write_linked_vcf(path, *, n_variants=500, seed=1, contigs=("1", "2", "X", "MT"), many_alleles=True):
    """A cohort in linkage: missing calls, variants that do not vary, positions that stand twice, three alleles."""
    rng = np.random.default_rng(seed)
    dosage = random_dosage(n_variants, N_SAMPLES, seed=seed, missing=0.08)
    dosage[rng.random(n_variants) < 0.03] = rng.choice([0, 1, 2, -1])
    contig = np.sort(rng.integers(0, len(contigs), n_variants))
    position = np.cumsum(rng.choice([0, 50, 400, 3000, 60_000], n_variants, p=[0.1, 0.4, 0.3, 0.15, 0.05])) + 100
    words = {-1: "./.", 0: "0/0", 1: "0/1", 2: "1/1"}
    records = []
    for v in range(n_variants):
        calls = [words[int(d)] for d in dosage[v]]
        alt = "G"
        if many_alleles and rng.random() < 0.1 and contigs[contig[v]] != "MT":
            alt = "G,T"
            # the last allele is never the commonest: PLINK 2 before 10 January 2026 mistook which one is
            other = rng.random(N_SAMPLES) < rng.choice([0.05, 0.3])
            calls = [call.replace("1", "2") if swap else call for call, swap in zip(calls, other, strict=True)]
        if contigs[contig[v]] == "MT":
            calls = [call if call == "./." else call[0] for call in calls]
        fields = [contigs[contig[v]], str(position[v]), f"v{v}", "A", alt, ".", "PASS", ".", "GT", *calls]
        records.append(" ".join(fields))
    lengths = [(name, 200_000_000) for name in contigs]
    return write_vcf(path, records, samples=[f"S{number}" for number in range(N_SAMPLES)], contigs=lengths)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("linked")
    vcf = write_linked_vcf(folder / "c.vcf")
    build_store(vcf, folder / "c.vcz")
    return vcf, open_store(folder / "c.vcz")


@pytest.fixture(scope="module")
def autosome(tmp_path_factory):
    """One contig, two alleles a site: what plink1.9 and we both take the same way."""
    folder = tmp_path_factory.mktemp("autosome")
    vcf = write_linked_vcf(folder / "c.vcf", seed=2, n_variants=300, contigs=("1", "2"), many_alleles=False)
    build_store(vcf, folder / "c.vcz")
    return vcf, open_store(folder / "c.vcz")


def plink(program, name, vcf, out, *arguments):
    words = [program(name), "--vcf", str(vcf), "--threads", "2", "--out", str(out)]
    if name == "plink1.9":
        words += ["--double-id", "--keep-allele-order"]
    done = subprocess.run([*words, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def kept_by_plink2(program, vcf, out, *arguments):
    plink(program, "plink2", vcf, out, *arguments)
    return out.with_suffix(".prune.in").read_text().split()


WINDOWS = [
    (("200kb", "0.2"), {"window_bp": 200_000, "r2": 0.2}),
    (("5kb", "0.05"), {"window_bp": 5_000, "r2": 0.05}),
    (("0.4kb", "0.5"), {"window_bp": 400, "r2": 0.5}),
    (("50", "5", "0.2"), {"window_variants": 50, "step": 5, "r2": 0.2}),
    (("20", "1", "0"), {"window_variants": 20, "step": 1, "r2": 0.0}),
    (("7", "7", "0.8"), {"window_variants": 7, "step": 7, "r2": 0.8}),
]


@pytest.mark.parametrize(("theirs", "ours"), WINDOWS)
def test_pruning_keeps_what_plink2_keeps(cohort, program, tmp_path, theirs, ours):
    vcf, view = cohort
    expected = kept_by_plink2(program, vcf, tmp_path / "p", "--indep-pairwise", *theirs)
    result = linkage.prune(view, threads=2, **ours)
    assert result.table.filter(result.table["kept"])["variant_id"].to_pylist() == expected
    assert 0 < len(expected) < len(result)


def test_pruning_some_samples_and_variants(cohort, program, tmp_path):
    vcf, view = cohort
    ids = [f"S{number}" for number in range(0, N_SAMPLES, 2)]
    (tmp_path / "keep.txt").write_text("".join(f"{name}\n" for name in ids))
    some = ["--keep", tmp_path / "keep.txt", "--chr", "1,2", "--max-alleles", "2", "--maf", "0.1"]
    expected = kept_by_plink2(program, vcf, tmp_path / "p", *some, "--indep-pairwise", "100kb", "0.1")
    sites = view.sites()
    chosen = sites.index[np.isin(sites.contig.astype(str), ["1", "2"]) & (sites.n_alleles == 2)]
    part = view.samples(ids).variants(index=chosen).variants(maf=0.1)
    assert part.ld_prune(window_bp=100_000, r2=0.1).sites().variant_id.tolist() == expected


@pytest.mark.parametrize(
    "name",
    [
        "cohort_1kg_chr20/1kg_phase3.2504.chr20_1.99-2.11Mb.vcf.gz",
        "cohort_geuvadis_eqtl/geuvadis.358.chr22_16-27Mb.vcf.gz",
    ],
)
def test_pruning_real_cohorts(name, shared_data, program, tmp_path):
    vcf = shared_data / name
    build_store(vcf, tmp_path / "c.vcz")
    view = open_store(tmp_path / "c.vcz")
    ids = view.sites().variant_id
    unique = pd.Series(ids).is_unique
    naming = [] if unique and "." not in view.sites().identifier else ["--set-all-var-ids", "@:#:$r:$a"]
    naming += [] if not naming else ["--new-id-max-allele-len", "999"]
    for theirs, ours in ((("200kb", "0.2"), {"window_bp": 200_000}), (("50", "5", "0.2"), {"window_variants": 50})):
        step = {"step": 5} if "window_variants" in ours else {}
        expected = kept_by_plink2(program, vcf, tmp_path / "p", *naming, "--indep-pairwise", *theirs)
        kept = linkage.prune(view, r2=0.2, threads=2, **ours, **step).kept
        sites = view.sites()
        found = sites.variant_id[kept] if not naming else None
        if naming:
            found = [
                f"{contig.removeprefix('chr')}:{position}:{ref}:{alt}"
                for contig, position, ref, alt in zip(
                    sites.contig[kept], sites.position[kept], sites.ref[kept], sites.alt[kept], strict=True
                )
            ]
            expected = [text.removeprefix("chr") for text in expected]
        assert list(found) == expected


def test_r2_and_d_prime_of_pairs(autosome, program, tmp_path):
    vcf, view = autosome
    limits = ["--ld-window", "99999", "--ld-window-kb", "50", "--ld-window-r2", "0.01"]
    plink(program, "plink1.9", vcf, tmp_path / "r", "--r2", *limits)
    theirs = pd.read_csv(tmp_path / "r.ld", sep=r"\s+")
    ours = view.ld(window_bp=50_000, r2_min=0.01, d_prime=True, threads=2).to_plink().to_pandas()
    both = theirs.merge(ours, on=["SNP_A", "SNP_B"], suffixes=("", "_ours"), how="outer", indicator=True)
    near_limit = both["R2"].fillna(both["R2_ours"]) < 0.01 + 1e-6
    assert (both["_merge"] == "both")[~near_limit].all()
    both = both[both["_merge"] == "both"]
    assert len(both) > 1000
    np.testing.assert_allclose(both["R2_ours"], both["R2"], rtol=5.1e-6)  # six digits are printed

    plink(program, "plink1.9", vcf, tmp_path / "d", "--r2", "dprime", *limits)
    theirs = pd.read_csv(tmp_path / "d.ld", sep=r"\s+").dropna()
    both = theirs.merge(ours, on=["SNP_A", "SNP_B"], suffixes=("", "_ours"))
    assert len(both) > 1000
    np.testing.assert_allclose(both["DP_ours"], both["DP"], rtol=5.1e-6, atol=2e-6)


def test_the_matrix_is_that_of_plink(autosome, program, tmp_path):
    vcf, view = autosome
    plink(program, "plink1.9", vcf, tmp_path / "m", "--chr", "1", "--r", "square")
    theirs = np.loadtxt(tmp_path / "m.ld")
    ours = view.region("1").ld_matrix(measure="r", threads=2).values
    # plink1.9 counts the minor allele, or A1 as read with --keep-allele-order: the same sign for both or neither
    defined = np.isfinite(theirs) & np.isfinite(ours)
    np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(theirs))
    np.testing.assert_allclose(np.abs(ours[defined]), np.abs(theirs[defined]), rtol=5.1e-6, atol=1e-12)
    np.testing.assert_allclose(ours[defined], theirs[defined], rtol=5.1e-6, atol=1e-12)


def test_haplotype_r2_of_a_pair_is_that_of_plink2(autosome, program, tmp_path):
    vcf, view = autosome
    pairs = view.ld(window_bp=5_000, r2_min=0.3, d_prime=True).table.to_pylist()[:6]
    assert len(pairs) == 6
    for pair in pairs:
        words = [program("plink2"), "--vcf", vcf, "--ld", pair["variant_id_1"], pair["variant_id_2"]]
        done = subprocess.run([*words, "--out", tmp_path / "l"], capture_output=True, text=True, check=True)
        line = next(text for text in done.stdout.splitlines() if "D' =" in text)
        printed = float(line.split("D' =")[1].split()[0])
        assert pair["d_prime"] == pytest.approx(abs(printed), rel=1e-4)


@pytest.mark.parametrize(
    "limits",
    [
        {"p1": 1e-4, "p2": 0.01, "r2": 0.5, "window_bp": 250_000},
        {"p1": 0.02, "p2": 0.3, "r2": 0.1, "window_bp": 4_000},
        {"p1": 1e-3, "p2": 1e-3, "r2": 0.0, "window_bp": 60_000},
    ],
)
def test_clumps_are_those_of_plink(autosome, program, tmp_path, limits):
    vcf, view = autosome
    rng = np.random.default_rng(9)
    ids = view.sites().variant_id.astype(str)
    p = np.round(10.0 ** -rng.exponential(1.2, len(ids)), 9).clip(1e-9)
    p[5:8] = 1e-6  # ties
    report = pd.DataFrame({"SNP": ids, "P": p})
    report = pd.concat([report[~report["SNP"].isin(ids[10:13])], pd.DataFrame({"SNP": ["away"], "P": [1e-9]})])
    report.to_csv(tmp_path / "a.tsv", sep="\t", index=False)
    words = ["--clump", tmp_path / "a.tsv", "--clump-p1", limits["p1"], "--clump-p2", limits["p2"]]
    words += ["--clump-r2", limits["r2"], "--clump-kb", limits["window_bp"] / 1000]
    plink(program, "plink1.9", vcf, tmp_path / "c", *words)
    theirs = pd.read_csv(tmp_path / "c.clumped", sep=r"\s+")
    result = view.clump(report, threads=2, **limits)
    ours = result.to_plink().to_pandas()
    columns = ["SNP", "BP", "TOTAL", "NSIG", "S05", "S01", "S001", "S0001"]
    pd.testing.assert_frame_equal(ours[columns], theirs[columns], check_dtype=False)
    np.testing.assert_allclose(ours["P"], theirs["P"], rtol=5e-3)  # three digits are printed
    assert [set(text.split(",")) for text in ours["SP2"]] == [set(text.split(",")) for text in theirs["SP2"]]
    assert result.unknown == 1
