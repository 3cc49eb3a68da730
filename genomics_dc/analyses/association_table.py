"""The numbers of a scan while it runs, and the table that they become."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.arrow_columns import numbers, text
from genomics_dc.analyses.association_groups import Group, Part
from genomics_dc.kernels import linear, logistic
from genomics_dc.kernels.linear_terms import TermsFit
from genomics_dc.kernels.status import FILTERED, FIRTH, OK, SCORE, SPA, STATUS_NAMES
from genomics_dc.kernels.tails import p_of

_ESTIMATED = (OK, FIRTH, SCORE, SPA)
"""Statuses of variants that have every number."""
_MARKED = {"firth": "FIRTH", "score": "SCORE"}


class Estimates:
    """The columns of the result: [T * M, V] by trait and test, or [slots, V] where traits share them.

    Traits that are grouped alike in every part share a slot. They are written into `room` where it is given.
    """

    def __init__(
        self,
        n_traits: int,
        tests: Sequence[str],
        parts: Mapping[str, Part],
        n_variants: int,
        room: linear.Columns | None = None,
    ) -> None:
        self.tests = tuple(tests)
        self.n_variants = n_variants
        n_rows = n_traits * len(self.tests)
        columns = linear.Columns.empty(n_rows, n_variants) if room is None else room.first(n_rows)
        self.beta, self.error = columns.beta, columns.standard_error
        self.p, self.strength = columns.p, columns.neg_log10_p
        self.status = columns.status[:n_traits]
        self._columns = columns
        grouped = [
            tuple(
                next((number for number, group in enumerate(part.groups) if trait in group.traits), -1)
                for part in parts.values()
            )
            for trait in range(n_traits)
        ]
        self.slots = {group: number for number, group in enumerate(dict.fromkeys(grouped))}
        self.slot_of_trait = [self.slots[group] for group in grouped]
        self.n = np.empty((len(self.slots), n_variants), dtype=np.int32)
        self.frequency = np.empty((len(self.slots), n_variants))

    def fit(self, group: Group, placed: linear.PlacedDesign, packed: npt.NDArray[np.uint8], start: int) -> None:
        """Fit a group's traits of one test to variants, the first of which is number `start`, and store it in place."""
        n, frequency = linear.fit_packed_into(packed, placed, self._columns, np.array(group.traits), start)
        self._put_by_slot(group, slice(start, start + len(packed)), n, frequency)

    def put(
        self, group: Group, span: slice, fitted: linear.LinearFit | logistic.LogisticFit | TermsFit, scale: float
    ) -> None:
        """Store what a group's fit says about the variants of `span`."""
        n_traits, n_tests = len(group.traits), len(self.tests)
        shape = (span.stop - span.start, n_traits, -1)
        beta, error = fitted.beta.reshape(shape), fitted.standard_error.reshape(shape)
        if scale != 1.0:
            beta, error = beta * scale, error * scale
        strength, status = fitted.neg_log10_p.reshape(shape), fitted.status.reshape(shape[:2])
        for test in range(n_tests):
            rows = _rows_of(group.traits, n_tests, test)
            if test < beta.shape[2]:
                self.beta[rows, span] = beta[:, :, test].T
                self.error[rows, span] = error[:, :, test].T
                of_test = strength[:, :, test].T
            else:
                assert isinstance(fitted, TermsFit)
                self.beta[rows, span] = np.nan
                self.error[rows, span] = np.nan
                of_test = fitted.joint_neg_log10_p.T
            self.strength[rows, span] = of_test
            self.p[rows, span] = p_of(of_test)
        self.status[_rows_of(group.traits, 1, 0), span] = status.T
        frequency = fitted.mean / 2.0 if isinstance(fitted, TermsFit) else fitted.frequency
        self._put_by_slot(group, span, fitted.n, frequency)

    def _put_by_slot(
        self, group: Group, span: slice, n: npt.NDArray[np.int32], frequency: npt.NDArray[np.float64]
    ) -> None:
        for slot in {self.slot_of_trait[trait] for trait in group.traits}:
            self.n[slot, span] = n
            self.frequency[slot, span] = frequency

    def leave_out(self, traits: Sequence[int], span: slice) -> None:
        """Mark the variants of `span` as filtered for some traits."""
        n_tests = len(self.tests)
        rows = [trait * n_tests + test for trait in traits for test in range(n_tests)]
        for target in (self.beta, self.error, self.p, self.strength):
            target[rows, span] = np.nan
        self.status[list(traits), span] = FILTERED
        for slot in {self.slot_of_trait[trait] for trait in traits}:
            self.n[slot, span] = 0
            self.frequency[slot, span] = np.nan


