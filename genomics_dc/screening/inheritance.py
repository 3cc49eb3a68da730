"""Zygosity, segregation and phase from the genotypes of a child and its parents.

A genotype is a tuple of allele numbers, -1 where the reads prove nothing, without fill. Missing is never reference: a
parent excludes an allele only when every allele of its genotype is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genomics_dc.reference import contigs
from genomics_dc.screening.model import Phase, Segregation, Zygosity

Genotype = tuple[int, ...]
Sex = Literal["male", "female"]


@dataclass(frozen=True)
class Locus:
    """Where a variant lies, and whose it is, as far as inheritance needs it. `position` is one-based."""

    contig: str
    position: int
    assembly: str | None = None
    sex: Sex | None = None

    @property
    def single_copy(self) -> bool:
        """Return whether a male has one copy here: X or Y outside the pseudoautosomal regions."""
        name = contigs.canonical(self.contig)
        if self.sex != "male" or name not in ("X", "Y"):
            return False
        if name == "Y":
            return True
        regions = contigs.pseudoautosomal_x(self.assembly)
        return not any(start < self.position <= end for start, end in regions)


def carries(genotype: Genotype | None, allele: int) -> bool:
    """Return whether a genotype has the allele."""
    return genotype is not None and allele in genotype


def excludes(genotype: Genotype | None, allele: int) -> bool:
    """Return whether a genotype proves that the allele is not there."""
    return bool(genotype) and genotype is not None and -1 not in genotype and allele not in genotype


def zygosity(genotype: Genotype, allele: int, locus: Locus) -> Zygosity:
    """Return the zygosity of a carried allele."""
    if len(genotype) == 1:
        return "hemizygous"
    if -1 in genotype:
        return "unknown"
    if all(number == allele for number in genotype):
        return "hemizygous" if locus.single_copy else "homozygous"
    return "heterozygous"


def segregation(
    state: Zygosity, allele: int, father: Genotype | None, mother: Genotype | None, *, recessive: bool, locus: Locus
) -> Segregation:
    """Return how a carried allele came to the child; None is a parent who was not given.

    De novo needs both parents proven without the allele (on the single X of a male, the mother). A homozygous allele
    that one parent is proven not to have is "unknown": a deletion, uniparental disomy, or a sample mix-up.
    """
    if state == "hemizygous" and locus.single_copy and contigs.canonical(locus.contig) == "X":
        if excludes(mother, allele):
            return "de_novo"
        return "inherited" if carries(mother, allele) else "unknown"
    if state == "hemizygous" and locus.single_copy:
        if excludes(father, allele):
            return "de_novo"
        return "inherited" if carries(father, allele) else "unknown"
    if state == "homozygous":
        if excludes(father, allele) or excludes(mother, allele):
            return "unknown"
        if recessive:
            return "homozygous_recessive"
    elif excludes(father, allele) and excludes(mother, allele):
        return "de_novo"
    return "inherited" if carries(father, allele) or carries(mother, allele) else "unknown"


def origin(allele: int, father: Genotype | None, mother: Genotype | None) -> Literal["father", "mother"] | None:
    """Return the parent from whom a heterozygous allele must come, None when that is not proven."""
    if carries(father, allele) and excludes(mother, allele):
        return "father"
    if carries(mother, allele) and excludes(father, allele):
        return "mother"
    return None


def phase(first: Literal["father", "mother"] | None, second: Literal["father", "mother"] | None) -> Phase:
    """Return how two heterozygous alleles lie, by the parents they come from."""
    if first is None or second is None:
        return "unknown"
    return "cis" if first == second else "trans"


def genotype_text(genotype: Genotype, *, phased: bool = False) -> str:
    """Return a genotype as VCF writes it: "0/1", "./.", "1"."""
    return ("|" if phased else "/").join("." if number < 0 else str(number) for number in genotype) or "./."
