"""One store out of several, or out of some of the people of one: plan, arrays, header, history."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import BuildMismatchError, InputError
from genomics_dc.kernels.reference_blocks import Blocks
from genomics_dc.provenance import software_version
from genomics_dc.reference import contigs as contig_names
from genomics_dc.store import schema
from genomics_dc.store.access import StoreFiles
from genomics_dc.store.columns import INTEGER_TYPES, Widths, integer_rank
from genomics_dc.store.growth.assemble import Assembled, Assembly, Progress
from genomics_dc.store.growth.beside import write_orders, write_sample_counts
from genomics_dc.store.growth.fields import Shape, grown_grid, joined_shapes, shapes_of
from genomics_dc.store.growth.header import Part as HeaderPart
from genomics_dc.store.growth.header import joined_header
from genomics_dc.store.growth.memory import bands_at_once
from genomics_dc.store.growth.parts import Part
from genomics_dc.store.growth.proof import OWN_THRESHOLDS, Proofs, Thresholds, write_blocks
from genomics_dc.store.growth.records import OWN_COUNTED
from genomics_dc.store.growth.sites import JoinedSites, SiteTable, join_sites, read_sites
from genomics_dc.store.layout import DIM_FILTERS, Grid
from genomics_dc.store.pipeline import meta_information
from genomics_dc.store.plan import DEFAULT_MEMORY_BYTES, columns_of, rows_in_chunk
from genomics_dc.store.seal import Seal
from genomics_dc.store.vcf.header import VcfHeader, parse_header
from genomics_dc.store.writer import StoreWriter

BlocksOf = Mapping[str, Mapping[str, Blocks]]
"""Reference blocks by sample and contig name."""


@dataclass(frozen=True)
class Source:
    """A store to take from, what an error calls it, and which of its samples to leave out."""

    files: StoreFiles
    where: str
    left_out: frozenset[str] = frozenset()

    @cached_property
    def samples(self) -> list[str]:
        """Its samples, as it has them; those that are blank no longer have a name."""
        return [str(name) for name in self.files.array(schema.SAMPLE_ID).read()]

    @cached_property
    def kept(self) -> list[str]:
        """The samples that go on."""
        return [name for name in self.samples if name and name not in self.left_out]

    @cached_property
    def header(self) -> VcfHeader:
        """The header of the VCF that it was built from, for the samples that go on."""
        lines = str(self.files.own.get(schema.OWN_HEADER) or "").rstrip("\n").split("\n")[:-1]
        columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
        columns += ["FORMAT", *self.kept] if self.kept else []
        return parse_header("\n".join([*lines, "\t".join(columns)]).encode() + b"\n", self.where)


@dataclass(frozen=True)
class Proving:
    """The reference blocks of samples, by name, and what they must have."""

    blocks_of: BlocksOf = field(default_factory=dict)
    thresholds: Thresholds | None = None


@dataclass(frozen=True)
class Grown:
    """What a new generation holds, and what was done for it."""

    seal: Seal
    n_variants: int
    n_samples: int
    assembled: Assembled


class Union:
    """The plan of a whole: its contigs, filters, header, samples and records, and where those of each source stand."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        self.assembly = _one_assembly(sources)
        self.samples = list(dict.fromkeys(name for source in sources for name in source.kept))
        self.contigs = _contigs(sources)
        self.header = joined_header([HeaderPart(one.header, one.where) for one in sources], self.samples)
        self.filters = list(dict.fromkeys(["PASS", *(name for one in sources for name in _filters(one))]))
        number = {name: place for place, name in enumerate(self.contigs)}
        self.joined: JoinedSites = join_sites([read_sites(one.files, number) for one in sources])

    @property
    def table(self) -> SiteTable:
        """The records."""
        return self.joined.table

    def parts(self) -> list[Part]:
        """Return where the records and samples of each source stand."""
        column = {name: place for place, name in enumerate(self.samples)}
        contig = {name: place for place, name in enumerate(self.contigs)}
        filters = {name: place for place, name in enumerate(self.filters)}
        parts = []
        for source, rows in zip(self.sources, self.joined.rows, strict=True):
            columns = np.full(len(self.samples), -1, dtype=np.int64)
            for place, name in enumerate(source.samples):
                if name in column and name not in source.left_out:
                    columns[column[name]] = place
            parts.append(
                Part(
                    source.files,
                    source.where,
                    rows,
                    columns,
                    shapes_of(source.files),
                    np.array([contig[name] for name in _names(source, schema.CONTIG_ID)], dtype=np.int64),
                    np.array([filters[name] for name in _filters(source)], dtype=np.int64),
                )
            )
        return parts


