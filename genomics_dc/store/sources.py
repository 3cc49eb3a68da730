"""What must hold of a VCF before it may become a store.

Every file is read once, whole, before anything is encoded: its compression, its header, and the first eight columns
and the FORMAT keys of each record. What htslib would mend in silence (an undeclared contig or key, an index that is
older than its file) is refused or made anew here, because it would be lost in the store.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import BuildMismatchError, InputError
from genomics_dc.reference import contigs as contig_names
from genomics_dc.store import schema

_BGZF_MAGIC = b"\x1f\x8b\x08\x04"
_GZIP_MAGIC = b"\x1f\x8b"
_BGZF_EOF = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_SAFE_SAMPLE_ID = re.compile(r"[^\s/\\;,\x00-\x1f\x7f-][^\s/\\;,\x00-\x1f\x7f]*")
_N_FIXED_COLUMNS = 8
# VCF Zarr keeps "missing" as -1 and "end of vector" as -2 in integer arrays, so these two cannot be told from values.
_SENTINELS = {"-1", "-2"}
_NOT_A_NUMBER = {"nan", "+nan", "-nan"}
_SENTINEL_IN_CALLS = re.compile(r"-[12](?=[\t:,]|$)")
_NAN_IN_CALLS = re.compile(r"[nN][aA][nN]")
_DECLARATION = re.compile(r"##(INFO|FORMAT|FILTER|contig)=<(.*)>\s*")
_ID = re.compile(r"(?:^|,)ID=([^,>]+)")
_TYPE = re.compile(r"(?:^|,)Type=([^,>]+)")
_LENGTH = re.compile(r"(?:^|,)length=(\d+)")
_ASSEMBLY = re.compile(r"(?:^|,)assembly=\"?([^\",>]+)")
_BASES = frozenset("ACGTN")


@dataclass(frozen=True)
class Header:
    """A VCF header: its text, and what it declares."""

    text: str
    samples: tuple[str, ...]
    contigs: tuple[str, ...]
    contig_lengths: dict[str, int]
    filters: frozenset[str]
    info_types: dict[str, str]
    format_types: dict[str, str]
    assembly: str | None

    @classmethod
    def parse(cls, text: str, path: Path) -> Header:
        """Return the header in `text`; raise InputError when its column line is wrong or a sample cannot be kept."""
        declared: dict[str, dict[str, str]] = {"INFO": {}, "FORMAT": {}, "FILTER": {}, "contig": {}}
        lines = text.splitlines()
        for line in lines:
            match = _DECLARATION.fullmatch(line)
            name = _ID.search(match[2]) if match else None
            if match and name:
                declared[match[1]].setdefault(name[1], match[2])
        columns = lines[-1].split("\t") if lines else []
        expected = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
        if columns[:_N_FIXED_COLUMNS] != expected or columns[_N_FIXED_COLUMNS : _N_FIXED_COLUMNS + 1] not in (
            [],
            ["FORMAT"],
        ):
            raise InputError(
                f"{path}, line {len(lines)}: the column line should begin with {' '.join(expected)} (tabs between)"
            )
        samples = tuple(columns[_N_FIXED_COLUMNS + 1 :])
        _check_samples(samples, path)
        assemblies = {match[1] for body in declared["contig"].values() if (match := _ASSEMBLY.search(body))}
        return cls(
            text=text,
            samples=samples,
            contigs=tuple(declared["contig"]),
            contig_lengths={
                name: int(match[1]) for name, body in declared["contig"].items() if (match := _LENGTH.search(body))
            },
            filters=frozenset(declared["FILTER"]) | {"PASS"},
            info_types=_types(declared["INFO"]),
            format_types=_types(declared["FORMAT"]),
            assembly=assemblies.pop() if len(assemblies) == 1 else None,
        )


def _types(declared: dict[str, str]) -> dict[str, str]:
    return {name: match[1] if (match := _TYPE.search(body)) else "String" for name, body in declared.items()}


def _check_samples(samples: Sequence[str], path: Path) -> None:
    seen: set[str] = set()
    for column, sample in enumerate(samples, start=_N_FIXED_COLUMNS + 2):
        if sample in seen:
            raise InputError(f"{path}: sample {sample} has two columns (the second is column {column}); keep one")
        seen.add(sample)
        if not _SAFE_SAMPLE_ID.fullmatch(sample) or ".." in sample:
            raise InputError(
                f"{path}: sample id {sample!r} (column {column}) cannot be kept: an id has no space, '/', '\\', ';', "
                "',' or '..' and does not begin with '-'; rename it with `bcftools reheader -s`"
            )


@dataclass
class Span:
    """The records of one contig in one file: how many, and from which to which position (one-based)."""

    contig: str
    n_records: int
    first: int
    last: int


@dataclass(frozen=True)
class Source:
    """One input file, checked: the user's path, and a link in scratch that has an index beside it.

    `exact` names the integer fields ("INFO/SVLEN") that hold -1 or -2 as values.
    """

    path: Path
    indexed_path: Path
    header: Header
    spans: tuple[Span, ...]
    exact: frozenset[str] = field(default=frozenset())
    every_record_has_genotype: bool = False

    @property
    def n_records(self) -> int:
        """How many records the file has."""
        return sum(span.n_records for span in self.spans)


def prepare_sources(
    paths: Sequence[Path],
    scratch: Path,
    *,
    reference: Path | None = None,
    progress: Callable[[str, float], None] = lambda _step, _share: None,
) -> list[Source]:
    """Check every file, index it in `scratch`, and return them in genome order.

    Raises
    ------
    InputError
        Naming file, line, and what was expected.
    BuildMismatchError
        When REF disagrees with the bases of `reference`.
    """
    if not paths:
        raise InputError("no VCF is given; name one or more files")
    bases = None if reference is None else _Bases(reference)
    sources = []
    total_bytes = sum(path.stat().st_size for path in paths if path.exists()) or 1
    done_bytes = 0
    for number, path in enumerate(paths):
        progress(f"Checking {path.name}", done_bytes / total_bytes)
        sources.append(_prepare(path, scratch / f"source-{number:06d}", bases))
        done_bytes += path.stat().st_size
    _check_together(sources)
    return _in_genome_order(sources)


def _prepare(path: Path, stem: Path, bases: _Bases | None) -> Source:
    import pysam
    import pysam.bcftools
    import pysam.utils

    kind = _file_kind(path)
    if kind == "text":
        link = stem.with_suffix(".vcf.gz")
        pysam.tabix_compress(str(path), str(link), force=True)
    else:
        link = stem.with_suffix(".bcf" if kind == "bcf" else ".vcf.gz")
        link.symlink_to(path.resolve())
    source = _scan_bcf(path, link, bases) if kind == "bcf" else _scan_text(path, link, bases)
    if bases is not None:
        bases.raise_on_mismatch(path)
    if not source.n_records:
        raise InputError(f"{path} has a header but no records; nothing can be stored")
    with quiet_htslib():
        try:
            pysam.bcftools.index("--csi", str(link), catch_stdout=False)
        except pysam.utils.SamtoolsError as error:
            raise InputError(f"{path} cannot be indexed: {_last_words(error)}") from error
    return source


def _last_words(error: Exception) -> str:
    words = str(error).replace("\\n", " ").strip().rstrip("'")
    return words.rpartition("stderr=")[2].strip() or words


def _file_kind(path: Path) -> str:
    """Return "text", "vcf" (BGZF) or "bcf"; raise InputError when the file is none of them, or is cut short."""
    try:
        size = path.stat().st_size
        with open(path, "rb") as handle:
            head = handle.read(18)
            handle.seek(max(0, size - len(_BGZF_EOF)))
            tail = handle.read()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; give the path of a VCF or BCF file") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; give the path of a VCF or BCF file") from None
    except PermissionError:
        raise InputError(f"{path} cannot be read: you have no permission; ask its owner") from None
    if not size:
        raise InputError(f"{path} is empty; a VCF has at least a header")
    if head.startswith(b"##fileformat=VCF"):
        return "text"
    if not head.startswith(_GZIP_MAGIC):
        raise InputError(f"{path} is not a VCF: it begins with {head[:8]!r}, not with ##fileformat=VCF")
    if not head.startswith(_BGZF_MAGIC) or head[12:14] != b"BC":
        raise InputError(f"{path} is compressed by gzip, not by bgzip; run `gunzip -c {path.name} | bgzip` first")
    if tail != _BGZF_EOF:
        raise InputError(f"{path} is truncated: the end-of-file block of BGZF is missing; copy or make the file again")
    import gzip

    try:
        with gzip.open(path) as handle:
            magic = handle.read(5)
    except (OSError, EOFError, struct.error) as error:
        raise InputError(f"{path} is damaged at its beginning: {error}") from error
    if magic.startswith(b"BCF\x02"):
        return "bcf"
    if not magic.startswith(b"##"):
        raise InputError(f"{path} is not a VCF: its text begins with {magic!r}, not with ##fileformat=VCF")
    return "vcf"


def _lines(link: Path, path: Path) -> Iterator[str]:
    """Yield the lines of a BGZF file without their ends; raise InputError when a block is damaged."""
    import gzip
    import zlib

    number = 0  # also told when a block is damaged
    try:
        # gzip checks the CRC32 and the length of every BGZF block
        with gzip.open(link, "rb") as handle:
            for number, line in enumerate(handle, start=1):  # noqa: B007  (read in the handlers below)
                yield line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}, line {number}: byte {error.object[error.start]:#04x} is not UTF-8") from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} is truncated or damaged after line {number}: {error}; copy or make the file again"
        ) from error


def _scan_text(path: Path, link: Path, bases: _Bases | None) -> Source:
    lines = _lines(link, path)
    header_lines: list[str] = []
    for line in lines:
        header_lines.append(line)
        if not line.startswith("##"):
            break
    header = Header.parse("\n".join(header_lines) + "\n", path)
    check = _RecordCheck(path, header, bases)
    for number, line in enumerate(lines, start=len(header_lines) + 1):
        if line:
            check.text(line, number)
        else:
            raise InputError(f"{path}, line {number} is empty; a VCF has no empty lines")
    return check.source(link)


def _scan_bcf(path: Path, link: Path, bases: _Bases | None) -> Source:
    import pysam

    with quiet_htslib():
        try:
            opened = pysam.VariantFile(str(link))
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be opened as BCF: {error}") from error
        with opened:
            header = Header.parse(str(opened.header), path)
            check = _RecordCheck(path, header, bases)
            number = 0
            try:
                for number, record in enumerate(opened, start=1):
                    check.text(str(record).rstrip("\n"), number)
            except OSError as error:
                raise InputError(f"{path} is truncated or damaged after record {number}: {error}") from error
    return check.source(link)


class _RecordCheck:
    """Holds each record against the header and the one before it."""

    def __init__(self, path: Path, header: Header, bases: _Bases | None) -> None:
        self.path = path
        self.header = header
        self.bases = bases
        self.spans: list[Span] = []
        self.exact: set[str] = set()
        self._contigs = frozenset(header.contigs)
        self._filters_known: set[str] = {".", "PASS"}
        self._formats_known: set[str] = set()
        self._n_without_genotype = 0
        self._n_columns = _N_FIXED_COLUMNS + (1 + len(header.samples) if header.samples else 0)

    def source(self, link: Path) -> Source:
        """Return the file as checked, once all its records are."""
        return Source(
            self.path,
            link,
            self.header,
            tuple(self.spans),
            frozenset(self.exact),
            every_record_has_genotype=bool(self.header.samples) and not self._n_without_genotype,
        )

    def text(self, line: str, number: int) -> None:
        """Check one record."""
        where = f"{self.path}, line {number}"
        fields = line.split("\t", _N_FIXED_COLUMNS + 1)
        if len(fields) < _N_FIXED_COLUMNS:
            raise InputError(f"{where} has {len(fields)} columns; a record has at least {_N_FIXED_COLUMNS}")
        n_columns = line.count("\t") + 1
        if n_columns != self._n_columns and not (not self.header.samples and n_columns == _N_FIXED_COLUMNS + 1):
            raise InputError(f"{where} has {n_columns} columns; the header has {self._n_columns}")
        contig, position_text, _, ref, _, _, filters, info = fields[:_N_FIXED_COLUMNS]
        if not position_text.isascii() or not position_text.isdigit():
            raise InputError(f"{where}: POS should be a whole number, not {position_text!r}")
        position = int(position_text)
        self._place(contig, position, where)
        if filters not in self._filters_known:
            self._check_filters(filters, where)
        if info != ".":
            self._check_info(info, where)
        if len(fields) > _N_FIXED_COLUMNS + 1:
            self._check_format(fields[_N_FIXED_COLUMNS], fields[_N_FIXED_COLUMNS + 1], where)
        if self.bases is not None:
            self.bases.compare(contig, position, ref, where)

    def _place(self, contig: str, position: int, where: str) -> None:
        span = self.spans[-1] if self.spans else None
        if span is not None and span.contig == contig:
            if position < span.last:
                raise InputError(
                    f"{where}: position {position:,} of contig {contig} comes after {span.last:,}; "
                    "sort the file with `bcftools sort`"
                )
            span.last = position
            span.n_records += 1
            return
        # A header without any contig line is within the specification; one that forgets a contig is not trusted.
        if self._contigs and contig not in self._contigs:
            raise InputError(
                f"{where}: contig {contig} is not in the header, which has "
                f"{', '.join(self.header.contigs[:5])}{', …' if len(self.header.contigs) > 5 else ''}; "
                "add it with `bcftools reheader --fai`"
            )
        if any(former.contig == contig for former in self.spans):
            raise InputError(
                f"{where}: contig {contig} comes again after {self.spans[-1].contig}; "
                "sort the file with `bcftools sort`"
            )
        self.spans.append(Span(contig, 1, position, position))

    def _check_filters(self, filters: str, where: str) -> None:
        for name in filters.split(";"):
            if name not in self.header.filters:
                raise InputError(f"{where}: FILTER {name} is not in the header; add its ##FILTER line")
        self._filters_known.add(filters)

    def _check_info(self, info: str, where: str) -> None:
        types = self.header.info_types
        for item in info.split(";"):
            key, _, value = item.partition("=")
            kind = types.get(key)
            if kind is None:
                raise InputError(f"{where}: INFO key {key!r} is not in the header; add its ##INFO line")
            if _is_exact(kind, value):
                self.exact.add(f"INFO/{key}")

    def _check_format(self, keys: str, calls: str, where: str) -> None:
        if keys not in self._formats_known:
            names = keys.split(":")
            for name in names:
                if name not in self.header.format_types and name != ".":
                    raise InputError(f"{where}: FORMAT key {name!r} is not in the header; add its ##FORMAT line")
            if "GT" in names[1:]:
                raise InputError(f"{where}: GT should be the first FORMAT key, but the keys are {keys}")
            if len(set(names)) != len(names):
                raise InputError(f"{where}: a FORMAT key stands twice in {keys}")
            self._formats_known.add(keys)
        if not keys.startswith("GT"):
            self._n_without_genotype += 1
        # most lines end here: a look for one letter is a hundred times faster than the loop over samples
        if ("-" in calls and _SENTINEL_IN_CALLS.search(calls)) or (
            ("n" in calls or "N" in calls) and _NAN_IN_CALLS.search(calls)
        ):
            names = keys.split(":")
            for call in calls.split("\t"):
                for name, value in zip(names, call.split(":"), strict=False):
                    if _is_exact(self.header.format_types.get(name, ""), value):
                        self.exact.add(f"FORMAT/{name}")


def _is_exact(kind: str, value: str) -> bool:
    """Tell whether a value of this type holds what bio2zarr would turn into "missing"."""
    if kind == "Integer":
        return "-" in value and not _SENTINELS.isdisjoint(value.split(","))
    return kind == "Float" and "n" in value.lower() and not _NOT_A_NUMBER.isdisjoint(value.lower().split(","))


def ordered_spans(sources: Sequence[Source]) -> list[tuple[Source, Span]]:
    """Return each file's contigs in the order in which the store has them: contig by contig of the joint header."""
    rank: dict[str, int] = {}
    for source in sources:
        for contig in (*source.header.contigs, *(span.contig for span in source.spans)):
            rank.setdefault(contig, len(rank))
    pairs = [(source, span) for source in sources for span in source.spans]
    return sorted(pairs, key=lambda pair: (rank[pair[1].contig], pair[1].first))


