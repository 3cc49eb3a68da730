"""The configuration of a run and its sample sheet, checked whole: every problem with file, line and column."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from genomics_dc.errors import InputError

SCHEMA_FOLDER = Path(__file__).resolve().parent / "workflows" / "schemas"
PANEL_FOLDER = Path(__file__).resolve().parent / "configs" / "panels"
SAMPLE_ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]*"
UNKNOWN_CELLS = ("", ".")
PLOIDY_ASSEMBLIES = ("GRCh37", "GRCh38")
_SIGNIFICANT_SCHEMA_WORDS = ("oneOf", "anyOf")


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong: where (file, one-based line, column name or key), and a sentence with the mend."""

    file: str
    line: int
    column: str
    sentence: str

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}" if self.line else self.file
        return f"{place}{f', {self.column}' if self.column else ''}: {self.sentence}"


class ProblemsError(InputError):
    """An input breaks its rules in one or more places; `problems` has them all, and the message prints them all."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        count = len(self.problems)
        head = "one problem" if count == 1 else f"{count} problems"
        super().__init__(
            f"{head} to mend before anything runs\n" + "\n".join(f"  {problem}" for problem in self.problems)
        )


@dataclass(frozen=True)
class Unit:
    """One pair of FASTQ files or one alignment: a lane of a library of a sample. `line` is its line in the sheet."""

    sample: str
    library: str
    lane: str
    fastq: tuple[Path, Path] | None
    alignment: Path | None
    line: int

    @property
    def name(self) -> str:
        """Return sample+library+lane; a plus sign is in no id, so that the name can be taken apart again."""
        return f"{self.sample}+{self.library}+{self.lane}"


@dataclass(frozen=True)
class Sample:
    """A sample and what the sheet declares of it; None is unknown."""

    name: str
    sex: str | None
    father: str | None
    mother: str | None
    units: tuple[Unit, ...]

    @property
    def libraries(self) -> tuple[str, ...]:
        """Return the library ids in the order of the sheet."""
        return tuple(dict.fromkeys(unit.library for unit in self.units))


@dataclass(frozen=True)
class RunConfig:
    """A run's configuration, valid, with defaults filled in. `settings` has the keys of the schema."""

    path: Path
    sheet: Path
    output: Path
    settings: Mapping[str, Any]
    samples: Mapping[str, Sample]

    @property
    def units(self) -> Mapping[str, Unit]:
        """Return every unit by its name."""
        return {unit.name: unit for sample in self.samples.values() for unit in sample.units}

    def resolve(self, path: str) -> Path:
        """Return a path of the configuration file as an absolute one."""
        return (self.path.parent / path).resolve()

    @property
    def panels(self) -> Mapping[str, Path]:
        """Return the screening panels: name (the file's stem) to path; empty when nothing is screened."""
        if not self.settings["screening"]:
            return {}
        paths = [_panel_path(self.path, text) for text in self.settings["screening"]["panels"]]
        return {path.stem: path for path in paths}

    @property
    def screened_samples(self) -> tuple[str, ...]:
        """Return the samples to screen: those the configuration names, else all."""
        if not self.settings["screening"]:
            return ()
        return tuple(self.settings["screening"]["samples"] or self.samples)


def load_run_config(path: Path | str, *, check_files: bool = True) -> RunConfig:
    """Read and check a run configuration with its sample sheet.

    `check_files` also asks that each named file exists. Raises ProblemsError with every problem of both files.
    """
    config_path = Path(path).resolve()
    settings, lines, problems = _read_config(config_path, shown=str(path))
    samples: Mapping[str, Sample] = {}
    sheet = config_path
    if isinstance(settings.get("samples"), str):
        sheet = (config_path.parent / settings["samples"]).resolve()
        if sheet.is_file():
            samples, sheet_problems = read_sample_sheet(sheet, check_files=check_files)
            problems += sheet_problems
        else:
            problems.append(
                Problem(str(path), lines.get(("samples",), 0), "samples", f"there is no sample sheet {sheet}")
            )
    if not problems:
        problems += _cross_check(settings, samples, lines, config_path, str(path), check_files=check_files)
    if problems:
        raise ProblemsError(problems)
    output = (config_path.parent / settings["output"]).resolve()
    return RunConfig(config_path, sheet, output, settings, samples)


