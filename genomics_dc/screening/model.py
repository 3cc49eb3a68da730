"""What screening finds about one sample, as a frozen model: the only thing that reports are made from.

Positions are one-based, as people read them. A value that is not known is None, never zero. No identity of a person is
in here: the sample id is opaque.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Zygosity = Literal["heterozygous", "homozygous", "hemizygous", "unknown"]
"""Unknown: one allele is the variant and the reads do not show the other (a half call, such as "./1")."""
Phase = Literal["trans", "cis", "unknown"]
InheritanceMode = Literal["autosomal_recessive", "autosomal_dominant", "x_linked", "mitochondrial"]
Segregation = Literal["de_novo", "homozygous_recessive", "compound_heterozygous", "inherited", "unknown"]
Significance = Literal["pathogenic", "likely_pathogenic", "uncertain_significance", "likely_benign", "benign"]
Strength = Literal["stand_alone", "very_strong", "strong", "moderate", "supporting"]


class FrozenModel(BaseModel):
    """A model that cannot change and refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Consequence(FrozenModel):
    """What a variant does to one transcript. `so_terms` are Sequence Ontology names, most severe first."""

    gene: str
    transcript: str
    so_terms: tuple[str, ...]
    hgvs_c: str | None = None
    hgvs_p: str | None = None


class Criterion(FrozenModel):
    """One ACMG/AMP criterion that was met: code ("PM2"), strength, points, and the values that met it."""

    code: str
    strength: Strength
    points: int
    values: dict[str, str | int | float]


class Classification(FrozenModel):
    """A rule-based class with its criteria; never reviewed by a person."""

    significance: Significance
    points: int
    criteria: tuple[Criterion, ...]
    criteria_not_assessed: tuple[str, ...]
    rules: str
    rules_source: str


class KnownRecord(FrozenModel):
    """What a ClinVar-format source says of exactly this allele."""

    source: str
    source_version: str
    accession: str
    significance: str
    review_status: str | None = None
    conditions: tuple[str, ...] = ()


class ParentCall(FrozenModel):
    """A parent's genotype at the site; `genotype` is "./." where the reads prove nothing."""

    role: Literal["father", "mother"]
    sample_id: str
    genotype: str
    depth_reads: int | None = None


class CarriedVariant(FrozenModel):
    """A variant that the sample carries in a panel gene.

    The cohort counts are of every sample in the store, this one and its relatives included. `partner` is the key of the
    other candidate variant in the same recessive gene, `phase` how the two lie: in trans, in cis, or not known.
    """

    contig: str
    position: int
    ref: str
    alt: str
    identifier: str | None
    gene: str
    genotype: str
    zygosity: Zygosity
    depth_reads: int | None
    allele_depth_reads: tuple[int, ...] | None
    genotype_quality: int | None
    filters: tuple[str, ...]
    consequence: Consequence
    other_consequences: tuple[Consequence, ...] = ()
    cohort_allele_count: int
    cohort_allele_number: int
    population_frequencies: dict[str, float] = {}
    known: tuple[KnownRecord, ...] = ()
    segregation: Segregation
    partner: str | None = None
    phase: Phase | None = None
    parents: tuple[ParentCall, ...] = ()
    classification: Classification

    @property
    def key(self) -> str:
        """Return contig-position-ref-alt, the identity of a variant."""
        return f"{self.contig}-{self.position}-{self.ref}-{self.alt}"


class GeneCoverage(FrozenModel):
    """How much of a gene's coding sequence could be judged in this sample. Intervals are one-based inclusive.

    `condition_by_language` maps a language tag to the panel's name of the condition; `condition` serves the others.
    """

    gene: str
    transcript: str
    inheritance: tuple[InheritanceMode, ...]
    condition: str | None
    condition_by_language: dict[str, str] = {}
    coding_bases: int
    callable_bases: int
    callable_fraction_min: float
    not_callable: tuple[tuple[str, int, int], ...]

    @property
    def callable_fraction(self) -> float:
        """Return callable / coding bases."""
        return self.callable_bases / self.coding_bases

    @property
    def assessed(self) -> bool:
        """Return whether enough of the gene was callable to say anything about it."""
        return self.callable_fraction >= self.callable_fraction_min


class IdentityCheck(FrozenModel):
    """One check that the sample is who the sample sheet says: sex, kinship, duplicate, contamination."""

    check: Literal["sex", "kinship", "duplicate", "contamination"]
    status: Literal["pass", "finding", "accepted", "not_assessable"]
    detail: str


class Findings(FrozenModel):
    """Everything screening has to say about one sample and one panel.

    `not_listed` counts, by reason, the variants that the sample carries in the panel genes and that are not in
    `variants`; `variants` of known or possible importance are always listed. `panel_title` maps a language tag to the
    panel's title.
    """

    sample_id: str
    assembly: str
    panel: str
    panel_version: str
    panel_source: str
    panel_title: dict[str, str] = {}
    variants: tuple[CarriedVariant, ...]
    coverage: tuple[GeneCoverage, ...]
    identity: tuple[IdentityCheck, ...]
    not_listed: dict[str, int] = {}
    thresholds: dict[str, float]
    versions: dict[str, str]
    checksums: dict[str, str]

    @property
    def blocked_by(self) -> tuple[IdentityCheck, ...]:
        """Return the identity findings that nobody has accepted: while there are any, no report may be made."""
        return tuple(check for check in self.identity if check.status == "finding")
