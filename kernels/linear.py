"""Linear regression of traits on each variant's dosage, with covariates, complete case by variant.

The covariates are taken out of the traits once, and out of each variant by its inner products with an orthonormal basis
(Frisch and Waugh 1933, Econometrica 1:387; Lovell 1963, JASA 58:993): the estimates are those of the full model

    trait = intercept + covariates + beta * dosage + noise.

A sample whose genotype is missing is left out of that variant exactly, by a downdate of the inner products. Genotypes
are read as they are packed, 32 to a word; only the carriers of the rarer allele and the missing are visited one by one.
All sums run over samples in store order, so that a variant's numbers do not depend on its neighbours, on chunks or on
threads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels import genotypes
from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.bits import popcount, trailing_zeros
from genomics_dc.kernels.solve import (
    DEPENDENT_SHARE,
    INDEPENDENT,
    cholesky_jit,
    covariate_basis,
    project_out,
    solve_lower_jit,
    solve_upper_jit,
)
from genomics_dc.kernels.status import COLLINEAR, EXACT_FIT, MONOMORPHIC, OK, TOO_FEW
from genomics_dc.kernels.tails import _neg_log10_p_t_by_table_jit, _neg_log10_p_t_jit, tail_table

# Share of a variant's variance outside the covariates below which it counts as their sum (R^2 > 0.999999).
_COLLINEAR_SHARE = 1e-6
# Below this share of unexplained variance, the residuals are summed one by one: the difference of sums loses digits.
_EXPLICIT_SHARE = 1e-3
_EXACT_SHARE = 1e-22


@dataclass(frozen=True)
class LinearDesign:
    """Traits and covariates, prepared once for all variants.

    `basis` float64[S, K + 1] orthonormal, intercept first; `residuals` float64[S, T] of the traits on it; `tails`
    float64[N, 2] is the table of p values for a variant that no sample misses.
    """

    basis: npt.NDArray[np.float64]
    residuals: npt.NDArray[np.float64]
    tails: npt.NDArray[np.float64]

    @property
    def n_samples(self) -> int:
        """Samples with every covariate and trait."""
        return int(self.basis.shape[0])

    def of_traits(self, columns: npt.NDArray[np.integer]) -> LinearDesign:
        """Return the design of some of its traits."""
        return replace(self, residuals=np.ascontiguousarray(self.residuals[:, columns]))


@dataclass(frozen=True)
class LinearFit:
    """Estimates of the additive effect of the ALT allele. NaN where `status` is not OK (see `kernels.status`).

    `beta`, `standard_error`, `t`, `neg_log10_p`: float64[V, T]. `n` int32[V] samples used, `frequency` float64[V] of
    the ALT allele among them, `status` int8[V, T].
    """

    beta: npt.NDArray[np.float64]
    standard_error: npt.NDArray[np.float64]
    t: npt.NDArray[np.float64]
    neg_log10_p: npt.NDArray[np.float64]
    n: npt.NDArray[np.int32]
    frequency: npt.NDArray[np.float64]
    status: npt.NDArray[np.int8]


class DependentColumnError(ValueError):
    """A covariate or trait is constant or the sum of the covariates before it; `kind` and `column` say which."""

    def __init__(self, kind: str, column: int):
        super().__init__(f"{kind} {column} is constant or a linear combination of the covariates before it")
        self.kind = kind
        self.column = column


def design(traits: npt.NDArray[np.float64], covariates: npt.NDArray[np.float64]) -> LinearDesign:
    """Return what every variant needs of traits float64[S, T] and covariates float64[S, K] (no intercept).

    Raises
    ------
    ValueError
        When a value is not finite, or K + 2 >= S.
    DependentColumnError
        When a covariate or a trait is constant or a linear combination of the covariates.
    """
    y = np.asarray(traits, dtype=np.float64)
    z = np.asarray(covariates, dtype=np.float64)
    if y.ndim != 2 or z.ndim != 2 or y.shape[0] != z.shape[0]:
        raise ValueError(f"traits {y.shape} and covariates {z.shape} must both be [S, columns] with the same S")
    if not (np.isfinite(y).all() and np.isfinite(z).all()):
        raise ValueError("traits and covariates must be finite: leave out samples with missing values")
    if z.shape[1] + 2 >= z.shape[0]:
        raise ValueError(f"{z.shape[1]} covariates, an intercept and a variant need more than {z.shape[0]} samples")
    basis, dependent = covariate_basis(z)
    if dependent != INDEPENDENT:
        raise DependentColumnError("covariate", dependent)
    residuals = project_out(basis, y)
    spread = np.sqrt(((y - y.mean(axis=0)) ** 2).sum(axis=0))
    left = np.sqrt((residuals**2).sum(axis=0))
    noise = 1e-12 * np.sqrt((y**2).sum(axis=0))
    for column in range(y.shape[1]):
        if spread[column] <= noise[column] or left[column] <= DEPENDENT_SHARE * spread[column]:
            raise DependentColumnError("trait", column)
    return LinearDesign(basis, residuals, tail_table(y.shape[0] - basis.shape[1] - 1))


def _count(words: npt.NDArray[np.uint64], members: npt.NDArray[np.uint64]) -> tuple[np.int64, np.int64, np.int64]:
    """Return how many members are het, hom_alt and missing."""
    het = np.uint64(0)
    hom = np.uint64(0)
    missing = np.uint64(0)
    for w in range(words.size):
        low = words[w] & members[w]
        high = (words[w] >> np.uint64(1)) & members[w]
        het += popcount(low & ~high)
        hom += popcount(high & ~low)
        missing += popcount(low & high)
    return np.int64(het), np.int64(hom), np.int64(missing)


_count_jit = jit(_count)


def _add_carriers(
    words: npt.NDArray[np.uint64],
    members: npt.NDArray[np.uint64],
    flipped: bool,
    weights: npt.NDArray[np.float64],
    once: npt.NDArray[np.float64],
    twice: npt.NDArray[np.float64],
) -> None:
    """Add the rows of `weights` of members with one copy of the counted allele to `once`, with two to `twice`.

    The counted allele is ALT, or the reference when `flipped`.
    """
    n_columns = weights.shape[1]
    one = np.uint64(1)
    for w in range(words.size):
        low = words[w] & members[w]
        high = (words[w] >> one) & members[w]
        bits = low & ~high
        while bits:
            s = 32 * w + np.int64(trailing_zeros(bits) >> one)
            for j in range(n_columns):
                once[j] += weights[s, j]
            bits &= bits - one
        bits = (members[w] & ~(low | high)) if flipped else (high & ~low)
        while bits:
            s = 32 * w + np.int64(trailing_zeros(bits) >> one)
            for j in range(n_columns):
                twice[j] += weights[s, j]
            bits &= bits - one


_add_carriers_jit = jit(_add_carriers)


def _list_missing(
    words: npt.NDArray[np.uint64], members: npt.NDArray[np.uint64], absent: npt.NDArray[np.int64]
) -> None:
    """Write the store numbers of the members that miss the genotype."""
    one = np.uint64(1)
    found = 0
    for w in range(words.size):
        bits = words[w] & (words[w] >> one) & members[w]
        while bits:
            absent[found] = 32 * w + np.int64(trailing_zeros(bits) >> one)
            found += 1
            bits &= bits - one


_list_missing_jit = jit(_list_missing)


def _fit(
    words: npt.NDArray[np.uint64],
    members: npt.NDArray[np.uint64],
    weights: npt.NDArray[np.float64],
    n_basis: int,
    tails: npt.NDArray[np.float64],
    beta: npt.NDArray[np.float64],
    error: npt.NDArray[np.float64],
    t: npt.NDArray[np.float64],
    neg_log10_p: npt.NDArray[np.float64],
    n_used: npt.NDArray[np.int32],
    frequency: npt.NDArray[np.float64],
    status: npt.NDArray[np.int8],
) -> None:
    """Fill the outputs of `fit_packed`; row s of `weights` is the basis and the residuals of sample s of the store."""
    n_variants = words.shape[0]
    n_traits = weights.shape[1] - n_basis
    n_samples = np.int64(0)
    for w in range(members.size):
        n_samples += np.int64(popcount(members[w]))
    yy_full = np.zeros(n_traits)
    for s in range(weights.shape[0]):
        for j in range(n_traits):
            yy_full[j] += weights[s, n_basis + j] * weights[s, n_basis + j]
    sums = np.empty(n_basis + n_traits)
    twice = np.empty(n_basis + n_traits)
    absent = np.empty(n_samples, dtype=np.int64)
    yy = np.empty(n_traits)
    gram = np.empty((n_basis, n_basis))
    lift = np.empty((n_traits, n_basis))  # coefficients of the traits on the basis once samples are left out
    along = np.empty(n_basis)  # coefficients of the variant on the basis
    for v in range(n_variants):
        row = words[v]
        het, hom, n_absent = _count_jit(row, members)
        n = n_samples - n_absent
        n_used[v] = n
        frequency[v] = (het + 2 * hom) / (2.0 * n) if n > 0 else np.nan
        df = n - n_basis - 1
        code = OK
        if df < 1:
            code = TOO_FEW
        elif het == n or hom == n or het + hom == 0:
            code = MONOMORPHIC
        if code != OK:
            for j in range(n_traits):
                status[v, j] = code
            continue
        # Count the rarer allele: fewer sums, and no digits lost to a large mean.
        flipped = bool(het + 2 * hom > n)
        if flipped:
            hom = n - het - hom
        sums[:] = 0.0
        twice[:] = 0.0
        _add_carriers_jit(row, members, flipped, weights, sums, twice)
        for j in range(n_basis + n_traits):
            sums[j] += 2.0 * twice[j]
        gg = het + 4.0 * hom
        mean = (het + 2.0 * hom) / n
        gg_centred = gg - n * mean * mean
        for i in range(n_basis):
            along[i] = sums[i]
        if n_absent > 0:
            # Over the samples that are left, basis' basis = I - (their missing part), basis' y = -(missing part).
            _list_missing_jit(row, members, absent)
            gram[:] = 0.0
            lift[:] = 0.0
            for j in range(n_traits):
                yy[j] = yy_full[j]
            for i in range(n_basis):
                gram[i, i] = 1.0
            for m in range(n_absent):
                s = absent[m]
                for i in range(n_basis):
                    for k in range(i + 1):
                        gram[i, k] -= weights[s, i] * weights[s, k]
                for j in range(n_traits):
                    value = weights[s, n_basis + j]
                    yy[j] -= value * value
                    for i in range(n_basis):
                        lift[j, i] -= value * weights[s, i]
            if not cholesky_jit(gram, n_basis, 1e-10):
                for j in range(n_traits):
                    status[v, j] = COLLINEAR
                continue
            solve_lower_jit(gram, n_basis, along)
            for j in range(n_traits):
                solve_lower_jit(gram, n_basis, lift[j])
                for i in range(n_basis):
                    yy[j] -= lift[j, i] * lift[j, i]
        gg_rest = gg
        for i in range(n_basis):
            gg_rest -= along[i] * along[i]
        if not gg_rest > _COLLINEAR_SHARE * gg_centred:
            for j in range(n_traits):
                status[v, j] = COLLINEAR
            continue
        for j in range(n_traits):
            gy = sums[n_basis + j]
            total = yy_full[j]
            if n_absent > 0:
                total = yy[j]
                for i in range(n_basis):
                    gy -= along[i] * lift[j, i]
                if not total > 1e-12 * yy_full[j]:
                    status[v, j] = COLLINEAR
                    continue
            slope = gy / gg_rest
            rss = total - slope * gy
            if rss < _EXPLICIT_SHARE * total:
                rss = _explicit_rss_jit(
                    row, members, weights, n_basis, j, flipped, slope, along, lift[j], gram, bool(n_absent > 0)
                )
            beta[v, j] = -slope if flipped else slope
            if rss <= _EXACT_SHARE * total:
                status[v, j] = EXACT_FIT
                error[v, j] = 0.0
                t[v, j] = np.inf if beta[v, j] > 0 else -np.inf
                neg_log10_p[v, j] = np.inf
                continue
            error[v, j] = np.sqrt(rss / df / gg_rest)
            t[v, j] = beta[v, j] / error[v, j]
            if n_absent > 0:
                neg_log10_p[v, j] = _neg_log10_p_t_jit(t[v, j], float(df))
            else:
                neg_log10_p[v, j] = _neg_log10_p_t_by_table_jit(t[v, j], float(df), tails)
            status[v, j] = OK


def _explicit_rss(
    row: npt.NDArray[np.uint64],
    members: npt.NDArray[np.uint64],
    weights: npt.NDArray[np.float64],
    n_basis: int,
    trait: int,
    flipped: bool,
    slope: float,
    along: npt.NDArray[np.float64],
    lift: npt.NDArray[np.float64],
    factor: npt.NDArray[np.float64],
    downdated: bool,
) -> float:
    """Return the residual sum of squares from the residuals themselves."""
    coefficients = -slope * along
    if downdated:
        coefficients = coefficients + lift
        solve_upper_jit(factor, n_basis, coefficients)
    rss = 0.0
    for s in range(32 * row.size):
        place = np.uint64(2 * (s & 31))
        code = (row[s >> 5] >> place) & np.uint64(3)
        if (members[s >> 5] >> place) & np.uint64(1) == 0 or code == 3:
            continue
        dose = float(np.uint64(2) - code) if flipped else float(code)
        rest = weights[s, n_basis + trait] - slope * dose
        for i in range(n_basis):
            rest -= coefficients[i] * weights[s, i]
        rss += rest * rest
    return rss


_explicit_rss_jit = jit(_explicit_rss)
_fit_jit = jit(_fit)


@dataclass(frozen=True)
class PlacedDesign:
    """A design whose samples have their places in a store: what `fit_packed` reads for each variant.

    `members` uint64[W] has a bit at twice the number of each sample of the design, 32 samples a word; `weights`
    float64[32 W, K + 1 + T], by sample of the store, zero for samples outside the design.
    """

    members: npt.NDArray[np.uint64]
    weights: npt.NDArray[np.float64]
    n_basis: int
    tails: npt.NDArray[np.float64]


def member_words(columns: npt.NDArray[np.int64], n_samples: int, n_store_samples: int) -> npt.NDArray[np.uint64]:
    """Return uint64[W] with a bit at twice the number of each sample, 32 samples of the store a word.

    Raises
    ------
    ValueError
        When the numbers are not `n_samples`, outside the store, or named twice.
    """
    if columns.shape != (n_samples,):
        raise ValueError(f"the design has {n_samples} samples, {columns.size} places are given")
    if columns.size and (columns.min() < 0 or columns.max() >= n_store_samples):
        raise ValueError(f"sample numbers must lie in 0..{n_store_samples - 1}")
    if np.unique(columns).size != columns.size:
        raise ValueError("a sample has two places in the design; each sample counts once")
    members = np.zeros((n_store_samples + 31) // 32, dtype=np.uint64)
    np.bitwise_or.at(members, columns >> 5, np.uint64(1) << (2 * (columns & 31)).astype(np.uint64))
    return members


def words_of_packed(packed: npt.NDArray[np.uint8], n_words: int) -> npt.NDArray[np.uint64]:
    """Return packed genotypes uint8[V, B] as uint64[V, W], missing in unused places.

    Raises
    ------
    ValueError
        When the width of `packed` is not that of `n_words` words.
    """
    if packed.dtype != np.uint8 or packed.ndim != 2 or not 8 * (n_words - 1) < packed.shape[1] <= 8 * n_words:
        raise ValueError(f"packed genotypes must be uint8[V, B], B at most {8 * n_words}, not {packed.dtype}")
    words = np.full((packed.shape[0], 8 * n_words), 0xFF, dtype=np.uint8)
    words[:, : packed.shape[1]] = packed
    return words.view("<u8")


def place(prepared: LinearDesign, samples: npt.NDArray[np.int64], n_store_samples: int) -> PlacedDesign:
    """Return a design for packed genotypes of `n_store_samples`, of which sample i of the design is `samples[i]`.

    Raises
    ------
    ValueError
        When the numbers are not as many as the design's samples, outside the store, or named twice.
    """
    columns = np.ascontiguousarray(samples, dtype=np.int64)
    members = member_words(columns, prepared.n_samples, n_store_samples)
    n_words = members.size
    n_basis, n_traits = prepared.basis.shape[1], prepared.residuals.shape[1]
    weights = np.zeros((32 * n_words, n_basis + n_traits))
    weights[columns, :n_basis] = prepared.basis
    weights[columns, n_basis:] = prepared.residuals
    return PlacedDesign(members, weights, n_basis, prepared.tails)


def fit_packed(packed: npt.NDArray[np.uint8], placed: PlacedDesign) -> LinearFit:
    """Return the additive effect of every variant on every trait of a placed design.

    Parameters
    ----------
    packed
        uint8[V, B] as `kernels.genotypes` packs the ALT dosages of all samples of a store.
    placed
        From `place`.

    Returns
    -------
    LinearFit
        As `fit` has it.

    Raises
    ------
    ValueError
        When the width of `packed` is not that of the store.
    """
    words = words_of_packed(packed, placed.members.size)
    n_variants, n_traits = packed.shape[0], placed.weights.shape[1] - placed.n_basis
    shape = (n_variants, n_traits)
    found = LinearFit(
        beta=np.full(shape, np.nan),
        standard_error=np.full(shape, np.nan),
        t=np.full(shape, np.nan),
        neg_log10_p=np.full(shape, np.nan),
        n=np.zeros(n_variants, dtype=np.int32),
        frequency=np.full(n_variants, np.nan),
        status=np.zeros(shape, dtype=np.int8),
    )
    _fit_jit(
        words,
        placed.members,
        placed.weights,
        placed.n_basis,
        placed.tails,
        found.beta,
        found.standard_error,
        found.t,
        found.neg_log10_p,
        found.n,
        found.frequency,
        found.status,
    )
    return found


def fit(
    dosage: npt.NDArray[np.int8], prepared: LinearDesign, samples: npt.NDArray[np.int64] | None = None
) -> LinearFit:
    """Return the additive effect of every variant on every trait of a design, from dosages.

    Parameters
    ----------
    dosage
        int8[V, D]; 0, 1, 2 copies of ALT, -1 missing. A missing sample is left out of that variant.
    prepared
        From `design`, with S samples and T traits.
    samples
        int64[S] columns of `dosage` that the design's samples are, in its order; all columns when None.

    Returns
    -------
    LinearFit
        Variants that cannot be tested hold NaN and a status: monomorphic, too few samples, or collinear with the
        covariates. EXACT_FIT has beta, standard error 0 and infinite -log10 p.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[1.0], [2.0], [2.5], [4.0], [4.5]])
    >>> fitted = fit(np.array([[0, 1, 1, 2, 2]], dtype=np.int8), design(y, np.empty((5, 0))))
    >>> round(float(fitted.beta[0, 0]), 6)
    1.678571
    """
    calls, columns = checked_dosage(dosage, prepared.n_samples, samples)
    return fit_packed(genotypes.pack_dosage(calls), place(prepared, columns, calls.shape[1]))


def checked_dosage(
    dosage: npt.NDArray[np.int8], n_samples: int, samples: npt.NDArray[np.int64] | None
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]]:
    """Return dosages and sample columns ready for a kernel; ValueError when shape, dtype or range is wrong."""
    if dosage.dtype != np.int8 or dosage.ndim != 2:
        raise ValueError(f"dosage must be int8[V, S], not {dosage.dtype}{list(dosage.shape)}")
    columns = (
        np.arange(dosage.shape[1], dtype=np.int64) if samples is None else np.ascontiguousarray(samples, dtype=np.int64)
    )
    if columns.shape != (n_samples,):
        raise ValueError(f"the design has {n_samples} samples, the dosages give {columns.size}")
    if columns.size and (columns.min() < 0 or columns.max() >= dosage.shape[1]):
        raise ValueError(f"sample columns must lie in 0..{dosage.shape[1] - 1}")
    if dosage.size and (dosage.max() > 2 or dosage.min() < -1):
        raise ValueError("dosages must be -1 (missing), 0, 1 or 2")
    return np.ascontiguousarray(dosage), columns
