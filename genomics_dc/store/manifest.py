"""The manifest: every file of a store with its size and SHA-256, and one hash over them all.

The file is JSON with one entry a line; its first line carries the store hash and the hash of the root metadata, so
that opening a store of many chunks reads one line. The store hash is the SHA-256 over the lines
"path NUL size NUL sha256 LF" of all entries in byte order of their paths: equal stores have equal hashes, wherever and
whenever they were built.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from genomics_dc.errors import StoreError
from genomics_dc.files import sha256_file
from genomics_dc.store import schema


@dataclass(frozen=True)
class Entry:
    """Size in bytes and SHA-256 of one file."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Seal:
    """The first line of a manifest."""

    format_version: int
    store_hash: str
    metadata_sha256: str
    n_files: int


def root_hash(entries: Mapping[str, Entry]) -> str:
    """Return the store hash over all entries; the order of the mapping does not matter."""
    digest = hashlib.sha256()
    for path in sorted(entries, key=os.fsencode):
        entry = entries[path]
        digest.update(f"{path}\0{entry.size_bytes}\0{entry.sha256}\n".encode())
    return digest.hexdigest()


def scan(root: Path, *, hash_file: Callable[[Path], str] = sha256_file) -> dict[str, Entry]:
    """Return an entry for every file under `root` but the manifest, by path relative to it with forward slashes."""
    entries = {}
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            path = Path(folder) / name
            key = path.relative_to(root).as_posix()
            if key != schema.MANIFEST_NAME:
                entries[key] = Entry(path.stat().st_size, hash_file(path))
    return entries


def write(root: Path) -> Seal:
    """Hash everything under `root`, write its manifest, and return the seal."""
    entries = scan(root)
    seal = Seal(
        format_version=schema.FORMAT_VERSION,
        store_hash=root_hash(entries),
        metadata_sha256=entries[schema.METADATA_NAME].sha256,
        n_files=len(entries),
    )
    head = json.dumps(seal.__dict__, separators=(", ", ": "))[:-1]
    lines = [
        f"{json.dumps(path)}: [{entries[path].size_bytes}, {json.dumps(entries[path].sha256)}]"
        for path in sorted(entries, key=os.fsencode)
    ]
    text = head + ', "files": {\n' + ",\n".join(lines) + "\n}}\n"
    (root / schema.MANIFEST_NAME).write_text(text, encoding="utf-8", newline="\n")
    return seal


def read_seal(root: Path, *, shown: Path | None = None) -> Seal:
    """Return the first line of the manifest; raise StoreError when it is absent or not ours.

    `shown` is the path to name in an error, where `root` is a descriptor.
    """
    with _opened(root, shown or root) as handle:
        return _parse_seal(handle.readline(), shown or root)


def read(root: Path, *, shown: Path | None = None) -> dict[str, Entry]:
    """Return all entries; raise StoreError when the manifest is damaged or its own hash does not fit."""
    name = shown or root
    with _opened(root, name) as handle:
        first = handle.readline()
        seal = _parse_seal(first, name)
        rest = handle.read()
    try:
        listed = json.loads(first + rest)["files"]
        entries = {key: Entry(int(size), str(sha256)) for key, (size, sha256) in listed.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{name / schema.MANIFEST_NAME} is damaged: {error}; {_MEND}") from error
    metadata = entries.get(schema.METADATA_NAME)
    agrees = metadata is not None and metadata.sha256 == seal.metadata_sha256
    if not agrees or root_hash(entries) != seal.store_hash or len(entries) != seal.n_files:
        raise StoreError(f"{name / schema.MANIFEST_NAME} is damaged: its entries do not give the store hash; {_MEND}")
    return entries


_MEND = "restore the store from a copy"


@contextmanager
def _opened(root: Path, name: Path) -> Iterator[TextIO]:
    try:
        with open(root / schema.MANIFEST_NAME, encoding="utf-8") as handle:
            yield handle
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"{name} has no {schema.MANIFEST_NAME}: it is not a store that genomics-dc built") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{name / schema.MANIFEST_NAME} cannot be read: {error}") from error


def _parse_seal(line: str, name: Path) -> Seal:
    head, separator, _ = line.partition(', "files": {')
    try:
        if not separator:
            raise ValueError("no file list")
        seal = Seal(**json.loads(head + "}"))
    except (ValueError, TypeError) as error:
        raise StoreError(f"{name / schema.MANIFEST_NAME} is damaged in its first line: {error}; {_MEND}") from error
    if seal.format_version != schema.FORMAT_VERSION:
        raise StoreError(
            f"{name} has store format {seal.format_version}; this software reads format {schema.FORMAT_VERSION}"
        )
    return seal
