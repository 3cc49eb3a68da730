"""`genomics-dc hail export` and `import`: each option arrives, the result is the store that left."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest
from typer.testing import CliRunner

from genomics_dc.cli.main import app
from genomics_dc.errors import InputError, MissingExtraError
from genomics_dc.store import StoreView, verify_store
from tests.hail.cohorts import quality_vcf


def run(*words):
    return CliRunner().invoke(app, ["hail", *map(str, words)])


def test_there_and_back(hail, quality_store, tmp_path):
    done = run("export", quality_store, "--output", tmp_path / "c.mt", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"output": str(tmp_path / "c.mt"), "n_variants": 280, "n_samples": 60}
    done = run("import", tmp_path / "c.mt", "--output", tmp_path / "c.vcz", "--threads", "1")
    assert done.exit_code == 0, done.output
    assert "280 variants x 60 samples" in done.stderr
    assert verify_store(tmp_path / "c.vcz", against=quality_vcf(tmp_path)).findings == ()


def test_a_part_of_it(hail, quality_store, tmp_path):
    (tmp_path / "keep.txt").write_text("S0003\nS0001\n")
    words = ("--output", tmp_path / "c.mt", "--region", "20", "--keep", tmp_path / "keep.txt", "--maf", "0.2")
    done = run("export", quality_store, *words, "--reference-genome", "GRCh38")
    assert done.exit_code == 0, done.output
    mt = hail.read_matrix_table(str(tmp_path / "c.mt"))
    expected = StoreView.open(quality_store).region("20").samples(["S0003", "S0001"]).variants(maf=0.2)
    assert mt.s.collect() == ["S0003", "S0001"]
    assert sorted(mt.store_row.collect()) == expected.sites_index().tolist()


def test_what_is_no_matrix_table(hail, tmp_path):
    done = run("import", tmp_path / "absent.mt", "--output", tmp_path / "c.vcz")
    assert isinstance(done.exception, InputError)
    assert "is not a Hail MatrixTable" in str(done.exception)


@pytest.mark.skipif(find_spec("hail") is not None, reason="Hail is here")
def test_without_hail_the_command_names_the_extra(quality_store, tmp_path):
    done = run("export", quality_store, "--output", tmp_path / "c.mt")
    assert isinstance(done.exception, MissingExtraError)
    assert done.exception.exit_code == 1


@pytest.mark.parametrize("command", ["export", "import"])
def test_help_has_an_example(command):
    assert f"Example: genomics-dc hail {command}" in " ".join(run(command, "--help").stdout.split())
