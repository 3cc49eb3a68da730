"""What is wrong with the calls of a record, in words. What a person carries is never said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError
from genomics_dc.kernels.vcf import calls
from genomics_dc.kernels.vcf.calls import CallFaults
from genomics_dc.store import schema
from genomics_dc.store.columns import Column
from genomics_dc.store.layout import Layout
from genomics_dc.store.strictness import Mended
from genomics_dc.store.vcf.header import VcfHeader
from genomics_dc.store.vcf.source import FORMAT, TextBatch

_LONGEST_SHOWN: Final = 200
_IN_FORMAT: Final = (calls.REPEATED_KEY, calls.EMPTY_KEY, calls.GENOTYPE_NOT_FIRST)
_OF_A_VALUE: Final = {
    calls.BAD_GENOTYPE: "is not allele numbers with / or | between",
    calls.NOT_A_NUMBER: "should be a number",
    calls.OUT_OF_RANGE: "is past what VCF's Integer holds, -2,147,483,640 to 2,147,483,647",
    calls.EMPTY_VALUE: 'is empty; a missing value is "."',
    calls.NOT_ONE_CHARACTER: "should be one character",
}


_IS_MISSING: Final = "values of samples that cannot be read are missing"
_MENDED: Final = {
    calls.TOO_MANY_VALUES: "fields of samples past the keys of FORMAT are left out",
    calls.NOT_ONE_CHARACTER: "values of several characters are kept whole",
    calls.ALLELE_BEYOND: "allele numbers past those of the record are missing",
}


def judge_calls(
    batch: TextBatch,
    first: int,
    found: CallFaults,
    columns: Sequence[Column],
    layout: Layout,
    n_alleles: npt.NDArray[np.int64],
    mended: Mended,
) -> None:
    """Raise InputError for the first record of `found` that is refused; count what is mended.

    The records of `found` are those of the batch from row `first` on.
    """
    for place in np.flatnonzero(found.status).tolist():
        row, status = first + place, int(found.status[place])
        if layout.lenient and status != calls.WRONG_SAMPLE_COUNT:
            mended.add(_MENDED.get(status, _IS_MISSING), batch.where(row), int(found.count[place]))
        else:
            raise InputError(f"{batch.where(row)}{_words(batch, row, place, found, columns, layout.header, n_alleles)}")


def _words(
    batch: TextBatch,
    row: int,
    place: int,
    found: CallFaults,
    columns: Sequence[Column],
    header: VcfHeader,
    n_alleles: npt.NDArray[np.int64],
) -> str:
    """Return what is wrong with a record's calls, to be put behind where it is."""
    status = int(found.status[place])
    if status == calls.WRONG_SAMPLE_COUNT:
        n_columns = int(np.count_nonzero(batch.data[batch.line_start[row] : batch.line_end[row]] == ord("\t"))) + 1
        return f" has {n_columns} columns; the header has {header.n_columns}"
    keys = batch.text(row, FORMAT)
    if status in _IN_FORMAT:
        return f": {format_problem(keys, header) or f'FORMAT cannot be read: {_short(keys)}'}"
    sample = header.samples[int(found.sample[place])]
    if status == calls.TOO_MANY_VALUES:
        return f": sample {sample} has more fields than FORMAT has keys ({_short(keys)})"
    if status == calls.ALLELE_BEYOND:
        return f": GT of sample {sample} has an allele number past those of the record, 0 to {int(n_alleles[row]) - 1}"
    return f": {columns[int(found.field[place])].key} of sample {sample} {_OF_A_VALUE[status]}"


def format_problem(keys: str, header: VcfHeader) -> str | None:
    """Return what is wrong with a FORMAT: a key that is not declared, a key twice, GT behind another; or None."""
    names = keys.split(":") if keys else []
    if not names:
        return "FORMAT is empty; it has the keys of the samples' columns" if header.samples else None
    for name in names:
        if name not in header.format and name != ".":
            return f"FORMAT key {name!r} is not in the header; add its ##FORMAT line"
    if schema.GENOTYPE_KEY in names[1:]:
        return f"GT should be the first FORMAT key, but the keys are {_short(keys)}"
    if len(set(names)) != len(names):
        return f"a FORMAT key stands twice in {_short(keys)}"
    return None


def allele_too_great(batch: TextBatch, first: int, stop: int, allele: int, limit: int) -> InputError:
    """Return the error of a genotype whose allele number no array of the store holds."""
    where = batch.where(first) + (f" to {batch.where(stop - 1)}" if stop - first > 1 else "")
    return InputError(
        f"{where}: a GT has allele {allele:,}; the store holds alleles up to "
        f"{limit:,}: split the record with `bcftools norm -m -`"
    )


def _short(text: Any) -> str:
    shown = str(text)
    return shown if len(shown) <= _LONGEST_SHOWN else shown[:_LONGEST_SHOWN] + "…"
