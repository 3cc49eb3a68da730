"""What the arrays of a store must be so that they hold those of several stores; and how values get there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError
from genomics_dc.store import schema
from genomics_dc.store.access import StoreFiles
from genomics_dc.store.chunks import ArrayMeta
from genomics_dc.store.columns import (
    DIM_ALLELES,
    DIM_ALT_ALLELES,
    DIM_GENOTYPES,
    DIM_PLOIDY,
    INTEGER_TYPES,
    genotypes_axis,
    integer_rank,
    missing_and_fill,
)
from genomics_dc.store.layout import DIM_FILTERS, Grid, packed_size

STRING: Final = schema.STRING_DTYPE
_SAMPLE_CHUNKS_PER_FILE: Final = 10
_SHARED: Final = (DIM_ALLELES, DIM_ALT_ALLELES, DIM_GENOTYPES, DIM_PLOIDY)


@dataclass(frozen=True)
class Shape:
    """How an array over variants stands: type (a NumPy name, or "string"), places of a value, the name of that axis."""

    dtype: str
    width: int
    inner: str
    of_samples: bool
    description: str

    @property
    def tail(self) -> tuple[int, ...]:
        """The axes behind variants and samples."""
        return (self.width,) if self.inner else ()


def shape_of(meta: ArrayMeta) -> Shape:
    """Return how an array of a store stands."""
    lead = 2 if meta.dimensions[1:2] in ((schema.DIM_SAMPLES,), (schema.DIM_PACKED,)) else 1
    return Shape(
        dtype=STRING if meta.is_string else meta.numpy_dtype.name,
        width=meta.shape[lead] if len(meta.shape) > lead else 1,
        inner=meta.dimensions[lead] if len(meta.shape) > lead else "",
        of_samples=lead == 2,
        description=meta.description,
    )


def shapes_of(files: StoreFiles) -> dict[str, Shape]:
    """Return how each array over variants of a store stands, those derived from the genotypes left out."""
    found = {}
    for name in files.names:
        meta = files.array(name).meta
        if meta.dimensions[:1] == (schema.DIM_VARIANTS,) and ("/" not in name or name == schema.GENOTYPE_JOINS):
            found[name] = shape_of(meta)
    return found


def joined_shapes(
    parts: Sequence[Mapping[str, Shape]], *, n_filters: int, n_contigs: int, where: Sequence[str]
) -> dict[str, Shape]:
    """Return shapes that hold the arrays of all parts: the widest type, and the most places, of each.

    Raises
    ------
    InputError
        When an array is text in one part and numbers in another.
    """
    names = list(dict.fromkeys(name for part in parts for name in part))
    sizes = dict.fromkeys(_SHARED, 0)
    for part in parts:
        for shape in part.values():
            if shape.inner in sizes:
                sizes[shape.inner] = max(sizes[shape.inner], shape.width)
    if any(schema.CALL_GENOTYPE in part for part in parts) and sizes[DIM_GENOTYPES]:
        sizes[DIM_GENOTYPES] = genotypes_axis(sizes[DIM_ALLELES], sizes[DIM_PLOIDY], sizes[DIM_GENOTYPES])
    if sizes[DIM_ALLELES]:
        sizes[DIM_ALT_ALLELES] = sizes[DIM_ALLELES] - 1
    joined = {}
    for name in names:
        shapes = [part[name] for part in parts if name in part]
        dtype = joined_dtype([shape.dtype for shape in shapes])
        if dtype is None:
            kinds = " and ".join(
                f"{part[name].dtype} in {at}" for part, at in zip(parts, where, strict=True) if name in part
            )
            raise InputError(f"{name} is {kinds}; they cannot be one array: leave the field out of one of them")
        inner = {shape.inner for shape in shapes if shape.inner}
        axis = inner.pop() if len(inner) == 1 else _own_axis(name) if inner else ""
        width = sizes.get(axis) or max(shape.width for shape in shapes)
        if name == schema.VARIANT_FILTER:
            axis, width = DIM_FILTERS, n_filters
        elif name == schema.VARIANT_CONTIG:
            dtype = INTEGER_TYPES[integer_rank(0, max(n_contigs, 1))]
        joined[name] = Shape(dtype, width, axis, shapes[0].of_samples, next((s.description for s in shapes), ""))
    return joined


def _own_axis(name: str) -> str:
    if name.startswith(schema.CALL_PREFIX):
        return f"FORMAT_{name.removeprefix(schema.CALL_PREFIX)}_dim"
    return f"INFO_{name.removeprefix(schema.VARIANT_PREFIX)}_dim"


def joined_dtype(dtypes: Sequence[str]) -> str | None:
    """Return a type that holds all values of some types, or None when there is none."""
    known = list(dict.fromkeys(dtypes))
    if len(known) == 1:
        return known[0]
    if STRING in known or "bool" in known:
        return None
    ranks = [INTEGER_TYPES.index(name) for name in known if name in INTEGER_TYPES]
    if len(ranks) == len(known):
        return INTEGER_TYPES[max(ranks)]
    kinds = np.result_type(*(np.dtype(name) for name in known))
    return str(kinds)


def meta_of(name: str, shape: Shape, grid: Grid, n_variants: int) -> ArrayMeta:
    """Return what the store says of an array."""
    dimensions, sizes = [schema.DIM_VARIANTS], [n_variants]
    inner, outer = [grid.variants], [grid.variants * grid.variant_chunks]
    if shape.of_samples:
        packed = name == schema.PACKED_DOSAGE
        dimensions.append(schema.DIM_PACKED if packed else schema.DIM_SAMPLES)
        sizes.append(packed_size(grid.n_samples) if packed else grid.n_samples)
        inner.append(packed_size(grid.samples) if packed else grid.samples)
        outer.append(inner[-1] * grid.sample_chunks)
    if shape.inner:
        dimensions.append(shape.inner)
        sizes.append(shape.width)
        inner.append(max(shape.width, 1))
        outer.append(max(shape.width, 1))
    return ArrayMeta(
        name=name,
        shape=tuple(sizes),
        dtype=shape.dtype if shape.dtype == STRING else np.dtype(shape.dtype),
        dimensions=tuple(dimensions),
        inner=tuple(inner),
        outer=tuple(outer),
        description=shape.description,
    )


def grown_grid(grid: Grid, *, n_variants_before: int, n_variants: int, n_samples: int, most_variants: int) -> Grid:
    """Return how a store is cut after it has grown from `n_variants_before` records to `n_variants`.

    What is cut stays so, since another cut would mean writing all again; but chunks that were small because the store
    was small take the usual size.
    """
    variants = grid.variants
    if n_variants_before <= variants:
        variants = max(1, min(most_variants, n_variants))
    samples = max(1, min(schema.SAMPLES_PER_CHUNK, n_samples))
    sample_chunks = max(1, min(_SAMPLE_CHUNKS_PER_FILE, math.ceil(n_samples / samples)))
    return Grid(n_samples, variants, samples, grid.variant_chunks, sample_chunks)


def absent(name: str, shape: Shape, lead: tuple[int, ...], *, whole_record: bool = False) -> npt.NDArray[Any]:
    """Return values that say "nothing is known": missing, then fill; missing in all places of a record without the key.

    An unknown genotype has two copies where there is room.
    """
    dtype: Any = object if shape.dtype == STRING else np.dtype(shape.dtype)
    out = np.empty((*lead, *shape.tail), dtype=dtype)
    if shape.dtype == "bool":
        out[...] = name == schema.CALL_GENOTYPE_MASK
        return out
    if name == schema.GENOTYPE_JOINS:
        out[...] = 0
        return out
    missing, fill = sentinels(shape.dtype)
    out[...] = missing
    if shape.inner and not whole_record:
        known = 2 if name == schema.CALL_GENOTYPE else 1
        out[..., known:] = fill
    return out


def sentinels(dtype: str) -> tuple[Any, Any]:
    """Return what says "missing" and "fill" in an array of some type."""
    if dtype == STRING:
        return ".", ""
    return missing_and_fill(dtype)


def converted(
    values: npt.NDArray[Any], old: Shape, new: Shape, lacking: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[Any]:
    """Return values of one shape, [V] or [V, S] and their own axis, in another that is as wide or wider.

    `lacking` bool[V]: records that lack the field, so that every place is missing; by default those that show nothing.
    """
    if old.dtype == new.dtype and old.width == new.width and bool(old.inner) == bool(new.inner):
        return values
    lead = values.shape[: 2 if old.of_samples else 1]
    dtype: Any = object if new.dtype == STRING else np.dtype(new.dtype)
    flat = values.reshape(*lead, old.width)
    if new.dtype == "bool":
        out = np.zeros((*lead, new.width), dtype=dtype)
        out[..., : old.width] = flat
        return out.reshape(*lead, *new.tail)
    missing, fill = sentinels(new.dtype)
    out = np.empty((*lead, new.width), dtype=dtype)
    out[..., old.width :] = fill
    out[..., : old.width] = flat
    if old.dtype != new.dtype and new.dtype != STRING and np.dtype(new.dtype).kind == "f":
        if np.dtype(old.dtype).kind == "f":
            old_missing, old_fill = (bits(one, old.dtype) for one in sentinels(old.dtype))
            raw = flat.view(f"u{np.dtype(old.dtype).itemsize}")
            is_missing, is_fill = raw == old_missing, raw == old_fill
        else:
            is_missing, is_fill = flat == schema.INT_MISSING, flat == schema.INT_FILL
        place = out[..., : old.width]
        place[is_missing] = missing
        place[is_fill] = fill
    if new.width > old.width:
        out[is_whole_missing(values, old) if lacking is None else lacking] = missing
    return out.reshape(*lead, *new.tail)


def bits(value: Any, dtype: str) -> int:
    """Return a float's bits as a number: its two NaNs differ in nothing else."""
    return int(np.array([value], dtype=dtype).view(f"u{np.dtype(dtype).itemsize}")[0])


def is_missing(values: npt.NDArray[Any], dtype: str) -> npt.NDArray[np.bool_]:
    """Return where values are missing (not fill)."""
    if dtype == STRING:
        found: npt.NDArray[np.bool_] = np.asarray(values == ".", dtype=np.bool_)
    elif np.dtype(dtype).kind == "f":
        missing = bits(sentinels(dtype)[0], dtype)
        found = np.ascontiguousarray(values).view(f"u{np.dtype(dtype).itemsize}") == missing
    elif dtype == "bool":
        found = np.zeros(values.shape, dtype=np.bool_)
    else:
        found = values == schema.INT_MISSING
    return found


def is_whole_missing(values: npt.NDArray[Any], shape: Shape) -> npt.NDArray[np.bool_]:
    """Return bool[V]: records that lack the field: missing in every place, of every sample.

    Where there is one place only, "." and a field that is not there look alike, and are taken for the latter.
    """
    found = is_missing(values, shape.dtype)
    whole: npt.NDArray[np.bool_] = np.asarray(found.reshape(found.shape[0], -1).all(axis=1), dtype=np.bool_)
    return whole
