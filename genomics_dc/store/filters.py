"""Variants chosen by an expression, as `-i` and `-e` of bcftools have it; vcztools reads and judges the expression.

Fields of INFO and FORMAT, QUAL, FILTER, TYPE, CHROM, POS, with ==, !=, <, >, <=, >=, &, &&, |, ||, (), and numbers.
What it does not know (GT="…", functions, indices) is an error in words, never another answer.
"""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from genomics_dc.errors import UsageError
from genomics_dc.store import schema

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

_View = TypeVar("_View", bound="StoreView")


_IN_QUOTES = re.compile(r'("[^"]*")')


def _single(expression: str) -> str:
    """Return the expression with & for && and | for ||, as vcztools takes it; of a record they mean the same."""
    parts = _IN_QUOTES.split(expression)
    return "".join(part if j % 2 else part.replace("&&", "&").replace("||", "|") for j, part in enumerate(parts))


def narrowed_by(view: _View, *, include: str | None = None, exclude: str | None = None) -> _View:
    """Return the variants for which `include` holds, or `exclude` does not; with FORMAT fields, in any sample.

    Raises
    ------
    UsageError
        When the expression is not understood, or names a field that the store lacks.
    """
    if include is None and exclude is None:
        return view
    from vcztools.bcftools_filter import BcftoolsFilter

    option = "--include" if include is not None else "--exclude"
    known = {name for name in view.fields if name.startswith((schema.VARIANT_PREFIX, schema.CALL_PREFIX))}
    surface = SimpleNamespace(field_names=known, virtual_field_names=set())
    kept = []
    try:
        # "not" is taken of the site, and not of each of its values, as vcztools has it
        chosen = BcftoolsFilter(surface, include=_single(include or exclude or ""))
        if chosen.scope == "sample" and _single(include or exclude or "") != (include or exclude):
            raise UsageError(f"{option}: && and || of FORMAT fields are not known here; & and | join within a sample")
        wanted = sorted(chosen.referenced_fields) or [schema.VARIANT_POSITION]
        small = {schema.FILTER_ID: np.array(view.filter_names(), dtype=np.dtypes.StringDType())}
        small[schema.CONTIG_ID] = np.array(view.contigs, dtype=np.dtypes.StringDType())
        for block in view.blocks(*(name for name in wanted if name not in small)):
            passed = chosen.evaluate({**{name: block[name] for name in block.arrays}, **small})
            passed = passed.any(axis=1) if passed.ndim > 1 else passed
            kept.append(block.index[passed if include is not None else ~passed])
    except ValueError as error:
        raise UsageError(f"{option} {include or exclude!r}: {error}") from error
    return view.variants(index=np.concatenate(kept) if kept else np.empty(0, dtype=np.int64))
