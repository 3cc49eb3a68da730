"""YAML documents checked by JSON Schema: every problem at once, each with its line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from genomics_dc.errors import InputError


def read_document(path: Path | str, schema: Mapping[str, Any], noun: str) -> dict[str, Any]:
    """Return a YAML mapping that keeps `schema`; raise InputError with every problem, each with its line.

    Values are not repeated in the message, because a password may stand in one.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: the {noun} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: the {noun} is not UTF-8 text (byte {error.start})") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{path}:{line}: the {noun} is not YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError):
        raise InputError(f"{path}: the {noun} is not YAML") from None
    if not isinstance(document, dict):
        raise InputError(f"{path}: the {noun} holds no keys; expected a YAML mapping")
    problems = [(line, f"the key {key} stands twice") for line, key in _doubled_keys(node)]
    broken = Draft202012Validator(schema).iter_errors(document)
    problems += [(_line(node, list(problem.absolute_path)), _plain(problem)) for problem in broken]
    if problems:
        raise InputError(
            f"the {noun} {path} has {len(problems)} problem{'s' if len(problems) > 1 else ''}:\n"
            + "\n".join(f"  {path}:{line}: {problem}" for line, problem in sorted(set(problems)))
        )
    return document


def _plain(error: Any) -> str:
    """Return a schema problem as words, without the value."""
    where = ".".join(str(part) for part in error.absolute_path) or "the document"
    wanted = error.validator_value
    match error.validator:
        case "required":
            missing = [name for name in wanted if name not in error.instance]
            return f"{where} needs {', '.join(missing)}"
        case "additionalProperties":
            known = error.schema.get("properties", {})
            unknown = [str(name) for name in error.instance if name not in known]
            return f"{where} has unknown keys ({', '.join(unknown)}); known are {', '.join(known)}"
        case "type":
            return f"{where} must be of type {wanted if isinstance(wanted, str) else ' or '.join(wanted)}"
        case "enum":
            return f"{where} must be one of {', '.join(map(str, wanted))}"
        case "pattern":
            return f"{where} has not the expected form ({error.schema.get('description', wanted)})"
        case "minItems" | "minLength" | "minProperties":
            return f"{where} is empty"
        case _:
            return f"{where} is not as expected ({error.validator} {wanted})"


def _line(node: yaml.Node | None, path: Sequence[str | int]) -> int:
    """Return the one-based line of the deepest part of `path` that the text has."""
    line = 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if str(getattr(key, "value", "")) == str(part)]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _doubled_keys(node: yaml.Node | None) -> list[tuple[int, str]]:
    """Return keys that stand twice in one mapping: YAML readers keep the last one without a word."""
    found: list[tuple[int, str]] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(getattr(key, "value", ""))
            if name in seen:
                found.append((key.start_mark.line + 1, name))
            seen.add(name)
            found += _doubled_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            found += _doubled_keys(value)
    return found
