"""The quick fit from the score test: its plain sweep, exact Newton steps, and the way that assumes less agree."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import genotypes, logistic, logistic_near
from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.carriers import words_of_packed
from genomics_dc.kernels.lines import on_lines
from genomics_dc.kernels.logistic_sweep import (
    WIDTH,
    add_penalty,
    add_squares,
    plain_add_penalty,
    plain_add_squares,
    plain_sweep,
    sweep,
)
from genomics_dc.kernels.status import COLLINEAR, FIRTH, MONOMORPHIC, OK, SCORE, TOO_FEW


def _sweep_once(rows, present, cases, step, shift, n_sums, eta, variant, weight, rest, sums):
    sweep(rows, present, cases, step, shift, n_sums, eta, variant, weight, rest, sums)


def _squares_once(rows, weight, sums):
    add_squares(rows, weight, sums)


def _penalty_once(rows, weight, rest, cases, inverse, leverage, sums):
    add_penalty(rows, weight, rest, cases, inverse, leverage, sums)


sweep_once, squares_once, penalty_once = jit(_sweep_once), jit(_squares_once), jit(_penalty_once)


def cohort(rng, n_samples=400, n_variants=30, n_covariates=3, missing=0.0, frequencies=(0.0, 1.0), case_share=0.3):
    frequency = rng.uniform(*frequencies, size=(n_variants, 1))
    dosage = rng.binomial(2, frequency, size=(n_variants, n_samples)).astype(np.int8)
    dosage[rng.random(dosage.shape) < missing] = -1
    covariates = rng.normal(size=(n_samples, n_covariates)) * 10.0 ** rng.integers(-2, 3, size=n_covariates) + 3
    eta = (
        math.log(case_share / (1 - case_share))
        + 0.6 * dosage[0]
        + 0.5 * (covariates[:, 0] - 3) / covariates[:, 0].std()
    )
    cases = (rng.random(n_samples) < 1 / (1 + np.exp(-eta))).astype(float)
    cases[:2] = [0, 1]
    return dosage, cases, covariates


def exact(dosage, cases, covariates):
    """Newton's method in long doubles over the called samples: the variant's coefficient and standard error."""
    called = dosage >= 0
    part = covariates[called]
    part = (part - part.mean(axis=0)) / part.std(axis=0)
    x = np.column_stack([np.ones(called.sum()), part, dosage[called]]).astype(np.longdouble)
    y = cases[called].astype(np.longdouble)
    b = np.zeros(x.shape[1], dtype=np.longdouble)
    for _ in range(40):
        p = 1 / (1 + np.exp(-x @ b))
        information = (x * (p * (1 - p))[:, None]).T @ x
        step = np.linalg.solve(information.astype(float), (x.T @ (y - p)).astype(float))
        b = b + step * min(1.0, 2.0 / max(np.abs(x @ step).max(), 1e-300))
    p = 1 / (1 + np.exp(-x @ b))
    information = (x * (p * (1 - p))[:, None]).T @ x
    inverse = np.linalg.inv(information.astype(float)).astype(np.longdouble)
    inverse = inverse @ (2 * np.eye(len(b), dtype=np.longdouble) - information @ inverse)
    return float(b[-1]), math.sqrt(inverse[-1, -1])


def exact_firth(dosage, cases, covariates):
    """As `exact`, of the penalised likelihood, by many short steps."""
    called = dosage >= 0
    part = covariates[called]
    part = (part - part.mean(axis=0)) / part.std(axis=0)
    x = np.column_stack([np.ones(called.sum()), part, dosage[called]]).astype(np.longdouble)
    y = cases[called].astype(np.longdouble)
    b = np.zeros(x.shape[1], dtype=np.longdouble)
    for _turn in range(600):
        p = 1 / (1 + np.exp(-x @ b))
        w = p * (1 - p)
        information = (x * w[:, None]).T @ x
        inverse = np.linalg.inv(information.astype(float)).astype(np.longdouble)
        inverse = inverse @ (2 * np.eye(len(b), dtype=np.longdouble) - information @ inverse)
        hat = w * np.einsum("si,ij,sj->s", x, inverse, x)
        step = inverse @ (x.T @ (y - p + hat * (0.5 - p)))
        if np.abs(step).max() < 1e-15:
            break
        b = b + 0.5 * step * min(1.0, 2.0 / max(np.abs(x @ step).max(), 1e-300))
    return float(b[-1]), math.sqrt(inverse[-1, -1])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_columns=st.integers(1, 19), n_blocks=st.integers(1, 5), all_sums=st.booleans())
def test_sweep_is_its_plain_definition(seed, n_columns, n_blocks, all_sums):
    rng = np.random.default_rng(seed)
    n = n_blocks * WIDTH
    rows = rng.normal(size=(n_blocks, n_columns, WIDTH))
    present, cases = (rng.random(n) < 0.9).astype(float), (rng.random(n) < 0.4).astype(float)
    step, shift = rng.normal(size=n_columns + 1), rng.normal(size=n_columns)
    state = [
        rng.normal(size=n),
        rng.integers(0, 3, size=n).astype(float),
        np.empty(n),
        np.empty(n),
        np.ones((2 * n_columns + 2, 8)),
    ]
    other = [array.copy() for array in state]
    n_sums = n_columns if all_sums else 0
    sweep_once(rows, present, cases, step, shift, n_sums, *state)
    plain_sweep(rows, present, cases, step, shift, n_sums, *other)
    for found, expected in zip(state, other, strict=True):
        # Sums of a few numbers in another order, and an exp of three units in the last digit
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * (1 + np.abs(expected).max()))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_columns=st.integers(1, 19), n_blocks=st.integers(1, 5))
def test_squares_and_penalty_are_their_plain_definitions(seed, n_columns, n_blocks):
    rng = np.random.default_rng(seed)
    n = n_blocks * WIDTH
    rows = rng.normal(size=(n_blocks, n_columns, WIDTH))
    p, cases = rng.random(n), (rng.random(n) < 0.4).astype(float)
    present = (rng.random(n) < 0.9).astype(float)
    weight, rest = present * p * (1 - p), present * (cases - p)
    inverse = rng.normal(size=(n_columns, n_columns))
    squares, other_squares = np.ones((2, n_columns, n_columns, 8))
    squares_once(rows, weight, squares)
    plain_add_squares(rows, weight, other_squares)
    # Sums of a few numbers in another order
    np.testing.assert_allclose(squares, other_squares, rtol=1e-12, atol=1e-12 * np.abs(other_squares).max())
    sums, other_sums = np.ones((2, n_columns, 8))
    leverage, other_leverage = np.empty((2, n))
    penalty_once(rows, weight, rest, cases, inverse, leverage, sums)
    plain_add_penalty(rows, weight, rest, cases, inverse, other_leverage, other_sums)
    np.testing.assert_allclose(leverage, other_leverage, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(sums, other_sums, rtol=1e-12, atol=1e-12 * np.abs(other_sums).max())
    # The penalised rest is y - p + h (1/2 - p), and the hat diagonal that of the definition
    columns = rows.transpose(1, 0, 2).reshape(n_columns, n)
    hat = np.einsum("is,ij,jk,ks->s", columns, np.tril(inverse).T, np.tril(inverse), columns) * weight
    penalised = present * (cases - p) + hat * (0.5 - p)
    np.testing.assert_allclose(sums.sum(axis=1) - 8, columns @ penalised, rtol=1e-9, atol=1e-9 * np.abs(sums).max())


def test_sweep_knows_probabilities_to_the_last_digits_and_far_out():
    eta = np.concatenate([np.linspace(-40, 40, 2 * WIDTH), np.linspace(-900, 900, WIDTH), np.zeros(WIDTH)])
    n = eta.size
    weight, rest, sums = np.empty(n), np.empty(n), np.zeros((4, 8))
    rows, one, zero = np.zeros((n // WIDTH, 1, WIDTH)), np.ones(n), np.zeros(n)
    moved, variant = eta.copy(), zero.copy()
    sweep_once(rows, one, zero, np.zeros(2), np.zeros(1), 1, moved, variant, weight, rest, sums)
    small = np.exp(-np.abs(eta.astype(np.longdouble)))
    expected = (small / (1 + small) ** 2).astype(float)
    near = np.abs(eta) <= 40
    assert np.abs(weight[near] / expected[near] - 1).max() < 1.5e-15
    assert (weight[~near] <= 1e-17).all()
    assert (weight >= 0).all()
    assert moved.tobytes() == eta.tobytes()
    moved[:] = np.nan
    sweep_once(rows, one, zero, np.zeros(2), np.zeros(1), 1, moved, variant, weight, rest, sums)
    assert np.isnan(weight).all()  # a fit that went wrong must be seen


def test_arrays_begin_on_lines():
    for shape in [(1,), (3, 5), (2, 3, 8)]:
        room = on_lines(shape, np.float64)
        assert room.shape == shape
        assert not room.any()
        assert room.flags.c_contiguous
        assert room.ctypes.data % 64 == 0


def test_tensor_is_the_sum_of_third_moments():
    _dosage, cases, covariates = cohort(np.random.default_rng(1))
    prepared = logistic.design(cases, covariates)
    near = logistic.place(prepared, np.arange(400), 400).near
    p = cases - prepared.rest
    q = prepared.directions
    expected = np.einsum("s,si,sj,sk->ijk", prepared.weight * (1 - 2 * p), q, q, q)
    np.testing.assert_allclose(near.tensor, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(1 / (1 + np.exp(-near.eta[:400])), p, rtol=1e-12)


def settled(dosage, placed):
    """The fit of packed genotypes, and which variants took the quick way."""
    words = words_of_packed(genotypes.pack_dosage(dosage), placed.members.size)
    found, starts = logistic._scored(words, placed)
    scored = np.flatnonzero(found.status == SCORE)
    quick = np.zeros(len(dosage), dtype=bool)
    quick[scored] = logistic._fitted_near(words, placed, placed.near, starts, scored, found)
    return found, quick


@pytest.mark.parametrize("missing", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("frequencies", [(0.0, 0.05), (0.05, 0.4), (0.4, 0.6), (0.6, 1.0)])
@pytest.mark.parametrize("n_covariates", [1, 3, 10])
def test_maximum_and_standard_error_are_exact(missing, frequencies, n_covariates):
    rng = np.random.default_rng(2)
    dosage, cases, covariates = cohort(
        rng, n_variants=12, missing=missing, frequencies=frequencies, n_covariates=n_covariates
    )
    placed = logistic.place(logistic.design(cases, covariates), np.arange(400), 400)
    found, quick = settled(dosage, placed)
    assert quick.sum() >= 4
    for v in np.flatnonzero(quick):
        beta, error = exact(dosage[v], cases, covariates)
        assert found.status[v] == OK
        # The search ends within 1e-10 of a standard error of the maximum.
        assert found.beta[v] == pytest.approx(beta, rel=1e-10, abs=2e-10 * error)
        assert found.standard_error[v] == pytest.approx(error, rel=2e-10)
        z = beta / error
        assert found.neg_log10_p[v] == pytest.approx(-math.log10(math.erfc(abs(z) / math.sqrt(2))), rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("always_firth", [False, True])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_the_way_of_every_other_fit_is_exact_too(always_firth, missing):
    rng = np.random.default_rng(7)
    dosage, cases, covariates = cohort(rng, n_variants=12, missing=missing, frequencies=(0.0, 0.3))
    dosage[0] = 0
    dosage[0, np.flatnonzero(cases == 1)[:3]] = 1  # carriers are cases
    found = logistic.fit(dosage, logistic.design(cases, covariates), always_firth=always_firth)
    assert found.status[0] == FIRTH
    for v in np.flatnonzero(np.isin(found.status, (OK, FIRTH))):
        beta, error = (exact_firth if found.status[v] == FIRTH else exact)(dosage[v], cases, covariates)
        assert found.beta[v] == pytest.approx(beta, rel=1e-9, abs=1e-9 * error)
        assert found.standard_error[v] == pytest.approx(error, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    missing=st.sampled_from([0.0, 0.05]),
    case_share=st.sampled_from([0.03, 0.2, 0.5]),
    rare=st.booleans(),
)
def test_equals_the_way_that_assumes_less(seed, missing, case_share, rare):
    rng = np.random.default_rng(seed)
    dosage, cases, covariates = cohort(
        rng, missing=missing, case_share=case_share, frequencies=(0.0, 0.03) if rare else (0.0, 1.0)
    )
    prepared = logistic.design(cases, covariates)
    store_columns = rng.permutation(450)[:400]  # the store has others, in another order
    stored = rng.integers(-1, 3, size=(len(dosage), 450)).astype(np.int8)
    stored[:, store_columns] = dosage
    placed = logistic.place(prepared, store_columns, 450)
    found = logistic.fit_packed(genotypes.pack_dosage(stored), placed, score_p_max=1.0)
    other = logistic.fit(dosage, prepared)
    np.testing.assert_array_equal(found.status, other.status)
    np.testing.assert_array_equal(found.n, other.n)
    np.testing.assert_allclose(found.beta, other.beta, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(found.standard_error, other.standard_error, rtol=1e-6)


def test_strong_effects_separation_and_variants_that_say_nothing():
    rng = np.random.default_rng(3)
    n = 600
    covariates = rng.normal(size=(n, 2))
    cases = (rng.random(n) < 0.3).astype(float)
    strong = np.where(rng.random(n) < 0.85, cases * 2, rng.integers(0, 3, n))
    one_carrier, two_carriers, apart = np.zeros((3, n))
    one_carrier[5] = 1
    two_carriers[[np.flatnonzero(cases == 1)[0], np.flatnonzero(cases == 0)[0]]] = 1
    apart[np.flatnonzero(cases == 1)[:9]] = 1
    group = (covariates[:, 0] > 0) * 1.0
    rows = np.array([strong, one_carrier, two_carriers, apart, np.ones(n), np.full(n, -1), group], dtype=np.int8)
    prepared = logistic.design(cases, np.column_stack([covariates, group]))
    placed = logistic.place(prepared, np.arange(n), n)
    found = logistic.fit_packed(genotypes.pack_dosage(rows), placed, score_p_max=1.0)
    assert found.status.tolist() == [OK, FIRTH, OK, FIRTH, MONOMORPHIC, TOO_FEW, COLLINEAR]
    other = logistic.fit(rows, prepared)
    assert other.status.tolist() == found.status.tolist()
    np.testing.assert_allclose(found.beta, other.beta, rtol=1e-8)
    assert found.neg_log10_p[0] > 40


def test_a_variant_and_a_covariate_that_separate_together():
    rng = np.random.default_rng(4)
    dosage = rng.integers(0, 3, size=(1, 80)).astype(np.int8)
    covariate = rng.normal(size=80)
    cases = (dosage[0] + covariate > 1).astype(float)
    prepared = logistic.design(cases, covariate[:, None])
    placed = logistic.place(prepared, np.arange(80), 80)
    found = logistic.fit_packed(genotypes.pack_dosage(dosage), placed, score_p_max=1.0)
    assert found.status.tolist() == [FIRTH]
    assert found.beta[0] == pytest.approx(logistic.fit(dosage, prepared).beta[0], rel=1e-8)


def test_neighbours_change_no_bit():
    dosage, cases, covariates = cohort(np.random.default_rng(5), missing=0.03)
    placed = logistic.place(logistic.design(cases, covariates), np.arange(400), 400)
    packed = genotypes.pack_dosage(dosage)
    whole = logistic.fit_packed(packed, placed, score_p_max=1.0)
    for v in range(len(dosage)):
        alone = logistic.fit_packed(packed[v : v + 1], placed, score_p_max=1.0)
        for name in ("beta", "standard_error", "neg_log10_p", "status"):
            assert getattr(alone, name).tobytes() == getattr(whole, name)[v : v + 1].tobytes()


def test_without_covariates_or_with_very_many_another_way_is_taken():
    rng = np.random.default_rng(6)
    dosage, cases, _covariates = cohort(rng, n_variants=5)
    for n_covariates in (0, logistic_near.DIRECTIONS_MAX):
        prepared = logistic.design(cases, rng.normal(size=(400, n_covariates)))
        placed = logistic.place(prepared, np.arange(400), 400)
        assert placed.near is None
        found = logistic.fit_packed(genotypes.pack_dosage(dosage), placed, score_p_max=1.0)
        np.testing.assert_allclose(found.beta, logistic.fit(dosage, prepared).beta, rtol=1e-7)
