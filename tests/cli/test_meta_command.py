"""`genomics-dc meta`: each option arrives, results on stdout, one sentence for a mistake."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from genomics_dc.cli.main import app
from genomics_dc.errors import OutputExistsError, UsageError


@pytest.fixture
def files(tmp_path):
    for number, beta in enumerate((0.2, 0.3)):
        pd.DataFrame(
            {
                "chromosome": ["1", "1"],
                "base_pair_location": [10, 20],
                "effect_allele": ["A", "A"],
                "other_allele": ["G", "T"],
                "beta": [beta, beta],
                "standard_error": [0.1, 0.1],
                "n": [500, 500],
                "variant_id": ["rs1", "rs2"],
                "trait": ["bmi", "bmi"],
            }
        ).to_csv(tmp_path / f"s{number}.tsv", sep="\t", index=False)
    return [str(tmp_path / "s0.tsv"), str(tmp_path / "s1.tsv")]


def run(*words):
    return CliRunner().invoke(app, ["meta", *[str(word) for word in words]])


def test_every_option_arrives(files, tmp_path):
    out = tmp_path / "m.parquet"
    words = ["--output", out, "--names", "UKB,CKB", "--trait", "bmi", "--same-strand", "--genomic-control"]
    done = run(*files, *words, "--plots", tmp_path / "p", "--forest", "rs1,rs2", "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["variants"] == {"UKB": 2, "CKB": 2}
    assert answer["status"] == {"ok": 2}
    assert len(answer["plots"]) == 8
    assert pd.read_parquet(out)["n"].tolist() == [1000, 1000]


def test_the_lines_for_a_person(files, tmp_path):
    done = run(*files, "--output", tmp_path / "m.tsv")
    assert "2 variants of 2 studies, lambda GC" in done.stdout
    assert "1 ok, 1 strand_ambiguous" in done.stdout
    assert "s1: 0 effect alleles swapped, 0 strands flipped" in done.stdout
    assert pd.read_csv(tmp_path / "m.tsv", sep="\t")["status"].tolist() == ["ok", "strand_ambiguous"]


def test_mistakes(files, tmp_path):
    (tmp_path / "m.tsv").write_text("")
    assert isinstance(run(*files, "--output", tmp_path / "m.tsv").exception, OutputExistsError)
    assert isinstance(run(*files, "--output", tmp_path / "m.txt").exception, UsageError)
    assert isinstance(run(*files, "--output", tmp_path / "n.tsv", "--forest", "rs1").exception, UsageError)
    assert "Example: genomics-dc meta" in run("--help").stdout
