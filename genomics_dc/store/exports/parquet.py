"""Parquet in long form: one row per variant and sample, in store order, for a slice that a table program reads.

Columns: contig, position (one-based), variant_id, ref, alt (joined by commas), quality, filters, sample_id, genotype
(VCF text), phased, dosage (copies of the first ALT), and one column for each other FORMAT field, a list where the field
has several values. Missing is null. Row groups follow the chunks; memory is bounded by one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.files import atomic_path
from genomics_dc.provenance import Provenance
from genomics_dc.results import PROVENANCE_KEY
from genomics_dc.store import schema
from genomics_dc.store.blocks import Block
from genomics_dc.store.exports.calls import ahead
from genomics_dc.store.exports.exported import Exported, Progress
from genomics_dc.store.read import Sites, StoreView

_ROWS_PER_GROUP = 1_000_000
_NOT_COLUMNS = {schema.CALL_GENOTYPE, schema.CALL_GENOTYPE_PHASED, schema.CALL_GENOTYPE_MASK}
_MASK_ENDING = "_mask"


def export_parquet(view: StoreView, output: Path, *, force: bool, progress: Progress) -> Exported:
    """Write NAME.parquet, zstd-compressed, with the store's hash in its metadata; return what was written."""
    from pyarrow import parquet

    fields = [
        name
        for name in view.fields
        if name.startswith(schema.CALL_PREFIX) and name not in _NOT_COLUMNS and not name.endswith(_MASK_ENDING)
    ]
    with_calls = schema.CALL_GENOTYPE in view.fields
    sites = view.sites()
    layout = _layout(view, fields, with_calls=with_calls)
    provenance = Provenance("export", store_hash=view.store_hash).to_json().encode()
    layout = layout.with_metadata({PROVENANCE_KEY: provenance})
    done = 0
    with atomic_path(output, force=force) as temporary:
        # A dictionary of floats that hardly repeat only costs time.
        repeating = [field.name for field in layout if not pa.types.is_floating(field.type)]
        with parquet.ParquetWriter(temporary, layout, compression="zstd", use_dictionary=repeating) as writer:
            for rows, columns in ahead(_groups(view, sites, fields, layout, with_calls=with_calls)):
                writer.write_table(pa.Table.from_arrays(columns, schema=layout), row_group_size=_ROWS_PER_GROUP * 2)
                done += rows
                progress(f"Writing {view.n_samples:,} samples", done / max(len(sites), 1))
    return Exported((output,), len(sites), view.n_samples)


_TEXT = pa.dictionary(pa.int32(), pa.string())


def _layout(view: StoreView, fields: list[str], *, with_calls: bool) -> pa.Schema:
    columns = [
        ("contig", _TEXT),
        ("position", pa.int32()),
        ("variant_id", _TEXT),
        ("ref", _TEXT),
        ("alt", _TEXT),
        ("quality", pa.float32()),
        ("filters", _TEXT),
        ("sample_id", _TEXT),
    ]
    if with_calls:
        columns += [("genotype", _TEXT), ("phased", pa.bool_()), ("dosage", pa.int8())]
    for name in fields:
        kind = _arrow_type(view.field_dtype(name))
        is_list = len(view.field_shape(name)) > 2
        columns.append((name.removeprefix(schema.CALL_PREFIX), pa.list_(kind) if is_list else kind))
    return pa.schema(columns)


def _arrow_type(dtype: np.dtype[Any] | None) -> pa.DataType:
    if dtype is None:
        return pa.string()
    if dtype.kind == "b":
        return pa.bool_()
    if dtype.kind in "iu":
        return pa.int64() if dtype.itemsize > 4 else pa.int32()
    assert dtype.kind == "f"
    return pa.float64() if dtype.itemsize == 8 else pa.float32()


