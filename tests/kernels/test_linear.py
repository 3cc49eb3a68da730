"""Linear regression: the plain definition (least squares by variant), exact tails, invariances, edges."""

from __future__ import annotations

import math
from decimal import Decimal, getcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import genotypes, linear, tails
from genomics_dc.kernels.status import COLLINEAR, EXACT_FIT, MONOMORPHIC, OK, TOO_FEW


def least_squares(dosage, y, covariates):
    """The definition: [1, covariates, dosage] by QR in standardised columns; beta, standard error, df of the dosage."""
    called = dosage >= 0
    columns = np.column_stack([covariates[called], dosage[called].astype(float)])
    centred = columns - columns.mean(axis=0)
    spread = np.sqrt((centred**2).sum(axis=0))
    x = np.column_stack([np.ones(called.sum()), centred / spread])
    q, r = np.linalg.qr(x)
    target = y[called] - y[called].mean()
    solution = np.linalg.solve(r, q.T @ target)
    df = x.shape[0] - x.shape[1]
    rest = target - q @ (q.T @ target)
    inverse = np.linalg.inv(r)
    error = math.sqrt(rest @ rest / df * (inverse[-1] @ inverse[-1]))
    return solution[-1] / spread[-1], error / spread[-1], df


def random_problem(rng, n_samples=120, n_variants=40, n_covariates=3, n_traits=3, missing=0.05):
    frequency = rng.uniform(0.05, 0.95, size=(n_variants, 1))
    dosage = rng.binomial(2, frequency, size=(n_variants, n_samples)).astype(np.int8)
    dosage[rng.random(dosage.shape) < missing] = -1
    scale = 10.0 ** rng.integers(-3, 4, size=n_covariates)
    covariates = (rng.normal(size=(n_samples, n_covariates)) + rng.normal(size=n_covariates)) * scale
    traits = rng.normal(size=(n_samples, n_traits)) + 0.3 * dosage[:n_traits].T + covariates @ (1 / scale)[:, None]
    return dosage, traits, covariates


@pytest.mark.parametrize("missing", [0.0, 0.05, 0.4])
def test_equals_least_squares_by_variant(missing):
    dosage, traits, covariates = random_problem(np.random.default_rng(1), missing=missing)
    fitted = linear.fit(dosage, linear.design(traits, covariates))
    for v in range(dosage.shape[0]):
        for t in range(traits.shape[1]):
            beta, error, df = least_squares(dosage[v], traits[:, t], covariates)
            assert fitted.n[v] == (dosage[v] >= 0).sum()
            assert fitted.beta[v, t] == pytest.approx(beta, rel=1e-9, abs=1e-12)
            assert fitted.standard_error[v, t] == pytest.approx(error, rel=1e-10)
            assert fitted.neg_log10_p[v, t] == pytest.approx(float(tails.neg_log10_p_t(beta / error, df)), rel=1e-8)
            called = dosage[v][dosage[v] >= 0]
            assert fitted.frequency[v] == pytest.approx(called.mean() / 2)


def test_equals_statsmodels():
    api = pytest.importorskip("statsmodels.api")
    dosage, traits, covariates = random_problem(np.random.default_rng(2), n_variants=5, missing=0.1)
    fitted = linear.fit(dosage, linear.design(traits, covariates))
    for v in range(5):
        called = dosage[v] >= 0
        x = np.column_stack([np.ones(called.sum()), covariates[called], dosage[v, called]])
        other = api.OLS(traits[called, 0], x).fit()
        assert fitted.beta[v, 0] == pytest.approx(other.params[-1], rel=1e-8)
        assert fitted.standard_error[v, 0] == pytest.approx(other.bse[-1], rel=1e-8)
        assert fitted.neg_log10_p[v, 0] == pytest.approx(-math.log10(other.pvalues[-1]), rel=1e-8)