def field_values(vcf_name: str, sources: Sequence[Source]) -> Iterator[npt.NDArray[Any] | None]:
    """Yield one numeric field ("INFO/SVLEN", "FORMAT/GL") of every record in store order, as htslib has it.

    int32 or float32 [S, n] for FORMAT, [1, n] for INFO; None where the record lacks the field.
    """
    import cyvcf2

    category, _, key = vcf_name.partition("/")
    for source, span in ordered_spans(sources):
        opened = cyvcf2.VCF(str(source.indexed_path))
        for record in opened(span.contig):
            if category == "FORMAT":
                yield record.format(key)
                continue
            value = record.INFO.get(key)
            if value is None:
                yield None
                continue
            items = value if isinstance(value, tuple) else (value,)
            if source.header.info_types[key] == "Integer":
                missing = schema.HTSLIB_INT_MISSING
                yield np.array([[missing if item is None else item for item in items]], dtype=np.int32)
            else:
                absent = schema.float_sentinels(np.dtype(np.float32))[0]
                yield np.array([[absent if item is None else np.float32(item) for item in items]], dtype=np.float32)
        opened.close()


class _Bases:
    """The bases of a FASTA, held against REF; counts how many records disagree."""

    def __init__(self, reference: Path) -> None:
        import pysam

        if not reference.exists():
            raise InputError(f"{reference} does not exist; give the FASTA of the genome build")
        if not Path(f"{reference}.fai").exists():
            raise InputError(f"{reference} has no index; run `samtools faidx {reference.name}` first")
        try:
            self._fasta = pysam.FastaFile(str(reference))
        except (OSError, ValueError) as error:
            raise InputError(f"{reference} cannot be opened as FASTA: {error}") from error
        self._path = reference
        self._names = list(self._fasta.references)
        self._contig = ""
        self._name: str | None = None
        self._length = 0
        self._window = (0, "")
        self._n_compared = 0
        self._n_differ = 0
        self._first = ""

    _WINDOW_BASES = 1 << 20

    def compare(self, contig: str, position: int, ref: str, where: str) -> None:
        """Count one record; `position` is one-based."""
        if contig != self._contig:
            self._contig = contig
            self._name = contig_names.resolve(contig, self._names)
            if self._name is None:
                raise BuildMismatchError(
                    f"{where}: contig {contig} is not in {self._path}, which has "
                    f"{', '.join(self._names[:5])}{', …' if len(self._names) > 5 else ''}"
                )
            self._length = self._fasta.get_reference_length(self._name)
            self._window = (0, "")
        letters = ref.upper()
        if not _BASES.issuperset(letters) or position < 1:
            return  # not bases: nothing to hold against the FASTA
        start = position - 1
        self._n_compared += 1
        found = self._fetch(start, start + len(letters))
        if found != letters and not _agrees(letters, found):
            self._n_differ += 1
            if not self._first:
                shown = found[:20] or f"nothing (the contig has {self._length:,} bases)"
                self._first = f"{where}: at {contig}:{position:,} REF is {ref[:20]}, the FASTA has {shown}"

    def raise_on_mismatch(self, path: Path) -> None:
        """Raise BuildMismatchError when any record so far disagreed."""
        if self._n_differ:
            raise BuildMismatchError(
                f"{self._first}; {self._n_differ:,} of {self._n_compared:,} records of {path} disagree with "
                f"{self._path}: the data are of another genome build, or damaged"
            )

    def _fetch(self, start: int, end: int) -> str:
        window_start, bases = self._window
        if not (window_start <= start and end <= window_start + len(bases)):
            stop = min(max(end, start + self._WINDOW_BASES), self._length)
            if start >= stop:
                return ""
            window_start, bases = start, self._fasta.fetch(self._name, start, stop).upper()
            self._window = (window_start, bases)
        return bases[start - window_start : end - window_start]


