"""Sample and variant quality of a cohort: counted by blocks, judged by thresholds, written with plots.

Nothing is removed: a variant or sample is marked with what it fails, and a table says how many would fall where.

Which calls count. A half-call (0/.) is a missing genotype. On autosomes a haploid call counts as two copies, as in
PLINK; on X, Y and the mitochondrion, and at sites of many ALT alleles, whole genotypes of any ploidy are read.
Hardy-Weinberg and F are of autosomes; at many ALT alleles Hardy-Weinberg sets the reference against the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.tally import (
    CLASS_CODES,
    FIXED_POINT,
    Tally,
    allele_classes,
    count_genotypes,
    is_autosome,
    mean_by_sample,
    ratio,
)
from genomics_dc.analyses.thresholds import Thresholds, load_thresholds
from genomics_dc.errors import InputError
from genomics_dc.files import atomic_directory, write_text
from genomics_dc.kernels import counts as count_kernels
from genomics_dc.kernels import hwe
from genomics_dc.provenance import JsonValue, Provenance
from genomics_dc.results import Result, described_html, elapsed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from genomics_dc.store.read import Sites, StoreView

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

PASS = "PASS"  # noqa: S105 (the VCF word, no password)
_MAD_TO_STANDARD_DEVIATION = 1.4826
_OUTLIER_METRICS = ("f_inbreeding", "het_hom_ratio", "ti_tv", "singletons", "mean_depth")


class VariantQC(Result):
    """One row per variant of the view.

    `chromosome`, `base_pair_location` (one-based), `variant_id`, `ref`, `alt`; numbers of samples `hom_ref`, `het`,
    `hom_alt`, `missing`; `AC` copies of all ALT alleles together, `AC_by_allele` (comma-separated, where there is more
    than one), `AN`, `AF` = AC / AN; `missing_rate`; `hwe_p`, exact mid-p, with `hwe_neg_log10_p`, and `hwe_note` when
    there is none; `allele_class` of the (first) ALT allele; `filter`: PASS, or the thresholds failed, joined by ";".
    """


class SampleQC(Result):
    """One row per sample, in the order of the view.

    `sample_id`; numbers of variants `called`, `missing`, `hom_ref`, `het`, `hom_alt`; `call_rate`; `het_rate` =
    het / called; `het_hom_ratio` = het / hom_alt; `f_inbreeding` = (observed - expected homozygous) / (called -
    expected), autosomes, as `plink2 --het`; `transitions`, `transversions`, `ti_tv`, `insertions`, `deletions`,
    `insertion_deletion_ratio`, `singletons` (ALT alleles no other sample of the view carries); `mean_depth` (reads) and
    `mean_gq` over the calls that have the field; `filter`: PASS, or what the sample fails, joined by ";".
    """


class QCSteps(Result):
    """One row per threshold, in the order applied: what it asks, how many fail it, and how many are left after it.

    `level` (variant, sample), `criterion`, `threshold`, `unit`, `failing` (alone), `removed` (of those still left),
    `left`, `not_assessed`, `why`, `source`.
    """


@dataclass(frozen=True, repr=False)
class QCResult:
    """Quality of the variants and samples of a view, the table of thresholds, and a summary.

    Prints as its shape and verdict; `.plot` draws, `.write(dir)` writes everything.
    """

    variants: VariantQC
    samples: SampleQC
    steps: QCSteps
    summary: Mapping[str, JsonValue]
    thresholds: Thresholds

    def __repr__(self) -> str:
        good_variants, good_samples = self.summary["variants_pass"], self.summary["samples_pass"]
        return (
            f"QCResult({len(self.variants):,} variants x {len(self.samples):,} samples; "
            f"{good_variants:,} variants and {good_samples:,} samples pass)"
        )

    def _repr_html_(self) -> str:
        summary = self.summary
        facts = {
            what: f"{summary[what]:,}, {summary[f'{what}_pass']:,} pass all thresholds"
            for what in ("variants", "samples")
        }
        return described_html(self, facts | elapsed(self))

    @property
    def plot(self) -> QCPlots:
        """The plots: `.missingness()`, `.heterozygosity()`, `.allele_frequency()`, `.hwe_qq()`, `.ti_tv()`."""
        return QCPlots(self)

    def write(self, directory: Path | str, *, force: bool = False) -> Path:
        """Write tables, plots and the MultiQC section into a new directory, whole or not at all; return its path.

        `variants` and `samples` as Parquet and TSV, `steps.tsv`, `summary.json`, `plots/NAME.svg` and `.png`, and
        `genomics_dc_*_mqc.json`, which MultiQC finds by their names.
        """
        from genomics_dc.analyses.multiqc import multiqc_sections
        from genomics_dc.plots import style

        target = Path(directory)
        with atomic_directory(target, force=force) as staging:
            for name, result in (("variants", self.variants), ("samples", self.samples)):
                result.write(staging / f"{name}.parquet")
                result.write(staging / f"{name}.tsv")
            self.steps.write(staging / "steps.tsv")
            write_text(staging / "summary.json", json.dumps(self.summary, indent=2, ensure_ascii=False) + "\n")
            for name, section in multiqc_sections(self).items():
                write_text(staging / f"{name}_mqc.json", json.dumps(section, indent=1, ensure_ascii=False) + "\n")
            (staging / "plots").mkdir()
            for name, figure in self.plot.all().items():
                style.save(figure, staging / "plots" / name)
        return target


@dataclass(frozen=True)
class QCPlots:
    """The plots of a quality result; each method returns a matplotlib figure."""

    result: QCResult = field(repr=False)

    def missingness(self) -> Figure:
        """Share of missing genotypes, by variant and by sample."""
        from genomics_dc.plots import qc

        return qc.missingness(
            _floats(self.result.variants, "missing_rate"),
            1.0 - _floats(self.result.samples, "call_rate"),
            self.result.thresholds.value("variants.missing_rate_max"),
            self.result.thresholds.value("samples.call_rate_min"),
        )

    def heterozygosity(self) -> Figure:
        """Heterozygous calls of each sample against its missing genotypes."""
        from genomics_dc.plots import qc

        flagged = ["f_inbreeding" in text for text in self.result.samples.table["filter"].to_pylist()]
        return qc.heterozygosity(
            _floats(self.result.samples, "het_rate"),
            1.0 - _floats(self.result.samples, "call_rate"),
            np.array(flagged, dtype=bool),
        )

    def allele_frequency(self) -> Figure:
        """How many variants are how rare."""
        from genomics_dc.plots import qc

        return qc.allele_frequency(
            _floats(self.result.variants, "AC"), _floats(self.result.variants, "AN"), len(self.result.samples)
        )

    def hwe_qq(self) -> Figure:
        """Hardy-Weinberg p against what equilibrium would give."""
        from genomics_dc.plots import qc

        return qc.hwe_qq(
            _floats(self.result.variants, "hwe_neg_log10_p"),
            self.result.thresholds.value("variants.hwe_p_min"),
            len(self.result.samples),
        )

    def ti_tv(self) -> Figure:
        """Transitions per transversion, by allele frequency and by sample."""
        from genomics_dc.plots import qc

        table = self.result.variants.table
        return qc.ti_tv(
            np.array(table["allele_class"].to_pylist(), dtype=object),
            _floats(self.result.variants, "AF"),
            _floats(self.result.samples, "ti_tv"),
        )

    def all(self) -> dict[str, Figure]:
        """Every plot by its file name."""
        return {
            "missingness": self.missingness(),
            "heterozygosity": self.heterozygosity(),
            "allele_frequency": self.allele_frequency(),
            "hwe_qq": self.hwe_qq(),
            "ti_tv": self.ti_tv(),
        }


def quality(
    view: StoreView,
    *,
    thresholds: Thresholds | Path | str | None = None,
    threads: int = 1,
    progress: Callable[[str, float], None] | None = None,
) -> QCResult:
    """Return the quality of every variant and sample of a view.

    Parameters
    ----------
    view
        At least one sample. A view without variants gives tables without rows or with nulls.
    thresholds
        A YAML file as `configs/qc_thresholds.yaml`, which is the default.
    threads
        The result is the same for any number.
    progress
        Told what is being done and the share done, 0 to 1.

    Raises
    ------
    InputError
        When the view has no samples, or the thresholds are wrong.
    StoreError
        When a chunk of the store is damaged.

    Examples
    --------
    >>> qc = quality(open_store("cohort.vcz"), threads=2)
    >>> qc.samples.to_pandas().query("filter != 'PASS'")
    >>> qc.write("qc/")
    """
    limits = load_thresholds(thresholds)
    if view.n_samples == 0:
        raise InputError(f"{view.path} has no samples in this view; quality is counted over genotypes of samples")
    tell = progress or (lambda _step, _share: None)
    sites = view.sites()
    classes = allele_classes(sites.ref, sites.alt)
    autosome = is_autosome(sites.contig)
    tally = count_genotypes(view, sites, classes, autosome, threads, tell)
    depth = mean_by_sample(view, "call_DP", threads)
    gq = mean_by_sample(view, "call_GQ", threads)
    tell("judging", 1.0)
    provenance = provenance_of(
        "qc",
        view,
        {
            "hwe": "exact test, mid-p",
            "thresholds": cast("JsonValue", {**limits.values("variants"), **limits.values("samples")}),
        },
    )
    first_class = np.array([row[0] if row else "none" for row in classes], dtype=object)
    variants, variant_steps = _variant_table(view, sites, tally, autosome, first_class, limits, provenance)
    samples, sample_steps = _sample_table(view, tally, depth, gq, limits, provenance)
    steps = QCSteps(pa.Table.from_pylist(variant_steps + sample_steps, schema=_STEP_SCHEMA), provenance)
    summary = _summary(view, tally, classes, variants, samples)
    return QCResult(variants, samples, steps, summary, limits)


def _variant_table(
    view: StoreView,
    sites: Sites,
    tally: Tally,
    autosome: npt.NDArray[np.bool_],
    first_class: npt.NDArray[np.object_],
    limits: Thresholds,
    provenance: Provenance,
) -> tuple[VariantQC, list[dict[str, Any]]]:
    n = len(sites)
    tested = tally.hwe_genotypes
    one_allele = (2 * tested[:, 0] + tested[:, 1] == 0) | (2 * tested[:, 2] + tested[:, 1] == 0)
    note = np.full(n, None, dtype=object)
    note[one_allele] = "one allele only"
    note[tally.allele_number == 0] = "no genotype"
    note[~autosome] = "not an autosome"
    has_test = np.array([text is None for text in note], dtype=bool)
    hom_ref, het, hom_alt = tested[has_test].T
    neg_log10 = np.full(n, np.nan)
    neg_log10[has_test] = hwe.exact_neg_log10_p(hom_ref, het, hom_alt, midp=True)
    p = np.full(n, np.nan)
    p[has_test] = hwe.exact_p(hom_ref, het, hom_alt, midp=True)
    missing_rate = ratio(tally.genotypes[:, 3], np.full(n, view.n_samples))
    checks = (
        _Check("variants.missing_rate_max", "missing_rate", missing_rate, above=True),
        _Check("variants.hwe_p_min", "hwe", p, above=False),
    )
    verdict, steps = _judge("variant", n, checks, limits)
    by_allele: list[str | None] = [None] * n
    for v, copies in tally.by_allele.items():
        by_allele[v] = ",".join(map(str, copies)) if len(copies) > 1 else None
    table = pa.table(
        {
            "chromosome": pa.array(sites.contig.tolist(), pa.string()),
            "base_pair_location": pa.array(sites.position, pa.int32()),
            "variant_id": pa.array(sites.variant_id.tolist(), pa.string()),
            "ref": pa.array(sites.ref.tolist(), pa.string()),
            "alt": pa.array(sites.alt.tolist(), pa.string()),
            "allele_class": pa.array(first_class.tolist(), pa.string()),
            **{
                name: pa.array(tally.genotypes[:, column], pa.int32())
                for column, name in enumerate(("hom_ref", "het", "hom_alt", "missing"))
            },
            "AC": pa.array(tally.allele_count, pa.int32()),
            "AC_by_allele": pa.array(by_allele, pa.string()),
            "AN": pa.array(tally.allele_number, pa.int32()),
            "AF": _nullable(ratio(tally.allele_count, tally.allele_number)),
            "missing_rate": _nullable(missing_rate),
            "hwe_p": _nullable(p),
            "hwe_neg_log10_p": _nullable(neg_log10),
            "hwe_note": pa.array(note.tolist(), pa.string()),
            "filter": pa.array(verdict, pa.string()),
        }
    )
    return VariantQC(table, provenance), steps


def _sample_table(
    view: StoreView, tally: Tally, depth: Floats, gq: Floats, limits: Thresholds, provenance: Provenance
) -> tuple[SampleQC, list[dict[str, Any]]]:
    n = view.n_samples
    count = dict(zip(count_kernels.SAMPLE_COLUMNS, tally.samples.T, strict=True))
    called = count["hom_ref"] + count["het"] + count["hom_alt"]
    homozygous, called_autosomal = tally.autosomal.T
    expected_het = (int(tally.expected_het.sum()) - tally.missing_expected_het) / FIXED_POINT
    # F = (observed - expected homozygous) / (called - expected homozygous) = 1 - observed / expected heterozygous
    inbreeding = 1.0 - ratio(called_autosomal - homozygous, expected_het)
    metrics: dict[str, Floats] = {
        "call_rate": ratio(called, called + count["missing"]),
        "het_rate": ratio(count["het"], called),
        "het_hom_ratio": ratio(count["het"], count["hom_alt"]),
        "f_inbreeding": inbreeding,
        "ti_tv": ratio(count["transitions"], count["transversions"]),
        "insertion_deletion_ratio": ratio(count["insertions"], count["deletions"]),
        "mean_depth": depth,
        "mean_gq": gq,
        "singletons": count["singletons"].astype(np.float64),
    }
    distance = {name: deviations(metrics[name]) for name in _OUTLIER_METRICS}
    few = limits.value("samples.outlier_samples_min")
    if few is not None and n < few:
        distance = {name: np.full(n, np.nan) for name in _OUTLIER_METRICS}
    checks = (
        _Check("samples.call_rate_min", "call_rate", metrics["call_rate"], above=False),
        *(
            _Check("samples.outlier_mads_max", f"outlier_{name}", np.abs(distance[name]), above=True)
            for name in _OUTLIER_METRICS
        ),
    )
    verdict, steps = _judge("sample", n, checks, limits)
    whole = {name: pa.array(count[name], pa.int64()) for name in count_kernels.SAMPLE_COLUMNS}
    table = pa.table(
        {
            "sample_id": pa.array([str(name) for name in view.sample_ids], pa.string()),
            "called": pa.array(called, pa.int64()),
            "missing": whole["missing"],
            "call_rate": _nullable(metrics["call_rate"]),
            **{name: whole[name] for name in ("hom_ref", "het", "hom_alt")},
            **{name: _nullable(metrics[name]) for name in ("het_rate", "het_hom_ratio", "f_inbreeding")},
            **{name: whole[name] for name in ("transitions", "transversions")},
            "ti_tv": _nullable(metrics["ti_tv"]),
            **{name: whole[name] for name in ("insertions", "deletions")},
            "insertion_deletion_ratio": _nullable(metrics["insertion_deletion_ratio"]),
            "singletons": whole["singletons"],
            "mean_depth": _nullable(depth),
            "mean_gq": _nullable(gq),
            "filter": pa.array(verdict, pa.string()),
        }
    )
    return SampleQC(table, provenance), steps


def deviations(values: Floats) -> Floats:
    """Return how far each value lies from the median, in scaled median absolute deviations; float64, signed.

    NaN where the value is missing, and everywhere when more than half of the values are equal: the deviation is then
    zero and gives no scale.
    """
    known = values[np.isfinite(values)]
    if known.size == 0:
        return np.full(values.shape, np.nan)
    median = float(np.median(known))
    scale = _MAD_TO_STANDARD_DEVIATION * float(np.median(np.abs(known - median)))
    return (values - median) / scale if scale > 0 else np.full(values.shape, np.nan)


@dataclass(frozen=True)
class _Check:
    """A threshold by name, the word that marks its failures, and the value of each row; NaN is not assessed."""

    threshold: str
    word: str
    values: Floats
    above: bool  # a value above the threshold fails; otherwise one below


_STEP_SCHEMA = pa.schema(
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


def _judge(level: str, n: int, checks: Sequence[_Check], limits: Thresholds) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the verdict of each row ("PASS" or the failed words) and the table of steps."""
    words: list[list[str]] = [[] for _ in range(n)]
    left = np.ones(n, dtype=bool)
    steps = []
    for check in checks:
        threshold = limits[check.threshold]
        known = np.isfinite(check.values)
        failing = np.zeros(n, dtype=bool)
        if threshold.value is not None:
            bound = threshold.value
            failing[known] = check.values[known] > bound if check.above else check.values[known] < bound
        for row in np.flatnonzero(failing):
            words[row].append(check.word)
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
    return [";".join(row) or PASS for row in words], steps


