"""The variants of a view in blocks, read chunk by chunk, here or by another process that sees the same store."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import ResourceError, UsageError
from genomics_dc.kernels import genotypes
from genomics_dc.kernels.vcf.records import Strings
from genomics_dc.store import schema
from genomics_dc.store.loader import Loader, bands
from genomics_dc.store.opened import Opened, words_of
from genomics_dc.store.ordered import default_threads, ordered

Rows = npt.NDArray[np.int64]

_AHEAD_BYTES: Final = 256 << 20
# Threads that ask for the interpreter's lock less wait for it less.
_AT_ONCE_MAX: Final = 8
_AT_ONCE_BYTES: Final = 8 << 20
_ceilings: list[int] = []  # the last holds, for every thread of this process
_ARRAY_OF_FIELD: Final[Mapping[str, str]] = {
    schema.FIELD_DOSAGE: schema.PACKED_DOSAGE,
    schema.FIELD_PACKED: schema.PACKED_DOSAGE,
}


@contextmanager
def memory_ceiling(ceiling_bytes: int | None) -> Iterator[None]:
    """Keep the program and the blocks that it holds below `ceiling_bytes`; None leaves it as it is.

    Fewer blocks are then in work at once, which changes no result. A single block that does not fit raises
    ResourceError, which says how much would do.
    """
    if ceiling_bytes is None:
        yield
        return
    _ceilings.append(ceiling_bytes)
    try:
        yield
    finally:
        _ceilings.pop()


def has_memory_ceiling() -> bool:
    """Tell whether a ceiling was set: what is only kept to save time is then not kept."""
    return bool(_ceilings)


@dataclass(frozen=True, repr=False)
class Block:
    """Some variants of a view that lie in one chunk: `index` int64[V] is their row in the store."""

    index: Rows
    arrays: Mapping[str, npt.NDArray[Any]]

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self.arrays[name]

    def __getattr__(self, name: str) -> npt.NDArray[Any]:
        arrays: Mapping[str, npt.NDArray[Any]] = object.__getattribute__(self, "arrays")
        if name in arrays:
            return arrays[name]
        raise AttributeError(f"this block was asked for {', '.join(arrays) or 'nothing'}, not for {name}")

    def __len__(self) -> int:
        return len(self.index)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}{list(array.shape)}" for name, array in self.arrays.items())
        return f"Block({len(self)} variants: {shapes})"


class BlockReader:
    """Reads fields of rows of a store for some samples. Another process gets the place of the store, no array."""

    def __init__(self, shared: Opened, fields: tuple[str, ...], sample_numbers: Rows | None) -> None:
        if schema.FIELD_PACKED in fields and sample_numbers is not None:
            raise UsageError("packed genotypes are of all samples of the store; ask this view for dosage")
        self.fields = fields
        self._shared = shared
        self._sample_numbers = sample_numbers
        self._array_of = {name: _ARRAY_OF_FIELD.get(name, name) for name in fields}
        self._loader = Loader(shared.files, dict.fromkeys(self._array_of.values()), sample_numbers)
        self.step = self._loader.step

    def __reduce__(self) -> tuple[type[Self], tuple[Opened, tuple[str, ...], Rows | None]]:
        return type(self), (self._shared, self.fields, self._sample_numbers)

    @property
    def store_hash(self) -> str:
        """The hash over every file of the store that is read."""
        return self._shared.files.seal.store_hash

    @property
    def shown(self) -> str:
        """The path or address of the store, as an error names it."""
        return self._shared.files.shown

    @property
    def n_samples(self) -> int:
        """Samples of a block."""
        return len(self._shared.sample_ids) if self._sample_numbers is None else len(self._sample_numbers)

    @property
    def block_bytes(self) -> int:
        """About how many bytes a block of a whole chunk takes."""
        unpacked = self.n_samples if schema.FIELD_DOSAGE in self.fields else 0
        return self.step * (self._loader.row_bytes(self.n_samples) + unpacked)

    def read(self, rows: Rows) -> Block:
        """Return the block of some rows of one chunk, ascending."""
        arrays = self._loader.load(rows)
        parts: dict[str, npt.NDArray[Any]] = {}
        for name in self.fields:
            values = arrays[self._array_of[name]]
            if isinstance(values, Strings):
                parts[name] = words_of(values)
            elif name == schema.FIELD_DOSAGE:
                n_samples = len(self._shared.sample_ids)
                parts[name] = genotypes.unpack_dosage(values, n_samples, self._sample_numbers)
            else:
                parts[name] = values if values.flags.writeable else values.copy()
        return Block(rows, parts)

    def read_by_chunk(self, rows: Rows) -> Iterator[Block]:
        """Yield the blocks of some rows, ascending, chunk by chunk."""
        return map(self.read, bands(rows, self.step))


class Blocks(Iterator[Block]):
    """The blocks of a view in order, each read when it is asked for, a few ahead by threads. Made by `View.blocks`.

    `rows_of_chunks` and `reader` say the same to who reads elsewhere.
    """

    def __init__(self, reader: BlockReader, rows: Rows, block_variants_max: int | None = None) -> None:
        self.reader = reader
        self._rows = rows
        self._block_variants_max = block_variants_max
        self._made: Iterator[Block] | None = None

    def __repr__(self) -> str:
        return f"Blocks({len(self._rows):,} variants x {self.reader.n_samples:,} samples)"

    def __next__(self) -> Block:
        if self._made is None:
            self._made = self._make()
        return next(self._made)

    def cut(self, block_variants_max: int) -> Blocks:
        """Return the same variants in blocks of at most so many: a chunk is read once, and given in parts."""
        return Blocks(self.reader, self._rows, block_variants_max)

    @property
    def is_cut(self) -> bool:
        """Whether a chunk is given in parts."""
        return self._block_variants_max is not None

    def without_rows(self) -> Blocks:
        """Return what reads and cuts, without a row: this is what another process is sent."""
        return Blocks(self.reader, self._rows[:0], self._block_variants_max)

    def rows_of_chunks(self) -> Iterator[Rows]:
        """Yield the rows of each chunk, ascending."""
        return bands(self._rows, self.reader.step)

    def at_once(self, threads: int) -> int:
        """Return how many chunks a thread should take in one go: several small ones, and each thread several times."""
        n_chunks = len(self._rows) // max(self.reader.step, 1)
        return max(1, min(_AT_ONCE_MAX, _AT_ONCE_BYTES // max(self.reader.block_bytes, 1), n_chunks // (8 * threads)))

    def parts(self, block: Block) -> Iterator[Block]:
        """Yield a block of a chunk in the parts that `cut` asked for."""
        size = self._block_variants_max or max(len(block), 1)
        for start in range(0, len(block), size):
            span = slice(start, start + size)
            yield Block(block.index[span], {name: values[span] for name, values in block.arrays.items()})

    @property
    def held_max(self) -> int | None:
        """How many chunks may be in memory at once, at least 1; None when no ceiling was set.

        Raises
        ------
        ResourceError
            When not one fits below the ceiling.
        """
        if not _ceilings:
            return None
        ceiling = _ceilings[-1]
        held = _resident_bytes()
        if ceiling - held < self.reader.block_bytes:
            needed = held + self.reader.block_bytes
            raise ResourceError(
                f"{ceiling / 2**20:,.0f} MiB of memory are too few for {self.reader.shown}: a chunk of "
                f"{self.reader.step:,} variants x {self.reader.n_samples:,} samples and the program take "
                f"{needed / 2**20:,.0f} MiB; give more with --memory"
            )
        return (ceiling - held) // max(self.reader.block_bytes, 1)

    def _make(self) -> Iterator[Block]:
        threads = default_threads()
        ahead = min(threads + 1, _AHEAD_BYTES // max(self.reader.block_bytes, 1))
        held_max = self.held_max
        if held_max is not None:
            ahead = min(ahead, held_max // 2)
        for block in ordered(self.reader.read, self.rows_of_chunks(), threads=threads, ahead=ahead):
            if self._block_variants_max is None:
                yield block
            else:
                yield from self.parts(block)


def _resident_bytes() -> int:
    """Return how much memory this process holds now."""
    with open("/proc/self/statm", encoding="ascii") as handle:
        return int(handle.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