def _agrees(ref: str, found: str) -> bool:
    """Tell whether REF fits the FASTA where either has N or an ambiguity code."""
    return len(ref) == len(found) and all(
        a == b or a == "N" or b not in "ACGT" for a, b in zip(ref, found, strict=True)
    )


def _check_together(sources: Sequence[Source]) -> None:
    """Raise InputError when files of one cohort have other samples or fields, or overlap."""
    first = sources[0]
    for other in sources[1:]:
        if other.header.samples != first.header.samples:
            raise InputError(_sample_difference(first, other))
        for what in ("info_types", "format_types", "filters"):
            mine, theirs = getattr(first.header, what), getattr(other.header, what)
            if mine != theirs:
                names = set(mine) ^ set(theirs) or {name for name in mine if mine[name] != theirs[name]}
                raise InputError(
                    f"{other.path} and {first.path} declare other {what.removesuffix('_types').upper().rstrip('S')} "
                    f"lines: {', '.join(sorted(names)[:5])}; files of one cohort have one header"
                )
    placed = sorted(
        ((span.contig, span.first, span.last, source.path) for source in sources for span in source.spans),
        key=lambda item: item[:3],
    )
    for (contig, _, last, path), (next_contig, start, _, next_path) in pairwise(placed):
        if contig == next_contig and start <= last:
            raise InputError(
                f"{path} and {next_path} overlap: one reaches {contig}:{last:,}, the other begins at "
                f"{contig}:{start:,}; files of one cohort split the genome"
            )