def _summary(
    view: StoreView, tally: Tally, classes: list[tuple[str, ...]], variants: VariantQC, samples: SampleQC
) -> dict[str, JsonValue]:
    by_class = {name: sum(row.count(name) for row in classes) for name in CLASS_CODES}
    genotypes = len(variants) * view.n_samples
    missing = int(tally.genotypes[:, 3].sum())
    variant_verdict, sample_verdict = variants.table["filter"].to_pylist(), samples.table["filter"].to_pylist()
    return {
        "store": view.path.name,
        "store_hash": view.store_hash,
        "samples": view.n_samples,
        "samples_pass": sample_verdict.count(PASS),
        "variants": len(variants),
        "variants_pass": variant_verdict.count(PASS),
        "variants_with_one_allele": int(
            ((tally.allele_count == 0) | (tally.allele_count == tally.allele_number)).sum()
        ),
        "variants_with_many_alleles": sum(len(row) > 1 for row in classes),
        "genotypes_missing_rate": missing / genotypes if genotypes else None,
        "alt_alleles": {name: by_class[name] for name in by_class},
        "ti_tv": by_class["transition"] / by_class["transversion"] if by_class["transversion"] else None,
        "note": None if len(variants) else "the view has no variants, so nothing was counted",
    }


def _nullable(values: Floats) -> pa.Array:
    """Return a float column in which NaN is null."""
    return pa.array(values, pa.float64(), mask=~np.isfinite(values))


def _floats(result: Result, name: str) -> Floats:
    """Return a column as float64, NaN where null."""
    column: Floats = result.table[name].to_numpy().astype(np.float64)
    return column
