"""What tables say about the samples of a view: sex, batch, group, case or control, parents."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses import phenotypes as samples_by
from genomics_dc.analyses.sample_table import MISSING_WORDS, SampleTable, read_samples
from genomics_dc.errors import InputError, UsageError
from genomics_dc.kernels.whole_counts import FEMALE, MALE, UNKNOWN

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

_NO_PARENT = MISSING_WORDS | {"0"}
_SEX_WORDS: Mapping[str, int] = {
    **dict.fromkeys(("1", "m", "male", "xy"), MALE),
    **dict.fromkeys(("2", "f", "female", "xx"), FEMALE),
    **dict.fromkeys((*MISSING_WORDS, "0", "u", "unknown"), UNKNOWN),
}
_FATHER_COLUMNS, _MOTHER_COLUMNS = ("father", "pat"), ("mother", "mat")
_PLINK_SUFFIXES = (".fam", ".ped")
_BATCHES_MAX = 64  # each is a column of every variant
_PLINK_COLUMNS = 5  # family, sample, father, mother, sex; a phenotype may follow


@dataclass(frozen=True, repr=False)
class SampleFacts:
    """What is known of the samples of a view, in its order.

    `sex` int8[S]; `batch` and `group` are int32[S] places in `batch_names` and `group_names`, -1 where a sample has
    none, None where no table was given; `case` int8[S] is 1 for a case, 0 for a control, -1 for neither, or None;
    `trios` int64[T, 3] are child, father, mother. `inputs` maps a role to the SHA-256 of what was read, `unknown` to
    how many rows are about samples that the store does not have, `absent` to how many samples of the view have no row.
    """

    sex: npt.NDArray[np.int8]
    sex_given: bool = False
    batch: npt.NDArray[np.int32] | None = None
    batch_names: tuple[str, ...] = ()
    group: npt.NDArray[np.int32] | None = None
    group_names: tuple[str, ...] = ()
    case: npt.NDArray[np.int8] | None = None
    trait: str | None = None
    trios: npt.NDArray[np.int64] | None = None
    incomplete_trios: int = 0
    inputs: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)
    absent: Mapping[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"SampleFacts({len(self.sex):,} samples; tables: {', '.join(self.inputs) or 'none'})"


def read_facts(
    view: StoreView,
    *,
    sex: Any = None,
    pedigree: Any = None,
    batches: Any = None,
    groups: Any = None,
    phenotypes: Any = None,
    trait: str | None = None,
    strict: bool = False,
) -> SampleFacts:
    """Return what these tables say about the samples of a view.

    Parameters
    ----------
    sex
        A table by sample with a column `sex`: 1, M, male or 2, F, female; 0, NA or an empty cell where it is not known.
        Without it, the sexes of `pedigree` are taken where it has them.
    pedigree
        A table with columns `father` and `mother` (or PLINK's PAT and MAT), 0 or empty where a parent is not known.
    batches, groups
        A table with a column `batch` and one with a column `group`: any words.
    phenotypes, trait
        A table and its column of cases and controls, coded 0 and 1, or 1 and 2 (2 is case).
    strict
        Refuse a table with a row that the store has no sample for, or without a row for a sample of the view.

    A table is a path, a pandas or polars frame, or an Arrow table (see `analyses.sample_table`); a path that ends with
    .fam or .ped is PLINK's form without a header. A column may have any name where it is the only one.

    Raises
    ------
    InputError, UsageError
        For each thing wrong with the tables, as one sentence.
    """
    if all(table is None for table in (sex, pedigree, batches, groups, phenotypes, trait)):
        return SampleFacts(np.zeros(view.n_samples, dtype=np.int8))
    ids = [str(name) for name in view.sample_ids]
    everyone = [str(name) for name in type(view).open(view.path).sample_ids]
    reader = _Reader({name: row for row, name in enumerate(ids)}, set(everyone), strict)
    facts: dict[str, Any] = {"sex": np.zeros(len(ids), dtype=np.int8)}
    if pedigree is not None:
        table = reader.table(pedigree, "pedigree")
        facts |= _trios(table, reader)
        if sex is None and (named := _named(table, ("sex",))) is not None:
            facts |= {"sex": _sexes(table, named, reader), "sex_given": True}
    if sex is not None:
        table = reader.table(sex, "sex")
        facts |= {"sex": _sexes(table, _column(table, "sex"), reader), "sex_given": True}
    for role, name, source in (("batches", "batch", batches), ("groups", "group", groups)):
        if source is not None:
            table = reader.table(source, role)
            names, places = _labels(reader.words(table, _column(table, name)))
            if role == "batches" and len(names) > _BATCHES_MAX:
                raise InputError(
                    f"{table.source} has {len(names):,} batches; at most {_BATCHES_MAX} are compared "
                    "at each variant: join small ones"
                )
            facts |= {name: places, f"{name}_names": names}
    if (phenotypes is None) != (trait is None):
        raise UsageError("cases and controls take both: a table of phenotypes, and the name of its trait")
    if phenotypes is not None and trait is not None:
        facts |= {"case": _cases(phenotypes, trait, ids, everyone, reader), "trait": trait}
    _check_parents(facts, ids)
    return SampleFacts(**facts, inputs=reader.inputs, unknown=reader.unknown, absent=reader.absent)


class _Reader:
    """Reads tables, and remembers what was read and how it met the samples."""

    def __init__(self, position: Mapping[str, int], known: set[str], strict: bool) -> None:
        self.position = position
        self._known = known
        self.strict = strict
        self.inputs: dict[str, str] = {}
        self.unknown: dict[str, int] = {}
        self.absent: dict[str, int] = {}

    def table(self, source: Any, role: str) -> SampleTable:
        """Return a table, its ids held against the store's."""
        if isinstance(source, (str, Path)) and Path(source).suffix in _PLINK_SUFFIXES:
            table = _plink_table(Path(source))
        else:
            table = read_samples(source, role=role)
        self.inputs[role] = table.sha256
        self.unknown[role], self.absent[role] = samples_by.meeting(
            table, self.position, self._known, strict=self.strict
        )
        return table

    def words(self, table: SampleTable, name: str) -> list[str | None]:
        """Return a column by sample of the view, None where a sample has no word."""
        found: list[str | None] = [None] * len(self.position)
        for sample, word in zip(table.sample_ids, _cells(table, name), strict=True):
            row = self.position.get(sample)
            if row is not None and word.lower() not in MISSING_WORDS:
                found[row] = word
        return found


def _plink_table(path: Path) -> SampleTable:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    names = ("father", "mother", "sex")
    cells: dict[str, list[str]] = {name: [] for name in names}
    ids: dict[str, int] = {}
    for number, line in enumerate(data.decode("utf-8-sig", errors="replace").splitlines(), start=1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if len(words) < _PLINK_COLUMNS:
            raise InputError(
                f"{path} line {number} has {len(words)} words; expected family, sample, father, mother, sex"
            )
        if words[1] in ids:
            raise InputError(f"{path} line {number}: sample {words[1]} stands there already; give each sample once")
        ids[words[1]] = number
        for name, word in zip(names, words[2:], strict=False):
            cells[name].append(word)
    return SampleTable(str(path), hashlib.sha256(data).hexdigest(), tuple(ids), cells)


def _cells(table: SampleTable, name: str) -> list[str]:
    column = table.cells[name]
    values: Sequence[Any] = column.to_pylist() if hasattr(column, "to_pylist") else column
    words = []
    for value in values:
        whole = isinstance(value, float) and value.is_integer()
        missing = value is None or value != value
        words.append("" if missing else str(int(value)) if whole else str(value).strip())
    return words


def _named(table: SampleTable, wanted: tuple[str, ...]) -> str | None:
    return next((name for name in table.names if name.lower() in wanted), None)


def _column(table: SampleTable, wanted: str) -> str:
    name = _named(table, (wanted,))
    if name is not None:
        return name
    if len(table.names) == 1:
        return table.names[0]
    shown = ", ".join(table.names[:5]) or "none"
    raise InputError(f"{table.source} needs a column {wanted}; its columns beside the sample ids are: {shown}")


def _place(table: SampleTable, row: int) -> str:
    number = f"row {row + 1}" if table.first_line is None else f"line {table.first_line + row}"
    return f"{table.source} {number}"


def _sexes(table: SampleTable, name: str, reader: _Reader) -> npt.NDArray[np.int8]:
    sexes = np.zeros(len(reader.position), dtype=np.int8)
    for row, (sample, word) in enumerate(zip(table.sample_ids, _cells(table, name), strict=True)):
        code = _SEX_WORDS.get(word.lower())
        if code is None:
            raise InputError(
                f"{_place(table, row)}, column {name}: expected 1, M or male, 2, F or female, or 0 or NA where the sex "
                "is not known"
            )
        if sample in reader.position:
            sexes[reader.position[sample]] = code
    return sexes


def _labels(words: Sequence[str | None]) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    names = tuple(sorted({word for word in words if word is not None}))
    number = {name: place for place, name in enumerate(names)}
    return names, np.array([-1 if word is None else number[word] for word in words], dtype=np.int32)


def _trios(table: SampleTable, reader: _Reader) -> dict[str, Any]:
    columns = [_named(table, names) for names in (_FATHER_COLUMNS, _MOTHER_COLUMNS)]
    if columns[0] is None or columns[1] is None:
        raise InputError(
            f"{table.source} needs columns father and mother; it has {', '.join(table.names[:5]) or 'none'}"
        )
    fathers, mothers = _cells(table, columns[0]), _cells(table, columns[1])
    trios: list[tuple[int, int, int]] = []
    incomplete = 0
    for row, (child, father, mother) in enumerate(zip(table.sample_ids, fathers, mothers, strict=True)):
        named = [name for name in (father, mother) if name.lower() not in _NO_PARENT]
        if child in named:
            raise InputError(f"{_place(table, row)}: sample {child} is its own parent; mend the pedigree")
        if len(named) == 2 and father == mother:
            raise InputError(
                f"{_place(table, row)}: father and mother of sample {child} are one sample; mend the pedigree"
            )
        if not named or child not in reader.position:
            continue
        if len(named) == 2 and all(name in reader.position for name in named):
            trios.append((reader.position[child], reader.position[father], reader.position[mother]))
        else:
            incomplete += 1
    trios.sort()
    return {"trios": np.array(trios, dtype=np.int64).reshape(-1, 3), "incomplete_trios": incomplete}


def _check_parents(facts: dict[str, Any], ids: Sequence[str]) -> None:
    trios, sex = facts.get("trios"), facts["sex"]
    if trios is None:
        return
    for column, wrong, word in ((1, FEMALE, "father"), (2, MALE, "mother")):
        bad = np.flatnonzero(sex[trios[:, column]] == wrong)
        if bad.size:
            child, parent = ids[trios[bad[0], 0]], ids[trios[bad[0], column]]
            other = "female" if wrong == FEMALE else "male"
            raise InputError(
                f"sample {parent} is the {word} of {child} in the pedigree, and {other} in the sexes; mend one of them"
            )


def _cases(
    phenotypes: Any, trait: str, ids: Sequence[str], everyone: Sequence[str], reader: _Reader
) -> npt.NDArray[np.int8]:
    aligned = samples_by.align(ids, everyone, phenotypes, traits=[trait], strict=reader.strict)
    reader.inputs["phenotypes"] = aligned.inputs["phenotypes"]
    reader.unknown["phenotypes"] = aligned.unknown["phenotypes"]
    reader.absent["phenotypes"] = aligned.absent["phenotypes"]
    values = aligned.traits[:, 0]
    known = ~np.isnan(values)
    if not known.any():
        raise InputError(f"{aligned.source}: trait {trait} is missing in all {len(values):,} samples of the view")
    case = np.full(len(values), -1, dtype=np.int8)
    case[known] = samples_by.case_control(values[known], trait, aligned.source)
    return case
