"""The table of variants."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.arrow_columns import numbers
from genomics_dc.analyses.quality.arithmetic import Floats, nullable, ratio, sparse_text, words
from genomics_dc.analyses.quality.counting import FIXED_POINT
from genomics_dc.analyses.quality.steps import Check, Judged, judge
from genomics_dc.kernels.whole_counts import AUTOSOME, X
from genomics_dc.results import Result

if TYPE_CHECKING:
    from genomics_dc.analyses.quality.counting import Tally
    from genomics_dc.analyses.quality.facts import SampleFacts
    from genomics_dc.analyses.quality.missingness import Missingness
    from genomics_dc.analyses.site_columns import VariantColumns
    from genomics_dc.analyses.thresholds import Thresholds
    from genomics_dc.provenance import Provenance

CLASS_NAMES = ("transition", "transversion", "insertion", "deletion", "other")
"""By code of `kernels.counts`."""
_NO_ALT = "none"
_TESTED, _ONE_ALLELE, _NO_GENOTYPE, _NO_SEX, _HAPLOID = range(5)
_NOTES: list[str | None] = [
    None,
    "one allele only",
    "no genotype",
    "X, and no female is known: give the sexes",
    "not tested on Y and the mitochondrion",
]


class VariantQC(Result):
    """One row per variant of the view.

    `chromosome`, `base_pair_location` (one-based), `variant_id`, `ref`, `alt`; `allele_class` of the (first) ALT
    allele; numbers of samples `hom_ref`, `het` (two different alleles), `hom_alt`, `missing`; `genotype_counts` of each
    genotype as text, where there are more than two alleles or haploid calls; `AC` copies of all ALT alleles together,
    `AC_by_allele` (comma-separated, where there is more than one), `AN`, `AF` = AC / AN; `missing_rate`;
    `f_inbreeding` = 1 - observed / expected heterozygotes; `hwe_p`, exact mid-p, with `hwe_neg_log10_p`, and `hwe_note`
    when there is none. At more than two alleles each is set against the rest: `hwe_p` is the least, and
    `hwe_p_by_allele` has all, reference first. On X `hwe_p` is of females, and `hwe_x_p` takes males' alleles too.

    With tables of samples: `call_rate_BATCH` by batch, `batch_missing_p`, `missing_rate_controls`,
    `missing_rate_cases`, `case_missing_p`, `mendel_errors`. Last `filter`: PASS, or the thresholds failed, joined by
    ";".
    """

    DISTINCT = frozenset({"base_pair_location", "variant_id"})


def variant_table(
    variants: VariantColumns,
    tally: Tally,
    kinds: npt.NDArray[np.int8],
    facts: SampleFacts,
    missingness: Missingness,
    limits: Thresholds,
    provenance: Provenance,
) -> tuple[VariantQC, Judged]:
    """Return the table of the variants of a view, and how they were judged."""
    n = len(variants)
    missing_rate = ratio(tally.genotypes[:, 3], tally.genotypes.sum(axis=1))
    p, p_x = _p_of(tally.hwe), _p_of(tally.hwe_x)
    n_trios = 0 if facts.trios is None else len(facts.trios)
    checks = [
        Check("variants.missing_rate_max", "missing_rate", missing_rate, above=True),
        Check("variants.hwe_p_min", "hwe", p, above=False),
    ]
    if missingness.batch_p is not None:
        checks.append(Check("variants.batch_missing_p_min", "batch_missing", missingness.batch_p, above=False))
    if missingness.case_p is not None:
        checks.append(Check("variants.case_missing_p_min", "case_missing", missingness.case_p, above=False))
    if n_trios:
        rate = ratio(tally.mendel, np.full(n, n_trios))
        checks.append(Check("variants.mendel_error_rate_max", "mendel", rate, above=True))
    judged = judge("variant", n, checks, limits)
    first_class = variants.classes[:, 1] if variants.classes.shape[1] > 1 else np.full(n, -1, dtype=np.int8)
    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        **variants.columns,
        "allele_class": words(np.where(first_class < 0, len(CLASS_NAMES), first_class), [*CLASS_NAMES, _NO_ALT]),
        **{
            name: numbers(tally.genotypes[:, column])
            for column, name in enumerate(("hom_ref", "het", "hom_alt", "missing"))
        },
        "genotype_counts": sparse_text(tally.genotypes_text, n),
        "AC": numbers(tally.allele_count),
        "AC_by_allele": sparse_text(tally.copies_text, n),
        "AN": numbers(tally.allele_number),
        "AF": nullable(ratio(tally.allele_count, tally.allele_number)),
        "missing_rate": nullable(missing_rate),
        "f_inbreeding": nullable(1.0 - ratio(tally.observed_het, tally.expected_het / FIXED_POINT)),
        "hwe_p": nullable(p),
        "hwe_neg_log10_p": nullable(tally.hwe),
        "hwe_p_by_allele": sparse_text(tally.hwe_text, n),
        "hwe_note": words(_notes(tally, kinds, facts), _NOTES),
        "hwe_x_p": nullable(p_x),
    }
    columns |= {f"call_rate_{name}": nullable(rates) for name, rates in missingness.call_rates.items()}
    for name, values in (
        ("batch_missing_p", missingness.batch_p),
        ("missing_rate_controls", missingness.control_rate),
        ("missing_rate_cases", missingness.case_rate),
        ("case_missing_p", missingness.case_p),
    ):
        if values is not None:
            columns[name] = nullable(values)
    if facts.trios is not None:
        columns["mendel_errors"] = numbers(tally.mendel)
    columns["filter"] = judged.verdict
    return VariantQC(pa.table(columns), provenance), judged


def _p_of(strength: Floats) -> Floats:
    with np.errstate(under="ignore"):
        p: Floats = np.exp(-math.log(10.0) * strength)
    return p


def _notes(tally: Tally, kinds: npt.NDArray[np.int8], facts: SampleFacts) -> npt.NDArray[np.int8]:
    """Return why a variant has no p, by number of `_NOTES`."""
    from genomics_dc.kernels.whole_counts import FEMALE

    notes = np.full(len(kinds), _ONE_ALLELE, dtype=np.int8)
    notes[np.isfinite(tally.hwe)] = _TESTED
    notes[tally.allele_number == 0] = _NO_GENOTYPE
    if not (facts.sex == FEMALE).any():
        notes[kinds == X] = _NO_SEX
    notes[(kinds != AUTOSOME) & (kinds != X)] = _HAPLOID
    return notes
