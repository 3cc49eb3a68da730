"""Gene models from GFF3: transcripts, exons, coding sequence, translation.

Inside this module positions are zero-based half-open on the forward strand; `Transcript` alone knows how to walk a
transcript in its own direction. Reads the two dialects people have: Ensembl (`ID=transcript:ENST…`, `biotype=`) and
GENCODE (`ID=ENST….n`, `transcript_type=`).
Specification: https://github.com/The-Sequence-Ontology/Specifications/blob/master/gff3.md
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from genomics_dc.errors import InputError
from genomics_dc.files import sha256_file

Interval = tuple[int, int]

_COMPLEMENT = str.maketrans("ACGTNacgtn", "TGCANtgcan")
_BASES = "TCAG"
_STANDARD_AMINO_ACIDS = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
"""NCBI translation table 1, codons in TCAG order: https://www.ncbi.nlm.nih.gov/Taxonomy/Utils/wprintgc.cgi"""
CODON_TABLE: Mapping[str, str] = {
    a + b + c: _STANDARD_AMINO_ACIDS[16 * i + 4 * j + k]
    for i, a in enumerate(_BASES)
    for j, b in enumerate(_BASES)
    for k, c in enumerate(_BASES)
}

_GENE_TYPES = {"gene", "ncRNA_gene", "pseudogene", "protein_coding_gene"}
_CANONICAL_TAGS = ("MANE_Select", "Ensembl_canonical")


class Sequence(Protocol):
    """Reference bases: `fetch(contig, start, end)` gives upper-case text, zero-based half-open."""

    def fetch(self, contig: str, start: int, end: int) -> str:
        """Return the bases of an interval."""


def reverse_complement(bases: str) -> str:
    """Return the other strand, read in its own direction."""
    return bases.translate(_COMPLEMENT)[::-1]


def translate(bases: str) -> str:
    """Translate whole codons with the standard code; a stop is "*", a codon with an unknown base "X".

    A rest of one or two bases is left out. Mitochondrial sequence has another code and must not come here.
    """
    return "".join(CODON_TABLE.get(bases[i : i + 3], "X") for i in range(0, len(bases) - 2, 3))


@dataclass(frozen=True)
class Transcript:
    """One transcript. `exons` and `cds` are zero-based half-open on the forward strand, ascending, not overlapping.

    `identifier` has the version when the file does ("ENST00000357654.3"). `cds` includes the stop codon. `strand`
    is 1 or -1. `phase` is the number of bases before the first whole codon of an incomplete coding sequence.
    """

    identifier: str
    gene_id: str
    gene: str
    contig: str
    strand: int
    biotype: str
    exons: tuple[Interval, ...]
    cds: tuple[Interval, ...]
    phase: int = 0
    tags: frozenset[str] = frozenset()
    canonical: bool = False

    @property
    def start(self) -> int:
        """Return the zero-based first base on the forward strand."""
        return self.exons[0][0]

    @property
    def end(self) -> int:
        """Return the end (exclusive) on the forward strand."""
        return self.exons[-1][1]

    @property
    def base_identifier(self) -> str:
        """Return the identifier without its version."""
        return self.identifier.split(".")[0]

    @property
    def is_coding(self) -> bool:
        """Return whether the transcript has a coding sequence."""
        return bool(self.cds)

    @cached_property
    def coding_bases(self) -> int:
        """Return the number of coding bases, stop codon included."""
        return sum(end - start for start, end in self.cds)

    @cached_property
    def exon_offsets(self) -> tuple[int, ...]:
        """Return, for each exon in ascending genomic order, the transcript offset of its first-read base."""
        order = self.exons if self.strand == 1 else tuple(reversed(self.exons))
        offsets: dict[Interval, int] = {}
        total = 0
        for exon in order:
            offsets[exon] = total
            total += exon[1] - exon[0]
        return tuple(offsets[exon] for exon in self.exons)

    @cached_property
    def length(self) -> int:
        """Return the spliced length in bases."""
        return sum(end - start for start, end in self.exons)

    def offset(self, position: int) -> int | None:
        """Return the zero-based offset of a zero-based genomic base in the spliced transcript, None outside exons."""
        for (start, end), first in zip(self.exons, self.exon_offsets, strict=True):
            if start <= position < end:
                return first + (position - start if self.strand == 1 else end - 1 - position)
        return None

    @cached_property
    def cds_offsets(self) -> Interval:
        """Return the half-open interval of the coding sequence in the spliced transcript; ValueError if non-coding."""
        if not self.cds:
            raise ValueError(f"{self.identifier} has no coding sequence")
        first = self.cds[0][0] if self.strand == 1 else self.cds[-1][1] - 1
        start = self.offset(first)
        assert start is not None
        return start, start + self.coding_bases

    @cached_property
    def junctions(self) -> tuple[int, ...]:
        """Return the transcript offsets at which a new exon starts (the first exon's 0 left out), ascending."""
        return tuple(sorted(self.exon_offsets))[1:]

    def sequence(self, reference: Sequence) -> str:
        """Return the spliced transcript in its own direction, upper case."""
        bases = "".join(reference.fetch(self.contig, start, end) for start, end in self.exons).upper()
        return bases if self.strand == 1 else reverse_complement(bases)

    def cds_sequence(self, reference: Sequence) -> str:
        """Return the coding sequence in its own direction, upper case."""
        bases = "".join(reference.fetch(self.contig, start, end) for start, end in self.cds).upper()
        return bases if self.strand == 1 else reverse_complement(bases)

    def protein(self, reference: Sequence) -> str:
        """Return the translation, stop as "*"; starts at the first whole codon of an incomplete coding sequence."""
        return translate(self.cds_sequence(reference)[self.phase :])

    @cached_property
    def start_is_complete(self) -> bool:
        """Return whether the coding sequence has its start, so that c.1 is known."""
        return self.phase == 0 and not self.tags & {"cds_start_NF", "mRNA_start_NF"}


