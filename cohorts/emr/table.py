"""Hospital tables (TSV or CSV) with a map that says which column is what.

Without a map, these column names are understood: `person` (a person id), `mrn` (a record number, with its institution
in `mrn_system`), `name`, `birth_date`, `sex`, `sample`, `store`, `specimen`, `collected`, `received`, `father`,
`mother` (record numbers). Any other column needs a map, so that nothing is dropped by a slip of the pen.
"""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from genomics_dc.cohorts import ids
from genomics_dc.cohorts.documents import read_document
from genomics_dc.cohorts.emr.dates import Moment, parse_birth_date, parse_moment
from genomics_dc.cohorts.records import (
    Batch,
    ConsentRecord,
    Number,
    ParentRecord,
    PersonRecord,
    PhenotypeRecord,
    SampleRecord,
    Who,
    refuse,
)
from genomics_dc.errors import InputError

LOCAL_SYSTEM = "local"
MISSING = ("", "NA", "N/A", ".", "NULL")
SEX_WORDS = {
    "f": "female", "female": "female", "woman": "female", "2": "female", "女": "female",
    "m": "male", "male": "male", "man": "male", "1": "male", "男": "male",
    "other": "other", "o": "other", "unknown": "unknown", "u": "unknown", "0": "unknown", "未知": "unknown",
}  # fmt: skip

SEXES = ["female", "male", "other", "unknown"]
_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"type": "array", "items": _TEXT, "minItems": 1}
_NUMBER = {
    "type": "object",
    "required": ["column", "system"],
    "additionalProperties": False,
    "properties": {"column": _TEXT, "system": _TEXT, "type": _TEXT},
}


def _section(required: list[str], optional: list[str], **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required,
        "additionalProperties": False,
        "properties": {**dict.fromkeys([*required, *optional], _TEXT), **more},
    }


MAP_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "encoding": _TEXT,
        "delimiter": _TEXT,
        "timezone": _TEXT,
        "missing": {"type": "array", "items": {"type": "string"}},
        "only": _section(["column"], [], equals=_TEXTS),
        "create": {"type": "boolean"},
        "person": _TEXT,
        "sample": _TEXT,
        "identifiers": {"type": "array", "items": _NUMBER, "minItems": 1},
        "name": _TEXTS,
        "birth_date": _section(["column"], [], formats=_TEXTS),
        "sex": _section(["column"], [], values={"type": "object", "additionalProperties": {"enum": SEXES}}),
        "link": _section(["sample"], ["store", "store_name", "store_column", "specimen", "collected", "received"]),
        "father": _NUMBER,
        "mother": _NUMBER,
        "phenotypes": {
            "type": "array",
            "minItems": 1,
            "items": _section(
                ["column", "trait"],
                ["system", "unit", "time"],
                type={"enum": ["number", "category"]},
                levels={"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
            ),
        },
        "measurements": _section(
            ["code", "system", "value"], ["unit", "time", "row"], text={"enum": ["refuse", "skip"]}
        ),
        "conditions": _section(["code", "system"], ["start", "end", "row"]),
    },
}  # fmt: skip


def read_map(path: Path | str) -> dict[str, Any]:
    """Read a map file; raise InputError with every problem at once."""
    return read_document(path, MAP_SCHEMA, "map")


def read_table(path: Path | str, mapping: Mapping[str, Any] | None = None) -> Batch:
    """Read a table of people, samples, or values.

    Parameters
    ----------
    path
        TSV, or CSV when the name ends with .csv; UTF-8 unless the map says otherwise; any line ends.
    mapping
        What `read_map` returns; None when the columns have the names in this module's docstring.

    Raises
    ------
    InputError
        The file is not a table, or columns of the map are not in it. Bad lines are not raised here: they are in the
        batch's `problems`, so that all of them are told at once.
    """
    rows = _rows(Path(path), mapping or {})
    header = next(rows).cells
    plan = dict(mapping) if mapping is not None else _plain_plan(str(path), header)
    return _Reader(str(path), header, plan).read(rows)


