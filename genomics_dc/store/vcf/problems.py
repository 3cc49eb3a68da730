"""What is wrong with a record, in words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError
from genomics_dc.kernels.vcf import problems as bits
from genomics_dc.kernels.vcf.numbers import GREATEST_INT, LEAST_INT
from genomics_dc.kernels.vcf.sites import GREATEST_POSITION
from genomics_dc.store.vcf import source
from genomics_dc.store.vcf.header import N_FIXED_COLUMNS, VcfHeader
from genomics_dc.store.vcf.source import TextBatch

_SHOWN_LETTERS = 40
_SHOWN_NAMES = 5


def sentence(problem: int, batch: TextBatch, row: int, header: VcfHeader, *, key: str = "") -> str:
    """Return the lowest bit of `problem` as one sentence with file, line, what was expected and what came.

    `key` is the INFO field whose values were read, for the bits of values.
    """
    lowest = problem & -problem
    where = batch.where(row)
    if lowest == bits.EMPTY_LINE:
        return f"{where} is empty; a VCF has no empty lines"
    if lowest in (bits.FEW_COLUMNS, bits.MANY_COLUMNS):
        n_columns = batch.text(row).count("\t") + 1
        if n_columns < N_FIXED_COLUMNS:
            return f"{where} has {n_columns} columns; a record has at least {N_FIXED_COLUMNS}"
        return f"{where} has {n_columns} columns; the header has {header.n_columns}"
    if lowest in _SITES:
        return f"{where}: {_SITES[lowest](batch, row, header)}"
    if lowest in _KEYS:
        return f"{where}: {_KEYS[lowest](_info_keys(batch, row), header)}"
    return f"{where}: {_VALUES[lowest](key, _info_value(batch, row, key), header)}"


def raise_first(problems: npt.NDArray[np.int64], batch: TextBatch, header: VcfHeader, *, key: str = "") -> None:
    """Raise InputError for the first record of a batch that has a problem; the SUSPECT bits are none."""
    errors = problems & ~bits.SUSPECT
    if errors.any():
        row = int(np.argmax(errors != 0))
        raise InputError(sentence(int(errors[row]), batch, row, header, key=key))


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_LETTERS else text[:_SHOWN_LETTERS] + "…")


def _contig(batch: TextBatch, row: int, header: VcfHeader) -> str:
    names = list(header.contigs)
    return (
        f"contig {batch.text(row, source.CHROM)} is not in the header, which has "
        f"{', '.join(names[:_SHOWN_NAMES])}{', …' if len(names) > _SHOWN_NAMES else ''}; "
        "add it with `bcftools reheader --fai`"
    )


def _position(batch: TextBatch, row: int, _header: VcfHeader) -> str:
    return f"POS should be a whole number, not {_shown(batch.text(row, source.POS))}"


def _large_position(batch: TextBatch, row: int, _header: VcfHeader) -> str:
    return f"POS is at most {GREATEST_POSITION:,}, not {_shown(batch.text(row, source.POS))}"


def _quality(batch: TextBatch, row: int, _header: VcfHeader) -> str:
    return f"QUAL should be a number or '.', not {_shown(batch.text(row, source.QUAL))}"


def _filter(batch: TextBatch, row: int, header: VcfHeader) -> str:
    names = batch.text(row, source.FILTER).split(";")
    unknown = next((name for name in names if name not in header.filters), names[0])
    return f"FILTER {unknown} is not in the header; add its ##FILTER line"


_SITES: dict[int, Callable[[TextBatch, int, VcfHeader], str]] = {
    bits.UNKNOWN_CONTIG: _contig,
    bits.POSITION_NOT_A_NUMBER: _position,
    bits.POSITION_TOO_LARGE: _large_position,
    bits.QUALITY_NOT_A_NUMBER: _quality,
    bits.UNKNOWN_FILTER: _filter,
    bits.SUSPECT_ID: lambda batch, row, _: f"ID {_shown(batch.text(row, source.ID))} is empty or has a space or comma",
    bits.SUSPECT_REF: lambda batch, row, _: f"REF should be bases ACGTN, not {_shown(batch.text(row, source.REF))}",
    bits.SUSPECT_ALT: lambda batch, row, _: (
        f"ALT {_shown(batch.text(row, source.ALT))} has an allele that is neither bases, `*`, `<...>` nor a breakend, "
        "or comes twice"
    ),
    bits.SUSPECT_QUALITY: lambda batch, row, _: (
        f"QUAL should be zero or more, not {_shown(batch.text(row, source.QUAL))}"
    ),
    bits.SUSPECT_FILTER: lambda batch, row, _: (
        f"FILTER {_shown(batch.text(row, source.FILTER))} names one twice, or PASS or 0 beside others"
    ),
    bits.SUSPECT_POSITION: lambda batch, row, _: f"POS {_shown(batch.text(row, source.POS))} begins with a zero",
}


def _info_keys(batch: TextBatch, row: int) -> list[str]:
    return [item.partition("=")[0] for item in batch.text(row, source.INFO).split(";")]


def _info_value(batch: TextBatch, row: int, key: str) -> str:
    for item in batch.text(row, source.INFO).split(";"):
        name, _, value = item.partition("=")
        if name == key:
            return value
    return ""


def _unknown_key(keys: list[str], header: VcfHeader) -> str:
    unknown = next((key for key in keys if key and key not in header.info), "")
    return f"INFO key {unknown!r} is not in the header; add its ##INFO line"


def _repeated_key(keys: list[str], _header: VcfHeader) -> str:
    repeated = next((key for place, key in enumerate(keys) if key in keys[:place]), "")
    return f"INFO key {repeated!r} stands twice; keep one"


_KEYS: dict[int, Callable[[list[str], VcfHeader], str]] = {
    bits.UNKNOWN_INFO_KEY: _unknown_key,
    bits.EMPTY_INFO_KEY: lambda _keys, _header: "INFO has an empty key (';' at an end, or two together); take it out",
    bits.REPEATED_INFO_KEY: _repeated_key,
}


def _count(key: str, value: str, header: VcfHeader) -> str:
    declared = header.info[key].number if key in header.info else "another number of"
    return f"INFO {key} has {value.count(',') + 1} values ({_shown(value)}); the header says Number={declared}"


def _range(key: str, value: str, header: VcfHeader) -> str:
    kind = header.info[key].type
    room = f"{LEAST_INT:,} to {GREATEST_INT:,}" if kind == "Integer" else "32 bits"
    return f"INFO {key} is past what Type={kind} holds ({room}): {_shown(value)}"


_VALUES: dict[int, Callable[[str, str, VcfHeader], str]] = {
    bits.NOT_A_NUMBER: lambda key, value, header: (
        f"INFO {key} should be {'numbers' if ',' in value else 'a number'} (Type={header.info[key].type}), "
        f"not {_shown(value)}"
    ),
    bits.OUT_OF_RANGE: _range,
    bits.EMPTY_VALUE: lambda key, value, _: f"INFO {key} lacks a value ({_shown(value)}); a missing one is '.'",
    bits.NOT_ONE_CHARACTER: lambda key, value, _: f"INFO {key} should be single characters, not {_shown(value)}",
    bits.FLAG_WITH_VALUE: lambda key, value, _: f"INFO {key} is a flag, but has the value {_shown(value)}",
    bits.WRONG_NUMBER: _count,
}
