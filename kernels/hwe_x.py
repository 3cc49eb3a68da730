"""The exact test of Hardy-Weinberg equilibrium on X, where males tell of allele frequencies too.

Given the number of A alleles in all, the A alleles of males m and the heterozygous females h have the probability

    P(m, h) = A! B! n_m! n_f! 2^h / (m! (n_m - m)! aa! h! bb! (A + B)!)

and p is the sum over all outcomes no likelier than the one seen: J. Graffelman and B. S. Weir, "Testing for
Hardy-Weinberg equilibrium at biallelic genetic markers on the X chromosome", Heredity 116:558-568 (2016), as
`plink2 --hardy` has it. The test also falls when males and females differ in frequency.

For each m, h has one mode, so the outcomes that count are found by halving from it to either side, and an m of which
even the mode counts is added as a whole. Logarithms of factorials come from a table; they hold 1e-11 of p for a hundred
thousand people.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.factorials import ln_factorials

_TIE = 2.0**-30  # of ln p: outcomes within it are equally likely
_NEGLIGIBLE = 2.0**-60
_LN2 = math.log(2.0)


def _ln_outcome(
    ln_factorial: npt.NDArray[np.float64], males: int, m: int, a_in_females: int, females: int, h: int
) -> float:
    """Return ln P(m, h) without its constant part."""
    aa = (a_in_females - h) // 2
    return float(
        h * _LN2
        - ln_factorial[m]
        - ln_factorial[males - m]
        - ln_factorial[aa]
        - ln_factorial[h]
        - ln_factorial[females - aa - h]
    )


_ln_outcome_jit = jit(_ln_outcome)


def _one_side(
    ln_factorial: npt.NDArray[np.float64],
    males: int,
    m: int,
    in_females: int,
    females: int,
    mode: int,
    end: int,
    seen: float,
) -> tuple[float, float]:
    """Return the sum, and that of ties, in units of P(seen), of the outcomes from the mode (left out) to `end`."""
    step = 2 if end > mode else -2
    inside = 0  # steps from the mode that are likelier than what was seen
    outside = (end - mode) // step + 1
    while outside - inside > 1:
        middle = (inside + outside) // 2
        value = _ln_outcome_jit(ln_factorial, males, m, in_females, females, mode + step * middle)
        if value > seen + _TIE:
            inside = middle
        else:
            outside = middle
    total = 0.0
    tied = 0.0
    for steps in range(outside, (end - mode) // step + 1):
        difference = _ln_outcome_jit(ln_factorial, males, m, in_females, females, mode + step * steps) - seen
        current = math.exp(difference)
        total += current
        if difference >= -_TIE:
            tied += current
        if current < _NEGLIGIBLE * total:
            break
    return total, tied


_one_side_jit = jit(_one_side)


def _x_ln_p(
    ln_factorial: npt.NDArray[np.float64], aa: int, h: int, bb: int, male_a: int, male_b: int, midp: bool
) -> float:
    """Return ln p; NaN without a genotype."""
    females = aa + h + bb
    males = male_a + male_b
    n_a = 2 * aa + h + male_a
    n_b = 2 * bb + h + male_b
    if females + males == 0:
        return math.nan
    constant = (
        ln_factorial[n_a] + ln_factorial[n_b] + ln_factorial[males] + ln_factorial[females] - ln_factorial[n_a + n_b]
    )
    seen = _ln_outcome_jit(ln_factorial, males, male_a, n_a - male_a, females, h)
    total = 0.0
    tied = 0.0
    for m in range(max(0, n_a - 2 * females), min(males, n_a) + 1):
        in_females = n_a - m
        other = 2 * females - in_females
        low = in_females & 1
        high = min(in_females, other)
        # the expected number of heterozygotes is within two of the mode
        mode = int(in_females * float(other) / max(2.0 * females - 1.0, 1.0))
        mode = min(max(mode - ((mode - low) & 1), low), high)
        top = _ln_outcome_jit(ln_factorial, males, m, in_females, females, mode)
        for near in (mode - 4, mode - 2, mode + 2, mode + 4):
            if low <= near <= high:
                value = _ln_outcome_jit(ln_factorial, males, m, in_females, females, near)
                if value > top:
                    top = value
                    mode = near
        if top <= seen + _TIE:
            # all of this m: the chance of m itself, hypergeometric
            row = (
                ln_factorial[2 * females] - ln_factorial[in_females] - ln_factorial[other]
                - ln_factorial[m] - ln_factorial[males - m] - ln_factorial[females]
            )  # fmt: skip
            total += math.exp(row - seen)
            if top >= seen - _TIE:
                tied += math.exp(top - seen)
                for near in (mode - 2, mode + 2):
                    if low <= near <= high:
                        value = _ln_outcome_jit(ln_factorial, males, m, in_females, females, near)
                        if value >= seen - _TIE:
                            tied += math.exp(value - seen)
            continue
        if mode > low:
            side, side_tied = _one_side_jit(ln_factorial, males, m, in_females, females, mode, low, seen)
            total += side
            tied += side_tied
        if mode < high:
            side, side_tied = _one_side_jit(ln_factorial, males, m, in_females, females, mode, high, seen)
            total += side
            tied += side_tied
    extreme = total - 0.5 * tied if midp else total
    return float(min(math.log(extreme) + seen + constant, 0.0))


_x_ln_p_jit = jit(_x_ln_p)


def _fill_x_ln_p(
    ln_factorial: npt.NDArray[np.float64], counts: npt.NDArray[np.int64], midp: bool, ln_p: npt.NDArray[np.float64]
) -> None:
    for v in range(counts.shape[0]):
        ln_p[v] = _x_ln_p_jit(ln_factorial, counts[v, 0], counts[v, 1], counts[v, 2], counts[v, 3], counts[v, 4], midp)


_fill_x_ln_p_jit = jit(_fill_x_ln_p)


def exact_neg_log10_p(counts: npt.NDArray[np.integer], midp: bool = False) -> npt.NDArray[np.float64]:
    """Return -log10 of the exact p on X by variant.

    Parameters
    ----------
    counts
        integer[V, 5]: females hom_ref, het, hom_alt; males with the reference, with the other allele.
    midp
        Take half of the outcomes as likely as the one seen.

    Returns
    -------
    float64[V]; NaN where there is no genotype. With n females and m males it takes about sqrt(n m) steps.

    Examples
    --------
    >>> import numpy as np
    >>> (10.0 ** -exact_neg_log10_p(np.array([[1, 0, 1, 1, 0]]))).round(6)
    array([0.2])
    """
    whole: npt.NDArray[np.int64] = np.ascontiguousarray(counts, dtype=np.int64)
    if whole.ndim != 2 or whole.shape[1] != 5:
        raise ValueError(f"counts must have shape (V, 5), not {whole.shape}")
    if whole.size and whole.min() < 0:
        raise ValueError("counts must not be negative")
    ln_p = np.empty(whole.shape[0], dtype=np.float64)
    largest = int((whole @ np.array([2, 2, 2, 1, 1])).max()) if len(whole) else 0
    _fill_x_ln_p_jit(ln_factorials(largest), whole, midp, ln_p)
    values: npt.NDArray[np.float64] = -ln_p / math.log(10.0) + 0.0  # + 0.0: no minus zero
    return values
