"""Linear regression of traits on each variant's dosage, with covariates, complete case by variant.

The covariates are taken out of the traits once, and out of each variant by its inner products with an orthonormal basis
(Frisch and Waugh 1933, Econometrica 1:387; Lovell 1963, JASA 58:993): the estimates are those of the full model

    trait = intercept + covariates + beta * dosage + noise.

A sample whose genotype is missing is left out of that variant exactly, by a downdate of the inner products. All sums
run over samples in order, so that a variant's numbers do not depend on its neighbours, on chunks or on threads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
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
from genomics_dc.kernels.tails import _neg_log10_p_t_jit

# Share of a variant's variance outside the covariates below which it counts as their sum (R^2 > 0.999999).
_COLLINEAR_SHARE = 1e-6
# Below this share of unexplained variance, the residuals are summed one by one: the difference of sums loses digits.
_EXPLICIT_SHARE = 1e-3
_EXACT_SHARE = 1e-22


@dataclass(frozen=True)
class LinearDesign:
    """Traits and covariates, prepared once for all variants.

    `basis` float64[S, K + 1] orthonormal, intercept first; `residuals` float64[S, T] of the traits on it.
    """

    basis: npt.NDArray[np.float64]
    residuals: npt.NDArray[np.float64]

    @property
    def n_samples(self) -> int:
        """Samples with every covariate and trait."""
        return int(self.basis.shape[0])


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
    return LinearDesign(basis, residuals)


def _fit(
    dosage: npt.NDArray[np.int8],
    samples: npt.NDArray[np.int64],
    basis: npt.NDArray[np.float64],
    residuals: npt.NDArray[np.float64],
    beta: npt.NDArray[np.float64],
    error: npt.NDArray[np.float64],
    t: npt.NDArray[np.float64],
    neg_log10_p: npt.NDArray[np.float64],
    n_used: npt.NDArray[np.int32],
    frequency: npt.NDArray[np.float64],
    status: npt.NDArray[np.int8],
) -> None:
    """Fill the outputs of `fit`; sample s of the design is column samples[s] of `dosage`."""
    n_variants = dosage.shape[0]
    n_samples, n_basis = basis.shape
    n_traits = residuals.shape[1]
    both = np.empty((n_samples, n_basis + n_traits))
    both[:, :n_basis] = basis
    both[:, n_basis:] = residuals
    yy_full = np.zeros(n_traits)
    for s in range(n_samples):
        for j in range(n_traits):
            yy_full[j] += residuals[s, j] * residuals[s, j]
    sums = np.empty(n_basis + n_traits)
    absent = np.empty(n_samples, dtype=np.int64)
    yy = np.empty(n_traits)
    gram = np.empty((n_basis, n_basis))
    lift = np.empty((n_traits, n_basis))  # coefficients of the traits on the basis once samples are left out
    along = np.empty(n_basis)  # coefficients of the variant on the basis
    for v in range(n_variants):
        row = dosage[v]
        het = 0
        hom = 0
        n_absent = 0
        for s in range(n_samples):
            g = row[samples[s]]
            if g == 1:
                het += 1
            elif g == 2:
                hom += 1
            elif g < 0:
                absent[n_absent] = s
                n_absent += 1
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
        flipped = het + 2 * hom > n
        if flipped:
            hom = n - het - hom
        sums[:] = 0.0
        for s in range(n_samples):
            g = row[samples[s]]
            if g < 0:
                continue
            if flipped:
                g = 2 - g
            if g > 0:
                weight = float(g)
                for j in range(n_basis + n_traits):
                    sums[j] += weight * both[s, j]
        gg = het + 4.0 * hom
        mean = (het + 2.0 * hom) / n
        gg_centred = gg - n * mean * mean
        for i in range(n_basis):
            along[i] = sums[i]
        for j in range(n_traits):
            yy[j] = yy_full[j]
        if n_absent > 0:
            # Over the samples that are left, basis' basis = I - (their missing part), basis' y = -(missing part).
            gram[:] = 0.0
            lift[:] = 0.0
            for i in range(n_basis):
                gram[i, i] = 1.0
            for m in range(n_absent):
                s = absent[m]
                for i in range(n_basis):
                    for k in range(i + 1):
                        gram[i, k] -= both[s, i] * both[s, k]
                for j in range(n_traits):
                    value = residuals[s, j]
                    yy[j] -= value * value
                    for i in range(n_basis):
                        lift[j, i] -= value * basis[s, i]
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
            if n_absent > 0:
                for i in range(n_basis):
                    gy -= along[i] * lift[j, i]
            if not yy[j] > 1e-12 * yy_full[j]:
                status[v, j] = COLLINEAR
                continue
            slope = gy / gg_rest
            rss = yy[j] - slope * gy
            if rss < _EXPLICIT_SHARE * yy[j]:
                rss = _explicit_rss_jit(
                    row, samples, both, n_basis, j, flipped, slope, along, lift[j], gram, n_absent > 0
                )
            beta[v, j] = -slope if flipped else slope
            if rss <= _EXACT_SHARE * yy[j]:
                status[v, j] = EXACT_FIT
                error[v, j] = 0.0
                t[v, j] = np.inf if beta[v, j] > 0 else -np.inf
                neg_log10_p[v, j] = np.inf
                continue
            error[v, j] = np.sqrt(rss / df / gg_rest)
            t[v, j] = beta[v, j] / error[v, j]
            neg_log10_p[v, j] = _neg_log10_p_t_jit(t[v, j], float(df))
            status[v, j] = OK


def _explicit_rss(
    row: npt.NDArray[np.int8],
    samples: npt.NDArray[np.int64],
    both: npt.NDArray[np.float64],
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
    for s in range(samples.size):
        g = row[samples[s]]
        if g < 0:
            continue
        dose = float(2 - g) if flipped else float(g)
        rest = both[s, n_basis + trait] - slope * dose
        for i in range(n_basis):
            rest -= coefficients[i] * both[s, i]
        rss += rest * rest
    return rss


_explicit_rss_jit = jit(_explicit_rss)
_fit_jit = jit(_fit)


def fit(
    dosage: npt.NDArray[np.int8], prepared: LinearDesign, samples: npt.NDArray[np.int64] | None = None
) -> LinearFit:
    """Return the additive effect of every variant on every trait of a design.

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
    n_variants, n_traits = calls.shape[0], prepared.residuals.shape[1]
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
        calls,
        columns,
        np.ascontiguousarray(prepared.basis),
        np.ascontiguousarray(prepared.residuals),
        found.beta,
        found.standard_error,
        found.t,
        found.neg_log10_p,
        found.n,
        found.frequency,
        found.status,
    )
    return found


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