def test_by_hand():
    fitted = linear.fit(
        np.array([[0, 1, 1, 2, 2]], dtype=np.int8),
        linear.design(np.array([[1.0], [2.0], [2.5], [4.0], [4.5]]), np.empty((5, 0))),
    )
    # Sxy = 4.7, Sxx = 2.8, Syy = 8.3: beta 4.7 / 2.8, rss = 8.3 - 4.7^2 / 2.8
    assert fitted.beta[0, 0] == pytest.approx(4.7 / 2.8)
    assert fitted.standard_error[0, 0] == pytest.approx(math.sqrt((8.3 - 4.7**2 / 2.8) / 3 / 2.8))


def test_nearly_perfect_fit_keeps_its_digits():
    rng = np.random.default_rng(3)
    dosage, traits, covariates = random_problem(rng, n_variants=2, n_traits=1)
    traits[:, 0] = 3.0 * dosage[0] + covariates[:, 0] + 1e-6 * rng.normal(size=len(traits))
    fitted = linear.fit(dosage, linear.design(traits, covariates))
    beta, error, _df = least_squares(dosage[0], traits[:, 0], covariates)
    assert fitted.standard_error[0, 0] == pytest.approx(error, rel=1e-6)
    assert fitted.beta[0, 0] == pytest.approx(beta, rel=1e-9)
    assert fitted.neg_log10_p[0, 0] > 300


