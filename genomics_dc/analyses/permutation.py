"""Permutation p values of a linear scan: how often a permuted trait does as well.

What the covariates leave of a trait is permuted over its samples and the covariates are taken out again (Freedman and
Lane 1983, J. Bus. Econ. Stat. 1:292). The same permutations serve all variants, so that linkage between them is kept:
the best of all variants in each permutation gives p values that are right for the whole scan (Westfall and Young's
max(T)). Adaptive permutation stops at a variant once enough permutations did as well (Besag and Clifford 1991,
Biometrika 78:301), which is soon for most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import UsageError
from genomics_dc.kernels import linear
from genomics_dc.kernels.solve import project_out

_Floats = npt.NDArray[np.float64]

BATCH = 64
SUCCESSES = 10
# A permutation that gives the trait itself must count, whatever rounding does.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Permutations:
    """How many, from which seed; `adaptive` stops at a variant after ten that did as well."""

    n: int
    seed: int
    adaptive: bool = False

    def __post_init__(self) -> None:
        if self.n < 1:
            raise UsageError(f"permutations must be 1 or more, not {self.n}")

    @property
    def rule(self) -> str:
        """In words."""
        most = f"at most {self.n:,} permutations, until {SUCCESSES} did as well" if self.adaptive else f"{self.n:,}"
        return f"{most}, of what the covariates leave of the trait; p = (1 + as good) / (1 + done)"


@dataclass(frozen=True)
class Piece:
    """Packed genotypes of variants `start` to `stop` of the view, and the design that tests a trait there."""

    start: int
    packed: npt.NDArray[np.uint8]
    design: linear.LinearDesign
    samples: npt.NDArray[np.int64]
    n_columns: int

    @property
    def stop(self) -> int:
        """One past the last variant."""
        return self.start + len(self.packed)


def permuted(design: linear.LinearDesign, trait: int, first: int, n: int, seed: int) -> linear.LinearDesign:
    """Return the design of permutations `first` to `first + n` of one trait; number k is the same for any batch."""
    rest = design.residuals[:, trait]
    columns = np.empty((design.n_samples, n))
    for k in range(n):
        order = np.random.default_rng([seed, first + k]).permutation(design.n_samples)
        columns[:, k] = rest[order]
    return replace(design, residuals=project_out(design.basis, columns))


def permutation_p(
    pieces: Callable[[], Iterable[Piece]],
    trait_of: Callable[[Piece], int],
    observed: _Floats,
    wanted: Permutations,
    in_order: Callable[[Callable[[Piece], _Floats], Iterator[Piece]], Iterable[_Floats]],
) -> tuple[_Floats, _Floats]:
    """Return the pointwise p and the max(T) p of one trait, float64[V] each, NaN where nothing was observed.

    Parameters
    ----------
    pieces
        Gives the variants anew, each time it is called.
    trait_of
        The trait's number in a piece's design.
    observed
        float64[V], -log10 p of the scan.
    in_order
        Calls a function on each piece, on threads or not, answers in order.
    """
    n_variants = observed.size
    tested = ~np.isnan(observed)
    bound = observed * (1.0 - _ROUNDING)
    as_good = np.zeros(n_variants, dtype=np.int64)
    done = np.zeros(n_variants, dtype=np.int64)
    best = np.full(wanted.n, -np.inf)
    for first in range(0, wanted.n, BATCH):
        n = min(BATCH, wanted.n - first)
        open_rows = tested & (as_good < SUCCESSES) if wanted.adaptive else tested
        if not open_rows.any():
            break
        placed_of: dict[int, linear.PlacedDesign] = {}

        def strengths(piece: Piece, chosen: npt.NDArray[np.int64]) -> _Floats:
            placed = placed_of[id(piece.design)]  # noqa: B023  (called within this turn)
            return linear.fit_packed(piece.packed[chosen], placed).neg_log10_p

        def chosen_pieces() -> Iterator[Piece]:
            for piece in pieces():
                if not open_rows[piece.start : piece.stop].any():  # noqa: B023
                    continue
                if id(piece.design) not in placed_of:  # noqa: B023
                    again = permuted(piece.design, trait_of(piece), first, n, wanted.seed)  # noqa: B023
                    placed_of[id(piece.design)] = linear.place(again, piece.samples, piece.n_columns)  # noqa: B023
                yield piece

        def work(piece: Piece) -> _Floats:
            chosen = np.flatnonzero(open_rows[piece.start : piece.stop])  # noqa: B023
            rows = piece.start + chosen
            found = strengths(piece, chosen)
            as_good[rows] += (found >= bound[rows, None]).sum(axis=1)
            done[rows] += n  # noqa: B023
            maxima: _Floats = np.nanmax(found, axis=0, initial=-np.inf)
            return maxima

        for maxima in in_order(work, chosen_pieces()):
            np.maximum(best[first : first + n], maxima, out=best[first : first + n])
    p = np.where(tested, (1.0 + as_good) / (1.0 + done), np.nan)
    if wanted.adaptive:
        return p, np.full(n_variants, np.nan)
    best.sort()
    reached = wanted.n - np.searchsorted(best, bound, side="left")
    return p, np.where(tested, (1.0 + reached) / (1.0 + wanted.n), np.nan)