def read_traits(path: Path | str) -> Batch:
    """Read a table whose first column is `sample` (or IID, #IID) or `person` and whose others are numeric traits."""
    rows = _rows(Path(path), {})
    header = next(rows).cells
    names = {name.lstrip("#").lower(): name for name in header}
    who = next((key for key in ("sample", "sample_id", "iid", "person") if key in names), None)
    if who is None:
        raise InputError(f"{path}:1: expected a column sample (or IID) or person, came {len(header)} other columns")
    traits = [name for name in header if name.lstrip("#").lower() not in (who, "fid")]
    plan = {
        "create": False,
        "person" if who == "person" else "sample": names[who],
        "phenotypes": [{"column": name, "trait": name, "type": "number"} for name in traits],
    }
    return _Reader(str(path), header, plan).read(rows)


def read_consents(path: Path | str) -> Batch:
    """Read a table of consents.

    Its columns are `person`, `sample` or `mrn` (with `mrn_system`), `terms`, `from`, and where known `until` and
    `disease`. `terms` are DUO terms with spaces or commas between; times are dates (UTC).
    """
    rows = _rows(Path(path), {})
    header = next(rows).cells
    who = [name for name in ("person", "sample", "mrn") if name in header]
    absent = [name for name in ("terms", "from") if name not in header]
    if absent or not who:
        wanted = absent or ["person, sample or mrn"]
        raise InputError(f"{path}:1: columns of a table of consents are missing: {', '.join(wanted)}")
    plan: dict[str, Any] = {"create": False, "consents": {key: key for key in ("until", "disease") if key in header}}
    plan["consents"] |= {"terms": "terms", "from": "from"}
    plan |= {name: name for name in ("person", "sample") if name in header}
    if "mrn" in header:
        system = {"system_column": "mrn_system"} if "mrn_system" in header else {"system": "mrn"}
        plan["identifiers"] = [{"column": "mrn", **system}]
    return _Reader(str(path), header, plan).read(rows)


@dataclass(frozen=True, repr=False)
class _Row:
    line: int
    cells: list[str]


def _rows(path: Path, mapping: Mapping[str, Any]) -> Iterator[_Row]:
    """Yield the header, then the rows, with one-based line numbers."""
    delimiter = mapping.get("delimiter", "," if path.suffix.lower() == ".csv" else "\t")
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
    encoding = mapping.get("encoding", "utf-8-sig")
    try:
        with _open_text(path, encoding) as handle:
            reader = csv.reader(handle, delimiter=delimiter, quoting=quoting, strict=True)
            header = [name.strip() for name in next(reader, [])]
            if not any(header):
                raise InputError(f"{path}:1: the table is empty; expected a line with the column names")
            doubled = sorted({name for name in header if header.count(name) > 1})
            if doubled:
                raise InputError(f"{path}:1: columns stand twice: {', '.join(doubled)}")
            yield _Row(1, header)
            for cells in reader:
                if cells:
                    yield _Row(reader.line_num, cells)
    except OSError as error:
        raise InputError(f"{path}: the table cannot be read: {error.strerror}") from error
    except (EOFError, zlib.error):
        raise InputError(f"{path}: the gzip file is cut off or damaged; copy it again") from None
    except (UnicodeDecodeError, LookupError):
        raise InputError(
            f"{path} is not text in {encoding}; give `encoding:` in the map (for example gb18030)"
        ) from None
    except (csv.Error, TypeError):
        raise InputError(
            f"{path} is not a table with the delimiter {delimiter!r}; give `delimiter:` in the map"
        ) from None


def _open_text(path: Path, encoding: str) -> TextIO:
    """Open a table for reading; a name that ends with .gz is unpacked."""
    if path.suffix == ".gz":
        return cast("TextIO", gzip.open(path, "rt", encoding=encoding, newline=""))
    return open(path, encoding=encoding, newline="")


