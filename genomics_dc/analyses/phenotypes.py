"""Traits and covariates: tables by sample, from a file or a data frame, checked before any variant is read.

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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError, UsageError
from genomics_dc.kernels.linear import DependentColumnError

if TYPE_CHECKING:
    import pyarrow as pa

_Floats = npt.NDArray[np.float64]
_PLINK_MISSING = -9.0

ID_COLUMNS = ("IID", "#IID", "sample_id", "#sample_id")
_FAMILY_COLUMNS = ("FID", "#FID")
MISSING_WORDS = frozenset({"", ".", "na", "nan", "n/a", "null", "none"})
_SHOWN_MAX = 5


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
            raise InputError(f"{self.source} has no column {name}; it has {_listed(self.names)}")
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


def read_samples(source: Any, *, role: str) -> SampleTable:
    """Return a table by sample from a path, a pandas or polars frame, an Arrow table, or a SampleTable itself.

    Parameters
    ----------
    source
        In a frame, the sample ids are the column (or the pandas index) called IID, #IID or sample_id.
    role
        "phenotypes" or "covariates", for messages.

    Raises
    ------
    InputError
        When the file is absent, empty or ragged, the id column is missing, or a sample or column stands there twice.
    """
    if isinstance(source, SampleTable):
        return source
    if isinstance(source, (str, Path)):
        return _read_file(Path(source))
    return _read_arrow(_as_arrow(source, role), f"the {role} table")


def _read_file(path: Path) -> SampleTable:
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
    found = _read_plain_table(path, data, digest)
    return found if found is not None else _read_lines(path, data, digest)


def _read_plain_table(path: Path, data: bytes, digest: str) -> SampleTable | None:
    """Return the table of a tab-separated file without faults, read by Arrow; None for one that needs a closer look."""
    import pyarrow as pa
    from pyarrow import csv

    body = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n"
    first_line, _, rest = body.partition(b"\n")
    if b"\t" not in first_line or b"\r" in body or not rest:
        return None
    try:
        header = _split_tabs(first_line.decode())
    except UnicodeDecodeError:
        return None
    numbers = [str(number) for number in range(len(header))]
    try:
        table = csv.read_csv(
            pa.py_buffer(rest),
            read_options=csv.ReadOptions(column_names=numbers, use_threads=False, block_size=max(len(rest), 1)),
            parse_options=csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(column_types=dict.fromkeys(numbers, pa.string())),
        )
    except pa.ArrowInvalid:
        return None
    first = _id_column(header, str(path))
    sample_ids = tuple(name.strip() for name in table.column(first).to_pylist())
    names = header[first + 1 :]
    _check_names(names, str(path))
    _check_ids(sample_ids, str(path), first_line=2)
    columns = (table.column(number) for number in range(first + 1, len(header)))
    return SampleTable(str(path), digest, sample_ids, dict(zip(names, columns, strict=True)), first_line=2)


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


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    shown = ", ".join(every[:_SHOWN_MAX])
    return f"{shown}, … ({len(every):,} in all)" if len(every) > _SHOWN_MAX else shown or "none"


@dataclass(frozen=True, repr=False)
class AlignedTraits:
    """Traits and covariates in the order of a view's samples; NaN where a sample has no value.

    `traits` float64[S, T], `covariates` float64[S, K]; `inputs` maps a role to the SHA-256 of what was read, `unknown`
    to how many rows are about samples that the store does not have, `absent` to how many of the view's samples have no
    row.
    """

    trait_names: tuple[str, ...]
    covariate_names: tuple[str, ...]
    traits: _Floats
    covariates: _Floats
    source: str
    covariate_source: str
    inputs: Mapping[str, str]
    unknown: Mapping[str, int] = field(default_factory=dict)
    absent: Mapping[str, int] = field(default_factory=dict)


def align(
    sample_ids: Sequence[str],
    store_sample_ids: Sequence[str],
    phenotypes: Any,
    *,
    traits: Sequence[str] | None,
    covariates: Any = None,
    covariate_names: Sequence[str] | None = None,
    strict: bool = False,
) -> AlignedTraits:
    """Return the chosen traits and covariates of a view's samples.

    Parameters
    ----------
    sample_ids, store_sample_ids
        The samples of the view, and of its whole store: rows about samples that the store does not know are counted
        and left aside, and so are those about samples that the view leaves out.
    phenotypes, covariates
        See `read_samples`.
    traits
        Columns of `phenotypes`; None takes all.
    covariate_names
        Columns of `covariates`, or of `phenotypes` where no covariates are given; None takes all of `covariates`.
    strict
        Refuse a table with a row that the store has no sample for, or without a row for a sample of the view.

    Raises
    ------
    InputError, UsageError
        For each thing wrong with the tables, as one sentence.
    """
    table = read_samples(phenotypes, role="phenotypes")
    inputs = {"phenotypes": table.sha256}
    covariate_table = table
    if covariates is not None:
        covariate_table = read_samples(covariates, role="covariates")
        inputs["covariates"] = covariate_table.sha256
        chosen = tuple(covariate_table.names if covariate_names is None else covariate_names)
    else:
        chosen = tuple(covariate_names or ())
    wanted = tuple(table.names if traits is None else traits)
    if not wanted:
        raise UsageError(f"name at least one trait of {table.source}; it has {_listed(table.names)}")
    for kind, names in (("trait", wanted), ("covariate", chosen)):
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"{kind} {name} is asked for twice; name it once")
    if covariate_table is table:
        for name in wanted:
            if name in chosen:
                raise UsageError(f"{name} is asked for as trait and as covariate; it can be one of them")
    position = {name: row for row, name in enumerate(sample_ids)}
    known = set(store_sample_ids)
    unknown: dict[str, int] = {}
    absent: dict[str, int] = {}
    for role, one in {"phenotypes": table, "covariates": covariate_table}.items():
        if one is table and role == "covariates":
            continue
        unknown[role], absent[role] = meeting(one, position, known, strict=strict)
    return AlignedTraits(
        trait_names=wanted,
        covariate_names=chosen,
        traits=_columns(table, wanted, position),
        covariates=_columns(covariate_table, chosen, position),
        source=table.source,
        covariate_source=covariate_table.source,
        inputs=inputs,
        unknown=unknown,
        absent=absent,
    )


def meeting(table: SampleTable, position: Mapping[str, int], known: set[str], *, strict: bool) -> tuple[int, int]:
    """Return how many rows the store has no sample for, and how many of the view's samples have no row."""
    unknown = [name for name in table.sample_ids if name not in known]
    if unknown and (strict or len(unknown) == len(table.sample_ids)):
        raise InputError(
            f"{table.source} names {len(unknown)} of {len(table.sample_ids)} samples that the store does not have: "
            f"{_listed(unknown)}; remove these rows or mend the ids"
        )
    given = set(table.sample_ids)
    absent = [name for name in position if name not in given]
    if absent and strict:
        raise InputError(
            f"{table.source} has no row for {len(absent)} of the {len(position)} samples asked for: {_listed(absent)}; "
            "add their rows, or leave the samples out of the view"
        )
    return len(unknown), len(absent)


