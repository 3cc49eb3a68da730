"""AD and PL of the alleles that a call carries only: VCF 4.5's LAA, LAD and LPL in their place.

A record of many alleles has PL for every pair of them, of which a call means few. What is kept are the values of REF
and of the call's own ALT alleles, whose numbers LAA has; the rest is left out, so this is for who asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels.vcf.calls import CallBatch
from genomics_dc.kernels.vcf.local_alleles import likelihood_width, local_alleles, local_depths, local_likelihoods
from genomics_dc.store import schema
from genomics_dc.store.columns import GENOTYPE, INTEGER, INTEGER_TYPES, Column, Form, Widths

_LAA: Final = Column(
    schema.CALL_PREFIX + "LAA",
    "LAA",
    INTEGER,
    ".",
    True,
    "ALT alleles that the call carries, numbered from 1, rising",
)
_LAD: Final = Column(schema.CALL_PREFIX + "LAD", "LAD", INTEGER, ".", True, "AD of REF and of the alleles in LAA")
_LPL: Final = Column(
    schema.CALL_PREFIX + "LPL", "LPL", INTEGER, ".", True, "PL of the genotypes made of REF and the alleles in LAA"
)
_SOURCES: Final = {"AD": ("R", _LAD), "PL": ("G", _LPL)}
_FORMAT_LINE: Final = re.compile(r"##FORMAT=<ID=(AD|PL),.*")


def local_columns(calls: Sequence[Column]) -> dict[str, Column]:
    """Return which field stands in the place of which array: LAA beside the genotypes, LAD for AD, LPL for PL.

    Empty where no GT is kept, which says what a call carries, or neither AD (Number=R) nor PL (Number=G).
    """
    genotype = [column for column in calls if column.kind == GENOTYPE]
    made = {}
    for column in calls:
        number, local = _SOURCES.get(column.key, ("", None))
        if local is not None and column.number == number and column.kind == INTEGER:
            made[column.name] = local
    return {genotype[0].name: _LAA, **made} if genotype and made else {}


def local_form(local: Column, widths: Widths, source: Form) -> Form:
    """Return how a local field stands; `source` is the form of the field that it is made of."""
    inner = f"FORMAT_{local.key}_dim"
    if local is _LAA:
        return Form(INTEGER_TYPES[widths.genotype_rank], widths.ploidy, inner)
    width = widths.ploidy + 1 if local is _LAD else likelihood_width(widths.ploidy)
    return Form(source.dtype, width, inner)


def local_values(local: Column, source: Column, calls: CallBatch) -> npt.NDArray[np.int32]:
    """Return int32[V, S, W], with BCF's sentinels, of a local field of some records."""
    genotype: npt.NDArray[Any] | None = calls.genotype
    assert genotype is not None
    laa = local_alleles(genotype)
    if local is _LAA:
        return laa
    values = calls.values[source.key].astype(np.int32, copy=False)
    if local is _LAD:
        return local_depths(values, laa)[0]
    return local_likelihoods(values, laa, genotype)[0]


def local_header(text: str, local: Mapping[str, Column]) -> str:
    """Return a header's text that declares the local fields in the place of those that they are made of."""
    if not local:
        return text
    lines = []
    kept = {name.removeprefix(schema.CALL_PREFIX): column for name, column in local.items()}
    told = False
    for line in text.rstrip("\n").split("\n"):
        match = _FORMAT_LINE.match(line)
        if match is None or match[1] not in kept:
            lines.append(line)
            continue
        if not told:
            lines.append(_declaration(_LAA))
            told = True
        lines.append(_declaration(kept[match[1]]))
    return "\n".join(lines) + "\n"


def _declaration(column: Column) -> str:
    return f'##FORMAT=<ID={column.key},Number=.,Type=Integer,Description="{column.description}">'
