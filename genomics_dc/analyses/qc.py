"""Sample and variant quality of a cohort: counted by blocks, judged by thresholds, written with plots and a page.

Nothing is removed: a variant or sample is marked with what it fails, and a table says how many would fall where. Which
calls count is said in `quality.counting`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from genomics_dc.analyses.contig_kinds import contig_kinds, may_hold_x
from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.quality.counting import Counter, Tally
from genomics_dc.analyses.quality.facts import SampleFacts, read_facts
from genomics_dc.analyses.quality.families import (
    QCBatches,
    QCFamilies,
    QCTrios,
    batch_table,
    family_table,
    trio_table,
)
from genomics_dc.analyses.quality.fields import sample_field_means
from genomics_dc.analyses.quality.missingness import differential_missingness
from genomics_dc.analyses.quality.pictures import QCPlots
from genomics_dc.analyses.quality.samples import SampleQC, sample_table
from genomics_dc.analyses.quality.sex import SexCheck, check_sex
from genomics_dc.analyses.quality.steps import PASS, SCHEMA, Judged, QCSteps
from genomics_dc.analyses.quality.variants import CLASS_NAMES, VariantQC, variant_table
from genomics_dc.analyses.site_columns import VariantColumns, variant_columns
from genomics_dc.analyses.thresholds import Thresholds, load_thresholds
from genomics_dc.errors import InputError
from genomics_dc.files import atomic_directory, write_text
from genomics_dc.kernels.counts import TRANSITION, TRANSVERSION
from genomics_dc.kernels.whole_counts import AUTOSOME, X
from genomics_dc.provenance import JsonValue, Provenance
from genomics_dc.results import Result, described_html, elapsed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from genomics_dc.store.read import StoreView

__all__ = [
    "PASS",
    "QCBatches",
    "QCFamilies",
    "QCPlots",
    "QCResult",
    "QCSteps",
    "QCTrios",
    "SampleQC",
    "VariantQC",
    "quality",
    "sample_quality",
    "variant_quality",
]


@dataclass(frozen=True, repr=False)
class QCResult:
    """Quality of the variants and samples of a view, the table of thresholds, and a summary.

    `batches`, `trios` and `families` are there when their tables were given. Prints as its shape and verdict; `.plot`
    draws, `.write(dir)` writes everything.
    """

    variants: VariantQC
    samples: SampleQC
    steps: QCSteps
    summary: Mapping[str, JsonValue]
    thresholds: Thresholds
    view: StoreView
    batches: QCBatches | None = None
    trios: QCTrios | None = None
    families: QCFamilies | None = None

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
        """The plots: `.missingness()`, `.heterozygosity()`, `.outliers()`, `.hwe_qq()`, … ; see `QCPlots`."""
        return QCPlots(self)

    def passing(self) -> StoreView:
        """Return the view of the variants and samples that pass every threshold."""
        rows = self.view.sites_index()[_passes(self.variants)]
        ids = self.view.sample_ids[_passes(self.samples)]
        return self.view.variants(index=rows).samples(str(name) for name in ids)

    def tables(self) -> dict[str, Result]:
        """Return every table by its file name, without the table of thresholds."""
        named = {
            "variants": self.variants,
            "samples": self.samples,
            "batches": self.batches,
            "trios": self.trios,
            "families": self.families,
        }
        return {name: table for name, table in named.items() if table is not None}

    def write(self, directory: Path | str, *, force: bool = False) -> Path:
        """Write page, tables, plots and the MultiQC section into a new directory, whole or not at all; return its path.

        `index.html`, one file that needs no network; each table as Parquet and TSV, `steps.tsv`, `summary.json`,
        `plots/NAME.svg` and `.png`; `passing_variants.txt` and `passing_samples.txt`, ids for `--extract` and `--keep`;
        and `genomics_dc_*_mqc.json`, which MultiQC finds by their names.
        """
        from genomics_dc.analyses.multiqc import multiqc_sections
        from genomics_dc.analyses.quality.page import quality_page
        from genomics_dc.plots import style

        target = Path(directory)
        with atomic_directory(target, force=force) as staging:
            for name, result in self.tables().items():
                result.write(staging / f"{name}.parquet")
                result.write(staging / f"{name}.tsv")
            self.steps.write(staging / "steps.tsv")
            for name, result, column in (
                ("variants", self.variants, "variant_id"),
                ("samples", self.samples, "sample_id"),
            ):
                ids = result.table[column].filter(pa.array(_passes(result))).to_pylist()
                write_text(staging / f"passing_{name}.txt", "".join(f"{one}\n" for one in ids))
            write_text(staging / "summary.json", json.dumps(self.summary, indent=2, ensure_ascii=False) + "\n")
            for name, section in multiqc_sections(self).items():
                write_text(staging / f"{name}_mqc.json", json.dumps(section, indent=1, ensure_ascii=False) + "\n")
            (staging / "plots").mkdir()
            pictures: dict[str, bytes] = {}
            for name, figure in self.plot.all().items():
                svg, _ = style.save(figure, staging / "plots" / name)
                pictures[name] = svg.read_bytes()
            write_text(staging / "index.html", quality_page(self, pictures))
        return target


def _passes(result: Result) -> npt.NDArray[np.bool_]:
    """Return bool of the rows that fail no threshold."""
    verdict = result.table["filter"].cast(pa.string()).to_numpy()
    passing: npt.NDArray[np.bool_] = verdict == PASS
    return passing


def quality(
    view: StoreView,
    *,
    thresholds: Thresholds | Path | str | None = None,
    sex: Any = None,
    pedigree: Any = None,
    batches: Any = None,
    groups: Any = None,
    phenotypes: Any = None,
    trait: str | None = None,
    strict: bool = False,
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
    sex, pedigree, batches, groups, phenotypes, trait, strict
        Tables by sample: see `quality.facts.read_facts`. Sexes say what a call on X and Y means and are held against
        what X and Y show; trios of the pedigree give Mendelian errors; batches, and cases and controls of `trait`,
        give call rates and the p of their difference; outliers are judged within groups (of ancestry, say).
    threads
        The result is the same for any number.
    progress
        Told what is being done and the share done, 0 to 1.

    Raises
    ------
    InputError, UsageError
        When the view has no samples, or a table or the thresholds are wrong.
    StoreError
        When a chunk of the store is damaged.

    Examples
    --------
    >>> qc = quality(open_store("cohort.vcz"), sex="sex.tsv", groups="ancestry.tsv", threads=2)
    >>> qc.samples.to_pandas().query("filter != 'PASS'")
    >>> qc.write("qc/")
    """
    tables = {"sex": sex, "pedigree": pedigree, "batches": batches, "groups": groups, "phenotypes": phenotypes}
    counted = _Counted.of(view, tables, trait, strict, thresholds, threads, progress)
    provenance = counted.provenance("qc")
    variants, variant_verdict = counted.variants(provenance)
    samples, sample_verdict, sex_check = counted.samples(provenance, threads)
    steps = QCSteps(pa.Table.from_pylist(variant_verdict.steps + sample_verdict.steps, schema=SCHEMA), provenance)
    facts = counted.facts
    trios = None if facts.trios is None else trio_table(view, facts, counted.tally, provenance)
    return QCResult(
        variants,
        samples,
        steps,
        counted.summary(variant_verdict, sample_verdict, sex_check),
        counted.limits,
        view,
        batches=None if facts.batch is None else batch_table(facts, samples.table, sample_verdict.passing, provenance),
        trios=trios,
        families=None if trios is None else family_table(trios),
    )


