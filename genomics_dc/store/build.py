"""A joint VCF, in one file or split by region, becomes a store."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import StoreError
from genomics_dc.kernels import genotypes
from genomics_dc.provenance import software_version
from genomics_dc.store import schema
from genomics_dc.store.access import row_ranges
from genomics_dc.store.chunks import ArrayMeta
from genomics_dc.store.derived import derive_block
from genomics_dc.store.info import StoreInfo, store_info
from genomics_dc.store.sources import Source, field_values, prepare_sources
from genomics_dc.store.staging import staged_store
from genomics_dc.store.workers import encode_partition, explode_partition, run_partitions
from genomics_dc.store.writer import StoreWriter

if TYPE_CHECKING:
    import zarr

Progress = Callable[[str, float], None]
"""Called with what is being done and the share done, 0 to 1."""

# Below this, starting worker processes costs more than they save.
_IN_PROCESS_BYTES = 4 << 20


def build_store(
    vcfs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    reference: str | os.PathLike[str] | None = None,
    assembly: str | None = None,
    force: bool = False,
    workers: int = 2,
    progress: Progress | None = None,
) -> StoreInfo:
    """Build a store from one VCF, or from several that split one cohort by region; return what it holds.

    The store appears under `output` whole or not at all. The same VCF gives the same bytes and the same store hash.

    Parameters
    ----------
    vcfs
        VCF, BGZF-compressed VCF or BCF; many files must have the same samples in the same order and not overlap.
    output
        Where the store will stand, by custom NAME.vcz.
    reference
        FASTA of the genome build; REF of every record is then held against its bases.
    assembly
        Name of the genome build to record, such as "GRCh37"; otherwise what the VCF header tells, if it does.
    force
        Replace a store that is there.
    workers
        Processes to use.
    progress
        Told of each step and the share done.

    Raises
    ------
    InputError
        When a VCF is truncated, unsorted, or contradicts its header, another file, or itself.
    BuildMismatchError
        When REF disagrees with `reference`.
    OutputExistsError, ResourceError
        When `output` exists, or cannot be written.
    StoreError
        When another process is writing `output`.
    """
    paths = [Path(vcfs)] if isinstance(vcfs, (str, os.PathLike)) else [Path(vcf) for vcf in vcfs]
    final = Path(output)
    tell = progress or _silent
    with staged_store(final, force=force) as staging:
        scratch = staging / "scratch"
        scratch.mkdir()
        sources = prepare_sources(
            paths, scratch, reference=None if reference is None else Path(reference), progress=tell
        )
        encoded = _encode(sources, scratch, workers=workers, progress=tell)
        _write_store(encoded, staging / "store", sources, assembly=assembly, progress=tell)
        tell("Publishing", 0.0)
    tell("Done", 1.0)
    return store_info(final)


def _encode(sources: Sequence[Source], scratch: Path, *, workers: int, progress: Progress) -> Path:
    """Run bio2zarr over the sources; return the folder of its Zarr group."""
    from bio2zarr import vcf as vcf2zarr
    from bio2zarr import vcz

    logging.getLogger("bio2zarr").setLevel(logging.ERROR)
    total_bytes = sum(source.path.stat().st_size for source in sources)
    processes = workers if workers > 1 and total_bytes > _IN_PROCESS_BYTES else 0
    exploded, encoded = scratch / "exploded", scratch / "encoded"
    vcfs = [source.indexed_path for source in sources]
    summary = vcf2zarr.explode_init(exploded, vcfs, target_num_partitions=max(1, processes * 4))
    run_partitions(
        explode_partition,
        exploded,
        summary.num_partitions,
        workers=processes,
        tell=lambda share: progress("Reading genotypes", share),
    )
    vcf2zarr.explode_finalise(exploded)
    columns = vcf2zarr.IntermediateColumnarFormat(exploded)
    n_records = sum(source.n_records for source in sources)
    if columns.num_records != n_records:
        raise StoreError(
            f"bio2zarr read {columns.num_records:,} of {n_records:,} records; nothing was written, please report this"
        )
    plan = columns.generate_schema(
        # bio2zarr pads chunks: 10,000 columns for three samples took 17 s where this takes 2
        variants_chunk_size=max(1, min(schema.VARIANTS_PER_CHUNK, n_records)),
        samples_chunk_size=max(1, min(schema.SAMPLES_PER_CHUNK, len(sources[0].header.samples))),
    )
    for array in plan.fields:
        array.dtype = schema.STORED_DTYPE.get(array.name, "T" if array.dtype == "U1" else array.dtype)
    writer = vcz.VcfZarrWriter(vcf2zarr.IntermediateColumnarFormat, encoded, zarr_format=3)
    writer.init(columns, target_num_partitions=max(1, processes * 4), schema=plan)
    run_partitions(
        encode_partition,
        encoded,
        writer.num_partitions,
        workers=processes,
        tell=lambda share: progress("Encoding", share),
    )
    writer.finalise()
    return encoded


def _write_store(
    encoded: Path, store: Path, sources: Sequence[Source], *, assembly: str | None, progress: Progress
) -> None:
    """Write the arrays of bio2zarr's group again with our codecs, fills and chunks, then what we derive from them."""
    import zarr

    source = zarr.open_group(encoded, mode="r", zarr_format=3)
    header = sources[0].header
    writer = StoreWriter(store)
    exact = {_array_name(name): name for one in sources for name in one.exact}
    arrays = sorted(source.arrays())
    total = sum(array.nbytes for _, array in arrays) or 1
    done = 0
    for name, array in arrays:
        progress(f"Writing {name}", done / total)
        if name in exact:
            _write_exactly(exact[name], name, array, writer, sources)
        else:
            _copy_array(name, array, writer)
        done += array.nbytes
    _write_region_index(source, writer)
    if schema.CALL_GENOTYPE in source:
        progress("Packing genotypes", 1.0)
        _derive(cast("zarr.Array[Any]", source[schema.CALL_GENOTYPE]), writer)
    progress("Sealing", 0.0)
    writer.close(
        {
            schema.ATTRIBUTE_VCF_ZARR_VERSION: schema.VCF_ZARR_VERSION,
            schema.ATTRIBUTE_SOURCE: f"genomics_dc {software_version()}",
            schema.ATTRIBUTE_META_INFORMATION: source.attrs[schema.ATTRIBUTE_META_INFORMATION],
            schema.ATTRIBUTE_OWN: {
                schema.OWN_FORMAT_VERSION: schema.FORMAT_VERSION,
                schema.OWN_ASSEMBLY: assembly or header.assembly,
                schema.OWN_HEADER: header.text,
                schema.OWN_EVERY_RECORD_HAS_GENOTYPE: all(source.every_record_has_genotype for source in sources),
            },
        },
        operation="build",
        n_variants=sum(source.n_records for source in sources),
        n_samples=len(header.samples),
    )


