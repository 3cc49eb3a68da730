"""Hardy-Weinberg tests of blocks of counts: autosomes, sites of many alleles, and X."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels import hwe, hwe_x
from genomics_dc.kernels.whole_counts import AUTOSOME, WholeCounts, X

Floats = npt.NDArray[np.float64]
_Whole = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Tests:
    """Of a block: -log10 p by variant, the least p over its alleles; the same of X with males; p by allele as text."""

    neg_log10_p: Floats
    neg_log10_p_x: Floats
    by_allele: list[str]


def neg_log10_p(hom_ref: _Whole, het: _Whole, hom_alt: _Whole) -> Floats:
    """Return -log10 of the exact mid-p by variant; NaN where only one allele was called, or none."""
    tested = (2 * hom_ref + het > 0) & (2 * hom_alt + het > 0)
    strength = np.full(len(het), np.nan)
    strength[tested] = hwe.exact_neg_log10_p(hom_ref[tested], het[tested], hom_alt[tested], midp=True)
    return strength


def of_whole_genotypes(counts: WholeCounts, kind: npt.NDArray[np.int8], n_alleles: _Whole) -> Tests:
    """Return the tests of a block: each allele of a site against all others, as `plink2 --hardy` has it.

    At sites of two alleles both tests are one. On X the first test is of females; the second takes males' alleles too,
    and there is none where no sex is known.
    """
    n_variants, width = counts.homozygous.shape
    there = (np.arange(width) < n_alleles[:, None]) & np.isin(kind, (AUTOSOME, X))[:, None]
    rest = counts.n_diploid[:, None] - counts.homozygous - counts.heterozygous
    males = counts.male_copies
    others = males.sum(axis=1)[:, None] - males
    strength, strength_x = np.full((n_variants, width), np.nan), np.full((n_variants, width), np.nan)
    one = (counts.homozygous[there], counts.heterozygous[there], rest[there])
    strength[there] = neg_log10_p(*one)
    on_x = there & (kind == X)[:, None] & (counts.n_diploid > 0)[:, None] & (males.sum(axis=1) > 0)[:, None]
    if on_x.any():
        table = np.stack([part[on_x] for part in (counts.homozygous, counts.heterozygous, rest, males, others)], axis=1)
        both = (2 * table[:, 0] + table[:, 1] + table[:, 3] > 0) & (2 * table[:, 2] + table[:, 1] + table[:, 4] > 0)
        values = np.full(len(table), np.nan)
        values[both] = hwe_x.exact_neg_log10_p(table[both], midp=True)
        strength_x[on_x] = values
    texts = [
        ",".join("NA" if np.isnan(value) else f"{10.0**-value:.6g}" for value in strength[row, :n].tolist())
        if n > 2
        else ""
        for row, n in enumerate(n_alleles.tolist())
    ]
    return Tests(_greatest(strength), _greatest(strength_x), texts)


def _greatest(values: Floats) -> Floats:
    """Return the greatest of each row, NaN where there is none."""
    filled = np.where(np.isnan(values), -np.inf, values).max(axis=1, initial=-np.inf)
    return np.where(np.isneginf(filled), np.nan, filled)
