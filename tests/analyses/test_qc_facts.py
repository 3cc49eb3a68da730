"""Quality with tables by sample: sexes, families, batches, groups, cases; and what is wrong with such tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from genomics_dc.analyses.quality.facts import read_facts
from genomics_dc.analyses.quality.page import quality_page
from genomics_dc.analyses.view import open_store
from genomics_dc.errors import InputError, UsageError
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf, write_vcf
from tests.sexed_cohort import write_sexed_cohort


@pytest.fixture(scope="module")
def sexed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sexed")
    cohort = write_sexed_cohort(folder, n_founders=40, n_trios=8, n_autosomal=120, n_x=80)
    build_store(cohort.vcf, folder / "s.vcz")
    return cohort, open_store(folder / "s.vcz")


@pytest.fixture(scope="module")
def everything(sexed):
    cohort, view = sexed
    return view.qc(
        sex=cohort.sex,
        pedigree=cohort.pedigree,
        batches=cohort.batches,
        phenotypes=cohort.phenotypes,
        trait="cc",
        threads=2,
    )


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    vcf = write_cohort_vcf(folder / "c.vcf", n_samples=30, n_variants=300, many_alleles=20, seed=2)
    build_store(vcf, folder / "c.vcz")
    return open_store(folder / "c.vcz")


def table(folder, text, name="t.tsv"):
    (folder / name).write_text(text)
    return folder / name


def test_some_samples_are_counted_as_a_store_of_them_alone(sexed, tmp_path):
    """A view of some samples reads the packed genotypes of all; a store of these samples has no others."""
    cohort, view = sexed
    ids = [str(name) for name in view.sample_ids][5:38][::-1]
    lines = cohort.vcf.read_text().splitlines()
    head = next(line for line in lines if line.startswith("#CHROM")).split("\t")
    columns = [*range(9), *(head.index(name) for name in ids)]
    kept = [line if line.startswith("##") else "\t".join(line.split("\t")[c] for c in columns) for line in lines]
    (tmp_path / "few.vcf").write_text("\n".join(kept) + "\n")
    build_store(tmp_path / "few.vcf", tmp_path / "few.vcz")
    options = {"sex": cohort.sex, "pedigree": cohort.pedigree, "batches": cohort.batches}
    part, alone = view.samples(ids).qc(**options), open_store(tmp_path / "few.vcz").qc(**options)
    for name, one in part.tables().items():
        assert one.table.equals(alone.tables()[name].table), name
    assert part.steps.table.equals(alone.steps.table)


def test_variants_and_samples_alone_are_those_of_all(sexed, everything):
    cohort, view = sexed
    variants = view.variant_qc(
        sex=cohort.sex, pedigree=cohort.pedigree, batches=cohort.batches, phenotypes=cohort.phenotypes, trait="cc"
    )
    assert variants.table.equals(everything.variants.table)
    samples = view.sample_qc(sex=cohort.sex).table
    assert samples.equals(everything.samples.table.drop(["batch"]))


def test_batches_cases_and_differential_missingness(sexed, everything):
    cohort, view = sexed
    variants, samples = everything.variants.to_pandas(), everything.samples.to_pandas()
    assigned = pd.read_csv(cohort.batches, sep="\t").set_index("sample_id")["batch"]
    assert list(samples["batch"]) == list(assigned.loc[samples["sample_id"]])
    genotype = np.concatenate([block["call_genotype"] for block in view.blocks("call_genotype")])
    missing = (genotype < 0).any(axis=2)
    autosomal = (variants["chromosome"] == "1").to_numpy()
    names = sorted(set(assigned))
    inside = {name: (samples["batch"] == name).to_numpy() for name in names}
    for name in names:
        expected = 1 - missing[autosomal][:, inside[name]].mean(axis=1)
        np.testing.assert_allclose(variants[f"call_rate_{name}"][autosomal], expected, rtol=1e-12)
    row = int(np.flatnonzero(autosomal)[7])
    p = []
    for name in names:
        one, rest = missing[row, inside[name]], missing[row, ~inside[name]]
        p.append(stats.fisher_exact([[one.sum(), (~one).sum()], [rest.sum(), (~rest).sum()]])[1])
    assert variants["batch_missing_p"][row] == pytest.approx(min(1.0, len(names) * min(p)))
    assert variants["case_missing_p"][autosomal].min() < 1e-2
    assert variants["batch_missing_p"][variants["chromosome"] == "Y"].isna().all()
    batches = everything.batches.to_pandas().set_index("batch")
    assert batches["samples"].sum() == len(samples)
    assert batches["failing"].sum() == (samples["filter"] != "PASS").sum()


def test_sexes_shown_and_given(sexed, everything, tmp_path):
    cohort, view = sexed
    samples = everything.samples.to_pandas()
    sure = samples["sex_shown"].notna().to_numpy()
    assert (samples["sex_shown"] == "male")[sure].tolist() == cohort.males[sure].tolist()
    assert samples["sex_check"].isin(["match", "ambiguous"]).all()  # of 80 variants F is not sure of everybody
    assert (samples["sex_check"] == "match").mean() > 0.9
    sex = pd.read_csv(cohort.sex, sep="\t")
    sex.loc[0, "sex"] = 3 - sex.loc[0, "sex"]  # somebody else's sex
    sex["sex"] = sex["sex"].map({1: "M", 2: "female"})
    sex.loc[1, "sex"] = None
    mixed = view.sample_qc(sex=sex).to_pandas()
    assert list(mixed["sex_check"][:3]) == ["mismatch", "not given", "match"]
    assert "sex_mismatch" in mixed["filter"][0]
    assert mixed["sex_given"].isna()[1]


def test_x_without_sexes_is_said_and_not_assessed(sexed):
    _, view = sexed
    result = view.qc()
    variants = result.variants.to_pandas()
    on_x = variants[variants["chromosome"] == "X"]
    assert (on_x["hwe_note"] == "X, and no female is known: give the sexes").all()
    assert on_x["hwe_p"].isna().all()
    assert any("are on X and no sexes were given" in note for note in result.summary["notes"])
    assert set(result.samples.to_pandas()["sex_check"]) <= {"not given", "ambiguous"}
    autosomal = view.region("1").qc()
    assert autosomal.samples.table["f_x"].null_count == len(autosomal.samples)
    assert any(note.startswith("sex is not assessed: 0 variants on X") for note in autosomal.summary["notes"])
    assert "sex" not in autosomal.plot.all()


def test_pseudoautosomal_regions_are_autosomes_where_the_assembly_is_known(tmp_path):
    records = [f"X {position} . A G . . . GT 0/1 0/0 1/1" for position in (100_000, 5_000_000)]
    vcf = write_vcf(tmp_path / "x.vcf", records, samples=("a", "b", "c"), contigs=(("X", 156_040_895),))
    build_store(vcf, tmp_path / "x.vcz", assembly="GRCh38")
    variants = open_store(tmp_path / "x.vcz").qc().variants.table.to_pylist()
    assert [row["hwe_note"] for row in variants] == [None, "X, and no female is known: give the sexes"]


def test_families(sexed, everything):
    cohort, _ = sexed
    trios, families = everything.trios.to_pandas(), everything.families.to_pandas()
    assert len(trios) == len(cohort.trios)
    assert families["children"].tolist().count(2) == 1
    assert trios["errors"].sum() == families["errors"].sum() > 0
    np.testing.assert_allclose(trios["error_rate"], trios["errors"] / trios["complete"])
    # X counts too, but not Y
    per_variant = everything.variants.to_pandas()
    assert per_variant["mendel_errors"].sum() == trios["errors"].sum()
    assert per_variant["mendel_errors"][per_variant["chromosome"] == "Y"].sum() == 0


def test_families_with_missing_parents_are_counted_and_said(sexed, tmp_path):
    cohort, view = sexed
    child, father, mother = cohort.trios[0]
    ids = [str(name) for name in view.sample_ids]
    text = "sample_id\tfather\tmother\n"
    text += f"{ids[child]}\t{ids[father]}\t{ids[mother]}\n"
    text += f"{ids[0]}\tabsent\t{ids[mother]}\n{ids[1]}\t0\t{ids[mother]}\n{ids[2]}\t\tNA\n"
    result = view.qc(pedigree=table(tmp_path, text))
    assert len(result.trios) == 1
    assert result.summary["incomplete_trios"] == 2
    assert any(note.startswith("2 children have one parent only") for note in result.summary["notes"])
    nobody = view.qc(pedigree=table(tmp_path, f"sample_id\tfather\tmother\n{ids[0]}\t0\t0\n"))
    assert len(nobody.trios) == len(nobody.families) == 0
    assert "Mendelian errors" in quality_page(nobody, {})


def test_outliers_are_those_of_their_group(cohort):
    ids = [str(name) for name in cohort.sample_ids]
    groups = pd.DataFrame({"sample_id": ids, "group": ["one"] * 15 + ["two"] * 13 + [None, "three"]})
    found = cohort.sample_qc(groups=groups).to_pandas()
    assert list(found["group"][:1]) == ["one"]
    from genomics_dc.analyses.quality.steps import deviations

    values = found["het_hom_ratio"].to_numpy()
    distance = deviations(values, np.array([0] * 15 + [1] * 13 + [-1, 2]), 10)
    alone = deviations(values[15:28])
    np.testing.assert_allclose(distance[15:28], alone)
    assert np.isnan(distance[28:]).all()  # no group, and a group of one
    steps = cohort.qc(groups=groups).steps.to_pandas().set_index("criterion")
    assert steps.loc["outlier_het_hom_ratio", "not_assessed"] == 2


def test_contamination_shows_in_the_reads_of_heterozygous_calls(tmp_path):
    rng = np.random.default_rng(5)
    rows = []
    for position in range(200):
        genotype = rng.integers(0, 3, 24)
        calls = []
        for sample, g in enumerate(genotype.tolist()):
            reads = rng.poisson(40)
            share = (0.02, 0.5, 0.98)[g] if sample != 7 else (0.12, 0.5 + rng.choice([-0.35, 0.35]), 0.88)[g]
            alt = rng.binomial(reads, share)
            calls.append(f"{('0/0', '0/1', '1/1')[g]}:{reads - alt},{alt}")
        rows.append(f"1 {100 + position} . A G . . . GT:AD {' '.join(calls)}")
    names = [f"s{number}" for number in range(24)]
    build_store(write_vcf(tmp_path / "ad.vcf", rows, samples=names), tmp_path / "ad.vcz")
    samples = open_store(tmp_path / "ad.vcz").qc(threads=2).samples.to_pandas()
    others = samples.drop(index=7)
    assert others["het_allele_balance"].between(0.46, 0.54).all()
    assert samples["het_unbalanced_rate"][7] > 0.5 > 0.05 > others["het_unbalanced_rate"].max()
    assert "outlier_het_imbalance" in samples["filter"][7]


def test_haploid_and_triploid_calls(tmp_path):
    records = [
        "1 10 . A G . . . GT 0/1 1 0/0/1 0/0",
        "1 20 . A G,T . . . GT 0/1 2 0/1/2 2/2",
        "2 30 . A G . . . GT 0 1 0/0/0 .",
    ]
    build_store(write_vcf(tmp_path / "p.vcf", records, samples=("a", "b", "c", "d")), tmp_path / "p.vcz")
    rows = open_store(tmp_path / "p.vcz").qc().variants.table.to_pylist()
    # a haploid call on an autosome is two copies, three alleles are missing: at one ALT allele and at many alike
    assert [(row["hom_ref"], row["het"], row["hom_alt"], row["missing"]) for row in rows] == [
        (1, 1, 1, 1),
        (0, 1, 2, 1),
        (1, 0, 1, 2),
    ]
    assert [(row["AC"], row["AN"]) for row in rows] == [(3, 6), (5, 6), (2, 4)]


def test_sixty_alleles(tmp_path):
    alts = ["A" + "C" * n for n in range(1, 60)]
    calls = [f"{2 * n}/{2 * n + 1}" for n in range(30)]
    record = f"1 10 . A {','.join(alts)} . . . GT {' '.join(calls)}"
    names = [f"s{n}" for n in range(30)]
    build_store(write_vcf(tmp_path / "m.vcf", [record], samples=names), tmp_path / "m.vcz")
    (row,) = open_store(tmp_path / "m.vcz").qc().variants.table.to_pylist()
    assert row["AC_by_allele"] == ",".join(["1"] * 59)
    assert row["hwe_p_by_allele"].count(",") == 59
    assert row["AN"] == 60


def test_ids_that_do_not_meet_are_counted_and_refused_when_strict(sexed, tmp_path):
    _, view = sexed
    ids = [str(name) for name in view.sample_ids]
    some = table(tmp_path, "sample_id\tbatch\n" + "".join(f"{name}\tB\n" for name in [*ids[:10], "nobody", "noone"]))
    result = view.qc(batches=some)
    assert result.summary["rows_without_sample"] == {"batches": 2}
    assert result.summary["samples_without_row"] == {"batches": len(ids) - 10}
    notes = " ".join(result.summary["notes"])
    assert "2 rows of the table of batches are about samples that the store does not have" in notes
    assert result.batches.to_pandas()["samples"].tolist() == [10]
    assert result.variants.table["batch_missing_p"].null_count == len(result.variants)  # one batch: nothing to compare
    with pytest.raises(InputError, match="names 2 of 12 samples that the store does not have"):
        view.qc(batches=some, strict=True)
    twice = table(tmp_path, f"sample_id\tbatch\n{ids[0]}\tA\n{ids[0]}\tB\n")
    with pytest.raises(InputError, match="stands there already"):
        view.qc(batches=twice)


@pytest.mark.parametrize(
    ("role", "text", "message"),
    [
        ("sex", "sample_id\tsex\nS0000\tX\n", "line 2, column sex: expected 1, M or male"),
        ("pedigree", "sample_id\tfather\nS0000\t0\n", "needs columns father and mother"),
        ("pedigree", "sample_id\tfather\tmother\nS0000\tS0000\t0\n", "is its own parent"),
        ("pedigree", "sample_id\tfather\tmother\nS0000\tS0001\tS0001\n", "are one sample"),
        ("batches", "sample_id\tplate\twell\nS0000\t1\t2\n", "needs a column batch"),
        ("groups", "name\tgroup\nS0000\tx\n", "the first column must be the sample id"),
    ],
)
def test_wrong_tables_are_one_sentence(sexed, tmp_path, role, text, message):
    with pytest.raises(InputError, match=message) as caught:
        sexed[1].qc(**{role: table(tmp_path, text)})
    assert "\n" not in str(caught.value)


def test_too_many_batches_are_refused(cohort, tmp_path):
    rows = "".join(f"S{number:04d}\tB{number}\n" for number in range(30))
    assert len(cohort.qc(batches=table(tmp_path, "sample_id\tbatch\n" + rows)).batches) == 30
    more = rows + "".join(f"T{number}\tB{number}\n" for number in range(30, 90))
    assert len(cohort.qc(batches=table(tmp_path, "sample_id\tbatch\n" + more)).batches) == 30  # of this store's people
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genomics_dc.analyses.quality.facts._BATCHES_MAX", 8)
        with pytest.raises(InputError, match="has 30 batches; at most 8 are compared"):
            cohort.qc(batches=table(tmp_path, "sample_id\tbatch\n" + rows))


def test_pedigree_and_sexes_that_disagree_and_plinks_form(sexed, tmp_path):
    cohort, view = sexed
    ids = [str(name) for name in view.sample_ids]
    child, father, mother = (ids[number] for number in cohort.trios[0])
    turned = table(tmp_path, f"sample_id\tfather\tmother\n{child}\t{mother}\t{father}\n")
    with pytest.raises(InputError, match=f"sample {mother} is the father of {child} in the pedigree, and female"):
        view.qc(sex=cohort.sex, pedigree=turned)
    facts = read_facts(view, pedigree=cohort.fam)
    assert facts.sex_given
    assert facts.sex.tolist() == np.where(cohort.males, 1, 2).tolist()
    np.testing.assert_array_equal(facts.trios, cohort.trios)
    assert "S00" not in repr(facts)
    with pytest.raises(InputError, match="line 1 has 3 words"):
        read_facts(view, pedigree=table(tmp_path, "F a b\n", "short.fam"))
    with pytest.raises(InputError, match="no such file"):
        read_facts(view, sex=tmp_path / "absent.fam")


def test_cases_need_a_table_and_a_trait(sexed, tmp_path):
    cohort, view = sexed
    with pytest.raises(UsageError, match="take both"):
        view.variant_qc(phenotypes=cohort.phenotypes)
    with pytest.raises(InputError, match="has 3 values"):
        view.variant_qc(phenotypes=table(tmp_path, "sample_id\tx\nS0000\t1\nS0001\t2\nS0002\t3\n"), trait="x")
    with pytest.raises(InputError, match="is missing in all"):
        view.variant_qc(phenotypes=table(tmp_path, "sample_id\tx\nS0000\tNA\n"), trait="x")


def test_the_page_is_whole_and_needs_no_network(everything, tmp_path):
    everything.write(tmp_path / "qc")
    text = (tmp_path / "qc" / "index.html").read_text()
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    assert "<script" not in text
    assert text.count("<img ") == len(everything.plot.all()) == text.count('alt="')
    assert 'lang="en"' in text
    for part in ("thresholds", "plots", "samples", "batches", "families", "origin"):
        assert f'id="{part}"' in text
    failing = everything.samples.to_pandas().query("filter != 'PASS'")["sample_id"]
    assert all(f">{name}<" in text for name in failing[:200])
    assert "nan" not in text.split("<main>")[1].split('<h2 id="plots"')[0].lower()


def test_what_a_table_says_is_escaped(cohort):
    ids = [str(name) for name in cohort.sample_ids]
    batches = pd.DataFrame({"sample_id": ids, "batch": ["<b>one</b>"] * 15 + ["two"] * 15})
    text = quality_page(cohort.qc(batches=batches), {})
    assert "<b>one</b>" not in text
    assert "&lt;b&gt;one&lt;/b&gt;" in text
