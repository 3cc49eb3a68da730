"""Screens one sample for the genes of a panel: genotypes, annotation, coverage and identity make the findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from genomics_dc.annotation.alleles import is_sequence
from genomics_dc.annotation.annotate import Annotation
from genomics_dc.annotation.known import significance_groups
from genomics_dc.errors import InputError, UsageError
from genomics_dc.files import sha256_file
from genomics_dc.provenance import software_version
from genomics_dc.reference import contigs
from genomics_dc.reference.genes import GeneModels, Transcript, read_genes
from genomics_dc.reference.so_terms import rank
from genomics_dc.screening.classification import Evidence, FrequencyEvidence, classify
from genomics_dc.screening.coverage import gene_coverage, read_bed
from genomics_dc.screening.identity import checks_of, parentage_confirmed, read_identity
from genomics_dc.screening.inheritance import (
    Genotype,
    Locus,
    Sex,
    genotype_text,
    origin,
    phase,
    segregation,
    zygosity,
)
from genomics_dc.screening.model import (
    CarriedVariant,
    Classification,
    Consequence,
    Findings,
    KnownRecord,
    ParentCall,
    Phase,
    Segregation,
    Zygosity,
)
from genomics_dc.screening.panels import Panel, PanelGene, load_panel
from genomics_dc.screening.rules import Rules, load_rules
from genomics_dc.store.read import StoreView

_FILL = -2
_NOT_BASES = "allele without bases (*, symbolic, breakend)"
_NOT_IMPORTANT = "only intronic, untranslated or non-coding, and no known record of importance"
_NO_TRANSCRIPT = "outside every transcript of the gene"


@dataclass
class _Call:
    """One carried allele with everything known of it, before pairs are looked for."""

    gene: PanelGene
    contig: str
    position: int
    ref: str
    alt: str
    allele: int
    identifier: str | None
    filters: tuple[str, ...]
    genotype: Genotype
    phased: bool
    zygosity: Zygosity
    segregation: Segregation
    father: Genotype | None
    mother: Genotype | None
    depth: int | None
    allele_depth: tuple[int, ...] | None
    quality: int | None
    parent_calls: tuple[ParentCall, ...]
    cohort: tuple[int, int]
    effect: Mapping[str, Any] | None
    others: list[Mapping[str, Any]]
    known: Sequence[Mapping[str, Any]]
    frequency: FrequencyEvidence
    partner: _Call | None = field(default=None, repr=False)
    phase: Phase | None = None

    @property
    def key(self) -> str:
        return f"{self.contig}-{self.position}-{self.ref}-{self.alt}"

    @property
    def terms(self) -> set[str]:
        rows = [*([self.effect] if self.effect is not None else []), *self.others]
        return {term for row in rows if row["gene"] == self.gene.symbol for term in row["so_terms"]}

    @property
    def known_groups(self) -> set[str]:
        return {group for row in self.known for group in row["groups"]}


def screen(
    store: StoreView | Path | str,
    sample: str,
    panel: Panel | Path | str,
    annotation: Annotation | Path | str,
    callable_bed: Path | str,
    genes: GeneModels | Path | str,
    identity: Path | str | None = None,
    *,
    father: str | None = None,
    mother: str | None = None,
    sex: Sex | None = None,
    affected: bool | None = None,
    callable_fraction_min: float | None = None,
    rules: Rules | None = None,
    assembly: str | None = None,
    language: str = "en",
) -> Findings:
    """Return what a panel finds in one sample.

    Parameters
    ----------
    store
        A store or a view of all its samples; cohort counts are over the samples of the view, this one included.
    sample, father, mother
        Opaque sample ids in the store; a parent who is not given is unknown, never reference.
    panel
        A panel, its name, or the path of its file.
    annotation
        The folder that `annotate` made from this very store with these very gene models.
    callable_bed
        Zero-based BED of the bases in which this sample could be judged.
    genes
        Gene models, GFF3; a panel gene that is not there is an error that names it.
    identity
        The run's identity checks (JSON); without it every check is "not assessable".
    sex
        Makes a male's calls on X and Y hemizygous.
    affected
        Whether the person has the condition: PM3, PS2 and PM6 are judged only when true.
    callable_fraction_min
        A gene under this share of callable coding bases is not assessed; the rules' value by default.
    language
        Which of the panel's names of a condition `GeneCoverage.condition` carries.

    Raises
    ------
    InputError
        An unknown sample, gene or transcript; an annotation of another store or of other gene models; a bad file.
    """
    view = store if isinstance(store, StoreView) else StoreView.open(store)
    chosen = load_panel(panel)
    rule_set = rules or load_rules()
    folder = annotation if isinstance(annotation, Annotation) else Annotation.open(annotation)
    models = genes if isinstance(genes, GeneModels) else read_genes(genes)
    limit = rule_set.screening.callable_fraction_min if callable_fraction_min is None else callable_fraction_min
    if not 0 < limit <= 1:
        raise UsageError(f"callable_fraction_min must lie above 0 and at most at 1, not {limit}")
    _check_same(view, folder, models)
    family = [name for name in (sample, father, mother) if name is not None]
    if len(set(family)) != len(family):
        raise UsageError(f"sample, father and mother must be three different samples, came {', '.join(family)}")
    view.samples(family)
    transcripts = chosen.transcripts(models)
    build = assembly or view.assembly or "unknown"
    reader = _Reader(view, folder, sample, father, mother, sex, build)
    calls: list[_Call] = []
    not_listed: Counter[str] = Counter()
    for gene in chosen.genes:
        found = reader.gene(gene, transcripts[gene.symbol], models, not_listed)
        for call in found:
            if call.effect is None and not call.known:
                not_listed[_NO_TRANSCRIPT] += 1
            elif call.terms & rule_set.screening.listed_consequences or (
                call.known_groups & rule_set.screening.listed_known
            ):
                calls.append(call)
            else:
                not_listed[_NOT_IMPORTANT] += 1
    checks = read_identity(identity)
    confirmed = parentage_confirmed(checks, sample, father, mother)
    variants = _judged(calls, transcripts, rule_set, affected=affected, confirmed=confirmed)
    return Findings(
        sample_id=sample,
        assembly=build,
        panel=chosen.name,
        panel_version=chosen.version,
        panel_source=chosen.source,
        panel_title=chosen.title,
        variants=variants,
        coverage=gene_coverage(
            chosen,
            transcripts,
            read_bed(callable_bed),
            callable_fraction_min=limit,
            undecided=reader.undecided,
            language=language,
        ),
        identity=checks_of(checks, sample),
        not_listed=dict(sorted(not_listed.items())),
        thresholds=_thresholds(rule_set, limit),
        versions=_versions(chosen, rule_set, folder, models),
        checksums=_checksums(view, chosen, rule_set, folder, callable_bed, identity),
    )


def _check_same(view: StoreView, folder: Annotation, models: GeneModels) -> None:
    if folder.store_hash != view.store_hash:
        raise InputError(
            f"the annotation {folder.path} was made from another state of the store than {view.path} has now; "
            "run `genomics-dc annotate` again"
        )
    used = folder.summary["sources"]["genes"]["sha256"]
    if used != models.sha256:
        raise InputError(
            f"the annotation {folder.path} was made with other gene models than {models.path}; give the same file, or "
            "run `genomics-dc annotate` again"
        )


class _Reader:
    """Reads the carried alleles of one gene from the store and joins what the annotation says of them."""

    def __init__(
        self,
        view: StoreView,
        folder: Annotation,
        sample: str,
        father: str | None,
        mother: str | None,
        sex: Sex | None,
        assembly: str,
    ) -> None:
        self._view = view
        self._folder = folder
        self._sex = sex
        self._assembly = assembly
        place = {str(name): number for number, name in enumerate(view.sample_ids)}
        self._sample = place[sample]
        self._parents = tuple(
            (role, name, None if name is None else place[name])
            for role, name in (("father", father), ("mother", mother))
        )
        wanted = ("call_genotype", "call_DP", "call_AD", "call_GQ", "call_genotype_phased")
        self._fields = tuple(name for name in wanted if name in view.fields)
        source = folder.summary["sources"].get("frequencies", {})
        self._covered: dict[str, list[list[int]]] = source.get("covered", {})
        self._allele_number: int | None = source.get("allele_number")
        # Reference bases, zero-based half-open, of sites at which the sample has no genotype, or half of one.
        self.undecided: dict[str, list[tuple[int, int]]] = {}

    def gene(
        self, gene: PanelGene, transcript: Transcript, models: GeneModels, not_listed: Counter[str]
    ) -> list[_Call]:
        """Return the alleles that the sample carries anywhere in the transcripts of a gene."""
        members = [item for item in models.by_gene[gene.symbol] if item.contig == transcript.contig]
        start, end = min(item.start for item in members), max(item.end for item in members)
        contig = contigs.resolve(transcript.contig, self._view.contigs)
        if contig is None:
            raise InputError(
                f"{self._view.path} has no contig {transcript.contig}, on which gene {gene.symbol} lies; "
                "screen a store that was called over the panel's genes"
            )
        region = self._view.region(contig, start, end)
        sites = region.sites()
        if not len(sites):
            return []
        first = min(start, int(sites.position.min()) - 1)  # a deletion may start far before the gene it reaches into
        tables = {
            name: _by_allele(self._folder.rows(name, contig, first, end))
            for name in ("consequences", "known", "frequencies")
        }
        row_of = {int(index): row for row, index in enumerate(sites.index)}
        calls: list[_Call] = []
        for block in region.blocks(*self._fields):
            genotypes = block["call_genotype"]
            for local in np.flatnonzero((genotypes[:, self._sample] == -1).any(axis=1)):
                row = row_of[int(block.index[local])]
                at = int(sites.position[row]) - 1
                self.undecided.setdefault(contigs.canonical(contig), []).append((at, at + len(sites.ref[row])))
            for local in np.flatnonzero((genotypes[:, self._sample] > 0).any(axis=1)):
                row = row_of[int(block.index[local])]
                calls += self._site(gene, sites, row, block.arrays, int(local), tables, not_listed)
        return calls

    def _site(
        self,
        gene: PanelGene,
        sites: Any,
        row: int,
        arrays: Mapping[str, Any],
        local: int,
        tables: Mapping[str, Mapping[tuple[int, str, str], list[dict[str, Any]]]],
        not_listed: Counter[str],
    ) -> list[_Call]:
        genotypes = arrays["call_genotype"][local]
        genotype = _genotype(genotypes[self._sample])
        contig, position, ref = str(sites.contig[row]), int(sites.position[row]), str(sites.ref[row]).upper()
        alts = str(sites.alt[row]).split(",")
        identifier = str(sites.identifier[row])
        phased = (
            bool(arrays["call_genotype_phased"][local][self._sample]) if "call_genotype_phased" in arrays else False
        )
        parents = {role: None if number is None else _genotype(genotypes[number]) for role, _, number in self._parents}
        parent_calls = tuple(
            ParentCall.model_validate(
                {
                    "role": role,
                    "sample_id": name,
                    "genotype": genotype_text(parents[role] or ()),
                    "depth_reads": _number(arrays, "call_DP", local, number),
                }
            )
            for role, name, number in self._parents
            if number is not None
        )
        locus = Locus(contig, position, self._assembly, self._sex)
        calls = []
        for allele in sorted({number for number in genotype if number > 0}):
            alt = alts[allele - 1].upper()
            if not (is_sequence(ref) and is_sequence(alt)):
                not_listed[_NOT_BASES] += 1
                continue
            state = zygosity(genotype, allele, locus)
            key = (position, ref, alt)
            effects = tables["consequences"].get(key, [])
            own, others = _split(effects, gene)
            calls.append(
                _Call(
                    gene=gene,
                    contig=contig,
                    position=position,
                    ref=ref,
                    alt=alt,
                    allele=allele,
                    identifier=None if identifier == "." else identifier,
                    filters=tuple(str(sites.filters[row]).split(";")),
                    genotype=genotype,
                    phased=phased,
                    zygosity=state,
                    segregation=segregation(
                        state, allele, parents["father"], parents["mother"], recessive=gene.recessive, locus=locus
                    ),
                    father=parents["father"],
                    mother=parents["mother"],
                    depth=_number(arrays, "call_DP", local, self._sample),
                    allele_depth=_depths(arrays, local, self._sample),
                    quality=_number(arrays, "call_GQ", local, self._sample),
                    parent_calls=parent_calls,
                    cohort=(int((genotypes == allele).sum()), int((genotypes >= 0).sum())),
                    effect=own,
                    others=others,
                    known=tables["known"].get(key, []),
                    frequency=FrequencyEvidence(
                        tables["frequencies"].get(key, []), self._searched(contig, position), self._allele_number
                    ),
                )
            )
        return calls

    def _searched(self, contig: str, position: int) -> bool:
        spans = self._covered.get(contigs.canonical(contig), [])
        return any(start <= position - 1 < end for start, end in spans)


def _split(
    effects: Sequence[Mapping[str, Any]], gene: PanelGene
) -> tuple[Mapping[str, Any] | None, list[Mapping[str, Any]]]:
    """Return the row of the panel's transcript (else the gene's most severe) and the other rows, most severe first."""
    ranked = sorted(effects, key=lambda row: (_severity(row), row["gene"] != gene.symbol, row["transcript"]))
    wanted = gene.transcript.split(".")[0]
    own = next((row for row in ranked if row["transcript"].split(".")[0] == wanted), None)
    if own is None:
        own = next((row for row in ranked if row["gene"] == gene.symbol), None)
    return own, [row for row in ranked if row is not own]


def _severity(row: Mapping[str, Any]) -> int:
    return min((rank(term) for term in row["so_terms"]), default=rank(""))


def _by_allele(rows: Iterable[dict[str, Any]]) -> dict[tuple[int, str, str], list[dict[str, Any]]]:
    table: dict[tuple[int, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        table.setdefault((row["position"], row["ref"], row["alt"]), []).append(row)
    return table


def _genotype(values: Any) -> Genotype:
    return tuple(int(value) for value in values if int(value) != _FILL)


def _number(arrays: Mapping[str, Any], name: str, local: int, sample: int | None) -> int | None:
    """Return a whole number of one call, None when the store has no such field or the value is missing."""
    if name not in arrays or sample is None:
        return None
    value = np.asarray(arrays[name][local][sample]).reshape(-1)[0]
    if np.isnan(value) or value < 0:
        return None
    return round(float(value))


def _depths(arrays: Mapping[str, Any], local: int, sample: int) -> tuple[int, ...] | None:
    """Return the reads of each allele, reference first, None when any is missing."""
    if "call_AD" not in arrays:
        return None
    values = [int(value) for value in np.asarray(arrays["call_AD"][local][sample]).reshape(-1) if int(value) != _FILL]
    return None if not values or min(values) < 0 else tuple(values)


def _judged(
    calls: list[_Call],
    transcripts: Mapping[str, Transcript],
    rules: Rules,
    *,
    affected: bool | None,
    confirmed: bool,
) -> tuple[CarriedVariant, ...]:
    """Classify, pair, classify again with the pair in view, and return the variants in order of gene and position."""

    def evidence(call: _Call, partner_pathogenic: str | None = None) -> Evidence:
        own = call.effect if call.effect is not None and call.effect["gene"] == call.gene.symbol else None
        return Evidence(
            position=call.position,
            effect=own,
            transcript=transcripts[call.gene.symbol],
            gene=call.gene,
            frequency=call.frequency,
            zygosity=call.zygosity,
            segregation=call.segregation,
            phase=call.phase,
            partner_pathogenic=partner_pathogenic,
            affected=affected,
            parentage_confirmed=confirmed,
        )

    first = [classify(evidence(call), rules) for call in calls]
    _find_pairs(calls, first, rules)
    alarms = {id(call): _pathogenic_by(call, verdict) for call, verdict in zip(calls, first, strict=True)}
    variants = []
    for call in calls:
        partner = call.partner
        verdict = classify(evidence(call, None if partner is None else alarms[id(partner)]), rules)
        variants.append(_variant(call, verdict))
    return tuple(variants)


def _pathogenic_by(call: _Call, verdict: Classification) -> str | None:
    """Return what calls a variant (likely) pathogenic: these rules, or a known record; None when nothing does."""
    if verdict.significance in ("pathogenic", "likely_pathogenic"):
        return f"{call.key}, {verdict.rules}"
    for row in call.known:
        if set(row["groups"]) & {"pathogenic", "likely_pathogenic"}:
            return f"{call.key}, {row['source']} {row['accession']}"
    return None


def _find_pairs(calls: list[_Call], verdicts: list[Classification], rules: Rules) -> None:
    """Give each heterozygous candidate in a recessive gene its best partner: in trans before unknown before cis."""
    candidates: dict[str, list[_Call]] = {}
    for call, verdict in zip(calls, verdicts, strict=True):
        if not call.gene.recessive or call.zygosity != "heterozygous":
            continue
        alarming = _pathogenic_by(call, verdict) is not None
        common = any(criterion.code in ("BA1", "BS1") for criterion in verdict.criteria)
        if alarming or (call.terms & rules.screening.pair_consequences and not common):
            candidates.setdefault(call.gene.symbol, []).append(call)
    order = {"trans": 0, "unknown": 1, "cis": 2}
    points = {id(call): verdict.points for call, verdict in zip(calls, verdicts, strict=True)}
    for members in candidates.values():
        for call in members:
            options = [(_phase_of(call, other), other) for other in members if other is not call]
            if not options:
                continue
            best = min(
                options,
                key=lambda option: (
                    order[option[0]],
                    not option[1].known_groups & {"pathogenic", "likely_pathogenic"},
                    -points[id(option[1])],
                    option[1].position,
                    option[1].alt,
                ),
            )
            call.phase, call.partner = best
        for call in members:
            if call.phase == "trans":
                call.segregation = "compound_heterozygous"


def _phase_of(call: _Call, other: _Call) -> Phase:
    """Return how two heterozygous alleles of one person lie; two ALT alleles of one site are always in trans."""
    if (call.contig, call.position, call.ref) == (other.contig, other.position, other.ref):
        return "trans" if other.allele in call.genotype else "unknown"
    return phase(origin(call.allele, call.father, call.mother), origin(other.allele, other.father, other.mother))


def _variant(call: _Call, verdict: Classification) -> CarriedVariant:
    own = call.effect
    return CarriedVariant(
        contig=call.contig,
        position=call.position,
        ref=call.ref,
        alt=call.alt,
        identifier=call.identifier,
        gene=call.gene.symbol,
        genotype=genotype_text(call.genotype, phased=call.phased),
        zygosity=call.zygosity,
        depth_reads=call.depth,
        allele_depth_reads=call.allele_depth,
        genotype_quality=call.quality,
        filters=call.filters,
        consequence=_consequence(own)
        if own is not None
        else Consequence(gene=call.gene.symbol, transcript=call.gene.transcript, so_terms=()),
        other_consequences=tuple(_consequence(row) for row in call.others),
        cohort_allele_count=call.cohort[0],
        cohort_allele_number=call.cohort[1],
        population_frequencies={
            f"{row['source']} {row['population']}": row["allele_frequency"]
            for row in call.frequency.rows
            if row["allele_frequency"] is not None
        },
        known=tuple(
            KnownRecord(
                source=row["source"],
                source_version=row["source_version"],
                accession=row["accession"],
                significance=row["significance"] or "not given",
                review_status=row["review_status"],
                conditions=tuple(row["conditions"] or ()),
            )
            for row in call.known
        ),
        segregation=call.segregation,
        partner=None if call.partner is None else call.partner.key,
        phase=call.phase,
        parents=call.parent_calls,
        classification=verdict,
    )


def _consequence(row: Mapping[str, Any]) -> Consequence:
    return Consequence(
        gene=row["gene"],
        transcript=row["transcript"],
        so_terms=tuple(row["so_terms"]),
        hgvs_c=row["hgvs_c"],
        hgvs_p=row["hgvs_p"],
    )


def is_known_pathogenic(variant: CarriedVariant) -> bool:
    """Return whether any known record calls a variant pathogenic or likely pathogenic."""
    return any(
        set(significance_groups(record.significance)) & {"pathogenic", "likely_pathogenic"} for record in variant.known
    )


def _thresholds(rules: Rules, callable_fraction_min: float) -> dict[str, float]:
    return {
        "callable_fraction_min": callable_fraction_min,
        "BA1_allele_frequency_above": rules.BA1.allele_frequency_above,
        "BS1_allele_frequency_above": rules.BS1.allele_frequency_above,
        "PM2_allele_frequency_at_most": rules.PM2.allele_frequency_at_most,
    }


def _versions(panel: Panel, rules: Rules, folder: Annotation, models: GeneModels) -> dict[str, str]:
    versions = {
        "genomics_dc": software_version(),
        "rules": f"{rules.name} {rules.version}",
        "panel": f"{panel.name} {panel.version}",
        "gene models": models.version or models.path.name,
        **{name: str(version) for name, version in folder.summary["tools"].items()},
    }
    for role, label in (("known", "known variants"), ("frequencies", "population frequencies")):
        source = folder.summary["sources"].get(role)
        versions[label] = f"{source['name']} {source['version']}" if source else "none given"
    return dict(sorted(versions.items()))


def _checksums(
    view: StoreView,
    panel: Panel,
    rules: Rules,
    folder: Annotation,
    callable_bed: Path | str,
    identity: Path | str | None,
) -> dict[str, str]:
    sums = {
        "store": view.store_hash,
        "panel": panel.checksum,
        "rules": rules.checksum,
        "callable regions": sha256_file(callable_bed),
        **{role: str(item["sha256"]) for role, item in folder.summary["sources"].items() if "sha256" in item},
    }
    if identity is not None:
        sums["identity"] = sha256_file(identity)
    return dict(sorted(sums.items()))