@dataclass(frozen=True)
class GeneModels:
    """All transcripts of a GFF3 file."""

    path: Path
    sha256: str
    version: str | None
    transcripts: tuple[Transcript, ...] = field(repr=False)

    @cached_property
    def by_identifier(self) -> Mapping[str, Transcript]:
        """Return transcripts by identifier, with and without version."""
        table = {transcript.base_identifier: transcript for transcript in self.transcripts}
        table.update({transcript.identifier: transcript for transcript in self.transcripts})
        return table

    @cached_property
    def by_gene(self) -> Mapping[str, tuple[Transcript, ...]]:
        """Return transcripts by gene symbol."""
        table: dict[str, list[Transcript]] = {}
        for transcript in self.transcripts:
            table.setdefault(transcript.gene, []).append(transcript)
        return {gene: tuple(members) for gene, members in table.items()}

    @cached_property
    def contigs(self) -> tuple[str, ...]:
        """Return the contig names, in the order in which they first come."""
        return tuple(dict.fromkeys(transcript.contig for transcript in self.transcripts))

    @cached_property
    def _bins(self) -> Mapping[tuple[str, int], tuple[Transcript, ...]]:
        bins: dict[tuple[str, int], list[Transcript]] = {}
        for transcript in self.transcripts:
            for number in range(transcript.start >> _BIN_SHIFT, ((transcript.end - 1) >> _BIN_SHIFT) + 1):
                bins.setdefault((transcript.contig, number), []).append(transcript)
        return {key: tuple(members) for key, members in bins.items()}

    def overlapping(self, contig: str, start: int, end: int) -> tuple[Transcript, ...]:
        """Return the transcripts that touch a zero-based half-open interval, in file order."""
        found: dict[str, Transcript] = {}
        for number in range(start >> _BIN_SHIFT, (max(end - 1, start) >> _BIN_SHIFT) + 1):
            for transcript in self._bins.get((contig, number), ()):
                if transcript.start < max(end, start + 1) and start < transcript.end:
                    found[transcript.identifier] = transcript
        return tuple(found.values())

    def transcript(self, identifier: str) -> Transcript:
        """Return one transcript; a version that is asked for must be the version in the file."""
        exact = self.by_identifier.get(identifier)
        if exact is not None:
            return exact
        other = self.by_identifier.get(identifier.split(".")[0])
        if other is None:
            raise InputError(f"{self.path} has no transcript {identifier}; give gene models that hold it")
        if "." not in other.identifier:
            return other
        raise InputError(
            f"{self.path} has {other.identifier}, but {identifier} is asked for; versions differ in their exons, so "
            "give the gene models of that version or name the version of the file"
        )

    def canonical(self, gene: str) -> Transcript:
        """Return a gene's canonical transcript; see `read_genes` for what counts as canonical."""
        members = self.by_gene.get(gene)
        if not members:
            raise InputError(f"{self.path} has no gene {gene}; give gene models that hold it, or correct the symbol")
        return next(transcript for transcript in members if transcript.canonical)

    def write_for_csq(self, path: Path, names: Mapping[str, str]) -> int:
        """Write the transcripts in the Ensembl style that `bcftools csq` reads; return how many were written.

        `names` maps a contig of this file to the name in the FASTA; contigs that are not in it are left out.
        """
        kept = [transcript for transcript in self.transcripts if transcript.contig in names]
        genes: dict[str, list[Transcript]] = {}
        for transcript in kept:
            genes.setdefault(transcript.gene_id, []).append(transcript)
        with open(path, "w", encoding="utf-8") as handle:
            handle.write("##gff-version 3\n")
            for gene_id, members in genes.items():
                handle.writelines(_csq_lines(gene_id, members, names))
        return len(kept)


