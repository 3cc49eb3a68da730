"""Stores in an object store: s3://BUCKET/PREFIX/NAME.vcz.

A store is many objects, and object stores cannot rename. So each generation lies under a prefix of its own,
`NAME.vcz/generations/N-HASH/`, and is never changed; `NAME.vcz/current.json` names the one that is current. That object
is replaced by one conditional write: it happens only if it still names what this writer saw, so of two writers one is
refused, and a reader has the old generation or the new one.

Where and as whom is said by the usual variables (AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, …). Tested on S3;
other addresses that obstore knows (gs://, az://) go the same way. `web` reads what a plain web server gives.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from genomics_dc.errors import OutputExistsError, ResourceError, StoreError, UsageError
from genomics_dc.store import schema
from genomics_dc.store.place import Place

if TYPE_CHECKING:
    from genomics_dc.store.access import StoreFiles
    from genomics_dc.store.seal import Seal

CURRENT_NAME: Final = "current.json"
GENERATIONS: Final = "generations"
_URL: Final = re.compile(r"(s3|s3a|gs|az|abfs|abfss|https?):/+(?=[^/])")
_UPLOADS_AT_ONCE: Final = 8
RETRY: Any = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
"""How often, and how long, a request is tried again when the service or the network fails."""


def is_url(path: str | os.PathLike[str]) -> bool:
    """Tell whether a store is named by an address rather than a path."""
    return _URL.match(os.fspath(path)) is not None


def is_web(path: str | os.PathLike[str]) -> bool:
    """Tell whether an address is of a web server, which can be read alone."""
    found = _URL.match(os.fspath(path))
    return found is not None and found[1].startswith("http")


def as_url(path: str | os.PathLike[str]) -> str:
    """Return the address; a Path made of one has lost a slash ("s3:/bucket")."""
    text = os.fspath(path)
    found = _URL.match(text)
    assert found is not None
    return f"{found[1]}://{text[found.end() :]}".rstrip("/")


@dataclass(frozen=True)
class Current:
    """What `current.json` says: generation, its folder and store hash; `version` is for the conditional write."""

    generation: int
    folder: str
    store_hash: str
    version: dict[str, str]


class ObjectPlace(Place):
    """The current generation of a store in an object store, read by range. Later generations do not disturb it."""

    def __init__(self, url: str | os.PathLike[str]) -> None:
        self.shown = as_url(url)
        self._objects = objects_at(self.shown)
        current = read_current(self._objects, self.shown)
        if current is None:
            raise StoreError(
                f"{self.shown} is not there; give the address of a store (s3://BUCKET/NAME.vcz), and see that "
                "AWS_ENDPOINT_URL, AWS_REGION and your keys are of the right service"
            )
        self.current = current
        self.folder = current.folder

    def __reduce__(self) -> tuple[type[ObjectPlace], tuple[str]]:
        return type(self), (self.shown,)

    def read(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return a range of an object."""
        import obstore

        name = self._name(key)
        if length == 0:
            return b""
        with explained(f"{self.shown}/{key}"):
            if start == 0 and length is None:
                return bytes(obstore.get(self._objects, name).bytes())
            if length is None:
                length = max(self.size(key) - start, 0)
            try:
                return bytes(obstore.get_range(self._objects, name, start=start, length=length))
            except obstore.exceptions.GenericError:
                size = self.size(key)
                if size >= start + length:
                    raise
                # past the end of a cut object, which the service calls an error
                return bytes(obstore.get_range(self._objects, name, start=start, end=size)) if size > start else b""

    def size(self, key: str) -> int:
        """Return how many bytes an object has."""
        import obstore

        with explained(f"{self.shown}/{key}"):
            return int(obstore.head(self._objects, self._name(key))["size"])

    def _name(self, key: str) -> str:
        return f"{self.folder}/{key}" if self.folder else key

    def keys(self) -> Iterator[tuple[str, int]]:
        """Yield every object of the generation."""
        yield from _listed(self._objects, self.current.folder, self.shown)

    def replaced(self) -> bool:
        """Tell whether another generation is current now."""
        now = read_current(self._objects, self.shown)
        return now is None or now.folder != self.current.folder