def grow(
    union: Union,
    folder: Path,
    *,
    operation: str,
    note: str = "",
    before: Seal | None = None,
    proving: Proving | None = None,
    may_link: bool = False,
    threads: int = 2,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    progress: Progress,
) -> Grown:
    """Write the store that `union` plans into `folder`, which is empty or absent, and seal it.

    Parameters
    ----------
    before
        The seal of the generation that this one follows.
    proving
        Reference blocks; those of samples that the whole does not have are left out.
    may_link
        Whether files of the first source may be taken over as hard links.
    memory_bytes
        The most memory to take; what is written does not depend on it.
    """
    parts = union.parts()
    proving = proving or Proving()
    table = union.table
    where = [source.where for source in union.sources]
    shapes = joined_shapes(
        [part.shapes for part in parts], n_filters=len(union.filters), n_contigs=len(union.contigs), where=where
    )
    proofs = _proofs(union, parts, proving)
    shapes = _with_room_for_depth(shapes, proofs)
    grid = _grid(union, shapes)
    threads = bands_at_once(
        parts, table, grid, shapes, blocks_of=proving.blocks_of, threads=threads, memory_bytes=memory_bytes
    )
    grown = union.joined.n_holders > 1
    for part in parts:
        if not part.keeps_all_samples:
            grown |= part.rows >= 0
    if proofs is not None:
        for first in range(0, len(table), grid.variants):
            for one in proofs.band(first, min(first + grid.variants, len(table))):
                grown[first + one.rows] = True
    writer = StoreWriter(folder)
    assembly = Assembly(
        parts,
        table,
        grid,
        shapes,
        grown=grown,
        proofs=proofs,
        may_link=may_link,
        threads=threads,
        progress=progress,
    )
    done = assembly.write(writer)
    _write_small(writer, union, grid)
    if schema.CALL_GENOTYPE in shapes:
        write_sample_counts(writer, parts, grid, len(table), done.proven_by_sample)
    write_orders(writer, parts, grid, len(table))
    if proving.blocks_of or proving.thresholds is not None:
        _write_blocks(writer, union, proving, grid)
    seal = writer.close(
        _attributes(union, proving, assembly.rules.counted(), grown=bool(grown.any())),
        operation=operation,
        n_variants=len(table),
        n_samples=len(union.samples),
        note=note,
        before=before,
    )
    return Grown(seal, len(table), len(union.samples), done)


