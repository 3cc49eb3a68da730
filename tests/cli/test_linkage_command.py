"""`genomics-dc ld-prune`, `ld`, `ld-score` and `clump`: each option arrives, one sentence for a mistake."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from genomics_dc.analyses import linkage
from genomics_dc.analyses.view import open_store
from genomics_dc.cli.main import app
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli_linkage")
    build_store(write_cohort_vcf(path / "c.vcf", n_samples=30, n_variants=200, seed=9), path / "c.vcz")
    (path / "keep.txt").write_text("#IID\n" + "".join(f"S{number:04d}\n" for number in range(20, 0, -1)))
    (path / "extract.txt").write_text("\n".join(f"v{number}" for number in range(150)) + "\n")
    rng = np.random.default_rng(4)
    report = pd.DataFrame({"variant_id": [f"v{n}" for n in range(200)], "p_value": 10.0 ** -rng.exponential(3, 200)})
    pd.concat([report.assign(trait="a"), report.assign(trait="b")]).to_csv(path / "r.tsv", sep="\t", index=False)
    return path


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def selected(folder):
    """The selection of the options below, and the words that ask for it."""
    words = ["--keep", folder / "keep.txt", "--extract", folder / "extract.txt", "--region", "20:1,000,000-1,001,000"]
    words += ["--maf", "0.1", "--hwe", "1e-3", "--missing", "0.09", "--threads", "2"]
    view = open_store(folder / "c.vcz").region("20:1,000,000-1,001,000")
    view = view.samples([f"S{number:04d}" for number in range(20, 0, -1)])
    view = view.variants(extract=[f"v{number}" for number in range(150)])
    return view.variants(maf=0.1, hwe=1e-3, missing=0.09), words


def test_every_option_of_ld_prune_arrives(folder, tmp_path, selected):
    view, words = selected
    out = tmp_path / "p.prune.in"
    done = run("ld-prune", folder / "c.vcz", "-o", out, "--r2", "0.1", "--window-bp", "200", *words, "--json")
    assert done.exit_code == 0, done.output
    expected = linkage.prune(view, r2=0.1, window_bp=200)
    assert json.loads(done.stdout) == {
        "output": [str(out), str(tmp_path / "p.prune.out")],
        "variants": view.n_variants,
        "kept": int(expected.kept.sum()),
    }
    assert 0 < expected.kept.sum() < view.n_variants
    assert out.read_text().split() == view.ld_prune(r2=0.1, window_bp=200).sites().variant_id.tolist()
    again = run("ld-prune", folder / "c.vcz", "-o", out)
    assert again.exit_code == 1
    assert "exists already" in str(again.exception)
    table = tmp_path / "p.parquet"
    assert run("ld-prune", folder / "c.vcz", "-o", table, "--window-variants", 40, "--step", 4).exit_code == 0
    kept = linkage.prune(open_store(folder / "c.vcz"), r2=0.2, window_variants=40, step=4).kept
    assert pd.read_parquet(table)["kept"].tolist() == kept.tolist()


def test_every_option_of_ld_arrives(folder, tmp_path, selected):
    view, words = selected
    out = tmp_path / "l.parquet"
    limits = ["--r2-min", "0.05", "--window-bp", "300", "--window-variants", "20"]
    done = run("ld", folder / "c.vcz", "-o", out, "--d-prime", *limits, *words, "--json")
    assert done.exit_code == 0, done.output
    expected = view.ld(r2_min=0.05, window_bp=300, window_variants=20, d_prime=True)
    assert json.loads(done.stdout)["pairs"] == len(expected) > 0
    pd.testing.assert_frame_equal(pd.read_parquet(out), expected.to_pandas())
    square, plots = tmp_path / "m.npy", tmp_path / "plots"
    done = run("ld", folder / "c.vcz", "-o", square, "--matrix", "d_prime", "--plots", plots, *words)
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(np.load(square), view.ld_matrix(measure="d_prime", window_bp=1_000_000).values)
    assert sorted(path.name for path in plots.iterdir()) == ["ld_d_prime.png", "ld_d_prime.svg"]


def test_every_option_of_ld_score_arrives(folder, tmp_path, selected):
    view, words = selected
    out = tmp_path / "s.parquet"
    done = run("ld-score", folder / "c.vcz", "-o", out, "--window-bp", "300", "--window-variants", "9", *words)
    assert done.exit_code == 0, done.output
    expected = view.ld_scores(window_bp=300, window_variants=9)
    assert pd.read_parquet(out)["ld_score"].tolist() == expected.table["ld_score"].to_pylist()
    done = run("ld-score", folder / "c.vcz", "-o", tmp_path / "s.tsv")
    assert "do not vary and have no score" in done.output


def test_every_option_of_clump_arrives(folder, tmp_path):
    out = tmp_path / "c.parquet"
    words = ["--association", folder / "r.tsv", "--trait", "b", "--p1", "1e-3", "--p2", "0.5", "--r2", "0.01"]
    words += ["--window-bp", "900", "--keep", folder / "keep.txt", "--region", "20:1,000,000-1,001,000"]
    done = run("clump", folder / "c.vcz", "-o", out, *words, "--threads", "2", "--json")
    assert done.exit_code == 0, done.output
    view = open_store(folder / "c.vcz").region("20:1,000,000-1,001,000")
    view = view.samples([f"S{number:04d}" for number in range(20, 0, -1)])
    expected = view.clump(folder / "r.tsv", trait="b", p1=1e-3, p2=0.5, r2=0.01, window_bp=900)
    assert json.loads(done.stdout) == {
        "output": str(out),
        "clumps": len(expected),
        "index_variants_not_in_the_store": expected.unknown,
    }
    assert expected.unknown > 0
    assert sum(expected.table["total"].to_pylist()) > 0
    assert pd.read_parquet(out)["variant_id"].tolist() == expected.table["variant_id"].to_pylist()
    done = run("clump", folder / "c.vcz", "-o", tmp_path / "c.tsv", *words)
    assert "are not in this view" in done.output
    assert list(pd.read_csv(tmp_path / "c.tsv", sep="\t"))[-1] == "SP2"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["ld-prune", "-o", "x.txt"], "ends with .prune.in, .parquet or .tsv"),
        (["ld-prune", "-o", "x.tsv", "--r2", "1.5"], "r2 must lie between 0 and 1"),
        (["ld-prune", "-o", "x.tsv", "--window-bp", "1"], "2 bases or more"),
        (["ld-prune", "-o", "x.tsv", "--window-bp", "9", "--window-variants", "9"], "one of the two"),
        (["ld", "-o", "x.npy"], "ends with .parquet or .tsv"),
        (["ld", "-o", "x.tsv", "--matrix", "r2"], "ends with .npy"),
        (["ld", "-o", "x.npy", "--matrix", "r3"], "--matrix must be one of"),
        (["ld", "-o", "x.tsv", "--plots", "p"], "give --matrix r2 too"),
        (["ld", "-o", "x.tsv", "--r2-min", "-1"], "r2_min must lie between 0 and 1"),
        (["ld-score", "-o", "x.gz"], "ends with .parquet or .tsv"),
        (["clump", "-o", "x.gz", "--association", "a.tsv"], "ends with .parquet or .tsv"),
        (["clump", "-o", "x.tsv", "--association", "a.tsv"], "a.tsv does not exist"),
    ],
)
def test_a_mistake_is_one_sentence(folder, tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    done = run(words[0], folder / "c.vcz", *words[1:])
    assert done.exit_code in (1, 2)
    assert sentence in str(done.exception)
    assert list(tmp_path.iterdir()) == []
