"""What a cohort carries, from the command line: each option arrives, results on stdout, one sentence for a mistake."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import genomics_dc as gdc
from genomics_dc.cli.main import app
from genomics_dc.errors import UsageError
from genomics_dc.provenance import Provenance
from genomics_dc.results import Result
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli")
    build_store(write_cohort_vcf(path / "c.vcf", n_samples=40, n_variants=150, seed=9, many_alleles=4), path / "c.vcz")
    ids = [f"S{number:04d}" for number in range(40)]
    frame = pd.DataFrame({"sample_id": [*ids, "gone"], "pop": ["GBR", "TSI"] * 20 + ["GBR"], "t2d": [0, 1] * 20 + [0]})
    frame.to_csv(path / "g.tsv", sep="\t", index=False)
    (path / "keep.txt").write_text("\n".join(ids[:30]) + "\n")
    view = gdc.open_store(path / "c.vcz")
    sites = view.sites()
    rows = {
        "contig": [str(name) for name in sites.contig[:100]],
        "position": sites.position[:100],
        "ref": [str(name) for name in sites.ref[:100]],
        "alt": [str(name).split(",")[0] for name in sites.alt[:100]],
        "gene": [f"G{k // 10}" for k in range(100)],
        "so_terms": [["stop_gained" if k % 2 else "synonymous_variant"] for k in range(100)],
        "canonical": np.arange(100) % 3 > 0,
    }
    Result(pa.table(rows), Provenance("annotate", store_hash=view.store_hash)).write(path / "a.parquet")
    return path


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def answered(*words):
    done = run(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_frequencies(folder, tmp_path):
    words = ("frequencies", folder / "c.vcz", "--groups", folder / "g.tsv", "--by", "pop", "--threads", 2)
    answer = answered(
        *words, "--output", tmp_path / "f.parquet", "--plots", tmp_path / "p", "--keep", folder / "keep.txt"
    )
    assert answer["groups"] == {"all": 30, "GBR": 15, "TSI": 15}
    assert answer["rows_without_sample"] == 11
    assert len(answer["plots"]) == 4
    table = pd.read_parquet(tmp_path / "f.parquet")
    assert len(table) == answer["alleles"]
    assert table["AN_GBR"].max() == 30
    told = run(*words, "--output", tmp_path / "f.tsv", "--maf", "0.05", "--region", "20:1,000,000-1,001,000")
    assert "GBR: 20 samples" in told.stdout
    assert "1 rows of the table of groups without a sample" in told.stdout
    assert pd.read_csv(tmp_path / "f.tsv", sep="\t")["AC"].min() > 0


def test_spectrum(folder, tmp_path):
    words = ("spectrum", folder / "c.vcz", "--groups", folder / "g.tsv", "--by", "pop")
    answer = answered(*words, "--project", 20, "--unfolded", "--output", tmp_path / "s.tsv", "--plots", tmp_path / "p")
    assert answer["chromosomes"] == {"all": 20, "GBR": 20, "TSI": 20}
    assert pd.read_csv(tmp_path / "s.tsv", sep="\t")["copies"].max() == 20
    told = run("spectrum", folder / "c.vcz", "--output", tmp_path / "t.tsv")
    assert "4 variants with several ALT alleles left out" in told.stdout
    assert isinstance(run(*words, "--ancestral", "AA", "--output", tmp_path / "u.tsv").exception, UsageError)


def test_private(folder, tmp_path):
    words = ("private", folder / "c.vcz", "--groups", folder / "g.tsv", "--by", "pop", "--output")
    answer = answered(*words, tmp_path / "out")
    assert [row["group"] for row in answer["groups"]] == ["all", "GBR", "TSI"]
    assert len(pd.read_csv(tmp_path / "out" / "samples.tsv", sep="\t")) == 40
    assert "all: 40 samples" in run(*words, tmp_path / "other").stdout


def test_consequence_counts(folder, tmp_path):
    words = ("consequence-counts", folder / "c.vcz", "--annotation", folder / "a.parquet", "--output")
    answer = answered(
        *words, tmp_path / "c.tsv", "--plots", tmp_path / "p", "--groups", folder / "g.tsv", "--by", "pop"
    )
    assert answer["consequences"]["stop_gained"] == 50
    assert answered(*words, tmp_path / "d.tsv", "--canonical")["consequences"]["stop_gained"] < 50
    assert "stop_gained (high)" in run(*words, tmp_path / "e.tsv").stdout


def test_gene_counts(folder, tmp_path):
    words = ("gene-counts", folder / "c.vcz", "--annotation", folder / "a.parquet", "--phenotypes", folder / "g.tsv")
    words = (*words, "--trait", "t2d", "--max-maf", "0.3", "--output")
    answer = answered(*words, tmp_path / "g.tsv", "--plots", tmp_path / "p", "--genes", "G1,G2,NONE")
    assert answer["cases"] == answer["controls"] == 20
    assert answer["status"]["no_allele"] == 1
    table = pd.read_csv(tmp_path / "g.tsv", sep="\t", keep_default_na=False)
    assert table["gene"].tolist() == ["G1", "G2", "NONE"]
    told = run(*words, tmp_path / "h.tsv", "--consequences", "LOW")
    assert "20 cases, 20 controls, 10 genes" in told.stdout


@pytest.mark.parametrize("command", ["frequencies", "spectrum", "private", "consequence-counts", "gene-counts"])
def test_help_has_an_example(command):
    assert "Example: genomics-dc" in run(command, "--help").stdout


def test_an_output_that_is_there_or_has_another_name_is_refused(folder, tmp_path):
    (tmp_path / "f.tsv").write_text("")
    assert "exists already" in str(run("frequencies", folder / "c.vcz", "--output", tmp_path / "f.tsv").exception)
    done = run("frequencies", folder / "c.vcz", "--output", tmp_path / "f.vcf")
    assert "ends with .parquet or .tsv" in str(done.exception)