def variant_quality(
    view: StoreView,
    *,
    thresholds: Thresholds | Path | str | None = None,
    strict: bool = False,
    threads: int = 1,
    progress: Callable[[str, float], None] | None = None,
    sex: Any = None,
    pedigree: Any = None,
    batches: Any = None,
    phenotypes: Any = None,
    trait: str | None = None,
) -> VariantQC:
    """Return the variants of `quality` alone, and faster: what the store has counted already is not counted again.

    Parameters are those of `quality`.

    Examples
    --------
    >>> variant_quality(open_store("cohort.vcz")).write("variants.parquet")  # doctest: +SKIP
    """
    tables = {"sex": sex, "pedigree": pedigree, "batches": batches, "phenotypes": phenotypes}
    counted = _Counted.of(view, tables, trait, strict, thresholds, threads, progress, of_samples=False)
    return counted.variants(counted.provenance("variant_qc"))[0]


def sample_quality(
    view: StoreView,
    *,
    thresholds: Thresholds | Path | str | None = None,
    strict: bool = False,
    threads: int = 1,
    progress: Callable[[str, float], None] | None = None,
    sex: Any = None,
    groups: Any = None,
) -> SampleQC:
    """Return the samples of `quality` alone; parameters are those of `quality`.

    Examples
    --------
    >>> sample_quality(open_store("cohort.vcz")).write("sample_qc.tsv")  # doctest: +SKIP
    """
    tables = {"sex": sex, "groups": groups}
    counted = _Counted.of(view, tables, None, strict, thresholds, threads, progress, of_variants=False)
    return counted.samples(counted.provenance("sample_qc"), threads)[0]


