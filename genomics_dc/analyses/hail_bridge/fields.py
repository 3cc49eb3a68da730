"""Which fields of a MatrixTable a VCF holds, and the header that declares them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genomics_dc.analyses.hail_bridge.calls import TEXT_KEY, as_text
from genomics_dc.analyses.hail_bridge.outward import ROW
from genomics_dc.errors import InputError
from genomics_dc.store import schema
from genomics_dc.store.validate.reserved import reserved
from genomics_dc.store.vcf.header import FIXED_COLUMNS, Field, VcfHeader, parse_header

QUALITY = "store_qual"
"""The INFO key in which QUAL travels out of Hail."""
_ROW_FIELDS = ("rsid", "qual", "filters", "info")
_KEYS = ("locus", "alleles")
_NEWEST_VERSION = 3


@dataclass(frozen=True)
class Kept:
    """A MatrixTable with only what a VCF holds, what it declares, and sentences on what is left out."""

    table: Any
    info: Mapping[str, Field]
    format: Mapping[str, Field]
    old_header: str
    left_out: tuple[str, ...]

    def header(self, samples: Sequence[str], filters: Iterable[str], contigs: Mapping[str, int]) -> str:
        """Return the old header without the fields that are gone and with those that are new."""
        old = _parsed(self.old_header)
        lines = list(self._old_lines()) or ["##fileformat=VCFv4.3"]
        lines += [f"##contig=<ID={name},length={length}>" for name, length in contigs.items()]
        known = old.filters if old else {"PASS": ""}
        lines += [f'##FILTER=<ID={name},Description="">' for name in sorted(set(filters) - set(known))]
        for kind, fields, there in (
            ("INFO", self.info, old.info if old else {}),
            ("FORMAT", self.format, old.format if old else {}),
        ):
            lines += [
                f'##{kind}=<ID={one.name},Number={one.number},Type={one.type},Description="{one.description}">'
                for one in fields.values()
                if there.get(one.name) != one
            ]
        lines.append("\t".join([*FIXED_COLUMNS, "FORMAT", *samples]))
        return "\n".join(lines) + "\n"

    def _old_lines(self) -> Iterator[str]:
        gone = {
            f"##{kind}=<ID={name}"
            for kind, there, fields in self._declared_before()
            for name in there
            if fields.get(name) != there[name]
        }
        for line in self.old_header.splitlines():
            if line.startswith("##") and line.replace(">", ",").partition(",")[0] not in gone:
                yield line

    def _declared_before(self) -> Iterator[tuple[str, Mapping[str, Field], Mapping[str, Field]]]:
        old = _parsed(self.old_header)
        if old:
            yield "INFO", old.info, self.info
            yield "FORMAT", old.format, self.format


def kept_fields(hail: Any, mt: Any, old_header: str) -> Kept:
    """Return what of a MatrixTable goes into a store; declarations of the header that it came with stay as they are.

    Raises
    ------
    InputError
        When no entry field is of a type that VCF has.
    """
    old = _parsed(old_header)
    left_out: list[str] = []
    has_info = "info" in mt.row and isinstance(mt.info.dtype, hail.tstruct)
    info = _declared(hail, "INFO", mt.info.dtype if has_info else {}, old.info if old else {}, left_out)
    formats = _declared(hail, "FORMAT", mt.entry.dtype, old.format if old else {}, left_out)
    if not formats:
        raise InputError("the MatrixTable has no entry field that a VCF can hold; a store needs one, such as GT")
    of_vcf = {"rsid": hail.tstr, "qual": hail.tfloat64, "filters": hail.tset(hail.tstr)}
    wrong = [name for name, dtype in of_vcf.items() if name in mt.row and mt[name].dtype != dtype]
    left_out += [f"row field {name} is not kept: it is {mt[name].dtype}, not {of_vcf[name]}" for name in wrong]
    mt = mt.drop(*wrong)
    others = [name for name in mt.row if name not in {*_KEYS, *_ROW_FIELDS, ROW}]
    left_out += [f"row field {name} is not kept: a VCF has rsid, qual, filters and info" for name in others]
    left_out += [f"column field {name} is not kept: a VCF has the sample id only" for name in mt.col_value]

    if formats.pop(TEXT_KEY, None) is not None and schema.GENOTYPE_KEY in formats:
        mt = mt.annotate_entries(**{schema.GENOTYPE_KEY: as_text(hail, mt)})
    floats = [name for name, one in formats.items() if one.type == "Float"]
    mt = mt.annotate_entries(**{name: _exact(hail, mt[name]) for name in floats})
    carried = {name: _exact(hail, mt.info[name]) for name in info}
    if ROW in mt.row and mt[ROW].dtype == hail.tint32:
        carried[ROW] = mt[ROW]
    if "qual" in mt.row:
        carried[QUALITY] = _exact(hail, mt.qual)
    names = sorted(formats, key=lambda name: name != schema.GENOTYPE_KEY)  # GT is first in a VCF
    table = mt.annotate_rows(info=hail.struct(**carried)).select_globals().select_cols().select_entries(*names)
    table = table.select_rows(*(name for name in ("rsid", "filters", "info") if name in table.row))
    return Kept(table, info, formats, old_header, tuple(left_out))


def _declared(
    hail: Any, kind: str, fields: Mapping[str, Any], old: Mapping[str, Field], left_out: list[str]
) -> dict[str, Field]:
    """Return the declaration of each field that VCF has a type for; the others are named in `left_out`."""
    made = {}
    for name, dtype in fields.items():
        is_list = isinstance(dtype, (hail.tarray, hail.tset))
        type_name = _type_name(hail, dtype.element_type if is_list else dtype)
        if type_name is None or (type_name == "Flag" and (is_list or kind == "FORMAT")):
            left_out.append(f"{kind} field {name} is not kept: VCF has no type for {dtype}")
            continue
        before = old.get(name)
        if before is not None and (before.type == type_name or {before.type, type_name} == {"Character", "String"}):
            made[name] = before
            continue
        number = "0" if type_name == "Flag" else "." if is_list else "1"
        wanted = reserved(kind, name, _NEWEST_VERSION) if kind == "FORMAT" and is_list else None
        made[name] = Field(name, wanted.numbers[0] if wanted else number, type_name, "")
    return made


def _exact(hail: Any, values: Any) -> Any:
    """Return floats as text: Hail prints six digits of them, of QUAL two decimals, and nothing for NaN."""
    if isinstance(values.dtype, (hail.tarray, hail.tset)):
        return values.map(hail.str) if _type_name(hail, values.dtype.element_type) == "Float" else values
    return hail.str(values) if _type_name(hail, values.dtype) == "Float" else values


def _type_name(hail: Any, dtype: Any) -> str | None:
    if dtype in (hail.tint32, hail.tint64):
        return "Integer"
    if dtype in (hail.tfloat32, hail.tfloat64):
        return "Float"
    if dtype in (hail.tstr, hail.tcall):
        return "String"
    return "Flag" if dtype == hail.tbool else None


def _parsed(header: str) -> VcfHeader | None:
    return parse_header(header.encode(), "the header that the MatrixTable carries") if header else None
