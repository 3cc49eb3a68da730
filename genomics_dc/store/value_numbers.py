"""Whether records and calls have as many values as Number of the header says, by the validator's rules.

A field that is a dot, or dots alone, has no value and is right; so is one value of Number=A (two of R) where ALT is
missing, and a String of Number=1 with a comma in it, which the rules keep. What is refused is said in one sentence;
what is mended with `--lenient` depends on whether a value's allele can still be told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError
from genomics_dc.kernels.vcf import calls as kernels
from genomics_dc.kernels.vcf.call_counts import ONE_OR_TWO, copy_counts, value_counts
from genomics_dc.kernels.vcf.calls import CallBatch, Spans
from genomics_dc.store.columns import FLAG, FLOAT, GENOTYPE, INTEGER, STRING, Column, missing_and_fill
from genomics_dc.store.strictness import Mended
from genomics_dc.store.validate.values import is_all_missing
from genomics_dc.store.vcf.header import VcfHeader
from genomics_dc.store.vcf.source import TextBatch

MISSING_NOW: Final = "fields of Number=A, R or G with more or fewer values are read as missing"
KEPT: Final = "values are kept although they are more or fewer than Number says"

_OF_ALLELES: Final = ("A", "R", "G")
_LOCAL: Final = ("LA", "LR", "LG")
_LOCAL_ALLELES: Final = "LAA"
_CODES: Final = {"A": kernels.PER_ALT, "R": kernels.PER_ALLELE, "G": kernels.PER_GENOTYPE}
_DIPLOID: Final = 2
_QUOTE: Final = ord('"')
_DOT: Final = ord(".")


class NumberRules:
    """Holds fields of a file against Number of its header."""

    def __init__(self, header: VcfHeader, *, lenient: bool) -> None:
        self._header = header
        self._lenient = lenient

    def of_call(self, column: Column) -> int:
        """Return `calls.CallField.number` of a FORMAT field."""
        number = self._number(column)
        return _CODES.get(number, int(number) if number.isdigit() else kernels.ANY_NUMBER)

    def _number(self, column: Column) -> str:
        """Return a field's Number as the header has it, or "." where every number is right."""
        declared = (self._header.format if column.of_samples else self._header.info)[column.key]
        is_text = declared.number == "1" and declared.type == "String"
        is_known = declared.number in (*_OF_ALLELES, *_LOCAL, "P") or (
            declared.number.isascii() and declared.number.isdigit()
        )
        return declared.number if is_known and not is_text and column.kind not in (FLAG, GENOTYPE) else "."

    # INFO

    def judge_info(
        self,
        column: Column,
        batch: TextBatch,
        span: npt.NDArray[np.int64],
        count: npt.NDArray[np.int32],
        n_alleles: npt.NDArray[np.integer[Any]],
        mended: Mended,
    ) -> npt.NDArray[np.int64] | None:
        """Return the records that are to be read as missing, int64[N], or None where there is none.

        Parameters
        ----------
        span, count
            int64[V, 2] where the values are, start -1 where the record lacks the field; int32[V] how many there are.
        n_alleles
            int[V]: REF and ALT.

        Raises
        ------
        InputError
            For the first record with another number of values, when nothing is mended.
        """
        number = self._number(column)
        if number in (".", "G", "P", *_LOCAL):  # the ploidy of a record is not known
            return None
        expected = _per_record(number, n_alleles)
        odd = (count != expected) & (span[:, 0] >= 0)
        if not odd.any():
            return None
        if number in ("A", "R"):  # where ALT is missing, its dot may have been counted
            odd &= (n_alleles > 1) | (count != expected + 1)
        rows = np.flatnonzero(odd)
        begin, end = span[rows, 0], span[rows, 1]
        alone = (end - begin == 1) & (batch.data[begin] == _DOT)
        quoted = (end - begin > 1) & (batch.data[begin] == _QUOTE) & (batch.data[end - 1] == _QUOTE)
        wrong = [row for row in rows[~alone & ~quoted].tolist() if self._is_wrong_info(batch, span[row])]
        if not wrong:
            return None
        if not self._lenient:
            row = wrong[0]
            wanted = int(expected[row])
            raise InputError(
                f"{batch.where(row)}: INFO {column.key} has {_values(int(count[row]))}; Number={number} asks for "
                f"{wanted:,}{_reason(number, int(n_alleles[row]))}"
            )
        for row in wrong:
            mended.add(MISSING_NOW if number in _OF_ALLELES else KEPT, batch.where(row))
        return np.array(wrong, dtype=np.int64) if number in _OF_ALLELES else None

    def _is_wrong_info(self, batch: TextBatch, span: npt.NDArray[np.int64]) -> bool:
        value = bytes(batch.data[int(span[0]) : int(span[1])])
        return bool(value) and not is_all_missing(value)

    # the samples' columns

    def judge_calls(
        self,
        columns: Sequence[Column],
        batch: TextBatch,
        first: int,
        calls: CallBatch,
        n_alleles: npt.NDArray[np.integer[Any]],
        mended: Mended,
    ) -> CallBatch:
        """Return the calls of some records, from row `first` of the batch on, mended where that was asked for.

        Raises
        ------
        InputError
            For the first call with another number of values, when nothing is mended.
        """
        suspects = [column for column in columns if self._is_suspect(column, calls)]
        if not suspects:
            return calls
        text = _Text(batch, slice(first, first + len(calls.present)), len(self._header.samples))
        wrong = {column.key: self._wrong_calls(column, text, n_alleles) for column in suspects}
        found = {key: places for key, places in wrong.items() if places.any()}
        if not found:
            return calls
        if not self._lenient:
            raise self._first_error(found, text, first, n_alleles)
        seen = dict(calls.seen)
        for column in suspects:
            if column.key not in found:
                continue
            places = found[column.key]
            is_of_alleles = column.number in _OF_ALLELES
            for row in np.flatnonzero(places.any(axis=1)).tolist():
                how = MISSING_NOW if is_of_alleles else KEPT
                mended.add(how, batch.where(first + row), int(places[row].sum()))
            if is_of_alleles:
                _make_missing(column, calls, places)
                counts = text.values(column.key)
                width = int(np.where(places, 1, counts).max(initial=1))
                seen[column.key] = replace(seen[column.key], width=width)
        return replace(calls, seen=seen)

    def _is_suspect(self, column: Column, calls: CallBatch) -> bool:
        number = self._number(column)
        if number == ".":
            return False
        if number in (*_LOCAL, "P"):
            return True
        if number == "G":
            genotype = calls.genotype_seen
            if genotype is None or genotype.any_fill or genotype.ploidy != _DIPLOID:
                return True  # not all calls have two copies, or it was not looked at
        return calls.seen[column.key].odd

    def _wrong_calls(self, column: Column, text: _Text, n_alleles: npt.NDArray[np.integer[Any]]) -> npt.NDArray[Any]:
        """Return bool[V, S]: the calls that have another number of values."""
        number = self._number(column)
        counts = text.values(column.key)
        right = counts == 0
        for expected in _expected(number, text, n_alleles):
            right |= counts == expected
        if number in (*_OF_ALLELES, "P"):
            no_alt = (n_alleles == 1)[:, None]
            for expected in _expected(number, text, np.where(n_alleles == 1, 2, n_alleles)):
                right |= no_alt & (counts == expected)
        wrong: npt.NDArray[np.bool_] = ~right
        return wrong

    def _first_error(
        self,
        wrong: Mapping[str, npt.NDArray[Any]],
        text: _Text,
        first: int,
        n_alleles: npt.NDArray[np.integer[Any]],
    ) -> InputError:
        row = min(int(np.flatnonzero(places.any(axis=1))[0]) for places in wrong.values())
        key, places = next((key, places) for key, places in wrong.items() if places[row].any())
        sample = int(np.flatnonzero(places[row])[0])
        number = self._header.format[key].number
        options = [
            int(np.broadcast_to(expected, places.shape)[row, sample]) for expected in _expected(number, text, n_alleles)
        ]
        wanted = " or ".join(f"{one:,}" for one in dict.fromkeys(options))
        return InputError(
            f"{text.batch.where(first + row)}: {key} of sample {self._header.samples[sample]} has "
            f"{_values(int(text.values(key)[row, sample]))}; Number={number} asks for {wanted}"
            f"{_reason(number, int(n_alleles[row]))}"
        )


