"""Quality of a cohort from its store: against counting in plain Python, chunks, threads, thresholds, bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from genomics_dc.analyses import multiqc, thresholds
from genomics_dc.analyses.quality.steps import deviations
from genomics_dc.analyses.view import open_store
from genomics_dc.errors import InputError, OutputExistsError
from genomics_dc.kernels.hwe import exact_p
from genomics_dc.results import PROVENANCE_KEY
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf

HEADER = """##fileformat=VCFv4.2
##contig=<ID=20,length=64444167>
##contig=<ID=X,length=156040895>
##FILTER=<ID=PASS,Description="All filters passed">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
"""


def store_of(folder, samples, rows, form="GT"):
    """A store of hand-written calls: rows are (contig, position, ref, alt, calls)."""
    head = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
    lines = ["\t".join(head)]
    lines += ["\t".join([c, str(p), ".", r, a, ".", "PASS", ".", form, *calls]) for c, p, r, a, calls in rows]
    (folder / "v.vcf").write_text(HEADER + "\n".join(lines) + "\n")
    build_store(folder / "v.vcf", folder / "v.vcz")
    return open_store(folder / "v.vcz")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Two packed chunks of variants, sites of many alleles, depth: blocks, both ways of counting and threads matter."""
    folder = tmp_path_factory.mktemp("cohort")
    vcf = write_cohort_vcf(folder / "c.vcf", n_samples=30, n_variants=4100, many_alleles=50, seed=2, depth=True)
    build_store(vcf, folder / "c.vcz")
    return open_store(folder / "c.vcz")


@pytest.fixture(scope="module")
def hand_made(tmp_path_factory):
    rows = [
        ("20", 100, "A", "G", ["0/1:10", "0/0:20", "0/0:30", "./.:0"]),
        ("20", 200, "A", "C", ["1/1:10", "0/0:20", "0/0:.", "0/1:40"]),
        ("20", 300, "A", "AT", ["0/1:10", "0/1:20", "0/.:30", "1/1:40"]),
        ("20", 400, "AT", "A", ["0/0:10", "0/0:20", "0/0:30", "0/0:40"]),
        ("20", 500, "A", "C,G", ["1/2:10", "0/2:20", "2/2:30", "0/0:40"]),
        ("X", 600, "C", "T", ["0:10", "1:20", "0/1:30", "./.:40"]),
    ]
    return store_of(tmp_path_factory.mktemp("hand"), ["a", "b", "c", "d"], rows, "GT:DP")


def test_hand_counted_variants(hand_made):
    rows = hand_made.qc().variants.table.to_pylist()
    columns = ("hom_ref", "het", "hom_alt", "missing", "AC", "AN", "AC_by_allele")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        (2, 1, 0, 1, 1, 6, None),
        (2, 1, 1, 0, 3, 8, None),
        (0, 2, 1, 1, 4, 6, None),  # a half-call is missing
        (4, 0, 0, 0, 0, 8, None),
        (1, 2, 1, 0, 5, 8, "1,4"),
        (1, 1, 1, 1, 2, 4, None),  # on X a haploid call is one copy
    ]
    assert [row["allele_class"] for row in rows] == [
        "transition", "transversion", "insertion", "deletion", "transversion", "transition",
    ]  # fmt: skip
    assert rows[3]["hwe_p"] is None
    assert rows[3]["hwe_note"] == "one allele only"
    assert rows[3]["AF"] == 0.0
    assert rows[5]["hwe_note"] == "X, and no female is known: give the sexes"
    # each allele against the rest: 0/0 0/2 | 1/2 2/2, then 1/2 alone of C, then 0/2 1/2 of G
    by_allele = [exact_p(*(np.array([n]) for n in row), midp=True)[0] for row in ((1, 1, 2), (0, 1, 3), (1, 2, 1))]
    assert [float(word) for word in rows[4]["hwe_p_by_allele"].split(",")] == pytest.approx(by_allele, rel=1e-5)
    assert rows[4]["hwe_p"] == pytest.approx(min(by_allele))
    assert rows[4]["genotype_counts"] == "0/0:1,0/2:1,1/2:1,2/2:1"
    assert rows[5]["genotype_counts"] == "0/1:1,0:1,1:1"


