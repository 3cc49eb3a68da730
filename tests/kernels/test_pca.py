"""PCA: the plain definition (eigenvectors of the relationship matrix), scikit-allel, invariances, edges."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import pca


def cohort(rng, n_samples=90, n_variants=600, groups=3, missing=0.03):
    """Dosages of samples from groups whose allele frequencies have drifted apart."""
    ancestral = rng.uniform(0.1, 0.9, size=n_variants)
    frequency = np.clip(ancestral + rng.normal(0, 0.15, size=(groups, n_variants)), 0.01, 0.99)
    dosage = rng.binomial(2, frequency[np.arange(n_samples) % groups]).T.astype(np.int8)
    dosage[rng.random(dosage.shape) < missing] = -1
    dosage[0] = 0
    dosage[1] = -1
    return np.ascontiguousarray(dosage)


def relationship(dosage):
    """The definition: Patterson's standardisation, missing to the mean, X' X / V over the variants that vary."""
    rows = []
    for row in dosage:
        called = row[row >= 0]
        if called.size and called.min() != called.max():
            p = called.mean() / 2
            rows.append(np.where(row < 0, 0.0, (row - 2 * p) / np.sqrt(2 * p * (1 - p))))
    x = np.array(rows)
    return x.T @ x / len(x), len(rows)


def test_equals_exact_eigenvectors():
    dosage = cohort(np.random.default_rng(1))
    matrix, n_variants = relationship(dosage)
    values, vectors = np.linalg.eigh(matrix)
    found = pca.pca(dosage, 5, seed=3, tolerance=1e-7)
    assert found.n_variants == n_variants
    assert found.values == pytest.approx(values[::-1][:5], rel=1e-10)
    # Every direction, not only the common subspace: the sign is ours.
    exact = vectors[:, ::-1][:, :5]
    assert np.abs((exact * found.vectors).sum(axis=0)) == pytest.approx(np.ones(5), abs=1e-10)
    assert found.residual.max() < 1e-8


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-6])
def test_the_angle_to_the_exact_space_is_below_what_was_said(tolerance):
    dosage = cohort(np.random.default_rng(11), n_samples=150)
    matrix, _ = relationship(dosage)
    exact = np.linalg.eigh(matrix)[1][:, ::-1][:, :6]
    found = pca.pca(dosage, 6, tolerance=tolerance)
    outside = found.vectors - exact @ (exact.T @ found.vectors)
    assert np.linalg.norm(outside, 2) <= found.angle < tolerance


def of_values(values, seed=0):
    """A symmetric matrix with these leading eigenvalues and 1 / i after them, its vectors, and its products."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((1200, 1200)))[0]
    every = np.concatenate([values, np.minimum(1.0, 20.0 / np.arange(1, 1201 - len(values)))])
    matrix = (basis * every) @ basis.T
    return basis, lambda rows, dtype: (rows.astype(dtype) @ matrix.astype(dtype)).astype(np.float64)


@pytest.mark.parametrize(
    "leading",
    [
        np.linspace(3, 1.5, 10),
        [60.0] * 6 + [1.9, 1.8, 1.7, 1.6],  # more equal values than a block has rows
        [9.0, 8.0] + [4.0 + 1e-3 * i for i in range(8, 0, -1)],
        [1.3, 1.28, 1.26, 1.24, 1.22, 1.2, 1.18, 1.16, 1.14, 1.12],
    ],
)
def test_many_samples_go_in_narrow_blocks(leading):
    basis, multiply = of_values(leading)
    assert len(basis) >= pca._NARROW_SAMPLES
    found = pca.principal_components(multiply, len(basis), 10, seed=1, n_variants=5)
    outside = found.vectors - basis[:, :10] @ (basis[:, :10].T @ found.vectors)
    assert np.linalg.norm(outside, 2) <= found.angle < 1e-4
    assert found.values == pytest.approx(np.sort(leading)[::-1], rel=1e-8)


@pytest.mark.parametrize("k", [1, 3, 13])
def test_blocks_of_any_number_of_components(k):
    basis, multiply = of_values(np.linspace(5, 2, k))
    found = pca.principal_components(multiply, len(basis), k, seed=1, n_variants=5)
    outside = found.vectors - basis[:, :k] @ (basis[:, :k].T @ found.vectors)
    assert np.linalg.norm(outside, 2) <= found.angle < 1e-4


