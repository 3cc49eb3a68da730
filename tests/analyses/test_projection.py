"""Loadings, projection and unrelated sets: the cohort on itself, missing, swapped and absent variants, relatives."""

from __future__ import annotations

import numpy as np
import pytest

from genomics_dc.analyses.projection import read_loadings
from genomics_dc.analyses.view import open_store
from genomics_dc.errors import InputError, UsageError
from genomics_dc.store import build_store
from tests.analyses.test_relatedness import write_family
from tests.builders import write_vcf


def store(folder, name, dosage, positions, swapped=None, contig="1", ids=None):
    """A store of dosages [V, S]; at `swapped` variants REF and ALT stand the other way round."""
    words = {0: "0/0", 1: "0/1", 2: "1/1", -1: "./."}
    records = []
    for v, (position, row) in enumerate(zip(positions, dosage, strict=True)):
        turned = swapped is not None and swapped[v]
        calls = [words[int(2 - d if turned and d >= 0 else d)] for d in row]
        ref, alt = ("G", "A") if turned else ("A", "G")
        records.append(" ".join([contig, str(position), ".", ref, alt, ".", "PASS", ".", "GT", *calls]))
    ids = ids or [f"{name}{i}" for i in range(dosage.shape[1])]
    contigs = [(contig, 100_000), ("X", 100_000)]
    build_store(write_vcf(folder / f"{name}.vcf", records, samples=ids, contigs=contigs), folder / f"{name}.vcz")
    return open_store(folder / f"{name}.vcz")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Three groups of 40, and 30 new samples of the same groups, at 800 variants."""
    folder = tmp_path_factory.mktemp("projection")
    rng = np.random.default_rng(8)
    base = rng.uniform(0.2, 0.8, 800)
    frequency = np.clip(base + rng.normal(0, 0.15, (3, 800)), 0.02, 0.98)
    group = np.arange(150) % 3
    dosage = rng.binomial(2, frequency[group]).T.astype(np.int8)
    return folder, dosage, group


@pytest.fixture(scope="module")
def reference(world):
    folder, dosage, _ = world
    old = dosage[:, :120].copy()
    old[np.random.default_rng(1).random(old.shape) < 0.02] = -1
    return store(folder, "old", old, 100 + np.arange(800))


@pytest.fixture(scope="module")
def pcs(reference):
    return reference.pca(2, loadings=True)


def test_the_cohort_lands_on_itself(reference, pcs):
    found = reference.project(pcs.loadings)
    # missing genotypes are at the mean in the components, and left out in the projection
    np.testing.assert_allclose(found.vectors(), pcs.vectors(), atol=0.01)
    complete = reference.variants(missing=0)
    own = complete.pca(2, loadings=True, tolerance=1e-6)
    np.testing.assert_allclose(complete.project(own.loadings).vectors(), own.vectors(), atol=1e-6)
    assert found.n_variants == found.n_loadings == 800
    assert found.called.min() > 0.9


def test_new_samples_fall_into_their_groups(world, pcs):
    folder, dosage, group = world
    new = store(folder, "new", dosage[:, 120:], 100 + np.arange(800))
    places, old = new.project(pcs.loadings).vectors(), pcs.vectors()
    centres = np.array([old[group[:120] == g].mean(axis=0) for g in range(3)])
    nearest = ((places[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    assert nearest.tolist() == group[120:].tolist()


def test_swapped_alleles_other_names_and_absent_variants(world, pcs):
    folder, dosage, _ = world
    rng = np.random.default_rng(2)
    same = store(folder, "same", dosage[:, 120:], 100 + np.arange(800)).project(pcs.loadings)
    swapped = rng.random(800) < 0.5
    turned = store(folder, "turned", dosage[:, 120:], 100 + np.arange(800), swapped, contig="chr1")
    found = turned.project(pcs.loadings)
    assert found.n_swapped == swapped.sum()
    np.testing.assert_allclose(found.vectors(), same.vectors(), atol=1e-12)
    half = np.arange(0, 800, 2)
    fewer = store(folder, "fewer", dosage[half, 120:], 100 + half).project(pcs.loadings)
    assert fewer.n_variants == 400
    # no shift to the centre, only noise
    assert np.corrcoef(fewer.vectors()[:, 0], same.vectors()[:, 0])[0, 1] > 0.95
    slope = (fewer.vectors() * same.vectors()).sum(axis=0) / (same.vectors() ** 2).sum(axis=0)
    assert slope == pytest.approx([1, 1], abs=0.12)


def test_missing_genotypes_do_not_move_a_sample_to_the_centre(world, pcs):
    folder, dosage, _ = world
    new = dosage[:, 120:].copy()
    new[np.random.default_rng(3).random(new.shape) < 0.5] = -1
    new[:, 0] = -1
    full = store(folder, "full", dosage[:, 120:], 100 + np.arange(800)).project(pcs.loadings).vectors()
    view = store(folder, "gaps", new, 100 + np.arange(800))
    found = view.project(pcs.loadings, threads=1)
    assert found.table["PC1"].null_count == 1  # no genotype, no place
    assert found.called[0] == 0
    slope = (found.vectors()[1:] * full[1:]).sum(axis=0) / (full[1:] ** 2).sum(axis=0)
    assert slope == pytest.approx([1, 1], abs=0.12)
    assert found.table.equals(view.project(pcs.loadings, threads=2).table)


def test_files(reference, pcs, tmp_path):
    path = pcs.write(tmp_path / "pcs.tsv")
    beside = f"{path}.loadings.parquet"
    assert read_loadings(beside).table.equals(pcs.loadings.table)
    assert reference.project(beside).table.equals(reference.project(pcs.loadings).table)
    with pytest.raises(InputError, match="does not exist"):
        reference.project(tmp_path / "nothing.parquet")
    with pytest.raises(InputError, match="holds no loadings"):
        reference.project(path)
    reference.kinship(kinship_min=0.4).write(tmp_path / "k.parquet")
    with pytest.raises(InputError, match="it has the columns sample_id_1"):
        reference.project(tmp_path / "k.parquet")


def test_nobody_and_nothing_to_project(world, reference, pcs):
    folder, dosage, _ = world
    with pytest.raises(InputError, match="has no samples"):
        reference.samples([]).project(pcs.loadings)
    elsewhere = store(folder, "elsewhere", dosage[:9, 120:], 90_000 + np.arange(9))
    with pytest.raises(InputError, match="has none of the 800 variants of the loadings"):
        elsewhere.project(pcs.loadings)


def test_relatives_are_placed_on_the_axes_of_the_others(world):
    folder, dosage, _ = world
    copies = np.repeat(dosage[:, 5:6], 25, axis=1)
    view = store(folder, "family", np.concatenate([dosage[:, :120], copies], axis=1), 100 + np.arange(800))
    chosen = view.unrelated(degree=0)
    assert len(chosen.kept) == 120
    found = view.pca(2, unrelated=chosen.kept)
    plain = view.samples(chosen.kept).pca(2)
    assert len(found.projected) == 25
    at = dict(zip(view.sample_ids.tolist(), found.vectors(), strict=True))
    np.testing.assert_allclose([at[name] for name in chosen.kept], plain.vectors(), atol=1e-12)
    stays = next(name for name in chosen.kept if name == "family5" or int(name[6:]) >= 120)
    for name in found.projected:
        np.testing.assert_allclose(at[name], at[stays], atol=1e-3)
    same = view.pca(2, unrelated=True, degree=0)
    assert same.table.equals(found.table)
    with pytest.raises(InputError, match=r"200 components need more than 200 unrelated samples, but the view has 120"):
        view.pca(200, unrelated=chosen.kept)


def test_the_largest_unrelated_set_of_a_family(tmp_path):
    build_store(write_family(tmp_path / "family.vcf"), tmp_path / "family.vcz")
    view = open_store(tmp_path / "family.vcz")
    found = view.unrelated(degree=1)
    rows = {row["sample_id"]: row for row in found.table.to_pylist()}
    assert found.kept == ["father", "mother", "other0", "other1", "other2", "other3"]
    assert rows["child"]["closest_kept"] in {"father", "mother"}
    assert rows["child"]["method"] == "exact"
    assert rows["other0"]["family"] is None
    assert found.view().n_samples == 6
    found.write_ids(tmp_path / "keep.txt")
    assert (tmp_path / "keep.txt").read_text().split() == found.kept
    assert view.unrelated(kinship_max=0.4).table.filter(view.unrelated(kinship_max=0.4).table["kept"]).num_rows == 8
    with pytest.raises(UsageError, match="degree must be 0, 1, 2 or 3"):
        view.unrelated(degree=4)
    with pytest.raises(InputError, match="has no samples"):
        view.samples([]).unrelated()
    assert view.samples(["child"]).unrelated().kept == ["child"]