def _array_name(vcf_name: str) -> str:
    category, _, key = vcf_name.partition("/")
    return (schema.VARIANT_PREFIX if category == "INFO" else schema.CALL_PREFIX) + key


def _meta_like(name: str, array: zarr.Array[Any], dtype: Any = None) -> ArrayMeta:
    """Return how an array of bio2zarr's stands in our store."""
    dimensions = tuple(str(one) for one in getattr(array.metadata, "dimension_names", None) or ())
    kind = np.dtype(array.dtype) if dtype is None else dtype
    inner = schema.chunk_shape(name, array.shape, dimensions)
    return ArrayMeta(
        name=name,
        shape=array.shape,
        dtype=schema.STRING_DTYPE if kind.kind in "TUO" else kind,
        dimensions=dimensions,
        inner=inner,
        outer=inner,
        description=str(array.attrs.get(schema.ATTRIBUTE_DESCRIPTION, "")),
    )


def _copy_array(name: str, array: zarr.Array[Any], writer: StoreWriter) -> None:
    meta = _meta_like(name, array)
    target = writer.array(meta)
    for coords in np.ndindex(*meta.grid):
        target.put_array(coords, np.asarray(array[meta.extent(coords)]))


def _write_exactly(
    vcf_name: str, name: str, old: zarr.Array[Any], writer: StoreWriter, sources: Sequence[Source]
) -> None:
    """Store a field whose values bio2zarr cannot keep: integers -1 and -2 (its "missing" and "fill"), and NaN.

    Integers become float64, which holds every VCF integer and has missing and fill patterns of its own; the header
    that the store keeps still says Integer.
    """
    dtype = np.dtype(np.float32) if np.dtype(old.dtype) == np.float32 else np.dtype(np.float64)
    meta = _meta_like(name, old, dtype)
    target = writer.array(meta)
    missing, fill = schema.float_sentinels(dtype)
    shape = meta.shape
    of_samples = vcf_name.startswith("FORMAT/")
    per_variant = int(np.prod(shape[1:], dtype=np.int64)) // (shape[1] if of_samples else 1)
    flat = (shape[1], per_variant) if of_samples else (1, per_variant)
    buffer = np.empty((meta.inner[0], *flat), dtype=dtype)
    row = 0
    for values in field_values(vcf_name, sources):
        place = buffer[row % len(buffer)]
        place[:] = fill
        place[:, 0] = missing
        if values is not None:
            place[:, : values.shape[1]] = _with_sentinels(values, dtype)
        row += 1
        if row % len(buffer) == 0 or row == shape[0]:
            band = (row - 1) // len(buffer)
            rows = buffer[: row - band * len(buffer)].reshape(-1, *shape[1:])
            for tail in np.ndindex(*meta.grid[1:]):
                target.put_array((band, *tail), rows[(slice(None), *meta.extent((band, *tail))[1:])])
    if row != shape[0]:
        raise StoreError(f"{row:,} of {shape[0]:,} values of {vcf_name} were read; nothing was written")