def _groups(
    view: StoreView, sites: Sites, fields: list[str], layout: pa.Schema, *, with_calls: bool
) -> Iterator[tuple[int, list[pa.Array]]]:
    """Yield (variants, columns) of one row group each."""
    calls = [schema.CALL_GENOTYPE, schema.FIELD_DOSAGE] if with_calls else []
    if schema.CALL_GENOTYPE_PHASED in view.fields:
        calls.append(schema.CALL_GENOTYPE_PHASED)
    step = max(1, _ROWS_PER_GROUP // max(view.n_samples, 1))
    start = 0
    for block in view.blocks(*(calls + fields or [schema.VARIANT_POSITION])):
        for first in range(0, len(block), step):
            inside = slice(first, min(first + step, len(block)))
            part = Block(block.index[inside], {name: array[inside] for name, array in block.arrays.items()})
            yield len(part), _columns(part, _some(sites, start, start + len(part)), view, fields, layout)
            start += len(part)


def _some(sites: Sites, start: int, stop: int) -> Sites:
    rows = slice(start, stop)
    return Sites(**{name: getattr(sites, name)[rows] for name in Sites.__dataclass_fields__})


def _columns(part: Block, sites: Sites, view: StoreView, fields: list[str], layout: pa.Schema) -> list[pa.Array]:
    n_samples = view.n_samples
    quality = np.repeat(sites.quality, n_samples)
    columns = [
        _repeated(sites.contig, n_samples),
        pa.array(np.repeat(sites.position, n_samples)),
        _repeated(sites.identifier, n_samples, missing="."),
        _repeated(sites.ref, n_samples),
        _repeated(sites.alt, n_samples, missing="."),
        pa.array(quality, mask=np.isnan(quality)),
        _repeated(sites.filters, n_samples, missing="."),
        pa.DictionaryArray.from_arrays(
            np.tile(np.arange(n_samples, dtype=np.int32), len(part)), pa.array(view.sample_ids.tolist(), pa.string())
        ),
    ]
    if schema.CALL_GENOTYPE in part.arrays:
        genotype = part[schema.CALL_GENOTYPE]
        together = part.arrays.get(schema.CALL_GENOTYPE_PHASED)
        dosage = part[schema.FIELD_DOSAGE].ravel()
        phased = np.zeros(dosage.shape, dtype=bool) if together is None else together.ravel()
        columns += [_genotype_text(genotype, phased), pa.array(phased), pa.array(dosage, mask=dosage < 0)]
    for name in fields:
        values = part[name]
        flat = values.reshape(-1, *values.shape[2:])
        kind = layout.field(name.removeprefix(schema.CALL_PREFIX)).type
        columns.append(_lists(flat, kind) if flat.ndim > 1 else _scalars(flat, kind))
    return columns


def _repeated(values: npt.NDArray[np.object_], n_samples: int, missing: str | None = None) -> pa.DictionaryArray:
    """Return one value per variant as one per row, null where it is the text `missing`."""
    words, which = np.unique(values.astype(str), return_inverse=True)
    index = np.repeat(which.astype(np.int32), n_samples)
    absent = None if missing is None else np.repeat(values == missing, n_samples)
    return pa.DictionaryArray.from_arrays(pa.array(index, mask=absent), pa.array(words.tolist(), pa.string()))


def _genotype_text(genotype: npt.NDArray[np.integer[Any]], phased: npt.NDArray[np.bool_]) -> pa.DictionaryArray:
    """Return "0|1", "./." and the like; null where no allele is called."""
    calls = genotype.reshape(-1, genotype.shape[2])
    base = int(calls.max(initial=0)) + 3
    code = phased.astype(np.int64)
    for place in range(calls.shape[1]):
        code = code * base + (calls[:, place].astype(np.int64) + 2)
    _, first, which = np.unique(code, return_index=True, return_inverse=True)
    words = []
    for row in first:
        alleles = ["." if allele < 0 else str(allele) for allele in calls[row] if allele != schema.ALLELE_FILL]
        words.append(("|" if phased[row] else "/").join(alleles))
    absent = np.array([not word.strip("./|") for word in words], dtype=bool)
    index = pa.array(which.reshape(-1).astype(np.int32), mask=absent[which.reshape(-1)] if words else None)
    return pa.DictionaryArray.from_arrays(index, pa.array(words, pa.string()))


def _state(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return where values are missing, and where they are fill (past the end of a list)."""
    kind = values.dtype.kind
    if kind == "f":
        missing, fill = schema.float_sentinels(values.dtype)
        bits = np.ascontiguousarray(values).view(f"u{values.itemsize}")
        return bits == missing.view(bits.dtype), bits == fill.view(bits.dtype)
    if kind == "i":
        return values == schema.INT_MISSING, values == schema.INT_FILL
    if kind in "bu":
        nowhere = np.zeros(values.shape, dtype=bool)
        return nowhere, nowhere
    return values == ".", values == ""


def _flat(values: npt.NDArray[Any], absent: npt.NDArray[np.bool_], kind: pa.DataType) -> pa.Array:
    listed = values.astype(object) if values.dtype.kind not in "biuf" else values
    return pa.array(listed, mask=absent).cast(kind)


def _scalars(values: npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
    missing, fill = _state(values)
    return _flat(values, missing | fill, kind)


def _lists(values: npt.NDArray[Any], kind: pa.ListType) -> pa.Array:
    missing, fill = _state(values)
    kept = ~fill
    nothing = (missing | fill).all(axis=1)
    kept[nothing] = False
    offsets = np.zeros(len(values) + 1, dtype=np.int32)
    np.cumsum(kept.sum(axis=1), out=offsets[1:])
    items = _flat(values[kept], missing[kept], kind.value_type)
    return pa.ListArray.from_arrays(pa.array(offsets), items, type=kind, mask=pa.array(nothing))
