"""From records to the arrays of a store: batches are read in order, encoded by several threads, written in order.

Nothing that is written depends on how many threads there are, or on which is first.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError
from genomics_dc.kernels.vcf.sites import Sites
from genomics_dc.provenance import software_version
from genomics_dc.store import schema
from genomics_dc.store.bases import ReferenceBases
from genomics_dc.store.columns import Shapes, Widths, escaped
from genomics_dc.store.encode import BatchEncoder, Encoded
from genomics_dc.store.growing import GrowingArray
from genomics_dc.store.layout import DIM_FILTERS, Layout
from genomics_dc.store.local_fields import local_header
from genomics_dc.store.plan import MOST_FILES, Plan, Resources, n_files, rows_in_chunk
from genomics_dc.store.records import Records
from genomics_dc.store.strictness import Mended
from genomics_dc.store.vcf.source import TextBatch
from genomics_dc.store.writer import StoreWriter, put_orders

Progress = Callable[[str, float], None]

_META_LINE: Final = re.compile(r"##([^=]+)=(.*)")
_WRITERS: Final = 3  # threads that wait for the disk; an array is always written by the same
_BATCHES_WRITTEN: Final = 2  # at once
_FEW: Final = 100  # records at once, where they may be wide
_UNSURE: Final = 4  # how many times more records there may be than the size of the files makes likely
_IN_ARRAYS: Final = frozenset({"contig", "FILTER", "INFO", "FORMAT"})


class ReplanError(Exception):
    """The plan does not fit the records, and none has been written in vain for long.

    `widths` are those met so far, where they are too wide; None where only the number of records is too great, which is
    `n_variants` when all have been read.
    """

    def __init__(self, widths: Widths | None = None, n_variants: int | None = None) -> None:
        super().__init__()
        self.widths = widths
        self.n_variants = n_variants


class _Orders:
    """Orders of keys, numbered as they come, and the number of each record."""

    def __init__(self) -> None:
        self._number: dict[bytes, int] = {}
        self._of_batches: list[npt.NDArray[np.int32]] = []

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._number)

    def add(self, orders: Sequence[bytes]) -> None:
        """Take the orders of the next records."""
        numbers = [self._number.setdefault(order, len(self._number)) for order in orders]
        self._of_batches.append(np.array(numbers, dtype=np.int32))

    @property
    def numbers(self) -> npt.NDArray[np.int32]:
        """int32[V]: the number of the order of each record."""
        return np.concatenate(self._of_batches) if self._of_batches else np.empty(0, dtype=np.int32)


@dataclass
class Totals:
    """What is known when all records have been written."""

    n_records: int = 0
    every_record_has_genotype: bool = True
    sample_counts: npt.NDArray[np.int64] | None = None
    mended: Mended = field(default_factory=Mended)


def write_arrays(
    records: Records,
    plan: Plan,
    folder: Path,
    *,
    resources: Resources,
    assembly: str | None,
    bases: ReferenceBases | None,
    progress: Progress,
) -> Mended:
    """Write all arrays of a store into `folder`, which is empty, and seal it; return what was mended.

    Parameters
    ----------
    bases
        What REF of every record is held against.

    Raises
    ------
    InputError, BuildMismatchError
        For the first record that breaks the file.
    OutOfOrderError
        When contigs come in another order than that of the store.
    ReplanError
        When the records are wider, or more, than the plan has room for.
    """
    writing = _Writing(records, plan, folder, resources)
    for batch in writing.read(progress):
        if bases is not None:
            bases.compare(batch)
    if bases is not None:
        bases.raise_on_mismatch()
    writing.finish(assembly=assembly, progress=progress)
    return writing.mended


def measure(
    records: Records, plan: Plan, found: ReplanError, *, resources: Resources, progress: Progress
) -> tuple[int, Widths]:
    """Return how many records there are and what they ask for, from a look at all of them; raise what is wrong."""
    if found.n_variants is not None:
        return found.n_variants, plan.widths
    shapes = Shapes(records.header, plan.widths.joined(found.widths or Widths()))
    layout = plan.layout(records.header)
    encoder = BatchEncoder(layout, shapes)
    n_variants = 0
    for batch, sites in records.batches(_FEW, resources.threads, ahead_bytes=resources.ahead_bytes):
        n_variants += len(batch)
        if found.widths is not None:
            encoder.measure(batch, sites)
        progress(f"Measuring, {n_variants:,} records", min(0.99, records.n_bytes_read / max(1, records.n_bytes)))
    return n_variants, shapes.widths


class _Writing:
    def __init__(self, records: Records, plan: Plan, folder: Path, resources: Resources) -> None:
        self._records = records
        self._plan = plan
        self._resources = resources
        self._store = StoreWriter(folder)
        self._arrays: dict[str, GrowingArray] = {}
        self._writers: list[ThreadPoolExecutor] = []
        self._writing: deque[list[Future[None]]] = deque()
        self._index: list[npt.NDArray[np.int64]] = []
        self._totals = Totals()
        self._started = time.monotonic()
        self._local = threading.local()
        self._layout: Layout | None = None
        self._shapes: Shapes | None = None
        self._info_orders = _Orders()
        self._format_orders = _Orders()

    def read(self, progress: Progress) -> Iterator[TextBatch]:
        """Read and write all batches; yield each when it has been read."""
        records, resources = self._records, self._resources
        waiting: deque[Future[Encoded]] = deque()
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(resources.threads, "encode"))
            self._writers = [stack.enter_context(ThreadPoolExecutor(1, "write")) for _ in range(_WRITERS)]
            try:
                for batch, sites in records.batches(
                    self._plan.variants_per_chunk, resources.threads, ahead_bytes=resources.ahead_bytes
                ):
                    if self._layout is None:
                        self._begin(len(batch))
                    waiting.append(pool.submit(self._encode, batch, sites))
                    yield batch
                    del batch, sites
                    while waiting and (len(waiting) >= resources.batches or waiting[0].done()):
                        self._commit(waiting.popleft().result(), progress)
                while waiting:
                    self._commit(waiting.popleft().result(), progress)
                self._wait_for_writers(0)
            except InputError:
                while waiting:  # a record before may be wrong too, and is to be named
                    waiting.popleft().result()
                raise
            finally:
                for one in waiting:
                    one.cancel()
        if self._layout is None:
            self._begin(0)

    @property
    def mended(self) -> Mended:
        """What was read although it breaks the specification."""
        return self._totals.mended

    def _begin(self, n_first: int) -> None:
        """Fix how arrays are cut, now that it is known whether there are more records than fit one chunk."""
        plan, header = self._plan, self._records.header
        if n_first < plan.variants_per_chunk:
            plan = replace(plan, variants_per_chunk=max(1, n_first), variant_chunks_per_file=1)
        elif plan.n_variants is None and not plan.is_cut_by_hand:
            likely = self._records.n_bytes * n_first // max(1, self._records.n_bytes_read)
            if n_files(plan, header, _UNSURE * likely) >= MOST_FILES:
                raise ReplanError
        self._layout = plan.layout(header)
        self._shapes = Shapes(header, plan.widths)

    def _encode(self, batch: TextBatch, sites: Sites) -> Encoded:
        assert self._layout is not None
        assert self._shapes is not None
        encoder = getattr(self._local, "encoder", None)
        if encoder is None:
            encoder = self._local.encoder = BatchEncoder(self._layout, self._shapes)
        self._shapes.join(Widths(contigs=len(self._records.contigs)))
        encoded: Encoded = encoder.encode(batch, sites)
        widths = self._shapes.widths
        rows = rows_in_chunk(self._layout.header, self._layout.columns, widths)
        too_many = rows < self._plan.variants_per_chunk and not self._plan.is_cut_by_hand
        if too_many or (widths.joins and not self._layout.keeps_joins):
            raise ReplanError(widths)
        return encoded

    def _commit(self, encoded: Encoded, progress: Progress) -> None:
        """Write the next batch."""
        assert self._layout is not None
        begun = []
        for number, (name, parts) in enumerate(encoded.chunks.items()):
            array = self._arrays.get(name)
            if array is None:
                writer = self._writers[number % _WRITERS]
                array = self._arrays[name] = GrowingArray(name, self._layout, self._store, writer)
            begun.append(array.add(parts, encoded.forms[name], encoded.n_records, encoded.absent.get(name)))
        self._writing.append(begun)
        self._wait_for_writers(_BATCHES_WRITTEN)
        totals = self._totals
        self._index.append(np.insert(encoded.index, 0, len(self._index), axis=1))
        totals.n_records += encoded.n_records
        totals.mended.join(encoded.mended)
        totals.every_record_has_genotype &= encoded.every_record_has_genotype
        if encoded.sample_counts is not None:
            if totals.sample_counts is None:
                totals.sample_counts = np.zeros_like(encoded.sample_counts)
            totals.sample_counts += encoded.sample_counts
        self._info_orders.add(encoded.info_orders)
        self._format_orders.add(encoded.format_orders)
        share = self._records.n_bytes_read / max(1, self._records.n_bytes)
        per_second = totals.n_records / max(1e-3, time.monotonic() - self._started)
        progress(f"{totals.n_records:,} records, {per_second:,.0f}/s", min(0.99, share))

    def _wait_for_writers(self, n_left: int) -> None:
        """Wait until all but the last batches are written; raise what went wrong."""
        while len(self._writing) > n_left:
            for one in self._writing.popleft():
                one.result()

    def finish(self, *, assembly: str | None, progress: Progress) -> None:
        """Write what is not over variants and samples, and seal the store."""
        layout, records = self._layout, self._records
        assert layout is not None
        n_records = self._totals.n_records
        if (
            self._plan.n_variants is None
            and not self._plan.is_cut_by_hand
            and n_files(self._plan, records.header, n_records) >= MOST_FILES
        ):
            raise ReplanError(n_variants=n_records)
        progress("Sealing", 0.99)
        self._write_empty(layout)
        self._write_beside(layout)
        contigs = records.contigs
        grid = layout.grid
        header = records.header
        self._store.put_strings(
            schema.SAMPLE_ID, header.samples, (schema.DIM_SAMPLES,), chunk=grid.samples * grid.sample_chunks
        )
        self._store.put_strings(schema.CONTIG_ID, list(contigs), ("contigs",))
        if contigs and all(length is not None for length in contigs.values()):
            self._store.put_small(schema.CONTIG_LENGTH, np.array(list(contigs.values()), dtype=np.int64), ("contigs",))
        self._store.put_strings(schema.FILTER_ID, list(header.filters), (DIM_FILTERS,))
        descriptions = [escaped(text) for text in header.filters.values()]
        self._store.put_strings(schema.FILTER_DESCRIPTION, descriptions, (DIM_FILTERS,))
        index = np.concatenate(self._index) if self._index else np.empty((0, 6), dtype=np.int64)
        self._store.put_small(schema.REGION_INDEX, index.astype(np.int32), schema.REGION_INDEX_DIMENSIONS)
        self._store.close(
            {
                schema.ATTRIBUTE_VCF_ZARR_VERSION: schema.VCF_ZARR_VERSION,
                schema.ATTRIBUTE_SOURCE: f"genomics_dc {software_version()}",
                schema.ATTRIBUTE_META_INFORMATION: meta_information(header.text),
                schema.ATTRIBUTE_OWN: {
                    schema.OWN_FORMAT_VERSION: schema.FORMAT_VERSION,
                    schema.OWN_ASSEMBLY: assembly or header.assembly,
                    schema.OWN_HEADER: local_header(header.text, layout.local),
                    schema.OWN_EVERY_RECORD_HAS_GENOTYPE: bool(header.samples)
                    and self._totals.every_record_has_genotype,
                },
            },
            operation="build",
            n_variants=self._totals.n_records,
        )

    def _write_beside(self, layout: Layout) -> None:
        """Write what is derived over all records, and the orders of INFO keys."""
        sums = self._totals.sample_counts
        if layout.keeps_genotype:
            if sums is None:
                sums = np.zeros((layout.grid.n_samples, len(schema.GENOTYPE_CLASSES)), dtype=np.int64)
            self._store.put_small(
                schema.SAMPLE_COUNTS,
                sums,
                (schema.DIM_SAMPLES, schema.DIM_COUNTS),
                "Variants with 0, 1, 2 copies of the first ALT allele, and with no call",
                chunk=layout.grid.samples * layout.grid.sample_chunks,
            )
        if layout.keep_info_order:
            keys = list(layout.header.info)
            orders = [";".join(keys[k] for k in np.frombuffer(order, dtype=np.int16)) for order in self._info_orders]
            put_orders(self._store, schema.INFO_ORDER, orders, self._info_orders.numbers, chunk=layout.grid.variants)
        if layout.keep_info_order and layout.calls:
            orders = [order.decode() for order in self._format_orders]
            numbers = self._format_orders.numbers
            put_orders(self._store, schema.FORMAT_ORDER, orders, numbers, chunk=layout.grid.variants)

    def _write_empty(self, layout: Layout) -> None:
        """Make the arrays that have no chunk: all where no record is, and those of the calls where no sample is."""
        assert self._shapes is not None
        for name, form in layout.forms(self._shapes.widths).items():
            if name not in self._arrays:
                self._store.array(layout.meta(name, form))


def meta_information(header: str) -> list[list[str]]:
    """Return key and value of the header's meta-lines that have no array of their own."""
    found = [_META_LINE.fullmatch(line) for line in header.splitlines()]
    return [[match[1], match[2]] for match in found if match and match[1] not in _IN_ARRAYS]