@dataclass(frozen=True)
class _Counted:
    """A view, counted: what tables are made of."""

    view: StoreView
    columns: VariantColumns
    kinds: npt.NDArray[np.int8]
    facts: SampleFacts
    counter: Counter
    tally: Tally
    limits: Thresholds

    @classmethod
    def of(
        cls,
        view: StoreView,
        tables: Mapping[str, Any],
        trait: str | None,
        strict: bool,
        thresholds: Thresholds | Path | str | None,
        threads: int,
        progress: Callable[[str, float], None] | None,
        *,
        of_variants: bool = True,
        of_samples: bool = True,
    ) -> _Counted:
        limits = load_thresholds(thresholds)
        if view.n_samples == 0:
            raise InputError(f"{view.path} has no samples in this view; quality is counted over genotypes of samples")
        facts = read_facts(view, **tables, trait=trait, strict=strict)
        position = of_variants or may_hold_x(view)
        columns = variant_columns(view, words=of_variants, position=position, threads=threads)
        kinds = contig_kinds(view, columns.contig, columns.position)
        counter = Counter(view, columns, kinds, facts, of_variants=of_variants, of_samples=of_samples)
        tell = progress or (lambda _step, _share: None)
        tally = counter.count(threads, tell)
        tell("judging", 1.0)
        return cls(view, columns, kinds, facts, counter, tally, limits)

    def provenance(self, operation: str) -> Provenance:
        limits = {**self.limits.values("variants"), **self.limits.values("samples")}
        parameters: dict[str, JsonValue] = {
            "hwe": "exact test, mid-p",
            "thresholds": cast("JsonValue", limits),
            "rows_without_sample": dict(self.facts.unknown),
            "samples_without_row": dict(self.facts.absent),
        }
        if self.facts.trait is not None:
            parameters["trait"] = self.facts.trait
        return provenance_of(operation, self.view, parameters, inputs=self.facts.inputs)

    def variants(self, provenance: Provenance) -> tuple[VariantQC, Judged]:
        missingness = differential_missingness(self.tally, self.facts, self.counter.masks)
        return variant_table(self.columns, self.tally, self.kinds, self.facts, missingness, self.limits, provenance)

    def samples(self, provenance: Provenance, threads: int) -> tuple[SampleQC, Judged, SexCheck]:
        limits = self.limits
        fields = sample_field_means(
            self.view,
            self.kinds,
            reads_min=limits.value("samples.balance_reads_min"),
            share_min=limits.value("samples.balance_share_min"),
            share_max=limits.value("samples.balance_share_max"),
            threads=threads,
        )
        sex = check_sex(self.tally, self.kinds, self.facts.sex, limits)
        table, judged = sample_table(self.view, self.tally, self.kinds, self.facts, fields, sex, limits, provenance)
        return table, judged, sex

    def summary(self, variants: Judged, samples: Judged, sex: SexCheck) -> dict[str, JsonValue]:
        """Return the figures of the whole cohort, and what was left undone and why."""
        view, tally, facts = self.view, self.tally, self.facts
        alts = self.columns.classes[:, 1:]
        by_class = {name: int((alts == code).sum()) for code, name in enumerate(CLASS_NAMES)}
        genotypes, missing = int(tally.genotypes.sum()), int(tally.genotypes[:, 3].sum())
        transversions = by_class[CLASS_NAMES[TRANSVERSION]]
        return {
            "store": view.path.name,
            "store_hash": view.store_hash,
            "samples": view.n_samples,
            "samples_pass": int(samples.passing.sum()),
            "variants": len(self.columns),
            "variants_pass": int(variants.passing.sum()),
            "variants_with_one_allele": int(
                ((tally.allele_count == 0) | (tally.allele_count == tally.allele_number)).sum()
            ),
            "variants_with_many_alleles": int((self.columns.n_alleles > 2).sum()),
            "genotypes_missing_rate": missing / genotypes if genotypes else None,
            "alt_alleles": dict(by_class),
            "ti_tv": by_class[CLASS_NAMES[TRANSITION]] / transversions if transversions else None,
            "variants_not_on_autosomes": int((self.kinds != AUTOSOME).sum()),
            "trios": None if facts.trios is None else len(facts.trios),
            "incomplete_trios": facts.incomplete_trios,
            "rows_without_sample": dict(facts.unknown),
            "samples_without_row": dict(facts.absent),
            "notes": list(self._notes(sex)),
            "note": None if len(self.columns) else "the view has no variants, so nothing was counted",
        }

    def _notes(self, sex: SexCheck) -> list[str]:
        facts = self.facts
        notes = []
        if sex.note is not None:
            notes.append(sex.note)
        on_x = int((self.kinds == X).sum())
        if on_x and not facts.sex_given:
            notes.append(
                f"{on_x:,} variants are on X and no sexes were given: Hardy-Weinberg is not tested there, and calls "
                "are counted as they stand; give a table of sexes"
            )
        if on_x and self.view.assembly is None:
            notes.append("the assembly of the store is not recorded, so the pseudoautosomal regions count as X")
        if facts.incomplete_trios:
            notes.append(
                f"{facts.incomplete_trios:,} children have one parent only, or one that is not in this view: "
                "their genotypes are not held against their parents'"
            )
        for role, number in facts.unknown.items():
            if number:
                notes.append(f"{number:,} rows of the table of {role} are about samples that the store does not have")
        for role, number in facts.absent.items():
            if number:
                notes.append(f"{number:,} samples of this view have no row in the table of {role}")
        return notes
