"""Ctrl-C during an analysis gives the prompt back in under two seconds, and leaves nothing under a final name."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from genomics_dc.store import build_store

N_SAMPLES, N_VARIANTS = 1500, 3000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("interrupt")
    rng = np.random.default_rng(5)
    names = [f"S{number}" for number in range(N_SAMPLES)]
    calls = np.array(["0/0", "0/1", "1/1"])
    with open(path / "c.vcf", "w") as handle:
        handle.write("##fileformat=VCFv4.2\n##contig=<ID=20>\n")
        handle.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
        columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names]
        handle.write("\t".join(columns) + "\n")
        for row in range(N_VARIANTS):
            genotype = rng.binomial(2, rng.uniform(0.05, 0.5), N_SAMPLES)
            fixed = ["20", str(1000 + row), f"v{row}", "A", "C", ".", "PASS", ".", "GT"]
            handle.write("\t".join(fixed + calls[genotype].tolist()) + "\n")
    build_store(path / "c.vcf", path / "c.vcz")
    traits = [f"t{number}" for number in range(40)]
    lines = ["\t".join(["sample_id", *traits])]
    lines += ["\t".join([name, *map(str, rng.integers(0, 2, len(traits)))]) for name in names]
    (path / "traits.tsv").write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    "words",
    [
        f"associate c.vcz --phenotypes traits.tsv --traits {','.join(f't{n}' for n in range(40))} --model firth "
        "--output result.parquet",
        "pca c.vcz -k 300 --output result.parquet",
        "qc c.vcz --output result",
    ],
    ids=["associate", "pca", "qc"],
)
def test_the_prompt_comes_back_and_nothing_is_left(folder, words):
    before = set(folder.iterdir())
    with subprocess.Popen(
        [sys.executable, "-m", "genomics_dc.cli.main", *words.split()],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        _wait_until_open(process, "c.vcz")
        time.sleep(0.4)
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        output, talk = process.communicate(timeout=60)
        took_s = time.monotonic() - start
    assert process.returncode == 130, talk
    assert took_s < 2.0
    assert talk.strip().splitlines()[-1] == "genomics-dc: stopped; nothing unfinished was left behind"
    assert "Traceback" not in talk
    assert output == ""
    assert set(folder.iterdir()) == before


def _wait_until_open(process, name):
    """Wait until the program holds the store open."""
    place = Path(f"/proc/{process.pid}/fd")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        for descriptor in place.iterdir():
            try:
                if name in str(descriptor.readlink()):
                    return
            except FileNotFoundError:
                continue
        time.sleep(0.01)
    pytest.fail("the program ended, or never opened the store")


def test_what_is_being_written_is_removed(tmp_path):
    code = (
        "import os, signal, time\n"
        "from genomics_dc.cli.interrupt import prompt_back\n"
        "from genomics_dc.files import atomic_directory, atomic_path\n"
        "with prompt_back(), atomic_directory('d') as d, atomic_path('f.tsv') as f:\n"
        "    (d / 'x').write_text('x'); f.write_text('x')\n"
        "    assert len(os.listdir()) == 2\n"
        "    signal.signal(signal.SIGINT, lambda *_: None)\n"  # as a kernel does that cannot be left
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(20)\n"
    )
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 130, done.stderr
    assert time.monotonic() - start < 15
    assert list(tmp_path.iterdir()) == []