class _Text:
    """What is counted in the text of some records, once."""

    def __init__(self, batch: TextBatch, rows: slice, n_samples: int) -> None:
        self.batch = batch
        self._where = (batch.data, batch.line_end[rows], batch.columns[rows], n_samples)
        self._values: dict[str, npt.NDArray[np.int32]] = {}
        self._copies: npt.NDArray[np.int32] | None = None

    def values(self, key: str) -> npt.NDArray[np.int32]:
        """Return int32[V, S]: values of a field."""
        if key not in self._values:
            self._values[key] = value_counts(*self._where, key)
        return self._values[key]

    def copies(self) -> npt.NDArray[np.int32]:
        """Return int32[V, S]: copies of GT."""
        if self._copies is None:
            self._copies = copy_counts(*self._where)
        return self._copies


def _per_record(number: str, n_alleles: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int64]:
    alleles = n_alleles.astype(np.int64)
    if number == "A":
        return alleles - 1
    if number == "R":
        return alleles
    return np.full(len(alleles), int(number), dtype=np.int64)


def _expected(number: str, text: _Text, n_alleles: npt.NDArray[np.integer[Any]]) -> Sequence[npt.NDArray[np.int64]]:
    """Return the numbers of values that are right, each int64[V, S] or [V, 1]; of a GT that is "." there are two."""
    alleles = n_alleles.astype(np.int64)[:, None]
    if number == "LA":
        return [text.values(_LOCAL_ALLELES).astype(np.int64)]
    if number == "LR":
        return [text.values(_LOCAL_ALLELES).astype(np.int64) + 1]
    if number in ("G", "LG", "P"):
        copies = text.copies().astype(np.int64)
        copies = np.where(copies == 0, 2, copies)
        options = [np.where(copies == ONE_OR_TWO, alone, copies) for alone in (1, 2)]
        if number == "P":
            return options
        of_call = alleles if number == "G" else text.values(_LOCAL_ALLELES).astype(np.int64) + 1
        return [_n_genotypes(of_call, ploidy) for ploidy in options]
    return [_per_record(number, n_alleles)[:, None]]


