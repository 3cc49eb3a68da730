"""BGEN against plink2 and against the bgen package's reader."""

import numpy as np
import pytest

from genomics_dc.errors import InputError
from genomics_dc.store import StoreView, build_store, export_view
from tests.builders import write_vcf
from tests.store.exports.conftest import SAMPLES, TABLES


def test_plink2_counts_what_it_counts_in_the_vcf(two_alleles, tmp_path, plink2):
    vcf, view = two_alleles
    written = export_view(view, tmp_path / "x.bgen")
    assert [path.name for path in written.files] == ["x.bgen", "x.bgen.bgi", "x.sample"]
    theirs = ("--vcf", vcf, "--vcf-half-call", "m")
    for sample_file in ((), ("--sample", tmp_path / "x.sample")):
        for command, ending in TABLES:
            ours = plink2("--bgen", tmp_path / "x.bgen", "ref-first", *sample_file, command, ending=ending)
            expected = plink2(*theirs, command, ending=ending)
            if ending == "smiss" and sample_file:
                ours = "\n".join(line.split("\t", 1)[1] for line in ours.splitlines()) + "\n"
                expected = expected.removeprefix("#")
            assert ours == expected


def test_every_call_reads_back(many_alleles, tmp_path):
    from bgen import BgenReader

    _, view = many_alleles
    written = export_view(view, tmp_path / "x.bgen")
    (block,) = view.blocks("call_genotype", "call_genotype_phased")
    sites = view.sites()
    mixed = 0
    with BgenReader(str(tmp_path / "x.bgen")) as reader:
        assert reader.samples == SAMPLES
        for row, variant in enumerate(reader):
            assert (variant.chrom, variant.pos, variant.rsid) == (
                sites.contig[row],
                sites.position[row],
                sites.identifier[row],
            )
            assert ",".join(variant.alleles[1:]) == sites.alt[row]
            n_alleles = len(variant.alleles)
            phased = block.call_genotype_phased[row]
            hets = [
                bool(phased[s])
                for s in range(13)
                for alleles in [[a for a in block.call_genotype[row, s].tolist() if a != -2]]
                if len(alleles) == 2 and min(alleles) >= 0 and alleles[0] != alleles[1]
            ]
            assert variant.is_phased == (bool(hets) and all(hets))
            mixed += any(hets) and not all(hets)
            ploidy = np.broadcast_to(variant.ploidy, 13)
            for s in range(13):
                alleles = [a for a in block.call_genotype[row, s].tolist() if a != -2]
                given = variant.probabilities[s]
                assert ploidy[s] == len(alleles)
                if min(alleles) < 0:
                    assert np.isnan(given).all()
                    continue
                expected = np.zeros(len(given))
                if len(alleles) == 1:
                    expected[alleles[0]] = 1
                elif variant.is_phased:
                    expected[[alleles[0], n_alleles + alleles[1]]] = 1
                else:
                    low, high = sorted(alleles)
                    expected[high * (high + 1) // 2 + low] = 1
                np.testing.assert_array_equal(np.nan_to_num(given), expected)
        assert row == view.n_variants - 1
        assert len(list(reader.fetch("1", 100, 160))) == np.count_nonzero(
            (sites.contig == "1") & (sites.position <= 160)
        )
    assert mixed
    assert f"{mixed} variants with phased and unphased calls" in written.lost[-1]


GP = ('##FORMAT=<ID=GT,Number=1,Type=String,Description="g">', '##FORMAT=<ID=GP,Number=G,Type=Float,Description="p">')


def gp_store(tmp_path, calls):
    vcf = write_vcf(tmp_path / "in.vcf", [f"1 10 . A G . . . GT:GP {calls}"], declarations=GP)
    build_store(vcf, tmp_path / "in.vcz")
    return StoreView.open(tmp_path / "in.vcz")


def test_genotype_probabilities_go_before_calls(tmp_path, plink2):
    view = gp_store(tmp_path, "0/1:0.25,0.7,0.05 0/0:.")
    export_view(view, tmp_path / "x.bgen")
    from bgen import BgenReader

    with BgenReader(str(tmp_path / "x.bgen")) as reader:
        (variant,) = list(reader)
        np.testing.assert_allclose(variant.probabilities[0], [0.25, 0.7, 0.05], atol=2**-16)
        assert np.isnan(variant.probabilities[1]).all()
    table = plink2("--bgen", tmp_path / "x.bgen", "ref-first", "--freq", ending="afreq").splitlines()[1].split("\t")
    assert float(table[4]) == pytest.approx((0.7 + 2 * 0.05) / 2, abs=2**-13)


def test_other_units_are_not_probabilities(tmp_path):
    view = gp_store(tmp_path, "0/1:12,0.7,30 0/0:0,12,50")
    with pytest.raises(InputError, match="FORMAT/GP at 1:10 does not sum to 1"):
        export_view(view, tmp_path / "x.bgen")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.vcf", "in.vcz"]
