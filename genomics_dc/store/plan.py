"""What a build will write, before it does: fields, chunks, files, bytes, memory, scratch. A plan can be edited.

How many records a chunk holds depends on how wide they are, and on nothing else: neither on memory nor on threads, so
that the same VCF gives the same bytes everywhere.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from genomics_dc.errors import InputError, ResourceError
from genomics_dc.provenance import JsonValue
from genomics_dc.store import schema
from genomics_dc.store.columns import (
    FLAG,
    FLOAT,
    GENOTYPE,
    INTEGER,
    INTEGER_TYPES,
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
_JOINS_BYTES: Final = 2
_TILE_BYTES: Final = {INTEGER: 2, FLOAT: 4, STRING: 16, FLAG: 1, GENOTYPE: 1.5}
MOST_FILES: Final = 50_000
_SAMPLE_CHUNKS_PER_FILE: Final = 10
BASE_BYTES: Final = 230 << 20  # the program, its compiled code, and small buffers
_BATCH_SLACK: Final = 1.3  # text lies in pieces that end a little later than a batch
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
    `n_variants` how many there are, or None before they have been counted. `is_cut_by_hand`: a person chose the chunks.
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
    is_cut_by_hand: bool = False

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
            keeps_joins=self.widths.joins and any(column.kind == GENOTYPE for column in calls),
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
    n_call_arrays = len(layout.calls) + (3 if layout.has_genotype else 0) + layout.keeps_joins
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
    n_bytes = 16.0 * wide.alleles + _JOINS_BYTES * n_samples * widths.joins
    for column in columns:
        text = form_of(column, usual, has_genotype=has_genotype).width
        tile = form_of(column, wide, has_genotype=has_genotype).width
        per_call = _TEXT_BYTES[column.kind] * text + _TILE_BYTES[column.kind] * tile
        n_bytes += per_call * (n_samples if column.of_samples else 1)
    return n_bytes


def memory_needed(plan: Plan, header: VcfHeader, *, threads: int) -> int:
    """Return how many bytes a build takes when all its threads have work."""
    batch = _BATCH_SLACK * plan.variants_per_chunk * record_bytes(header, plan.layout(header).columns, plan.widths)
    return int(BASE_BYTES + _ENCODER_BYTES * threads + _MOST_AHEAD_BYTES + (threads + 1) * batch)


def resources(plan: Plan, header: VcfHeader, *, threads: int, memory_bytes: int) -> Resources:
    """Return what a build may have in memory at once so that it stays below `memory_bytes`.

    Raises
    ------
    ResourceError
        When that is too little for one chunk of records.
    """
    batch = _BATCH_SLACK * plan.variants_per_chunk * record_bytes(header, plan.layout(header).columns, plan.widths)
    base = BASE_BYTES + _ENCODER_BYTES * threads
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
    """Return the plan with what a file that `Plan.to_dict` made, and somebody edited, says otherwise.

    Raises
    ------
    InputError
        When the file is not such a plan, or is of a VCF with other fields.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; make a plan with `genomics-dc store plan --json`") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not a plan: {error}") from error
    if not isinstance(told, dict) or told.get("plan_version") != PLAN_VERSION:
        raise InputError(
            f"{path} is not a plan of version {PLAN_VERSION}; make one with `genomics-dc store plan --json`"
        )
    numbers = {}
    for name in ("variants_per_chunk", "samples_per_chunk", "variant_chunks_per_file", "sample_chunks_per_file"):
        number = told.get(name, getattr(plan, name))
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise InputError(f"{path}: {name} should be a whole number from 1, not {number!r}")
        numbers[name] = number
    if plan.n_samples > numbers["samples_per_chunk"] and numbers["samples_per_chunk"] % 4:
        raise InputError(f"{path}: samples_per_chunk should be a multiple of 4, as genotypes are packed by four")
    fields = dict(plan.fields)
    for one in told.get("fields", []):
        name = str(one.get("name")) if isinstance(one, dict) else ""
        if name not in fields:
            raise InputError(f"{path}: field {name!r} is not in the header of the VCF, which has {', '.join(fields)}")
        dtype = one.get("dtype", "")
        if dtype and (dtype not in INTEGER_TYPES or not _is_integer(header, name)):
            types = ", ".join(INTEGER_TYPES)
            raise InputError(f"{path}: the type of {name} can be {types} when it is an Integer, not {dtype!r}")
        fields[name] = replace(fields[name], keep=bool(one.get("keep", True)), dtype=dtype)
    least = Widths(rank={one.array: INTEGER_TYPES.index(one.dtype) for one in fields.values() if one.dtype})
    by_hand = plan.is_cut_by_hand or any(number != getattr(plan, name) for name, number in numbers.items())
    return replace(
        plan,
        variants_per_chunk=numbers["variants_per_chunk"],
        samples_per_chunk=numbers["samples_per_chunk"],
        variant_chunks_per_file=numbers["variant_chunks_per_file"],
        sample_chunks_per_file=numbers["sample_chunks_per_file"],
        fields=fields,
        widths=plan.widths.joined(least),
        is_cut_by_hand=by_hand,
    )


def _is_integer(header: VcfHeader, name: str) -> bool:
    category, _, key = name.partition("/")
    return (header.format if category == "FORMAT" else header.info)[key].type == "Integer"


@dataclass(frozen=True)
class ArrayPlan:
    """An array that a build will write: its field ("" for those of every store), type, shape, chunk, and files."""

    name: str
    field: str
    dtype: str
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    n_files: int


@dataclass(frozen=True)
class PlannedStore:
    """A plan, and what will come of it.

    `n_bytes` is estimated from the first records; everything else is exact. `scratch_bytes` are needed beside the
    store while it is built, only where contigs stand in another order than in the header.
    """

    plan: Plan
    arrays: tuple[ArrayPlan, ...]
    n_variants: int
    n_files: int
    n_bytes: int
    memory_bytes: int
    scratch_bytes: int

    def to_dict(self) -> dict[str, JsonValue]:
        """Return plain JSON values; `build_store` takes them as a file, edited in "fields" and the four numbers."""
        plan = self.plan
        return {
            "plan_version": PLAN_VERSION,
            "variants_per_chunk": plan.variants_per_chunk,
            "samples_per_chunk": plan.samples_per_chunk,
            "variant_chunks_per_file": plan.variant_chunks_per_file,
            "sample_chunks_per_file": plan.sample_chunks_per_file,
            "fields": [
                {"name": one.name, "array": one.array, "keep": one.keep, "dtype": one.dtype}
                for one in plan.fields.values()
            ],
            "arrays": [
                {
                    "name": one.name,
                    "field": one.field,
                    "dtype": one.dtype,
                    "shape": list(one.shape),
                    "chunk": list(one.chunk),
                    "files": one.n_files,
                }
                for one in self.arrays
            ],
            "variants": self.n_variants,
            "samples": plan.n_samples,
            "files": self.n_files,
            "bytes": self.n_bytes,
            "memory_bytes": self.memory_bytes,
            "scratch_bytes": self.scratch_bytes,
        }


def planned_arrays(plan: Plan, header: VcfHeader, n_variants: int) -> tuple[ArrayPlan, ...]:
    """Return every array over variants that a plan means, in the forms of its widths."""
    layout = plan.layout(header)
    forms = layout.forms(plan.widths)
    fields = {column.name: column.vcf_name for column in layout.columns}
    made = []
    for name in sorted(forms):
        meta = layout.meta(name, forms[name], n_variants)
        made.append(ArrayPlan(name, fields.get(name, ""), str(meta.dtype), meta.shape, meta.inner, len(meta.files())))
    return tuple(made)
