"""Counts by group against `bcftools +fill-tags` and `plink2 --freq`, run on the same VCF: the same numbers."""

from __future__ import annotations

import subprocess

import numpy as np
import pandas as pd
import pytest

import genomics_dc as gdc
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """SNVs, insertions, deletions, missing calls, rare, common and monomorphic sites; many ALT alleles on 21."""
    folder = tmp_path_factory.mktemp("groups")
    vcf = write_cohort_vcf(folder / "c.vcf", n_samples=70, n_variants=500, seed=21, many_alleles=60)
    build_store(vcf, folder / "c.vcz")
    view = gdc.open_store(folder / "c.vcz")
    ids = [str(name) for name in view.sample_ids]
    return vcf, view, {"EAS": ids[:30], "EUR": ids[30:45], "AFR": ids[45:]}


@pytest.fixture(scope="module")
def thousand_genomes(shared_data, tmp_path_factory):
    source = shared_data / "cohort_1kg_chr20"
    vcf = source / "1kg_phase3.2504.chr20_1.99-2.11Mb.vcf.gz"
    path = tmp_path_factory.mktemp("kg") / "kg.vcz"
    build_store(vcf, path)
    people = pd.read_csv(source / "1kg_sampleinfo.txt", sep=r"\s+")
    view = gdc.open_store(path)
    people = people[people.iloc[:, 0].isin(view.sample_ids)]
    column = next(name for name in people.columns if set(people[name]) >= {"AFR", "EUR", "EAS"})
    groups = {name: part.iloc[:, 0].tolist() for name, part in people.groupby(column)}
    return vcf, view, groups


@pytest.fixture(params=["cohort", "thousand_genomes"])
def trio(request):
    return request.getfixturevalue(request.param)


def by_allele(values):
    """Numbers of a bcftools column, one list a site, one after another; a dot is none."""
    return [None if word == "." else float(word) for text in values for word in text.split(",")]


def test_bcftools_fill_tags_with_groups(trio, program, tmp_path):
    vcf, view, groups = trio
    (tmp_path / "groups.txt").write_text("".join(f"{one}\t{name}\n" for name, ids in groups.items() for one in ids))
    fields = [f"%INFO/{tag}_{name}" for name in groups for tag in ("AC", "AN", "AC_Hom")]
    fill = [program("bcftools"), "+fill-tags", str(vcf), "-Ob", "-o", str(tmp_path / "f.bcf"), "--"]
    subprocess.run([*fill, "-S", str(tmp_path / "groups.txt"), "-t", "AN,AC,AC_Hom"], check=True, capture_output=True)
    line = "\t".join(["%POS", "%REF", "%ALT", *fields]) + "\n"
    asked = [program("bcftools"), "query", "-f", line, str(tmp_path / "f.bcf")]
    text = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    theirs = [row.split("\t") for row in text.splitlines()]
    result = view.frequencies(groups=groups)
    assert result.table["alt"].to_pylist() == [alt for row in theirs for alt in row[2].split(",")]
    for g, name in enumerate(groups):
        copies, called, homozygous = ([row[3 + 3 * g + k] for row in theirs] for k in range(3))
        assert result.of_group(name, "AC").tolist() == by_allele(copies)
        n_alts = [len(row[2].split(",")) for row in theirs]
        assert result.of_group(name, "AN").tolist() == [
            float(n) for n, k in zip(called, n_alts, strict=True) for _ in range(k)
        ]
        # bcftools counts the copies that homozygotes have
        assert (2 * result.of_group(name, "hom")).tolist() == by_allele(homozygous)


def test_plink2_freq_of_one_group_at_a_time(trio, program, tmp_path):
    vcf, view, groups = trio
    result = view.frequencies(groups=groups)
    single = result.table.to_pandas()
    single = ~single.duplicated(["chromosome", "base_pair_location", "variant_id"], keep=False).to_numpy()
    for name, ids in groups.items():
        (tmp_path / "keep.txt").write_text("\n".join(ids) + "\n")
        words = [
            "--vcf",
            str(vcf),
            "--keep",
            str(tmp_path / "keep.txt"),
            "--freq",
            "counts",
            "--out",
            str(tmp_path / "p"),
        ]
        done = subprocess.run([program("plink2"), *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        theirs = pd.read_csv(tmp_path / "p.acount", sep="\t", dtype=str)
        theirs = theirs[~theirs["ALT"].str.contains(",")]
        np.testing.assert_array_equal(result.of_group(name, "AC")[single], theirs["ALT_CTS"].astype(float))
        np.testing.assert_array_equal(result.of_group(name, "AN")[single], theirs["OBS_CT"].astype(float))
