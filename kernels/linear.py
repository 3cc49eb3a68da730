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
from genomics_dc.kernels.carriers import member_words, words_of_packed
from genomics_dc.kernels.linear_packed import fit_packed_jit, sum_squares_jit, tiled
from genomics_dc.kernels.solve import DEPENDENT_SHARE, INDEPENDENT, covariate_basis, project_out
from genomics_dc.kernels.tails import tail_table


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
    neg_log10_p: npt.NDArray[np.float64]
    n: npt.NDArray[np.int32]
    frequency: npt.NDArray[np.float64]
    status: npt.NDArray[np.int8]

    @property
    def t(self) -> npt.NDArray[np.float64]:
        """Student's t of each estimate; infinite where the fit is exact."""
        with np.errstate(divide="ignore"):
            return self.beta / self.standard_error


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


@dataclass(frozen=True)
class PlacedDesign:
    """A design whose samples have their places in a store: what `fit_packed` reads for each variant.

    `members` uint64[W] has a bit at twice the number of each sample of the design, 32 samples a word; `weights`
    float64[ceil((K + 1 + T) / 8), 32 W, 8] holds basis and residuals by sample of the store, zero for samples outside
    the design; `squares` float64[T] is the sum of each residual's squares.
    """

    members: npt.NDArray[np.uint64]
    n_samples: int
    weights: npt.NDArray[np.float64]
    squares: npt.NDArray[np.float64]
    n_basis: int
    tails: npt.NDArray[np.float64]


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
    squares = np.empty(n_traits)
    sum_squares_jit(weights, n_basis, squares)
    return PlacedDesign(members, prepared.n_samples, tiled(weights), squares, n_basis, prepared.tails)


@dataclass(frozen=True)
class Columns:
    """Room for the estimates of a whole cohort, filled block by block: what `LinearFit` has, and p, with a row a trait.

    `beta`, `standard_error`, `neg_log10_p`, `p` float64[R, N], `status` int8[R, N]; p may have size 0 where nobody
    wants it.
    """

    beta: npt.NDArray[np.float64]
    standard_error: npt.NDArray[np.float64]
    neg_log10_p: npt.NDArray[np.float64]
    p: npt.NDArray[np.float64]
    status: npt.NDArray[np.int8]

    @classmethod
    def empty(cls, n_rows: int, n_variants: int, *, with_p: bool = True) -> Columns:
        """Return room that is not filled."""
        shape = (n_rows, n_variants)
        p = np.empty(shape if with_p else (0, 0))
        return cls(np.empty(shape), np.empty(shape), np.empty(shape), p, np.empty(shape, dtype=np.int8))

    def first(self, n_rows: int) -> Columns:
        """Return the first rows, in the same memory."""
        rows = slice(n_rows)
        return Columns(
            self.beta[rows], self.standard_error[rows], self.neg_log10_p[rows], self.p[rows], self.status[rows]
        )


def fit_packed_into(
    packed: npt.NDArray[np.uint8],
    placed: PlacedDesign,
    columns: Columns,
    rows: npt.NDArray[np.int64],
    start: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Fill the columns of some variants, the first of which is number `start`; trait j of the design is rows[j].

    Parameters are those of `fit_packed`. Returns n int32[V] and frequency float64[V].

    Raises
    ------
    ValueError
        When the width of `packed` is not that of the store, or a row or variant has no room.
    """
    words = words_of_packed(packed, placed.members.size)
    n_rows, n_variants = columns.beta.shape
    numbers = np.ascontiguousarray(rows, dtype=np.int64)
    if numbers.shape != placed.squares.shape or (numbers.size and not 0 <= numbers.min() <= numbers.max() < n_rows):
        raise ValueError(f"the design has {placed.squares.size} traits; each needs one of {n_rows} rows")
    if not 0 <= start <= start + len(packed) <= n_variants:
        raise ValueError(f"variants {start} to {start + len(packed)} do not fit columns of {n_variants}")
    n, frequency = np.empty(len(packed), dtype=np.int32), np.empty(len(packed))
    fit_packed_jit(
        words,
        placed.members,
        placed.n_samples,
        placed.weights,
        placed.squares,
        placed.n_basis,
        placed.tails,
        numbers,
        start,
        columns.beta,
        columns.standard_error,
        columns.neg_log10_p,
        columns.p,
        columns.status,
        n,
        frequency,
    )
    return n, frequency


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
    n_traits = placed.squares.size
    found = Columns.empty(n_traits, len(packed), with_p=False)
    n, frequency = fit_packed_into(packed, placed, found, np.arange(n_traits), 0)
    return LinearFit(
        beta=found.beta.T,
        standard_error=found.standard_error.T,
        neg_log10_p=found.neg_log10_p.T,
        n=n,
        frequency=frequency,
        status=found.status.T,
    )


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
