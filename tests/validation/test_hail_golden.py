"""Our numbers against Hail's, from the files of `tests/golden/hail`: no Java is needed."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from genomics_dc.analyses.view import open_store
from genomics_dc.store import build_store
from tests.hail import agree, cohorts


def golden(question):
    return pd.read_csv(agree.GOLDEN / f"{question}.tsv", sep="\t", dtype={"AC": str})


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    """The two cohorts; they must be, byte for byte, those that Hail was asked about."""
    folder = tmp_path_factory.mktemp("hail")
    asked = json.loads((agree.GOLDEN / "about.json").read_text())["sha256"]
    made = {}
    for name, make in (("quality", cohorts.quality_vcf), ("complete", cohorts.complete_vcf)):
        vcf = make(folder)
        assert cohorts.sha256(vcf) == asked[name], "the cohort has changed: make the golden files anew"
        build_store(vcf, folder / f"{name}.vcz")
        made[name] = open_store(folder / f"{name}.vcz")
    return made


@pytest.fixture(scope="module")
def qc(views):
    return views["quality"].qc()


def test_variant_qc(qc):
    agree.variant_qc(qc, golden("variant_qc"))


def test_sample_qc(qc):
    agree.sample_qc(qc, golden("sample_qc"))


def test_king(views):
    agree.king(agree.two_alleles(views["quality"]).kinship(), golden("king"))


def test_linear(views):
    agree.association(agree.linear(views["complete"]), golden("linear"), on=["trait"])


def test_logistic(views):
    agree.association(agree.logistic(views["complete"]), golden("logistic"))


def test_pca(views):
    agree.pca(views["complete"].pca(cohorts.COMPONENTS), golden("pca_eigenvalues"), golden("pca_scores"))
