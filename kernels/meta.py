"""Estimates of one effect by several studies, put together by variant.

Letters: K studies, V variants. Fixed effect: inverse-variance weights. Heterogeneity: Cochran's Q with k - 1 degrees of
freedom and I2 = max(0, 1 - (k - 1) / Q) (Higgins and Thompson 2002, Stat. Med. 21:1539). Random effects: R. DerSimonian
and N. Laird, "Meta-analysis in clinical trials", Control. Clin. Trials 7:177-188 (1986). By sample size: Stouffer's Z
with weights sqrt(n) (Willer, Li and Abecasis 2010, Bioinformatics 26:2190). A study without an estimate is left out of
its variant. Sums run over the studies in their order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.chi2_tail import neg_log10_p_chi2
from genomics_dc.kernels.tails import neg_log10_p_normal

_Floats = npt.NDArray[np.float64]

BETA, ERROR, BETA_RANDOM, ERROR_RANDOM, Z_WEIGHTED, Q, TAU2 = range(7)


@dataclass(frozen=True)
class Combined:
    """float64[V] each, NaN where there is nothing to say; `n_studies` int32[V].

    `q`, `i2`, `tau2` and the random effects need two studies; `z_weighted` needs the number of samples of each.
    """

    beta: _Floats
    standard_error: _Floats
    neg_log10_p: _Floats
    beta_random: _Floats
    standard_error_random: _Floats
    neg_log10_p_random: _Floats
    z_weighted: _Floats
    neg_log10_p_weighted: _Floats
    q: _Floats
    neg_log10_p_q: _Floats
    i2: _Floats
    tau2: _Floats
    n_studies: npt.NDArray[np.int32]


def _combine(beta: _Floats, error: _Floats, n: _Floats, out: _Floats, n_studies: npt.NDArray[np.int32]) -> None:
    """Fill `out` [7, V] from estimates [K, V]."""
    n_all, n_variants = beta.shape
    for v in range(n_variants):
        k = 0
        alone_beta = alone_error = math.nan
        total = 0.0
        total2 = 0.0
        weighted = 0.0
        z_sum = 0.0
        n_sum = 0.0
        for i in range(n_all):
            b, e = beta[i, v], error[i, v]
            if math.isnan(b) or not e > 0.0 or math.isinf(b) or math.isinf(e):
                continue
            k += 1
            alone_beta, alone_error = b, e
            w = 1.0 / (e * e)
            total += w
            total2 += w * w
            weighted += w * b
            z_sum += math.sqrt(n[i, v]) * (b / e)
            n_sum += n[i, v]
        n_studies[v] = k
        for row in range(7):
            out[row, v] = math.nan
        if k == 0:
            continue
        mean = weighted / total
        out[0, v] = mean
        out[1, v] = math.sqrt(1.0 / total)
        out[4, v] = z_sum / math.sqrt(n_sum) if n_sum > 0.0 else math.nan
        if k == 1:  # what one study says, to the last bit
            out[0, v] = alone_beta
            out[1, v] = alone_error
            continue
        q = 0.0
        for i in range(n_all):
            b, e = beta[i, v], error[i, v]
            if math.isnan(b) or not e > 0.0 or math.isinf(b) or math.isinf(e):
                continue
            apart = (b - mean) / e
            q += apart * apart
        tau2 = max(0.0, (q - (k - 1)) / (total - total2 / total))
        total = 0.0
        weighted = 0.0
        for i in range(n_all):
            b, e = beta[i, v], error[i, v]
            if math.isnan(b) or not e > 0.0 or math.isinf(b) or math.isinf(e):
                continue
            w = 1.0 / (e * e + tau2)
            total += w
            weighted += w * b
        out[2, v] = weighted / total
        out[3, v] = math.sqrt(1.0 / total)
        out[5, v] = q
        out[6, v] = tau2


_combine_jit = jit(_combine)


def combine(beta: _Floats, standard_error: _Floats, n: _Floats) -> Combined:
    """Return the combined estimates of each variant.

    Parameters
    ----------
    beta, standard_error, n
        float64[K, V], of one effect allele; NaN, or a standard error that is not above 0, where a study has none.
        `n` samples are NaN where they are not known.

    Raises
    ------
    ValueError
        When shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> found = combine(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]), np.array([[100.0], [100.0]]))
    >>> [float(values.round(4)[0]) for values in (found.beta, found.standard_error, found.q, found.i2, found.tau2)]
    [2.0, 0.7071, 2.0, 0.5, 1.0]
    """
    if beta.ndim != 2 or beta.shape != standard_error.shape or beta.shape != n.shape:
        raise ValueError(
            f"beta, standard_error and n must be [K, V], not {beta.shape}, {standard_error.shape}, {n.shape}"
        )
    beta, standard_error, n = (np.ascontiguousarray(values, dtype=np.float64) for values in (beta, standard_error, n))
    n_variants = beta.shape[1]
    out = np.empty((7, n_variants))
    n_studies = np.zeros(n_variants, dtype=np.int32)
    _combine_jit(beta, standard_error, n, out, n_studies)
    df = n_studies.astype(np.float64) - 1.0
    q = out[Q]
    with np.errstate(divide="ignore", invalid="ignore"):
        i2 = np.where(np.isnan(q), np.nan, np.where(q > df, 1.0 - df / q, 0.0))
        z, z_random = out[BETA] / out[ERROR], out[BETA_RANDOM] / out[ERROR_RANDOM]
    return Combined(
        beta=out[BETA],
        standard_error=out[ERROR],
        neg_log10_p=neg_log10_p_normal(z),
        beta_random=out[BETA_RANDOM],
        standard_error_random=out[ERROR_RANDOM],
        neg_log10_p_random=neg_log10_p_normal(z_random),
        z_weighted=out[Z_WEIGHTED],
        neg_log10_p_weighted=neg_log10_p_normal(out[Z_WEIGHTED]),
        q=q,
        neg_log10_p_q=neg_log10_p_chi2(q, df),
        i2=i2,
        tau2=out[TAU2],
        n_studies=n_studies,
    )
