"""The manifest: what every byte of a store must be, and one hash over it all.

`manifest.json` is the seal: a small file that names each metadata file and each array with its hash. `manifest.bin` has
one record for each inner chunk, array after array: where in its file it stands, how long it is, its SHA-256. The
records are cut into pages; the seal has the SHA-256 of each page, so that a reader takes only the pages that it needs
and still knows that they are true. The store hash is the root of this tree: equal stores have equal hashes, wherever
and whenever they were built. The history tells how the store came to be; it is covered by the seal's own hash, not by
the store hash, since it has times.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import StoreError
from genomics_dc.store import schema
from genomics_dc.store.place import Place

RECORD: Final = np.dtype([("offset", "<u8"), ("n_bytes", "<u8"), ("sha256", "V32")])
"""One inner chunk: byte offset in its file, length in bytes, SHA-256 of these bytes."""

RECORDS_PER_PAGE: Final = 256
_PAGES_HELD: Final = 4_096  # 50 MB, the records of a million chunks
_HASH_BYTES: Final = 32
_MEND: Final = "restore the store from a copy"

Records = npt.NDArray[np.void]


@dataclass(frozen=True)
class Event:
    """One change of a store: what was done, with which software, when (UTC), and what it was then.

    `before` is the store hash of the generation before, None for the first; `note` says more, such as the number of
    samples added.
    """

    generation: int
    operation: str
    n_variants: int
    n_samples: int
    software: str
    time_utc: str
    store_hash: str
    before: str | None = None
    note: str = ""


@dataclass(frozen=True)
class ArraySeal:
    """An array's part of the seal: inner chunks, number of its first record, and the SHA-256 of each page of them."""

    n_chunks: int
    first_record: int
    pages: bytes

    @property
    def n_pages(self) -> int:
        """How many pages the array's records take."""
        return len(self.pages) // _HASH_BYTES

    def page_hash(self, page: int) -> bytes:
        """Return the SHA-256 of a page."""
        return self.pages[page * _HASH_BYTES : (page + 1) * _HASH_BYTES]

    @property
    def root(self) -> str:
        """SHA-256 over the pages' hashes."""
        return hashlib.sha256(self.pages).hexdigest()


@dataclass(frozen=True)
class Seal:
    """`manifest.json`: everything that is needed to hold a store's bytes against it.

    `metadata` has the SHA-256 of each JSON file by its key; `n_files` and `n_bytes` are of all files but the manifest.
    """

    format_version: int
    generation: int
    store_hash: str
    metadata: Mapping[str, str]
    arrays: Mapping[str, ArraySeal]
    n_files: int
    n_bytes: int
    history: tuple[Event, ...] = ()

    @property
    def n_chunks(self) -> int:
        """Inner chunks of all arrays."""
        return sum(array.n_chunks for array in self.arrays.values())


def root_hash(metadata: Mapping[str, str], arrays: Mapping[str, ArraySeal]) -> str:
    """Return the store hash, the root of the tree; the order of the mappings does not matter."""
    digest = hashlib.sha256()
    for key in sorted(metadata):
        digest.update(f"metadata\0{key}\0{metadata[key]}\n".encode())
    for name in sorted(arrays):
        digest.update(f"array\0{name}\0{arrays[name].n_chunks}\0{arrays[name].root}\n".encode())
    return digest.hexdigest()


def page_hashes(records: bytes) -> bytes:
    """Return the SHA-256 of each page of an array's records, one after the other."""
    step = RECORDS_PER_PAGE * RECORD.itemsize
    return b"".join(hashlib.sha256(records[at : at + step]).digest() for at in range(0, len(records), step))


def make_seal(
    metadata: Mapping[str, bytes],
    tables: Mapping[str, bytes],
    *,
    n_files: int,
    n_bytes: int,
    generation: int,
) -> tuple[Seal, bytes]:
    """Return the seal of a store, without history, and the bytes of `manifest.bin`.

    `metadata` has every JSON file by its key, `tables` the records of every array in C order of its inner chunks.
    """
    arrays = {}
    first = 0
    for name in sorted(tables):
        n_chunks = len(tables[name]) // RECORD.itemsize
        arrays[name] = ArraySeal(n_chunks, first, page_hashes(tables[name]))
        first += n_chunks
    hashes = {key: hashlib.sha256(metadata[key]).hexdigest() for key in sorted(metadata)}
    seal = Seal(
        format_version=schema.FORMAT_VERSION,
        generation=generation,
        store_hash=root_hash(hashes, arrays),
        metadata=hashes,
        arrays=arrays,
        n_files=n_files,
        n_bytes=n_bytes,
    )
    return seal, b"".join(tables[name] for name in sorted(tables))