# --- the YAML file ----------------------------------------------------------------------------------------------------

_Lines = dict[tuple[str | int, ...], int]


def _read_config(path: Path, *, shown: str) -> tuple[dict[str, Any], _Lines, list[Problem]]:
    """Return settings with defaults, the line of each key, and the problems."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{shown}: there is no such configuration file") from None
    except IsADirectoryError:
        raise InputError(f"{shown} is a folder; give the YAML file of the run") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{shown}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        settings = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or "not YAML"
        raise ProblemsError([Problem(shown, mark.line + 1 if mark else 0, "", f"not YAML: {reason}")]) from None
    if not isinstance(settings, dict):
        raise ProblemsError([Problem(shown, 1, "", "expected keys and values, as in configs/example.yaml")])
    lines: _Lines = {}
    problems = [Problem(shown, line, key, "the key is given twice") for line, key in _index_lines(node, (), lines)]
    schema = _schema("config")
    for broken in jsonschema.Draft202012Validator(schema).iter_errors(settings):
        problems += _explain(_deepest(broken), lines, shown)
    return _with_defaults(settings, schema), lines, problems


def _index_lines(node: Any, where: tuple[str | int, ...], lines: _Lines) -> Iterator[tuple[int, str]]:
    """Fill `lines` with the one-based line of each key; yield keys that come twice in one mapping."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                yield key.start_mark.line + 1, key.value
            seen.add(key.value)
            lines[(*where, key.value)] = key.start_mark.line + 1
            yield from _index_lines(value, (*where, key.value), lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*where, index)] = value.start_mark.line + 1
            yield from _index_lines(value, (*where, index), lines)


def _deepest(error: Any) -> Any:
    """Return the telling part of a oneOf error: the branch that got furthest into the value."""
    while error.validator in _SIGNIFICANT_SCHEMA_WORDS and error.context:
        candidates = [inner for inner in error.context if inner.validator != "type" or inner.path] or error.context
        error = max(candidates, key=lambda inner: len(inner.absolute_path))
    return error


def _explain(error: Any, lines: _Lines, shown: str) -> list[Problem]:
    """Turn one schema error into sentences a person can act on."""
    where = tuple(error.absolute_path)
    line = next((lines[where[:cut]] for cut in range(len(where), 0, -1) if where[:cut] in lines), 1)
    key = ".".join(str(part) for part in where)
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        return [
            Problem(
                shown, lines.get((*where, extra), line), _join(key, extra), f"unknown key{_did_you_mean(extra, known)}"
            )
            for extra in sorted(set(map(str, error.instance)) - set(known))
        ]
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return [Problem(shown, line, _join(key, name), "the key is missing") for name in missing]
    return [Problem(shown, line, key, _value_sentence(error))]


def _value_sentence(error: Any) -> str:
    came, wanted = error.instance, error.validator_value
    match error.validator:
        case "type":
            names = wanted if isinstance(wanted, list) else [wanted]
            return f"expected {' or '.join(name for name in names if name != 'null')}, got {came!r}"
        case "enum":
            return f"expected one of {', '.join(map(str, wanted))}, got {came!r}"
        case "minimum" | "exclusiveMinimum":
            return f"{came} is too small; at least {wanted} is needed"
        case "maximum":
            return f"{came} is too large; at most {wanted} is possible"
        case "pattern" | "not":
            return f"{came!r} is not allowed here: letters, digits, dot, dash and underscore, a letter or digit first"
        case "minLength" | "minItems":
            return "the value is empty"
        case "maxLength":
            return f"{came!r} is longer than {wanted} characters"
        case "uniqueItems":
            return f"the list names something twice: {came!r}"
        case _:
            return str(error.message)


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"


