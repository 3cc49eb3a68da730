"""The plots of a quality result, and what each shows, in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genomics_dc.analyses.quality.arithmetic import Floats
from genomics_dc.analyses.quality.samples import OUTLIER_METRICS
from genomics_dc.analyses.quality.steps import deviations

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from genomics_dc.analyses.qc import QCResult
    from genomics_dc.results import Result

_METRIC_NAMES = {
    "f_inbreeding": "inbreeding F",
    "het_hom_ratio": "het/hom",
    "ti_tv": "Ti/Tv",
    "insertion_deletion_ratio": "insertions/deletions",
    "singletons": "singletons",
    "mean_depth": "mean depth",
    "mean_gq": "mean GQ",
    "het_imbalance": "imbalance of hets",
}


_CRITERION_NAMES = {
    "missing_rate": "missing genotypes",
    "hwe": "Hardy-Weinberg",
    "batch_missing": "missing by batch",
    "case_missing": "missing in cases",
    "mendel": "Mendelian errors",
    "call_rate": "call rate",
    "sex_mismatch": "sex",
    **{f"outlier_{name}": f"outlier in {text}" for name, text in _METRIC_NAMES.items()},
}


def spoken(criterion: str) -> str:
    """Return a criterion as people say it."""
    return _CRITERION_NAMES.get(criterion, criterion)


@dataclass(frozen=True)
class QCPlots:
    """The plots of a quality result; each method returns a matplotlib figure."""

    result: QCResult = field(repr=False)

    def missingness(self) -> Figure:
        """Share of missing genotypes, by variant and by sample."""
        from genomics_dc.plots import qc

        return qc.missingness(
            floats(self.result.variants, "missing_rate"),
            1.0 - floats(self.result.samples, "call_rate"),
            self.result.thresholds.value("variants.missing_rate_max"),
            self.result.thresholds.value("samples.call_rate_min"),
        )

    def heterozygosity(self) -> Figure:
        """Heterozygous calls of each sample against its missing genotypes."""
        from genomics_dc.plots import qc

        return qc.heterozygosity(
            floats(self.result.samples, "het_rate"),
            1.0 - floats(self.result.samples, "call_rate"),
            pc.match_substring(_words(self.result.samples, "filter"), "f_inbreeding").to_numpy().astype(bool),
        )

    def outliers(self) -> Figure:
        """How far each sample lies from the median of its group, in every measure."""
        from genomics_dc.plots import qc_samples

        table = self.result.samples.table
        group = None
        if "group" in table.column_names:
            group = table["group"].combine_chunks().indices.fill_null(-1).to_numpy(zero_copy_only=False)
        few = self.result.thresholds.value("samples.outlier_samples_min")
        distances = {
            _METRIC_NAMES[name]: deviations(floats(self.result.samples, name), group, few) for name in OUTLIER_METRICS
        }
        return qc_samples.outliers(distances, self.result.thresholds.value("samples.outlier_mads_max"))

    def allele_frequency(self) -> Figure:
        """How many variants are how rare."""
        from genomics_dc.plots import qc

        return qc.allele_frequency(
            floats(self.result.variants, "AC"), floats(self.result.variants, "AN"), len(self.result.samples)
        )

    def hwe_qq(self) -> Figure:
        """Hardy-Weinberg p against what equilibrium would give."""
        from genomics_dc.plots import qc

        return qc.hwe_qq(
            floats(self.result.variants, "hwe_neg_log10_p"),
            self.result.thresholds.value("variants.hwe_p_min"),
            len(self.result.samples),
        )

    def ti_tv(self) -> Figure:
        """Transitions per transversion, by allele frequency and by sample."""
        from genomics_dc.plots import qc

        return qc.ti_tv(
            _words(self.result.variants, "allele_class").to_numpy(),
            floats(self.result.variants, "AF"),
            floats(self.result.samples, "ti_tv"),
        )

    def sex(self) -> Figure:
        """F of X against calls on Y, by the sex given."""
        from genomics_dc.plots import qc_samples

        samples, limits = self.result.samples, self.result.thresholds
        return qc_samples.sex(
            floats(samples, "f_x"),
            floats(samples, "y_call_rate"),
            _words(samples, "sex_given").to_numpy(),
            pc.is_in(_words(samples, "sex_check"), pa.array(["mismatch"])).to_numpy().astype(bool),
            limits.value("samples.sex_f_female_max"),
            limits.value("samples.sex_f_male_min"),
        )

    def batches(self) -> Figure:
        """Call rates of the samples of each batch."""
        from genomics_dc.plots import qc_samples

        assert self.result.batches is not None
        names = self.result.batches.table["batch"].to_pylist()
        batch = np.array(self.result.samples.table["batch"].to_pylist(), dtype=object)
        rates = floats(self.result.samples, "call_rate")
        limit = self.result.thresholds.value("samples.call_rate_min")
        return qc_samples.batches(names, [rates[batch == name] for name in names], limit)

    def all(self) -> dict[str, Figure]:
        """Every plot by its file name; those of sex and of batches where there is something to show."""
        figures = {
            "missingness": self.missingness(),
            "heterozygosity": self.heterozygosity(),
            "outliers": self.outliers(),
            "allele_frequency": self.allele_frequency(),
            "hwe_qq": self.hwe_qq(),
            "ti_tv": self.ti_tv(),
        }
        if self.result.samples.table["f_x"].null_count < len(self.result.samples):
            figures["sex"] = self.sex()
        if self.result.batches is not None:
            figures["batches"] = self.batches()
        return figures

    def in_words(self) -> dict[str, str]:
        """Return what each plot shows, for who cannot see it."""
        result, limits = self.result, self.result.thresholds
        missing, call_rate = floats(result.variants, "missing_rate"), floats(result.samples, "call_rate")
        p, het = floats(result.variants, "hwe_neg_log10_p"), floats(result.samples, "het_rate")
        f_x = floats(result.samples, "f_x")
        frequency = floats(result.variants, "AF")
        tested = p[np.isfinite(p)]
        failing = {row["criterion"]: row["failing"] for row in result.steps.table.to_pylist()}
        outlying = ", ".join(
            f"{_METRIC_NAMES[name]} {failing[f'outlier_{name}']:,}"
            for name in OUTLIER_METRICS
            if failing[f"outlier_{name}"]
        )
        rare = np.minimum(frequency, 1.0 - frequency)
        least = f"{limits.value('variants.hwe_p_min'):g}" if limits.value("variants.hwe_p_min") is not None else "off"
        return {
            "missingness": f"Two histograms of missing genotypes. By variant: {_spread(missing)}. "
            f"By sample: {_spread(1.0 - call_rate)}.",
            "heterozygosity": f"Scatter plot of the share of heterozygous calls of each sample: {_spread(het)}.",
            "outliers": "Strip plot of how far each sample lies from the median of its group. Outliers: "
            + (outlying or "none")
            + ".",
            "allele_frequency": f"Bar chart of how many variants are how rare: {int((rare < 0.01).sum()):,} below 1 %, "
            f"{int(((rare >= 0.01) & (rare < 0.05)).sum()):,} from 1 to 5 %, {int((rare >= 0.05).sum()):,} above.",
            "hwe_qq": f"Observed against expected minus log 10 p of {tested.size:,} Hardy-Weinberg tests; the largest "
            f"is {tested.max():.3g}; limit p {least}, {failing['hwe']:,} beyond it."
            if tested.size
            else "No variant could be tested for Hardy-Weinberg equilibrium.",
            "ti_tv": f"Transitions per transversion by allele frequency, and by sample: "
            f"{_plain(floats(result.samples, 'ti_tv'))}.",
            "sex": f"Scatter plot of F of X against calls on Y: {int((f_x < 0.5).sum()):,} samples with F below 0.5, "
            f"{int((f_x >= 0.5).sum()):,} above; {failing.get('sex_mismatch', 0):,} not of the sex given.",
            "batches": "Call rates of the samples of each batch: "
            + "; ".join(
                f"{row['batch']} {row['call_rate']:.2%}" for row in result.batches.table.to_pylist() if row["call_rate"]
            )
            + "."
            if result.batches is not None
            else "",
        }


def _spread(rates: Floats) -> str:
    known = rates[np.isfinite(rates)]
    if not known.size:
        return "nothing is known"
    return f"median {np.median(known):.2%}, from {known.min():.2%} to {known.max():.2%}, {known.size:,} in all"


def _plain(values: Floats) -> str:
    known = values[np.isfinite(values)]
    if not known.size:
        return "nothing is known"
    return f"median {np.median(known):.2f}, from {known.min():.2f} to {known.max():.2f}"


def _words(result: Result, name: str) -> pa.ChunkedArray:
    return result.table[name].cast(pa.string())


def floats(result: Result, name: str) -> Floats:
    """Return a column as float64, NaN where null."""
    column: Floats = result.table[name].to_numpy().astype(np.float64)
    return column
