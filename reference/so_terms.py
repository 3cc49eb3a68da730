"""Sequence Ontology names of consequences, and their order of severity."""

from __future__ import annotations

from collections.abc import Iterable

SEVERITY = (
    "transcript_ablation",
    "splice_acceptor_variant",
    "splice_donor_variant",
    "stop_gained",
    "frameshift_variant",
    "stop_lost",
    "start_lost",
    "inframe_insertion",
    "inframe_deletion",
    "missense_variant",
    "protein_altering_variant",
    "splice_region_variant",
    "incomplete_terminal_codon_variant",
    "start_retained_variant",
    "stop_retained_variant",
    "synonymous_variant",
    "coding_sequence_variant",
    "5_prime_UTR_variant",
    "3_prime_UTR_variant",
    "non_coding_transcript_exon_variant",
    "intron_variant",
    "NMD_transcript_variant",
    "non_coding_transcript_variant",
    "intergenic_variant",
)
"""Most severe first, as Ensembl ranks them: https://www.ensembl.org/info/genome/variation/prediction/predicted_data.html"""

_RANK = {term: rank for rank, term in enumerate(SEVERITY)}

IMPACTS = ("HIGH", "MODERATE", "LOW", "MODIFIER")
_LAST_OF_IMPACT = {"HIGH": "start_lost", "MODERATE": "protein_altering_variant", "LOW": "synonymous_variant"}
_IMPACT_RANKS = {_RANK[term]: impact for impact, term in _LAST_OF_IMPACT.items()}

FROM_CSQ = {
    "3_prime_utr": "3_prime_UTR_variant",
    "5_prime_utr": "5_prime_UTR_variant",
    "splice_acceptor": "splice_acceptor_variant",
    "splice_donor": "splice_donor_variant",
    "splice_region": "splice_region_variant",
    "synonymous": "synonymous_variant",
    "missense": "missense_variant",
    "inframe_deletion": "inframe_deletion",
    "inframe_insertion": "inframe_insertion",
    "inframe_altering": "protein_altering_variant",
    "frameshift": "frameshift_variant",
    "stop_gained": "stop_gained",
    "stop_lost": "stop_lost",
    "stop_retained": "stop_retained_variant",
    "start_lost": "start_lost",
    "start_retained": "start_retained_variant",
    "coding_sequence": "coding_sequence_variant",
    "intron": "intron_variant",
    "non_coding": "non_coding_transcript_variant",
    "NMD_transcript": "NMD_transcript_variant",
    "intergenic": "intergenic_variant",
}
"""The words of `bcftools csq` (https://samtools.github.io/bcftools/howtos/csq-calling.html) as ontology names."""


def rank(term: str) -> int:
    """Return the place of a term, 0 the most severe; an unlisted term ranks last."""
    return _RANK.get(term, len(SEVERITY))


def impact(term: str) -> str:
    """Return HIGH, MODERATE, LOW or MODIFIER as Ensembl groups the terms; an unlisted term is a MODIFIER.

    Examples
    --------
    >>> impact("stop_gained"), impact("missense_variant"), impact("intron_variant")
    ('HIGH', 'MODERATE', 'MODIFIER')
    """
    place = rank(term)
    return next((name for last, name in _IMPACT_RANKS.items() if place <= last), IMPACTS[-1])


def ordered(terms: Iterable[str]) -> tuple[str, ...]:
    """Return distinct terms, most severe first."""
    return tuple(sorted(set(terms), key=lambda term: (rank(term), term)))
