"""Principal components of a cohort from blocks of dosages, by a randomised block Krylov method.

With X[V, S] the standardised dosages and A = X' X / V the genetic relationship matrix, the components are the leading
eigenvectors of A. A random start (Halko, Martinsson, Shkolnisky and Tygert 2011, SIAM J. Sci. Comput. 33:2580) is
multiplied by A again and again; the eigenvectors are sought in everything seen so far (Rayleigh-Ritz), so that each
pass over the data gains digits, and the passes stop when the residual says that the answer stands. When the space seen
is the whole space, the answer is exact.

X is never made: a product with A is two loops over int8 dosages that skip the zeros. The sums run in a fixed order, so
that chunks and threads change no bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.solve import INDEPENDENT, orthonormalise_jit, project_out

_Floats = npt.NDArray[np.float64]

OVERSAMPLING = 10
PASSES_MAX = 60
# A direction this much shorter after the earlier ones are taken out is rounding, not signal.
_SPENT_SHARE = 1e-10


@dataclass(frozen=True)
class Components:
    """The leading `k` components.

    `vectors` float64[S, k] of unit length, the largest entry of each positive; `values` float64[k], the eigenvalues of
    the relationship matrix, largest first; `residual` float64[k], the length of A v - value * v over the largest
    value; `passes` over the data; `n_variants` that were not monomorphic.
    """

    vectors: _Floats
    values: _Floats
    residual: _Floats
    passes: int
    n_variants: int


def _leading_rows(matrix: _Floats, sweeps_max: int) -> None:
    """Turn the rows of a symmetric positive matrix [N, N] into its eigenvectors times its eigenvalues, in place.

    One-sided Jacobi rotations (Hestenes 1958, J. SIAM 6:51): rows are rotated in pairs until all are orthogonal. The
    order is fixed, so that, unlike LAPACK's, the answer does not depend on the threads of BLAS.
    """
    n = matrix.shape[0]
    for _sweep in range(sweeps_max):
        turned = False
        for i in range(n - 1):
            for j in range(i + 1, n):
                a, b = matrix[i], matrix[j]
                aa = 0.0
                bb = 0.0
                ab = 0.0
                for s in range(n):
                    aa += a[s] * a[s]
                    bb += b[s] * b[s]
                    ab += a[s] * b[s]
                if abs(ab) <= 1e-15 * np.sqrt(aa * bb):
                    continue
                turned = True
                ratio = (bb - aa) / (2.0 * ab)
                tangent = 1.0 / (abs(ratio) + np.sqrt(1.0 + ratio * ratio))
                if ratio < 0.0:
                    tangent = -tangent
                cosine = 1.0 / np.sqrt(1.0 + tangent * tangent)
                sine = cosine * tangent
                for s in range(n):
                    left = a[s]
                    a[s] = cosine * left - sine * b[s]
                    b[s] = sine * left + cosine * b[s]
        if not turned:
            return


_leading_rows_jit = jit(_leading_rows)


def _scaling(dosage: npt.NDArray[np.int8], mean: _Floats, scale: _Floats) -> None:
    """Fill each variant's mean dosage 2p and 1 / sqrt(2p(1 - p)); the latter is 0 when all samples are alike."""
    n_variants, n_samples = dosage.shape
    for v in range(n_variants):
        total = 0
        called = 0
        first = -1
        varies = False
        for s in range(n_samples):
            g = dosage[v, s]
            if g >= 0:
                total += g
                called += 1
                if first < 0:
                    first = g
                elif g != first:
                    varies = True
        mean[v] = total / called if called > 0 else 0.0
        p = 0.5 * mean[v]
        scale[v] = 1.0 / np.sqrt(2.0 * p * (1.0 - p)) if varies else 0.0


_scaling_jit = jit(_scaling)


def scaling(dosage: npt.NDArray[np.int8]) -> tuple[_Floats, _Floats]:
    """Return mean 2p and scale 1 / sqrt(2p(1 - p)) of each variant (Patterson et al. 2006, PLoS Genet. 2:e190).

    `dosage` int8[V, S] with -1 missing; p from the called samples. Where all called samples are alike the scale is 0,
    so that the variant adds nothing. Missing dosages stand for the mean, which adds nothing either.
    """
    mean = np.empty(dosage.shape[0])
    scale = np.empty(dosage.shape[0])
    _scaling_jit(_checked(dosage), mean, scale)
    return mean, scale