def _sample_difference(first: Source, other: Source) -> str:
    mine, theirs = first.header.samples, other.header.samples
    lead = f"{other.path} and {first.path} should have the same samples in the same order"
    only = [name for name in theirs if name not in set(mine)] or [name for name in mine if name not in set(theirs)]
    if only:
        return f"{lead}, but {len(mine)} and {len(theirs)} are there and {only[0]} is only in one of them"
    column = next(j for j, (a, b) in enumerate(zip(mine, theirs, strict=True)) if a != b)
    return f"{lead}, but sample {column + 1} is {theirs[column]} in one and {mine[column]} in the other"


def _in_genome_order(sources: Sequence[Source]) -> list[Source]:
    """Return the files so that the order they were named in does not matter."""
    rank: dict[str, int] = {}
    for source in sorted(sources, key=lambda source: (source.header.contigs, source.spans[0].contig)):
        for contig in (*source.header.contigs, *(span.contig for span in source.spans)):
            rank.setdefault(contig, len(rank))
    return sorted(sources, key=lambda source: (rank[source.spans[0].contig], source.spans[0].first))


@contextmanager
def quiet_htslib() -> Iterator[None]:
    """Keep htslib's own warnings off stderr: what matters is said in our sentences."""
    import pysam

    before: Any = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)
