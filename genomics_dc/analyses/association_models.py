"""What a scan is asked: model, coding, interaction, the rules of X; checked once, before anything is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from genomics_dc.errors import UsageError
from genomics_dc.kernels import terms

Model = Literal["linear", "logistic", "firth", "spa"]
MODELS: tuple[Model, ...] = ("linear", "logistic", "firth", "spa")
Coding = Literal["additive", "dominant", "recessive", "genotypic", "hethom"]
DOSAGE_FIELDS = ("GT", "DS", "GP")

# Twice the p that readers look for: near 0.05 the score and the Wald test differ by far less than this.
SCORE_P_MAX = 0.1
# Below this p the normal law of the score is replaced by a saddlepoint.
SPA_P_MAX = 0.05

_EVERY = (
    "maximum likelihood, Wald test; Firth's penalised likelihood where cases and controls are separated or the maximum "
    "is not reached"
)
_RULES = {
    "linear": "least squares, t test",
    "logistic": f"score test; where its p is at most {SCORE_P_MAX} maximum likelihood and Wald test, Firth's penalised "
    "likelihood where cases and controls are separated or the maximum is not reached",
    "firth": "Firth's penalised likelihood, Wald test",
    "spa": f"score test; where its p is below {SPA_P_MAX} its tail by a saddlepoint",
}


@dataclass(frozen=True)
class Question:
    """The model and what of a variant goes into it."""

    model: Model
    coding: Coding = "additive"
    interaction: tuple[str, ...] = ()
    dosage: str = "GT"
    xchr_model: int = 2
    fit_all: bool = False

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise UsageError(f"model must be one of {', '.join(MODELS)}, not {self.model}")
        if self.coding not in terms.CODINGS:
            raise UsageError(f"coding must be one of {', '.join(terms.CODINGS)}, not {self.coding}")
        if self.dosage not in DOSAGE_FIELDS:
            raise UsageError(f"dosage must be one of {', '.join(DOSAGE_FIELDS)}, not {self.dosage}")
        if self.xchr_model not in (0, 1, 2):
            raise UsageError(f"xchr_model must be 0, 1 or 2 as PLINK 2 has it, not {self.xchr_model}")
        if self.interaction and len(terms.CODINGS[self.coding]) > 1:
            raise UsageError(f"interaction needs a coding of one term, not {self.coding}; use additive or dominant")
        if self.model == "spa" and not self.packed(self.xchr_model):
            raise UsageError(
                "the saddlepoint is of the score test on genotypes: leave out dosage, interaction, xchr_model and "
                "codings of two terms, or use the firth model"
            )

    def packed(self, xchr_model: int = 2) -> bool:
        """Tell whether packed genotypes are enough: one term of whole genotypes, each read as it is stored."""
        one = len(terms.CODINGS[self.coding]) == 1
        return one and not self.interaction and self.dosage == "GT" and xchr_model != 1

    @property
    def tests(self) -> tuple[str, ...]:
        """The rows of each trait."""
        return terms.names_of_tests(self.coding, self.interaction)

    @property
    def rule(self) -> str:
        """In words, what is done to which variant."""
        if self.model == "logistic" and (self.fit_all or not self.packed()):
            return _EVERY
        return _RULES[self.model]

    def check_covariates(self, covariate_names: Sequence[str]) -> None:
        """Raise UsageError when an interaction is with something that is no covariate."""
        for name in self.interaction:
            if name not in covariate_names:
                raise UsageError(
                    f"interaction with {name} needs it among the covariates; they are "
                    f"{', '.join(covariate_names) or 'none'}"
                )