def _plain_plan(source: str, header: list[str]) -> dict[str, Any]:
    """Return the map for a table with the documented column names."""
    known = {"person", "mrn", "mrn_system", "name", "birth_date", "sex", "sample", "store", "specimen", "collected",
             "received", "father", "mother"}  # fmt: skip
    unknown = [name for name in header if name not in known]
    if unknown:
        raise InputError(
            f"{source}:1: unknown columns: {', '.join(unknown)}; known are {', '.join(sorted(known))}. "
            "For other tables give --map"
        )
    if not {"person", "mrn"} & set(header):
        raise InputError(f"{source}:1: a column mrn or person is needed to know who a line is about")
    system = {"system_column": "mrn_system"} if "mrn_system" in header else {"system": "mrn"}
    plan: dict[str, Any] = {"create": "mrn" in header}
    if "person" in header:
        plan["person"] = "person"
    if "mrn" in header:
        plan["identifiers"] = [{"column": "mrn", "type": "MR", **system}]
    if "name" in header:
        plan["name"] = ["name"]
    for key in ("birth_date", "sex"):
        if key in header:
            plan[key] = {"column": key}
    for key in ("father", "mother"):
        if key in header:
            plan[key] = {"column": key, **system}
    if "sample" in header:
        plan["link"] = {key: key for key in ("sample", "store", "specimen", "collected", "received") if key in header}
    return plan