def test_hand_counted_samples(hand_made):
    rows = {row["sample_id"]: row for row in hand_made.qc().samples.table.to_pylist()}
    a, c, d = rows["a"], rows["c"], rows["d"]
    assert (a["hom_ref"], a["het"], a["hom_alt"], a["missing"]) == (2, 3, 1, 0)
    assert (a["transitions"], a["transversions"], a["insertions"], a["deletions"]) == (2, 2, 1, 0)
    assert a["ti_tv"] == 1.0
    assert a["singletons"] == 2  # G at 100 and C at 500; C at 200 is in d too
    assert a["mean_depth"] == 10.0
    assert c["mean_depth"] == 30.0  # the call without depth is left out, not zero
    assert d["mean_depth"] == pytest.approx((0 + 40 * 5) / 6)
    assert c["missing"] == 1
    assert c["call_rate"] == pytest.approx(5 / 6)
    assert d["call_rate"] == pytest.approx(4 / 6)
    assert c["insertion_deletion_ratio"] is None
    assert a["mean_gq"] is None


def test_counts_are_what_whole_genotypes_say(cohort):
    """The two-bit way, the whole-genotype way and the blocks against one array in memory."""
    genotype = np.concatenate([block["call_genotype"] for block in cohort.blocks("call_genotype")])
    result = cohort.qc(threads=2)
    table = result.variants.to_pandas()
    missing = (genotype < 0).any(axis=2)
    first, second = genotype[:, :, 0], genotype[:, :, 1]
    np.testing.assert_array_equal(table["missing"], missing.sum(axis=1))
    np.testing.assert_array_equal(table["het"], (~missing & (first != second)).sum(axis=1))
    np.testing.assert_array_equal(table["hom_ref"], (~missing & (first == 0) & (second == 0)).sum(axis=1))
    np.testing.assert_array_equal(table["AC"], (np.where(missing[:, :, None], 0, genotype) > 0).sum(axis=(1, 2)))
    np.testing.assert_array_equal(table["AN"], 2 * (~missing).sum(axis=1))
    samples = result.samples.to_pandas()
    np.testing.assert_array_equal(samples["missing"], missing.sum(axis=0))
    np.testing.assert_array_equal(samples["het"], (~missing & (first != second)).sum(axis=0))
    depth = np.concatenate([block["call_DP"] for block in cohort.blocks("call_DP")])
    np.testing.assert_allclose(samples["mean_depth"], depth.mean(axis=0), rtol=1e-12)


def test_the_same_bytes_for_any_threads_and_any_split(cohort, tmp_path):
    for threads in (1, 3):
        cohort.qc(threads=threads).write(tmp_path / str(threads))
    files = sorted(path.relative_to(tmp_path / "1") for path in (tmp_path / "1").rglob("*") if path.is_file())
    assert len(files) == 26
    for name in files:
        assert len({(tmp_path / str(threads) / name).read_bytes() for threads in (1, 3)}) == 1, name
    # other chunks: every second variant in one view, the others in another; sums by sample add up exactly
    index = cohort.sites().index
    parts = [cohort.variants(index=index[start::2]).qc().samples.to_pandas() for start in (0, 1)]
    whole = cohort.qc().samples.to_pandas()
    for name in ("het", "missing", "transitions", "singletons"):
        np.testing.assert_array_equal(parts[0][name] + parts[1][name], whole[name])


def test_sample_order_changes_only_the_order(cohort):
    ids = [str(name) for name in cohort.sample_ids]
    turned = cohort.samples(ids[::-1]).qc()
    whole = cohort.qc()
    assert turned.variants.table.drop(["filter"]).equals(whole.variants.table.drop(["filter"]))
    assert turned.samples.table.to_pylist()[::-1] == whole.samples.table.to_pylist()
    assert turned.samples.provenance == whole.samples.provenance


