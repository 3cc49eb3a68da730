"""Which of some groups of points a point is nearest to, with a probability that was held against known answers.

Each group is a normal distribution: its mean, and its covariance drawn towards that of all groups, more so the fewer
points it has. Real groups are not normal, and such a model is too sure of itself: its log-odds are divided by a
temperature (C. Guo et al., "On calibration of modern neural networks", ICML 2017), the one that gives points left out
of the model the most likely labels. All groups weigh alike, whatever their size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

_Floats = npt.NDArray[np.float64]
_Numbers = npt.NDArray[np.int64]

_FOLDS = 5
# From 1 on: where all that was left out is told apart, the likeliest temperature would be as low as it may be.
_TEMPERATURES = (1.0, 100.0)
# Of each direction's spread: so that a direction in which a group does not vary at all can be inverted.
_RIDGE = 1e-6


@dataclass(frozen=True)
class NearestGroups:
    """Means float64[G, k] and whitening matrices float64[G, k, k] of the groups, and the temperature."""

    mean: _Floats
    whitening: _Floats
    log_size: _Floats
    temperature: float

    def distances(self, places: _Floats) -> _Floats:
        """Return squared Mahalanobis distances of places [N, k] to each group, float64[N, G]."""
        white = np.einsum("gij,ngj->ngi", self.whitening, places[:, None, :] - self.mean[None])
        squares: _Floats = (white**2).sum(axis=2)
        return squares

    def probabilities(self, places: _Floats) -> _Floats:
        """Return the probability of each group, float64[N, G]; rows sum to 1, NaN for a place that is not known."""
        return _softmax(-0.5 * (self.distances(places) + self.log_size) / self.temperature)

    def typical(self, places: _Floats) -> _Floats:
        """Return how likely a member of the nearest group is as far out as a place, float64[N]."""
        nearest = self.distances(places).min(axis=1)
        return np.asarray(stats.chi2.sf(nearest, places.shape[1]), dtype=np.float64)


def fit_groups(places: _Floats, number: _Numbers, n_groups: int) -> NearestGroups:
    """Return the model of places float64[N, k] of known groups integer[N]; each group needs 10 or more."""
    turn = np.zeros(len(number), dtype=np.int64)
    for group in range(n_groups):
        members = np.flatnonzero(number == group)
        turn[members] = np.arange(len(members)) % _FOLDS
    odds = np.empty((len(number), n_groups))
    for fold in range(_FOLDS):
        left_out = turn == fold
        model = _normal(places[~left_out], number[~left_out], n_groups, 1.0)
        odds[left_out] = -0.5 * (model.distances(places[left_out]) + model.log_size)
    weight = 1.0 / np.bincount(number, minlength=n_groups)[number]

    def loss(log_temperature: float) -> float:
        likely = _softmax(odds / np.exp(log_temperature))[np.arange(len(number)), number]
        return float(-(weight * np.log(np.maximum(likely, 1e-300))).sum())

    found = optimize.minimize_scalar(loss, bounds=np.log(_TEMPERATURES), method="bounded")
    return _normal(places, number, n_groups, float(np.exp(found.x)))


def _normal(places: _Floats, number: _Numbers, n_groups: int, temperature: float) -> NearestGroups:
    k = places.shape[1]
    mean = np.array([places[number == group].mean(axis=0) for group in range(n_groups)])
    rest = places - mean[number]
    pooled = np.einsum("ni,nj->ij", rest, rest) / max(len(places) - n_groups, 1)
    pooled += np.diag(_RIDGE * np.maximum(places.var(axis=0), np.finfo(float).tiny))
    whitening, log_size = np.empty((n_groups, k, k)), np.empty(n_groups)
    for group in range(n_groups):
        inside = rest[number == group]
        own = np.einsum("ni,nj->ij", inside, inside)
        covariance = (own + 2 * k * pooled) / (len(inside) - 1 + 2 * k)
        factor = np.linalg.cholesky(covariance)
        whitening[group] = np.linalg.inv(factor)
        log_size[group] = 2.0 * np.log(np.diag(factor)).sum()
    return NearestGroups(mean, whitening, log_size, temperature)


def _softmax(odds: _Floats) -> _Floats:
    shifted = np.exp(odds - odds.max(axis=1, keepdims=True))
    result: _Floats = shifted / shifted.sum(axis=1, keepdims=True)
    return result