def objects_at(url: str) -> Any:
    """Return obstore's handle of an address; raise ResourceError where it cannot be had."""
    try:
        from obstore.store import from_url
    except ImportError as error:
        raise ResourceError(f"{url} cannot be read: the package obstore is missing; pip install obstore") from error
    plain_http = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://") or url.startswith("http://")
    with explained(url):
        options: Any = {"allow_http": plain_http, "timeout": timedelta(seconds=60)}
        return from_url(url, client_options=options, retry_config=RETRY)


@contextmanager
def explained(shown: str) -> Iterator[None]:
    """Turn what the service says into one plain sentence; FileNotFoundError is passed on."""
    import obstore

    try:
        yield
    except (obstore.exceptions.PermissionDeniedError, obstore.exceptions.UnauthenticatedError) as error:
        raise ResourceError(
            f"{shown}: the object store refuses you; check your keys (AWS_ACCESS_KEY_ID …) and rights"
        ) from error
    except (obstore.exceptions.AlreadyExistsError, obstore.exceptions.PreconditionError):
        raise
    except obstore.exceptions.NotSupportedError as error:
        raise ResourceError(
            f"{shown}: the server does not give parts of files (HTTP range requests); use one that does, such as nginx"
        ) from error
    except obstore.exceptions.BaseError as error:
        reason = str(error).splitlines()[0][:200]
        raise ResourceError(f"{shown}: the object store does not answer as it should: {reason}; try again") from error


def _listed(objects: Any, folder: str, shown: str) -> Iterator[tuple[str, int]]:
    import obstore

    with explained(shown):
        for page in obstore.list(objects, prefix=folder):
            for one in page:
                yield str(one["path"])[len(folder) + 1 :], int(one["size"])


def read_current(objects: Any, shown: str) -> Current | None:
    """Return what is current, or None where nothing is."""
    import obstore

    try:
        with explained(shown):
            answer = obstore.get(objects, CURRENT_NAME)
            data = bytes(answer.bytes())
    except FileNotFoundError:
        return None
    try:
        told = json.loads(data)
        tags = {"e_tag": answer.meta.get("e_tag"), "version": answer.meta.get("version")}
        version = {name: tag for name, tag in tags.items() if tag}
        return Current(int(told["generation"]), str(told["folder"]), str(told["store_hash"]), version)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{shown}/{CURRENT_NAME} is damaged; publish the store again with --force") from error


def _silent(_step: str, _share: float) -> None:
    """Tell nobody."""


def publish_store(
    source: Path | str | os.PathLike[str],
    url: str,
    *,
    force: bool = False,
    progress: Callable[[str, float], None] = _silent,
) -> Seal:
    """Copy a local store to an object store and make it the current generation there; return its seal.

    Every byte is held against the manifest on its way. Files that the current generation there has too are copied by
    the service and do not travel. Publishing what is current already does nothing.

    Raises
    ------
    OutputExistsError
        When another store stands there, which this one does not follow by its history, and `force` is not given.
    StoreError
        When the store is damaged, or another writer published meanwhile: nothing is changed then.
    ResourceError
        When the service refuses or does not answer.
    """
    import obstore

    from genomics_dc.store.access import StoreFiles

    if is_web(url):
        raise UsageError(f"{url} is an address to read from; publish to an object store (s3://BUCKET/NAME.vcz)")
    files = StoreFiles(source)
    seal, address = files.seal, as_url(url)
    objects = objects_at(address)
    before = read_current(objects, address)
    folder = f"{GENERATIONS}/{seal.generation}-{seal.store_hash[:12]}"
    if before is not None:
        if before.store_hash == seal.store_hash and before.generation == seal.generation:
            return seal
        if not force and before.store_hash not in {event.store_hash for event in seal.history[:-1]}:
            raise OutputExistsError(f"{address} exists already; choose another address, or give --force to replace it")
    same = {} if before is None else _unchanged(files, StoreFiles(address), before.folder)
    work = [(key, same.get(key)) for key in [*files.file_keys(), schema.CHUNK_TABLE_NAME, schema.MANIFEST_NAME]]
    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        for number, _ in enumerate(pool.map(lambda one: _upload(files, objects, folder, *one), work)):
            progress("Uploading", (number + 1) / len(work))
    _check_sizes(files, objects, folder, address)
    told = {"generation": seal.generation, "folder": folder, "store_hash": seal.store_hash}
    data = json.dumps(told, indent=1).encode() + b"\n"
    mode: Any = "create" if before is None else before.version
    try:
        with explained(address):
            obstore.put(objects, CURRENT_NAME, data, mode=mode, use_multipart=False)
    except (obstore.exceptions.AlreadyExistsError, obstore.exceptions.PreconditionError):
        now = read_current(objects, address)
        if now is None or now.folder != folder:
            _delete(objects, folder, address)
        who = "another writer" if now is None else f"generation {now.generation} of another writer"
        raise StoreError(f"{address}: {who} was published meanwhile; nothing was changed, look and try again") from None
    return seal


