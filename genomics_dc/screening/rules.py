"""Classification and listing rules, read from data (configs/rules/)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from genomics_dc.errors import InputError
from genomics_dc.files import sha256_file
from genomics_dc.screening.model import FrozenModel, Significance, Strength

DEFAULT_RULES = "acmg-amp-2015-points"


class Points(FrozenModel):
    """Points of each strength; benign criteria count them negative."""

    very_strong: int
    strong: int
    moderate: int
    supporting: int


class ClassLimits(FrozenModel):
    """The lowest sum of points of each class; below `likely_benign` a variant is benign."""

    pathogenic: int
    likely_pathogenic: int
    uncertain_significance: int
    likely_benign: int


class NullVariantRule(FrozenModel):
    """PVS1: what strength each kind of null variant gives."""

    decay_predicted: Strength
    protein_lost_fraction_min: float
    lost_fraction_reached: Strength
    lost_fraction_not_reached: Strength
    start_lost: Strength
    splice_out_of_frame: Strength


class CommonRule(FrozenModel):
    """BA1, BS1: a population frequency above, seen in at least so many alleles."""

    allele_frequency_above: float
    allele_number_min: int
    strength: Strength = "stand_alone"


class RareRule(FrozenModel):
    """PM2: absent, or at most this frequent in every population of a source with at least so many alleles."""

    allele_frequency_at_most: float
    allele_number_min: int
    strength: Strength


class PairRule(FrozenModel):
    """PM3: the other copy of a recessive gene."""

    trans_with_pathogenic: Strength
    phase_unknown_with_pathogenic: Strength
    homozygous: Strength


class DeNovoRule(FrozenModel):
    """PS2 with parentage confirmed, PM6 with parentage assumed."""

    parentage_confirmed: Strength
    parentage_assumed: Strength


class PlainRule(FrozenModel):
    """A criterion with one strength."""

    strength: Strength


class Listing(FrozenModel):
    """Which carried variants are listed, and which can make a compound heterozygous pair."""

    callable_fraction_min: float = Field(gt=0, le=1)
    listed_consequences: frozenset[str]
    listed_known: frozenset[str]
    pair_consequences: frozenset[str]


class Rules(FrozenModel):
    """The whole rule file. `checksum` is its SHA-256."""

    name: str
    version: str
    source: str
    points: Points
    classes: ClassLimits
    PVS1: NullVariantRule
    BA1: CommonRule
    BS1: CommonRule
    PM2: RareRule
    PM3: PairRule
    PS2_PM6: DeNovoRule
    PM4: PlainRule
    BP7: PlainRule
    not_assessed: tuple[str, ...]
    not_used: tuple[str, ...]
    screening: Listing
    checksum: str = ""

    def score(self, strength: Strength) -> int:
        """Return the points of a strength; BA1 stands alone and counts as very strong in the sum."""
        return int(getattr(self.points, "very_strong" if strength == "stand_alone" else strength))

    def significance(self, points: int) -> Significance:
        """Return the class of a sum of points."""
        limits = self.classes
        if points >= limits.pathogenic:
            return "pathogenic"
        if points >= limits.likely_pathogenic:
            return "likely_pathogenic"
        if points >= limits.uncertain_significance:
            return "uncertain_significance"
        return "likely_benign" if points >= limits.likely_benign else "benign"


@cache
def load_rules(path: Path | None = None) -> Rules:
    """Return the rules of a YAML file, the ones that come with the software by default."""
    source = path or Path(str(files("genomics_dc").joinpath(f"configs/rules/{DEFAULT_RULES}.yaml")))
    try:
        content = yaml.safe_load(source.read_text(encoding="utf-8"))
        return Rules.model_validate({**content, "checksum": sha256_file(source)})
    except OSError as error:
        raise InputError(f"the rules {source} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, TypeError) as error:
        raise InputError(f"the rules {source} are not YAML with named values: {error}") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors(include_url=False)
        )
        raise InputError(f"the rules {source} are not valid: {problems}") from error