@cache
def _schema(name: str) -> dict[str, Any]:
    schema = yaml.safe_load((SCHEMA_FOLDER / f"{name}.schema.yaml").read_text(encoding="utf-8"))
    assert isinstance(schema, dict)
    return schema


def _with_defaults(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return `value` with the schema's defaults where keys are left out."""
    for branch in schema.get("oneOf", ()):
        if branch.get("type") == "object" and isinstance(value, dict):
            return _with_defaults(value, branch)
    if not isinstance(value, dict):
        return value
    filled = {}
    for key, part in schema.get("properties", {}).items():
        if key in value and value[key] is not None:
            filled[key] = _with_defaults(value[key], part)
        elif "default" in part:
            filled[key] = _with_defaults(part["default"], part)
    return {**value, **filled}


# --- the sample sheet -------------------------------------------------------------------------------------------------


def read_sample_sheet(path: Path | str, *, check_files: bool = True) -> tuple[dict[str, Sample], list[Problem]]:
    """Return the samples of a sheet in its order, and every problem of it.

    The sheet is tab-separated UTF-8; a byte-order mark and CRLF line ends, as spreadsheets write them, are accepted.
    """
    sheet = Path(path)
    shown = str(path)
    try:
        text = sheet.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return {}, [
            Problem(shown, 0, "", f"byte {error.start} is not UTF-8; save the sheet as tab-separated UTF-8 text")
        ]
    numbered = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    if not numbered:
        return {}, [Problem(shown, 0, "", "the sheet is empty; its first line names the columns")]
    header_line, header = numbered[0]
    columns = [column.strip() for column in header.split("\t")]
    problems = _check_columns(columns, header_line, shown)
    if problems:
        return {}, problems
    rows: list[tuple[int, dict[str, str]]] = []
    for line, text_of_row in numbered[1:]:
        cells = [cell.strip() for cell in text_of_row.split("\t")]
        if len(cells) != len(columns):
            sentence = f"expected {len(columns)} cells separated by tabs, got {len(cells)}"
            problems.append(Problem(shown, line, "", sentence))
            continue
        row = {name: cell for name, cell in zip(columns, cells, strict=True) if cell not in UNKNOWN_CELLS}
        problems += _check_row(row, line, shown)
        rows.append((line, row))
    if not rows and not problems:
        problems.append(Problem(shown, 0, "", "the sheet names no sample"))
    problems += _check_rows(rows, shown)
    samples, pedigree_problems = _gather(rows, sheet.resolve().parent, shown)
    problems += pedigree_problems
    if check_files:
        problems += _check_read_files(samples, shown)
    return samples, problems


def _check_columns(columns: Sequence[str], line: int, shown: str) -> list[Problem]:
    known = list(_schema("samples")["properties"])
    required = _schema("samples")["required"]
    problems = [
        Problem(shown, line, f"column {name!r}", f"unknown column{_did_you_mean(name, known)}")
        for name in dict.fromkeys(columns)
        if name not in known
    ]
    problems += [
        Problem(shown, line, f"column {name!r}", "the column comes twice")
        for name, count in Counter(columns).items()
        if count > 1
    ]
    missing = [name for name in required if name not in columns]
    if "alignment" not in columns:
        missing += [name for name in ("fastq_1", "fastq_2") if name not in columns]
    if len(columns) == 1 and len(re.split(r"[,; ]", columns[0])) > 1:
        return [Problem(shown, line, "", "the columns are not separated by tabs; save the sheet as tab-separated text")]
    problems += [Problem(shown, line, f"column {name!r}", "the column is missing") for name in missing]
    return problems


def _check_row(row: Mapping[str, str], line: int, shown: str) -> list[Problem]:
    problems = []
    for error in jsonschema.Draft202012Validator(_schema("samples")).iter_errors(dict(row)):
        if error.validator == "required":
            missing = [name for name in error.validator_value if name not in row]
            problems += [Problem(shown, line, f"column {name!r}", "the cell is empty") for name in missing]
        elif error.validator == "oneOf":
            sentence = "give either fastq_1 and fastq_2, or alignment"
            problems.append(Problem(shown, line, "columns fastq_1, fastq_2, alignment", sentence))
        else:
            problems.append(Problem(shown, line, f"column {error.path[0]!r}", _value_sentence(error)))
    return list(dict.fromkeys(problems))


def _check_rows(rows: Sequence[tuple[int, Mapping[str, str]]], shown: str) -> list[Problem]:
    """Return what is wrong between rows: a unit or a file that comes twice."""
    problems = []
    first_line_of: dict[object, int] = {}
    for line, row in rows:
        unit = (row.get("sample"), row.get("library"), row.get("lane"))
        if unit in first_line_of:
            sentence = f"sample {unit[0]}, library {unit[1]}, lane {unit[2]} is on line {first_line_of[unit]} already"
            problems.append(Problem(shown, line, "column 'lane'", sentence))
        first_line_of.setdefault(unit, line)
        for column in ("fastq_1", "fastq_2", "alignment"):
            name = row.get(column)
            if name is None:
                continue
            if name in first_line_of:
                sentence = f"the file {name} is used on line {first_line_of[name]} already"
                problems.append(Problem(shown, line, f"column {column!r}", sentence))
            first_line_of.setdefault(name, line)
    return problems


def _gather(
    rows: Sequence[tuple[int, Mapping[str, str]]], folder: Path, shown: str
) -> tuple[dict[str, Sample], list[Problem]]:
    """Return samples with their units, and what is wrong with sex and parents."""
    problems: list[Problem] = []
    by_sample: dict[str, list[tuple[int, Mapping[str, str]]]] = {}
    for line, row in rows:
        if "sample" in row:
            by_sample.setdefault(row["sample"], []).append((line, row))
    samples = {}
    for name, own in by_sample.items():
        for column in ("sex", "father", "mother"):
            values = list(dict.fromkeys(row[column] for _, row in own if column in row))
            if len(values) > 1:
                sentence = f"sample {name} has {' and '.join(values)} on different lines"
                problems.append(Problem(shown, own[-1][0], f"column {column!r}", sentence))
        facts = {key: next((row[key] for _, row in own if key in row), None) for key in ("sex", "father", "mother")}
        units = tuple(_unit(row, line, folder) for line, row in own)
        samples[name] = Sample(name, facts["sex"], facts["father"], facts["mother"], units)
    for name, sample in samples.items():
        line = sample.units[0].line
        for column, parent, wrong_sex in (("father", sample.father, "female"), ("mother", sample.mother, "male")):
            if parent is None:
                continue
            if parent not in samples:
                sentence = f"{parent} is not in the sheet; add it, or leave the cell empty when it was not sequenced"
            elif samples[parent].sex == wrong_sex:
                sentence = f"{parent} is {wrong_sex} on line {samples[parent].units[0].line}"
            elif name in _ancestors(parent, samples):
                sentence = f"{name} is its own ancestor"
            elif column == "mother" and parent == sample.father:
                sentence = f"{parent} is given as father and as mother"
            else:
                continue
            problems.append(Problem(shown, line, f"column {column!r}", sentence))
    return samples, problems


def _ancestors(name: str, samples: Mapping[str, Sample]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in found or current not in samples:
            continue
        found.add(current)
        waiting += [parent for parent in (samples[current].father, samples[current].mother) if parent]
    return found


def _unit(row: Mapping[str, str], line: int, folder: Path) -> Unit:
    fastq = None
    if "fastq_1" in row and "fastq_2" in row:
        fastq = ((folder / row["fastq_1"]).absolute(), (folder / row["fastq_2"]).absolute())
    alignment = (folder / row["alignment"]).absolute() if "alignment" in row else None
    return Unit(row["sample"], row.get("library", ""), row.get("lane", ""), fastq, alignment, line)


def _check_read_files(samples: Mapping[str, Sample], shown: str) -> list[Problem]:
    problems = []
    for unit in (unit for sample in samples.values() for unit in sample.units):
        named = [("fastq_1", unit.fastq[0]), ("fastq_2", unit.fastq[1])] if unit.fastq else []
        if unit.alignment:
            named.append(("alignment", unit.alignment))
        for column, file in named:
            if not file.is_file():
                problems.append(Problem(shown, unit.line, f"column {column!r}", f"there is no file {file}"))
            elif file.stat().st_size == 0:
                problems.append(Problem(shown, unit.line, f"column {column!r}", f"the file {file} is empty"))
    return problems


# --- both together ----------------------------------------------------------------------------------------------------


def _panel_path(config_path: Path, text: str) -> Path:
    """Return the file of a panel: a path when it looks like one, else a panel that comes with the software."""
    if "/" in text or text.endswith((".yaml", ".yml")):
        return (config_path.parent / text).resolve()
    return PANEL_FOLDER / f"{text}.yaml"


def _cross_check(
    settings: Mapping[str, Any],
    samples: Mapping[str, Sample],
    lines: _Lines,
    config_path: Path,
    shown: str,
    *,
    check_files: bool,
) -> list[Problem]:
    """Return what is wrong between the configuration, the sheet and the disk."""
    problems: list[Problem] = []

    def tell(where: tuple[str | int, ...], sentence: str) -> None:
        line = next((lines[where[:cut]] for cut in range(len(where), 0, -1) if where[:cut] in lines), 0)
        problems.append(Problem(shown, line, ".".join(map(str, where)), sentence))

    named: list[tuple[tuple[str | int, ...], str | None]] = [
        (("reference", "fasta"), settings["reference"]["fasta"]),
        (("reference", "genes"), settings["reference"]["genes"]),
        (("annotation", "clinvar"), settings["annotation"]["clinvar"]),
        (("annotation", "frequencies"), settings["annotation"]["frequencies"]),
    ]
    if settings["association"]:
        named += [(("association", key), settings["association"][key]) for key in ("phenotypes", "covariates")]
    regions = settings["regions"]
    if isinstance(regions, str) and (regions.endswith((".bed", ".bed.gz")) or "/" in regions):
        named.append((("regions",), regions))
    if check_files:
        for where, text in named:
            if text is not None and not (config_path.parent / text).resolve().exists():
                tell(where, f"there is no file {(config_path.parent / text).resolve()}")
    if settings["screening"]:
        for index, text in enumerate(settings["screening"]["panels"]):
            path = _panel_path(config_path, text)
            if check_files and not path.is_file():
                tell(("screening", "panels", index), f"there is no panel {path}")
            if not re.fullmatch(SAMPLE_ID_PATTERN, path.stem):
                tell(("screening", "panels", index), f"{path.stem!r} cannot name a panel: letters, digits, . _ - only")
        if settings["reference"]["genes"] is None:
            tell(("screening",), "screening needs reference.genes, a GFF3 file of gene models")
        for index, name in enumerate(settings["screening"]["samples"] or ()):
            if name not in samples:
                tell(("screening", "samples", index), f"sample {name} is not in the sample sheet")
    for index, accepted in enumerate(settings["identity"]["accept"]):
        for name in accepted["samples"]:
            if name not in samples:
                tell(("identity", "accept", index), f"sample {name} is not in the sample sheet")
    names = Counter(entry["name"] for entry in settings["filters"])
    for index, entry in enumerate(settings["filters"]):
        if names[entry["name"]] > 1:
            tell(("filters", index), f"the filter {entry['name']} is defined twice")
    return problems
