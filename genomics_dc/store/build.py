"""A joint VCF, in one file or split by region, becomes a store."""

from __future__ import annotations

import itertools
import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import StoreError
from genomics_dc.kernels import genotypes
from genomics_dc.provenance import software_version
from genomics_dc.store import manifest, schema
from genomics_dc.store.access import array_in, dimension_names, read
from genomics_dc.store.info import StoreInfo, store_info
from genomics_dc.store.sources import Source, field_values, prepare_sources
from genomics_dc.store.staging import staged_store
from genomics_dc.store.workers import encode_partition, explode_partition, run_partitions

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
        tell("Sealing", 0.0)
        manifest.write(staging / "store")
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
    root = zarr.create_group(
        store,
        zarr_format=3,
        attributes={
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
    )
    arrays = sorted(source.arrays())
    total = sum(array.nbytes for _, array in arrays) or 1
    done = 0
    with _quiet():
        for name, array in arrays:
            progress(f"Writing {name}", done / total)
            _copy_array(name, array, root)
            done += array.nbytes
        for exact in sorted({name for source in sources for name in source.exact}):
            progress(f"Writing {exact}", 1.0)
            _rewrite_exactly(exact, root, sources)
        _write_region_index(root)
        if schema.CALL_GENOTYPE in root:
            progress("Packing genotypes", 1.0)
            _derive(root)
        zarr.consolidate_metadata(root.store)


def _copy_array(name: str, array: zarr.Array[Any], root: zarr.Group) -> None:
    dimensions = dimension_names(array)
    copy = create_array(
        root,
        name,
        array.shape,
        np.dtype(array.dtype),
        dimensions,
        str(array.attrs.get(schema.ATTRIBUTE_DESCRIPTION, "")),
    )
    for start, stop in row_ranges(copy.shape[0], copy.chunks[0]):
        copy[start:stop] = array[start:stop]


def _rewrite_exactly(vcf_name: str, root: zarr.Group, sources: Sequence[Source]) -> None:
    """Store a field again whose values bio2zarr cannot keep: integers -1 and -2 (its "missing" and "fill"), and NaN.

    Integers become float64, which holds every VCF integer and has missing and fill patterns of its own; the header
    that the store keeps still says Integer.
    """
    category, _, key = vcf_name.partition("/")
    name = (schema.VARIANT_PREFIX if category == "INFO" else schema.CALL_PREFIX) + key
    old = array_in(root, name)
    dimensions = dimension_names(old)
    dtype = np.dtype(np.float32) if np.dtype(old.dtype) == np.float32 else np.dtype(np.float64)
    description = str(old.attrs.get(schema.ATTRIBUTE_DESCRIPTION, ""))
    shape = old.shape
    del root[name]
    new = create_array(root, name, shape, dtype, dimensions, description)
    missing, fill = schema.float_sentinels(dtype)
    per_variant = int(np.prod(shape[1:], dtype=np.int64)) // (shape[1] if category == "FORMAT" else 1)
    flat = (shape[1], per_variant) if category == "FORMAT" else (1, per_variant)
    buffer = np.empty((new.chunks[0], *flat), dtype=dtype)
    row = 0
    for values in field_values(vcf_name, sources):
        target = buffer[row % len(buffer)]
        target[:] = fill
        target[:, 0] = missing
        if values is not None:
            target[:, : values.shape[1]] = _with_sentinels(values, dtype)
        row += 1
        if row % len(buffer) == 0 or row == shape[0]:
            start = (row - 1) // len(buffer) * len(buffer)
            new[start:row] = buffer[: row - start].reshape(row - start, *shape[1:])
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


def _write_region_index(root: zarr.Group) -> None:
    """Write the region index of the VCF Zarr specification: per chunk and contig, where its records lie.

    Columns: chunk, contig, first position, last position, greatest end, number of records; one-based inclusive.
    """
    position = array_in(root, schema.VARIANT_POSITION)
    index: list[tuple[int, ...]] = []
    for chunk, (start, stop) in enumerate(row_ranges(position.shape[0], position.chunks[0])):
        contigs = read(array_in(root, schema.VARIANT_CONTIG), start, stop)
        first = read(position, start, stop).astype(np.int64)
        end = first + read(array_in(root, schema.VARIANT_LENGTH), start, stop) - 1
        cuts = [0, *(np.flatnonzero(np.diff(contigs)) + 1).tolist(), len(contigs)]
        index.extend(
            (chunk, contigs[a], first[a], first[b - 1], end[a:b].max(), b - a) for a, b in itertools.pairwise(cuts)
        )
    rows = np.array(index, dtype=np.int32).reshape(-1, len(schema.REGION_INDEX_COLUMNS))
    array = create_array(root, schema.REGION_INDEX, rows.shape, rows.dtype, schema.REGION_INDEX_DIMENSIONS, "")
    array[:] = rows


def create_array(
    root: zarr.Group,
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    dimensions: tuple[str, ...],
    description: str,
) -> zarr.Array[Any]:
    """Create one array as the schema has it; every chunk will be written, also those that hold only the fill value."""
    return root.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=schema.chunk_shape(name, shape, dimensions),
        compressors=schema.codecs(dtype),
        fill_value=schema.fill_value(name, dtype),
        dimension_names=dimensions or None,
        attributes={schema.ATTRIBUTE_DESCRIPTION: description} if description else None,
        config={"write_empty_chunks": True},
    )


def _derive(root: zarr.Group) -> None:
    """Write the packed dosages and the counts per variant."""
    genotype = array_in(root, schema.CALL_GENOTYPE)
    n_variants, n_samples = genotype.shape[:2]
    widths = {
        schema.DIM_VARIANTS: n_variants,
        schema.DIM_PACKED: genotypes.packed_width(n_samples),
        schema.DIM_COUNTS: 4,
    }
    made = {
        spec.path: create_array(
            root,
            spec.path,
            tuple(widths[dimension] for dimension in spec.dimensions),
            np.dtype(spec.dtype),
            spec.dimensions,
            spec.description,
        )
        for spec in schema.DERIVED_ARRAYS
    }
    for start, stop in row_ranges(n_variants, schema.VARIANTS_PER_PACKED_CHUNK):
        packed, counts = derive_block(genotype, start, stop)
        made[schema.PACKED_DOSAGE][start:stop] = packed
        made[schema.VARIANT_COUNTS][start:stop] = counts


def derive_block(
    genotype: zarr.Array[Any], start: int, stop: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """Return packed dosages uint8[V, ceil(S/4)] and counts int32[V, 4] of the variants from `start` to `stop`."""
    parts = [
        genotypes.genotype_dosage(read(genotype, first, last))
        for first, last in ((start + a, start + b) for a, b in row_ranges(stop - start, genotype.chunks[0]))
    ]
    dosage = np.concatenate(parts) if parts else np.empty((0, genotype.shape[1]), dtype=np.int8)
    counts = np.stack([np.count_nonzero(dosage == code, axis=1) for code in (0, 1, 2, -1)], axis=1).astype(np.int32)
    return genotypes.pack_dosage(dosage), counts


def _silent(_step: str, _share: float) -> None:
    """Tell nobody."""


def row_ranges(n_rows: int, step: int) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) over `n_rows` in steps."""
    for start in range(0, n_rows, step):
        yield start, min(start + step, n_rows)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Zarr's notes that consolidated metadata and string types are extensions of format 3."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"zarr\..*")
        yield