def test_equals_scikit_allel():
    allel = pytest.importorskip("allel")
    dosage = cohort(np.random.default_rng(2), missing=0)[2:]
    dosage = dosage[dosage.std(axis=1) > 0]
    found = pca.pca(dosage, 4, tolerance=1e-6)
    coordinates, _model = allel.pca(dosage, n_components=4, scaler="patterson")
    other = coordinates / np.sqrt((coordinates**2).sum(axis=0))
    assert np.abs((other * found.vectors).sum(axis=0)) == pytest.approx(np.ones(4), abs=1e-6)


def test_groups_come_apart_on_the_first_axes():
    found = pca.pca(cohort(np.random.default_rng(3)), 2)
    centres = np.array([found.vectors[g::3].mean(axis=0) for g in range(3)])
    spread = max(found.vectors[g::3].std(axis=0).max() for g in range(3))
    assert np.sqrt(((centres[:, None] - centres[None]) ** 2).sum(axis=2))[np.triu_indices(3, 1)].min() > 4 * spread


def test_sign_is_defined_and_seed_only_starts_the_search():
    dosage = cohort(np.random.default_rng(4))
    first, again, other = (pca.pca(dosage, 4, seed=seed, tolerance=1e-6) for seed in (1, 1, 2))
    assert first.vectors.tobytes() == again.vectors.tobytes()
    assert first.vectors == pytest.approx(other.vectors, abs=1e-5)
    largest = np.abs(first.vectors).argmax(axis=0)
    assert (first.vectors[largest, range(4)] > 0).all()


def test_fewer_samples_than_directions_is_exact():
    dosage = cohort(np.random.default_rng(5), n_samples=6)
    matrix, _ = relationship(dosage)
    found = pca.pca(dosage, 5, tolerance=1e-8)
    assert found.values == pytest.approx(np.linalg.eigvalsh(matrix)[::-1][:5], rel=1e-10, abs=1e-12)
    assert found.vectors.T @ found.vectors == pytest.approx(np.eye(5), abs=1e-10)


def test_duplicated_samples_have_equal_coordinates():
    dosage = cohort(np.random.default_rng(6), n_samples=30)
    found = pca.pca(np.ascontiguousarray(np.concatenate([dosage, dosage], axis=1)), 3, tolerance=1e-7)
    assert found.vectors[:30] == pytest.approx(found.vectors[30:], abs=1e-9)


def test_no_variation_gives_zero_values():
    found = pca.pca(np.zeros((5, 8), dtype=np.int8), 2)
    assert found.n_variants == 0
    assert found.values.tolist() == [0, 0]


def test_threads_of_blas_change_no_bit():
    code = (
        "import hashlib, numpy as np; from genomics_dc.kernels import pca; "
        "d = np.random.default_rng(1).binomial(2, 0.3, size=(300, 200)).astype(np.int8); "
        "print(hashlib.sha256(pca.pca(d, 10).vectors.tobytes()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(found) == 1


@pytest.mark.parametrize("k", [0, 8, 9])
def test_k_must_fit(k):
    with pytest.raises(ValueError, match="between 1 and 7"):
        pca.pca(np.zeros((5, 8), dtype=np.int8), k)


def test_refuses_floats():
    with pytest.raises(ValueError, match="int8"):
        pca.pca(np.zeros((2, 2)), 1)  # type: ignore[arg-type]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_allele_swap_and_order_change_nothing(seed):
    rng = np.random.default_rng(seed)
    dosage = cohort(rng, n_samples=40, n_variants=200)
    base = pca.pca(dosage, 2, tolerance=1e-6)
    swap = rng.random(len(dosage)) < 0.5
    swapped = np.where((dosage >= 0) & swap[:, None], 2 - dosage, dosage).astype(np.int8)
    order = rng.permutation(40)
    other = pca.pca(np.ascontiguousarray(swapped[rng.permutation(len(dosage))][:, order]), 2, tolerance=1e-6)
    assert other.values == pytest.approx(base.values, rel=1e-8)
    assert np.abs((other.vectors * base.vectors[order]).sum(axis=0)) == pytest.approx(np.ones(2), abs=1e-6)
