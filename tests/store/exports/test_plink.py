"""pgen and bed against plink2: what it counts and writes from ours is what it counts and writes from the VCF."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from genomics_dc.errors import InputError
from genomics_dc.store import StoreView, build_store, export_view
from genomics_dc.store.exports.people import require_plain_ids
from tests.builders import write_vcf
from tests.store.exports.conftest import SAMPLES, TABLES


def vcf_body(text):
    return [line for line in text.splitlines() if not line.startswith("##")]


@pytest.mark.parametrize("cohort", ["two_alleles", "many_alleles"])
def test_pgen_is_what_plink2_makes_of_the_vcf(cohort, request, tmp_path, plink2):
    vcf, view = request.getfixturevalue(cohort)
    written = export_view(view, tmp_path / "x.pgen")
    assert [path.name for path in written.files] == ["x.pgen", "x.pvar", "x.psam"]
    assert (written.n_variants, written.n_samples) == (view.n_variants, 13)
    assert any("half-calls" in sentence for sentence in written.lost)
    assert "AD, DP, FT, GQ" in written.lost[-1]
    ours, theirs = ("--pfile", tmp_path / "x"), ("--vcf", vcf, "--vcf-half-call", "m")
    for command, ending in TABLES:
        assert plink2(*ours, command, ending=ending) == plink2(*theirs, command, ending=ending)
    # every genotype, phased or not, and every site with its INFO
    body = [vcf_body(plink2(*source, "--export", "vcf", ending="vcf")) for source in (ours, theirs)]
    assert body[0] == body[1]


@pytest.mark.parametrize("samples", [None, SAMPLES[3:10]])
def test_bed_is_what_plink2_makes_of_the_vcf(two_alleles, tmp_path, plink2, samples):
    vcf, view = two_alleles
    arguments = ["--vcf", vcf, "--vcf-half-call", "m"]
    if samples is not None:
        view = view.samples(samples)
        (tmp_path / "keep.txt").write_text("".join(f"{name}\n" for name in samples))
        arguments += ["--keep", tmp_path / "keep.txt"]
    written = export_view(view, tmp_path / "x.bed")
    assert [path.name for path in written.files] == ["x.bed", "x.bim", "x.fam"]
    plink2(*arguments, "--make-bed", ending="log")
    for ending in ("bed", "bim", "fam"):
        assert (tmp_path / f"x.{ending}").read_bytes() == (tmp_path / f"plink2-out.{ending}").read_bytes()
    for command, ending in TABLES:
        theirs = plink2(*arguments, command, ending=ending).replace("#IID", "#FID\tIID")
        ours = plink2("--bfile", tmp_path / "x", "--keep-allele-order", command, ending=ending)
        rows = [line.split("\t") for line in ours.splitlines()]
        if ending == "smiss":
            rows = [row[1:] if row[0] == "0" else row for row in rows]
        assert rows == [line.split("\t") for line in theirs.splitlines()]


def test_counts_are_those_of_the_view(two_alleles, tmp_path, plink2):
    _, view = two_alleles
    export_view(view, tmp_path / "x.pgen")
    table = [
        line.split("\t") for line in plink2("--pfile", tmp_path / "x", "--geno-counts", ending="gcount").splitlines()
    ]
    columns = [table[0].index(name) for name in ("HOM_REF_CT", "HET_REF_ALT_CTS", "TWO_ALT_GENO_CTS", "MISSING_CT")]
    counted = np.array([[int(row[column]) for column in columns] for row in table[1:]])
    dosage = view.dosage()
    expected = np.stack([np.count_nonzero(dosage == code, axis=1) for code in (0, 1, 2, -1)], axis=1)
    np.testing.assert_array_equal(counted, expected)


def test_split_alleles_are_those_of_bcftools(many_alleles, tmp_path, plink2, program):
    vcf, view = many_alleles
    split = tmp_path / "split.vcf"
    command = [program("bcftools"), "norm", "-m-", "-Ov", "-o", str(split), str(vcf)]
    subprocess.run(command, check=True, capture_output=True)
    written = export_view(view, tmp_path / "x.bed", split_multiallelic=True)
    plink2("--vcf", split, "--vcf-half-call", "m", "--make-bed", ending="log")
    assert (tmp_path / "x.bed").read_bytes() == (tmp_path / "plink2-out.bed").read_bytes()
    assert (tmp_path / "x.bim").read_text() == (tmp_path / "plink2-out.bim").read_text()
    assert written.n_variants == len((tmp_path / "x.bim").read_text().splitlines())
    assert "were split" in written.lost[-1]


def test_bed_refuses_several_alleles(many_alleles, tmp_path):
    _, view = many_alleles
    with pytest.raises(InputError, match=r"have several ALT alleles, the first at 1:\d+.*--split-multiallelic"):
        export_view(view, tmp_path / "x.bed")
    assert list(tmp_path.iterdir()) == []


def test_a_view_is_exported_as_plink2_filters(two_alleles, tmp_path, plink2):
    vcf, view = two_alleles
    names = SAMPLES[2:11]
    chosen = view.region("1:200-1,500").samples(names).variants(maf=0.3, missing=0.3, hwe=0.05)
    export_view(chosen, tmp_path / "x.pgen", compress_sites=True)
    assert not (tmp_path / "x.pvar").exists()
    assert 10 < chosen.n_variants < view.region("1:200-1,500").n_variants / 2
    (tmp_path / "keep.txt").write_text("\n".join(names))
    (tmp_path / "range.txt").write_text("1\t200\t1500\n")
    theirs = ["--vcf", vcf, "--vcf-half-call", "m", "--keep", tmp_path / "keep.txt", "--extract", "bed1"]
    theirs += [tmp_path / "range.txt", "--maf", "0.3", "--geno", "0.3", "--hwe", "0.05"]
    # plink2 counts before it filters, so that its filtered set is made first
    plink2(*theirs, "--make-pgen", ending="log")
    for ending in ("pgen", "pvar", "psam"):
        (tmp_path / f"plink2-out.{ending}").rename(tmp_path / f"filtered.{ending}")
    ours, theirs = ("--pfile", tmp_path / "x", "vzs"), ("--pfile", tmp_path / "filtered")
    for command, ending in TABLES:
        assert plink2(*ours, command, ending=ending) == plink2(*theirs, command, ending=ending)


def test_thousand_genomes(shared_data, tmp_path, plink2):
    vcf = shared_data / "cohort_1kg_chr20" / "1kg_phase3.2504.chr20_1.99-2.11Mb.vcf.gz"
    build_store(vcf, tmp_path / "kg.vcz")
    export_view(StoreView.open(tmp_path / "kg.vcz"), tmp_path / "x.pgen")
    plink2("--vcf", vcf, "--make-pgen", ending="log")
    differences = ["--pfile", tmp_path / "x", "--pgen-diff", Path(tmp_path / "plink2-out")]
    log = plink2(*differences, ending="log")
    assert ", 0 differences reported" in log


@pytest.mark.parametrize("kind", ["pgen", "bed", "bgen"])
def test_three_copies_are_refused(tmp_path, kind):
    vcf = write_vcf(tmp_path / "in.vcf", ["1 10 . A G . . . GT 0/1 ./.", "1 20 . C T . . . GT 0/0/1 0/0"])
    build_store(vcf, tmp_path / "in.vcz")
    view = StoreView.open(tmp_path / "in.vcz")
    with pytest.raises(InputError, match="at 1:20 a sample has more than two alleles"):
        export_view(view, tmp_path / f"x.{kind}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.vcf", "in.vcz"]
    export_view(view.region("1:10-10"), tmp_path / f"x.{kind}")
    assert (tmp_path / f"x.{kind}").exists()


@pytest.mark.parametrize("kind", ["pgen", "bed", "bgen"])
@pytest.mark.parametrize(
    ("samples", "narrow", "message"),
    [
        (("0", "c"), {}, "sample id '0' cannot stand in"),
        (("a", "c"), {"maf": 0.5}, "the view has no variants"),
    ],
)
def test_what_no_genotype_file_holds(tmp_path, kind, samples, narrow, message):
    vcf = write_vcf(tmp_path / "in.vcf", ["1 10 . A G . . . GT 0/0 0/0"], samples=samples)
    build_store(vcf, tmp_path / "in.vcz")
    with pytest.raises(InputError, match=message):
        export_view(StoreView.open(tmp_path / "in.vcz").variants(**narrow), tmp_path / f"x.{kind}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.vcf", "in.vcz"]


@pytest.mark.parametrize("name", ["", "0", "#a", "a b", "a\tb", "a\u00a0b"])
def test_ids_that_would_be_read_as_something_else(name):
    with pytest.raises(InputError, match="cannot stand in a psam"):
        require_plain_ids(["a", name], "a psam")


def test_no_genotypes(tmp_path):
    declared = ['##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">']
    vcf = write_vcf(tmp_path / "in.vcf", ["1 10 . A G . . . DP 3 4"], declarations=declared)
    build_store(vcf, tmp_path / "in.vcz")
    with pytest.raises(InputError, match="no genotypes"):
        export_view(StoreView.open(tmp_path / "in.vcz"), tmp_path / "x.pgen")
