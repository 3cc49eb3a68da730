"""Meta-analysis of tables: alleles brought together, reasons kept, and what does not matter changes nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.analyses.meta import meta
from genomics_dc.errors import InputError, UsageError

COLUMNS = ["chromosome", "base_pair_location", "effect_allele", "other_allele", "beta", "standard_error"]


def study(*rows, **columns):
    """A table of (chromosome, position, effect, other, beta, se), with more columns by keyword."""
    return pd.DataFrame(list(rows), columns=COLUMNS).assign(**columns)


def rows_of(result):
    return {
        (row["chromosome"], row["base_pair_location"], row["effect_allele"]): row for row in result.table.to_pylist()
    }


def test_a_swapped_effect_allele_turns_beta_and_frequency():
    one = study(("1", 100, "A", "G", 0.2, 0.1), effect_allele_frequency=[0.3], n=[1000], variant_id=["rs1"])
    other = study(("chr1", 100, "g", "a", -0.4, 0.2), effect_allele_frequency=[0.6], n=[500])
    result = meta([one, other])
    row = result.table.to_pylist()[0]
    assert len(result) == 1
    assert row["beta"] == pytest.approx((0.2 / 0.01 + 0.4 / 0.04) / (1 / 0.01 + 1 / 0.04))
    assert row["effect_allele_frequency"] == pytest.approx((0.3 * 1000 + 0.4 * 500) / 1500)
    assert row["frequency_range"] == pytest.approx(0.1)
    assert (row["effect_allele"], row["variant_id"], row["n"]) == ("A", "rs1", 1500)
    assert (row["direction"], row["status"], row["heterogeneity_df"]) == ("++", "ok", 1)
    assert result.counts_by_study("effect_allele_swapped") == {"study 1": 0, "study 2": 1}


def test_another_strand_is_found_and_what_cannot_be_told_keeps_its_reason():
    one = study(
        ("1", 1, "A", "G", 0.1, 0.1),
        ("1", 2, "A", "T", 0.1, 0.1),
        ("1", 3, "A", "G", 0.1, 0.1),
        ("1", 4, "A", "G", 0.1, 0.1),
        ("1", 5, "C", "G", 0.1, 0.1),
        ("1", 6, "AT", "A", 0.1, 0.1),
        ("1", 7, "A", "G", np.nan, np.nan),
    )
    other = study(
        ("1", 1, "T", "C", 0.2, 0.1),
        ("1", 2, "A", "T", 0.2, 0.1),
        ("1", 3, "A", "C", 0.2, 0.1),
        ("2", 5, "C", "G", 0.2, 0.1),
        ("1", 6, "A", "AT", 0.2, 0.1),
        ("1", 7, "A", "G", 0.5, 0.0),
    )
    result = meta([one, other], names=["UKB", "CKB"])
    rows = rows_of(result)
    assert {key[:2]: (row["status"], row["direction"]) for key, row in rows.items() if key[1] != 3} == {
        ("1", 1): ("ok", "++"),
        ("1", 2): ("strand_ambiguous", "++"),
        ("1", 4): ("one_study", "+?"),
        ("1", 5): ("one_study", "+?"),
        ("1", 6): ("ok", "+-"),
        ("1", 7): ("no_estimate", "??"),
        ("2", 5): ("one_study", "?+"),
    }
    third = [row for row in result.table.to_pylist() if row["base_pair_location"] == 3]
    assert [(row["other_allele"], row["status"]) for row in third] == [
        ("C", "allele_mismatch"),
        ("G", "allele_mismatch"),
    ]
    assert rows["1", 2, "A"]["beta"] is None
    assert rows["1", 4, "A"]["beta"] == 0.1
    assert rows["1", 4, "A"]["cochran_q"] is None
    assert result.counts_by_study("strand_flipped") == {"UKB": 0, "CKB": 1}
    assert result.status_counts() == {
        "ok": 2,
        "one_study": 3,
        "strand_ambiguous": 1,
        "allele_mismatch": 2,
        "no_estimate": 1,
    }
    forward = rows_of(meta([one, other], same_strand=True))
    assert forward["1", 2, "A"]["status"] == "ok"
    assert forward["1", 1, "A"]["status"] == "allele_mismatch"


def test_alt_alleles_of_one_site_do_not_mismatch():
    one = study(("1", 1, "C", "A", 0.1, 0.1), ("1", 1, "G", "A", 0.2, 0.1))
    other = study(("1", 1, "C", "A", 0.1, 0.1))
    assert [row["status"] for row in meta([one, other]).table.to_pylist()] == ["ok", "one_study"]


def test_odds_ratios_numbered_chromosomes_and_files(tmp_path):
    one = study(("23", 5, "A", "G", 0.0, 0.1), ("10", 5, "A", "G", 0.0, 0.1), ("9", 7, "A", "G", 0.0, 0.1))
    one = one.drop(columns="beta").assign(odds_ratio=np.exp([0.3, 0.2, 0.1]))
    one.to_csv(tmp_path / "first.tsv.gz", sep="\t", index=False)
    other = study(("X", 5, "A", "G", 0.1, 0.1))
    pl.from_pandas(other).write_parquet(tmp_path / "second.parquet")
    result = meta([tmp_path / "first.tsv.gz", str(tmp_path / "second.parquet")])
    assert result.studies == ("first", "second")
    assert result.table["chromosome"].to_pylist() == ["9", "10", "X"]
    assert result.table["beta"].to_pylist() == pytest.approx([0.1, 0.2, 0.2])
    assert len(result.provenance.inputs) == 2
    assert result.table["variant_id"].to_pylist()[0] == "9:7:G:A"


def random_studies(random, n_studies, n_variants):
    bases = np.array(list("ACGT"))
    pairs = np.array([random.permutation(4)[:2] for _ in range(n_variants)])
    tables = []
    for _ in range(n_studies):
        kept = random.random(n_variants) < 0.8
        turned = random.random(n_variants) < 0.3
        effect = np.where(turned, pairs[:, 1], pairs[:, 0])
        other = np.where(turned, pairs[:, 0], pairs[:, 1])
        frame = pd.DataFrame(
            {
                "chromosome": np.where(np.arange(n_variants) % 3, "2", "11"),
                "base_pair_location": np.arange(n_variants) * 10,
                "effect_allele": bases[effect],
                "other_allele": bases[other],
                "beta": random.normal(0, 0.2, n_variants),
                "standard_error": random.uniform(0.05, 0.2, n_variants),
                "effect_allele_frequency": random.uniform(0.05, 0.95, n_variants),
                "n": random.integers(100, 1000, n_variants),
            }
        )
        tables.append(frame[kept].reset_index(drop=True))
    return tables


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_and_the_effect_alleles_of_a_study_change_nothing(seed):
    random = np.random.default_rng(seed)
    tables = random_studies(random, 3, 40)
    one = meta(tables, same_strand=True)
    shuffled = [table.iloc[random.permutation(len(table))] for table in tables]
    assert one.table.equals(meta(shuffled, same_strand=True).table)
    last = tables[2].rename(columns={"effect_allele": "other_allele", "other_allele": "effect_allele"})
    last["beta"] *= -1
    last["effect_allele_frequency"] = 1 - last["effect_allele_frequency"]
    again = meta([tables[0], tables[1], last], same_strand=True).to_pandas()
    whole = one.to_pandas()
    only_there = ~again["effect_allele"].eq(whole["effect_allele"])
    sign = np.where(only_there, -1, 1)
    np.testing.assert_allclose(again["beta"] * sign, whole["beta"], rtol=1e-12)
    np.testing.assert_allclose(again["cochran_q"], whole["cochran_q"], rtol=1e-9, atol=1e-12)
    assert again["direction"][~only_there].tolist() == whole["direction"][~only_there].tolist()


def test_genomic_control_widens_an_inflated_study_and_leaves_another():
    random = np.random.default_rng(3)
    tables = random_studies(random, 2, 3000)
    tables[0]["beta"] = random.normal(0, 1.5, len(tables[0])) * tables[0]["standard_error"]
    tables[1]["beta"] = random.normal(0, 0.8, len(tables[1])) * tables[1]["standard_error"]
    result = meta(tables, same_strand=True, genomic_control=True)
    removed = result.provenance.parameters["inflation_removed"]
    assert removed["study 1"] == pytest.approx(1.5**2, rel=0.15)
    assert removed["study 2"] == 1.0
    alone = result.table.filter(pl.Series(result.table["direction"].to_pylist()).str.ends_with("?").to_arrow())
    plain = meta(tables, same_strand=True).table.filter(
        pl.Series(result.table["direction"].to_pylist()).str.ends_with("?").to_arrow()
    )
    ratio = np.array(alone["standard_error"]) / np.array(plain["standard_error"])
    np.testing.assert_allclose(ratio, np.sqrt(removed["study 1"]))


@pytest.mark.parametrize(
    ("studies", "error", "message"),
    [
        ([study()], UsageError, "two studies or more, not 1"),
        ([study(("1", 1, "A", "G", 0.1, 0.1)), study()], InputError, "study 2 has no variant"),
        (
            [study(("1", 1, "A", "G", 0.1, 0.1)), study(("1", 1, "A", "G", 0.1, 0.1), ("1", 1, "G", "A", 0.1, 0.1))],
            InputError,
            r"study 2: variant 1:1 .* stands more than once \(row 2\)",
        ),
        (
            [study(("1", 1, "A", "G", 0.1, 0.1)).drop(columns="beta")] * 2,
            InputError,
            "no column of study 1: beta or odds",
        ),
        ([study(("1", 1, "A", "G", 0.1, 0.1)).drop(columns="chromosome")] * 2, InputError, "study 1: chromosome"),
        ([study(("1", None, "A", "G", 0.1, 0.1))] * 2, InputError, "row 1 has no chromosome or position"),
        (
            [study(("1", 1, "A", "G", "x", 0.1))] * 2,
            InputError,
            "study 1: beta of the association result is not a number",
        ),
        (
            [study(("1", 1, "A", "G", 0.1, 0.1)).rename(columns={"beta": "odds_ratio"}).assign(odds_ratio=-1.0)] * 2,
            InputError,
            "odds ratio that is not above 0",
        ),
        ([study(("1", 1, "A", "G", 0.1, 0.1), trait=["a"]), 3], UsageError, "not int"),
    ],
)
def test_wrong_studies_are_one_sentence(studies, error, message):
    with pytest.raises(error, match=message):
        meta(studies)


def test_names_are_distinct():
    one = study(("1", 1, "A", "G", 0.1, 0.1))
    with pytest.raises(InputError, match="2 studies need as many distinct names"):
        meta([one, one], names=["a", "a"])
    assert meta([one, one], names=["a", "b"]).studies == ("a", "b")


def test_plots():
    random = np.random.default_rng(5)
    result = meta(random_studies(random, 3, 50), same_strand=True)
    for figure in (
        result.plot.forest(result.table["variant_id"][0].as_py()),
        result.plot.manhattan(),
        result.plot.qq(),
    ):
        assert figure.axes
    with pytest.raises(UsageError, match="variant rs0 is not in this result"):
        result.plot.forest("rs0")
    nothing = meta([study(("1", 1, "A", "T", 0.1, 0.1))] * 2)
    assert nothing.plot.forest("1:1:T:A").axes
