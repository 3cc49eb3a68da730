"""`genomics-dc qc` and `kinship`: each option arrives, results on stdout, one sentence for a mistake."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

from genomics_dc.analyses import thresholds
from genomics_dc.cli.main import app
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf
from tests.sexed_cohort import write_sexed_cohort


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli_qc")
    build_store(write_cohort_vcf(path / "c.vcf", n_samples=30, n_variants=200, seed=9), path / "c.vcz")
    (path / "keep.txt").write_text("#IID\n" + "".join(f"S{number:04d}\n" for number in range(20, 0, -1)))
    (path / "extract.txt").write_text("\n".join(f"v{number}" for number in range(150)) + "\n")
    own = thresholds.DEFAULT_FILE.read_text().replace("value: 1.0e-6", "value: 0.25")
    (path / "own.yaml").write_text(own)
    return path


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_every_option_of_qc_arrives(folder, tmp_path):
    out = tmp_path / "qc"
    words = [
        *("qc", folder / "c.vcz", "--output", out, "--thresholds", folder / "own.yaml", "--keep", folder / "keep.txt"),
        *("--extract", folder / "extract.txt", "--region", "20:1,000,000-1,001,000", "--maf", "0.1", "--hwe", "1e-3"),
        *("--missing", "0.09", "--threads", "2", "--json"),
    ]
    done = run(*words)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["samples"] == 20
    table = pd.read_parquet(out / "variants.parquet")
    assert 0 < len(table) == answer["variants"] <= 101
    assert table["base_pair_location"].max() <= 1_001_000
    assert table["AF"].between(0.1, 0.9).all()
    assert table["missing_rate"].max() <= 0.09
    assert (table["hwe_p"] < 0.25).sum() == (table["filter"] == "hwe").sum() > 0
    samples = pd.read_csv(out / "samples.tsv", sep="\t")
    assert list(samples["sample_id"]) == [f"S{number:04d}" for number in range(20, 0, -1)]
    again = run(*words)
    assert again.exit_code == 1
    assert "exists already" in str(again.exception)
    assert run(*words, "--force").exit_code == 0


def test_every_option_of_kinship_arrives(folder, tmp_path):
    out = tmp_path / "k.tsv"
    done = run(
        *("kinship", folder / "c.vcz", "--output", out, "--kinship-min", "0.0", "--plot", tmp_path / "plot", "--json"),
        *("--keep", folder / "keep.txt", "--thresholds", folder / "own.yaml", "--threads", "2", "--maf", "0.1"),
    )
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert (answer["samples"], answer["pairs"]) == (20, 190)
    assert answer["note"].startswith("all variants are on 20")
    table = pd.read_csv(out, sep="\t")
    assert 0 < len(table) < 190
    assert table["kinship"].min() >= 0.0
    assert table["n"].max() < 200
    assert (tmp_path / "plot.svg").exists()


def test_the_talk_is_on_stdout_and_plain(folder, tmp_path):
    done = run("qc", folder / "c.vcz", "--output", tmp_path / "qc")
    assert done.stdout.splitlines()[0].startswith("30 samples, ")
    assert done.stdout.splitlines()[-1] == f"written to {tmp_path / 'qc'}"
    done = run("kinship", folder / "c.vcz", "-o", tmp_path / "k.parquet")
    assert done.stdout.startswith("435 pairs of 30 samples: ")


def test_mistakes_are_one_sentence(folder, tmp_path):
    def fails(*words):
        command = [sys.executable, "-m", "genomics_dc.cli.main", *(str(word) for word in words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode in (1, 2)
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert not (tmp_path / "x").exists()
        assert not list(tmp_path.iterdir())
        return done.stderr

    (folder / "unknown.txt").write_text("S0001\nnobody\n")
    assert "1 of 2 samples are not in" in fails(
        "qc", folder / "c.vcz", "-o", tmp_path / "x", "--keep", folder / "unknown.txt"
    )
    assert "is not in" in fails("qc", folder / "c.vcz", "-o", tmp_path / "x", "--region", "7:1-10")
    assert "does not exist" in fails("qc", folder / "c.vcz", "-o", tmp_path / "x", "--extract", folder / "absent")
    assert "ends with .parquet or .tsv" in fails("kinship", folder / "c.vcz", "-o", tmp_path / "x.csv")


@pytest.mark.parametrize("command", ["qc", "kinship", "grm"])
def test_help_ends_with_an_example(command):
    done = CliRunner().invoke(app, [command, "--help"])
    assert f"Example: genomics-dc {command} cohort.vcz" in " ".join(done.stdout.split())


def test_tables_by_sample_arrive(tmp_path):
    cohort = write_sexed_cohort(tmp_path, n_founders=20, n_trios=4, n_autosomal=60, n_x=60)
    build_store(cohort.vcf, tmp_path / "s.vcz")
    words = [
        "qc",
        tmp_path / "s.vcz",
        "-o",
        tmp_path / "v.tsv",
        "--only",
        "variants",
        "--sex",
        cohort.sex,
        "--pedigree",
    ]
    words += [cohort.fam, "--batches", cohort.batches, "--phenotypes", cohort.phenotypes, "--trait", "cc", "--strict"]
    done = run(*words)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == ["130 variants", f"written to {tmp_path / 'v.tsv'}"]
    variants = pd.read_csv(tmp_path / "v.tsv", sep="\t")
    assert {"call_rate_B0", "batch_missing_p", "case_missing_p", "mendel_errors"} <= set(variants.columns)
    assert variants["hwe_x_p"].notna().any()
    words = ["qc", tmp_path / "s.vcz", "-o", tmp_path / "s.tsv", "--only", "samples", "--sex", cohort.fam, "--json"]
    done = run(*words, "--groups", cohort.batches)
    assert json.loads(done.stdout) == {"output": str(tmp_path / "s.tsv"), "samples": 24}
    samples = pd.read_csv(tmp_path / "s.tsv", sep="\t")
    assert set(samples["group"]) == {"B0", "B1", "B2"}


def test_what_does_not_go_with_one_table_is_refused(folder, tmp_path):
    (tmp_path / "g.tsv").write_text("sample_id\tgroup\nS0001\tx\n")
    for words, message in (
        (["--only", "variants", "-o", tmp_path / "out"], "its name ends with .parquet or .tsv"),
        (["--only", "variants", "-o", tmp_path / "v.tsv", "--groups", tmp_path / "g.tsv"], "--groups says nothing of"),
        (
            ["--only", "samples", "-o", tmp_path / "s.tsv", "--pedigree", tmp_path / "g.tsv"],
            "--pedigree says nothing of",
        ),
        (["-o", tmp_path / "qc", "--trait", "cc"], "take both"),
    ):
        done = run("qc", folder / "c.vcz", *words)
        assert done.exit_code != 0
        assert message in str(done.exception)
