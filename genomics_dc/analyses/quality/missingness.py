"""Differential missingness: genotypes that fail more often in one batch than in the others, or in cases.

Fisher's exact test of missing and called in two sets of samples, as `plink --test-missing` has it for cases. With more
than two batches each is set against all others, and the least p is multiplied by their number (Bonferroni), at most 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.quality.arithmetic import Floats, ratio
from genomics_dc.kernels import fisher

if TYPE_CHECKING:
    from genomics_dc.analyses.quality.counting import Tally
    from genomics_dc.analyses.quality.facts import SampleFacts


@dataclass(frozen=True)
class Missingness:
    """By variant: `call_rates` by batch, missing rates of controls and cases, p of both questions.

    NaN is not assessed.
    """

    call_rates: dict[str, Floats]
    batch_p: Floats | None
    control_rate: Floats | None
    case_rate: Floats | None
    case_p: Floats | None


def differential_missingness(tally: Tally, facts: SampleFacts, masks: npt.NDArray[np.bool_]) -> Missingness:
    """Return what batches, and cases and controls, say of each variant; Y is not assessed."""
    sizes = masks.sum(axis=1)
    n_batches = len(facts.batch_names) if facts.batch is not None else 0
    missing = tally.missing_by_mask
    assessed = (missing >= 0).all(axis=1) if missing.shape[1] else np.ones(len(missing), dtype=bool)
    rates = [
        np.where(assessed, 1.0 - ratio(missing[:, m], np.full(len(missing), sizes[m])), np.nan)
        for m in range(len(masks))
    ]
    batch_p = None
    if n_batches:
        batch_p = np.full(len(missing), np.nan)
        if n_batches > 1:
            batch_p[assessed] = _least_p(missing[assessed][:, :n_batches], sizes[:n_batches])
    if facts.case is None:
        return Missingness(dict(zip(facts.batch_names, rates, strict=False)), batch_p, None, None, None)
    case_p = np.full(len(missing), np.nan)
    if sizes[n_batches] and sizes[n_batches + 1]:
        case_p[assessed] = _two_sets(missing[assessed][:, n_batches:], sizes[n_batches:])
    return Missingness(
        dict(zip(facts.batch_names, rates, strict=False)),
        batch_p,
        1.0 - rates[n_batches],
        1.0 - rates[n_batches + 1],
        case_p,
    )


def _two_sets(missing: npt.NDArray[np.integer], sizes: npt.NDArray[np.integer]) -> Floats:
    """Return p of two columns of missing genotypes against each other."""
    first, second = missing[:, 0].astype(np.int64), missing[:, 1].astype(np.int64)
    tables = np.stack([first, sizes[0] - first, second, sizes[1] - second], axis=1)
    different, place = np.unique(tables, axis=0, return_inverse=True)
    p: Floats = np.exp(-math.log(10.0) * fisher.exact_neg_log10_p(different))[place.reshape(-1)]
    return p


def _least_p(missing: npt.NDArray[np.integer], sizes: npt.NDArray[np.integer]) -> Floats:
    if len(sizes) == 2:
        return _two_sets(missing, sizes)
    total, everyone = missing.sum(axis=1), int(sizes.sum())
    least = np.ones(len(missing))
    for batch, size in enumerate(sizes.tolist()):
        rest = np.stack([missing[:, batch], total - missing[:, batch]], axis=1)
        least = np.minimum(least, _two_sets(rest, np.array([size, everyone - size])))
    return np.minimum(least * len(sizes), 1.0)
