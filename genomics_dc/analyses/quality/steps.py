"""Verdicts by thresholds, and the table that says how many fall where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.arrow_columns import used_numbers
from genomics_dc.analyses.quality.arithmetic import Floats, words
from genomics_dc.analyses.thresholds import Thresholds
from genomics_dc.results import Result

PASS = "PASS"  # noqa: S105 (the VCF word, no password)
_MAD_TO_STANDARD_DEVIATION = 1.4826


class QCSteps(Result):
    """One row per threshold, in the order applied: what it asks, how many fail it, and how many are left after it.

    `level` (variant, sample), `criterion`, `threshold`, `unit`, `failing` (alone), `removed` (of those still left),
    `left`, `not_assessed`, `why`, `source`.
    """


SCHEMA = pa.schema(
    [
        ("level", pa.string()),
        ("criterion", pa.string()),
        ("threshold", pa.float64()),
        ("unit", pa.string()),
        ("failing", pa.int64()),
        ("removed", pa.int64()),
        ("left", pa.int64()),
        ("not_assessed", pa.int64()),
        ("why", pa.string()),
        ("source", pa.string()),
    ]
)


@dataclass(frozen=True)
class Check:
    """A threshold by name, the word that marks its failures, and the value of each row; NaN is not assessed."""

    threshold: str
    word: str
    values: Floats
    above: bool  # a value above the threshold fails; otherwise one below


@dataclass(frozen=True)
class Judged:
    """The verdict of each row ("PASS" or the failed words), whether it passes, and the rows of the table of steps."""

    verdict: pa.DictionaryArray
    passing: npt.NDArray[np.bool_]
    steps: list[dict[str, Any]]


def judge(level: str, n: int, checks: Sequence[Check], limits: Thresholds) -> Judged:
    """Hold the rows against the thresholds, in order; a threshold of None is off."""
    failures = np.zeros(n, dtype=np.int64)  # bit k: fails check k
    left = np.ones(n, dtype=bool)
    steps = []
    for number, check in enumerate(checks):
        threshold = limits[check.threshold]
        known = np.isfinite(check.values)
        failing = np.zeros(n, dtype=bool)
        if threshold.value is not None:
            bound = threshold.value
            failing[known] = check.values[known] > bound if check.above else check.values[known] < bound
        failures |= failing.astype(np.int64) << number
        removed = int((failing & left).sum())
        left &= ~failing
        steps.append(
            {
                "level": level,
                "criterion": check.word,
                "threshold": threshold.value,
                "unit": threshold.unit,
                "failing": int(failing.sum()),
                "removed": removed,
                "left": int(left.sum()),
                "not_assessed": n if threshold.value is None else int((~known).sum()),
                "why": threshold.why,
                "source": threshold.source,
            }
        )
    patterns, codes = used_numbers(failures)
    names: list[str | None] = [
        ";".join(check.word for number, check in enumerate(checks) if pattern >> number & 1) or PASS
        for pattern in patterns.tolist()
    ]
    return Judged(words(codes, names), left, steps)


def deviations(
    values: Floats, group: npt.NDArray[np.integer] | None = None, samples_min: float | None = None
) -> Floats:
    """Return how far each value lies from its group's median, in scaled median absolute deviations; float64, signed.

    `group` are whole numbers by row, below zero for a row in none; None is one group. NaN where the value or the group
    is missing, in a group of fewer than `samples_min` values, and where more than half of the values of a group are
    equal: the deviation is then zero and gives no scale.
    """
    found = np.full(values.shape, np.nan)
    groups = np.zeros(len(values), dtype=np.int64) if group is None else group
    for number in np.unique(groups[groups >= 0]).tolist():
        rows = np.flatnonzero((groups == number) & np.isfinite(values))
        if rows.size == 0 or rows.size < (samples_min or 0):
            continue
        distance = values[rows] - np.median(values[rows])
        scale = _MAD_TO_STANDARD_DEVIATION * float(np.median(np.abs(distance)))
        if scale > 0:
            found[rows] = distance / scale
    return found
