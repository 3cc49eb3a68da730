"""Principal components of a cohort by a randomised block Krylov method.

With X[V, S] the standardised genotypes and A = X' X / V the genetic relationship matrix, the components are the leading
eigenvectors of A. A random start (Halko, Martinsson, Shkolnisky and Tygert 2011, SIAM J. Sci. Comput. 33:2580) is
multiplied by A again and again; the eigenvectors are sought in everything seen so far (Rayleigh-Ritz), so that each
pass over the data gains digits. When the space seen is the whole space, the answer is exact.

The passes stop when the answer is near enough: with R what A moves the vectors found out of their own space, and a gap
between their values and all others, no direction of that space is further than |R| / gap from the exact one, as the
sine of an angle (Davis and Kahan 1970, SIAM J. Numer. Anal. 7:1). The first passes are in single precision, whose
products are exact to 1e-7 of the largest value; the last ones, which measure R and give the answer, in double.

The sums run in a fixed order, so that chunks and threads change no bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels.eigen import leading_eigenpairs
from genomics_dc.kernels.genotypes import pack_dosage
from genomics_dc.kernels.products import combinations, inner
from genomics_dc.kernels.solve import INDEPENDENT, orthonormalise_jit
from genomics_dc.kernels.standardised import add_product, sample_order, scaling, scaling_counts

_Floats = npt.NDArray[np.float64]
Multiply = Callable[[_Floats, type[np.floating[Any]]], _Floats]

OVERSAMPLING = 2  # at least: blocks are a multiple of 4 wide
# From so many samples on blocks are a third as wide. The passes are more, the products fewer in all (k = 10: 39 passes
# of 4 in place of 23 of 12), as each vector gains from what was seen with the others. With few samples time is no
# matter, and a wide block finds as many equal values as it has rows; a narrow one waits for rounding to part them.
_NARROW_SAMPLES = 1024
PASSES_MAX = 250
TOLERANCE = 1e-4
# Single precision stops so much below the tolerance: a pass in double that then just fails costs seven of its own.
_MARGIN = 0.7
# A residual of this share of the largest value is what rounding leaves, in either precision.
_ROUNDING = {np.float32: 2e-7, np.float64: 1e-13}
# Below this share, single precision may be at its end: the passes stop when two have gained nothing.
_NEAR_ROUNDING = 1e-5
# A direction this much shorter after the earlier ones are taken out is rounding, not signal.
_SPENT_SHARE = {np.float32: 1e-5, np.float64: 1e-10}
_ROWS_MAX = 480


@dataclass(frozen=True)
class Components:
    """The leading `k` components.

    `vectors` float64[S, k] of unit length, the largest entry of each positive; `values` float64[k], the eigenvalues of
    the relationship matrix, largest first; `residual` float64[k], the length of A v - value * v over the largest
    value; `angle`, what bounds the sine of the angle between the space found and the exact one (infinite when the next
    eigenvalue is the same); `passes` over the data; `n_variants` that were not monomorphic.
    """

    vectors: _Floats
    values: _Floats
    residual: _Floats
    angle: float
    passes: int
    n_variants: int


class _Space:
    """Orthonormal rows `seen` [N, S], what A makes of each (`images`), and `small` [N, N], their inner products."""

    def __init__(self, multiply: Multiply, n_samples: int, dtype: type[np.floating[Any]]) -> None:
        self._multiply = multiply
        self._dtype = dtype
        self.seen = np.empty((0, n_samples))
        self.images = np.empty((0, n_samples))
        self.small = np.empty((0, 0))

    def grow(self, block: _Floats) -> _Floats:
        """Take in what a block of rows [L, S] adds, and return what A makes of that: no rows when it adds nothing."""
        fresh = _new_directions(self.seen, block, _SPENT_SHARE[self._dtype])
        if not len(fresh):
            return fresh
        image = self._multiply(fresh, self._dtype)
        before = len(self.seen)
        self.seen = np.concatenate([self.seen, fresh])
        self.images = np.concatenate([self.images, image])
        small = np.empty((len(self.seen), len(self.seen)))
        small[:before, :before] = self.small
        small[before:] = inner(image, self.seen)
        small[:before, before:] = small[before:, :before].T
        corner = small[before:, before:]
        corner[:] = 0.5 * (corner + corner.T)
        self.small = small
        return image

    def look(self, k: int) -> tuple[_Floats, _Floats]:
        """Return the leading values and the lengths of their residuals, k + 1 of each where there are so many."""
        leading, rows = leading_eigenpairs(self.small, min(k + 1, len(self.small)))
        chosen = np.ascontiguousarray(rows.T)
        gap = combinations(chosen, self.images) - combinations(chosen * leading, self.seen)
        return leading, np.sqrt((gap**2).sum(axis=1))

    def leading(self, n: int) -> tuple[_Floats, _Floats]:
        """Return the n leading values and their vectors [n, S], fewer where fewer carry variance."""
        values, rows = leading_eigenpairs(self.small, min(n, len(self.small)))
        some = values > 1e-12 * max(float(values.max(initial=0.0)), np.finfo(float).tiny)
        return values[some], combinations(np.ascontiguousarray(rows[some].T), self.seen)

    def shrink(self, n: int) -> None:
        """Keep only the n leading vectors."""
        values, rows = leading_eigenpairs(self.small, min(n, len(self.small)))
        chosen = np.ascontiguousarray(rows.T)
        self.seen, self.images = combinations(chosen, self.seen), combinations(chosen, self.images)
        self.small = np.diag(values)


def principal_components(
    multiply: Multiply,
    n_samples: int,
    k: int,
    *,
    seed: int,
    n_variants: int,
    tolerance: float = TOLERANCE,
    passes_max: int = PASSES_MAX,
    on_pass: Callable[[int, float], None] | None = None,
) -> Components:
    """Return the `k` leading eigenvectors of a symmetric matrix that is only known by its products.

    Parameters
    ----------
    multiply
        Takes rows float64[L, S] and a precision, and returns A times each, float64[L, S]: one pass over the data. In
        single precision it may be off by 1e-6 of the largest value.
    n_samples, k
        S, and how many components; 1 <= k < S.
    seed
        Of the random start; the same seed gives the same numbers.
    n_variants
        Copied to the result.
    tolerance
        Passes stop when the sine of the angle between the space found and the exact one is below this.
    on_pass
        Called after each pass with its number and the bound on that sine.

    Raises
    ------
    ValueError
        When k is not between 1 and S - 1.
    """
    if not 1 <= k < n_samples:
        raise ValueError(f"k must be between 1 and {n_samples - 1} (samples - 1), not {k}")
    wide = min(-(-(k + OVERSAMPLING) // 4) * 4, n_samples)
    width = -(-k // 12) * 4 if n_samples >= _NARROW_SAMPLES else wide
    block = np.random.default_rng(seed).standard_normal((n_samples, width)).T.copy()
    passes = 0
    angle = np.inf
    residual = np.full(k, np.inf)
    for dtype in (np.float32, np.float64):
        space = _Space(multiply, n_samples, dtype)
        wanted = tolerance if dtype is np.float64 else _MARGIN * tolerance
        best, idle = np.inf, 0
        while passes < passes_max:
            block = space.grow(block)
            if not len(block):
                angle = 0.0 if dtype is np.float64 else angle
                break
            passes += 1
            values, lengths = space.look(k)
            largest = max(float(values[0]), np.finfo(float).tiny)
            residual = lengths[:k] / largest
            angle = _angle(values, lengths, k)
            if on_pass is not None:
                on_pass(passes, angle)
            if len(values) >= k and (angle < wanted or residual.max() < _ROUNDING[dtype]):
                break
            idle = idle + 1 if residual.max() > 0.5 * best else 0
            best = min(best, float(residual.max()))
            if dtype is np.float32 and best < _NEAR_ROUNDING and idle == 2:
                break
            if len(space.seen) > _ROWS_MAX:
                space.shrink(3 * wide)
        if dtype is np.float32:
            _, block = space.leading(wide)
            passes = min(passes, passes_max - 1)
    values, rows = space.leading(k)
    if len(rows) < k:  # fewer than k directions carry variance, and the rest are any orthonormal ones
        others = np.random.default_rng(seed).standard_normal((n_samples, k + 2)).T.copy()
        rows = np.concatenate([rows, _new_directions(rows, others, 1e-10)])[:k]
        values = np.concatenate([values, np.zeros(k - len(values))])
    largest_entry = np.abs(rows).argmax(axis=1)
    rows = rows * np.where(rows[np.arange(k), largest_entry] < 0, -1.0, 1.0)[:, None]
    rows /= np.sqrt((rows**2).sum(axis=1))[:, None]
    return Components(np.ascontiguousarray(rows.T), values, residual, angle, passes, n_variants)


def _angle(values: _Floats, lengths: _Floats, k: int) -> float:
    """Return the bound of Davis and Kahan on the sine of the largest angle, infinite when no gap is sure."""
    if len(values) <= k:
        return float("inf")
    gap = float(values[k - 1] - values[k] - lengths[k])
    return float(np.sqrt((lengths[:k] ** 2).sum())) / gap if gap > 0 else float("inf")


def _new_directions(seen: _Floats, block: _Floats, spent_share: float) -> _Floats:
    """Return orthonormal rows that span what `block` [L, S] adds to the orthonormal rows of `seen`."""
    lengths = np.sqrt((block**2).sum(axis=1))
    rest = block - combinations(inner(seen, block), seen)
    kept = list(np.flatnonzero(np.sqrt((rest**2).sum(axis=1)) > spent_share * lengths))
    kept = kept[: seen.shape[1] - seen.shape[0]]
    while kept:
        rows = np.ascontiguousarray(rest[kept])
        bad = orthonormalise_jit(rows, 0, 0, 1e-8)
        if bad == INDEPENDENT:
            # The rows were scaled up, and rounding that points into `seen` with them; twice is enough.
            rows = rows - combinations(inner(seen, rows), seen)
            orthonormalise_jit(rows, 0, 0, 1e-8)
            return rows
        del kept[bad]
    return np.empty((0, seen.shape[1]))


def pca(dosage: npt.NDArray[np.int8], k: int, *, seed: int = 1, tolerance: float = TOLERANCE) -> Components:
    """Return the `k` leading components of a cohort whose dosages are in memory.

    `dosage` int8[V, S], 0, 1, 2 or -1 for missing, which stands for the variant's mean.

    Examples
    --------
    >>> import numpy as np
    >>> groups = np.array([[0, 0, 0, 2, 2, 2], [0, 1, 0, 2, 1, 2]], dtype=np.int8)
    >>> pca(groups, 1).vectors[:, 0].round(2).tolist()
    [0.46, 0.26, 0.46, -0.46, -0.26, -0.46]
    """
    packed = pack_dosage(dosage)
    n_samples = dosage.shape[1]
    order = sample_order(n_samples)
    mean, scale = scaling(scaling_counts(packed, n_samples))
    n_variants = int(np.count_nonzero(scale))

    def multiply(rows: _Floats, dtype: type[np.floating[Any]]) -> _Floats:
        total = np.zeros((len(rows), order.width))
        add_product(packed, mean, scale, order, order.spread(rows, dtype), total)
        return order.gather(total) / max(n_variants, 1)

    return principal_components(multiply, n_samples, k, seed=seed, n_variants=n_variants, tolerance=tolerance)