def _grid(union: Union, shapes: Mapping[str, Shape]) -> Grid:
    files = union.sources[0].files
    position = files.array(schema.VARIANT_POSITION).meta
    info, calls = columns_of(union.header)
    alleles = shapes[schema.VARIANT_ALLELE].width
    ploidy = shapes[schema.CALL_GENOTYPE].width if schema.CALL_GENOTYPE in shapes else 1
    own = {name: shape.width for name, shape in shapes.items()}
    columns = [column for column in (*info, *calls) if column.name in shapes]
    most = rows_in_chunk(union.header, columns, Widths(alleles=alleles, ploidy=ploidy, own=own))
    before = Grid(0, position.inner[0], 1, position.outer[0] // position.inner[0], 1)
    return grown_grid(
        before,
        n_variants_before=position.shape[0],
        n_variants=len(union.table),
        n_samples=len(union.samples),
        most_variants=most,
    )


def _proofs(union: Union, parts: Sequence[Part], proving: Proving) -> Proofs | None:
    column = {name: place for place, name in enumerate(union.samples)}
    contig = {name: place for place, name in enumerate(union.contigs)}
    blocks_of = {
        column[sample]: {contig[name]: blocks for name, blocks in by_contig.items() if name in contig}
        for sample, by_contig in proving.blocks_of.items()
        if sample in column
    }
    if not any(blocks_of.values()) or not any((rows < 0).any() for rows in union.joined.rows):
        return None
    known: dict[tuple[bool, ...], npt.NDArray[np.bool_]] = {}
    has_record = {}
    for place in blocks_of:
        members = tuple(bool(part.columns[place] >= 0) for part in parts)
        if members not in known:
            rows = [part.rows >= 0 for part, member in zip(parts, members, strict=True) if member]
            known[members] = np.logical_or.reduce(rows)
        has_record[place] = known[members]
    return Proofs(union.table, proving.thresholds or Thresholds(), blocks_of, has_record)


def _with_room_for_depth(shapes: Mapping[str, Shape], proofs: Proofs | None) -> dict[str, Shape]:
    """Return the shapes with a type of call_DP that holds the depth of every block too."""
    out = dict(shapes)
    depth = out.get("call_DP")
    if proofs is not None and depth is not None and depth.dtype in INTEGER_TYPES:
        rank = max(INTEGER_TYPES.index(depth.dtype), integer_rank(0, proofs.greatest_depth))
        out["call_DP"] = replace(depth, dtype=INTEGER_TYPES[rank])
    return out


def _one_assembly(sources: Sequence[Source]) -> str | None:
    known: tuple[str, str] | None = None
    for source in sources:
        assembly = source.files.own.get(schema.OWN_ASSEMBLY)
        if not isinstance(assembly, str) or not assembly:
            continue
        if known is not None and known[0].casefold() != assembly.casefold():
            raise BuildMismatchError(
                f"{source.where} is of genome build {assembly}, {known[1]} of {known[0]}; lift one of them over first"
            )
        known = known or (assembly, source.where)
    return None if known is None else known[0]


def _contigs(sources: Sequence[Source]) -> list[str]:
    """Return all contigs: those of the first source, then those that the next add."""
    found = _names(sources[0], schema.CONTIG_ID)
    for source in sources[1:]:
        own = _names(source, schema.CONTIG_ID)
        for name in own:
            if name in found:
                continue
            alias = contig_names.resolve(name, [one for one in found if one not in own])
            if alias is not None:
                raise InputError(
                    f"{source.where} calls a contig {name}, {sources[0].where} calls it {alias}; rename it with "
                    "`bcftools annotate --rename-chrs`"
                )
            found.append(name)
    return found


def _names(source: Source, array: str) -> list[str]:
    return [str(name) for name in source.files.array(array).read()]


def _filters(source: Source) -> list[str]:
    return _names(source, schema.FILTER_ID)


def _lengths(union: Union) -> list[int | None]:
    known: dict[str, int | None] = {}
    for source in union.sources:
        if schema.CONTIG_LENGTH in source.files:
            lengths = source.files.array(schema.CONTIG_LENGTH).read().tolist()
            known |= {n: v for n, v in zip(_names(source, schema.CONTIG_ID), lengths, strict=True) if n not in known}
        for name, length in source.header.contigs.items():
            if known.get(name) is None:
                known[name] = length
    return [known.get(name) for name in union.contigs]


def _write_small(writer: StoreWriter, union: Union, grid: Grid) -> None:
    """Write what is not over variants."""
    writer.put_strings(schema.SAMPLE_ID, union.samples, (schema.DIM_SAMPLES,), chunk=grid.samples * grid.sample_chunks)
    writer.put_strings(schema.CONTIG_ID, union.contigs, ("contigs",))
    lengths = _lengths(union)
    if lengths and all(length is not None for length in lengths):
        writer.put_small(schema.CONTIG_LENGTH, np.array(lengths, dtype=np.int64), ("contigs",))
    writer.put_strings(schema.FILTER_ID, union.filters, (DIM_FILTERS,))
    described: dict[str, str] = {}
    for source in union.sources:
        if schema.FILTER_DESCRIPTION in source.files:
            texts = _names(source, schema.FILTER_DESCRIPTION)
            described |= {n: t for n, t in zip(_filters(source), texts, strict=True) if n not in described}
    writer.put_strings(schema.FILTER_DESCRIPTION, [described.get(name, "") for name in union.filters], (DIM_FILTERS,))
    index = region_index(union.table, grid.variants)
    writer.put_small(schema.REGION_INDEX, index, schema.REGION_INDEX_DIMENSIONS)


def region_index(table: SiteTable, size: int) -> npt.NDArray[np.int32]:
    """Return the region index of the VCF Zarr specification: per chunk and contig, where its records lie."""
    rows: list[tuple[int, ...]] = []
    contig, position = table.contig, table.position
    end = position + table.length - 1
    for band in range(math.ceil(len(table) / size)):
        first, stop = band * size, min((band + 1) * size, len(table))
        cuts = [first, *(first + 1 + np.flatnonzero(np.diff(contig[first:stop]))).tolist(), stop]
        for a, b in itertools.pairwise(cuts):
            rows.append((band, int(contig[a]), int(position[a]), int(position[b - 1]), int(end[a:b].max()), b - a))
    return np.array(rows, dtype=np.int32).reshape(-1, len(schema.REGION_INDEX_COLUMNS))


def _write_blocks(writer: StoreWriter, union: Union, proving: Proving, grid: Grid) -> None:
    contig = {name: place for place, name in enumerate(union.contigs)}
    blocks_of = {
        place: {contig[c]: blocks for c, blocks in proving.blocks_of[name].items() if c in contig}
        for place, name in enumerate(union.samples)
        if name in proving.blocks_of
    }
    write_blocks(
        writer,
        blocks_of,
        n_samples=len(union.samples),
        n_contigs=len(union.contigs),
        samples_per_chunk=grid.samples * grid.sample_chunks,
    )


def _attributes(union: Union, proving: Proving, counted: Sequence[str], *, grown: bool) -> dict[str, Any]:
    own = dict(union.sources[0].files.own)
    own.pop(schema.OWN_WITHDRAWN, None)
    own.pop(OWN_COUNTED, None)
    if grown and counted:
        own[OWN_COUNTED] = list(counted)
    own |= {
        schema.OWN_FORMAT_VERSION: schema.FORMAT_VERSION,
        schema.OWN_ASSEMBLY: union.assembly,
        schema.OWN_HEADER: union.header.text,
        schema.OWN_EVERY_RECORD_HAS_GENOTYPE: all(
            bool(source.files.own.get(schema.OWN_EVERY_RECORD_HAS_GENOTYPE)) for source in union.sources
        ),
    }
    if proving.blocks_of or proving.thresholds is not None:
        own[OWN_THRESHOLDS] = (proving.thresholds or Thresholds()).to_dict()
    attributes = dict(union.sources[0].files.attributes)
    attributes |= {
        schema.ATTRIBUTE_VCF_ZARR_VERSION: schema.VCF_ZARR_VERSION,
        schema.ATTRIBUTE_SOURCE: f"genomics_dc {software_version()}",
        schema.ATTRIBUTE_META_INFORMATION: meta_information(union.header.text),
        schema.ATTRIBUTE_OWN: own,
    }
    return attributes