def exact_t_tail(t: float, df: int) -> Decimal:
    """-log10 of the two-sided tail for even df: the finite sum of Abramowitz and Stegun 26.7.4, in decimals."""
    getcontext().prec = 1500
    size = Decimal(t)
    cos2 = Decimal(df) / (Decimal(df) + size * size)
    term = total = Decimal(1)
    for j in range(1, df // 2):
        term *= cos2 * (2 * j - 1) / (2 * j)
        total += term
    inside = (1 - cos2).sqrt() * total
    return -(1 - inside).log10()


@pytest.mark.parametrize("df", [2, 4, 10, 48, 50, 52, 346, 2492])
@pytest.mark.parametrize("t", [1e-6, 0.01, 0.5, 1.2, 1.8, 3.0, 8.5, 40.0, 150.0])
def test_tail_of_t_against_exact_decimals(t, df):
    exact = float(exact_t_tail(t, df))
    assert float(tails.neg_log10_p_t(t, df)) == pytest.approx(exact, rel=1e-12)
    assert tails._neg_log10_p_t(-t, df) == pytest.approx(exact, rel=1e-12)  # the plain function, uncompiled


def test_tails_far_below_what_a_float_holds():
    assert float(tails.neg_log10_p_t(150.0, 2492.0)) > 1000
    # ln 2 - z^2 / 2 - ln z - ln sqrt(2 pi) + ln(1 - 1/z^2 + 3/z^4 - ...), the asymptotic series, at z = 1000
    z = 1000.0
    series = 1 - 1 / z**2 + 3 / z**4
    expected = (z * z / 2 + math.log(z) + 0.5 * math.log(2 * math.pi) - math.log(2 * series)) / math.log(10)
    assert float(tails.neg_log10_p_normal(z)) == pytest.approx(expected, rel=1e-14)


def test_tail_of_normal_is_smooth_where_the_formula_changes():
    from scipy import stats

    z = np.array([0.0, 1e-9, 0.3, 0.999999, 1.000001, 5.0, 29.999, 30.001, 37.0])
    expected = -(np.log(2) + stats.norm.logsf(z)) / np.log(10)
    assert tails.neg_log10_p_normal(z)[4:] == pytest.approx(expected[4:], rel=1e-12)
    assert tails.neg_log10_p_normal(z)[:4] == pytest.approx(-np.log10(2 * stats.norm.sf(z[:4])), rel=1e-6, abs=1e-15)
    assert [tails._neg_log10_p_normal(x) for x in z] == pytest.approx(tails.neg_log10_p_normal(z).tolist(), rel=1e-14)


def test_tails_of_missing_and_infinite():
    assert np.isnan(tails.neg_log10_p_t([np.nan, 1.0], [5.0, 0.0])).all()
    assert np.isinf(tails.neg_log10_p_t(np.inf, 5.0))
    assert np.isnan(tails.neg_log10_p_normal(np.nan))
    assert np.isinf(tails.neg_log10_p_normal(-np.inf))


def test_status_of_variants_that_cannot_be_tested():
    rng = np.random.default_rng(4)
    covariates = rng.normal(size=(30, 1)).round(1)
    carrier = np.arange(30) % 3
    covariates = np.column_stack([covariates, carrier])
    few = np.full(30, -1)
    few[:4] = [0, 1, 2, 1]
    rows = [np.zeros(30), np.full(30, 2), np.ones(30), np.full(30, -1), carrier, few, rng.integers(0, 3, 30)]
    fitted = linear.fit(np.array(rows, dtype=np.int8), linear.design(rng.normal(size=(30, 2)), covariates))
    expected = [MONOMORPHIC, MONOMORPHIC, MONOMORPHIC, TOO_FEW, COLLINEAR, TOO_FEW, OK]
    assert fitted.status.tolist() == [[code, code] for code in expected]
    assert np.isnan(fitted.beta[:6]).all()
    assert np.isnan(fitted.neg_log10_p[:6]).all()
    assert fitted.n.tolist() == [30, 30, 30, 0, 30, 4, 30]
    assert np.isnan(fitted.frequency[3])


def test_exact_fit_has_a_defined_answer():
    dosage = np.array([[0, 1, 2, 0, 1, 2, 1]], dtype=np.int8)
    fitted = linear.fit(dosage, linear.design(4.0 * dosage.T + 1.0, np.empty((7, 0))))
    assert fitted.status[0, 0] == EXACT_FIT
    assert fitted.beta[0, 0] == pytest.approx(4.0)
    assert fitted.standard_error[0, 0] == 0.0
    assert np.isinf(fitted.neg_log10_p[0, 0])


def test_no_variants_and_no_covariates():
    fitted = linear.fit(np.empty((0, 5), dtype=np.int8), linear.design(np.arange(5.0)[:, None] ** 2, np.empty((5, 0))))
    assert fitted.beta.shape == (0, 1)


@pytest.mark.parametrize(
    ("covariates", "kind", "column"),
    [
        (np.column_stack([np.arange(10.0) ** 2, np.full(10, 7.1)]), "covariate", 1),
        (np.column_stack([np.arange(10.0), np.arange(10.0) ** 2, np.arange(10.0) * 3 + 1]), "covariate", 2),
        (np.array([1.0, 5, 2, 8, 3, 1, 4, 4, 2, 9])[:, None] * 2 + 3, "trait", 0),
    ],
)
def test_dependent_columns_are_named(covariates, kind, column):
    trait = np.array([1.0, 5, 2, 8, 3, 1, 4, 4, 2, 9])[:, None]
    with pytest.raises(linear.DependentColumnError) as caught:
        linear.design(trait, covariates)
    assert (caught.value.kind, caught.value.column) == (kind, column)


@pytest.mark.parametrize(
    ("traits", "covariates", "words"),
    [
        (np.ones((5, 1)), np.empty((4, 0)), "same S"),
        (np.full((5, 1), np.nan), np.empty((5, 0)), "finite"),
        (np.arange(5.0)[:, None], np.eye(5), "more than 5 samples"),
    ],
)
def test_design_refuses(traits, covariates, words):
    with pytest.raises(ValueError, match=words):
        linear.design(traits, covariates)


def test_fit_refuses_wrong_dosages():
    prepared = linear.design(np.arange(5.0)[:, None] ** 2, np.empty((5, 0)))
    with pytest.raises(ValueError, match="int8"):
        linear.fit(np.zeros((1, 5)), prepared)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="5 samples"):
        linear.fit(np.zeros((1, 4), dtype=np.int8), prepared)
    with pytest.raises(ValueError, match="0, 1 or 2"):
        linear.fit(np.full((1, 5), 3, dtype=np.int8), prepared)
    with pytest.raises(ValueError, match=r"0\.\.4"):
        linear.fit(np.zeros((1, 5), dtype=np.int8), prepared, np.array([0, 1, 2, 3, 5]))


