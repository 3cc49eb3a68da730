"""Ancestry: groups told apart, strangers and mixtures told as uncertain, calibration on real people, bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from genomics_dc.analyses.nearest_groups import fit_groups
from genomics_dc.analyses.view import open_store
from genomics_dc.errors import InputError, UsageError
from genomics_dc.plots import style
from genomics_dc.store import build_store
from tests.analyses.test_projection import store
from tests.builders import by_group

N_VARIANTS = 600


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A reference of 3 x 60 people; new ones of each group, mixtures of two, of an unknown group, and unread ones."""
    folder = tmp_path_factory.mktemp("ancestry")
    rng = np.random.default_rng(21)
    base = rng.uniform(0.15, 0.85, N_VARIANTS)
    frequency = np.clip(base + rng.normal(0, 0.12, (4, N_VARIANTS)), 0.02, 0.98)

    def people(shares):
        return rng.binomial(2, shares).T.astype(np.int8)

    group = np.arange(180) % 3
    reference = store(folder, "ref", people(frequency[group]), 100 + np.arange(N_VARIANTS))
    known = np.arange(30) % 3
    mixed = 0.5 * (frequency[0] + frequency[1])
    new = [
        people(frequency[known]),
        people(np.repeat(mixed[None], 10, 0)),
        people(np.repeat(frequency[3][None], 10, 0)),
    ]
    unread = people(frequency[known[:2]])
    unread[rng.random(unread.shape) < 0.7] = -1
    unread[:, 1] = -1
    view = store(folder, "new", np.concatenate([*new, unread], axis=1), 100 + np.arange(N_VARIANTS))
    labels = {name: [f"ref{i}" for i in np.flatnonzero(group == g)] for g, name in enumerate("abc")}
    return view, reference, labels, known


def test_groups_mixtures_and_strangers(world):
    view, reference, labels, known = world
    found = view.ancestry(reference, labels, k=4)
    rows = found.to_pandas()
    assert rows["group"][:30].tolist() == ["abc"[g] for g in known]
    assert (rows["status"][:30] == "assigned").all()
    assert (rows["status"][30:40] != "assigned").sum() >= 8
    assert (rows["status"][40:50] != "assigned").sum() >= 8
    assert rows["group"][40:50][rows["status"][40:50] != "assigned"].isna().all()
    assert rows["status"][50:].tolist() == ["too_few_genotypes"] * 2
    assert pd.isna(rows["nearest"][51])
    assert np.isnan(found.probabilities()[51]).all()
    np.testing.assert_allclose(np.nansum(found.probabilities(), axis=1)[:51], 1)
    assert found.note == "600 variants in both stores"
    assert sum(found.counts().values()) == view.n_samples
    assert found.provenance.inputs["reference"] == reference.store_hash


def test_threads_change_no_bit(world, tmp_path):
    view, reference, labels, _ = world
    parts = [view.ancestry(reference, labels, k=3, threads=n).write(tmp_path / f"{n}.parquet") for n in (1, 2)]
    assert parts[0].read_bytes() == parts[1].read_bytes()


def test_real_people_left_out_get_their_label_as_often_as_said(shared_data, tmp_path):
    """Five-fold cross-validation in 120 kb of chromosome 20: too little to place everybody, and it must say so."""
    folder = shared_data / "cohort_1kg_chr20"
    build_store(folder / "1kg_phase3.2504.chr20_1.99-2.11Mb.vcf.gz", tmp_path / "kg.vcz")
    view = open_store(tmp_path / "kg.vcz").variants(maf=0.05)
    table = pd.read_csv(folder / "1kg_sampleinfo.txt", sep="\t").set_index("sample")["super_pop"]
    ids = np.array([str(name) for name in view.sample_ids])
    labels = dict(zip(ids, table.loc[ids], strict=True))
    parts = []
    for fold in range(5):
        left_out = np.arange(len(ids)) % 5 == fold
        known = by_group({name: labels[name] for name in ids[~left_out]})
        found = view.samples(ids[left_out]).ancestry(view.samples(ids[~left_out]), known, k=10)
        parts.append(found.to_pandas().assign(truth=table.loc[ids[left_out]].to_numpy()))
    rows = pd.concat(parts)
    right = rows["nearest"] == rows["truth"]
    assert right.mean() > 0.68
    # 2,504 people: the standard error of a share is 0.01
    assert abs(right.mean() - rows["probability"].mean()) < 0.08
    for low, high in ((0.3, 0.6), (0.6, 0.8), (0.8, 0.9), (0.9, 1.0)):
        some = rows["probability"].between(low, high)
        assert right[some].mean() > rows["probability"][some].mean() - 0.05
    told = rows["status"] == "assigned"
    assert 0.1 < told.mean() < 0.3
    assert right[told].mean() > 0.95


def test_the_temperature_makes_an_over_sure_model_honest():
    rng = np.random.default_rng(4)
    number = np.arange(600) % 2
    # heavy tails and clusters, not one normal cloud
    places = rng.standard_t(1.5, (600, 3)) + 0.8 * number[:, None]
    model = fit_groups(places[:300], number[:300], 2)
    assert model.temperature > 1
    likely = model.probabilities(places[300:])
    right = likely.argmax(axis=1) == number[300:]
    assert likely.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.1)


def test_bad_input(world):
    view, reference, labels, _ = world
    with pytest.raises(InputError, match="a group needs 20 samples or more, but d has 1"):
        view.ancestry(reference, {**labels, "b": [one for one in labels["b"] if one != "ref7"], "d": ["ref7"]})
    with pytest.raises(InputError, match="all samples of the reference are in a"):
        view.ancestry(reference, {"a": [one for ids in labels.values() for one in ids]})
    with pytest.raises(InputError, match="1 samples of group a are not in this view"):
        view.ancestry(reference, {"a": ["nobody"]})
    with pytest.raises(InputError, match="have no variant in common"):
        view.variants(index=[0, 1]).ancestry(reference.variants(index=[2, 3]), labels, k=1)
    with pytest.raises(InputError, match="90 components need more than 90 samples in half of the reference"):
        view.ancestry(reference, labels, k=90)
    with pytest.raises(UsageError, match="k must be 1 or more"):
        view.ancestry(reference, labels, k=0)
    with pytest.raises(InputError, match="has no samples"):
        view.samples([]).ancestry(reference, labels)


def test_plot(world, tmp_path):
    view, reference, labels, _ = world
    found = view.ancestry(reference, labels, k=4)
    figure = found.plot.bars()
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts == [f"{name} ({found.counts()[name]})" for name in "abc"]
    style.save(figure, tmp_path / "ancestry")
