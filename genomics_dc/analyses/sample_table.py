"""Tables by sample, from a file or a data frame: their ids and columns checked, numbers made when they are asked for.

A file is tab- or space-separated text (.gz too) with a header line. Its first column holds the sample ids and is
called `IID`, `#IID` or `sample_id`; PLINK's `FID IID` is understood and the family id left aside. Missing is an empty
cell, NA, NaN or a dot. A lone -9, which PLINK means as missing, is refused where no other value is negative: taken as a
number it would bend every estimate, taken as missing it might lose a real one.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

_Floats = npt.NDArray[np.float64]
_PLINK_MISSING = -9.0

ID_COLUMNS = ("IID", "#IID", "sample_id", "#sample_id")
_FAMILY_COLUMNS = ("FID", "#FID")
MISSING_WORDS = frozenset({"", ".", "na", "nan", "n/a", "null", "none"})
SHOWN_MAX = 5
"""Names that a message lists."""


@dataclass(frozen=True, repr=False)
class SampleTable:
    """Named columns by sample. `source` says where it came from, for messages; `sha256` is of the bytes read.

    `cells` holds text or numbers as they came: a column is turned into numbers when it is asked for, so that a column
    of text that nobody uses does no harm. `first_line` is the line of the first sample in a file, None for a
    data frame.
    """

    source: str
    sha256: str
    sample_ids: tuple[str, ...]
    cells: Mapping[str, Sequence[Any]]
    first_line: int | None = None

    def __repr__(self) -> str:
        return f"SampleTable({self.source}: {len(self.sample_ids):,} samples, {len(self.cells)} columns)"

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, without the sample ids."""
        return tuple(self.cells)

    def numbers(self, name: str) -> _Floats:
        """Return a column as float64[S], NaN where missing.

        Raises
        ------
        InputError
            When there is no such column, or a cell is text or infinite: the message has file, line and column.
        """
        if name not in self.cells:
            raise InputError(f"{self.source} has no column {name}; it has {listed(self.names)}")
        column = self.cells[name]
        values = _parsed(column)
        if values is None:  # a cell that is no plain number: find it, and say where it stands
            cells = column.to_pylist() if hasattr(column, "to_pylist") else column
            values = np.array([self._number(cell, name, row) for row, cell in enumerate(cells)], dtype=np.float64)
        below_zero = np.flatnonzero(values < 0)
        if below_zero.size and np.all(values[below_zero] == _PLINK_MISSING):
            raise InputError(
                f"{self._where(name, int(below_zero[0]))}: -9 is the only negative value of the column, in "
                f"{below_zero.size} samples, and PLINK writes missing so; write NA where the value is missing"
            )
        return values

    def _number(self, cell: Any, name: str, row: int) -> float:
        if cell is None:
            return math.nan
        if isinstance(cell, str):
            word = cell.strip()
            if word.lower() in MISSING_WORDS:
                return math.nan
            try:
                value = float(word)
            except ValueError:
                # The text itself is not shown: a cell that should not be there may hold anything about a person.
                comma = word.count(",") == 1 and word.replace(",", "").lstrip("+-").isdigit()
                came = "a comma; write a decimal point" if comma else "text; write missing values as NA"
                raise InputError(f"{self._where(name, row)}: expected a number, found {came}") from None
        else:
            try:
                value = float(cell)
            except (TypeError, ValueError):
                raise InputError(
                    f"{self._where(name, row)}: expected a number, found {type(cell).__name__}; give numbers or missing"
                ) from None
        if math.isinf(value):
            raise InputError(f"{self._where(name, row)}: expected a number, found infinity; write missing values as NA")
        return value

    def _where(self, name: str, row: int) -> str:
        place = f"row {row + 1}" if self.first_line is None else f"line {self.first_line + row}"
        return f"{self.source} {place}, column {name}"


