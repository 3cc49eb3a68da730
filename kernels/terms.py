"""What a variant brings into a model, from its dosages: a row for each tested coefficient.

Letters: V variants, S samples, M terms. Missing is NaN in every row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

CODINGS: dict[str, tuple[str, ...]] = {
    "additive": ("ADD",),
    "dominant": ("DOM",),
    "recessive": ("REC",),
    "genotypic": ("ADD", "DOMDEV"),
    "hethom": ("HOM", "HET"),
}


def terms(dosage: Floats, coding: str, modifiers: Floats | None = None) -> Floats:
    """Return float64[V, M, S]: the terms of a coding, then the first of them times each modifier.

    Parameters
    ----------
    dosage
        float64[V, S] copies of ALT from 0 to 2, NaN missing; between whole numbers the codings are linear.
    coding
        additive: copies. dominant: 1 for one copy or two. recessive: 1 for two. genotypic: copies, and 1 for one copy
        (the deviation from additivity). hethom: 1 for two, and 1 for one.
    modifiers
        float64[I, S] covariates that the effect may hang on, or None.

    Examples
    --------
    >>> terms(np.array([[0.0, 1.0, 2.0]]), "genotypic")[0].tolist()
    [[0.0, 1.0, 2.0], [0.0, 1.0, 0.0]]
    """
    if coding not in CODINGS:
        raise ValueError(f"coding must be one of {', '.join(CODINGS)}, not {coding}")
    rows: list[Floats] = []
    for name in CODINGS[coding]:
        if name == "ADD":
            rows.append(dosage)
        elif name == "DOM":
            rows.append(np.minimum(dosage, 1.0))
        elif name in ("REC", "HOM"):
            rows.append(np.maximum(dosage - 1.0, 0.0))
        else:
            rows.append(np.minimum(dosage, 2.0 - dosage))
    rows += [rows[0] * modifier for modifier in (modifiers if modifiers is not None else ())]
    return np.ascontiguousarray(np.stack(rows, axis=1))


def names_of_tests(coding: str, interaction: Sequence[str]) -> tuple[str, ...]:
    """Return the tests of a coding in the order of results: its terms, interactions, the joint test of two terms."""
    own = CODINGS[coding]
    joint = ("GENO_2DF",) if len(own) == 2 else ()
    return (*own, *(f"{own[0]}x{name}" for name in interaction), *joint)
