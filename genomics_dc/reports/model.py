"""What a report says, as one frozen model without a language: pages are made from it and from nothing else.

Positions are one-based inclusive. What is not known is None; a gene whose coverage was not measured is not assessed.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from typing import Literal, get_args

from genomics_dc.annotation.known import significance_groups
from genomics_dc.errors import InputError, RefusedError
from genomics_dc.provenance import software_version
from genomics_dc.reports.subject import Subject
from genomics_dc.screening.model import CarriedVariant, Findings, FrozenModel, IdentityCheck, InheritanceMode

REPORT_FORMAT = "1"
LANGUAGES = ("zh-CN", "en")

# RFC 9562 version 5 within the URL namespace, so that any program can compute a report's identifier again.
_REPORT_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:genomics_dc:report")

_REPORTED = ("pathogenic", "likely_pathogenic")
_BENIGN = ("likely_benign", "benign")
_SHOWN_AS = (*_REPORTED, "by_record", "uncertain", "benign")
_ANY_COPY_MODES = ("autosomal_dominant", "mitochondrial")

HeadlineKind = Literal[
    "pathogenic_genotype",
    "pathogenic_possible",
    "pathogenic_single",
    "uncertain",
    "nothing_reportable",
    "nothing_assessed",
]
GeneFit = Literal[
    "fits", "phase_unknown", "zygosity_unknown", "partner_uncertain", "x_linked", "inheritance_unknown", "single"
]
IdentityState = Literal["checked", "not_checked", "accepted"]


class GeneResult(FrozenModel):
    """How the pathogenic and likely pathogenic variants of one gene go with the inheritance of its condition.

    `by_record` tells that only known records call them so: the rules applied here reach uncertain significance.
    """

    gene: str
    fit: GeneFit
    by_record: bool


class GeneRow(FrozenModel):
    """One gene and transcript of the panel. Base counts are None where coverage was not measured."""

    gene: str
    transcript: str | None
    inheritance: tuple[InheritanceMode, ...]
    condition: str | None
    condition_by_language: dict[str, str]
    coding_bases: int | None
    callable_bases: int | None
    callable_fraction: float | None
    callable_fraction_min: float | None
    assessed: bool
    not_callable: tuple[tuple[str, int, int], ...]


class Headline(FrozenModel):
    """What a reader must know first. `genes` are those that `kind` counts; empty for kinds that count none."""

    kind: HeadlineKind
    genes: tuple[str, ...]
    uncertain_variants: int
    panel_genes: int
    assessed_genes: int
    not_assessed_genes: tuple[str, ...]
    identity: IdentityState
    filter_warning: bool


class ReportModel(FrozenModel):
    """A report about one sample and one panel, the same for every language and format.

    `reported` are the variants that the rules call pathogenic or likely pathogenic, and those of uncertain significance
    by the rules that a known record calls so: what others have established is not hidden among the uncertain. A
    variant that the rules call benign but a record pathogenic stands with the uncertain. `disagreeing` are the keys of
    variants whose record and class disagree. Within a class variants keep the order of the findings.

    `signed` is always False here: this version of the software cannot release a report.
    """

    report_format: str
    report_id: str
    software: str
    signed: Literal[False] = False
    centre: str | None
    subject: Subject
    sample_id: str
    assembly: str
    panel: str
    panel_title: dict[str, str]
    panel_version: str
    panel_source: str
    headline: Headline
    gene_results: tuple[GeneResult, ...]
    reported: tuple[CarriedVariant, ...]
    uncertain: tuple[CarriedVariant, ...]
    benign: tuple[CarriedVariant, ...]
    disagreeing: tuple[str, ...]
    not_listed: dict[str, int]
    genes: tuple[GeneRow, ...]
    identity: tuple[IdentityCheck, ...]
    thresholds: dict[str, float]
    versions: dict[str, str]
    checksums: dict[str, str]

    def __repr__(self) -> str:
        return f"ReportModel({self.report_id})"

    __str__ = __repr__


def build(findings: Findings, subject: Subject, *, centre: str | None = None) -> ReportModel:
    """Return the report that the findings justify, in no language yet.

    Parameters
    ----------
    findings
        What screening found; a report is refused while an identity finding stands that nobody accepted.
    subject
        Whom the report is about; `subject.sample_id` must be the sample of the findings.
    centre
        Name of the centre as the page header prints it.

    Raises
    ------
    RefusedError
        An identity check disagrees and was not accepted; the sentence names the checks.
    InputError
        Subject and findings are of different samples.
    """
    if findings.blocked_by:
        checks = "; ".join(f"{check.check} ({check.detail})" for check in findings.blocked_by)
        raise RefusedError(
            f"no report on sample {findings.sample_id}: the identity check disagrees: {checks}; correct the sample "
            "sheet, or accept the finding by name in the configuration under identity.accept"
        )
    if subject.sample_id != findings.sample_id:
        raise InputError(
            f"the findings are of sample {findings.sample_id}, the person given has sample {subject.sample_id}; "
            "give the person whose sample was screened"
        )
    genes = _gene_rows(findings)
    by_class: dict[str, list[CarriedVariant]] = {name: [] for name in _SHOWN_AS}
    for variant in findings.variants:
        by_class[_shown_as(variant)].append(variant)
    reported = (*by_class["pathogenic"], *by_class["likely_pathogenic"], *by_class["by_record"])
    uncertain = tuple(by_class["uncertain"])
    results = _gene_results(reported, uncertain, genes)
    content = ReportModel(
        report_format=REPORT_FORMAT,
        report_id="",
        software=f"genomics_dc {software_version()}",
        centre=centre,
        subject=subject,
        sample_id=findings.sample_id,
        assembly=findings.assembly,
        panel=findings.panel,
        panel_title=findings.panel_title,
        panel_version=findings.panel_version,
        panel_source=findings.panel_source,
        headline=_headline(reported, uncertain, results, genes, findings.identity),
        gene_results=results,
        reported=reported,
        uncertain=uncertain,
        benign=tuple(by_class["benign"]),
        disagreeing=tuple(variant.key for variant in findings.variants if _disagrees(variant)),
        not_listed=findings.not_listed,
        genes=genes,
        identity=findings.identity,
        thresholds=findings.thresholds,
        versions=findings.versions,
        checksums=findings.checksums,
    )
    return _identified(content)


def with_centre(model: ReportModel, centre: str) -> ReportModel:
    """Return the same report under another centre's name; its identifier changes with its content."""
    return _identified(model.model_copy(update={"centre": centre}))