def _rows_of(traits: Sequence[int], n_tests: int, test: int) -> slice | list[int]:
    """Return where the rows of a test stand: a slice, which is faster, when the traits are neighbours."""
    first, last = traits[0], traits[-1]
    if last - first + 1 == len(traits):
        return slice(first * n_tests + test, last * n_tests + test + 1, n_tests)
    return [trait * n_tests + test for trait in traits]


def table_of(
    shared: dict[str, pa.ChunkedArray], trait_names: Sequence[str], estimates: Estimates, more: Mapping[str, pa.Array]
) -> pa.Table:
    """Return the result table: a chunk a trait and test; what several share is not copied.

    `more` are further columns float64[T * M, V] as Arrow makes them of rows.
    """
    n_traits, n_tests, n_variants = len(trait_names), len(estimates.tests), estimates.n_variants
    n_of_slot = [numbers(row) for row in estimates.n]
    frequency_of_slot = [_floats(row) for row in estimates.frequency]
    marked = [name for name in _MARKED.values() if estimates.tests[0] == "ADD"]
    tests = text([*estimates.tests, *marked])
    statuses = text(STATUS_NAMES)
    names = text(list(trait_names))
    number_type = np.int8 if n_traits <= 127 else np.int32
    code_of_status = np.zeros(len(STATUS_NAMES), dtype=np.int8)
    for status, mark in _MARKED.items():
        if mark in marked:
            code_of_status[STATUS_NAMES.index(status)] = n_tests + marked.index(mark)
    plain = [numbers(np.full(n_variants, test, dtype=np.int8)) for test in range(n_tests)]
    status_of_trait: list[pa.DictionaryArray] = []
    for trait, row in enumerate(estimates.status):  # where traits agree, a file has the column once, in its own memory
        if trait == 0 or not np.array_equal(row, estimates.status[trait - 1]):
            one = pa.DictionaryArray.from_arrays(numbers(row.copy()), statuses)
        status_of_trait.append(one)

    def each(make: Callable[[int, int], pa.Array]) -> pa.ChunkedArray:
        return pa.chunked_array([make(trait, test) for trait in range(n_traits) for test in range(n_tests)])

    def same(name: str) -> pa.ChunkedArray:
        return pa.chunked_array(shared[name].chunks * (n_traits * n_tests), type=shared[name].type)

    def test_of(trait: int, test: int) -> pa.Array:
        codes = code_of_status[estimates.status[trait]] if test == 0 and marked else None
        kept = plain[test] if codes is None or not codes.any() else numbers(codes)
        return pa.DictionaryArray.from_arrays(kept, tests)

    def trait_of(trait: int, _test: int) -> pa.Array:
        return pa.DictionaryArray.from_arrays(numbers(np.full(n_variants, trait, dtype=number_type)), names)

    whole = [bool(np.isin(row[:1], _ESTIMATED).all() and (row == row[:1]).all()) for row in estimates.status]

    def column(values: npt.NDArray[np.float64]) -> pa.ChunkedArray:
        def make(trait: int, test: int) -> pa.Array:
            row = values[trait * n_tests + test]
            return numbers(row) if whole[trait] and n_tests == 1 else _floats(row)

        return each(make)

    return pa.table(
        {
            "chromosome": same("chromosome"),
            "base_pair_location": same("base_pair_location"),
            "effect_allele": same("effect_allele"),
            "other_allele": same("other_allele"),
            "beta": column(estimates.beta),
            "standard_error": column(estimates.error),
            "effect_allele_frequency": each(lambda t, _: frequency_of_slot[estimates.slot_of_trait[t]]),
            "p_value": column(estimates.p),
            "neg_log_10_p_value": column(estimates.strength),
            "n": each(lambda t, _: n_of_slot[estimates.slot_of_trait[t]]),
            "variant_id": same("variant_id"),
            "trait": each(trait_of),
            "test": each(test_of),
            "status": each(lambda t, _: status_of_trait[t]),
            **{name: pa.chunked_array([_floats(row) for row in values]) for name, values in more.items()},
        }
    )


def _floats(values: npt.NDArray[np.float64]) -> pa.Array:
    """Return an Arrow array, on the same memory, in which NaN, no estimate, is null."""
    return numbers(values, np.isnan(values))