def _parsed(column: Any) -> _Floats | None:
    """Return a column of Arrow text as float64[S], NaN where missing; None where a cell is no finite number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from genomics_dc.analyses.arrow_columns import floats_of

    if not isinstance(column, pa.ChunkedArray) or not pa.types.is_string(column.type):
        return None
    try:  # most columns are numbers throughout
        plain = floats_of(pc.cast(column, pa.float64()))
        if np.isfinite(plain).all():
            return plain
    except pa.ArrowInvalid:
        pass  # it has other words, of which some may say "missing"
    words = pc.utf8_trim_whitespace(column)
    absent = pc.is_in(pc.utf8_lower(words), value_set=pa.array(sorted(MISSING_WORDS)))
    try:
        numbers = pc.cast(pc.if_else(absent, pa.scalar(None, pa.string()), words), pa.float64())
    except pa.ArrowInvalid:
        return None
    values = floats_of(numbers)
    return None if np.isinf(values).any() else values


def read_samples(source: Any, *, role: str, wanted: Sequence[str] | None = None) -> SampleTable:
    """Return a table by sample from a path, a pandas or polars frame, an Arrow table, or a SampleTable itself.

    Parameters
    ----------
    source
        In a frame, the sample ids are the column (or the pandas index) called IID, #IID or sample_id.
    role
        "phenotypes" or "covariates", for messages.
    wanted
        Columns that will be asked for, which are then read in one go; the others wait until they are. None is all.

    Raises
    ------
    InputError
        When the file is absent, empty or ragged, the id column is missing, or a sample or column stands there twice.
    """
    if isinstance(source, SampleTable):
        return source
    if isinstance(source, (str, Path)):
        return _read_file(Path(source), wanted)
    return _read_arrow(_as_arrow(source, role), f"the {role} table")


def _read_file(path: Path, wanted: Sequence[str] | None) -> SampleTable:
    try:
        raw = path.read_bytes()
        data = gzip.decompress(raw) if path.suffix == ".gz" else raw
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError(f"{path} is not whole gzip data; copy it again") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, not a table") from None
    digest = hashlib.sha256(raw).hexdigest()
    found = _read_plain_table(path, data, digest, wanted)
    return found if found is not None else _read_lines(path, data, digest)


class _CellsOfFile(Mapping[str, Any]):
    """Columns of tab-separated text, of which only those are taken that somebody asks for."""

    def __init__(self, names: Sequence[str], parse: Callable[[Sequence[str]], dict[str, Any]]) -> None:
        self._parse = parse
        self._held: dict[str, Any] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> Any:
        if self._held[name] is None:
            self.take([name])
        return self._held[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def put(self, columns: Mapping[str, Any]) -> None:
        """Hold columns that were taken already."""
        self._held |= columns

    def take(self, names: Iterable[str]) -> None:
        """Take several columns in one go, of those that there are."""
        missing = [name for name in names if name in self._held and self._held[name] is None]
        if missing:
            self._held |= self._parse(missing)


def _read_plain_table(path: Path, data: bytes, digest: str, wanted: Sequence[str] | None) -> SampleTable | None:
    """Return the table of a tab-separated file without faults, read by Arrow; None for one that needs a closer look."""
    import pyarrow as pa
    from pyarrow import csv

    body = data.replace(b"\r\n", b"\n") if b"\r" in data else data
    start = 3 if body.startswith(b"\xef\xbb\xbf") else 0
    end = len(body)
    while end > start and body[end - 1 : end] == b"\n":
        end -= 1
    line_end = body.find(b"\n", start, end)
    if line_end < 0 or b"\t" not in body[start:line_end] or b"\r" in body:
        return None
    try:
        header = _split_tabs(body[start:line_end].decode())
    except UnicodeDecodeError:
        return None
    first = _id_column(header, str(path))
    names = header[first + 1 :]
    _check_names(names, str(path))
    numbers = [str(number) for number in range(len(header))]
    rest = pa.py_buffer(body).slice(line_end + 1, end - line_end - 1)

    def parsed(columns: Sequence[int]) -> list[Any]:
        chosen = [numbers[number] for number in columns]
        table = csv.read_csv(
            rest,
            read_options=csv.ReadOptions(column_names=numbers, use_threads=False, block_size=rest.size + 1),
            parse_options=csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(column_types=dict.fromkeys(chosen, pa.string()), include_columns=chosen),
        )
        return [table.column(name) for name in chosen]

    def cells(some: Sequence[str]) -> dict[str, Any]:
        return dict(zip(some, parsed([first + 1 + names.index(name) for name in some]), strict=True))

    known = [name for name in names if wanted is None or name in wanted]
    try:
        ids, *columns = parsed([first, *(first + 1 + names.index(name) for name in known)])
    except pa.ArrowInvalid:
        return None
    sample_ids = tuple(name.strip() for name in ids.to_pylist())
    _check_ids(sample_ids, str(path), first_line=2)
    held = _CellsOfFile(names, cells)
    held.put(dict(zip(known, columns, strict=True)))
    return SampleTable(str(path), digest, sample_ids, held, first_line=2)


def _read_lines(path: Path, data: bytes, digest: str) -> SampleTable:
    """Return the table of a file, line by line: separated by spaces, or with a fault that is to be named."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text (byte {error.start:,}); save it as UTF-8") from None
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise InputError(f"{path} is empty; expected a header line and one line a sample")
    split = _split_tabs if "\t" in lines[0] else str.split
    header = split(lines[0])
    rows = [split(line) for line in lines[1:]]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(f"{path} line {number} has {len(row)} cells, the header line has {len(header)}")
    first = _id_column(header, str(path))
    sample_ids = tuple(row[first].strip() for row in rows)
    names = header[first + 1 :]
    _check_names(names, str(path))
    _check_ids(sample_ids, str(path), first_line=2)
    columns = list(zip(*(row[first + 1 :] for row in rows), strict=True)) if rows else [()] * len(names)
    return SampleTable(str(path), digest, sample_ids, dict(zip(names, columns, strict=True)), first_line=2)


