"""What a record says when several stores have it: site columns, INFO, and the counts over people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels.counts import allele_counts
from genomics_dc.store import schema
from genomics_dc.store.columns import DIM_ALT_ALLELES, INTEGER_TYPES, integer_rank
from genomics_dc.store.growth.fields import STRING, Shape, absent, is_missing, sentinels
from genomics_dc.store.growth.parts import Held, Part, forget
from genomics_dc.store.growth.proof import Proven
from genomics_dc.store.growth.sites import Rows, SiteTable

AC: Final = "variant_AC"
AN: Final = "variant_AN"
AF: Final = "variant_AF"
NS: Final = "variant_NS"
DP: Final = "variant_DP"
COUNTED: Final = (AC, AN, NS)
OWN_COUNTED: Final = "counted_from_genotypes"
"""Attribute of a store: the fields that growth has counted in every record, so that it need not count them again."""
_CLASSES: Final = Shape("int32", 4, schema.DIM_COUNTS, False, "")
IDENTITY: Final = frozenset(
    {schema.VARIANT_CONTIG, schema.VARIANT_POSITION, schema.VARIANT_LENGTH, schema.VARIANT_ALLELE}
)
"""What is the same in every store that has the record, because records are matched by it."""


class RecordRules:
    """Joins the records of parts; one for a whole store, shared by threads, which work on different records.

    AC, AN, AF and NS are counted anew where a record has grown; DP is summed; the greatest QUAL stands; FILTER and
    flags are united, PASS only where all passed; identifiers are joined by ";". Any other field stands where all parts
    that know it agree, and is missing where they do not: `n_differing` says how often.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        table: SiteTable,
        shapes: Mapping[str, Shape],
        grown: npt.NDArray[np.bool_],
    ) -> None:
        self.parts = parts
        self.table = table
        self.shapes = shapes
        self.grown = grown
        self.n_differing: dict[str, npt.NDArray[np.bool_]] = {}
        n_variants = len(table)
        self._spooled: dict[str, npt.NDArray[Any]] = {}
        for name in self._recounted():
            shape = shapes[name]
            exact = np.dtype(shape.dtype).kind == "f"
            self._spooled[name] = np.empty((n_variants, *shape.tail), dtype=np.float64 if exact else np.int64)

    @property
    def spooled(self) -> tuple[str, ...]:
        """The arrays whose type is known only when all records have been joined."""
        return tuple(self._spooled)

    def _recounted(self) -> list[str]:
        if not self.grown.any():
            return []
        found = []
        for name, axis in ((AC, DIM_ALT_ALLELES), (AN, ""), (NS, ""), (DP, "")):
            shape = self.shapes.get(name)
            if shape is not None and shape.inner == axis and shape.dtype in INTEGER_TYPES:
                found.append(name)
        return found

    def is_recounted(self, name: str) -> bool:
        """Whether an array's values in grown records are not those of any part."""
        if name == AF:
            return bool(self.grown.any()) and self._counts_frequency()
        return name in self._spooled

    def _counts_frequency(self) -> bool:
        shape = self.shapes.get(AF)
        return shape is not None and shape.inner == DIM_ALT_ALLELES and shape.dtype == "float32"

    def values(
        self, name: str, first: int, stop: int, held: Sequence[Held], proven: Sequence[Proven]
    ) -> npt.NDArray[Any]:
        """Return an array's values in the records `first` to `stop`; what is spooled is kept, and returned too."""
        shape = self.shapes[name]
        out = self._joined(name, first, stop, held)
        if self.is_recounted(name) and name != DP:
            self._recount(name, shape, first, stop, out, held, proven)
        if name in self._spooled:
            self._spooled[name][first:stop] = out
        return out

    def _joined(self, name: str, first: int, stop: int, held: Sequence[Held]) -> npt.NDArray[Any]:
        shape = self.shapes[name]
        n_records = stop - first
        # sums are made in 64 bits, so that none is ever cut to the type of its parts
        wide: Any = self._spooled[name].dtype if name in self._spooled else None
        out: npt.NDArray[Any] | None = None
        written = np.zeros(n_records, dtype=np.bool_)
        differing = np.zeros(n_records, dtype=np.bool_)
        for part, chunks in zip(self.parts, held, strict=True):
            if not part.has(name):
                continue
            rows = part.rows[first:stop]
            there = rows >= 0
            if name in IDENTITY:
                there &= ~written
            local = np.flatnonzero(there)
            if not local.size:
                continue
            values = part.take(name, rows[local], None, shape, chunks)
            if out is None and local.size == n_records:
                out = np.array(values, dtype=wide)
                written[:] = True
                continue
            if out is None:
                out = np.asarray(absent(name, shape, (n_records,), whole_record=True), dtype=wide)
            fresh = ~written[local]
            out[local[fresh]] = values[fresh]
            again = local[~fresh]
            if again.size:
                merged, differ = _merged(name, shape, out[again], values[~fresh])
                out[again] = merged
                differing[again] |= differ
            written[local] = True
        if out is None:
            return np.asarray(absent(name, shape, (n_records,), whole_record=True), dtype=wide)
        if differing.any() and not self.is_recounted(name):
            out[differing] = absent(name, shape, (), whole_record=True)
            told = self.n_differing.setdefault(name, np.zeros(len(self.table), dtype=np.bool_))
            told[first:stop] |= differing
        return out

    def _recount(
        self,
        name: str,
        shape: Shape,
        first: int,
        stop: int,
        out: npt.NDArray[Any],
        held: Sequence[Held],
        proven: Sequence[Proven],
    ) -> None:
        known = np.asarray(~is_missing(out, shape.dtype).reshape(len(out), -1).all(axis=1))
        grown = np.flatnonzero(self.grown[first:stop])
        local = grown[known[grown]]
        if not local.size:
            return
        # counted once for all fields, whichever of them a record lacks
        counts, n_with_data = (made[known[grown]] for made in self._counts(first, stop, grown, held, proven))
        if name == NS:
            out[local] = n_with_data
            return
        total = counts.sum(axis=1)
        if name == AN:
            out[local] = total
            return
        missing, fill = sentinels(shape.dtype)
        n_alts = (self.table.end[first:stop][local] > self.table.start[first:stop][local]).sum(axis=1) - 1
        within = np.arange(shape.width)[None, :] < n_alts[:, None]
        carried = counts[:, 1 : 1 + shape.width]
        if name == AF:
            with np.errstate(divide="ignore", invalid="ignore"):
                frequency = (carried / total[:, None]).astype(np.float32)
            values = np.where(within, np.where(total[:, None] > 0, frequency, missing), fill)
        else:
            values = np.where(within, carried, fill)
        out[local] = values
        none = n_alts < 1
        if none.any():
            out[local[none]] = absent(name, shape, (), whole_record=True)

    def _counts(
        self,
        first: int,
        stop: int,
        local: npt.NDArray[np.int64],
        held: Sequence[Held],
        proven: Sequence[Proven],
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return int64[N, A], how often each allele is carried, and int64[N], the samples with a called allele."""
        cache = held[0].get(("recounted", (first,)))
        if cache is not None:
            return cache[:, :-1], cache[:, -1]
        n_alleles = self.table.start.shape[1]
        n_alts = (self.table.end[first:stop][local] > self.table.start[first:stop][local]).sum(axis=1) - 1
        counts = np.zeros((len(local), n_alleles), dtype=np.int64)
        n_with_data = np.zeros(len(local), dtype=np.int64)
        genotype = self.shapes.get(schema.CALL_GENOTYPE)
        for part, chunks in zip(self.parts, held, strict=True):
            if genotype is None or not part.has(schema.CALL_GENOTYPE):
                continue
            rows = part.rows[first:stop][local]
            there = np.flatnonzero(rows >= 0)
            if there.size and (part.columns >= 0).any():
                of_part, with_data = self._counts_of(part, rows[there], n_alts[there], genotype, chunks)
                counts[there] += of_part
                n_with_data[there] += with_data
        place = np.full(stop - first, -1, dtype=np.int64)
        place[local] = np.arange(len(local))
        for one in proven:
            at = place[one.rows]
            np.add.at(counts[:, 0], at[at >= 0], one.copies[at >= 0])
            np.add.at(n_with_data, at[at >= 0], 1)
        held[0]["recounted", (first,)] = np.column_stack([counts, n_with_data])
        return counts, n_with_data

    def counted(self) -> tuple[str, ...]:
        """Return the fields whose values in every record are now those of the genotypes, so that the next may add."""
        if not all(self._is_counted(part) for part in self.parts) and not self.grown.all():
            return ()
        return tuple(name for name in COUNTED if name in self._spooled)

    def _is_counted(self, part: Part) -> bool:
        told = part.files.own.get(OWN_COUNTED) or ()
        wanted = [name for name in COUNTED if name in self.shapes]
        return AC in told and AN in told and all(name in told and part.has(name) for name in wanted)

    def _counts_of(
        self, part: Part, rows: Rows, n_alts: npt.NDArray[np.int64], genotype: Shape, chunks: Held
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return what a part has counted, or can tell without its genotypes; what is left is counted from these."""
        counts = np.zeros((len(rows), self.table.start.shape[1]), dtype=np.int64)
        with_data = np.zeros(len(rows), dtype=np.int64)
        left = np.ones(len(rows), dtype=np.bool_)
        if part.keeps_all_samples and self._is_counted(part):
            self._take_stored(part, rows, chunks, counts, with_data, left)
        elif part.keeps_all_samples and genotype.width == 2 and part.has(schema.VARIANT_COUNTS):
            simple = (n_alts <= 1) & np.isin(
                rows // part.reader(schema.CALL_GENOTYPE).chunks[0], part.whole_bands(rows)
            )
            classes = part.take(schema.VARIANT_COUNTS, rows[simple], None, _CLASSES, chunks).astype(np.int64)
            counts[simple, 0] = 2 * classes[:, 0] + classes[:, 1]
            if counts.shape[1] > 1:
                counts[simple, 1] = classes[:, 1] + 2 * classes[:, 2]
            with_data[simple] = classes[:, :3].sum(axis=1)
            left &= ~simple
        again = np.flatnonzero(left)
        if not again.size:
            return counts, with_data
        columns = np.sort(part.columns[part.columns >= 0])
        width = part.reader(schema.CALL_GENOTYPE).chunks[1]
        for number in np.unique(columns // width):
            some = columns[columns // width == number]
            calls = part.take(schema.CALL_GENOTYPE, rows[again], some, genotype, chunks)
            counts[again] += allele_counts(calls, counts.shape[1])
            if NS in self.shapes:
                called = calls[..., 0] >= 0
                for copy in range(1, calls.shape[2]):
                    called |= calls[..., copy] >= 0
                with_data[again] += called.sum(axis=1)
            forget(chunks, schema.CALL_GENOTYPE)
        return counts, with_data

    def _take_stored(
        self,
        part: Part,
        rows: Rows,
        chunks: Held,
        counts: npt.NDArray[np.int64],
        with_data: npt.NDArray[np.int64],
        left: npt.NDArray[np.bool_],
    ) -> None:
        """Fill in what an earlier growth has counted, where it did."""
        carried = part.take(AC, rows, None, self.shapes[AC], chunks).astype(np.int64)
        total = part.take(AN, rows, None, self.shapes[AN], chunks).astype(np.int64)
        known = (total >= 0) & (carried[:, 0] >= 0)
        if NS in self.shapes:
            told = part.take(NS, rows, None, self.shapes[NS], chunks).astype(np.int64)
            known &= told >= 0
            with_data[known] = told[known]
        carried = np.maximum(carried, 0)
        counts[known, 1 : 1 + carried.shape[1]] = carried[known]
        counts[known, 0] = (total - carried.sum(axis=1))[known]
        left &= ~known

    def finished(self, name: str) -> tuple[npt.NDArray[Any], Shape]:
        """Return a spooled array and its shape, in the narrowest type that holds every value."""
        values, shape = self._spooled[name], self.shapes[name]
        if np.dtype(shape.dtype).kind == "f":
            return values.astype(shape.dtype), shape
        real = values[values >= 0] if values.size else values
        low = values[values < schema.INT_FILL]
        greatest = int(real.max()) if real.size else -1
        least = int(low.min()) if low.size else 0
        narrow = INTEGER_TYPES[integer_rank(least, greatest) if real.size or low.size else 0]
        return values.astype(narrow), Shape(narrow, shape.width, shape.inner, False, shape.description)


def _merged(
    name: str, shape: Shape, old: npt.NDArray[Any], new: npt.NDArray[Any]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return what two parts say of the same records, and where they differ beyond joining."""
    agree = np.zeros(len(old), dtype=np.bool_)
    if name == schema.VARIANT_QUALITY:
        old_missing, new_missing = np.isnan(old), np.isnan(new)
        return np.where(old_missing, new, np.where(new_missing, old, np.maximum(old, new))), agree
    if name == schema.VARIANT_FILTER:
        united = old | new
        united[:, 0] &= ~united[:, 1:].any(axis=1)
        return united, agree
    if name == schema.VARIANT_ID:
        return np.array([_identifiers(a, b) for a, b in zip(old, new, strict=True)], dtype=object), agree
    if name == schema.VARIANT_ID_MASK:
        return old & new, agree
    if shape.dtype == "bool":
        return old | new, agree
    same, old_missing, new_missing = _compared(shape, old, new)
    kept = _where(old_missing, new, old)
    if name == DP and shape.dtype in INTEGER_TYPES and not shape.inner:
        return np.where(~old_missing & ~new_missing, old + new.astype(old.dtype), kept), agree
    return kept, ~(same | old_missing | new_missing)


def _identifiers(first: str, second: str) -> str:
    if first == second or second in (".", ""):
        return first
    if first in (".", ""):
        return second
    return ";".join(dict.fromkeys([*first.split(";"), *second.split(";")]))


def _where(choose: npt.NDArray[np.bool_], first: npt.NDArray[Any], second: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.where(choose.reshape(-1, *(1,) * (second.ndim - 1)), first, second)


def _compared(
    shape: Shape, old: npt.NDArray[Any], new: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return, by record: whether two parts say the same, whether the first says nothing, whether the second does."""
    width = (len(old), -1)
    lacks = []
    for values in (old, new):
        missing = is_missing(values, shape.dtype).reshape(width)
        # "." is one missing value and then fill: nothing is said by either
        fill = _is_fill(values, shape.dtype).reshape(width)
        lacks.append(np.asarray((missing | fill).all(axis=1), dtype=np.bool_))
    if shape.dtype != STRING and np.dtype(shape.dtype).kind == "f":
        bits = f"u{np.dtype(shape.dtype).itemsize}"
        old, new = np.ascontiguousarray(old).view(bits), np.ascontiguousarray(new).view(bits)
    same = np.asarray(np.asarray(old == new).reshape(width).all(axis=1), dtype=np.bool_)
    return same, lacks[0], lacks[1]


def _is_fill(values: npt.NDArray[Any], dtype: str) -> npt.NDArray[np.bool_]:
    fill = sentinels(dtype)[1]
    if dtype != STRING and np.dtype(dtype).kind == "f":
        bits = f"u{np.dtype(dtype).itemsize}"
        found: npt.NDArray[np.bool_] = np.ascontiguousarray(values).view(bits) == np.array(fill, dtype=dtype).view(bits)
        return found
    return np.asarray(values == fill, dtype=np.bool_)
