"""`genomics-dc associate` and `pca`: each option arrives, results on stdout, one sentence for a mistake."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from genomics_dc.cli.main import app
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli")
    build_store(write_cohort_vcf(path / "c.vcf", n_samples=50, n_variants=200, seed=9), path / "c.vcz")
    rng = np.random.default_rng(1)
    ids = [f"S{number:04d}" for number in range(50)]
    pd.DataFrame(
        {"IID": ids, "height": rng.normal(size=50), "weight": rng.normal(size=50), "case": np.arange(50) % 2}
    ).to_csv(path / "p.tsv", sep="\t", index=False)
    pd.DataFrame({"IID": ids, "age": rng.integers(20, 80, 50), "pc": rng.normal(size=50)}).to_csv(
        path / "v.tsv", sep="\t", index=False
    )
    (path / "keep.txt").write_text("\n".join(ids[:40]) + "\n")
    (path / "extract.txt").write_text("v1\nv2\nv3\nv50\n")
    return path


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_every_option_arrives(folder, tmp_path):
    out = tmp_path / "r.parquet"
    done = run(
        *("associate", folder / "c.vcz", "--phenotypes", folder / "p.tsv", "--traits", "height, weight"),
        *("--covariates", folder / "v.tsv", "--covariate-names", "age", "--output", out, "--keep", folder / "keep.txt"),
        *("--maf", "0.05", "--hwe", "1e-9", "--missing", "0.2", "--region", "20:1,000,000-1,001,000", "--threads", "2"),
        *("--plots", tmp_path / "plots", "--json"),
    )
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["samples"] == {"height": 40, "weight": 40}
    assert set(answer["lambda_gc"]) == {"height", "weight"}
    assert len(answer["plots"]) == 8
    table = pd.read_parquet(out)
    assert len(table) == 2 * answer["variants"]
    assert 0 < answer["variants"] < 101
    assert table["base_pair_location"].max() <= 1_001_000
    frequency = table["effect_allele_frequency"]
    assert np.minimum(frequency, 1 - frequency).min() >= 0.05


def test_extract_and_the_lines_for_a_person(folder, tmp_path):
    done = run(
        *("associate", folder / "c.vcz", "--phenotypes", folder / "p.tsv", "--traits", "case", "--model", "logistic"),
        *("--extract", folder / "extract.txt", "--output", tmp_path / "r.tsv"),
    )
    assert done.exit_code == 0, done.output
    assert "4 variants, 1 trait, logistic model" in done.stdout
    assert "case: 50 samples, lambda GC" in done.stdout
    assert pd.read_csv(tmp_path / "r.tsv", sep="\t")["variant_id"].tolist() == ["v1", "v2", "v3", "v50"]


def test_plink2_columns_by_the_name_of_the_output(folder, tmp_path):
    out = tmp_path / "x.glm.linear"
    done = run("associate", folder / "c.vcz", "--phenotypes", folder / "p.tsv", "--traits", "height", "--output", out)
    assert done.exit_code == 0, done.output
    assert out.read_text().startswith("#CHROM\tPOS\tID\t")


def test_the_options_of_the_model_arrive(folder, tmp_path):
    out = tmp_path / "g.parquet"
    done = run(
        *("associate", folder / "c.vcz", "--phenotypes", folder / "p.tsv", "--traits", "height"),
        *("--covariates", folder / "v.tsv", "--coding", "dominant", "--interaction", "age", "--condition", "v1"),
        *("--sex", "age", "--xchr-model", "0", "--dosage", "GT", "--output", out, "--json"),
    )
    assert done.exit_code == 1  # age is no sex
    assert "must hold the sex" in str(done.exception)
    done = run(
        *("associate", folder / "c.vcz", "--phenotypes", folder / "p.tsv", "--traits", "height"),
        *("--covariates", folder / "v.tsv", "--coding", "dominant", "--interaction", "age", "--condition", "v1"),
        *("--xchr-model", "0", "--output", out, "--json"),
    )
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["tests"] == ["DOM", "DOMxage"]
    assert any("v1 is collinear with covariate v1" in note for note in answer["notes"])
    assert set(pd.read_parquet(out)["test"]) == {"DOM", "DOMxage"}


def test_permutations_and_saddlepoint_arrive(folder, tmp_path):
    words = ("associate", folder / "c.vcz", "--phenotypes", folder / "p.tsv")
    done = run(*words, "--traits", "height", "--permutations", "20", "--seed", "3", "--output", tmp_path / "a.parquet")
    assert done.exit_code == 0, done.output
    assert pd.read_parquet(tmp_path / "a.parquet")["p_max_t"].min() >= 1 / 21
    done = run(*words, "--traits", "height", "--permutations", "20", "--adaptive", "--output", tmp_path / "b.tsv")
    assert done.exit_code == 0, done.output
    assert "p_max_t" not in pd.read_csv(tmp_path / "b.tsv", sep="\t")
    done = run(*words, "--traits", "case", "--model", "spa", "--output", tmp_path / "c.parquet")
    assert done.exit_code == 0, done.output
    assert {"SCORE"} <= set(pd.read_parquet(tmp_path / "c.parquet")["test"])


def test_pca(folder, tmp_path):
    out = tmp_path / "pcs.tsv"
    words = ("pca", folder / "c.vcz", "--output", out, "-k", "3", "--seed", "7", "--maf", "0.05", "--plots", tmp_path)
    done = run(*words, "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["samples"] == 50
    assert len(answer["eigenvalues"]) == 3
    assert list(pd.read_csv(out, sep="\t").columns) == ["sample_id", "PC1", "PC2", "PC3"]
    assert (tmp_path / "pca_1_2.png").stat().st_size > 0
    first = out.read_bytes()
    assert run(*words, "--force").exit_code == 0
    assert out.read_bytes() == first


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--traits", "size"), 1, "has no column size"),
        (("--traits", "height", "--model", "logistic"), 1, "needs two"),
        (("--traits", "height", "--region", "21:1-10"), 1, "no variant"),
        (("--traits", "height", "--output", "r.csv"), 2, "ends with .parquet"),
        (("--traits", "height", "--covariates", "absent.tsv"), 1, "no such file"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(folder, tmp_path, words, code, sentence):
    command = [sys.executable, "-m", "genomics_dc.cli.main", "associate", str(folder / "c.vcz")]
    command += ["--phenotypes", str(folder / "p.tsv")]
    command += [] if "--output" in words else ["--output", "r.parquet"]
    done = subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_help_has_an_example():
    for command in ("associate", "pca", "fst"):
        done = run(command, "--help")
        assert done.exit_code == 0
        assert f"Example: genomics-dc {command} cohort.vcz" in done.stdout
