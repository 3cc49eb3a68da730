"""The same question asked of Hail, just now, and of us: the same numbers."""

from __future__ import annotations

import pandas as pd
import pytest

from genomics_dc import hail_bridge
from genomics_dc.analyses.view import open_store
from genomics_dc.store import build_store
from tests.hail import agree, cohorts


@pytest.fixture(scope="module")
def answers(hail):
    from tests.hail import answers as module

    return module


@pytest.fixture(scope="module")
def quality(hail, quality_store):
    view = open_store(quality_store)
    return view.qc(), hail_bridge.to_hail(view)


@pytest.fixture(scope="module")
def complete(hail, complete_store, answers):
    view = open_store(complete_store)
    return view, answers.with_phenotypes(hail_bridge.to_hail(view), cohorts.phenotypes())


@pytest.fixture(scope="module")
def real(hail, shared_data, tmp_path_factory):
    """400 people of the 1000 Genomes Project."""
    folder = tmp_path_factory.mktemp("real")
    build_store(shared_data / "cohort_1kg_chr20" / "1kg_phase3.2504.chr20_1.99-2.11Mb.vcf.gz", folder / "real.vcz")
    view = open_store(folder / "real.vcz")
    view = view.samples(view.sample_ids[::6])
    return view, hail_bridge.to_hail(view)


def test_variant_qc(quality, answers):
    qc, mt = quality
    agree.variant_qc(qc, answers.variant_qc(mt))


def test_sample_qc(quality, answers):
    qc, mt = quality
    agree.sample_qc(qc, answers.sample_qc(mt))


def test_variant_qc_of_real_people(real, answers):
    view, mt = real
    agree.variant_qc(view.qc(), answers.variant_qc(mt))


def test_linear(complete, answers):
    view, mt = complete
    agree.association(agree.linear(view), answers.linear(mt), on=["trait"])


def test_logistic(complete, answers):
    view, mt = complete
    agree.association(agree.logistic(view), answers.logistic(mt))


def test_pca(complete, answers):
    view, mt = complete
    agree.pca(view.pca(cohorts.COMPONENTS), *answers.pca(mt))


def test_pca_of_real_people(real, answers, hail):
    view = real[0].variants(maf=0.05, missing=0.0)
    mt = hail_bridge.to_hail(view)
    agree.pca(view.pca(cohorts.COMPONENTS), *answers.pca(mt))


def test_king(quality, quality_store, answers, hail):
    mt = quality[1]
    agree.king(
        agree.two_alleles(open_store(quality_store)).kinship(), answers.king(mt.filter_rows(hail.len(mt.alleles) == 2))
    )


def test_golden_files_are_what_hail_says(quality, complete, answers):
    """The files that tests without Hail read are of these cohorts, and Hail still says the same."""
    golden = pd.read_csv(agree.GOLDEN / "variant_qc.tsv", sep="\t")
    fresh = answers.variant_qc(quality[1])
    pd.testing.assert_frame_equal(golden, fresh.astype(golden.dtypes), rtol=1e-12)
