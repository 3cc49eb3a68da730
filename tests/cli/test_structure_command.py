"""`genomics-dc pca`, `kinship`, `grm`, `fst` and `ancestry`: each option arrives, one sentence for a mistake."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from genomics_dc.analyses.view import open_store
from genomics_dc.cli.main import app
from genomics_dc.store import build_store
from tests.analyses.test_projection import store
from tests.builders import by_group, write_cohort_vcf

LABELS = {f"old{i}": "ab"[i % 2] for i in range(100)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`old.vcz`: two groups of 50; `new.vcz`: 6 of each and a copy of the first; `c.vcz`: a random cohort."""
    path = tmp_path_factory.mktemp("cli_structure")
    rng = np.random.default_rng(9)
    base = rng.uniform(0.2, 0.8, 400)
    frequency = np.clip(base + rng.normal(0, 0.15, (2, 400)), 0.02, 0.98)
    positions = 100 + np.arange(400)
    store(path, "old", rng.binomial(2, frequency[np.arange(100) % 2]).T.astype(np.int8), positions)
    new = rng.binomial(2, frequency[np.arange(12) % 2]).T.astype(np.int8)
    store(path, "new", np.concatenate([new, new[:, :1]], axis=1), positions)
    build_store(write_cohort_vcf(path / "c.vcf", n_samples=60, n_variants=200, seed=9), path / "c.vcz")
    table = pd.DataFrame({"IID": list(LABELS), "batch": 1, "pop": list(LABELS.values())})
    table.to_csv(path / "groups.tsv", sep="\t", index=False)
    (path / "keep.txt").write_text("\n".join(f"old{i}" for i in range(60)) + "\n")
    return path


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_pca_with_loadings_groups_and_projection(folder, tmp_path):
    out = tmp_path / "pcs.tsv"
    words = ("pca", folder / "old.vcz", "-o", out, "-k", 2, "--loadings", "--plots", tmp_path / "plots")
    done = run(*words, "--groups", folder / "groups.tsv", "--group-column", "pop", "--keep", folder / "keep.txt")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "plots" / "pca_1_2.svg").exists()
    placed = tmp_path / "new.tsv"
    done = run("pca", folder / "new.vcz", "--project", f"{out}.loadings.parquet", "-o", placed, "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert (answer["samples"], answer["variants_used"], answer["variants_swapped"]) == (13, 400, 0)
    view = open_store(folder / "old.vcz").samples([f"old{i}" for i in range(60)])
    expected = open_store(folder / "new.vcz").project(view.pca(2, loadings=True).loadings)
    np.testing.assert_array_equal(pd.read_csv(placed, sep="\t")[["PC1", "PC2"]], expected.vectors())


def test_pca_exact_and_of_unrelated(folder, tmp_path):
    done = run("pca", folder / "new.vcz", "-o", tmp_path / "e.tsv", "-k", 2, "--exact", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["angle"] == 0.0
    words = ("pca", folder / "new.vcz", "-o", tmp_path / "u.tsv", "-k", 2)
    done = run(*words, "--unrelated", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["projected"] >= 1
    (tmp_path / "ids.txt").write_text("\n".join(f"new{i}" for i in range(9)))
    done = run(*words, "--unrelated-ids", tmp_path / "ids.txt", "--force")
    assert "4 samples with relatives were placed on the components of the others" in done.stdout


def test_kinship_degrees_and_the_unrelated(folder, tmp_path):
    words = ("kinship", folder / "new.vcz", "-o", tmp_path / "k.tsv", "--degrees", 0)
    done = run(*words, "--unrelated-output", tmp_path / "keep.txt", "--degree", 0, "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert (answer["duplicate"], answer["unrelated"], answer["pairs"]) == (1, 12, 78)
    assert len(pd.read_csv(tmp_path / "k.tsv", sep="\t")) == 1
    assert (tmp_path / "keep.txt").read_text().split() == open_store(folder / "new.vcz").unrelated(degree=0).kept
    again = run(*words, "--unrelated-output", tmp_path / "keep.txt")
    assert again.exit_code == 1
    assert "exists already" in str(again.exception)


def test_grm(folder, tmp_path):
    done = run("grm", folder / "c.vcz", "--maf", 0.05, "-o", tmp_path / "g", "--threads", 2, "--json")
    assert done.exit_code == 0, done.output
    view = open_store(folder / "c.vcz").variants(maf=0.05)
    assert json.loads(done.stdout)["variants_used"] == view.n_variants
    values = np.fromfile(tmp_path / "g.grm.bin", "<f4")
    np.testing.assert_array_equal(values, view.grm().matrix[np.tril_indices(60)].astype("f4"))
    assert run("grm", folder / "c.vcz", "-o", tmp_path / "g").exit_code == 1


def test_fst(folder, tmp_path):
    words = ("fst", folder / "old.vcz", "-o", tmp_path / "f.tsv", "--groups", folder / "groups.tsv")
    done = run(
        *(*words, "--group-column", "pop", "--method", "wc", "--block-variants", 50, "--plot", tmp_path / "plot"),
        *("--variants-output", tmp_path / "v.parquet", "--strict", "--json"),
    )
    assert done.exit_code == 0, done.output
    expected = open_store(folder / "old.vcz").fst(by_group(LABELS), method="wc", block_variants=50)
    assert json.loads(done.stdout)["pairs"] == expected.table.to_pylist()
    assert json.loads(done.stdout)["overall"]["fst"] == expected.overall[0]
    assert len(pd.read_parquet(tmp_path / "v.parquet")) == 400
    assert (tmp_path / "plot.png").exists()
    talk = run(*words, "--group-column", "pop", "--keep", folder / "keep.txt", "--force").stdout
    assert talk.startswith("a and b: 0.")
    assert "40 samples of the groups are not in the view" in talk


def test_ancestry(folder, tmp_path):
    words = ("ancestry", folder / "new.vcz", "-o", tmp_path / "a.tsv", "--reference", folder / "old.vcz", "--maf", 0.05)
    words = (*words, "--groups", folder / "groups.tsv", "--group-column", "pop", "-k", 3)
    done = run(*words, "--plot", tmp_path / "plot", "--json")
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "a.tsv", sep="\t")
    assert table["nearest"].tolist() == [*"ab" * 6, "a"]
    answer = json.loads(done.stdout)
    assert answer["a"] + answer["b"] + answer["uncertain"] == 13
    assert (tmp_path / "plot.svg").exists()
    assert run(*words, "--force").stdout.startswith("13 samples: ")


def test_mistakes_are_one_sentence(folder, tmp_path):
    def fails(*words):
        command = [sys.executable, "-m", "genomics_dc.cli.main", *(str(word) for word in words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode in (1, 2)
        assert len(done.stderr.strip().splitlines()) == 1
        assert not list(tmp_path.iterdir())
        return done.stderr

    out = tmp_path / "x.tsv"
    groups = ("--groups", folder / "groups.tsv")
    assert "it finds none" in fails("pca", folder / "c.vcz", "-o", out, "--project", "l.parquet", "--exact")
    assert "holds no loadings" in fails("pca", folder / "c.vcz", "-o", out, "--project", folder / "groups.tsv")
    assert "name the one column of the groups" in fails("fst", folder / "old.vcz", "-o", out, *groups)
    assert "hudson or wc" in fails(
        "fst", folder / "old.vcz", "-o", out, *groups, "--group-column", "pop", "--method", "nei"
    )
    assert "names 100 of 100 samples that the view does not have" in fails(
        "fst", folder / "c.vcz", "-o", out, *groups, "--group-column", "pop"
    )
    assert "no variant in common" in fails(
        *("ancestry", folder / "c.vcz", "-o", out, "--reference", folder / "old.vcz", *groups, "--group-column", "pop")
    )


@pytest.mark.parametrize("command", ["ancestry"])
def test_help_ends_with_an_example(command):
    done = CliRunner().invoke(app, [command, "--help"])
    assert f"Example: genomics-dc {command} new.vcz" in " ".join(done.stdout.split())