def _unchanged(files: StoreFiles, there: StoreFiles, folder: str) -> dict[str, str]:
    """Return, by key, the object that has the same bytes already."""
    metadata = there.seal.metadata
    same = {key: f"{folder}/{key}" for key, sha256 in files.seal.metadata.items() if metadata.get(key) == sha256}
    for name in files.names:
        if name not in there:
            continue
        mine, other = files.array(name), there.array(name)
        if mine.meta.inner != other.meta.inner or mine.meta.outer != other.meta.outer:
            continue
        known = set(other.meta.files())
        for outer in mine.meta.files():
            if outer in known and mine.records_of_file(outer) == other.records_of_file(outer):
                key = mine.meta.key(outer)
                same[key] = f"{folder}/{key}"
    return same


def _upload(files: StoreFiles, objects: Any, folder: str, key: str, same: str | None) -> None:
    import obstore

    with explained(key):
        if same is not None:
            obstore.copy(objects, same, f"{folder}/{key}")
            return
        if key in (schema.MANIFEST_NAME, schema.CHUNK_TABLE_NAME):
            data: bytes | None = files.place.read(key)
        else:
            data = files.file(key)
        assert data is not None
        obstore.put(objects, f"{folder}/{key}", data)


def _check_sizes(files: StoreFiles, objects: Any, folder: str, shown: str) -> None:
    """Raise StoreError unless all objects arrived with their sizes."""
    arrived = dict(_listed(objects, folder, shown))
    expected = dict(files.place.keys())
    wrong = sorted(key for key, size in expected.items() if arrived.get(key) != size)
    if wrong:
        raise StoreError(f"{shown}: {len(wrong)} objects did not arrive whole, {wrong[0]} first; nothing was published")


def _delete(objects: Any, folder: str, shown: str) -> None:
    import obstore

    keys = [f"{folder}/{key}" for key, _ in _listed(objects, folder, shown)]
    with explained(shown):
        for at in range(0, len(keys), 1_000):
            obstore.delete(objects, keys[at : at + 1_000])


def sweep_remote(url: str, *, keep: int = 0) -> list[int]:
    """Remove the generations before the current one but the newest `keep`; return the numbers removed.

    What a refused writer left under the current number goes too. A generation that is being uploaded is not touched.
    """
    if keep < 0:
        raise ValueError(f"keep must be 0 or more, not {keep}")
    address = as_url(url)
    objects = objects_at(address)
    current = read_current(objects, address)
    if current is None:
        raise StoreError(f"{address} is not there; give the address of a store (s3://BUCKET/NAME.vcz)")
    folders = {key.partition("/")[0] for key, _ in _listed(objects, GENERATIONS, address)}
    numbered = sorted((int(name.partition("-")[0]), name) for name in folders if name[:1].isdigit())
    old = [(number, name) for number, name in numbered if number < current.generation]
    lost = [
        (number, name)
        for number, name in numbered
        if number == current.generation and f"{GENERATIONS}/{name}" != current.folder
    ]
    gone = old[: len(old) - keep] if keep else old
    for _, name in gone + lost:
        _delete(objects, f"{GENERATIONS}/{name}", address)
    return sorted({number for number, _ in gone})
