"""Lines printed from a store, as `bcftools query` prints them from a VCF."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

from genomics_dc.errors import InputError, UsageError
from genomics_dc.store.filters import narrowed_by
from genomics_dc.store.text import query_blocks

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView


def query(
    path: Path | str | os.PathLike[str],
    output: TextIO | BinaryIO,
    *,
    query_format: str,
    region: str | None = None,
    samples: Iterable[str] | None = None,
    include: str | None = None,
    exclude: str | None = None,
) -> None:
    """Write one line per variant of a store as `bcftools query -r region -s samples -f query_format` does.

    Parameters
    ----------
    query_format
        See `query_format`.
    include, exclude
        An expression, as bcftools has them: only, or all but, the variants for which it holds; see `filters`.

    Raises
    ------
    UsageError, InputError
        When the format or the expression is not understood, or asks for what the store lacks.
    """
    from genomics_dc.store.read import StoreView

    view = StoreView.open(path)
    if region is not None:
        view = view.region(region)
    if samples is not None:
        names = list(samples)
        if not names:
            raise InputError("no sample is named; leave the option out to have all")
        view = view.samples(names)
    if include is not None and exclude is not None:
        raise UsageError("--include and --exclude both say which variants; give one of them")
    view = narrowed_by(view, include=include, exclude=exclude)
    write_query(view, query_format, output)


def write_query(view: StoreView, query_format: str, output: TextIO | BinaryIO) -> None:
    """Write one line per variant of a view by a format; see `query_format`."""
    binary = getattr(output, "buffer", None)
    if binary is not None:
        output.flush()
    blocks = query_blocks(view, query_format)
    for lines in blocks:
        if binary is not None:
            binary.write(lines.text)
        elif "b" in getattr(output, "mode", ""):
            output.write(lines.text)  # type: ignore[arg-type]
        else:
            output.write(lines.data.tobytes().decode())  # type: ignore[call-overload]
