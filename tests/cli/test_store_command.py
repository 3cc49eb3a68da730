"""The store commands as a user types them."""

import contextlib
import io
import json
import subprocess
import sys
from types import SimpleNamespace
from unittest.mock import patch

import pytest

from genomics_dc.cli.main import main
from tests.builders import random_records, write_vcf


def run(*words):
    """Run the program in this process: a process of its own takes a second and more to begin."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", ["genomics-dc", "store", *map(str, words)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as stopped,
    ):
        main()
    return SimpleNamespace(returncode=stopped.value.code or 0, stdout=out.getvalue(), stderr=err.getvalue())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("commands")
    vcf = write_vcf(folder / "in.vcf.gz", random_records(30, 3), samples=("S0", "S1", "S2"))
    done = run("build", vcf, "--output", folder / "out.vcz", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return vcf, folder / "out.vcz", json.loads(done.stdout)


def test_build_and_info_tell_the_same(made):
    _, store, built = made
    assert (built["n_variants"], built["n_samples"]) == (30, 3)
    assert json.loads(run("info", store, "--json").stdout) == built
    text = run("info", store).stdout
    assert built["store_hash"] in text
    assert "derived/packed_dosage" in text
    event = built["history"][0]
    assert (event["operation"], event["generation"], event["n_variants"]) == ("build", 0, 30)
    assert any(line.split()[:4] == ["0", "build", "30", "3"] for line in text.splitlines())


def test_the_installed_program(made, tmp_path):
    command = [sys.executable, "-m", "genomics_dc.cli.main", "store", "query", str(made[1]), "-f", "%POS"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 30
    done = subprocess.run([*command[:-3], str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("genomics-dc: ")
    assert "Traceback" not in done.stderr


def test_verify_says_what_is_wrong_and_exits_3(made, tmp_path):
    import shutil

    vcf, store, _ = made
    done = run("verify", store, "--deep", "--against", vcf)
    assert done.returncode == 0
    assert "30 records compared: no findings" in done.stdout
    broken = shutil.copytree(store, tmp_path / "broken.vcz")
    (broken / "call_DP/c/0/0").unlink()
    done = run("verify", broken)
    assert done.returncode == 3
    assert "missing: array call_DP, chunk 0.0, variants 0 to 30, samples 0 to 3 is missing" in done.stdout
    assert done.stderr.count("\n") == 1
    assert json.loads(run("verify", broken, "--json").stdout)["ok"] is False


def test_query_and_export(made, tmp_path):
    _, store, _ = made
    assert run("query", store, "--list-samples").stdout.split() == ["S0", "S1", "S2"]
    lines = run("query", store, "-r", "chr2:1-90000", "-s", "S2,S0", "-f", r"%CHROM:%POS[ %SAMPLE=%GT]\n").stdout
    assert len(lines.splitlines()) == 15
    assert all(line.startswith("2:") and " S2=" in line and " S1=" not in line for line in lines.splitlines())
    done = run("export", store, "--output", tmp_path / "back.vcf", "--region", "2")
    assert done.returncode == 0
    records = [line for line in (tmp_path / "back.vcf").read_text().splitlines() if not line.startswith("#")]
    assert len(records) == 15


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["build", "none.vcf", "--output", "x.vcz"], 1, "none.vcf does not exist"),
        (["info", "none.vcz"], 1, "none.vcz is not there"),
        (["query", "STORE", "-r", "9:1-2"], 1, "contig 9 is not in"),
        (["query", "STORE", "-s", "nobody"], 1, "1 of 1 samples are not in"),
        (["query", "STORE", "-f", "%NOPE"], 1, "the store has no %NOPE"),
        (["query", "STORE", "-f", "[%GT"], 2, "is not understood at character"),
        (["query", "STORE", "-f", "%GT"], 1, "stands in brackets"),
        (["export", "STORE", "--output", "x.txt"], 2, "should end in .vcf"),
        (["build", "IN", "--output", "STORE"], 1, "exists already"),
    ],
)
def test_mistakes_are_one_sentence(made, tmp_path, monkeypatch, words, status, message):
    vcf, store, _ = made
    monkeypatch.chdir(tmp_path)
    done = run(*({"STORE": str(store), "IN": str(vcf)}.get(word, word) for word in words))
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith("genomics-dc: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_plan_is_printed_edited_and_followed(made, tmp_path):
    vcf = made[0]
    text = run("plan", vcf)
    assert text.returncode == 0, text.stderr
    assert any(line.split()[:2] == ["call_genotype", "FORMAT/GT"] for line in text.stdout.splitlines())
    told = run("plan", vcf, "--json", "--memory", "800M")
    planned = json.loads(told.stdout)
    assert planned["variants"] == 30
    for field in planned["fields"]:
        field["keep"] = field["name"] in ("FORMAT/GT", "INFO/DP")
    (tmp_path / "plan.json").write_text(json.dumps(planned))
    built = run("build", vcf, "--output", tmp_path / "out.vcz", "--plan", tmp_path / "plan.json", "--json")
    names = {one["name"] for one in json.loads(built.stdout)["arrays"]}
    assert "variant_DP" in names
    assert "call_DP" not in names
    assert run("plan", vcf, "--memory", "much").returncode == 2
    assert "give more with --memory" in run("plan", vcf, "--memory", "2M").stderr


def test_growth_has_a_ceiling_of_memory_too(made, tmp_path):
    vcf, store, _ = made
    for words in (("append", store, vcf), ("merge", store, store, "--output", tmp_path / "m.vcz")):
        done = run(*words, "--memory", "much")
        assert done.returncode == 2
        assert "--memory should be a size such as 800M or 4G" in done.stderr
    done = run("drop-samples", store, "--samples", "nobody", "--memory", "400M")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize("command", ["build", "plan", "info", "verify", "query", "export", "publish"])
def test_every_command_has_an_example(command):
    assert f"Example: genomics-dc store {command}" in " ".join(run(command, "--help").stdout.split())