def _n_genotypes(n_alleles: npt.NDArray[np.int64], ploidy: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return how many genotypes there are, or a number that no call has where they are past 64 bits."""
    alleles, copies = np.broadcast_arrays(n_alleles, ploidy)
    out = np.ones(alleles.shape, dtype=np.float64)
    for step in range(1, int(copies.max(initial=0)) + 1):
        out *= np.where(step <= copies, (alleles + step - 1) / step, 1.0)
    return np.where(out < 2.0**53, np.rint(out), float(2**53)).astype(np.int64)


def _make_missing(column: Column, calls: CallBatch, places: npt.NDArray[Any]) -> None:
    """Write one missing value, then fill, where `places` bool[V, S]."""
    if column.kind == STRING:
        spans: Spans = calls.strings[column.key]
        dot = int(np.flatnonzero(calls.data == _DOT)[0])
        for values, of_missing in ((spans.start, dot), (spans.end, dot + 1)):
            values[places] = 0
            values[places, 0] = of_missing
        return
    values = calls.values[column.key]
    if column.kind == INTEGER:
        missing, fill = kernels.INT_MISSING, kernels.INT_FILL
    else:
        assert column.kind == FLOAT
        missing, fill = missing_and_fill("float32")
    values[places] = fill
    values[places, 0] = missing


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count:,} values"


def _reason(number: str, n_alleles: int) -> str:
    if number not in _OF_ALLELES:
        return ""
    return f" where the record has {'no ALT allele' if n_alleles == 1 else f'{n_alleles - 1:,} ALT'}"
