"""The exact test of Hardy-Weinberg equilibrium at one biallelic, diploid site.

Given the two allele counts, the number of heterozygotes has a known distribution; p is the probability of all counts of
heterozygotes that are no likelier than the one seen. J. E. Wigginton, D. J. Cutler and G. R. Abecasis, "A Note on Exact
Tests of Hardy-Weinberg Equilibrium", Am. J. Hum. Genet. 76:887-893 (2005). The mid-p form takes half of the outcome
seen: J. Graffelman and V. Moreno, "The mid p-value in exact tests for Hardy-Weinberg equilibrium", Stat. Appl. Genet.
Mol. Biol. 12:433-448 (2013); outcomes exactly as likely as it are halved too, as PLINK 2 does.

Every probability is expressed in units of the one seen and rescaled on the way, so nothing underflows: p = 1e-300 is as
exact as p = 0.1, and `exact_neg_log10_p` goes on where a double ends. Steps stop where they cannot change the sum.

Haploid calls have no heterozygotes: leave them out. On X, give the genotypes of females only.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit

_TIE = 2.0**-30  # relative; PLINK 2's own bound for "equally likely"
_BIG = 1e200
_NEGLIGIBLE = 2.0**-60
_REMEMBERED = 1 << 15
_MIX = np.uint64(0x9E3779B97F4A7C15)
_MIX_TOO = np.uint64(0xC2B2AE3D27D4EB4F)
_MIX_SHIFT = np.uint64(64 - 15)


def _exact_ln_p(hom_ref: int, het: int, hom_alt: int, midp: bool) -> float:
    """Return the natural logarithm of p; NaN without a genotype."""
    n = hom_ref + het + hom_alt
    if n == 0:
        return math.nan
    tail = 1.0  # outcomes no likelier than the one seen, in units of it
    tied = 1.0  # of these, as likely
    centre = 0.0  # likelier outcomes, in units of _BIG ** centre_scale
    centre_scale = 0
    for direction in (1, -1):  # towards more heterozygotes, then towards fewer
        h = float(het)
        a = float(hom_ref)
        b = float(hom_alt)
        current = 1.0  # in units of _BIG ** scale
        scale = 0
        while True:
            if direction == 1:
                if a < 1.0 or b < 1.0:
                    break
                step = 4.0 * a * b / ((h + 2.0) * (h + 1.0))
                h += 2.0
                a -= 1.0
                b -= 1.0
            else:
                if h < 2.0:
                    break
                step = h * (h - 1.0) / (4.0 * (a + 1.0) * (b + 1.0))
                h -= 2.0
                a += 1.0
                b += 1.0
            current *= step
            if current > _BIG:
                current /= _BIG
                scale += 1
            elif scale > 0 and current < 1.0:
                current *= _BIG
                scale -= 1
            if scale == 0 and current <= 1.0 + _TIE:
                tail += current
                if current >= 1.0 - _TIE:
                    tied += current
                if step < 1.0 and current < _NEGLIGIBLE * (1.0 - step):
                    break
            else:
                if scale > centre_scale:
                    centre /= _BIG ** (scale - centre_scale)
                    centre_scale = scale
                if scale == centre_scale:
                    centre += current
                elif scale == centre_scale - 1:
                    centre += current / _BIG
    extreme = tail - 0.5 * tied if midp else tail
    if centre_scale == 0:
        return math.log(extreme / (tail + centre))
    return math.log(extreme) - math.log(centre) - centre_scale * math.log(_BIG)


_exact_ln_p_jit = jit(_exact_ln_p)


def _exact_ln_p_all(counts: npt.NDArray[np.int64], midp: bool, ln_p: npt.NDArray[np.float64]) -> None:
    """Fill the logarithms of p; many variants of a cohort have the same counts, of which the last are remembered."""
    known = np.full(_REMEMBERED, -1, dtype=np.int64)  # the row that was worked out last, by a hash of its counts
    for v in range(counts.shape[0]):
        mixed = (np.uint64(counts[v, 1]) * _MIX) ^ (np.uint64(counts[v, 2]) * _MIX_TOO) ^ np.uint64(counts[v, 0])
        place = np.int64((mixed * _MIX) >> _MIX_SHIFT)
        row = known[place]
        if (
            row >= 0
            and counts[row, 0] == counts[v, 0]
            and counts[row, 1] == counts[v, 1]
            and counts[row, 2] == counts[v, 2]
        ):
            ln_p[v] = ln_p[row]
            continue
        ln_p[v] = _exact_ln_p_jit(counts[v, 0], counts[v, 1], counts[v, 2], midp)
        known[place] = v


_exact_ln_p_all_jit = jit(_exact_ln_p_all)


def exact_p(
    hom_ref: npt.NDArray[np.integer],
    het: npt.NDArray[np.integer],
    hom_alt: npt.NDArray[np.integer],
    midp: bool = False,
) -> npt.NDArray[np.float64]:
    """Return the exact Hardy-Weinberg p by variant.

    Parameters
    ----------
    hom_ref, het, hom_alt
        integer[V] counts of diploid genotypes.
    midp
        Take half of the outcomes as likely as the one seen.

    Returns
    -------
    float64[V]; NaN where there is no genotype; 1 (mid-p 0.5) where there is one allele only. Below 1e-308 it is 0: ask
    `exact_neg_log10_p`.

    Raises
    ------
    ValueError
        When shapes differ or a count is negative.

    Examples
    --------
    >>> import numpy as np
    >>> exact_p(np.array([2]), np.array([0]), np.array([1]), midp=True).round(12)
    array([0.1])
    """
    with np.errstate(under="ignore"):
        p: npt.NDArray[np.float64] = np.exp(_ln_p(hom_ref, het, hom_alt, midp))
    return p


def exact_neg_log10_p(
    hom_ref: npt.NDArray[np.integer],
    het: npt.NDArray[np.integer],
    hom_alt: npt.NDArray[np.integer],
    midp: bool = False,
) -> npt.NDArray[np.float64]:
    """Return -log10 of `exact_p`, float64[V], also where p is too small for a double."""
    p: npt.NDArray[np.float64] = -_ln_p(hom_ref, het, hom_alt, midp) / math.log(10.0) + 0.0  # + 0.0: no minus zero
    return p


def _ln_p(
    hom_ref: npt.NDArray[np.integer], het: npt.NDArray[np.integer], hom_alt: npt.NDArray[np.integer], midp: bool
) -> npt.NDArray[np.float64]:
    columns = [np.asarray(column) for column in (hom_ref, het, hom_alt)]
    for column in columns:
        if column.ndim != 1 or column.shape != columns[0].shape or not np.issubdtype(column.dtype, np.integer):
            raise ValueError("hom_ref, het and hom_alt must be integer arrays of one dimension and one length")
    counts = np.stack(columns, axis=1).astype(np.int64)
    if counts.size and counts.min() < 0:
        raise ValueError("genotype counts must not be negative")
    ln_p = np.empty(counts.shape[0], dtype=np.float64)
    _exact_ln_p_all_jit(counts, midp, ln_p)
    return ln_p
