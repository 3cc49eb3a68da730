"""A store as VCF text and as query text: vcztools' encoder and formatter, with floats as htslib prints them.

vcztools prints floats with three decimals (AF=0.000312 becomes 0). Here a float becomes its "%g" text, six significant
digits, before vcztools sees it, so that the text equals that of bcftools. The header is the one of the source VCF,
word for word: VCF Zarr itself keeps neither Number and Type nor the order and extra keys of header lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO, cast

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import GenomicsError, InputError, UsageError
from genomics_dc.store import schema

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView


def float_text(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.str_]:
    """Return the "%g" text of float32 or float64; "." where missing, "" where fill (end of vector).

    NaN with VCF's own bit patterns means missing or fill; any other NaN is a value, "nan".
    """
    bits_type = np.dtype(np.uint64 if values.itemsize == 8 else np.uint32)
    missing, fill = (value.view(bits_type) for value in schema.float_sentinels(values.dtype))
    bits = np.ascontiguousarray(values).view(bits_type)
    # a chunk of likelihoods or frequencies repeats few values: each is printed once
    distinct, which = np.unique(bits, return_inverse=True)
    words = []
    for word, value in zip(distinct, distinct.view(values.dtype), strict=True):
        if word == missing:
            words.append(".")
        elif word == fill:
            words.append("")
        elif values.itemsize == 8 and float(value).is_integer():
            words.append(str(int(value)))  # a whole number kept as float64: see build
        else:
            words.append(f"{float(value):g}")
    table = np.array(words or [""], dtype=np.str_)
    return cast(
        "npt.NDArray[np.str_]", table[which.reshape(values.shape)] if values.size else np.empty(values.shape, "U1")
    )


class _TextReader:
    """A vcztools reader whose float fields arrive as text; everything else is passed on."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def variant_chunks(self, **options: Any) -> Iterator[dict[str, npt.NDArray[Any]]]:
        for chunk in self._reader.variant_chunks(**options):
            yield {name: self._as_text(name, array) for name, array in chunk.items()}

    def variants(self, **options: Any) -> Iterator[dict[str, Any]]:
        for read_chunk in self.variant_chunks(**options):
            chunk = {name: _for_query(name, array) for name, array in read_chunk.items()}
            for row in range(len(next(iter(chunk.values())))):
                yield {name: array[row] for name, array in chunk.items()}

    @staticmethod
    def _as_text(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if array.dtype.kind != "f" or name == schema.VARIANT_QUALITY:
            return array
        return float_text(array).astype(np.dtypes.StringDType())


_NOT_A_FIELD = {schema.VARIANT_FILTER, schema.VARIANT_ALLELE}


def _for_query(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return values so that vcztools prints them as bcftools does: a flag as 1, a vector that is all missing as "."."""
    if name in _NOT_A_FIELD or name.startswith(schema.CALL_GENOTYPE):
        return array
    if array.dtype.kind == "b":
        return np.where(array, 1, schema.INT_MISSING).astype(np.int8)
    n_axes_of_record = 2 if name.startswith(schema.CALL_PREFIX) else 1
    if array.ndim <= n_axes_of_record or array.shape[-1] < 2:
        return array
    missing: Any = "." if array.dtype.kind in "TUO" else schema.INT_MISSING
    fill: Any = "" if array.dtype.kind in "TUO" else schema.INT_FILL
    nothing = ((array == missing) | (array == fill)).all(axis=-1)
    if not nothing.any():
        return array
    array = array.copy()
    array[nothing, 0] = missing
    array[nothing, 1:] = fill
    return array


def _open_reader(view: StoreView) -> Any:
    import vcztools

    # A few workers only: the default of 32 threads helps object stores, not a local disk.
    reader = vcztools.VczReader(view.zarr_group(), readahead_workers=2, readahead_bytes=0)
    reader.set_bcftools_semantics()  # INFO as it is stored, also for some samples: nothing is counted anew
    numbers = view.sample_numbers()
    if numbers is not None:
        reader.set_sample_indexes(numbers)
    rows = view.sites_index()
    if len(rows) != reader.num_variants:
        reader.set_variants(rows)
    return reader


def records(view: StoreView) -> Iterator[str]:
    """Yield the VCF text of each record, without the line feed, in store order."""
    from vcztools.vcf_writer import VcfWriter

    if not len(view.sites_index()):
        return
    every_record_has_gt = view.every_record_has_genotype()
    with _open_reader(view) as reader:
        wrapped = _TextReader(reader)
        for read_chunk in wrapped.variant_chunks():
            chunk = {name: _utf8(array) for name, array in read_chunk.items()}
            quality = float_text(np.asarray(chunk[schema.VARIANT_QUALITY], dtype=np.float32))
            collected = _Lines()
            with VcfWriter(wrapped, collected, encode_threads=1) as writer:
                writer.write_chunk(chunk)
            for row, (line, value) in enumerate(zip(collected.lines(), quality, strict=True)):
                fields = line.split("\t", 9)
                fields[5] = str(value)
                if every_record_has_gt and len(fields) > 9 and fields[8].partition(":")[0] != "GT":
                    fields[8:] = _with_missing_genotypes(fields[8], fields[9], chunk, row)
                yield "\t".join(fields)


def _with_missing_genotypes(keys: str, calls: str, chunk: dict[str, npt.NDArray[Any]], row: int) -> list[str]:
    """Return FORMAT and calls with the GT that vcztools leaves out where no sample has a call."""
    genotype, phased = chunk[schema.CALL_GENOTYPE][row], chunk[schema.CALL_GENOTYPE_PHASED][row]
    words = [
        ("|" if together else "/").join("." * max(1, int(np.count_nonzero(alleles != schema.ALLELE_FILL))))
        for alleles, together in zip(genotype, phased, strict=True)
    ]
    if keys == ".":
        return ["GT", "\t".join(words)]
    return [f"GT:{keys}", "\t".join(f"{gt}:{call}" for gt, call in zip(words, calls.split("\t"), strict=True))]


def _utf8(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return strings as UTF-8 bytes: left to itself, vcztools' encoder takes ASCII only."""
    if array.dtype.kind not in "TU":
        return array
    width = max(int(np.strings.str_len(array).max(initial=1)), 1)
    return np.strings.encode(array.astype(f"U{width}"), "utf-8")


class _Lines:
    """Takes what the encoder writes, and gives it back by line."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def write(self, text: str) -> int:
        self._parts.append(text)
        return len(text)

    def lines(self) -> list[str]:
        return "".join(self._parts).removesuffix("\n").split("\n") if self._parts else []


def header(view: StoreView) -> str:
    """Return the header of the source VCF with the samples of the view, ending in a line feed."""
    text = view.vcf_header()
    lines = [line for line in text.splitlines() if line.startswith("##")]
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    if view.n_samples:
        columns += ["FORMAT", *view.sample_ids]
    return "\n".join([*lines, "\t".join(columns)]) + "\n"


# Whole numbers of up to this many digits are held exactly; longer ones may have been a Float, printed with six digits.
_EXACT_DIGITS = 7
_TAG = re.compile(r"%(?:INFO/)?[A-Za-z_][\w.]*")


def write_query(view: StoreView, query_format: str, output: TextIO) -> None:
    """Write one line per variant as `bcftools query -f` does, with %CHROM, %INFO/DP, [ %SAMPLE=%GT] and the like."""
    from vcztools.query import QueryFormatter

    if not len(view.sites_index()):
        return
    if "\\n" not in query_format:
        query_format += "\\n"
    with _open_reader(view) as reader:
        parsed = _parse_query(query_format)
        try:
            formatter = QueryFormatter(parsed, reader)
            for variant in _TextReader(reader).variants():
                output.write(formatter.format_variant(variant))
        except (KeyError, ValueError) as error:
            if isinstance(error, GenomicsError):
                raise
            raise InputError(f"--format {query_format!r}: {error}; {_known_tags(view)}") from error


def _known_tags(view: StoreView) -> str:
    names = [name for name in view.fields if name.startswith((schema.VARIANT_PREFIX, schema.CALL_PREFIX))]
    return f"the store has {', '.join(names[:12])}{', …' if len(names) > 12 else ''}"


def _parse_query(text: str) -> Any:
    """Return the parse tree that vcztools' formatter takes.

    Its own grammar knows tags of capital letters only; VCF names also hold lower case, digits, "_" and ".".
    """
    import pyparsing as pp

    tag = pp.Regex(_TAG.pattern)
    subfield = pp.Group(tag + pp.Suppress("{") + pp.common.integer + pp.Suppress("}")).set_results_name("subfield")
    newline = pp.Literal("\\n").set_parse_action(pp.replace_with("\n"))
    tab = pp.Literal("\\t").set_parse_action(pp.replace_with("\t"))
    whole = pp.Forward()
    loop = pp.Group(pp.Suppress("[") + whole + pp.Suppress("]")).set_results_name("sample loop")
    plain = pp.Word(pp.printables, exclude_chars="\\{}[]%")
    whole <<= pp.ZeroOrMore(loop | subfield | tag | newline | tab | pp.White() | plain).leave_whitespace()
    try:
        return whole.parse_string(text, parse_all=True)
    except pp.ParseException as error:
        raise UsageError(
            f"--format {text!r} is not understood at character {error.column}; "
            "it should look like '%CHROM\\t%POS\\t%REF\\t%ALT[\\t%GT]\\n'"
        ) from error


def differences(first: str, second: str, sample_ids: Sequence[str]) -> list[str]:
    """Return in words what differs between two VCF records, or nothing.

    Not differences: the order of INFO keys, FORMAT keys and FILTERs, and a key whose values are all missing against a
    key that is absent. Floats agree when they agree to six significant digits, which is what htslib prints.
    """
    if first == second:
        return []
    a, b = first.split("\t"), second.split("\t")
    found = []
    for name, x, y in zip(("CHROM", "POS", "ID", "REF", "ALT"), a, b, strict=False):
        if x != y:
            found.append(f"{name} {x} and {y}")
    if not _same_value(a[5], b[5]):
        found.append(f"QUAL {a[5]} and {b[5]}")
    if set(a[6].split(";")) != set(b[6].split(";")):
        found.append(f"FILTER {a[6]} and {b[6]}")
    info_a, info_b = _info(a[7]), _info(b[7])
    for key in sorted(info_a.keys() | info_b.keys()):
        x, y = info_a.get(key, "."), info_b.get(key, ".")
        if not _same_value(x, y):
            found.append(f"INFO/{key} {x} and {y}")
    if a[8:] == b[8:]:
        return found
    if len(a) != len(b):
        found.append(f"{max(len(a) - 9, 0)} and {max(len(b) - 9, 0)} samples")
        return found
    keys_a, keys_b = a[8].split(":"), b[8].split(":")
    for sample, x, y in zip(sample_ids, a[9:], b[9:], strict=True):
        if x == y and keys_a == keys_b:
            continue
        call_a, call_b = dict(zip(keys_a, x.split(":"), strict=False)), dict(zip(keys_b, y.split(":"), strict=False))
        for key in dict.fromkeys([*keys_a, *keys_b]):
            value_a, value_b = call_a.get(key, "."), call_b.get(key, ".")
            if not _same_value(value_a, value_b, genotype=key == "GT"):
                found.append(f"FORMAT/{key} of sample {sample}")  # never a person's genotype
    return found


def _info(text: str) -> dict[str, str]:
    if text == ".":
        return {}
    parts = (item.partition("=") for item in text.split(";") if item)
    return {key: value if equals else "1" for key, equals, value in parts}


def _same_value(a: str, b: str, *, genotype: bool = False) -> bool:
    if a == b:
        return True
    if genotype:
        # a record without GT and one whose calls are all missing are the same array
        return "." in (a, b) and not a.strip("./|") and not b.strip("./|")
    if not a.strip(".,") and not b.strip(".,"):
        return True
    parts_a, parts_b = a.split(","), b.split(",")
    return len(parts_a) == len(parts_b) and all(map(_same_number, parts_a, parts_b))


def _same_number(a: str, b: str) -> bool:
    if a == b:
        return True
    if len(a.strip("+-0")) <= _EXACT_DIGITS and a.lstrip("+-").isdigit() and b.lstrip("+-").isdigit():
        return int(a) == int(b)
    try:
        x, y = float(a), float(b)
    except ValueError:
        return False
    if x != x or y != y:
        return x != x and y != y
    return abs(x - y) <= 1.001e-5 * max(abs(x), abs(y))
