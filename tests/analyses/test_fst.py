"""FST of a store: plink2's numbers, blocks and threads, groups from tables, ids that do not meet, bad input."""

from __future__ import annotations

import subprocess

import numpy as np
import pandas as pd
import pytest

from genomics_dc.analyses.view import open_store
from genomics_dc.errors import InputError, UsageError
from genomics_dc.plots import style
from genomics_dc.store import build_store
from tests.builders import by_group, write_vcf

IDS = [f"s{i}" for i in range(90)]
GROUPS = {name: "ABC"[i % 3] for i, name in enumerate(IDS)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three groups of 30 at 300 variants of contig 1, and X, which must not matter."""
    folder = tmp_path_factory.mktemp("fst")
    rng = np.random.default_rng(3)
    words = np.array(["0/0", "0/1", "1/1"])
    records = []
    for v in range(300):
        share = rng.uniform(0.3, 0.6, 3) if v % 10 > 1 else np.zeros(3)
        dosage = rng.binomial(2, share[np.arange(90) % 3])
        if v % 10 == 1:
            dosage[4] = 1
        calls = np.where(rng.random(90) < 0.1, "./.", words[dosage])
        records.append(" ".join(["1", str(100 + v), f"r{v}", "A", "G", ".", "PASS", ".", "GT", *calls]))
    split = np.where(np.arange(90) % 3 == 0, "1/1", "0/0")
    records += [" ".join(["X", str(100 + v), ".", "A", "G", ".", "PASS", ".", "GT", *split]) for v in range(20)]
    build_store(write_vcf(folder / "c.vcf", records, samples=IDS), folder / "c.vcz")
    return folder


@pytest.fixture(scope="module")
def view(folder):
    return open_store(folder / "c.vcz")


@pytest.mark.parametrize("method", ["hudson", "wc"])
def test_equals_plink2(view, folder, program, tmp_path, method):
    (tmp_path / "p.tsv").write_text("#IID\tpop\n" + "".join(f"{one}\t{group}\n" for one, group in GROUPS.items()))
    words = ["--vcf", folder / "c.vcf", "--chr", "1", "--pheno", tmp_path / "p.tsv", "--out", tmp_path / "o"]
    words += ["--fst", "pop", f"method={method}", "report-variants", "blocksize=50"]
    subprocess.run([program("plink2"), *map(str, words)], check=True, capture_output=True)
    found = view.fst(tmp_path / "p.tsv", method=method, block_variants=50, by_variant=True)
    theirs = pd.read_csv(tmp_path / "o.fst.summary", sep="\t")
    ours = found.to_pandas()
    assert ours["group_1"].tolist() == theirs["#POP1"].tolist()
    # plink2 prints six digits
    np.testing.assert_allclose(ours["fst"], theirs.iloc[:, 2], rtol=1e-5)
    np.testing.assert_allclose(ours["standard_error"], theirs["SE"], rtol=1e-5)
    rows = pd.read_csv(tmp_path / "o.A.B.fst.var", sep="\t")
    values = found.variants.to_pandas()["fst:A:B"]
    known = values.notna().to_numpy()
    np.testing.assert_allclose(values[known], rows.iloc[:, -1][known], rtol=1e-5, atol=1e-12)
    assert ours["n_variants"][0] == known.sum()


def test_weir_and_cockerham_over_all_groups_equals_scikit_allel(view):
    allel = pytest.importorskip("allel")
    calls = np.concatenate([block["call_genotype"] for block in view.region("1").blocks("call_genotype")])
    subpops = [[i for i in range(90) if i % 3 == g] for g in range(3)]
    a, b, c = allel.weir_cockerham_fst(allel.GenotypeArray(calls), subpops)
    known = np.isfinite(a.sum(axis=1) + b.sum(axis=1)) & ((a + b + c)[:, 1] != 0)
    a, b, c = a[known, 1], b[known, 1], c[known, 1]
    assert view.fst(by_group(GROUPS), method="wc").overall[0] == pytest.approx(a.sum() / (a + b + c).sum(), rel=1e-9)


def test_threads_change_no_bit(view, tmp_path):
    one = view.fst(by_group(GROUPS), block_variants=7, threads=1).write(tmp_path / "1.parquet").read_bytes()
    assert view.fst(by_group(GROUPS), block_variants=7, threads=3).write(tmp_path / "3.parquet").read_bytes() == one


def test_ids_that_do_not_meet_are_counted_or_refused(view):
    table = pd.DataFrame({"sample_id": [*IDS[:80], "x", "y"], "batch": "b", "pop": [*["A", "B"] * 40, "A", "B"]})
    found = view.fst(table, column="pop")
    assert found.note == "2 samples of the groups are not in the view; 10 samples of the view are in no group"
    assert found.table["n_1"].to_pylist() == [40]
    with pytest.raises(InputError, match="names 2 of 82 samples that the view does not have"):
        view.fst(table, column="pop", strict=True)
    with pytest.raises(InputError, match="samples are in more than one group; name the one column"):
        view.fst(table)
    with pytest.raises(InputError, match="has no column nation; it has batch, pop"):
        view.fst(table, column="nation")
    with pytest.raises(InputError, match="sample s3 stands there already"):
        view.fst(pd.DataFrame({"sample_id": ["s3", "s3"], "pop": ["A", "B"]}))
    with pytest.raises(InputError, match="1 samples of group A are not in this view"):
        view.fst({"A": ["x"], "B": ["y"]})
    assert view.fst(by_group({**GROUPS, "s0": "NA"})).table["n_1"].to_pylist() == [29, 29, 30]


def test_bad_input(view):
    with pytest.raises(InputError, match="a group needs 2 samples or more, but D has 1"):
        view.fst(by_group({**GROUPS, "s5": "D"}))
    with pytest.raises(InputError, match="between two groups or more, but all samples are in A"):
        view.fst({"A": IDS})
    with pytest.raises(InputError, match="no autosomal variant"):
        view.region("X").fst(by_group(GROUPS))
    with pytest.raises(InputError, match="has no samples"):
        view.samples([]).fst(by_group(GROUPS))
    with pytest.raises(UsageError, match="method must be hudson or wc"):
        view.fst(by_group(GROUPS), method="nei")
    with pytest.raises(UsageError, match="1 variant or more"):
        view.fst(by_group(GROUPS), block_variants=0)
    alike = view.variants(index=np.arange(0, 300, 10)).fst(by_group(GROUPS))  # nothing varies: no index, and no failure
    assert alike.table["fst"].null_count == 3
    assert alike.table["n_variants"].to_pylist() == [0, 0, 0]


def test_plot(view, tmp_path):
    figure = view.fst(by_group(GROUPS)).plot.heatmap()
    assert "Hudson" in figure.axes[0].get_title(loc="left")
    style.save(figure, tmp_path / "fst")