def bits(fitted):
    return [getattr(fitted, name).tobytes() for name in ("beta", "standard_error", "t", "neg_log10_p", "status")]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(0, 40))
def test_chunks_change_no_bit(seed, cut):
    dosage, traits, covariates = random_problem(np.random.default_rng(seed))
    prepared = linear.design(traits, covariates)
    whole = linear.fit(dosage, prepared)
    parts = [linear.fit(dosage[:cut], prepared), linear.fit(dosage[cut:], prepared)]
    assert bits(whole) == [a + b for a, b in zip(*(bits(part) for part in parts), strict=True)]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_invariances(seed):
    rng = np.random.default_rng(seed)
    dosage, traits, covariates = random_problem(rng)
    base = linear.fit(dosage, linear.design(traits, covariates))

    swapped = np.where(dosage < 0, dosage, 2 - dosage).astype(np.int8)
    swap = linear.fit(swapped, linear.design(traits, covariates))
    assert swap.beta == pytest.approx(-base.beta, rel=1e-7, abs=1e-10)
    assert swap.neg_log10_p == pytest.approx(base.neg_log10_p, rel=1e-7, abs=1e-10)
    assert swap.frequency == pytest.approx(1 - base.frequency)

    order = rng.permutation(dosage.shape[1])
    shuffled = linear.fit(dosage[:, order], linear.design(traits[order], covariates[order]))
    assert shuffled.beta == pytest.approx(base.beta, rel=1e-7, abs=1e-10)
    through_index = linear.fit(dosage, linear.design(traits[order], covariates[order]), order)
    assert through_index.beta == pytest.approx(shuffled.beta, rel=1e-9, abs=1e-12)
    assert through_index.neg_log10_p == pytest.approx(shuffled.neg_log10_p, rel=1e-9, abs=1e-12)

    moved = linear.fit(dosage, linear.design(traits + 1000.0, covariates * -3.0 + 5.0))
    assert moved.beta == pytest.approx(base.beta, rel=1e-6, abs=1e-9)
    assert moved.standard_error == pytest.approx(base.standard_error, rel=1e-6)

    twice = linear.fit(dosage, linear.design(np.column_stack([traits, traits]), covariates))
    assert bits(linear.fit(dosage, linear.design(traits, covariates)))[0] == twice.beta[:, :3].tobytes()
    assert twice.beta[:, :3].tobytes() == twice.beta[:, 3:].tobytes()


def test_table_of_tails_equals_the_function():
    rng = np.random.default_rng(3)
    for df in (3.0, 40.0, 2_493.0, 1e6):
        table = tails.tail_table(df)
        t = np.concatenate([rng.uniform(-45, 45, 5_000), 10.0 ** rng.uniform(-8, 1, 5_000), [0.0, 40.0, 1e6]])
        for fill in (tails.fill_t_by_table_jit, tails._fill_t_by_table):
            by_table = np.empty(t.size)
            fill(t, np.full(t.size, df), table, by_table)
            assert by_table == pytest.approx(tails.neg_log10_p_t(t, df), rel=2e-9)
    odd = np.array([math.nan, math.inf, -math.inf])
    tails.fill_t_by_table_jit(odd, np.full(3, 3.0), table, by_table)
    assert math.isnan(by_table[0])
    assert by_table[1:3].tolist() == [math.inf, math.inf]


@pytest.mark.parametrize("n_traits", [1, 2, 14])
@pytest.mark.parametrize("missing", [0.0, 0.02])
def test_few_and_many_carriers_are_summed_alike(n_traits, missing):
    """Products over all samples, and sums over the carriers, against the definition; the bits do not hang on others."""
    rng = np.random.default_rng(11)
    dosage, traits, covariates = random_problem(rng, n_samples=333, n_variants=75, n_traits=n_traits, missing=missing)
    prepared = linear.design(traits, covariates)
    found = linear.fit(dosage, prepared)
    carriers = np.sort([np.bincount(row[row >= 0], minlength=3) for row in dosage])[:, :2].sum(axis=1) / 333
    assert (carriers < 0.2).sum() > 5
    assert (carriers > 0.2).sum() > 40
    for v in range(len(dosage)):
        for trait in {0, n_traits - 1}:
            beta, error, _ = least_squares(dosage[v], traits[:, trait], covariates)
            assert found.beta[v, trait] == pytest.approx(beta, rel=1e-8, abs=1e-12)
            assert found.standard_error[v, trait] == pytest.approx(error, rel=1e-8)
    some = rng.permutation(len(dosage))[:29]
    assert linear.fit(dosage[some], prepared).beta.tobytes() == np.ascontiguousarray(found.beta.T[:, some]).T.tobytes()