def _identified(model: ReportModel) -> ReportModel:
    """Return the model with the identifier of its content, the identifier itself left out."""
    content = model.model_copy(update={"report_id": ""})
    return content.model_copy(update={"report_id": str(uuid.uuid5(_REPORT_NAMESPACE, content.model_dump_json()))})


def _record_groups(variant: CarriedVariant) -> set[str]:
    """Return what the known records of a variant say, in the groups of the ClinVar terms."""
    return {group for record in variant.known for group in significance_groups(record.significance)}


def _shown_as(variant: CarriedVariant) -> str:
    significance = variant.classification.significance
    if significance in _REPORTED:
        return significance
    if _record_groups(variant).intersection(_REPORTED):
        return "by_record" if significance == "uncertain_significance" else "uncertain"
    return "uncertain" if significance == "uncertain_significance" else "benign"


def _disagrees(variant: CarriedVariant) -> bool:
    """Return whether records say pathogenic and the rules do not, or the rules do and the records say benign."""
    groups = _record_groups(variant)
    pathogenic = bool(groups.intersection(_REPORTED))
    if variant.classification.significance in _REPORTED:
        return not pathogenic and bool(groups.intersection(_BENIGN))
    return pathogenic


def _gene_rows(findings: Findings) -> tuple[GeneRow, ...]:
    """Return a row for each gene covered, and one without figures for each gene that only has variants."""
    rows = []
    for gene in findings.coverage:
        measured = gene.coding_bases > 0
        rows.append(
            GeneRow(
                gene=gene.gene,
                transcript=gene.transcript,
                inheritance=gene.inheritance,
                condition=gene.condition,
                condition_by_language=gene.condition_by_language,
                coding_bases=gene.coding_bases if measured else None,
                callable_bases=gene.callable_bases if measured else None,
                callable_fraction=gene.callable_fraction if measured else None,
                callable_fraction_min=gene.callable_fraction_min,
                assessed=measured and gene.assessed,
                not_callable=gene.not_callable,
            )
        )
    covered = {row.gene for row in rows}
    uncovered = dict.fromkeys(variant.gene for variant in findings.variants if variant.gene not in covered)
    rows += [
        GeneRow(
            gene=gene,
            transcript=None,
            inheritance=(),
            condition=None,
            condition_by_language={},
            coding_bases=None,
            callable_bases=None,
            callable_fraction=None,
            callable_fraction_min=None,
            assessed=False,
            not_callable=(),
        )
        for gene in uncovered
    ]
    return tuple(rows)


