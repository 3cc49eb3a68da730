"""BCF as text, through htslib."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from genomics_dc.errors import InputError
from genomics_dc.store.vcf.bgzf import DamagedError
from genomics_dc.store.vcf.header import VcfHeader, parse_header


def read_header(path: Path) -> VcfHeader:
    """Return the header of a BCF; raise InputError when htslib cannot open it or its columns are wrong."""
    with _quiet(), _opened(path) as opened:
        return parse_header(str(opened.header).encode(), str(path))


class RecordText:
    """The records of a BCF as lines of text, read into buffers (a `bgzf.Reader`); a context."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._left = b""
        self.n_bytes_read = 0

    def __enter__(self) -> RecordText:
        with _quiet():
            self._file = _opened(self._path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __call__(self, out: memoryview) -> int:
        """Fill a part of `out`; 0 at the end. Raises DamagedError."""
        if not self._left:
            try:
                record = next(self._file, None)
            except (OSError, ValueError) as error:
                raise DamagedError(str(error)) from error
            if record is None:
                self.n_bytes_read = self._path.stat().st_size
                return 0
            self._left = str(record).encode()
            self.n_bytes_read = self._file.tell() >> 16  # where the block begins, in the file
        n = min(len(self._left), len(out))
        out[:n] = self._left[:n]
        self._left = self._left[n:]
        return n


def _opened(path: Path) -> Any:
    import pysam

    try:
        return pysam.VariantFile(str(path), "rb")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be opened as BCF: {error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep htslib's own warnings off stderr: what matters is said in our sentences."""
    import pysam

    before: Any = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)
