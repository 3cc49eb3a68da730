"""A store that a web server gives: https://HOST/PATH/NAME.vcz, read by HTTP range.

The server has the folder of a store, or what `publish_store` made in an object store, and need do no more than give
parts of files (nginx, Apache and object stores do). It lists nothing, so files that the manifest lacks are not seen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from genomics_dc.errors import StoreError
from genomics_dc.store import schema
from genomics_dc.store.remote import ObjectPlace, as_url, explained, objects_at, read_current


class WebPlace(ObjectPlace):
    """A store under an address of the web, read-only."""

    def __init__(self, url: str | os.PathLike[str]) -> None:
        self.shown = as_url(url)
        self._objects = objects_at(self.shown)
        self.folder = ""
        self._manifest = self._whole(schema.MANIFEST_NAME)
        if self._manifest is not None:
            return
        current = read_current(self._objects, self.shown)
        if current is None:
            raise StoreError(
                f"{self.shown} is not there, or is no store; give the address under which {schema.MANIFEST_NAME} stands"
            )
        self.current = current
        self.folder = current.folder

    def _whole(self, key: str) -> bytes | None:
        import obstore

        try:
            with explained(f"{self.shown}/{key}"):
                return bytes(obstore.get(self._objects, key).bytes())
        except FileNotFoundError:
            return None

    def keys(self) -> Iterator[tuple[str, int]]:
        """Yield nothing: a web server does not say what it has."""
        yield from ()

    def replaced(self) -> bool:
        """Tell whether the address gives another store now."""
        if self._manifest is None:
            return super().replaced()
        return self._whole(schema.MANIFEST_NAME) != self._manifest
