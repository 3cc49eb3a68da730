"""What a build will write, before it does: fields, chunks, files, bytes, memory, scratch. A plan can be edited.

How many records a chunk holds depends on how wide they are, and on nothing else: neither on memory nor on threads, so
that the same VCF gives the same bytes everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from genomics_dc.errors import ResourceError
from genomics_dc.store import schema
from genomics_dc.store.columns import (
    FLAG,
    FLOAT,
    GENOTYPE,
    INTEGER,
    STRING,
    Column,
    Widths,
    column_of,
    form_of,
)
from genomics_dc.store.layout import Grid, Layout
from genomics_dc.store.vcf.header import VcfHeader

PLAN_VERSION: Final = 1
_CHUNK_RECORDS: Final = (1_000, 500, 250, 200, 100, 50, 20, 10, 5, 2, 1)
_BAND_BYTES: Final = 200_000_000  # of text and of arrays in memory for the records of one chunk
_LIKELY_ALLELES: Final = 6  # planned for before any record is read, so that few files have to be begun anew
_TEXT_BYTES: Final = {INTEGER: 4, FLOAT: 8, STRING: 8, FLAG: 0, GENOTYPE: 2}  # of a value, about
_TILE_BYTES: Final = {INTEGER: 2, FLOAT: 4, STRING: 16, FLAG: 1, GENOTYPE: 1.5}
MOST_FILES: Final = 50_000
_SAMPLE_CHUNKS_PER_FILE: Final = 10
_BASE_BYTES: Final = 220 << 20  # the program, its compiled code, and small buffers
_ENCODER_BYTES: Final = 16 << 20  # of each thread
_LEAST_AHEAD_BYTES: Final = 8 << 20
_MOST_AHEAD_BYTES: Final = 64 << 20
DEFAULT_MEMORY_BYTES: Final = 1 << 30


@dataclass(frozen=True)
class Resources:
    """What a build may use: threads, batches of records in memory at once, and bytes of text read ahead."""

    threads: int
    batches: int
    ahead_bytes: int


@dataclass(frozen=True)
class Options:
    """What a build may be asked for beside its fields."""

    keep_info_order: bool = False
    local_alleles: bool = False
    lenient: bool = False


@dataclass(frozen=True)
class FieldPlan:
    """A field of the header: whether it is kept, and its type ("" takes the narrowest that holds every value)."""

    name: str
    array: str
    keep: bool = True
    dtype: str = ""


@dataclass(frozen=True)
class Plan:
    """What a build writes.

    `fields` are those of the header, by "INFO/DP"; `widths` what the records ask for as far as it is known, and
    `n_variants` how many there are, or None before they have been counted.
    """

    n_samples: int
    variants_per_chunk: int
    samples_per_chunk: int
    variant_chunks_per_file: int
    sample_chunks_per_file: int
    fields: Mapping[str, FieldPlan]
    options: Options = field(default_factory=Options)
    widths: Widths = field(default_factory=Widths)
    n_variants: int | None = None

    def layout(self, header: VcfHeader) -> Layout:
        """Return the arrays that it means for a header."""
        info, calls = columns_of(header)
        kept = [self.fields[column.vcf_name].keep for column in (*info, *calls)]
        return Layout(
            header=header,
            grid=Grid(
                self.n_samples,
                self.variants_per_chunk,
                self.samples_per_chunk,
                self.variant_chunks_per_file,
                self.sample_chunks_per_file,
            ),
            info=tuple(column for column, keep in zip(info, kept, strict=False) if keep),
            calls=tuple(column for column, keep in zip(calls, kept[len(info) :], strict=True) if keep),
            keep_info_order=self.options.keep_info_order,
            local_alleles=self.options.local_alleles,
            lenient=self.options.lenient,
        )


def columns_of(header: VcfHeader, where: str = "the VCF") -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """Return the columns of INFO and of FORMAT that a header declares."""
    info = tuple(column_of(one, of_samples=False, where=where) for one in header.info.values())
    calls = tuple(column_of(one, of_samples=True, where=where) for one in header.format.values())
    return info, calls


def make_plan(
    header: VcfHeader,
    where: str,
    options: Options | None = None,
    *,
    n_variants: int | None = None,
    widths: Widths | None = None,
) -> Plan:
    """Return the plan for the records of a header.

    Parameters
    ----------
    n_variants
        How many records there are, when they have been counted.
    widths
        What the records ask for, as far as it is known.
    """
    widths = widths or Widths()
    info, calls = columns_of(header, where)
    n_samples = len(header.samples)
    variants = rows_in_chunk(header, (*info, *calls), widths)
    samples = max(1, min(schema.SAMPLES_PER_CHUNK, n_samples))
    sample_chunks = max(1, min(_SAMPLE_CHUNKS_PER_FILE, math.ceil(n_samples / samples)))
    plan = Plan(
        n_samples=n_samples,
        variants_per_chunk=variants,
        samples_per_chunk=samples,
        variant_chunks_per_file=1,
        sample_chunks_per_file=sample_chunks,
        fields={column.vcf_name: FieldPlan(column.vcf_name, column.name) for column in (*info, *calls)},
        options=options or Options(),
        widths=widths,
        n_variants=n_variants,
    )
    return plan if n_variants is None else with_bounded_files(plan, header, n_variants)


def with_bounded_files(plan: Plan, header: VcfHeader, n_variants: int) -> Plan:
    """Return the plan with as many chunks in a file that there are fewer than 50,000 files."""
    plan = replace(plan, variant_chunks_per_file=1)
    while n_files(plan, header, n_variants) >= MOST_FILES:
        plan = replace(plan, variant_chunks_per_file=2 * plan.variant_chunks_per_file)
    return plan


def n_files(plan: Plan, header: VcfHeader, n_variants: int) -> int:
    """Return how many files of chunks a store of so many records has."""
    layout = plan.layout(header)
    rows = math.ceil(n_variants / (plan.variants_per_chunk * plan.variant_chunks_per_file))
    columns = math.ceil(plan.n_samples / (plan.samples_per_chunk * plan.sample_chunks_per_file))
    n_call_arrays = len(layout.calls) + (3 if layout.has_genotype else 0)
    return rows * (8 + len(layout.info) + n_call_arrays * columns) + 10


def rows_in_chunk(header: VcfHeader, columns: Iterable[Column], widths: Widths) -> int:
    """Return how many records a chunk holds: 1,000, or fewer where they would take too much memory at once."""
    n_bytes = record_bytes(header, columns, widths)
    return next((rows for rows in _CHUNK_RECORDS if rows * n_bytes <= _BAND_BYTES), 1)


def record_bytes(header: VcfHeader, columns: Iterable[Column], widths: Widths) -> float:
    """Return about how many bytes a record takes in memory: its text, and its places in arrays of these widths."""
    n_samples = len(header.samples)
    has_genotype = schema.GENOTYPE_KEY in header.format
    usual = Widths(ploidy=2)
    wide = widths.joined(Widths(alleles=_LIKELY_ALLELES, ploidy=2))
    n_bytes = 16.0 * wide.alleles
    for column in columns:
        text = form_of(column, usual, has_genotype=has_genotype).width
        tile = form_of(column, wide, has_genotype=has_genotype).width
        per_call = _TEXT_BYTES[column.kind] * text + _TILE_BYTES[column.kind] * tile
        n_bytes += per_call * (n_samples if column.of_samples else 1)
    return n_bytes


def resources(plan: Plan, header: VcfHeader, *, threads: int, memory_bytes: int) -> Resources:
    """Return what a build may have in memory at once so that it stays below `memory_bytes`.

    Raises
    ------
    ResourceError
        When that is too little for one chunk of records.
    """
    batch = plan.variants_per_chunk * record_bytes(header, plan.layout(header).columns, plan.widths)
    base = _BASE_BYTES + _ENCODER_BYTES * threads
    left = memory_bytes - base - _LEAST_AHEAD_BYTES
    batches = int(left // batch)
    if batches < 1:
        raise ResourceError(
            f"{memory_bytes / 2**20:,.0f} MiB of memory are too few: a chunk of {plan.variants_per_chunk:,} records "
            f"and the program take {(base + _LEAST_AHEAD_BYTES + batch) / 2**20:,.0f} MiB; give more with --memory"
        )
    batches = min(batches, threads + 1)
    ahead = min(_MOST_AHEAD_BYTES, int(memory_bytes - base - batches * batch))
    return Resources(threads, batches, max(ahead, _LEAST_AHEAD_BYTES))


def read_plan(path: Path, plan: Plan, header: VcfHeader) -> Plan:
    raise NotImplementedError