_BIN_SHIFT = 16


def _csq_lines(gene_id: str, members: Iterable[Transcript], names: Mapping[str, str]) -> Iterator[str]:
    members = list(members)
    first = members[0]
    contig, strand = names[first.contig], "+" if first.strand == 1 else "-"
    biotype = "protein_coding" if any(member.biotype == "protein_coding" for member in members) else first.biotype

    def line(kind: str, start: int, end: int, attributes: str, phase: str = ".") -> str:
        return f"{contig}\tgenomics_dc\t{kind}\t{start + 1}\t{end}\t.\t{strand}\t{phase}\t{attributes}\n"

    start, end = min(member.start for member in members), max(member.end for member in members)
    yield line("gene", start, end, f"ID=gene:{gene_id};Name={first.gene};biotype={biotype}")
    for member in members:
        parent = f"transcript:{member.identifier}"
        yield line(
            "transcript", member.start, member.end, f"ID={parent};Parent=gene:{gene_id};biotype={member.biotype}"
        )
        for exon in member.exons:
            yield line("exon", *exon, f"Parent={parent}")
        reading = member.cds if member.strand == 1 else tuple(reversed(member.cds))
        before = -member.phase
        for part in reading:
            yield line("CDS", *part, f"Parent={parent}", str(-before % 3))
            before += part[1] - part[0]
        if member.cds:
            low, high = member.cds[0][0], member.cds[-1][1]
            for start, end in member.exons:
                for name, piece in (("left", (start, min(end, low))), ("right", (max(start, high), end))):
                    if piece[0] < piece[1]:
                        five_prime = (name == "left") == (member.strand == 1)
                        yield line("five_prime_UTR" if five_prime else "three_prime_UTR", *piece, f"Parent={parent}")


@dataclass
class _Draft:
    identifier: str
    gene_id: str
    contig: str
    strand: int
    biotype: str
    tags: frozenset[str]
    gene_name: str | None
    exons: list[Interval] = field(default_factory=list)
    cds: list[tuple[int, int, int]] = field(default_factory=list)
    stop_codons: list[Interval] = field(default_factory=list)


def read_genes(path: Path | str) -> GeneModels:
    """Read gene models from a GFF3 file, plain or gzip.

    One transcript of each gene is canonical: the one tagged MANE_Select, else Ensembl_canonical; where no transcript is
    tagged, the one with the longest coding sequence, then the longest transcript, then the first in the file.

    Raises InputError with the line for a row that breaks the format, for exons that overlap, for a coding base outside
    the exons, and when the file holds no transcript at all.
    """
    source = Path(path)
    drafts: dict[str, _Draft] = {}
    gene_names: dict[str, str] = {}
    version = None
    for number, columns, comment in _rows(source):
        if comment is not None:
            if version is None and comment.startswith(
                ("#!genome-version", "#!genebuild-last-updated", "#description:")
            ):
                version = comment.lstrip("#!").removeprefix("description:").strip()
            continue
        where = f"{source}, line {number}"
        contig, _, kind, first, last, _, strand, phase, text = columns
        attributes = _attributes(text)
        try:
            start, end = int(first) - 1, int(last)
        except ValueError:
            raise InputError(f"{where}: start and end must be whole numbers, came {first!r} and {last!r}") from None
        if start < 0 or end <= start:
            raise InputError(f"{where}: the interval {first}-{last} is empty or starts before 1")
        if kind in _GENE_TYPES or attributes.get("ID", "").startswith("gene:"):
            gene_id = _bare(attributes.get("ID", ""))
            name = attributes.get("Name") or attributes.get("gene_name") or gene_id
            gene_names[gene_id] = name
        elif _is_transcript(kind, attributes):
            identifier = _versioned(_bare(attributes["ID"]), attributes)
            parent = _bare(attributes.get("Parent") or attributes.get("gene_id") or "")
            if strand not in ("+", "-"):
                raise InputError(f"{where}: transcript {identifier} must have strand + or -, came {strand!r}")
            drafts[_bare(attributes["ID"])] = _Draft(
                identifier,
                parent,
                contig,
                1 if strand == "+" else -1,
                attributes.get("biotype") or attributes.get("transcript_type") or kind,
                frozenset((attributes.get("tag") or "").split(",")),
                attributes.get("gene_name"),
            )
        elif kind in ("exon", "CDS", "stop_codon"):
            for parent in attributes.get("Parent", "").split(","):
                draft = drafts.get(_bare(parent))
                if draft is None:
                    continue
                if draft.contig != contig:
                    raise InputError(
                        f"{where}: {kind} is on {contig}, its transcript {draft.identifier} on {draft.contig}"
                    )
                if kind == "exon":
                    draft.exons.append((start, end))
                elif kind == "stop_codon":
                    draft.stop_codons.append((start, end))
                else:
                    if phase not in ("0", "1", "2"):
                        raise InputError(f"{where}: a CDS row needs phase 0, 1 or 2, came {phase!r}")
                    draft.cds.append((start, end, int(phase)))
    transcripts = [_finish(draft, gene_names, source) for draft in drafts.values() if draft.exons or draft.cds]
    if not transcripts:
        raise InputError(
            f"{source} holds no transcript with exons; give gene models as GFF3 (Ensembl or GENCODE style)"
        )
    return GeneModels(source, sha256_file(source), version, tuple(_mark_canonical(transcripts)))