def _split_tabs(line: str) -> list[str]:
    return [cell.strip() for cell in line.rstrip("\r").split("\t")]


def _id_column(header: Sequence[str], source: str) -> int:
    if header and header[0] in _FAMILY_COLUMNS and len(header) > 1 and header[1] in ID_COLUMNS:
        return 1
    if header and header[0] in ID_COLUMNS:
        return 0
    raise InputError(
        f"{source} line 1: the first column must be the sample id, called IID, #IID or sample_id (or FID and IID), "
        f"but is called {header[0] if header else 'nothing'}"
    )


def _as_arrow(source: Any, role: str) -> pa.Table:
    import pyarrow as pa

    if isinstance(source, pa.Table):
        return source
    module = type(source).__module__.partition(".")[0]
    if module == "polars":
        return source.to_arrow()
    if module == "pandas":
        named = [name for name in source.columns if name in ID_COLUMNS]
        frame = source if named else source.rename_axis(index=source.index.name or "sample_id").reset_index()
        return pa.Table.from_pandas(frame, preserve_index=False)
    raise UsageError(f"{role} must be a path, a pandas or polars frame or an Arrow table, not {type(source).__name__}")


def _read_arrow(table: pa.Table, source: str) -> SampleTable:
    ids = [name for name in table.column_names if name in ID_COLUMNS]
    if len(ids) != 1:
        raise InputError(
            f"{source} must have one column of sample ids, called IID, #IID or sample_id; it has {len(ids)}"
        )
    sample_ids = tuple("" if name is None else str(name) for name in table.column(ids[0]).to_pylist())
    names = [name for name in table.column_names if name != ids[0] and name not in _FAMILY_COLUMNS]
    _check_names(names, source)
    _check_ids(sample_ids, source, first_line=None)
    cells = {name: table.column(name).to_pylist() for name in names}
    digest = hashlib.sha256()
    for name, column in (("sample_id", sample_ids), *cells.items()):
        digest.update(repr((name, list(column))).encode())
    return SampleTable(source, digest.hexdigest(), sample_ids, cells)


def _check_names(names: Sequence[str], source: str) -> None:
    seen: set[str] = set()
    for name in names:
        if not name:
            raise InputError(f"{source} line 1: a column has no name; name every column")
        if name in seen:
            raise InputError(f"{source} line 1: column {name} stands there twice; rename or remove one")
        seen.add(name)


def _check_ids(sample_ids: Sequence[str], source: str, *, first_line: int | None) -> None:
    place = "row" if first_line is None else "line"
    start = 1 if first_line is None else first_line
    seen: dict[str, int] = {}
    for number, name in enumerate(sample_ids, start=start):
        if not name:
            raise InputError(f"{source} {place} {number}: the sample id is empty")
        if name in seen:
            raise InputError(
                f"{source} {place} {number}: sample {name} stands there already ({place} {seen[name]}); "
                "give each sample once"
            )
        seen[name] = number


def listed(names: Iterable[str]) -> str:
    """Return the first names, and how many there are in all."""
    every = list(names)
    shown = ", ".join(every[:SHOWN_MAX])
    return f"{shown}, … ({len(every):,} in all)" if len(every) > SHOWN_MAX else shown or "none"
