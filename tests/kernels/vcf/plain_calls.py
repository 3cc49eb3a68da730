"""Calls of VCF text as the definition has them, in plain Python; and the index of lines and columns for small texts."""

import re
from dataclasses import dataclass, field

import numpy as np

from genomics_dc.kernels.vcf import calls

INT_MISSING, INT_FILL = -(2**31), -(2**31) + 1
_NUMBER = re.compile(r"[+-]?[0-9]+")
_ALLELE = re.compile(r"\.|[0-9]+")


def index(lines):
    """Return data, line_end and columns of text lines (bytes without their ends), as the reader of files has them."""
    data = np.frombuffer(b"".join(line + b"\n" for line in lines), dtype=np.uint8).copy()
    ends, columns, start = [], [], 0
    for line in lines:
        end = start + len(line)
        row = [start]
        for place, byte in enumerate(line):
            if byte == 9 and len(row) < 10:
                row.append(start + place + 1)
        columns.append(row + [end + 1] * (10 - len(row)))
        ends.append(end)
        start = end + 1
    return data, np.array(ends, dtype=np.int64), np.array(columns, dtype=np.int64).reshape(-1, 10)


@dataclass
class Plain:
    """What the definition says of some lines."""

    genotype: list = field(default_factory=list)
    phased: list = field(default_factory=list)
    dosage: list = field(default_factory=list)
    values: dict = field(default_factory=dict)
    widths: dict = field(default_factory=dict)
    n_faults: list = field(default_factory=list)


def read(lines, fields, n_samples, n_alleles):
    """Return what `CallReader.read` should find, strings as str."""
    out = Plain(values={wanted.key: [] for wanted in fields}, widths={wanted.key: 0 for wanted in fields})
    for line, most in zip(lines, n_alleles, strict=True):
        columns = line.decode().split("\t")
        keys = columns[8].split(":") if len(columns) > 8 else []
        samples = columns[9:]
        faults = 0
        if "" in keys:
            faults += keys.count("")
        faults += sum(key in keys[:place] and key != "" for place, key in enumerate(keys))
        faults += sum(place > 0 and key == "GT" and "GT" not in keys[:place] for place, key in enumerate(keys))
        if len(samples) != n_samples:
            faults += 1
        if keys:
            faults += sum(len(sample.split(":")) > len(keys) for sample in samples[:n_samples])
        for wanted in fields:
            rows = []
            place = keys.index(wanted.key) if wanted.key in keys else None
            for s in range(n_samples):
                parts = samples[s].split(":") if s < len(samples) else []
                if wanted.kind == calls.GENOTYPE:
                    wrong = _genotype(out, parts, place, s < len(samples), wanted.width, most, rows)
                    faults += wrong
                    continue
                if place is None:
                    rows.append([MISSING[wanted.kind]] * wanted.width)
                    continue
                text = parts[place] if place < len(parts) else "."
                split = wanted.split or wanted.kind in (calls.INTEGER, calls.FLOAT)
                values = []
                for word in text.split(",") if split else [text]:
                    value, wrong = _value(word, wanted.kind)
                    values.append(value)
                    faults += wrong
                out.widths[wanted.key] = max(out.widths[wanted.key], len(values))
                values = values[: wanted.width]
                rows.append(values + [FILL[wanted.kind]] * (wanted.width - len(values)))
            if wanted.kind == calls.GENOTYPE:
                out.genotype.append([row[0] for row in rows])
                out.phased.append([row[1] for row in rows])
                out.dosage.append([row[2] for row in rows])
            else:
                out.values[wanted.key].append(rows)
        out.n_faults.append(faults)
    return out


MISSING = {calls.INTEGER: INT_MISSING, calls.FLOAT: "missing", calls.STRING: ".", calls.CHARACTER: "."}
FILL = {calls.INTEGER: INT_FILL, calls.FLOAT: "fill", calls.STRING: "", calls.CHARACTER: ""}


def _value(word, kind):
    if word == ".":
        return MISSING[kind], 0
    if kind in (calls.STRING, calls.CHARACTER):
        wrong = not word or (kind == calls.CHARACTER and len(word) != 1)
        return word or ".", int(wrong)
    if kind == calls.INTEGER:
        if not _NUMBER.fullmatch(word) or not -(2**31) + 8 <= int(word) <= 2**31 - 1:
            return INT_MISSING, 1
        return int(word), 0
    try:
        if word.strip() != word or "_" in word:
            raise ValueError(word)
        with np.errstate(over="ignore"):
            value = np.float32(word)
        if np.isinf(value) and not word.lower().lstrip("+-").startswith("inf"):
            return "missing", 1
        return value, 0
    except ValueError:
        return "missing", 1


def _genotype(out, parts, place, there, width, most, rows):
    """Append (copies, phased, dosage) to `rows`; return 1 when the call is wrong."""
    if place is None:
        rows.append(([-1] * width, False, -1))
        return 0
    text = parts[place] if place < len(parts) else "."
    if not there:
        text = "."
    prefix = text[:1] if text[:1] in ("/", "|") else ""
    body = text[len(prefix) :]
    words = re.split(r"[/|]", body)
    if not all(_ALLELE.fullmatch(word) for word in words):
        out.widths["GT"] = max(out.widths["GT"], width)
        rows.append(([-1] * width, False, -1))
        return 1
    out.widths["GT"] = max(out.widths["GT"], len(words))
    wrong = any(word != "." and int(word) >= most for word in words)
    alleles = [-1 if word == "." or int(word) >= most else int(word) for word in words]
    phased = "/" not in body and prefix != "/"
    dosage = -1 if min(alleles) < 0 or len(alleles) > 2 else alleles.count(1) * (3 - len(alleles))
    rows.append((alleles[:width] + [-2] * (width - len(alleles)), phased, dosage))
    return int(wrong)
