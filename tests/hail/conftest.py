"""Hail, started once; without it these tests say how to get it."""

from __future__ import annotations

import pytest

from genomics_dc.store import build_store
from tests.hail import cohorts

WHY = "Hail lives in an environment of its own: `make test-hail` sets it up and runs these tests"


@pytest.fixture(scope="session")
def hail(tmp_path_factory):
    """The module, running on two threads."""
    module = pytest.importorskip("hail", reason=WHY)
    from genomics_dc.analyses.hail_bridge.session import started

    folder = tmp_path_factory.mktemp("hail")
    module.init(master="local[2]", quiet=True, show_progress=False, log=str(folder / "hail.log"), tmp_dir=str(folder))
    return started()


@pytest.fixture(scope="session")
def quality_store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quality")
    build_store(cohorts.quality_vcf(folder), folder / "quality.vcz")
    return folder / "quality.vcz"


@pytest.fixture(scope="session")
def complete_store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("complete")
    build_store(cohorts.complete_vcf(folder), folder / "complete.vcz")
    return folder / "complete.vcz"
