"""The small linear algebra that regressions and PCA share, summed in one fixed order.

BLAS may cut a sum differently for another number of threads; these loops do not, so that results keep their bytes.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit

INDEPENDENT = -1
# A column whose part outside the columns before it is smaller than this share of its spread counts as their sum.
DEPENDENT_SHARE = 1e-5


def _cholesky(matrix: npt.NDArray[np.float64], size: int, share_min: float) -> bool:
    """Factor the leading `size` x `size` block in place (lower triangle); False when it is not positive definite.

    A pivot below `share_min` of its own diagonal entry counts as zero.
    """
    for j in range(size):
        before = matrix[j, j]
        pivot = before
        for k in range(j):
            pivot -= matrix[j, k] * matrix[j, k]
        if not pivot > share_min * before:
            return False
        root = math.sqrt(pivot)
        matrix[j, j] = root
        for i in range(j + 1, size):
            value = matrix[i, j]
            for k in range(j):
                value -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = value / root
    return True


cholesky_jit = jit(_cholesky)


def _solve_lower(factor: npt.NDArray[np.float64], size: int, vector: npt.NDArray[np.float64]) -> None:
    """Replace `vector` by L^-1 vector."""
    for i in range(size):
        value = vector[i]
        for k in range(i):
            value -= factor[i, k] * vector[k]
        vector[i] = value / factor[i, i]


solve_lower_jit = jit(_solve_lower)


def _solve_upper(factor: npt.NDArray[np.float64], size: int, vector: npt.NDArray[np.float64]) -> None:
    """Replace `vector` by L^-T vector."""
    for i in range(size - 1, -1, -1):
        value = vector[i]
        for k in range(i + 1, size):
            value -= factor[k, i] * vector[k]
        vector[i] = value / factor[i, i]


solve_upper_jit = jit(_solve_upper)


def _orthonormalise(columns: npt.NDArray[np.float64], first: int, reference: int, share_min: float) -> int:
    """Make rows `first`.. of `columns` [K, S] orthonormal to each other and to the rows before them, in place.

    Modified Gram-Schmidt, twice: "twice is enough" (Giraud, Langou, Rozloznik and van den Eshof 2005, Numer. Math.
    101:87). A row whose remaining length is at most `share_min` of its length after the first `reference` rows were
    taken out is dependent: its number is returned. Otherwise -1.
    """
    n_rows, width = columns.shape
    for j in range(first, n_rows):
        row = columns[j]
        length = 0.0
        for s in range(width):
            length += row[s] * row[s]
        spread = math.sqrt(length)
        for turn in range(2):
            for i in range(j):
                other = columns[i]
                dot = 0.0
                for s in range(width):
                    dot += row[s] * other[s]
                for s in range(width):
                    row[s] -= dot * other[s]
                if turn == 0 and i == reference - 1:
                    length = 0.0
                    for s in range(width):
                        length += row[s] * row[s]
                    # What rounding leaves of a constant column is no spread.
                    spread = math.sqrt(length) if length > 1e-24 * spread * spread else 0.0
        length = 0.0
        for s in range(width):
            length += row[s] * row[s]
        length = math.sqrt(length)
        if spread == 0.0 or not length > share_min * spread:
            return j
        for s in range(width):
            row[s] /= length
    return INDEPENDENT


orthonormalise_jit = jit(_orthonormalise)


def covariate_basis(covariates: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], int]:
    """Return an orthonormal basis of the intercept and the covariates, and the first dependent covariate.

    Parameters
    ----------
    covariates
        float64[S, K], finite. K may be 0.

    Returns
    -------
    basis
        float64[S, K + 1]; column 0 is the intercept divided by sqrt(S). Meaningless when a covariate is dependent.
    dependent
        Number of the first covariate that is constant or the sum of those before it; -1 when there is none.
    """
    values = np.asarray(covariates, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"covariates must have two dimensions (S, K), not {values.ndim}")
    n_samples, n_covariates = values.shape
    rows = np.empty((n_covariates + 1, n_samples), dtype=np.float64)
    rows[0] = 1.0
    rows[1:] = values.T
    dependent = orthonormalise_jit(rows, 0, 1, DEPENDENT_SHARE)
    return np.ascontiguousarray(rows.T), (INDEPENDENT if dependent == INDEPENDENT else dependent - 1)


def project_out(basis: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return what is left of the columns of `values` [S, T] outside an orthonormal `basis` [S, K]."""
    rest = np.ascontiguousarray(np.asarray(values, dtype=np.float64).T).copy()
    _project_out_jit(np.ascontiguousarray(np.asarray(basis, dtype=np.float64).T), rest)
    return np.ascontiguousarray(rest.T)


def _project_out(basis: npt.NDArray[np.float64], rest: npt.NDArray[np.float64]) -> None:
    """Take the rows of `basis` [K, S] out of the rows of `rest` [T, S], twice, in place."""
    width = rest.shape[1]
    for t in range(rest.shape[0]):
        row = rest[t]
        for _turn in range(2):
            for i in range(basis.shape[0]):
                other = basis[i]
                dot = 0.0
                for s in range(width):
                    dot += row[s] * other[s]
                for s in range(width):
                    row[s] -= dot * other[s]


_project_out_jit = jit(_project_out)