def _columns(table: SampleTable, names: Sequence[str], position: Mapping[str, int]) -> _Floats:
    rows = np.array([position.get(name, -1) for name in table.sample_ids], dtype=np.int64)
    values = np.full((len(position), len(names)), np.nan)
    for j, name in enumerate(names):
        values[rows[rows >= 0], j] = table.numbers(name)[rows >= 0]
    return values


def complete_samples(aligned: AlignedTraits, trait: int) -> npt.NDArray[np.int64]:
    """Return the rows that have the trait and every covariate; InputError when there are none or too few.

    Too few: no more samples than intercept, covariates and a variant take.
    """
    name = aligned.trait_names[trait]
    has_trait = ~np.isnan(aligned.traits[:, trait])
    if not has_trait.any():
        raise InputError(f"{aligned.source}: trait {name} is missing in all {len(has_trait):,} samples of the view")
    has_covariates = ~np.isnan(aligned.covariates).any(axis=1)
    rows = np.flatnonzero(has_trait & has_covariates)
    if not rows.size:
        empty = [
            covariate for j, covariate in enumerate(aligned.covariate_names) if np.isnan(aligned.covariates[:, j]).all()
        ]
        because = f"covariate {empty[0]} is missing in all samples" if empty else "they are missing in turn"
        raise InputError(f"no sample has trait {name} and all covariates: {because}; leave a covariate out")
    return checked_rows(aligned, trait, rows)


def checked_rows(aligned: AlignedTraits, trait: int, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return rows that are enough to fit a trait; InputError where they are too few or the trait is constant there."""
    name = aligned.trait_names[trait]
    n_covariates = len(aligned.covariate_names)
    if rows.size <= n_covariates + 2:
        raise InputError(
            f"trait {name} has {rows.size} samples with all values, but {n_covariates} covariates, an intercept and a "
            f"variant need at least {n_covariates + 3}; leave covariates out"
        )
    values = aligned.traits[rows, trait]
    if np.ptp(values) == 0:
        raise InputError(
            f"{aligned.source}: trait {name} has the same value in all {rows.size:,} samples with all values; "
            "a constant trait cannot be tested"
        )
    return rows


def case_control(values: _Floats, name: str, source: str) -> _Floats:
    """Return a trait coded 0 and 1 from one coded 0 and 1, or 1 and 2 as PLINK has it (2 is case).

    `values` float64[S] without NaN. Raises InputError for any other coding.
    """
    codes = np.unique(values)
    if np.array_equal(codes, [0.0, 1.0]):
        return values
    if np.array_equal(codes, [1.0, 2.0]):
        return values - 1.0
    shown = ", ".join(f"{code:g}" for code in codes[:_SHOWN_MAX]) + (", …" if codes.size > _SHOWN_MAX else "")
    raise InputError(
        f"{source}: trait {name} has {codes.size:,} values ({shown}), but a logistic model needs two: 0 (control) and "
        "1 (case), or 1 and 2; write missing values as NA, or use the linear model"
    )


def explain_dependent(
    error: DependentColumnError,
    values: _Floats,
    names: Sequence[str],
    covariates: _Floats,
    covariate_names: Sequence[str],
) -> InputError:
    """Return the error that names the dependent covariate or trait and the covariates that make it up.

    `values` float64[S, columns] and `names` are of the columns that `error` counts: traits, or the covariates again.
    """
    column = error.column
    name, target = names[column], values[:, column]
    n_samples = len(target)
    if np.ptp(target) <= 1e-12 * np.abs(target).max():
        return InputError(
            f"{error.kind} {name} has the same value in all {n_samples:,} samples with all values; leave it out"
        )
    before = column if error.kind == "covariate" else covariates.shape[1]
    others = covariates[:, :before]
    centred = others - others.mean(axis=0)
    scaled = centred / np.sqrt((centred**2).sum(axis=0))
    wanted = target - target.mean()
    shares = np.linalg.lstsq(scaled, wanted / np.sqrt((wanted**2).sum()), rcond=None)[0]
    makers = [covariate_names[j] for j in np.flatnonzero(np.abs(shares) > 1e-4).tolist()]
    kind = "covariate" if len(makers) == 1 else "covariates"
    return InputError(
        f"{error.kind} {name} is collinear with {kind} {', '.join(makers)} over the {n_samples:,} samples with all "
        "values; leave one of them out"
    )
