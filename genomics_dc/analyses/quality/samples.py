"""The table of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.arrow_columns import numbers, text
from genomics_dc.analyses.quality.arithmetic import Floats, nullable, ratio, words
from genomics_dc.analyses.quality.counting import FIXED_POINT
from genomics_dc.analyses.quality.sex import CHECKS, NAMES, SexCheck
from genomics_dc.analyses.quality.steps import Check, Judged, deviations, judge
from genomics_dc.kernels.counts import SAMPLE_COLUMNS
from genomics_dc.kernels.whole_counts import AUTOSOME
from genomics_dc.results import Result

if TYPE_CHECKING:
    from genomics_dc.analyses.quality.counting import Tally
    from genomics_dc.analyses.quality.facts import SampleFacts
    from genomics_dc.analyses.quality.fields import SampleFields
    from genomics_dc.analyses.thresholds import Thresholds
    from genomics_dc.provenance import Provenance
    from genomics_dc.store.read import StoreView

OUTLIER_METRICS = (
    "f_inbreeding",
    "het_hom_ratio",
    "ti_tv",
    "insertion_deletion_ratio",
    "singletons",
    "mean_depth",
    "mean_gq",
    "het_imbalance",
)
"""What is held against the median of a sample's group, in this order."""


class SampleQC(Result):
    """One row per sample, in the order of the view.

    `sample_id`, with `group` and `batch` where given; numbers of variants `called`, `missing`, `hom_ref`, `het`,
    `hom_alt`; `call_rate`; `het_rate` = het / called; `het_hom_ratio` = het / hom_alt; on autosomes
    `homozygous_observed`, `homozygous_expected`, `called_autosomes`, and `f_inbreeding` = (observed - expected) /
    (called - expected), the method of moments, as `plink2 --het`; `transitions`, `transversions`, `ti_tv`,
    `insertions`, `deletions`, `insertion_deletion_ratio`, `singletons` (ALT alleles no other sample of the view
    carries); `mean_depth` (reads) and `mean_gq` over the calls that have the field; hints of contamination from the
    reads of heterozygous calls: `het_allele_balance` the mean share of ALT, `het_imbalance` the mean distance of that
    share from a half, `het_unbalanced_rate` the calls outside the bounds; `sex_given`, `sex_shown` and
    `sex_check` (match, mismatch, ambiguous, not given; null where not assessed), from `f_x`, the F of X, and
    `y_call_rate`; `depth_x`, `depth_y` relative to autosomes; `filter`: PASS, or what the sample fails, joined by ";".
    """


def sample_table(
    view: StoreView,
    tally: Tally,
    kinds: npt.NDArray[np.int8],
    facts: SampleFacts,
    fields: SampleFields,
    sex: SexCheck,
    limits: Thresholds,
    provenance: Provenance,
) -> tuple[SampleQC, Judged]:
    """Return the table of the samples of a view, and how they were judged."""
    n = view.n_samples
    count = dict(zip(SAMPLE_COLUMNS, tally.samples.T, strict=True))
    called = count["hom_ref"] + count["het"] + count["hom_alt"]
    called_autosomal, homozygous = tally.called[AUTOSOME], tally.homozygous[AUTOSOME]
    expected_het = (int(tally.expected_het[kinds == AUTOSOME].sum()) - tally.missing_het[AUTOSOME]) / FIXED_POINT
    metrics: dict[str, Floats] = {
        "call_rate": ratio(called, called + count["missing"]),
        "het_rate": ratio(count["het"], called),
        "het_hom_ratio": ratio(count["het"], count["hom_alt"]),
        # (observed - expected homozygous) / (called - expected homozygous) = 1 - observed / expected heterozygous
        "f_inbreeding": 1.0 - ratio(called_autosomal - homozygous, expected_het),
        "ti_tv": ratio(count["transitions"], count["transversions"]),
        "insertion_deletion_ratio": ratio(count["insertions"], count["deletions"]),
        "singletons": count["singletons"].astype(np.float64),
        "mean_depth": fields.mean_depth,
        "mean_gq": fields.mean_gq,
        "het_imbalance": fields.het_imbalance,
    }
    judged = judge("sample", n, _checks(metrics, facts, sex, limits), limits)
    whole = {name: numbers(count[name]) for name in SAMPLE_COLUMNS}
    float_of = {name: nullable(values) for name, values in metrics.items()}
    columns: dict[str, pa.Array] = {"sample_id": text([str(name) for name in view.sample_ids])}
    for name, codes, names in (
        ("group", facts.group, facts.group_names),
        ("batch", facts.batch, facts.batch_names),
    ):
        if codes is not None:
            columns[name] = words(codes, list(names))
    columns |= {
        "called": numbers(called),
        "missing": whole["missing"],
        "call_rate": float_of["call_rate"],
        **{name: whole[name] for name in ("hom_ref", "het", "hom_alt")},
        **{name: float_of[name] for name in ("het_rate", "het_hom_ratio")},
        "called_autosomes": numbers(called_autosomal),
        "homozygous_observed": numbers(homozygous),
        "homozygous_expected": nullable(called_autosomal - expected_het),
        "f_inbreeding": float_of["f_inbreeding"],
        **{name: whole[name] for name in ("transitions", "transversions")},
        "ti_tv": float_of["ti_tv"],
        **{name: whole[name] for name in ("insertions", "deletions")},
        "insertion_deletion_ratio": float_of["insertion_deletion_ratio"],
        "singletons": whole["singletons"],
        "mean_depth": float_of["mean_depth"],
        "mean_gq": float_of["mean_gq"],
        "het_allele_balance": nullable(fields.het_allele_balance),
        "het_imbalance": float_of["het_imbalance"],
        "het_unbalanced_rate": nullable(fields.het_unbalanced_rate),
        "sex_given": words(facts.sex, list(NAMES)),
        "sex_shown": words(sex.shown, list(NAMES)),
        "sex_check": words(sex.check, list(CHECKS)),
        "f_x": nullable(sex.f_x),
        "y_call_rate": nullable(sex.y_call_rate),
        "depth_x": nullable(fields.depth_x),
        "depth_y": nullable(fields.depth_y),
        "filter": judged.verdict,
    }
    return SampleQC(pa.table(columns), provenance), judged


def _checks(metrics: dict[str, Floats], facts: SampleFacts, sex: SexCheck, limits: Thresholds) -> list[Check]:
    few = limits.value("samples.outlier_samples_min")
    checks = [Check("samples.call_rate_min", "call_rate", metrics["call_rate"], above=False)]
    if facts.sex_given:
        mismatch = np.where(sex.check >= 0, sex.check == CHECKS.index("mismatch"), np.nan).astype(np.float64)
        checks.append(Check("samples.sex_mismatches_max", "sex_mismatch", mismatch, above=True))
    for name in OUTLIER_METRICS:
        distance = np.abs(deviations(metrics[name], facts.group, few))
        checks.append(Check("samples.outlier_mads_max", f"outlier_{name}", distance, above=True))
    return checks
