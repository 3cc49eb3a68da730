"""ACMG/AMP 2015 criteria that can be judged from data here, summed as points; rule-based, not reviewed.

The rules, their numbers and their sources are in configs/rules/. A ClinVar class is never a criterion here: it stands
beside the class.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genomics_dc.reference.genes import Transcript
from genomics_dc.screening.model import Classification, Criterion, Phase, Segregation, Strength, Zygosity
from genomics_dc.screening.panels import PanelGene
from genomics_dc.screening.rules import Rules

_NULL = {"stop_gained", "frameshift_variant", "splice_donor_variant", "splice_acceptor_variant", "start_lost"}
_IN_FRAME = {"inframe_insertion", "inframe_deletion", "protein_altering_variant"}
_INTRON_OFFSET = re.compile(r"[0-9]([+-])([0-9]+)")
# Walker et al. 2023, doi:10.1016/j.ajhg.2023.06.002: intronic positions at or beyond +7 and -21 are away from splicing.
_DEEP_DONOR, _DEEP_ACCEPTOR = 7, 21


@dataclass(frozen=True)
class FrequencyEvidence:
    """What population sources say of an allele.

    `rows` are rows of the frequencies table; `searched` tells whether a source has records around the site, so that
    being absent from it means something; `allele_number` is how many alleles that source usually has.
    """

    rows: Sequence[Mapping[str, Any]] = ()
    searched: bool = False
    allele_number: int | None = None


@dataclass(frozen=True)
class Evidence:
    """Everything the criteria look at. `effect` is a row of the consequences table on `transcript`, or None.

    `partner_pathogenic` names what calls the partner in the same gene pathogenic or likely pathogenic, None when
    nothing does. `affected` is whether the person has the condition, None when not known.
    """

    position: int
    effect: Mapping[str, Any] | None
    transcript: Transcript
    gene: PanelGene
    frequency: FrequencyEvidence
    zygosity: Zygosity
    segregation: Segregation
    phase: Phase | None = None
    partner_pathogenic: str | None = None
    affected: bool | None = None
    parentage_confirmed: bool = False


def classify(evidence: Evidence, rules: Rules) -> Classification:
    """Return the class of a variant, with every criterion met and its values, and the codes that were not assessed."""
    met: list[Criterion] = []
    open_codes = list(rules.not_assessed)
    for judge in (_pvs1, _de_novo, _pm2, _pm3, _pm4, _common, _bp7):
        found, unassessed = judge(evidence, rules)
        met += found
        open_codes += unassessed
    points = sum(criterion.points for criterion in met)
    stands_alone = any(criterion.strength == "stand_alone" for criterion in met)
    return Classification(
        significance="benign" if stands_alone else rules.significance(points),
        points=points,
        criteria=tuple(met),
        criteria_not_assessed=tuple(sorted(set(open_codes))),
        rules=f"{rules.name} {rules.version}",
        rules_source=rules.source.strip(),
    )


_Judgement = tuple[list[Criterion], list[str]]


def _criterion(rules: Rules, code: str, strength: Strength, **values: str | int | float) -> Criterion:
    sign = -1 if code.startswith("B") else 1
    return Criterion(code=code, strength=strength, points=sign * rules.score(strength), values=values)


def _terms(evidence: Evidence) -> set[str]:
    return set(evidence.effect["so_terms"]) if evidence.effect is not None else set()


def _pvs1(evidence: Evidence, rules: Rules) -> _Judgement:
    """PVS1: null variant in a gene where loss of function causes the condition."""
    null = _terms(evidence) & _NULL
    if not null:
        return [], []
    effect, rule = evidence.effect, rules.PVS1
    assert effect is not None
    if not evidence.gene.loss_of_function:
        return [], ["PVS1"]
    source = evidence.gene.loss_of_function_source or ""
    if null & {"stop_gained", "frameshift_variant"}:
        decay, length, first = effect["nmd_predicted"], effect["protein_length"], effect["protein_position"]
        if decay is None or not length or not first:
            return [], ["PVS1"]
        lost = round((length - first + 1) / length, 4)
        strength = rule.decay_predicted if decay else _by_fraction(lost, rules)
        return [
            _criterion(
                rules, "PVS1", strength, consequence=sorted(null)[0], decay_predicted=str(bool(decay)).lower(),
                protein_lost_fraction=lost, mechanism=source,
            )
        ], []  # fmt: skip
    if "start_lost" in null:
        return [_criterion(rules, "PVS1", rule.start_lost, consequence="start_lost", mechanism=source)], []
    skipped = _skipped_exon(evidence.transcript, evidence.position - 1)
    if skipped is None:
        return [], ["PVS1"]
    coding, fraction = skipped
    strength = rule.splice_out_of_frame if coding % 3 else _by_fraction(fraction, rules)
    return [
        _criterion(
            rules, "PVS1", strength, consequence=sorted(null)[0], skipped_coding_bases=coding,
            protein_lost_fraction=fraction, mechanism=source,
        )
    ], []  # fmt: skip


def _by_fraction(lost: float, rules: Rules) -> Strength:
    rule = rules.PVS1
    reached = lost >= rule.protein_lost_fraction_min
    return rule.lost_fraction_reached if reached else rule.lost_fraction_not_reached


def _skipped_exon(transcript: Transcript, position: int) -> tuple[int, float] | None:
    """Return (coding bases, share of the coding sequence) of the exon beside a splice site; None at the outer exons.

    Without its first or last coding exon a transcript loses its start or stop, which these rules do not judge.
    """
    nearest = min(transcript.exons, key=lambda exon: min(abs(position - exon[0]), abs(position - (exon[1] - 1))))
    coding = sum(max(0, min(nearest[1], end) - max(nearest[0], start)) for start, end in transcript.cds)
    outer = any(nearest[0] <= edge < nearest[1] for edge in (transcript.cds[0][0], transcript.cds[-1][1] - 1))
    if coding == 0 or outer:
        return None
    return coding, round(coding / transcript.coding_bases, 4)


def _de_novo(evidence: Evidence, rules: Rules) -> _Judgement:
    """PS2 or PM6: a new variant in an affected person."""
    if evidence.segregation != "de_novo":
        return [], []
    if evidence.affected is not True:
        return [], ["PS2", "PM6"] if evidence.affected is None else []
    if evidence.parentage_confirmed:
        return [_criterion(rules, "PS2", rules.PS2_PM6.parentage_confirmed, parentage="confirmed by kinship")], []
    return [_criterion(rules, "PM6", rules.PS2_PM6.parentage_assumed, parentage="assumed")], []


def _seen(evidence: Evidence, number_min: int) -> list[Mapping[str, Any]]:
    """Return population rows that are large enough and have a frequency."""
    return [
        row
        for row in evidence.frequency.rows
        if row["allele_frequency"] is not None and (row["allele_number"] or 0) >= number_min
    ]


def _pm2(evidence: Evidence, rules: Rules) -> _Judgement:
    """PM2: absent from, or very rare in, a population source that is large enough and has records here."""
    frequency, rule = evidence.frequency, rules.PM2
    if any((row["allele_frequency"] or 0) > rule.allele_frequency_at_most for row in frequency.rows):
        return [], []
    if frequency.rows:
        large = _seen(evidence, rule.allele_number_min)
        if not large:
            return [], ["PM2"]
        top = max(large, key=lambda row: row["allele_frequency"])
        values: dict[str, str | int | float] = {
            "population": f"{top['source']} {top['population']}",
            "allele_frequency": top["allele_frequency"],
            "allele_number": top["allele_number"],
        }
        return [_criterion(rules, "PM2", rule.strength, **values)], []
    if not frequency.searched or (frequency.allele_number or 0) < rule.allele_number_min:
        return [], ["PM2"]
    absent: dict[str, str | int | float] = {"allele_frequency": "absent", "allele_number": frequency.allele_number or 0}
    return [_criterion(rules, "PM2", rule.strength, **absent)], []


def _pm3(evidence: Evidence, rules: Rules) -> _Judgement:
    """PM3: the other copy of a recessive gene is changed too, in an affected person."""
    if not evidence.gene.recessive:
        return [], []
    homozygous = evidence.segregation == "homozygous_recessive"
    paired = evidence.partner_pathogenic is not None and evidence.phase in ("trans", "unknown")
    if not (homozygous or paired):
        return [], []
    if evidence.affected is not True:
        return [], ["PM3"] if evidence.affected is None else []
    if homozygous:
        return [_criterion(rules, "PM3", rules.PM3.homozygous, configuration="homozygous")], []
    strength = rules.PM3.trans_with_pathogenic if evidence.phase == "trans" else rules.PM3.phase_unknown_with_pathogenic
    return [
        _criterion(
            rules, "PM3", strength, configuration=f"phase {evidence.phase}", partner=evidence.partner_pathogenic or ""
        )
    ], []


def _pm4(evidence: Evidence, rules: Rules) -> _Judgement:
    """PM4: the length of the protein changes: stop lost, or in frame outside a tandem repeat."""
    terms = _terms(evidence)
    if evidence.effect is None or terms & _NULL:
        return [], []
    if "stop_lost" in terms:
        return [_criterion(rules, "PM4", rules.PM4.strength, consequence="stop_lost")], []
    in_frame = terms & _IN_FRAME
    if not in_frame or evidence.effect["in_tandem_repeat"]:
        return [], []
    if evidence.effect["in_tandem_repeat"] is None:
        return [], ["PM4"]
    return [_criterion(rules, "PM4", rules.PM4.strength, consequence=sorted(in_frame)[0], tandem_repeat="no")], []


def _common(evidence: Evidence, rules: Rules) -> _Judgement:
    """BA1, else BS1: too common for the condition."""
    if not evidence.frequency.rows and not evidence.frequency.searched:
        return [], ["BA1", "BS1"]
    bs1_above = evidence.gene.benign_frequency_above or rules.BS1.allele_frequency_above
    for code, rule, above in (
        ("BA1", rules.BA1, rules.BA1.allele_frequency_above),
        ("BS1", rules.BS1, bs1_above),
    ):
        rows = [row for row in _seen(evidence, rule.allele_number_min) if row["allele_frequency"] > above]
        if rows:
            top = max(rows, key=lambda row: row["allele_frequency"])
            return [
                _criterion(
                    rules, code, rule.strength, population=f"{top['source']} {top['population']}",
                    allele_frequency=top["allele_frequency"], allele_number=top["allele_number"], above=above,
                )
            ], []  # fmt: skip
    return [], []


def _bp7(evidence: Evidence, rules: Rules) -> _Judgement:
    """BP7: synonymous or deep in an intron, away from splice sites; the values say that no predictor was run."""
    terms = _terms(evidence)
    if evidence.effect is None or "splice_region_variant" in terms or terms & _NULL:
        return [], []
    if "synonymous_variant" in terms:
        where = "synonymous, outside splice regions"
    elif "intron_variant" in terms and _deep(evidence.effect["hgvs_c"]):
        where = "intronic, at or beyond +7 or -21"
    else:
        return [], []
    return [_criterion(rules, "BP7", rules.BP7.strength, position=where, splicing_predictor="not run")], []


def _deep(hgvs_c: str | None) -> bool:
    """Return whether every intronic position of a description is deep in its intron."""
    offsets = _INTRON_OFFSET.findall(hgvs_c or "")
    return bool(offsets) and all(
        int(number) >= (_DEEP_DONOR if sign == "+" else _DEEP_ACCEPTOR) for sign, number in offsets
    )