def _scores(
    dosage: npt.NDArray[np.int8], mean: _Floats, scale: _Floats, weights: _Floats, total: _Floats, out: _Floats
) -> None:
    """Fill out[V, L] with X weights; `total` is the sum of the rows of `weights`."""
    n_variants, n_samples = dosage.shape
    width = weights.shape[1]
    for v in range(n_variants):
        row = out[v]
        for j in range(width):
            row[j] = -mean[v] * total[j]
        for s in range(n_samples):
            g = dosage[v, s]
            if g != 0:
                value = float(g) if g > 0 else mean[v]
                for j in range(width):
                    row[j] += value * weights[s, j]
        for j in range(width):
            row[j] *= scale[v]


_scores_jit = jit(_scores)


def scores(dosage: npt.NDArray[np.int8], mean: _Floats, scale: _Floats, weights: _Floats) -> _Floats:
    """Return X weights, float64[V, L], for standardised dosages X [V, S] and weights float64[S, L]."""
    out = np.empty((dosage.shape[0], weights.shape[1]))
    total = np.zeros(weights.shape[1])
    for row in weights:
        total += row
    _scores_jit(_checked(dosage), mean, scale, np.ascontiguousarray(weights), total, out)
    return out


def _accumulate(
    dosage: npt.NDArray[np.int8],
    mean: _Floats,
    scale: _Floats,
    loadings: _Floats,
    first: int,
    last: int,
    out: _Floats,
    common: _Floats,
) -> None:
    """Add X' loadings to rows `first`..`last` of `out`; the part that all samples share goes to `common`."""
    n_variants = dosage.shape[0]
    width = loadings.shape[1]
    scaled = np.empty(width)
    centre = np.empty(width)
    for v in range(n_variants):
        if scale[v] == 0.0:
            continue
        for j in range(width):
            scaled[j] = scale[v] * loadings[v, j]
            centre[j] = mean[v] * scaled[j]
            common[j] -= centre[j]
        for s in range(first, last):
            g = dosage[v, s]
            if g > 0:
                value = float(g)
                for j in range(width):
                    out[s, j] += value * scaled[j]
            elif g < 0:
                for j in range(width):
                    out[s, j] += centre[j]


_accumulate_jit = jit(_accumulate)


def accumulate(
    dosage: npt.NDArray[np.int8],
    mean: _Floats,
    scale: _Floats,
    loadings: _Floats,
    samples: slice,
    out: _Floats,
    common: _Floats,
) -> None:
    """Add X' loadings of a block of variants to out[samples], except for what every sample shares.

    What is shared is added to `common` float64[L]: the product is `out + common`. Threads take different `samples`,
    each with its own `common`, which all end alike; blocks must come in order.
    """
    _accumulate_jit(
        _checked(dosage), mean, scale, np.ascontiguousarray(loadings), samples.start, samples.stop, out, common
    )


