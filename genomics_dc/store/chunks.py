"""One array's description, and its chunks between memory and disk.

An array is cut twice. An inner chunk is what is compressed, checked and read at once; an outer chunk is one file that
holds one or more inner chunks. Where a file holds one, the array is a plain Zarr array; where it holds more, the file
is a Zarr shard with a CRC32C over the whole, which makes zarr-python take the file for its chunk: vcztools reads stores
only that way.
"""

from __future__ import annotations

import math
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import product
from typing import Any, Final

import google_crc32c
import numpy as np
import numpy.typing as npt
from numcodecs import blosc, zstd
from zstandard import ZstdDecompressor, ZstdError

from genomics_dc.errors import StoreError
from genomics_dc.kernels.vcf import vlen
from genomics_dc.kernels.vcf.records import Strings
from genomics_dc.store import schema

STRING: Final = schema.STRING_DTYPE

ABSENT: Final = 2**64 - 1
"""Offset and length of an inner chunk that a shard does not hold, by the specification of sharding."""

blosc.use_threads = False  # its threads write blocks in the order in which they end: other bytes each time

_CRC_BYTES: Final = 4
_LOOKED_AT: Final = 64  # values of an array, before the whole of it
_STRIDE: Final = 1 << 16


@dataclass(frozen=True)
class ArrayMeta:
    """An array of a store: path in it, shape, element type (a NumPy type, or "string"), dimensions, chunks.

    `inner` and `outer` are the shapes of the two chunks; each of `outer` is a multiple of `inner`. `fill` is what is
    read where nothing is written; None takes the schema's.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Any
    dimensions: tuple[str, ...]
    inner: tuple[int, ...]
    outer: tuple[int, ...]
    fill: Any = field(default=None, compare=False)
    description: str = ""

    def __post_init__(self) -> None:
        if not self.is_string:
            object.__setattr__(self, "dtype", np.dtype(self.dtype))
        if self.fill is None:
            object.__setattr__(self, "fill", "" if self.is_string else schema.fill_value(self.name, self.numpy_dtype))
        for inner, outer in zip(self.inner, self.outer, strict=True):
            if inner < 1 or outer % inner:
                raise ValueError(f"{self.name}: a file of {self.outer} cannot hold whole chunks of {self.inner}")

    @property
    def is_string(self) -> bool:
        """Whether the elements are text of any length."""
        return bool(self.dtype == STRING)

    @cached_property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The element type in memory; text is `StringDType`."""
        kind: np.dtype[Any] = np.dtypes.StringDType() if self.is_string else np.dtype(self.dtype).newbyteorder("<")
        return kind

    @property
    def sharded(self) -> bool:
        """Whether a file holds more than one inner chunk."""
        return self.inner != self.outer

    @cached_property
    def grid(self) -> tuple[int, ...]:
        """How many inner chunks there are along each dimension."""
        return tuple(math.ceil(size / chunk) for size, chunk in zip(self.shape, self.inner, strict=True))

    @cached_property
    def per_outer(self) -> tuple[int, ...]:
        """How many inner chunks a file holds along each dimension."""
        return tuple(outer // inner for outer, inner in zip(self.outer, self.inner, strict=True))

    @property
    def n_chunks(self) -> int:
        """Inner chunks in all."""
        return math.prod(self.grid)

    def number(self, coords: tuple[int, ...]) -> int:
        """Return the number of an inner chunk, counted with the last dimension fastest."""
        number = 0
        for place, size in zip(coords, self.grid, strict=True):
            number = number * size + place
        return number

    def file_of(self, coords: tuple[int, ...]) -> tuple[str, int]:
        """Return the key of the file that holds an inner chunk, and the chunk's place in the file's index."""
        outer = tuple(c // n for c, n in zip(coords, self.per_outer, strict=True))
        slot = 0
        for place, size in zip(coords, self.per_outer, strict=True):
            slot = slot * size + place % size
        return self.key(outer), slot

    def key(self, outer: tuple[int, ...]) -> str:
        """Return the key of a file by its place in the grid of outer chunks."""
        return "/".join([self.name, "c", *map(str, outer)])

    def chunks_of_file(self, outer: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Return the inner chunks that a file holds, in the order of its index; those past the array's end left out."""
        spans = [
            range(o * n, min((o + 1) * n, size)) for o, n, size in zip(outer, self.per_outer, self.grid, strict=True)
        ]
        return list(product(*spans))

    def files(self) -> list[tuple[int, ...]]:
        """Return every file's place in the grid of outer chunks."""
        return list(product(*(range(math.ceil(g / n)) for g, n in zip(self.grid, self.per_outer, strict=True))))

    def extent(self, coords: tuple[int, ...]) -> tuple[slice, ...]:
        """Return the part of the array that an inner chunk holds."""
        return tuple(
            slice(c * n, min((c + 1) * n, size)) for c, n, size in zip(coords, self.inner, self.shape, strict=True)
        )

    def with_variants(self, n_variants: int) -> ArrayMeta:
        """Return the same array with another number of variants, its first dimension."""
        return replace(self, shape=(n_variants, *self.shape[1:]))

    def metadata(self) -> dict[str, Any]:
        """Return what `zarr.json` of the array says."""
        inner = [*self._element_codecs(), {"name": "crc32c"}]
        codecs = inner
        if self.sharded:
            index = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
            sharding = {
                "chunk_shape": list(self.inner),
                "codecs": inner,
                "index_codecs": index,
                "index_location": "end",
            }
            codecs = [{"name": "sharding_indexed", "configuration": sharding}, {"name": "crc32c"}]
        return {
            "shape": list(self.shape),
            "data_type": STRING if self.is_string else self.numpy_dtype.name,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(self.outer)}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": _fill_as_json(self.fill),
            "codecs": codecs,
            "attributes": {schema.ATTRIBUTE_DESCRIPTION: self.description} if self.description else {},
            "dimension_names": list(self.dimensions),
            "zarr_format": 3,
            "node_type": "array",
            "storage_transformers": [],
        }

    @cached_property
    def compression(self) -> tuple[str, int, str]:
        """How Blosc makes the array smaller: compressor, level, shuffle."""
        return schema.compression(self.name, self.numpy_dtype, math.prod(self.inner) * self.numpy_dtype.itemsize)

    def _element_codecs(self) -> list[dict[str, Any]]:
        if self.is_string:
            zstd = {"level": schema.ZSTD_LEVEL, "checksum": False}
            return [{"name": "vlen-utf8", "configuration": {}}, {"name": "zstd", "configuration": zstd}]
        endian: dict[str, Any] = {"name": "bytes"}
        if self.numpy_dtype.itemsize > 1:
            endian["configuration"] = {"endian": "little"}
        compressor, level, shuffle = self.compression
        settings = {
            "typesize": self.numpy_dtype.itemsize,
            "cname": compressor,
            "clevel": level,
            "shuffle": shuffle,
            "blocksize": schema.BLOSC_BLOCK_BYTES,
        }
        return [endian, {"name": "blosc", "configuration": settings}]

    @classmethod
    def from_metadata(cls, name: str, metadata: Mapping[str, Any]) -> ArrayMeta:
        """Return what a `zarr.json` describes; raise StoreError when it is not one that `metadata` writes."""
        try:
            outer = tuple(int(size) for size in metadata["chunk_grid"]["configuration"]["chunk_shape"])
            first = metadata["codecs"][0]
            sharded = first["name"] == "sharding_indexed"
            inner = tuple(int(n) for n in first["configuration"]["chunk_shape"]) if sharded else outer
            meta = cls(
                name=name,
                shape=tuple(int(size) for size in metadata["shape"]),
                dtype=str(metadata["data_type"]),
                dimensions=tuple(str(one) for one in metadata["dimension_names"] or ()),
                inner=inner,
                outer=outer,
                description=str(metadata.get("attributes", {}).get(schema.ATTRIBUTE_DESCRIPTION, "")),
            )
            agrees = _without_levels(meta.metadata()["codecs"]) == _without_levels(metadata["codecs"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise StoreError(f"array {name} is not described as stores of this software are: {error!r}") from error
        if not agrees:
            raise StoreError(
                f"array {name} is encoded in a way that this software does not write; build the store again"
            )
        return meta


def _without_levels(codecs: Any) -> Any:
    """Return codecs without how Blosc and zstd were told to try: what they wrote says that itself."""
    told = ("clevel", "level", "cname", "shuffle", "blocksize")
    if isinstance(codecs, dict):
        return {key: _without_levels(value) for key, value in codecs.items() if key not in told}
    return [_without_levels(one) for one in codecs] if isinstance(codecs, list) else codecs


def _fill_as_json(fill: Any) -> Any:
    if isinstance(fill, np.generic):
        fill = fill.item()
    return "NaN" if isinstance(fill, float) and fill != fill else fill


def crc32c(data: bytes, before: int = 0) -> int:
    """Return the CRC32C of `data`, going on from that of what came before."""
    return int(google_crc32c.extend(before, data))


def _sealed(compressed: bytes) -> bytes:
    return compressed + struct.pack("<I", crc32c(compressed))


def encode(meta: ArrayMeta, array: npt.NDArray[Any]) -> bytes:
    """Return one inner chunk as it stands on disk; an array smaller than the chunk is padded with the fill value."""
    if meta.is_string:
        return _text(meta, array)
    values = np.asarray(array)
    dtype = meta.numpy_dtype
    if values.dtype != dtype:
        if not np.can_cast(values.dtype, dtype, casting="safe"):
            raise ValueError(f"{meta.name} holds {dtype}, which does not hold every {values.dtype}")
        values = values.astype(dtype)
    if values.size and _is_constant(values):
        one = values[(0,) * values.ndim].tobytes()
        fill = np.asarray(meta.fill, dtype=dtype).tobytes()
        return _encode_constant(meta.inner, values.shape, dtype.str, one, fill, meta.compression)
    return _compress(_padded(values, meta.inner, meta.fill), meta.compression)


def _is_constant(values: npt.NDArray[Any]) -> bool:
    """Tell whether all values have the same bits; most arrays that do not are known by a few of them."""
    if not any(values.strides):
        return True
    if not values.flags.c_contiguous:
        values = np.ascontiguousarray(values)
    flat = values.reshape(-1).view(f"u{values.itemsize}")
    if (flat[:: max(1, flat.size // _LOOKED_AT)] != flat[0]).any():
        return False
    return all((flat[at : at + _STRIDE] == flat[0]).all() for at in range(0, flat.size, _STRIDE))


def _padded(values: npt.NDArray[Any], shape: tuple[int, ...], fill: Any) -> npt.NDArray[Any]:
    """Return an array of `shape` with `values` at its beginning and `fill` elsewhere."""
    if values.shape == shape:
        return np.ascontiguousarray(values)
    padded = np.empty(shape, dtype=values.dtype)
    padded[tuple(slice(0, size) for size in values.shape)] = values
    for axis, size in enumerate(values.shape):
        # what lies past the values on this axis, within them on the axes before
        padded[(*(slice(0, n) for n in values.shape[:axis]), slice(size, None))] = fill
    return padded


_SHUFFLES: Final = {"noshuffle": blosc.NOSHUFFLE, "shuffle": blosc.SHUFFLE, "bitshuffle": blosc.BITSHUFFLE}


def _compress(values: npt.NDArray[Any], compression: tuple[str, int, str]) -> bytes:
    compressor, level, shuffle = compression
    raw = values.reshape(-1).view(np.uint8)
    packed = blosc.compress(
        raw, compressor.encode(), level, _SHUFFLES[shuffle], schema.BLOSC_BLOCK_BYTES, values.itemsize
    )
    return _sealed(packed)


@lru_cache(maxsize=256)
def _encode_constant(
    inner: tuple[int, ...],
    shape: tuple[int, ...],
    dtype: str,
    value: bytes,
    fill: bytes,
    compression: tuple[str, int, str],
) -> bytes:
    values = np.empty(shape, dtype=dtype)
    values[...] = np.frombuffer(value, dtype=dtype)[0]
    return _compress(_padded(values, inner, np.frombuffer(fill, dtype=dtype)[0]), compression)


def encode_strings(
    meta: ArrayMeta, data: npt.NDArray[np.uint8], start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]
) -> bytes:
    """Return one inner chunk of text from places in a buffer of UTF-8; padded with empty text.

    `start` and `end` are int64 of the shape of the chunk or smaller, in bytes of `data`.
    """
    if start.shape != meta.inner:
        begin, stop = np.zeros(meta.inner, dtype=np.int64), np.zeros(meta.inner, dtype=np.int64)
        place = tuple(slice(0, size) for size in start.shape)
        begin[place], stop[place] = start, end
        start, end = begin, stop
    joined = vlen.join(data, start.reshape(-1), end.reshape(-1))
    return _sealed(zstd.compress(joined, schema.ZSTD_LEVEL))


def _text(meta: ArrayMeta, array: npt.NDArray[Any]) -> bytes:
    words = [str(word).encode() for word in np.asarray(array, dtype=object).reshape(-1)]
    ends = np.cumsum([len(word) for word in words], dtype=np.int64)
    starts = ends - np.array([len(word) for word in words], dtype=np.int64)
    shape = np.shape(array)
    data = np.frombuffer(b"".join(words) or b"\0", dtype=np.uint8)
    return encode_strings(meta, data, starts.reshape(shape), ends.reshape(shape))


_SEALED: Final = crc32c(_sealed(b""))
"""The CRC32C of anything that ends with its own CRC32C."""


def _unsealed(meta: ArrayMeta, encoded: bytes) -> memoryview:
    """Return the compressed part of an inner chunk; raise ValueError when its CRC32C does not fit."""
    if len(encoded) < _CRC_BYTES or crc32c(encoded) != _SEALED:
        raise ValueError(f"a chunk of {meta.name} does not fit its CRC32C")
    return memoryview(encoded)[:-_CRC_BYTES]


def decode(meta: ArrayMeta, encoded: bytes) -> npt.NDArray[Any]:
    """Return one inner chunk, whole, padding included; raise ValueError when it is damaged.

    Text comes as Python strings in an object array.
    """
    if meta.is_string:
        data, start, end = decode_strings(meta, encoded)
        words = np.empty(start.size, dtype=object)
        words[:] = Strings(data, start, end).flat()
        return words.reshape(meta.inner)
    out = np.empty(meta.inner, dtype=meta.numpy_dtype)
    decode_into(meta, encoded, out)
    return out


def decode_into(meta: ArrayMeta, encoded: bytes, out: npt.NDArray[Any]) -> None:
    """Fill contiguous `out`, of the shape of an inner chunk, with numbers; raise ValueError when it is damaged."""
    compressed = _unsealed(meta, encoded)
    try:
        blosc.decompress(compressed, out)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"a chunk of {meta.name} cannot be decompressed: {error}") from error


def decode_strings(
    meta: ArrayMeta, encoded: bytes
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return a chunk of text as a buffer uint8[N] and the places in it, int64 of the shape of the inner chunk."""
    data = vlen_of(meta, encoded)
    start, end = vlen.split(data, math.prod(meta.inner))
    return data, start.reshape(meta.inner), end.reshape(meta.inner)


def vlen_of(meta: ArrayMeta, encoded: bytes) -> npt.NDArray[np.uint8]:
    """Return a chunk of text as vlen-utf8, uint8[N]; raise ValueError when it is damaged."""
    try:
        return np.frombuffer(_decompressor().decompress(_unsealed(meta, encoded)), dtype=np.uint8)
    except ZstdError as error:
        raise ValueError(f"a chunk of {meta.name} cannot be decompressed: {error}") from error


_own = threading.local()


def _decompressor() -> ZstdDecompressor:
    """Return what decompresses for this thread: to prepare a new one takes twice as long as a chunk of text."""
    found: ZstdDecompressor | None = getattr(_own, "decompressor", None)
    if found is None:
        found = _own.decompressor = ZstdDecompressor()
    return found


def shard_tail_bytes(meta: ArrayMeta) -> int:
    """Return how many bytes of a file come after its chunks."""
    return 16 * math.prod(meta.per_outer) + 2 * _CRC_BYTES if meta.sharded else 0


def shard_tail(meta: ArrayMeta, places: Mapping[int, tuple[int, int]], crc: int) -> bytes:
    """Return what ends a shard: its index with a CRC32C, and the CRC32C over the whole file.

    `places` has (offset, length) by the chunk's place in the index; the others are said to be absent. `crc` is that of
    the chunks.
    """
    index = np.full((math.prod(meta.per_outer), 2), ABSENT, dtype="<u8")
    for slot, place in places.items():
        index[slot] = place
    sealed = _sealed(index.tobytes())
    return sealed + struct.pack("<I", crc32c(sealed, crc))