class _Reader:
    """One table being read by one map."""

    def __init__(self, source: str, header: list[str], plan: dict[str, Any]) -> None:
        self.batch = Batch(source)
        self.source = source
        self.plan = plan
        self.missing = set(plan.get("missing", MISSING))
        self.positions = {name: position for position, name in enumerate(header)}
        try:
            self.zone = ZoneInfo(plan.get("timezone", "UTC"))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise InputError(f"{source}: the map's timezone is not known; expected a name like Asia/Shanghai") from None
        if not any(key in plan for key in ("person", "sample", "identifiers")):
            raise InputError(
                f"{source}: the map names no column that says who a line is about (identifiers, person or sample)"
            )
        used = set(_columns(plan))
        absent = sorted(used - set(header))
        if absent:
            raise InputError(f"{source}:1: columns of the map are not in the table: {', '.join(absent)}")
        unused = [name for name in header if name not in used]
        if unused:
            self.batch.notes.append(f"columns not used: {', '.join(unused)}")
        self.describes = any(key in plan for key in ("name", "birth_date", "sex"))
        self.create = bool(plan.get("create", self.describes))
        self.cells: list[str] = []
        self.line = 0

    def read(self, rows: Iterator[_Row]) -> Batch:
        count = 0
        only = self.plan.get("only")
        for row in rows:
            self.line, self.cells = row.line, row.cells
            if len(row.cells) != len(self.positions):
                self.problem(None, f"{len(row.cells)} fields, expected {len(self.positions)}")
                continue
            if any("\0" in cell for cell in row.cells):
                self.problem(None, "the line has a NUL byte")
                continue
            if only is not None and self.value(only["column"]) not in only["equals"]:
                self.batch.skipped[f"rows where {only['column']} is another"] += 1
                continue
            count += 1
            self._row()
        if not count and not self.batch.problems:
            refuse(self.source, ["there is no line with data"])
        return self.batch

    @property
    def where(self) -> str:
        return f"{self.source}:{self.line}"

    def problem(self, column: str | None, text: str) -> None:
        self.batch.problems.append(f"{self.where}: " + (f"column {column}: " if column else "") + text)

    def value(self, column: str | None) -> str:
        """Return a cell without outer space, "" when it is missing."""
        if column is None:
            return ""
        text = self.cells[self.positions[column]].strip()
        return "" if text in self.missing else text

    def number(self, spec: Mapping[str, str]) -> Number | None:
        text = self.value(spec["column"])
        if not text:
            return None
        system = self.value(spec["system_column"]) if "system_column" in spec else spec["system"]
        if not system:
            self.problem(spec["system_column"], "the number has no institution")
            return None
        return Number(system, text, spec.get("type", "MR"))

    def moment(self, column: str | None) -> Moment | None:
        text = self.value(column)
        if not text:
            return None
        moment = parse_moment(text, zone=self.zone)
        if moment is None:
            self.problem(column, "expected a date (YYYY, YYYY-MM or YYYY-MM-DD) or an ISO time")
        return moment

    def _who(self) -> Who | None:
        numbers = tuple(
            number for spec in self.plan.get("identifiers", ()) if (number := self.number(spec)) is not None
        )
        person_id, sample_id = self.value(self.plan.get("person")), self.value(self.plan.get("sample"))
        if person_id and not ids.is_person_id(person_id):
            self.problem(
                self.plan["person"], "this is not a person id (P- and 13 characters, the last a check character)"
            )
            return None
        if not numbers and not person_id and not sample_id:
            columns = [spec["column"] for spec in self.plan.get("identifiers", ())]
            columns += [self.plan[key] for key in ("person", "sample") if key in self.plan]
            self.problem(" or ".join(columns), "empty, so that nobody knows who this line is about")
            return None
        return Who(person_id or None, sample_id or None, numbers)

    def _row(self) -> None:
        who = self._who()
        if who is None:
            return
        if self.create or self.describes or (who.numbers and who.person_id):
            self._person(who)
        if "link" in self.plan:
            self._link(who)
        for kind in ("father", "mother"):
            if kind in self.plan and (number := self.number(self.plan[kind])) is not None:
                self.batch.parents.append(ParentRecord(self.where, who, kind, Who(numbers=(number,))))
        for spec in self.plan.get("phenotypes", ()):
            self._phenotype(who, spec)
        if "consents" in self.plan:
            self._consent(who, self.plan["consents"])
        if "measurements" in self.plan:
            self._measurement(who, self.plan["measurements"])
        if "conditions" in self.plan:
            self._condition(who, self.plan["conditions"])

    def _person(self, who: Who) -> None:
        name = " ".join(filter(None, (self.value(column) for column in self.plan.get("name", ()))))
        birth_date = sex = None
        if "birth_date" in self.plan and (text := self.value(self.plan["birth_date"]["column"])):
            birth_date = parse_birth_date(text, formats=self.plan["birth_date"].get("formats", ()))
            if birth_date is None:
                self.problem(
                    self.plan["birth_date"]["column"],
                    "expected a birth date (YYYY-MM-DD, YYYY-MM or YYYY), not in the future",
                )
        if "sex" in self.plan and (text := self.value(self.plan["sex"]["column"])):
            values = self.plan["sex"].get("values")
            sex = values.get(text) if values is not None else SEX_WORDS.get(text.lower())
            if sex is None:
                self.problem(
                    self.plan["sex"]["column"], "expected female, male, other or unknown (or give `values:` in the map)"
                )
        self.batch.people.append(PersonRecord(self.where, who, name or None, birth_date, sex, create=self.create))

    def _consent(self, who: Who, spec: Mapping[str, str]) -> None:
        terms = tuple(self.value(spec["terms"]).replace(",", " ").split())
        start, end = self.moment(spec["from"]), self.moment(spec.get("until"))
        if start is None and not self.value(spec["from"]):
            self.problem(spec["from"], "empty; expected the day from which the consent holds")
        if start is not None:
            disease = self.value(spec.get("disease"))
            record = ConsentRecord(
                self.where, who, terms, start.at, end.at if end else None, tuple(disease.replace(",", " ").split())
            )
            self.batch.consents.append(record)

    def _link(self, who: Who) -> None:
        spec = self.plan["link"]
        sample_id = self.value(spec["sample"])
        if not sample_id:
            return
        collected, received = self.moment(spec.get("collected")), self.moment(spec.get("received"))
        self.batch.samples.append(
            SampleRecord(
                self.where,
                who,
                sample_id,
                store=spec.get("store_name") or self.value(spec.get("store")) or None,
                store_column=self.value(spec.get("store_column")) or None,
                specimen=self.value(spec.get("specimen")) or None,
                collected_at=collected.at if collected else None,
                received_at=received.at if received else None,
            )
        )

    def _real(self, column: str, text: str) -> float | None:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.problem(column, "expected a number")
            return None
        return number

    def _phenotype(self, who: Who, spec: Mapping[str, Any]) -> None:
        text = self.value(spec["column"])
        if not text:
            return
        observed = self.moment(spec.get("time"))
        number, level = None, None
        if spec.get("type", "number") == "number":
            number = self._real(spec["column"], text)
            if number is None:
                return
        else:
            level = spec.get("levels", {}).get(text)
            if level is None:
                self.problem(spec["column"], "the value is not among the `levels:` of the map")
                return
        self.batch.phenotypes.append(
            PhenotypeRecord(
                f"{self.where}: column {spec['column']}",
                who,
                kind="number" if level is None else "category",
                system=spec.get("system", LOCAL_SYSTEM),
                code=spec["trait"],
                key=("at", observed.iso if observed else ""),
                value_number=number,
                value_code=None if level is None else str(level),
                unit=spec.get("unit"),
                observed_at=observed.at if observed else None,
                observed_precision=observed.precision if observed else None,
            )
        )

    def _measurement(self, who: Who, spec: Mapping[str, str]) -> None:
        code, text = self.value(spec["code"]), self.value(spec["value"])
        if not code or not text:
            self.batch.skipped["rows without a code or a value"] += 1
            return
        if spec.get("text") == "skip" and not _is_number(text):
            self.batch.skipped["values that are not a number"] += 1
            return
        number, observed = self._real(spec["value"], text), self.moment(spec.get("time"))
        if number is None:
            return
        row = self.value(spec.get("row"))
        self.batch.phenotypes.append(
            PhenotypeRecord(
                self.where,
                who,
                kind="number",
                system=spec["system"],
                code=code,
                key=("row", row) if row else ("at", observed.iso if observed else "", repr(number)),
                value_number=number,
                unit=self.value(spec.get("unit")) or None,
                observed_at=observed.at if observed else None,
                observed_precision=observed.precision if observed else None,
            )
        )

    def _condition(self, who: Who, spec: Mapping[str, str]) -> None:
        code = self.value(spec["code"])
        if not code:
            self.batch.skipped["rows without a code"] += 1
            return
        start, end = self.moment(spec.get("start")), self.moment(spec.get("end"))
        row = self.value(spec.get("row"))
        self.batch.phenotypes.append(
            PhenotypeRecord(
                self.where,
                who,
                kind="condition",
                system=spec["system"],
                code=code,
                key=("row", row) if row else ("from", start.iso if start else ""),
                observed_at=start.at if start else None,
                observed_precision=start.precision if start else None,
                ended_at=end.at if end else None,
            )
        )


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _columns(plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield every column that a map names."""
    yield from (plan[key] for key in ("person", "sample") if key in plan)
    yield from plan.get("name", ())
    yield from (plan[key]["column"] for key in ("birth_date", "sex", "father", "mother", "only") if key in plan)
    for spec in plan.get("identifiers", ()):
        yield from (spec[key] for key in ("column", "system_column") if key in spec)
    link = plan.get("link", {})
    yield from (
        link[key] for key in ("sample", "store", "store_column", "specimen", "collected", "received") if key in link
    )
    for spec in plan.get("phenotypes", ()):
        yield from (spec[key] for key in ("column", "time") if key in spec)
    for section, keys in (
        ("measurements", ("code", "value", "unit", "time", "row")),
        ("conditions", ("code", "start", "end", "row")),
        ("consents", ("terms", "from", "until", "disease")),
    ):
        yield from (plan[section][key] for key in keys if key in plan.get(section, {}))
