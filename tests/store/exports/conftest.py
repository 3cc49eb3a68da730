"""Cohorts that the other formats are tried on, and the outside program that reads them."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from genomics_dc.store import StoreView, build_store
from tests.builders import write_vcf

SAMPLES = [f"S{number}" for number in range(13)]
FORMAT_DECLARATIONS = (
    '##FILTER=<ID=q10,Description="low">',
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="depth">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">',
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="depth">',
    '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="depths">',
    '##FORMAT=<ID=GQ,Number=1,Type=Float,Description="quality">',
    '##FORMAT=<ID=FT,Number=1,Type=String,Description="filter">',
)


def records(n_variants, alts, calls, seed=3):
    """Records with every call of `calls`, drawn evenly, and depths; `alts` are drawn as well."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(n_variants):
        chosen = random.choice(calls, len(SAMPLES))
        alt = random.choice(alts)
        n_alts = 0 if alt == "." else alt.count(",") + 1
        words = []
        for call in chosen:
            call = "".join("0" if letter.isdigit() and int(letter) > n_alts else letter for letter in call)
            depths = ",".join(str(depth) for depth in random.integers(0, 40, n_alts + 1))
            words.append(f"{call}:{random.integers(0, 99)}:{depths if random.random() < 0.8 else '.'}:.5:ok")
        place = f"{1 + number * 2 // n_variants} {100 + 3 * number} {f'rs{number}' if number % 4 else '.'}"
        made.append(
            f"{place} A {alt} 30 {'PASS' if number % 3 else 'q10'} DP={number} GT:DP:AD:GQ:FT {' '.join(words)}"
        )
    return made


@pytest.fixture(scope="session")
def make_cohort(tmp_path_factory):
    """Give a function that writes a VCF and builds its store: (path of the VCF, view)."""

    def make(n_variants, alts, calls):
        folder = tmp_path_factory.mktemp("exported")
        vcf = write_vcf(
            folder / "in.vcf.gz",
            records(n_variants, alts, calls),
            samples=SAMPLES,
            declarations=FORMAT_DECLARATIONS,
        )
        build_store(vcf, folder / "in.vcz")
        return vcf, StoreView.open(folder / "in.vcz")

    return make


@pytest.fixture(scope="session")
def two_alleles(make_cohort):
    return make_cohort(1_300, ["C", "G", "T"], ["0/0", "0/1", "1/0", "1/1", "0|1", "1|0", "1|1", "./.", ".|.", "0/."])


@pytest.fixture(scope="session")
def many_alleles(make_cohort):
    calls = [
        "0/0",
        "0/1",
        "1|0",
        "0|1",
        "1/2",
        "2|1",
        "1|2",
        "2/2",
        "3|0",
        "0/3",
        "2/3",
        "3|2",
        "./.",
        "./1",
        "0",
        "2",
        ".",
    ]
    return make_cohort(300, ["C", "C,G", "C,G,T", "."], calls)


@pytest.fixture
def plink2(program, tmp_path):
    """Give a function that runs plink2 and returns the text of the file with this ending."""

    def run(*words, ending: str) -> str:
        out = tmp_path / "plink2-out"
        command = [program("plink2"), *map(str, words), "--threads", "1", "--out", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return Path(f"{out}.{ending}").read_text()

    return run


TABLES = (("--freq", "afreq"), ("--geno-counts", "gcount"), ("--missing", "vmiss"), ("--missing", "smiss"))
"""What plink2 counts, and the endings of its tables."""
