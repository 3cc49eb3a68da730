"""One meta-information line (`##key=value` or `##key=<key=value,...>`), taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

_REST_OF_QUOTED = re.compile(r'((?:[^"\\]|\\.)*+)"')
_ESCAPE = re.compile(r'\\(["\\])')


@dataclass(frozen=True)
class Attribute:
    """One key=value of a structured line; `value` is without its quotes and escapes."""

    key: str
    value: str
    is_quoted: bool


@dataclass(frozen=True)
class MetaLine:
    """A meta-information line.

    `attributes` is None for an unstructured line. `fault` is None, or the rule that the text breaks with what to say;
    then `attributes` holds what could be read before it.
    """

    key: str
    value: str
    attributes: tuple[Attribute, ...] | None = None
    fault: tuple[str, str] | None = None

    def get(self, key: str) -> Attribute | None:
        """Return the first attribute called `key`."""
        return next((attribute for attribute in self.attributes or () if attribute.key == key), None)


def parse_meta(text: str) -> MetaLine | None:
    """Return the parts of `text`, which begins with '##'; None when it is not a key=value pair."""
    key, equals, value = text[2:].partition("=")
    if not equals or not key or any(c.isspace() for c in key):
        return None
    if not value.startswith("<"):
        return MetaLine(key, value)
    attributes, fault = _attributes(value)
    return MetaLine(key, value, tuple(attributes), fault)


def _attributes(value: str) -> tuple[list[Attribute], tuple[str, str] | None]:
    """Read `<key=value,...>`; stop at the first fault."""
    found: list[Attribute] = []
    at = 1
    if value in {"<>", "<"}:
        return found, ("meta-structure", "between < and > there should be key=value pairs")
    while True:
        equals = value.find("=", at)
        stop = min((i for i in (value.find(",", at), value.find(">", at)) if i >= 0), default=len(value))
        if equals < 0 or equals > stop:
            return found, ("meta-structure", f"{value[at:stop]!r:.60} is not a key=value pair")
        key = value[at:equals]
        if not key or any(c in ' \t"<' for c in key):
            return found, ("meta-structure", f"{key!r:.60} is not a key")
        at = equals + 1
        if value[at : at + 1] == '"':
            text, end = _quoted(value, at + 1)
            if end < 0:
                return found, ("meta-quote", f"the quotation mark of {key} is not closed")
            found.append(Attribute(key, text, True))
        elif value[at : at + 1] == "[":
            end = value.find("]", at) + 1
            if not end:
                return found, ("meta-structure", f"the square bracket of {key} is not closed")
            found.append(Attribute(key, value[at:end], False))
        else:
            end = next((i for i in range(at, len(value)) if value[i] in ",<>"), len(value))
            found.append(Attribute(key, value[at:end], False))
        after = value[end : end + 1]
        if after == ",":
            at = end + 1
            continue
        if after == ">" and not value[end + 1 :].strip():
            return found, None
        if found[-1].is_quoted and after:
            return found, ("meta-quote", f"after the quoted text of {key} there should be a comma or >")
        if not after:
            return found, ("meta-unclosed", "the line should end with >")
        return found, ("meta-structure", f"the value of {key} should not have angle brackets")


def _quoted(value: str, start: int) -> tuple[str, int]:
    """Return the text after an opening quotation mark and where its closing one ends (-1: nowhere)."""
    match = _REST_OF_QUOTED.match(value, start)
    if match is None:
        return "", -1
    return _ESCAPE.sub(r"\1", match[1]), match.end()
