"""Association against Hail's answers on its own test data (golden file): Wald, Firth, score, linear."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genomics_dc.analyses.view import open_store
from genomics_dc.kernels import genotypes, logistic, tails
from genomics_dc.store import build_store

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "logistic_hail.tsv"


@pytest.fixture(scope="module")
def problem(shared_data, tmp_path_factory):
    """The store's genotypes and the tables of the people that Hail used."""
    folder = tmp_path_factory.mktemp("hail")
    source = shared_data / "assoc_hail_golden"
    lines = (source / "regressionLogisticEpacts.vcf").read_text().splitlines()
    kept = [line for line in lines if line.startswith("##FORMAT=<ID=GT")]
    text = ["##fileformat=VCFv4.2", "##contig=<ID=22>", *kept]
    for line in lines:
        if line.startswith("##"):
            continue
        cells = line.split("\t")
        if line.startswith("#"):
            text.append(line)
            continue
        calls = [call.split(":")[0] for call in cells[9:]]
        text.append("\t".join([*cells[:5], ".", "PASS", ".", "GT", *calls]))
    (folder / "e.vcf").write_text("\n".join(text) + "\n")
    build_store(folder / "e.vcf", folder / "e.vcz")
    names = ["family", "IID", "father", "mother", "sex", "case"]
    people = pd.read_csv(source / "regressionLogisticEpacts.fam", sep=r"\s+", header=None, names=names)
    components = pd.read_csv(source / "regressionLogisticEpacts.cov", sep="\t").rename(columns={"IND_ID": "IID"})
    merged = people[["IID", "sex", "case"]].merge(components, on="IID")
    return open_store(folder / "e.vcz"), merged, pd.read_csv(GOLDEN, sep="\t").set_index("test")


@pytest.mark.parametrize(("model", "test"), [("logistic", "wald"), ("firth", "firth"), ("linear", "linear")])
def test_estimates_equal_hails(problem, model, test):
    view, people, golden = problem
    options = {"fit_all": True} if model == "logistic" else {}
    result = view.associate(
        people, traits=["case"], covariate_names=["sex", "PC1", "PC2"], model=model, **options
    ).to_pandas()
    expected = golden.loc[test]
    assert result["base_pair_location"].tolist() == expected["position"].tolist()
    np.testing.assert_allclose(result["beta"], expected["beta"], rtol=1e-7)
    if test != "firth":  # Hail's p of Firth is of the likelihood ratio
        np.testing.assert_allclose(result["p_value"], expected["p_value"], rtol=1e-6)


def test_score_equals_hails(problem):
    view, people, golden = problem
    ids = [str(name) for name in view.sample_ids]
    ordered = people.set_index("IID").loc[ids]
    prepared = logistic.design((ordered["case"] - 1.0).to_numpy(), ordered[["sex", "PC1", "PC2"]].to_numpy(dtype=float))
    placed = logistic.place(prepared, np.arange(len(ids)), len(ids))
    found = logistic.scored_packed(genotypes.pack_dosage(view.dosage()), placed)
    np.testing.assert_allclose(10.0**-found.neg_log10_p, golden.loc["score", "p_value"], rtol=1e-6)
    assert tails.neg_log10_p_normal(found.z) == pytest.approx(found.neg_log10_p)
