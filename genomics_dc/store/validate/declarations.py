"""The rules of structured meta-information lines: INFO, FORMAT, FILTER, ALT, contig, SAMPLE, PEDIGREE, META."""

from __future__ import annotations

import re
from collections.abc import Callable

from genomics_dc.store.validate.meta import Attribute, MetaLine
from genomics_dc.store.validate.model import Field, HeaderModel, Report
from genomics_dc.store.validate.reserved import STRUCTURAL_TYPES, reserved

_TYPES = ("Integer", "Float", "Flag", "Character", "String")
_LATER_INFO_NUMBERS = frozenset({"R"})
_LATER_FORMAT_NUMBERS = frozenset({"R", "P", "LA", "LR", "LG", "M"})
_ORDER = {
    "INFO": ("ID", "Number", "Type", "Description"),
    "FORMAT": ("ID", "Number", "Type", "Description"),
    "FILTER": ("ID", "Description"),
    "ALT": ("ID", "Description"),
    "META": ("ID",),
    "contig": ("ID",),
    "SAMPLE": ("ID",),
}
_REQUIRED = {
    "INFO": ("Number", "Type", "Description"),
    "FORMAT": ("Number", "Type", "Description"),
    "FILTER": ("Description",),
    "ALT": ("Description",),
}
_ABOUT_SAMPLES = frozenset({"SAMPLE", "PEDIGREE", "META"})
_BAD_IN_ID = re.compile(r"[\s,<>]")
_SYMBOLIC_TYPES = frozenset({"DEL", "INS", "DUP", "INV", "CNV", "BND"})
_ADDRESS = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@\s]*@)?(\[[0-9A-Fa-f:.]+\]|[^/?#:\s]*)(?::\d+)?(?:[/?#]\S*)?"
)
_IP_4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
# Attributes whose values the specification itself writes without quotes.
_UNQUOTED = frozenset({"ID", "Number", "Type", "length", "md5", "assembly", "URL", "taxonomy", "accession", "Values"})


class Declarations:
    """Holds each structured line against the rules, and against the lines before it; fills in the header's model."""

    def __init__(self, model: HeaderModel) -> None:
        self._model = model
        self._seen: dict[tuple[str, str], tuple[str, ...]] = {}
        self._checks: dict[str, Callable[[MetaLine, str, Report], None]] = {
            "INFO": self._check_field,
            "FORMAT": self._check_field,
            "FILTER": self._check_filter,
            "ALT": self._check_alt,
            "contig": self._check_contig,
            "SAMPLE": self._check_sample,
            "META": self._check_values,
            "PEDIGREE": self._check_pedigree,
        }

    def check(self, meta: MetaLine, report: Report) -> None:
        """Report what breaks a rule in one line."""
        if meta.key in {"assembly", "pedigreeDB"}:
            _check_address(meta, report)
        elif meta.key in self._checks:
            self._check_known(meta, report)
        elif meta.fault is not None:
            report.add("meta-other-structure", meta.fault[1], meta.value)

    def _check_known(self, meta: MetaLine, report: Report) -> None:
        if meta.attributes is None:
            rule = "meta-sample-structure" if meta.key in _ABOUT_SAMPLES else "meta-structure"
            report.add(rule, f"##{meta.key} should be followed by =<key=value,...>", meta.value)
            return
        if meta.fault is not None:
            rule, message = meta.fault
            report.add("meta-sample-structure" if meta.key in _ABOUT_SAMPLES else rule, message, meta.value)
        name = self._check_id(meta, report)
        if meta.fault is not None:
            return
        _check_order(meta, report)
        _check_quotes(meta, report)
        for key in _REQUIRED.get(meta.key, ()):
            if meta.get(key) is None:
                rule = "meta-description" if key == "Description" else "meta-field-missing"
                report.add(rule, f"the {meta.key} line should have {key}", meta.value)
        self._checks[meta.key](meta, name, report)

    def _check_id(self, meta: MetaLine, report: Report) -> str:
        attribute = meta.get("ID")
        if attribute is None or not attribute.value:
            # A PEDIGREE line of 4.1 and 4.2 has none.
            if meta.fault is None and (meta.key != "PEDIGREE" or self._model.dialect.index >= 2):
                rule = "meta-sample-id" if meta.key in _ABOUT_SAMPLES else "meta-id-missing"
                report.add(rule, f"the {meta.key} line should have an ID", meta.value)
            return ""
        if _BAD_IN_ID.search(attribute.value):
            rule = "meta-sample-id" if meta.key in _ABOUT_SAMPLES else "meta-id-characters"
            report.add(rule, "an ID has no white space, comma or angle bracket", attribute.value)
        if attribute.is_quoted:
            report.add("meta-id-characters", "an ID is written without quotation marks", attribute.value)
        says = tuple(a.value for key in ("Number", "Type", "length") if (a := meta.get(key)) is not None)
        before = self._seen.get((meta.key, attribute.value))
        self._seen.setdefault((meta.key, attribute.value), says)
        if before is not None:
            conflicts = bool(before and says and before != says)
            rule = "meta-id-conflict" if conflicts else "meta-id-repeated"
            report.add(rule, f"{meta.key} {attribute.value} is declared before{', otherwise' * conflicts}", meta.value)
        return attribute.value

    def _check_field(self, meta: MetaLine, key: str, report: Report) -> None:
        number, kind = meta.get("Number"), meta.get("Type")
        if number is not None:
            self._check_number(meta.key, number.value, report)
        if kind is not None:
            _check_type(meta.key, kind.value, report)
        if not key or number is None or kind is None:
            return
        if (kind.value == "Flag") != (number.value == "0"):
            report.add("meta-flag-number", f"{key}: Type=Flag goes with Number=0 and with no other", meta.value)
        dialect = self._model.dialect
        pattern = dialect.info_key if meta.key == "INFO" else dialect.format_key
        if not pattern.fullmatch(key.encode("utf-8", "replace")):
            report.add("meta-id-key", f"{key} cannot be a key of {meta.key} in records", key)
        _check_reserved(meta.key, key, number.value, kind.value, report)
        self._model.fields.setdefault((meta.key, key), Field(key, number.value, kind.value))

    def _check_number(self, kind: str, number: str, report: Report) -> None:
        dialect = self._model.dialect
        known = dialect.info_numbers if kind == "INFO" else dialect.format_numbers
        if (number.isascii() and number.isdigit()) or number in known:
            return
        if number in (_LATER_INFO_NUMBERS if kind == "INFO" else _LATER_FORMAT_NUMBERS):
            report.add("meta-number-later", f"Number={number} came after VCF {dialect.version}", number)
        else:
            report.add("meta-number", "Number should be a count, A, R, G or a dot", number)

    def _check_filter(self, meta: MetaLine, name: str, report: Report) -> None:
        del meta
        if name == "0":
            report.add("filter-zero", "0 is reserved and cannot be a filter")
        self._model.filters.add(name)

    def _check_alt(self, meta: MetaLine, name: str, report: Report) -> None:
        number, kind = meta.get("Number"), meta.get("Type")
        if number is not None:
            self._check_number("INFO", number.value, report)
        if kind is not None:
            _check_type("ALT", kind.value, report)
        first, colon, _ = name.partition(":")
        if colon and first not in self._model.dialect.alt_types:
            report.add("meta-alt-type", f"{first} is none of {', '.join(sorted(self._model.dialect.alt_types))}", name)
        elif first not in self._model.dialect.alt_types:
            report.add("meta-alt-name", "an ID of ALT should begin with DEL, INS, DUP, INV or CNV", name)
        self._model.alts.add(name)

    def _check_contig(self, meta: MetaLine, name: str, report: Report) -> None:
        if name and not self._model.dialect.contig.fullmatch(name.encode("utf-8", "replace")):
            report.add("meta-contig-name", "the name has a character that a contig's name may not have", name)
        if name in _SYMBOLIC_TYPES:
            report.add("meta-contig-reserved", "a contig is not called as a symbolic allele is", name)
        length = meta.get("length")
        bases = None
        if length is not None:
            if length.value.isascii() and length.value.isdigit() and int(length.value) > 0:
                bases = int(length.value)
            else:
                report.add("meta-contig-length", "length should be a positive whole number", length.value)
        if name and (self._model.contigs.get(name) is None):
            self._model.contigs[name] = bases

    def _check_sample(self, meta: MetaLine, name: str, report: Report) -> None:
        del name
        missing = [key for key in ("Genomes", "Mixture", "Description") if meta.get(key) is None]
        if missing:
            report.add("meta-sample-genomes", f"a SAMPLE line should have {', '.join(missing)}", meta.value)

    def _check_values(self, meta: MetaLine, name: str, report: Report) -> None:
        del name
        number, kind, values = meta.get("Number"), meta.get("Type"), meta.get("Values")
        if number is not None:
            self._check_number("INFO", number.value, report)
        if kind is not None:
            _check_type("META", kind.value, report)
        if values is not None and not values.value.startswith("["):
            report.add("meta-values", "Values should be a list in square brackets", values.value)

    def _check_pedigree(self, meta: MetaLine, name: str, report: Report) -> None:
        del name
        for attribute in meta.attributes or ():
            if attribute.key not in {"ID", "Description"} and any(c.isspace() for c in attribute.value):
                report.add("meta-pedigree", f"{attribute.key} should be an ID without white space", attribute.value)


def _check_type(kind: str, value: str, report: Report) -> None:
    if value not in _TYPES:
        report.add("meta-type", f"Type should be one of {', '.join(_TYPES)}", value)
    elif kind == "FORMAT" and value == "Flag":
        report.add("meta-type-format-flag", "a FORMAT key cannot be a Flag", value)


def _check_reserved(kind: str, key: str, number: str, type_name: str, report: Report) -> None:
    entry = reserved(kind, key, report.version.index)
    if entry is not None:
        if number not in entry.numbers:
            report.add("meta-reserved-number", f"{kind} {key} is reserved with Number={entry.numbers[0]}", number)
        if type_name not in entry.types:
            report.add("meta-reserved-type", f"{kind} {key} is reserved with Type={entry.types[0]}", type_name)
    elif kind == "INFO" and type_name != STRUCTURAL_TYPES.get(key, type_name):
        report.add("meta-structural-type", f"{key} is reserved with Type={STRUCTURAL_TYPES[key]}", type_name)


def _check_order(meta: MetaLine, report: Report) -> None:
    expected = [key for key in _ORDER.get(meta.key, ()) if meta.get(key) is not None]
    came = [attribute.key for attribute in (meta.attributes or ())[: len(expected)]]
    if came != expected:
        report.add("meta-field-order", f"the {meta.key} line should begin with {', '.join(expected)}", meta.value)


def _check_quotes(meta: MetaLine, report: Report) -> None:
    for attribute in meta.attributes or ():
        if attribute.is_quoted:
            continue
        if attribute.key == "Description" and meta.key in _REQUIRED:
            report.add("meta-description", "Description should be in double quotes", attribute.value)
        elif _wants_quotes(meta, attribute):
            message = f"the value of {attribute.key} should be in double quotes"
            report.add("meta-optional-unquoted", message, attribute.value)


def _wants_quotes(meta: MetaLine, attribute: Attribute) -> bool:
    return meta.key in _REQUIRED and attribute.key not in _UNQUOTED


def _check_address(meta: MetaLine, report: Report) -> None:
    """Hold an address against RFC 3986; a host of digits alone is no name and no IP address (RFC 1123, 2.1)."""
    value = meta.value
    if value.startswith("<") and value.endswith(">"):
        value = value[1:-1]
    if not value:
        report.add("meta-empty-value", f"##{meta.key} should have a value", meta.value)
        return
    if "://" not in value:
        return  # a file's name
    match = _ADDRESS.fullmatch(value)
    host = match[1] if match is not None else ""
    is_number = host.replace(".", "").isdigit() and not _IP_4.fullmatch(host)
    if match is None or is_number or (not host and not value.startswith("file:")):
        report.add("meta-url", "the value should be an address, as ftp://host/path", value)