def _rows(path: Path) -> Iterator[tuple[int, list[str], str | None]]:
    """Yield (line number, nine columns, None) for a row and (line number, [], text) for a comment."""
    with open(path, "rb") as probe:
        zipped = probe.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path, "rt", encoding="utf-8") if zipped else open(path, encoding="utf-8") as handle:
            for number, line in enumerate(handle, 1):
                text = line.rstrip("\r\n")
                if text.startswith("##FASTA"):
                    return
                if not text:
                    continue
                if text.startswith("#"):
                    yield number, [], text
                    continue
                columns = text.split("\t")
                if len(columns) != 9:
                    raise InputError(
                        f"{path}, line {number}: a GFF3 row has 9 tab-separated columns, here are {len(columns)}"
                    )
                yield number, columns, None
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is not readable GFF3 text ({error}); it may be cut off: fetch it again") from error


def _attributes(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.strip().split(";") if part)
    return {key.strip(): unquote(value) for key, _, value in pairs}


def _bare(identifier: str) -> str:
    return identifier.removeprefix("gene:").removeprefix("transcript:")


def _versioned(identifier: str, attributes: Mapping[str, str]) -> str:
    """Return the identifier with its version, which Ensembl puts in an attribute of its own."""
    version = attributes.get("version")
    return f"{identifier}.{version}" if version and "." not in identifier else identifier


def _is_transcript(kind: str, attributes: Mapping[str, str]) -> bool:
    if "ID" not in attributes or not attributes.get("Parent"):
        return False
    return attributes["ID"].startswith("transcript:") or kind in ("transcript", "mRNA")


def _finish(draft: _Draft, gene_names: Mapping[str, str], source: Path) -> Transcript:
    exons = sorted(set(draft.exons)) or sorted({(start, end) for start, end, _ in draft.cds})
    cds = sorted(set(draft.cds))
    for name, parts in (("exons", exons), ("CDS rows", [(start, end) for start, end, _ in cds])):
        for (_, end), (start, _) in pairwise(parts):
            if start < end:
                raise InputError(f"{source}: {name} of transcript {draft.identifier} overlap at {start + 1}-{end}")
    coding = [(start, end) for start, end, _ in cds]
    phase = 0
    if cds:
        phase = cds[0][2] if draft.strand == 1 else cds[-1][2]
        coding = _with_stop_codon(coding, draft.stop_codons)
        for start, end in coding:
            if not any(low <= start and end <= high for low, high in exons):
                raise InputError(
                    f"{source}: coding interval {start + 1}-{end} of transcript {draft.identifier} is outside its exons"
                )
    return Transcript(
        draft.identifier,
        draft.gene_id,
        gene_names.get(draft.gene_id) or draft.gene_name or draft.gene_id,
        draft.contig,
        draft.strand,
        draft.biotype,
        tuple(exons),
        tuple(coding),
        phase,
        draft.tags,
    )


def _with_stop_codon(coding: list[Interval], stop_codons: list[Interval]) -> list[Interval]:
    """Return the coding intervals joined with stop-codon rows: some files leave the stop codon out of the CDS."""
    merged: list[Interval] = []
    for start, end in sorted([*coding, *stop_codons]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _mark_canonical(transcripts: list[Transcript]) -> Iterator[Transcript]:
    def rank(transcript: Transcript) -> tuple[bool, bool, int, int]:
        tagged = [tag in transcript.tags for tag in _CANONICAL_TAGS]
        return tagged[0], tagged[1], transcript.coding_bases, transcript.length

    best: dict[str, Transcript] = {}
    for transcript in transcripts:
        held = best.get(transcript.gene_id)
        if held is None or rank(transcript) > rank(held):
            best[transcript.gene_id] = transcript
    for transcript in transcripts:
        canonical = best[transcript.gene_id] is transcript
        yield replace(transcript, canonical=canonical)
