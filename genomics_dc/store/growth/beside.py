"""What stands beside the arrays over variants and samples: sums by sample, and the order of the keys of records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels import counts, genotypes
from genomics_dc.store import schema
from genomics_dc.store.growth.parts import Part
from genomics_dc.store.layout import Grid
from genomics_dc.store.writer import StoreWriter, put_orders

_CLASSES = len(schema.GENOTYPE_CLASSES)


def write_sample_counts(
    writer: StoreWriter, parts: Sequence[Part], grid: Grid, n_variants: int, proven: npt.NDArray[np.int64]
) -> None:
    """Write how many records each sample has of each class: the sums of the parts, and what is in none of them.

    proven: int64[S], the calls without a record that are 0/0.
    """
    sums = np.zeros((grid.n_samples, _CLASSES), dtype=np.int64)
    for part in parts:
        mine = np.flatnonzero(part.columns >= 0)
        if mine.size and part.has(schema.CALL_GENOTYPE):
            sums[mine] += _counts_of(part)[part.columns[mine]]
    sums[:, 0] += proven
    sums[:, -1] += n_variants - sums.sum(axis=1)
    writer.put_small(
        schema.SAMPLE_COUNTS,
        sums,
        (schema.DIM_SAMPLES, schema.DIM_COUNTS),
        "Variants with 0, 1, 2 copies of the first ALT allele, and with no call",
        chunk=grid.samples * grid.sample_chunks,
    )


def _counts_of(part: Part) -> npt.NDArray[np.int64]:
    """Return int64[S, 4] of all samples of a part."""
    if part.has(schema.SAMPLE_COUNTS):
        stored: npt.NDArray[np.int64] = part.reader(schema.SAMPLE_COUNTS).read()
        return stored
    reader = part.reader(schema.CALL_GENOTYPE)
    sums = np.zeros((part.n_samples, _CLASSES), dtype=np.int64)
    for first in range(0, part.n_variants, reader.chunks[0]):
        dosage = genotypes.genotype_dosage(reader.rows(first, first + reader.chunks[0]))
        sums += counts.sample_counts(dosage, np.zeros(len(dosage), dtype=np.int8))[:, :_CLASSES]
    return sums


def write_orders(writer: StoreWriter, parts: Sequence[Part], grid: Grid, n_variants: int) -> None:
    """Write the order of the keys of each record, when every part remembers it; of the first part that has it."""
    for name, table in ((schema.INFO_ORDER, schema.INFO_ORDERS), (schema.FORMAT_ORDER, schema.FORMAT_ORDERS)):
        if all(part.has(name) for part in parts):
            _write_order(writer, parts, grid, n_variants, name, table)


def _write_order(
    writer: StoreWriter, parts: Sequence[Part], grid: Grid, n_variants: int, name: str, table: str
) -> None:
    known: dict[str, int] = {}
    numbers = np.full(n_variants, -1, dtype=np.int64)
    for part in parts:
        orders = [str(one) for one in part.reader(table).read()]
        number = np.array([known.setdefault(one, len(known)) for one in orders] or [0], dtype=np.int64)
        fresh = (numbers < 0) & (part.rows >= 0)
        numbers[fresh] = number[part.reader(name).read()[part.rows[fresh]]]
    # numbered by their first record, as when all is built at once
    used, first = np.unique(numbers, return_index=True)
    rank = np.empty(len(known) or 1, dtype=np.int64)
    by_first = used[np.argsort(first)]
    rank[by_first] = np.arange(len(by_first))
    names = {number: order for order, number in known.items()}
    told = [names[int(number)] for number in by_first]
    put_orders(writer, name, told, rank[numbers].astype(np.int32), chunk=grid.variants)