def _with_sentinels(values: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return htslib's int32 or float32 values as `dtype`, its missing and end-of-vector as those of VCF Zarr."""
    if values.dtype.kind == "f":
        return values.astype(np.float32, copy=False)  # the bit patterns are the same
    missing, fill = schema.float_sentinels(dtype)
    out = values.astype(dtype)
    out[values == schema.HTSLIB_INT_MISSING] = missing
    out[values == schema.HTSLIB_INT_FILL] = fill
    return out


def _write_region_index(source: zarr.Group, writer: StoreWriter) -> None:
    """Write the region index of the VCF Zarr specification: per chunk and contig, where its records lie.

    Columns: chunk, contig, first position, last position, greatest end, number of records; one-based inclusive.
    """
    columns = (schema.VARIANT_POSITION, schema.VARIANT_CONTIG, schema.VARIANT_LENGTH)
    position, contig, length = (np.asarray(cast("zarr.Array[Any]", source[name])[:]) for name in columns)
    index: list[tuple[int, ...]] = []
    for chunk, (start, stop) in enumerate(row_ranges(len(position), schema.VARIANTS_PER_CHUNK)):
        contigs = contig[start:stop]
        first = position[start:stop].astype(np.int64)
        end = first + length[start:stop] - 1
        cuts = [0, *(np.flatnonzero(np.diff(contigs)) + 1).tolist(), len(contigs)]
        index.extend(
            (chunk, contigs[a], first[a], first[b - 1], end[a:b].max(), b - a) for a, b in itertools.pairwise(cuts)
        )
    rows = np.array(index, dtype=np.int32).reshape(-1, len(schema.REGION_INDEX_COLUMNS))
    writer.put_small(schema.REGION_INDEX, rows, schema.REGION_INDEX_DIMENSIONS)


def _derive(genotype: zarr.Array[Any], writer: StoreWriter) -> None:
    """Write the packed dosages and the counts per variant."""
    n_variants, n_samples = genotype.shape[:2]
    widths = {
        schema.DIM_VARIANTS: n_variants,
        schema.DIM_PACKED: genotypes.packed_width(n_samples),
        schema.DIM_COUNTS: 4,
    }
    made = {}
    for spec in schema.DERIVED_ARRAYS:
        shape = tuple(widths[dimension] for dimension in spec.dimensions)
        inner = schema.chunk_shape(spec.path, shape, spec.dimensions)
        meta = ArrayMeta(spec.path, shape, spec.dtype, spec.dimensions, inner, inner, description=spec.description)
        made[spec.path] = writer.array(meta)
    for band, (start, stop) in enumerate(row_ranges(n_variants, schema.VARIANTS_PER_PACKED_CHUNK)):
        packed, counts = derive_block(np.asarray(genotype[start:stop]))
        for name, values in ((schema.PACKED_DOSAGE, packed), (schema.VARIANT_COUNTS, counts)):
            if made[name].meta.n_chunks:
                made[name].put_array((band, 0), values)


def _silent(_step: str, _share: float) -> None:
    """Tell nobody."""
