"""A small cohort and its store, built once; tests that damage a store take a copy."""

import shutil
from pathlib import Path

import pytest

from genomics_dc.store import build_store
from tests.builders import random_records, write_vcf

N_VARIANTS, N_SAMPLES = 2_300, 13
"""More than two chunks of variants, and a number of samples that four does not divide."""


@pytest.fixture(scope="session")
def cohort_vcf(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    samples = [f"S{number}" for number in range(N_SAMPLES)]
    return write_vcf(folder / "cohort.vcf.gz", random_records(N_VARIANTS, N_SAMPLES), samples=samples)


@pytest.fixture(scope="session")
def cohort_store(cohort_vcf) -> Path:
    path = cohort_vcf.with_name("cohort.vcz")
    build_store(cohort_vcf, path)
    return path


@pytest.fixture
def store_copy(cohort_store, tmp_path) -> Path:
    return Path(shutil.copytree(cohort_store, tmp_path / "copy.vcz"))
