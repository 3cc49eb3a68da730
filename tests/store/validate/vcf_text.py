"""VCF text for the tests of the validator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genomics_dc.store.validate import Finding, read_header
from genomics_dc.store.validate.file import Validation, validate_vcf
from genomics_dc.store.validate.order import OrderRules
from genomics_dc.store.validate.record import RecordRules

INFO = '##INFO=<ID={},Number={},Type={},Description="d">'
FORMAT = '##FORMAT=<ID={},Number={},Type={},Description="d">'
META = (
    "##contig=<ID=1,length=1000>",
    "##contig=<ID=2,length=1000>",
    '##FILTER=<ID=q10,Description="d">',
    '##ALT=<ID=DEL,Description="d">',
    INFO.format("DP", 1, "Integer"),
    INFO.format("AC", "A", "Integer"),
    INFO.format("AF", "A", "Float"),
    INFO.format("DB", 0, "Flag"),
    INFO.format("XI", 1, "Integer"),
    INFO.format("XR", "R", "Float"),
    INFO.format("XS", 1, "String"),
    INFO.format("XL", ".", "String"),
    INFO.format("XC", 1, "Character"),
    FORMAT.format("GT", 1, "String"),
    FORMAT.format("DP", 1, "Integer"),
    FORMAT.format("GQ", 1, "Integer"),
    FORMAT.format("PL", "G", "Integer"),
    FORMAT.format("XF", 2, "Float"),
    FORMAT.format("XS", 1, "String"),
    FORMAT.format("XI", ".", "Integer"),
)
COLUMNS = "#CHROM POS ID REF ALT QUAL FILTER INFO".replace(" ", "\t")
RECORD = "1 100 rs1 A C 50 PASS DP=5;AC=1;AF=0.5 GT:DP:PL 0/1:3:1,2,3 ./.:.:."


def record(**columns: str) -> str:
    """Return a right record with some columns changed: chrom, pos, id, ref, alt, qual, filter, info, format, a, b."""
    names = ("chrom", "pos", "id", "ref", "alt", "qual", "filter", "info", "format", "a", "b")
    values = dict(zip(names, RECORD.split(" "), strict=True)) | columns
    return "\t".join(values[name] for name in names if values[name] != "<none>")


def text(
    records: Sequence[str] = (),
    *,
    version: str = "4.3",
    meta: Sequence[str] = (),
    columns: str = COLUMNS + "\tFORMAT\tNA1\tNA2",
    end: str = "\n",
) -> bytes:
    """Return a VCF with the lines of META and `meta`."""
    lines = [f"##fileformat=VCFv{version}", *META, *meta, columns, *records]
    return ("\n".join(lines) + end).encode()


def declaring(*meta: str, version: str = "4.3") -> bytes:
    """Return a VCF without records that has these lines in its header too."""
    return text(version=version, meta=meta)


def validated(tmp_path: Path, data: bytes, name: str = "x.vcf") -> Validation:
    """Return what the validator says of a file with these bytes."""
    path = tmp_path / name
    path.write_bytes(data)
    return validate_vcf(path)


def findings_of_records(header: bytes, lines: Sequence[bytes], *, plain: bool) -> list[Finding]:
    """Return the findings of records, with or without the patterns that shorten the way."""
    model, found = read_header(header)
    rules = RecordRules(model, OrderRules(), plain=plain)
    n = header.count(b"\n")
    return found + [finding for i, line in enumerate(lines, start=n + 1) for finding in rules.check(line, i)]
