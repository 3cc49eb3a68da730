"""A store out of the records and samples of others: what is not touched is linked or copied as it stands.

Every chunk of the whole that holds exactly a chunk of one part goes over as bytes, and a file whose chunks all do goes
over as a hard link where both stores are generations of one. Only what is left is decoded, joined and encoded anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels import genotypes
from genomics_dc.kernels.counts import genotype_counts
from genomics_dc.store import schema
from genomics_dc.store.chunks import ArrayMeta, encode
from genomics_dc.store.growth.fields import Shape, absent, is_whole_missing, meta_of
from genomics_dc.store.growth.parts import Held, Part, forget
from genomics_dc.store.growth.proof import Proofs, Proven
from genomics_dc.store.growth.records import IDENTITY, RecordRules
from genomics_dc.store.growth.sites import SiteTable
from genomics_dc.store.layout import Grid
from genomics_dc.store.ordered import ordered
from genomics_dc.store.writer import ArrayWriter, StoreWriter

Progress = Callable[[str, float], None]
_OF_GENOTYPE: Final = (schema.CALL_GENOTYPE, schema.CALL_GENOTYPE_MASK)
_DEPTH: Final = "call_DP"
_COUNTS: Final = Shape("int32", 4, schema.DIM_COUNTS, False, "")
_PACKED: Final = Shape("uint8", 1, "", True, "")


@dataclass
class Assembled:
    """What became of the chunks, and what the parts did not agree on.

    n_differing: records by INFO field (array name) in which the parts contradict each other, so that it is missing.
    n_proven: calls that are 0/0 because of reference blocks.
    """

    n_linked: int = 0
    n_copied: int = 0
    n_encoded: int = 0
    n_proven: int = 0
    n_differing: dict[str, int] = field(default_factory=dict)
    proven_by_sample: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


@dataclass
class _Band:
    """The chunks of one row of the grid, by array; and what else is summed."""

    puts: dict[str, list[tuple[tuple[int, ...], bytes]]] = field(default_factory=dict)
    n_copied: int = 0
    n_encoded: int = 0
    proven: Sequence[Proven] = ()


class Assembly:
    """Writes the arrays over variants of a whole.

    Parameters
    ----------
    parts
        What it is made of; the first may give files as links when `may_link`.
    table
        Its U records.
    grid, shapes
        How its arrays are cut, and how each stands.
    grown
        bool[U]: records whose people have changed, so that they are counted anew.
    proofs
        What is proven to be reference where a sample has no record, or None.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        table: SiteTable,
        grid: Grid,
        shapes: Mapping[str, Shape],
        *,
        grown: npt.NDArray[np.bool_],
        proofs: Proofs | None,
        may_link: bool,
        threads: int,
        progress: Progress,
    ) -> None:
        self.parts = parts
        self.table = table
        self.grid = grid
        self.shapes = dict(shapes)
        self.rules = RecordRules(parts, table, self.shapes, grown)
        self._proofs = proofs
        self._may_link = may_link
        self._threads = threads
        self._progress = progress
        n_variants = len(table)
        self._metas = {name: meta_of(name, shape, grid, n_variants) for name, shape in self.shapes.items()}
        self._derived: dict[str, ArrayMeta] = {}
        if schema.CALL_GENOTYPE in self.shapes:
            descriptions = {spec.path: spec.description for spec in schema.DERIVED_ARRAYS}
            for name, shape in ((schema.PACKED_DOSAGE, _PACKED), (schema.VARIANT_COUNTS, _COUNTS)):
                told = Shape(shape.dtype, shape.width, shape.inner, shape.of_samples, descriptions[name])
                self._derived[name] = meta_of(name, told, grid, n_variants)
        self._linked: dict[str, set[tuple[int, ...]]] = {}

    @property
    def n_bands(self) -> int:
        """Rows of the grid of chunks."""
        return math.ceil(len(self.table) / self.grid.variants)

    def write(self, writer: StoreWriter) -> Assembled:
        """Write everything; return what was done."""
        done = Assembled(proven_by_sample=np.zeros(self.grid.n_samples, dtype=np.int64))
        writers: dict[str, ArrayWriter] = {}
        for name, meta in {**self._metas, **self._derived}.items():
            if name not in self.rules.spooled:
                writers[name] = writer.array(meta)
                done.n_linked += self._link(writers[name], meta)
        for number, band in enumerate(
            ordered(self._band, range(self.n_bands), threads=self._threads, ahead=self._threads)
        ):
            for name, puts in band.puts.items():
                for coords, encoded in puts:
                    writers[name].put(coords, encoded)
            done.n_copied += band.n_copied
            done.n_encoded += band.n_encoded
            for one in band.proven:
                done.proven_by_sample[one.column] += len(one.rows)
            self._progress("Writing records", (number + 1) / self.n_bands)
        done.n_proven = int(done.proven_by_sample.sum())
        for name in self.rules.spooled:
            values, shape = self.rules.finished(name)
            meta = meta_of(name, shape, self.grid, len(self.table))
            writer.put_whole(meta, values)
            done.n_encoded += meta.n_chunks
        done.n_differing = {name: int(rows.sum()) for name, rows in sorted(self.rules.n_differing.items())}
        return done

    # What goes over as it stands

    def _link(self, writer: ArrayWriter, meta: ArrayMeta) -> int:
        """Take over the files of the first part that hold nothing else than the whole's do; return how many chunks."""
        base = self.parts[0]
        if not self._may_link or not base.has(meta.name):
            return 0
        source = base.reader(meta.name)
        taken = self._linked.setdefault(meta.name, set())
        if source.meta.inner != meta.inner or source.meta.outer != meta.outer:
            return 0
        for outer in meta.files():
            chunks = meta.chunks_of_file(outer)
            if chunks != source.meta.chunks_of_file(outer) or not all(self._is_of_base(meta, one) for one in chunks):
                continue
            try:
                writer.link(outer, base.files.path / meta.key(outer), source.records_of_file(outer))
            except OSError:
                return len(taken)  # a file system without hard links: the chunks are copied
            taken.update(chunks)
        return len(taken)

    def _is_of_base(self, meta: ArrayMeta, coords: tuple[int, ...]) -> bool:
        raw = self._raw(meta, coords)
        return raw is not None and raw[0] is self.parts[0] and raw[1] == coords

    def _raw(self, meta: ArrayMeta, coords: tuple[int, ...]) -> tuple[Part, tuple[int, ...]] | None:
        """Return the part and the chunk there that are the same as a chunk of the whole, or None."""
        if meta.name == schema.VARIANT_COUNTS:
            return self._raw_counts(meta, coords)
        if meta.dimensions[1:2] in ((schema.DIM_SAMPLES,), (schema.DIM_PACKED,)):
            return self._raw_calls(meta, coords)
        return self._raw_sites(meta, coords)

    def _raw_calls(self, meta: ArrayMeta, coords: tuple[int, ...]) -> tuple[Part, tuple[int, ...]] | None:
        for part in self.parts:
            if not part.has(meta.name) or not self._is_untouched(part, meta.name):
                continue
            column = part.same_columns(meta, coords[1], meta.name)
            row = part.same_rows(meta, coords[0], meta.name) if column >= 0 else -1
            if row >= 0:
                return part, (row, column, *coords[2:])
        return None

    def _raw_sites(self, meta: ArrayMeta, coords: tuple[int, ...]) -> tuple[Part, tuple[int, ...]] | None:
        name = meta.name
        if self.rules.is_recounted(name):
            return None
        found = None
        for part in self.parts:
            if not part.has(name) or not part.has_rows(coords[0], self.grid.variants):
                continue
            row = part.same_rows(meta, coords[0], name) if self._is_untouched(part, name) else -1
            if row < 0:
                return None
            there = (row, *coords[1:])
            if found is None:
                found = (part, there)
            elif name not in IDENTITY and found[0].reader(name).encoded(*found[1]) != part.reader(name).encoded(*there):
                return None
        return found

    def _raw_counts(self, meta: ArrayMeta, coords: tuple[int, ...]) -> tuple[Part, tuple[int, ...]] | None:
        """Return where the counts stand as they are: all people of the band, and no others, are of one part."""
        holders = [part for part in self.parts if part.has_rows(coords[0], self.grid.variants)]
        if len(holders) != 1 or not holders[0].has(meta.name) or not holders[0].keeps_all_samples:
            return None
        if holders[0].n_samples != self.grid.n_samples:
            return None
        here = holders[0].same_rows(meta, coords[0], meta.name)
        return None if here < 0 else (holders[0], (here, *coords[1:]))

    def _is_untouched(self, part: Part, name: str) -> bool:
        return name in self._derived or part.is_untouched(name, self.shapes[name])

    # What is made anew

    def _band(self, band: int) -> _Band:
        first, stop = band * self.grid.variants, min((band + 1) * self.grid.variants, len(self.table))
        made = _Band()
        held: list[Held] = [{} for _ in self.parts]
        proven = self._proofs.band(first, stop) if self._proofs is not None else []
        made.proven = proven
        for name, meta in self._metas.items():
            if meta.dimensions[1:2] == (schema.DIM_SAMPLES,) and name not in _OF_GENOTYPE:
                self._call_array(made, name, meta, band, held, proven)
                for chunks in held:
                    forget(chunks, name)
        if schema.CALL_GENOTYPE in self._metas:
            self._genotype_arrays(made, band, held, proven)
            for chunks in held:
                forget(chunks, schema.CALL_GENOTYPE)
        for name, meta in self._metas.items():
            if meta.dimensions[1:2] != (schema.DIM_SAMPLES,):
                self._site_array(made, name, meta, band, held, proven)
        return made

    def _put_raw(self, made: _Band, meta: ArrayMeta, coords: tuple[int, ...]) -> bool:
        """Put a chunk as it stands in a part; return whether there is such a one."""
        if coords in self._linked.get(meta.name, ()):
            return True
        raw = self._raw(meta, coords)
        if raw is None:
            return False
        part, there = raw
        made.puts.setdefault(meta.name, []).append((coords, part.reader(meta.name).encoded(*there)))
        made.n_copied += 1
        return True

    def _put(self, made: _Band, meta: ArrayMeta, coords: tuple[int, ...], values: npt.NDArray[Any]) -> None:
        made.puts.setdefault(meta.name, []).append((coords, encode(meta, values)))
        made.n_encoded += 1

    def _site_array(
        self, made: _Band, name: str, meta: ArrayMeta, band: int, held: Sequence[Held], proven: Sequence[Proven]
    ) -> None:
        coords = (band, *(0,) * (len(meta.shape) - 1))
        if name in self.rules.spooled:
            first, stop = self._rows(band)
            self.rules.values(name, first, stop, held, proven)
            return
        if not self._put_raw(made, meta, coords):
            first, stop = self._rows(band)
            self._put(made, meta, coords, self.rules.values(name, first, stop, held, proven))

    def _rows(self, band: int) -> tuple[int, int]:
        return band * self.grid.variants, min((band + 1) * self.grid.variants, len(self.table))

    def _call_array(
        self, made: _Band, name: str, meta: ArrayMeta, band: int, held: Sequence[Held], proven: Sequence[Proven]
    ) -> None:
        tail = (0,) * (len(meta.shape) - 2)
        for number in range(meta.grid[1]):
            coords = (band, number, *tail)
            if self._put_raw(made, meta, coords):
                continue
            flag = self._flag(name, band, number) if self.shapes[name].dtype == "bool" else None
            if flag is not None:
                self._put(made, meta, coords, flag)
            else:
                self._put(made, meta, coords, self._calls(name, band, number, held, proven))

    def _calls(
        self, name: str, band: int, number: int, held: Sequence[Held], proven: Sequence[Proven]
    ) -> npt.NDArray[Any]:
        """Return the values of an array over samples in one chunk of the whole."""
        shape = self.shapes[name]
        first, stop = self._rows(band)
        left, right = number * self.grid.samples, min((number + 1) * self.grid.samples, self.grid.n_samples)
        lead = (stop - first, right - left)
        lacking = self._lacking(name, first, stop, held)
        pieces = []
        for part, chunks in zip(self.parts, held, strict=True):
            if not part.has(name):
                continue
            rows = part.rows[first:stop]
            there = np.flatnonzero(rows >= 0)
            columns = part.columns[left:right]
            mine = np.flatnonzero(columns >= 0)
            if there.size and mine.size:
                known = None if lacking is None else lacking[there]
                values = part.take(name, rows[there], columns[mine], shape, chunks, known)
                forget(chunks, name, int(columns[mine].max()) // part.reader(name).chunks[1])
                if values.shape[:2] == lead:
                    return values
                pieces.append((there, mine, values))
        out = absent(name, shape, lead)
        if lacking is not None and lacking.any():
            out[lacking] = absent(name, shape, (), whole_record=True)
        for there, mine, values in pieces:
            if there.size == lead[0]:
                out[:, _span(mine)] = values
            elif mine.size == lead[1]:
                out[there] = values
            else:
                out[np.ix_(there, mine)] = values
        for one in proven:
            if left <= one.column < right:
                self._prove(name, shape, out, one, one.column - left)
        return out

    def _flag(self, name: str, band: int, number: int) -> npt.NDArray[np.bool_] | None:
        """Return the values of a bool array in one chunk of the whole where all of them are the same, else None."""
        first, stop = self._rows(band)
        left, right = number * self.grid.samples, min((number + 1) * self.grid.samples, self.grid.n_samples)
        n_columns = 0
        found = set()
        for part in self.parts:
            rows = part.rows[first:stop]
            columns = part.columns[left:right]
            columns = columns[columns >= 0]
            if not columns.size or not (rows >= 0).any():
                continue
            if not part.has(name) or not part.is_untouched(name, self.shapes[name]) or not (rows >= 0).all():
                return None
            n_columns += columns.size
            found.add(part.flag(name, rows, columns))
        if n_columns != right - left or len(found) != 1 or None in found:
            return None
        shape = self.shapes[name]
        return np.broadcast_to(np.bool_(found.pop()), (stop - first, right - left, *shape.tail))

    def _lacking(self, name: str, first: int, stop: int, held: Sequence[Held]) -> npt.NDArray[np.bool_] | None:
        """Return bool[V]: the records of a band that lack a field of several places in every part.

        None where that makes no difference: all stand in the whole as they stand in their parts.
        """
        shape = self.shapes[name]
        if not shape.inner or shape.dtype == "bool":
            return None
        holders = [(part, chunks) for part, chunks in zip(self.parts, held, strict=True) if part.has(name)]
        whole = all(len(self.parts) == len(holders) and (part.rows[first:stop] >= 0).all() for part, _ in holders)
        if whole and all(part.shapes[name].width == shape.width for part, _ in holders):
            return None
        key = (f"{name} lacking", (first,))
        known = held[0].get(key)
        if known is None:
            known = np.ones(stop - first, dtype=np.bool_)
            for part, chunks in holders:
                rows = part.rows[first:stop]
                there = np.flatnonzero(rows >= 0)
                columns = np.sort(part.columns[part.columns >= 0])
                width = part.reader(name).chunks[1]
                for number in np.unique(columns // width) if there.size else ():
                    if not known[there].any():
                        break
                    some = columns[columns // width == number]
                    values = part.take(name, rows[there], some, part.shapes[name], chunks)
                    known[there] &= is_whole_missing(values, part.shapes[name])
                    forget(chunks, name, int(number))
            held[0][key] = known
        return known

    def _prove(self, name: str, shape: Shape, out: npt.NDArray[Any], one: Proven, column: int) -> None:
        """Put 0/0 and its depth where they are proven."""
        if name == schema.CALL_GENOTYPE:
            copies = np.minimum(one.copies, shape.width)
            out[one.rows, column] = np.where(np.arange(shape.width) < copies[:, None], 0, schema.ALLELE_FILL)
        elif name == _DEPTH and not shape.inner and np.dtype(shape.dtype).kind in "if":
            out[one.rows, column] = one.depth

    def _genotype_arrays(self, made: _Band, band: int, held: Sequence[Held], proven: Sequence[Proven]) -> None:
        genotype, mask = self._metas[schema.CALL_GENOTYPE], self._metas.get(schema.CALL_GENOTYPE_MASK)
        packed = self._derived[schema.PACKED_DOSAGE]
        for number in range(genotype.grid[1]):
            coords = (band, number, 0)
            values: npt.NDArray[Any] | None = None
            for meta, place in ((genotype, coords), (mask, coords), (packed, coords[:2])):
                if meta is None or self._put_raw(made, meta, place):
                    continue
                if values is None:
                    values = self._calls(schema.CALL_GENOTYPE, band, number, held, proven)
                if meta is genotype:
                    self._put(made, meta, place, values)
                elif meta is mask:
                    flag = self._flag(meta.name, band, number)
                    self._put(made, meta, place, values < 0 if flag is None else flag)
                else:
                    self._put(made, meta, place, genotypes.packed_genotypes(values)[0])
        counts = self._derived[schema.VARIANT_COUNTS]
        if not self._put_raw(made, counts, (band, 0)):
            self._put(made, counts, (band, 0), self._counts(band, held, proven))

    def _counts(self, band: int, held: Sequence[Held], proven: Sequence[Proven]) -> npt.NDArray[np.int32]:
        """Return int32[V, 4] of a band: from what the parts have counted, so that no genotype is read for it."""
        first, stop = self._rows(band)
        counts = np.zeros((stop - first, 4), dtype=np.int32)
        for part, chunks in zip(self.parts, held, strict=True):
            if not part.has(schema.CALL_GENOTYPE):
                continue
            rows = part.rows[first:stop]
            there = np.flatnonzero(rows >= 0)
            if there.size:
                counts[there] += _part_counts(part, rows[there], chunks)
        for one in proven:
            np.add.at(counts[:, 0], one.rows, 1)
        counts[:, 3] += self.grid.n_samples - counts.sum(axis=1, dtype=np.int32)
        return counts


def _part_counts(part: Part, rows: npt.NDArray[np.int64], held: Held) -> npt.NDArray[np.int32]:
    """Return the counts over those samples of a part that the whole has."""
    n_kept = int(np.count_nonzero(part.columns >= 0))
    if not n_kept:
        return np.zeros((len(rows), 4), dtype=np.int32)
    if part.has(schema.VARIANT_COUNTS) and part.has(schema.PACKED_DOSAGE):
        counts = part.take(schema.VARIANT_COUNTS, rows, None, _COUNTS, held)
        if part.keeps_all_samples:
            return counts
        gone = np.setdiff1d(np.arange(part.n_samples), part.columns[part.columns >= 0])
        bytes_ = np.unique(gone // genotypes.SAMPLES_PER_BYTE)
        packed = part.take(schema.PACKED_DOSAGE, rows, bytes_, _PACKED, held)
        place = np.searchsorted(bytes_, gone // genotypes.SAMPLES_PER_BYTE) * 4 + gone % genotypes.SAMPLES_PER_BYTE
        dosage = genotypes.unpack_dosage(np.ascontiguousarray(packed), 4 * len(bytes_), place)
        return counts - genotype_counts(dosage)
    genotype = part.shapes[schema.CALL_GENOTYPE]
    calls = part.take(schema.CALL_GENOTYPE, rows, np.sort(part.columns[part.columns >= 0]), genotype, held)
    return genotypes.packed_genotypes(calls)[1]


def _span(places: npt.NDArray[np.int64]) -> Any:
    """Return places as a slice where they follow each other."""
    if places.size and places[-1] - places[0] + 1 == places.size:
        return slice(int(places[0]), int(places[-1]) + 1)
    return places