def test_estimates_go_where_they_are_told():
    rng = np.random.default_rng(12)
    dosage, traits, covariates = random_problem(rng, n_traits=2)
    placed = linear.place(linear.design(traits, covariates), np.arange(120), 120)
    packed = genotypes.pack_dosage(dosage)
    alone = linear.fit_packed(packed, placed)
    room = linear.Columns.empty(4, 100)
    for column in (room.beta, room.standard_error, room.neg_log10_p, room.p, room.status):
        column[:] = 7
    n, frequency = linear.fit_packed_into(packed[:30], placed, room, np.array([3, 0]), 50)
    assert n.tolist() == alone.n[:30].tolist()
    assert frequency.tobytes() == alone.frequency[:30].tobytes()
    assert room.beta[[3, 0], 50:80].tobytes() == np.ascontiguousarray(alone.beta[:30].T).tobytes()
    assert room.p[[3, 0], 50:80] == pytest.approx(10.0 ** -alone.neg_log10_p[:30].T, rel=1e-13, nan_ok=True)
    assert (room.beta[[1, 2]] == 7).all()
    assert (room.status[:, :50] == 7).all()
    assert (room.p[:, 80:] == 7).all()
    for rows, start in ((np.array([0]), 0), (np.array([0, 4]), 0), (np.array([0, 1]), 71), (np.array([0, 1]), -1)):
        with pytest.raises(ValueError, match=r"needs one of|do not fit"):
            linear.fit_packed_into(packed[:30], placed, room, rows, start)


def test_packed_genotypes_of_a_larger_store():
    """The design's samples may stand anywhere in the store, in any order."""
    rng = np.random.default_rng(4)
    dosage, traits, covariates = random_problem(rng, n_samples=90)
    store = rng.integers(-1, 3, size=(dosage.shape[0], 131)).astype(np.int8)
    places = rng.permutation(131)[:90]
    store[:, places] = dosage
    prepared = linear.design(traits, covariates)
    found = linear.fit_packed(genotypes.pack_dosage(store), linear.place(prepared, places, 131))
    alone = linear.fit(dosage, prepared)
    assert found.n.tolist() == alone.n.tolist()
    assert found.beta == pytest.approx(alone.beta, rel=1e-9, abs=1e-12)
    assert found.standard_error == pytest.approx(alone.standard_error, rel=1e-10)


@pytest.mark.parametrize("places", [[0, 1, 1], [0, 1, 5], [0, 1], [-1, 0, 1]])
def test_places_must_be_of_the_store(places):
    prepared = linear.design(np.array([[0.0], [1.0], [3.0], [4.0]]), np.empty((4, 0)))
    with pytest.raises(ValueError, match=r"sample|place"):
        linear.place(prepared, np.array([*places, 3]), 5)


def test_p_from_its_logarithm():
    strength = np.concatenate([np.linspace(0, 330, 20_001), 10.0 ** np.linspace(-12, 2, 500), [np.nan, np.inf, 1e4]])
    exact = np.array([10.0**-value if not np.isnan(value) else np.nan for value in strength])
    normal = strength < 300
    assert tails.p_of(strength)[normal] == pytest.approx(exact[normal], rel=3e-13)  # the power itself loses digits
    np.testing.assert_allclose(tails.p_of(strength)[~normal], exact[~normal], rtol=1e-10, atol=5e-324)
    assert tails.p_of(strength[:6].reshape(2, 3)).shape == (2, 3)
