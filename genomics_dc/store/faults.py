"""What is wrong with the calls of a record, in words. What a person carries is never said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError
from genomics_dc.kernels.vcf import calls
from genomics_dc.kernels.vcf.calls import CallFaults
from genomics_dc.store import schema
from genomics_dc.store.columns import Column, Form
from genomics_dc.store.vcf.header import VcfHeader
from genomics_dc.store.vcf.source import FORMAT, SAMPLES, TextBatch

_LONGEST_SHOWN: Final = 200
_IN_FORMAT: Final = (calls.REPEATED_KEY, calls.EMPTY_KEY, calls.GENOTYPE_NOT_FIRST)
_OF_A_VALUE: Final = {
    calls.BAD_GENOTYPE: "is not allele numbers with / or | between",
    calls.NOT_A_NUMBER: "should be a number",
    calls.OUT_OF_RANGE: "is past what VCF's Integer holds, -2,147,483,640 to 2,147,483,647",
    calls.EMPTY_VALUE: 'is empty; a missing value is "."',
    calls.NOT_ONE_CHARACTER: "should be one character",
}


def raise_first_call(
    batch: TextBatch,
    first: int,
    found: CallFaults,
    columns: Sequence[Column],
    header: VcfHeader,
    n_alleles: npt.NDArray[np.int64],
) -> NoReturn:
    """Raise InputError for the first record of `found`, whose records are those of the batch from row `first` on."""
    place = int(np.flatnonzero(found.status)[0])
    row, status = first + place, int(found.status[place])
    where = batch.where(row)
    if status == calls.WRONG_SAMPLE_COUNT:
        n_columns = int(np.count_nonzero(batch.data[batch.line_start[row] : batch.line_end[row]] == ord("\t"))) + 1
        raise InputError(f"{where} has {n_columns} columns; the header has {header.n_columns}")
    if status in _IN_FORMAT:
        check_format_keys(batch, row, batch.text(row, FORMAT), header)
    sample = header.samples[int(found.sample[place])]
    if status == calls.TOO_MANY_VALUES:
        raise InputError(
            f"{where}: sample {sample} has more fields than FORMAT has keys ({_short(batch.text(row, FORMAT))})"
        )
    if status == calls.ALLELE_BEYOND:
        raise InputError(
            f"{where}: GT of sample {sample} has an allele number past those of the record, "
            f"0 to {int(n_alleles[row]) - 1}"
        )
    key = columns[int(found.field[place])].key
    raise InputError(f"{where}: {key} of sample {sample} {_OF_A_VALUE[status]}")


def check_format_keys(batch: TextBatch, row: int, keys: str, header: VcfHeader) -> None:
    """Raise InputError when a FORMAT has a key that is not declared, a key twice, or GT behind another."""
    where = batch.where(row)
    names = keys.split(":") if keys else []
    if not names:
        if header.samples:
            raise InputError(f"{where}: FORMAT is empty; it has the keys of the samples' columns")
        return
    for name in names:
        if name not in header.format and name != ".":
            raise InputError(f"{where}: FORMAT key {name!r} is not in the header; add its ##FORMAT line")
    if schema.GENOTYPE_KEY in names[1:]:
        raise InputError(f"{where}: GT should be the first FORMAT key, but the keys are {_short(keys)}")
    if len(set(names)) != len(names):
        raise InputError(f"{where}: a FORMAT key stands twice in {_short(keys)}")


def too_many_values(batch: TextBatch, row: int, column: Column, count: int, form: Form) -> InputError:
    """Return the error of an INFO field with more values than its Number allows."""
    return InputError(
        f"{batch.where(row)}: INFO {column.key} has {count:,} values; Number={column.number} allows "
        f"{form.width:,} where no record has more alleles"
    )


def too_many_call_values(batch: TextBatch, first: int, stop: int, column: Column, form: Form) -> InputError:
    """Return the error of a FORMAT field of which some call in these rows has more values than its Number allows."""
    for row in range(first, stop):
        keys = batch.text(row, FORMAT).split(":")
        if column.key not in keys:
            continue
        place = keys.index(column.key)
        line = bytes(batch.data[batch.columns[row, SAMPLES] : batch.line_end[row]]).split(b"\t")
        for sample, call in enumerate(line):
            values = call.split(b":")
            n_values = values[place].count(b",") + 1 if place < len(values) else 0
            if n_values > form.width:
                return InputError(
                    f"{batch.where(row)}: {column.key} of sample {sample + 1} has {n_values:,} values; "
                    f"Number={column.number} allows {form.width:,} where no record has more alleles"
                )
    where = batch.where(first)
    return InputError(f"{where}: a call of {column.key} has more values than Number={column.number} allows")


def allele_too_great(batch: TextBatch, first: int, stop: int, allele: int, limit: int) -> InputError:
    """Return the error of a genotype whose allele number no array of the store holds."""
    return InputError(
        f"{batch.where(first)} to {batch.where(stop - 1)}: a GT has allele {allele:,}; the store holds alleles up to "
        f"{limit:,}: split the record with `bcftools norm -m -`"
    )


def _short(text: Any) -> str:
    shown = str(text)
    return shown if len(shown) <= _LONGEST_SHOWN else shown[:_LONGEST_SHOWN] + "…"