def seal_text(seal: Seal) -> str:
    """Return `manifest.json`; its `seal_hash` is the SHA-256 of all the rest."""
    told: dict[str, Any] = {
        "format_version": seal.format_version,
        "generation": seal.generation,
        "store_hash": seal.store_hash,
        "n_files": seal.n_files,
        "n_bytes": seal.n_bytes,
        "history": [asdict(event) for event in seal.history],
        "metadata": dict(seal.metadata),
        "arrays": {
            name: {"n_chunks": array.n_chunks, "first_record": array.first_record, "pages": array.pages.hex()}
            for name, array in seal.arrays.items()
        },
    }
    told["seal_hash"] = _hash_of(told)
    return json.dumps(told, indent=1) + "\n"


def _hash_of(told: Mapping[str, Any]) -> str:
    text = json.dumps({key: value for key, value in told.items() if key != "seal_hash"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def read_seal(place: Place) -> Seal:
    """Return the seal of a store; raise StoreError when it is absent, damaged or of another format."""
    name = f"{place.shown}/{schema.MANIFEST_NAME}"
    try:
        data = place.read(schema.MANIFEST_NAME)
    except FileNotFoundError:
        raise StoreError(
            f"{place.shown} has no {schema.MANIFEST_NAME}: it is not a store that genomics-dc built"
        ) from None
    except PermissionError as error:
        raise StoreError(f"{name} cannot be read: {error.strerror}; ask its owner") from error
    try:
        told = json.loads(data.decode("utf-8"))
        version = told["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        if data[:18] == b'{"format_version":' and b'"files": {' in data[:4096]:
            raise _other_format(place, 1) from error
        raise StoreError(f"{name} is damaged: {_MEND}") from error
    if version != schema.FORMAT_VERSION:
        raise _other_format(place, version)
    try:
        if told.pop("seal_hash") != _hash_of(told):
            raise StoreError(f"{name} is damaged: it does not fit its own hash; {_MEND}")
        seal = Seal(
            arrays={
                key: ArraySeal(one["n_chunks"], one["first_record"], bytes.fromhex(one["pages"]))
                for key, one in told.pop("arrays").items()
            },
            history=tuple(Event(**event) for event in told.pop("history")),
            **told,
        )
        if root_hash(seal.metadata, seal.arrays) != seal.store_hash:
            raise StoreError(f"{name} is damaged: its entries do not give the store hash; {_MEND}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{name} is damaged: {_MEND}") from error
    return seal


def _other_format(place: Place, version: object) -> StoreError:
    return StoreError(
        f"{place.shown} has store format {version}; this software reads format {schema.FORMAT_VERSION}: "
        "build the store again from its VCF"
    )


class ChunkTable:
    """The records of `manifest.bin`, read by page when first asked for, each page held against the seal."""

    RECORD_BYTES: Final = RECORD.itemsize

    def __init__(self, place: Place, seal: Seal) -> None:
        self._place = place
        self._seal = seal
        self._pages: dict[tuple[str, int], Records] = {}

    def record(self, array: str, number: int) -> tuple[int, int, bytes]:
        """Return offset, length and SHA-256 of inner chunk `number` of an array, counted in C order."""
        page, row = divmod(number, RECORDS_PER_PAGE)
        records = self._page(array, page)
        offset, n_bytes, sha256 = records[row].item()
        return offset, n_bytes, sha256

    def records(self, array: str) -> Records:
        """Return all records of an array, RECORD[n_chunks]; raise StoreError when a page of them is damaged."""
        return self.records_of(array, 0, self._seal.arrays[array].n_chunks)

    def records_of(self, array: str, first: int, stop: int) -> Records:
        """Return the records of inner chunks `first` to `stop`; raise StoreError when a page of them is damaged."""
        begin = first // RECORDS_PER_PAGE
        pages = [self._page(array, page) for page in range(begin, -(-stop // RECORDS_PER_PAGE))]
        held = np.concatenate(pages) if pages else np.empty(0, dtype=RECORD)
        return held[first - begin * RECORDS_PER_PAGE : stop - begin * RECORDS_PER_PAGE]

    def _page(self, array: str, page: int) -> Records:
        held = self._pages.get((array, page))
        if held is not None:
            return held
        sealed = self._seal.arrays[array]
        name = f"{self._place.shown}/{schema.CHUNK_TABLE_NAME}"
        first = page * RECORDS_PER_PAGE
        n = min(RECORDS_PER_PAGE, sealed.n_chunks - first)
        try:
            start = (sealed.first_record + first) * RECORD.itemsize
            data = self._place.read(schema.CHUNK_TABLE_NAME, start, n * RECORD.itemsize)
        except FileNotFoundError:
            raise StoreError(f"{name} is missing; {_MEND}") from None
        if hashlib.sha256(data).digest() != sealed.page_hash(page):
            raise StoreError(f"{name} is damaged where it lists chunks of array {array}; {_MEND}")
        records = np.frombuffer(data, dtype=RECORD)
        while len(self._pages) >= _PAGES_HELD:
            self._pages.pop(next(iter(self._pages)), None)
        self._pages[array, page] = records
        return records