def _gene_results(
    reported: tuple[CarriedVariant, ...], uncertain: tuple[CarriedVariant, ...], genes: tuple[GeneRow, ...]
) -> tuple[GeneResult, ...]:
    modes: dict[str, set[str]] = defaultdict(set)
    for row in genes:
        modes[row.gene].update(row.inheritance)
    by_gene: dict[str, list[CarriedVariant]] = defaultdict(list)
    for variant in reported:
        by_gene[variant.gene].append(variant)
    uncertain_keys = {variant.key for variant in uncertain}
    return tuple(
        GeneResult(
            gene=gene,
            fit=_fit(variants, modes[gene], uncertain_keys),
            by_record=all(variant.classification.significance not in _REPORTED for variant in variants),
        )
        for gene, variants in by_gene.items()
    )


def _fit(variants: list[CarriedVariant], modes: set[str], uncertain_keys: set[str]) -> GeneFit:
    """Return how the reported variants of one gene go with its modes of inheritance; doubt never lowers the alarm."""
    if modes.intersection(_ANY_COPY_MODES) or any(one.zygosity in ("homozygous", "hemizygous") for one in variants):
        return "fits"
    keys = {variant.key for variant in variants}
    if any(variant.partner in keys and _in_trans(variant) for variant in variants):
        return "fits"
    if len(variants) > 1 and not (len(variants) == 2 and all(one.phase == "cis" for one in variants)):
        return "phase_unknown"
    if any(variant.zygosity == "unknown" for variant in variants):
        return "zygosity_unknown"
    if any(variant.partner in uncertain_keys and variant.phase != "cis" for variant in variants):
        return "partner_uncertain"
    if "x_linked" in modes:
        # The panel does not say whether one copy is enough, so this is not called a carrier.
        return "x_linked"
    return "single" if modes else "inheritance_unknown"


def _in_trans(variant: CarriedVariant) -> bool:
    return variant.phase == "trans" or (variant.phase is None and variant.segregation == "compound_heterozygous")


def _headline(
    reported: tuple[CarriedVariant, ...],
    uncertain: tuple[CarriedVariant, ...],
    results: tuple[GeneResult, ...],
    genes: tuple[GeneRow, ...],
    identity: tuple[IdentityCheck, ...],
) -> Headline:
    symbols = dict.fromkeys(row.gene for row in genes)
    # A gene with two transcripts is assessed only when both are.
    not_assessed = {row.gene for row in genes if not row.assessed}
    kind: HeadlineKind
    counted: tuple[str, ...] = ()
    if fitting := tuple(result.gene for result in results if result.fit == "fits"):
        kind, counted = "pathogenic_genotype", fitting
    elif possible := tuple(result.gene for result in results if result.fit != "single"):
        kind, counted = "pathogenic_possible", possible
    elif results:
        kind, counted = "pathogenic_single", tuple(result.gene for result in results)
    elif uncertain:
        kind = "uncertain"
    elif len(not_assessed) == len(symbols):
        kind = "nothing_assessed"
    else:
        kind = "nothing_reportable"
    state: IdentityState = "checked"
    if not identity or any(check.status == "not_assessable" for check in identity):
        state = "not_checked"
    if any(check.status == "accepted" for check in identity):
        state = "accepted"
    return Headline(
        kind=kind,
        genes=counted,
        uncertain_variants=len(uncertain),
        panel_genes=len(symbols),
        assessed_genes=len(symbols) - len(not_assessed),
        not_assessed_genes=tuple(gene for gene in symbols if gene in not_assessed),
        identity=state,
        filter_warning=any(set(variant.filters) - {"PASS", "."} for variant in reported),
    )


GENE_FITS: tuple[str, ...] = get_args(GeneFit)