def test_everything_is_written_and_opens(cohort, tmp_path):
    result = cohort.qc()
    assert result.write(tmp_path / "qc") == tmp_path / "qc"
    with pytest.raises(OutputExistsError):
        result.write(tmp_path / "qc")
    read = parquet.read_table(tmp_path / "qc" / "variants.parquet")
    assert read.equals(result.variants.table)
    origin = json.loads(read.schema.metadata[PROVENANCE_KEY])
    assert origin["store_hash"] == cohort.store_hash
    assert origin["parameters"]["thresholds"]["hwe_p_min"] == 1e-6
    lines = (tmp_path / "qc" / "samples.tsv").read_text().splitlines()
    assert lines[0].startswith("sample_id\tcalled\tmissing\t")
    assert len(lines) == 31
    summary = json.loads((tmp_path / "qc" / "summary.json").read_text())
    assert summary["samples"] == 30
    assert summary["variants_with_many_alleles"] == 50
    for name in ("missingness", "heterozygosity", "outliers", "allele_frequency", "hwe_qq", "ti_tv"):
        assert (tmp_path / "qc" / "plots" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "</svg>" in (tmp_path / "qc" / "plots" / f"{name}.svg").read_text()
    assert repr(result).startswith("QCResult(4,150 variants x 30 samples; ")
    good = result.passing()
    assert good.n_variants == result.summary["variants_pass"]
    assert good.n_samples == result.summary["samples_pass"]
    ids = {name: (tmp_path / "qc" / f"passing_{name}.txt").read_text().split() for name in ("variants", "samples")}
    assert ids["samples"] == [str(name) for name in good.sample_ids]
    assert cohort.variants(extract=ids["variants"]).n_variants == good.n_variants


def test_steps_say_how_many_fall_where_and_why(tmp_path):
    text = np.full((20, 40), "0/1", dtype=object)
    text[::5, :3] = "./."  # 4 variants have 3 of 40 missing, more than 5 %
    text[1, 3:5] = "./."  # one has 2 of 40: just 5 %, which passes; and its samples have just 95 % of 20 variants
    rows = [("20", 100 + v, "A", "G", text[v].tolist()) for v in range(20)]
    result = store_of(tmp_path, [f"s{number}" for number in range(40)], rows).qc()
    steps = result.steps.table.to_pylist()
    # everybody heterozygous: all fail Hardy-Weinberg (p about 1e-11)
    assert [(row["criterion"], row["failing"], row["removed"], row["left"]) for row in steps[:3]] == [
        ("missing_rate", 4, 4, 16),
        ("hwe", 20, 16, 0),
        ("call_rate", 3, 3, 37),
    ]
    assert all(row["why"] and row["source"] and row["unit"] for row in steps)
    assert result.variants.table["filter"].to_pylist()[:2] == ["missing_rate;hwe", "hwe"]
    assert [text.split(";")[0] for text in result.samples.table["filter"].to_pylist()[2:4]] == ["call_rate", "PASS"]


def test_outliers_by_median_absolute_deviation():
    values = np.array([1.0, 2.0, 3.0, 4.0, 100.0, np.nan])
    # median 3, absolute deviations 2 1 0 1 97: MAD 1
    expected = (values - 3.0) / 1.4826
    np.testing.assert_allclose(deviations(values), expected)
    assert np.isnan(deviations(np.array([5.0, 5.0, 5.0, 9.0]))).all()
    assert np.isnan(deviations(np.array([np.nan, np.nan]))).all()


def test_a_contaminated_sample_is_an_outlier(tmp_path):
    rng = np.random.default_rng(4)
    genotype = rng.binomial(2, rng.uniform(0.2, 0.8, (400, 1)), (400, 25))
    genotype[:, 7] = 1  # heterozygous everywhere
    text = np.array(["0/0", "0/1", "1/1"])[genotype]
    rows = [("20", 100 + v, "A", "G" if v % 3 else "C", text[v].tolist()) for v in range(400)]
    samples = [f"s{number}" for number in range(25)]
    view = store_of(tmp_path, samples, rows)
    verdict = view.qc().samples.table["filter"].to_pylist()
    assert "outlier_f_inbreeding" in verdict[7]
    assert sum(text != "PASS" for text in verdict) <= 2
    # with nine samples nobody can be an outlier
    few = view.samples(samples[:9]).qc()
    assert few.samples.table["filter"].to_pylist() == ["PASS"] * 9
    assert few.steps.table["not_assessed"].to_pylist()[3:] == [9] * 8


def test_all_missing_and_monomorphic_and_one_sample(tmp_path):
    rows = [
        ("20", 100, "A", "G", ["./."]),
        ("20", 200, "A", ".", ["0/0"]),
        ("20", 300, "A", "T", ["1/1"]),
    ]
    result = store_of(tmp_path, ["only"], rows).qc()
    variants = result.variants.table.to_pylist()
    assert variants[0]["AF"] is None
    assert variants[0]["missing_rate"] == 1.0
    assert variants[0]["hwe_note"] == "no genotype"
    assert variants[1]["allele_class"] == "none"
    assert [row["hwe_p"] for row in variants] == [None] * 3
    (sample,) = result.samples.table.to_pylist()
    assert sample["f_inbreeding"] is None
    assert sample["het_hom_ratio"] == 0.0
    assert sample["ti_tv"] == 0.0
    assert sample["mean_depth"] is None
    result.write(tmp_path / "qc")
    assert "nan" not in (tmp_path / "qc" / "samples.tsv").read_text().lower()


def test_no_variants_is_an_answer_and_no_samples_is_a_sentence(cohort, tmp_path):
    result = cohort.variants(extract=["nothing"]).qc()
    assert len(result.variants) == 0
    assert result.summary["note"] == "the view has no variants, so nothing was counted"
    assert result.samples.table["call_rate"].null_count == 30
    assert result.summary["ti_tv"] is None
    result.write(tmp_path / "empty")
    with pytest.raises(InputError, match="has no samples in this view"):
        cohort.samples([]).qc()


def test_thresholds_are_checked_all_at_once(tmp_path):
    text = thresholds.DEFAULT_FILE.read_text()
    assert thresholds.load_thresholds().value("variants.hwe_p_min") == 1e-6
    bad = tmp_path / "t.yaml"
    bad.write_text(text.replace("value: 0.05", "value: 5", 1).replace("hwe_p_min:", "hwe_p_mni:"))
    with pytest.raises(InputError) as caught:
        thresholds.load_thresholds(bad)
    assert "variants.hwe_p_mni is not a threshold" in str(caught.value)
    assert "variants.missing_rate_max is 5, expected a number from 0 to 1, or null" in str(caught.value)
    assert "variants.hwe_p_min needs value, unit, why and source" in str(caught.value)
    bad.write_text(text.replace("value: 1.0e-6", "value: 1e-9"))  # YAML reads this as text
    assert thresholds.load_thresholds(bad).value("variants.hwe_p_min") == 1e-9
    with pytest.raises(InputError, match="does not exist"):
        thresholds.load_thresholds(tmp_path / "absent.yaml")
    bad.write_text("a: [")
    with pytest.raises(InputError, match="is not YAML"):
        thresholds.load_thresholds(tmp_path / "./t.yaml")


def test_a_threshold_of_null_is_off(cohort, tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text(thresholds.DEFAULT_FILE.read_text().replace("value: 1.0e-6", "value: null"))
    step = cohort.qc(thresholds=own).steps.table.to_pylist()[1]
    assert (step["criterion"], step["threshold"], step["failing"], step["not_assessed"]) == ("hwe", None, 0, 4150)


def test_multiqc_shows_our_sections(cohort, tmp_path):
    """The real MultiQC reads what was written; a value that is missing is not sent as a number."""
    result = cohort.qc()
    sections = multiqc.multiqc_sections(result)
    assert set(sections) == {"genomics_dc_samples", "genomics_dc_thresholds"}
    assert None not in [value for row in sections["genomics_dc_samples"]["data"].values() for value in row.values()]
    result.write(tmp_path / "qc")
    program = Path(sys.executable).with_name("multiqc")
    command = [program, tmp_path / "qc", "--outdir", tmp_path / "mq", "--no-ansi", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "S0003" in (tmp_path / "mq" / "multiqc_report.html").read_text()
    data = (tmp_path / "mq" / "multiqc_data" / "multiqc_genomics_dc_samples_table.txt").read_text()
    assert data.splitlines()[0].split("\t")[1] == "call_rate"
    assert len(data.splitlines()) == 31
