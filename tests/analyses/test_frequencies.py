"""Counts by group: from the text of the VCF by the definition, in any order, chunk and number of threads."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import genomics_dc as gdc
from genomics_dc.analyses.frequencies import BINS, frequency_bins
from genomics_dc.errors import InputError, UsageError
from genomics_dc.store import build_store
from tests.builders import write_vcf

CALLS = ("0/0", "0/1", "1/1", "1|0", "./.", "0/.", "0/2", "1/2", "2/2", "0", "1", ".")


def random_cohort(random, n_variants, n_samples):
    """Records on an autosome and on X, some with two ALT alleles, some with none: (contig, ref, alts, calls)."""
    rows = []
    for number in range(n_variants):
        alts = ["C", "C,G", "."][random.choice(3, p=[0.7, 0.2, 0.1])]
        calls = [call for call in CALLS if ("2" not in call or "," in alts) and ("1" not in call or alts != ".")]
        weight = np.array([6.0 if call == "0/0" else 1.0 for call in calls])
        chosen = random.choice(calls, n_samples, p=weight / weight.sum()).tolist()
        rows.append(("1" if number < n_variants * 2 // 3 else "X", "A", alts, chosen))
    return rows


def build(folder, rows, samples):
    records = [
        f"{contig} {10 + 5 * k} v{k} {ref} {alts} . . . GT {' '.join(calls)}"
        for k, (contig, ref, alts, calls) in enumerate(rows)
    ]
    build_store(write_vcf(folder / "c.vcf", records, samples=samples), folder / "c.vcz", force=True)
    return gdc.open_store(folder / "c.vcz")


def by_definition(rows, chosen):
    """AC, AN, hom, hemi of each ALT allele among the samples numbered `chosen`, from the text."""
    found = []
    for contig, _, alts, calls in rows:
        whole = contig == "X" or "," in alts
        genotypes = [calls[s].replace("|", "/").split("/") for s in chosen]
        genotypes = [call for call in genotypes if "." not in call]
        for allele in range(1, len(alts.split(",")) + 1):
            name = str(allele)
            alone = [call for call in genotypes if len(call) == 1]
            paired = [call for call in genotypes if len(call) == 2]
            double = 1 if whole else 2  # on an autosome, at one ALT allele, a haploid call is two copies
            copies = sum(call.count(name) for call in paired) + double * sum(call == [name] for call in alone)
            called = 2 * len(paired) + double * len(alone)
            homozygous = sum(call == [name, name] for call in paired)
            haploid = sum(call == [name] for call in alone)
            found.append((copies, called, homozygous + (0 if whole else haploid), haploid if whole else 0))
    return found


@given(
    seed=st.integers(0, 2**32 - 1), n_variants=st.integers(1, 30), n_samples=st.integers(1, 40), subset=st.booleans()
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_count_is_the_definition(tmp_path, seed, n_variants, n_samples, subset):
    random = np.random.default_rng(seed)
    samples = [f"S{k}" for k in range(n_samples)]
    rows = random_cohort(random, n_variants, n_samples)
    view = build(tmp_path, rows, samples)
    kept = random.permutation(n_samples)[: max(1, n_samples // 2)].tolist() if subset else list(range(n_samples))
    view = view.samples([samples[k] for k in kept]) if subset else view
    groups = {name: [samples[k] for k in kept if random.random() < 0.6] or [samples[kept[0]]] for name in ("a", "b")}
    result = view.frequencies(groups=groups, threads=1 + seed % 3)
    sets = {"all": kept, **{name: [samples.index(one) for one in ids] for name, ids in groups.items()}}
    for name, chosen in sets.items():
        expected = np.array(by_definition(rows, chosen), dtype=float)
        for column, label in enumerate(("AC", "AN", "hom", "hemi")):
            np.testing.assert_array_equal(result.of_group(name, label), expected[:, column], err_msg=f"{name} {label}")
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(result.of_group(name, "AF"), expected[:, 0] / expected[:, 1])


@pytest.fixture
def three(tmp_path):
    rows = [
        ("1", "A", "C", ["0/1", "1/1", "./.", "0/0"]),
        ("1", "A", "C,G", ["0/2", "1/2", "2/2", "0/0"]),
        ("1", "A", ".", ["0/0"] * 4),
    ]
    return build(tmp_path, rows, ["S1", "S2", "S3", "S4"])


def test_a_row_for_each_alt_allele_and_one_where_there_is_none(three):
    result = three.frequencies(groups={"x": ["S1", "S2"], "y": ["S2", "S3"]})
    table = result.to_pandas()
    assert table["variant_id"].tolist() == ["v0", "v1", "v1", "v2"]
    assert result.table["alt"].to_pylist() == ["C", "C", "G", None]
    assert table["ref"].tolist() == ["A"] * 4
    assert table[["AC", "AN", "hom"]].to_numpy().tolist() == [[3, 6, 1], [1, 8, 0], [4, 8, 1], [0, 8, 0]]
    assert table["AC_x"].tolist() == [3, 1, 2, 0]
    assert table["AN_y"].tolist() == [2, 4, 4, 4]
    assert result.groups == {"all": 4, "x": 2, "y": 2}
    assert "S1" not in repr(result)


def test_the_long_form_has_a_row_for_each_group(three):
    long = three.frequencies(groups={"x": ["S1"]}).to_long().to_pandas()
    assert long["group"].tolist() == ["all"] * 4 + ["x"] * 4
    assert long.loc[4, ["variant_id", "AC", "AN"]].tolist() == ["v0", 1, 2]


def test_no_call_has_no_frequency(tmp_path):
    result = build(tmp_path, [("1", "A", "C", ["./.", "./."])], ["S1", "S2"]).frequencies()
    assert result.table["AF"].to_pylist() == [None]
    assert result.table["AN"].to_pylist() == [0]


def test_a_table_of_groups_from_file_and_frames(three, tmp_path):
    frame = pd.DataFrame(
        {"sample_id": ["S4", "S1", "S2", "S9"], "pop": ["GBR", "TSI", "GBR", "FIN"], "sex": [1, 2, 2, 1]}
    )
    frame.to_csv(tmp_path / "g.tsv", sep="\t", index=False)
    one = three.frequencies(groups=tmp_path / "g.tsv", by="pop")
    assert one.groups == {"all": 4, "GBR": 2, "TSI": 1}
    assert one.provenance.parameters["rows_without_sample"] == 1
    assert one.provenance.parameters["samples_without_group"] == 1
    both = three.frequencies(groups=pl.from_pandas(frame))
    assert list(both.groups) == ["all", "pop.GBR", "pop.TSI", "sex.1", "sex.2"]
    assert both.of_group("sex.2", "AC").tolist() == [3, 1, 2, 0]
    assert set(one.provenance.inputs) == {"groups"}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"groups": {"x": ["S1", "S77"]}}, InputError, "1 samples of group x are not in this view .*: S77"),
        ({"groups": {"x": ["S1", "S1"]}}, InputError, "group x has sample S1 twice; give each sample once"),
        ({"groups": {"x": []}}, InputError, "group x has no sample in this view; leave it out"),
        ({"groups": {"all": ["S1"]}}, InputError, "a group is called all, which stands for every sample"),
        ({"by": "pop"}, UsageError, "need a table of groups"),
        (
            {"groups": pd.DataFrame({"IID": ["S1"], "pop": ["a"]}), "by": "sex"},
            InputError,
            "has no column sex; it has pop",
        ),
        (
            {"groups": pd.DataFrame({"IID": ["T1"], "pop": ["a"]})},
            InputError,
            "1 of 1 samples that the view does not have",
        ),
        (
            {"groups": pd.DataFrame({"IID": ["S1", "S1"], "pop": ["a", "b"]})},
            InputError,
            "sample S1 stands there already",
        ),
        ({"groups": pd.DataFrame({"IID": ["S1"], "p": ["a"]}), "strict": True}, InputError, "no row for 3 of the 4"),
    ],
)
def test_wrong_groups_are_one_sentence(three, options, error, message):
    with pytest.raises(error, match=message):
        three.frequencies(**options)


def test_no_variant_and_no_sample(three):
    with pytest.raises(InputError, match="has no variant; loosen region and filters"):
        three.variants(maf=0.49, missing=0.0).frequencies()
    with pytest.raises(InputError, match="no sample is left"):
        three.samples([]).frequencies()


def test_a_column_of_ids_makes_no_groups(three, monkeypatch):
    monkeypatch.setattr("genomics_dc.analyses.groups._GROUPS_MAX", 2)
    with pytest.raises(InputError, match="column name has 3 values, more than 2 groups"):
        three.frequencies(groups=pd.DataFrame({"IID": ["S1", "S2", "S3"], "name": ["a", "b", "c"]}))


def test_the_same_bytes_for_any_threads_order_and_part(tmp_path):
    random = np.random.default_rng(4)
    samples = [f"S{k}" for k in range(30)]
    view = build(tmp_path, random_cohort(random, 60, 30), samples)
    groups = {"a": samples[:11], "b": samples[5:25]}
    one = view.frequencies(groups=groups, threads=1)
    assert one.table.equals(view.frequencies(groups=groups, threads=3).table)
    turned = view.samples(samples[::-1]).frequencies(groups=groups)
    assert one.table.equals(turned.table)
    part = view.variants(index=np.arange(10, 40)).frequencies(groups=groups).to_pandas()
    whole = one.to_pandas()
    pd.testing.assert_frame_equal(part, whole[whole["variant_id"].isin(part["variant_id"])].reset_index(drop=True))


def test_bins_have_their_upper_end():
    copies, called = np.array([0, 1, 1, 10, 10, 51, 1000]), np.array([0, 2, 10_000, 10_000, 1000, 1000, 1000])
    assert [BINS[k] for k in frequency_bins(copies, called)] == [
        "not seen", "1 copy", "1 copy", "up to 0.1%", "0.5% to 1%", "above 5%", "above 5%",
    ]  # fmt: skip


def test_every_plot_is_drawn(three, tmp_path):
    written = three.frequencies(groups={"x": ["S1", "S2"], "y": ["S3"]}).plot.save(tmp_path / "plots")
    assert {path.name for path in written} == {
        "frequency_bins.svg", "frequency_bins.png", "frequency_comparison.svg", "frequency_comparison.png",
    }  # fmt: skip
    with pytest.raises(UsageError, match="AF of z is not in this result"):
        three.frequencies().plot.compare("all", "z")
