"""--cluster and --memory of the commands that go over blocks."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from genomics_dc.analyses.view import open_store
from genomics_dc.cli.main import app
from genomics_dc.errors import ResourceError, UsageError
from genomics_dc.store import build_store
from genomics_dc.store.blocks import memory_ceiling
from tests.builders import write_cohort_vcf

COMMANDS = ("qc", "kinship", "pca", "associate", "ld", "ld-prune", "ld-score", "clump")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("options")
    build_store(write_cohort_vcf(path / "c.vcf", n_samples=30, n_variants=2500, seed=9), path / "c.vcz")
    return path


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("command", COMMANDS)
def test_the_options_are_there(command):
    done = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert "--cluster" in done.output
    assert "--memory" in done.output
    assert f"Example: genomics-dc {command} " in done.output


def test_a_ceiling_below_one_chunk_says_what_is_needed(folder, tmp_path):
    done = run("pca", folder / "c.vcz", "--output", tmp_path / "p.tsv", "--memory", "10M")
    assert done.exit_code == 1
    sentence = str(done.exception)
    assert "10 MiB of memory are too few" in sentence
    assert "a chunk of 1,000 variants x 30 samples and the program take" in sentence
    assert "give more with --memory" in sentence
    needed = int(sentence.split(" take ")[1].split(" MiB")[0].replace(",", ""))
    assert not list(tmp_path.iterdir())
    enough = run("pca", folder / "c.vcz", "--output", tmp_path / "p.tsv", "--memory", f"{needed + 200}M")
    assert enough.exit_code == 0, enough.output
    assert "--memory should be a size such as 800M or 4G, not lots" in str(
        run("pca", folder / "c.vcz", "--output", tmp_path / "q.tsv", "--memory", "lots").exception
    )


def test_the_result_does_not_depend_on_the_ceiling(folder):
    view = open_store(folder / "c.vcz")
    wide = view.qc(threads=2)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    with memory_ceiling(resident + (64 << 20)):
        assert view.blocks("dosage").held_max >= 1
        narrow = view.qc(threads=2)
    assert narrow.variants.table.equals(wide.variants.table)
    assert narrow.samples.table.equals(wide.samples.table)
    with memory_ceiling(1), pytest.raises(ResourceError, match="too few"):
        list(view.blocks("dosage"))
    assert view.blocks("dosage").held_max is None


def test_the_command_line_uses_the_cluster(folder, tmp_path):
    distributed = pytest.importorskip("distributed", reason="distributed is not installed: genomics_dc[cluster]")
    assert run("qc", folder / "c.vcz", "--output", tmp_path / "here").exit_code == 0
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", dashboard_address=None
    ) as cluster:
        words = ("qc", folder / "c.vcz", "--output", tmp_path / "there", "--cluster", cluster.scheduler_address)
        done = run(*words)
    assert done.exit_code == 0, done.exception
    for name in ("variants.parquet", "samples.parquet", "steps.tsv"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def test_a_wrong_address_is_one_sentence(folder, tmp_path):
    pytest.importorskip("distributed", reason="distributed is not installed: genomics_dc[cluster]")
    done = run("qc", folder / "c.vcz", "--output", tmp_path / "x", "--cluster", "nowhere")
    assert isinstance(done.exception, UsageError)
    assert str(done.exception).startswith("nowhere is no address of a scheduler")