def principal_components(
    multiply: Callable[[_Floats], _Floats],
    n_samples: int,
    k: int,
    *,
    seed: int,
    n_variants: int,
    tolerance: float = 1e-8,
    passes_max: int = PASSES_MAX,
    on_pass: Callable[[int, float], None] | None = None,
) -> Components:
    """Return the `k` leading eigenvectors of a symmetric matrix that is only known by its products.

    Parameters
    ----------
    multiply
        Takes float64[S, L] and returns A times it: one pass over the data.
    n_samples, k
        S, and how many components; 1 <= k < S.
    seed
        Of the random start; the same seed gives the same numbers.
    n_variants
        Copied to the result.
    tolerance
        Passes stop when every residual is below this share of the largest eigenvalue.
    on_pass
        Called after each pass with its number and the largest residual.

    Raises
    ------
    ValueError
        When k is not between 1 and S - 1.
    """
    if not 1 <= k < n_samples:
        raise ValueError(f"k must be between 1 and {n_samples - 1} (samples - 1), not {k}")
    width = min(k + OVERSAMPLING, n_samples)
    block = np.ascontiguousarray(np.random.default_rng(seed).standard_normal((n_samples, width)).T)
    seen = np.empty((0, n_samples))  # orthonormal rows
    images = np.empty((0, n_samples))  # A times each
    values, vectors, residual = np.empty(0), np.empty((n_samples, 0)), np.full(k, np.inf)
    passes = 0
    while passes < passes_max:
        block = _new_directions(seen, block)
        if block.shape[0] == 0:
            break
        image = np.ascontiguousarray(multiply(np.ascontiguousarray(block.T)).T)
        passes += 1
        seen = np.concatenate([seen, block])
        images = np.concatenate([images, image])
        # einsum, not @: BLAS would sum in another order for another number of threads.
        small = np.einsum("is,js->ij", seen, images)
        ritz_values, ritz_vectors = np.linalg.eigh(0.5 * (small + small.T))
        found = min(k, ritz_values.size)
        order = np.argsort(ritz_values)[::-1][:found]
        values = ritz_values[order]
        chosen = np.ascontiguousarray(ritz_vectors[:, order])
        vectors = np.einsum("is,ij->sj", seen, chosen)
        gap = np.einsum("is,ij->sj", images, chosen) - vectors * values
        residual = np.sqrt((gap**2).sum(axis=0)) / max(float(values[0]), np.finfo(float).tiny)
        if on_pass is not None:
            on_pass(passes, float(residual.max()))
        if found == k and residual.max() < tolerance:
            break
        block = image
    # Once more, by sums in a fixed order: what LAPACK gave above decides when to stop, not what is returned.
    rows = np.einsum("is,js->ij", seen, images)
    rows = np.ascontiguousarray(0.5 * (rows + rows.T))
    _leading_rows_jit(rows, 30)
    lengths = np.sqrt((rows**2).sum(axis=1))
    order = np.argsort(-lengths, kind="stable")[:k]
    if lengths[order[-1]] > 1e-9 * lengths[order[0]]:
        # Otherwise fewer than k directions carry variance, and the rest are any orthonormal ones.
        values = lengths[order]
        vectors = np.einsum("is,ij->sj", seen, (rows[order] / lengths[order, None]).T)
    largest = np.abs(vectors).argmax(axis=0)
    vectors = vectors * np.where(vectors[largest, np.arange(vectors.shape[1])] < 0, -1.0, 1.0)
    lengths = np.sqrt((vectors**2).sum(axis=0))
    return Components(vectors / lengths, np.maximum(values, 0.0), residual, passes, n_variants)


def _new_directions(seen: _Floats, block: _Floats) -> _Floats:
    """Return orthonormal rows that span what `block` [L, S] adds to the orthonormal rows of `seen`."""
    lengths = np.sqrt((block**2).sum(axis=1))
    rest = np.ascontiguousarray(project_out(np.ascontiguousarray(seen.T), np.ascontiguousarray(block.T)).T)
    kept = list(np.flatnonzero(np.sqrt((rest**2).sum(axis=1)) > _SPENT_SHARE * lengths))
    kept = kept[: seen.shape[1] - seen.shape[0]]
    while kept:
        rows = np.ascontiguousarray(rest[kept])
        bad = orthonormalise_jit(rows, 0, 0, 1e-8)
        if bad == INDEPENDENT:
            # The rows were scaled up: rounding that points into `seen` has grown with them.
            rows = np.ascontiguousarray(project_out(np.ascontiguousarray(seen.T), np.ascontiguousarray(rows.T)).T)
            orthonormalise_jit(rows, 0, 0, 1e-8)
            return rows
        del kept[bad]
    return np.empty((0, seen.shape[1]))


def pca(dosage: npt.NDArray[np.int8], k: int, *, seed: int = 1, tolerance: float = 1e-8) -> Components:
    """Return the `k` leading components of a cohort whose dosages are in memory.

    `dosage` int8[V, S], 0, 1, 2 or -1 for missing, which stands for the variant's mean.

    Examples
    --------
    >>> import numpy as np
    >>> groups = np.array([[0, 0, 0, 2, 2, 2], [0, 1, 0, 2, 1, 2]], dtype=np.int8)
    >>> pca(groups, 1).vectors[:, 0].round(2).tolist()
    [0.46, 0.26, 0.46, -0.46, -0.26, -0.46]
    """
    calls = _checked(dosage)
    n_samples = calls.shape[1]
    mean, scale = scaling(calls)
    n_variants = int(np.count_nonzero(scale))

    def multiply(weights: _Floats) -> _Floats:
        loadings = scores(calls, mean, scale, weights)
        product = np.zeros_like(weights)
        common = np.zeros(weights.shape[1])
        accumulate(calls, mean, scale, loadings, slice(0, n_samples), product, common)
        return (product + common) / max(n_variants, 1)

    return principal_components(multiply, n_samples, k, seed=seed, n_variants=n_variants, tolerance=tolerance)


def _checked(dosage: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    if dosage.dtype != np.int8 or dosage.ndim != 2:
        raise ValueError(f"dosage must be int8[V, S], not {dosage.dtype}{list(dosage.shape)}")
    return np.ascontiguousarray(dosage)
