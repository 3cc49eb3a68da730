"""The largest set of samples of which no two are related: independent sets of a graph.

Finding the largest one is hard in general (R. M. Karp 1972), but families are small. A connected part of up to
`EXACT_MAX` samples is solved exactly, by branching on the sample with most relatives; a larger one greedily, as
`plink2 --king-cutoff` does: the sample with most remaining relatives goes, until none has any.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

EXACT_MAX = 40


class IndependentSet(NamedTuple):
    """`kept` bool[N]; `part` int64[N], the connected part of each, -1 for those alone; `exact` bool[N]."""

    kept: npt.NDArray[np.bool_]
    part: npt.NDArray[np.int64]
    exact: npt.NDArray[np.bool_]


def _parts(neighbours: Sequence[set[int]]) -> list[list[int]]:
    """Return the connected parts of two or more, each in rising order."""
    seen = [False] * len(neighbours)
    parts = []
    for start, others in enumerate(neighbours):
        if seen[start] or not others:
            continue
        seen[start] = True
        part, waiting = [], [start]
        while waiting:
            one = waiting.pop()
            part.append(one)
            for other in neighbours[one]:
                if not seen[other]:
                    seen[other] = True
                    waiting.append(other)
        parts.append(sorted(part))
    return parts


def _exact(weights: list[int], masks: list[int]) -> int:
    """Return, as bits, the set of largest weight in which no two are neighbours (`masks`)."""
    known: dict[int, tuple[int, int]] = {}

    def best(left: int) -> tuple[int, int]:
        if left in known:
            return known[left]
        total, chosen, rest = 0, 0, left
        branch, most = -1, 0
        bits = left
        while bits:
            v = (bits & -bits).bit_length() - 1
            bits &= bits - 1
            degree = (masks[v] & left).bit_count()
            if degree == 0:
                total, chosen, rest = total + weights[v], chosen | 1 << v, rest & ~(1 << v)
            elif degree > most:
                branch, most = v, degree
        if branch >= 0:
            inside, inside_set = best(rest & ~masks[branch] & ~(1 << branch))
            outside, outside_set = best(rest & ~(1 << branch))
            if inside + weights[branch] >= outside:
                total, chosen = total + inside + weights[branch], chosen | inside_set | 1 << branch
            else:
                total, chosen = total + outside, chosen | outside_set
        known[left] = (total, chosen)
        return known[left]

    return best((1 << len(weights)) - 1)[1]


def _greedy(part: list[int], neighbours: Sequence[set[int]], preference: npt.NDArray[np.int64]) -> set[int]:
    """Return what stays of a part: of those with most relatives the least preferred goes first, then the last."""
    left = {one: set(neighbours[one]) for one in part}
    while True:
        worst = max(left, key=lambda one: (len(left[one]), -int(preference[one]), one))
        if not left[worst]:
            return set(left)
        for other in left.pop(worst):
            left[other].discard(worst)


def largest_independent_set(
    n: int, first: npt.NDArray[np.integer], second: npt.NDArray[np.integer], preference: npt.NDArray[np.integer]
) -> IndependentSet:
    """Return the largest set of 0..n - 1 without a pair (first[i], second[i]) in it.

    Of sets of one size the one with the largest sum of `preference` integer[n], 0 or more, is taken.

    Raises
    ------
    ValueError
        When a number is outside 0..n - 1, or a preference is negative.

    Examples
    --------
    >>> import numpy as np
    >>> found = largest_independent_set(4, np.array([1, 2]), np.array([0, 1]), np.array([5, 9, 5, 5]))
    >>> found.kept.tolist(), found.part.tolist()
    ([True, False, True, True], [0, 0, 0, -1])
    """
    likes = np.asarray(preference, dtype=np.int64)
    pairs = np.stack([np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)])
    if likes.shape != (n,) or (likes.size and likes.min() < 0):
        raise ValueError(f"preference must hold {n} numbers of 0 or more")
    if pairs.size and (pairs.min() < 0 or pairs.max() >= n):
        raise ValueError(f"pairs must lie in 0..{n - 1}")
    neighbours: list[set[int]] = [set() for _ in range(n)]
    for one, other in pairs.T.tolist():
        if one != other:
            neighbours[one].add(other)
            neighbours[other].add(one)
    kept, part_of = np.ones(n, dtype=bool), np.full(n, -1, dtype=np.int64)
    exact = np.ones(n, dtype=bool)
    for number, part in enumerate(_parts(neighbours)):
        part_of[part] = number
        if len(part) <= EXACT_MAX:
            place = {one: bit for bit, one in enumerate(part)}
            size_first = 1 + int(likes[part].sum())
            masks = [sum(1 << place[other] for other in neighbours[one]) for one in part]
            chosen = _exact([size_first + int(likes[one]) for one in part], masks)
            stays = {one for one in part if chosen >> place[one] & 1}
        else:
            stays = _greedy(part, neighbours, likes)
            exact[part] = False
        kept[[one for one in part if one not in stays]] = False
    return IndependentSet(kept, part_of, exact)
