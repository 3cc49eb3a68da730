"""Alleles in one spelling, so that the same change is found whoever wrote it down; reference bases with a cache."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from genomics_dc.errors import InputError
from genomics_dc.reference import contigs

_BLOCK_BASES = 1 << 16
_BLOCKS_KEPT = 64
_PLAIN_BASES = frozenset("ACGTN")
_AMBIGUOUS: Mapping[str, str] = {
    "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG",
    "N": "ACGT",
}  # fmt: skip
"""IUPAC codes: https://iupac.qmul.ac.uk/misc/naseq.html"""


class Reference:
    """An indexed FASTA with aliases of contig names resolved; bases come in upper case.

    Raises InputError when the file cannot be read or cannot be indexed.
    """

    def __init__(self, path: Path | str) -> None:
        import pysam

        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"{self.path} does not exist; give the reference genome as FASTA")
        try:
            self._file = pysam.FastaFile(str(self.path))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{self.path} cannot be read as indexed FASTA ({error}); compress it with bgzip, not gzip, "
                "and index it with `samtools faidx`"
            ) from error
        self.contigs: tuple[str, ...] = tuple(self._file.references)
        self._names: dict[str, str] = {}
        self._blocks: OrderedDict[tuple[str, int], str] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def name(self, contig: str) -> str:
        """Return the FASTA's name of a contig; InputError when it has none."""
        if contig not in self._names:
            self._names[contig] = contigs.require(contig, self.contigs, where=str(self.path))
        return self._names[contig]

    def length(self, contig: str) -> int:
        """Return the length of a contig in bases."""
        return int(self._file.get_reference_length(self.name(contig)))

    def fetch(self, contig: str, start: int, end: int) -> str:
        """Return the bases of a zero-based half-open interval, upper case, cut at the ends of the contig."""
        start = max(start, 0)
        if end <= start:
            return ""
        parts = []
        for number in range(start // _BLOCK_BASES, (end - 1) // _BLOCK_BASES + 1):
            first = number * _BLOCK_BASES
            parts.append(self._block(contig, number)[max(start - first, 0) : end - first])
        return "".join(parts)

    def _block(self, contig: str, number: int) -> str:
        key = (contig, number)
        if key in self._blocks:
            self._blocks.move_to_end(key)
            return self._blocks[key]
        first = number * _BLOCK_BASES
        name = self.name(contig)
        last = min(first + _BLOCK_BASES, int(self._file.get_reference_length(name)))
        bases = str(self._file.fetch(name, first, last)).upper() if first < last else ""
        self._blocks[key] = bases
        if len(self._blocks) > _BLOCKS_KEPT:
            self._blocks.popitem(last=False)
        return bases

    def agrees(self, contig: str, position: int, ref: str) -> bool:
        """Return whether `ref` can be the reference at a one-based position; ambiguity codes agree with their bases."""
        there = self.fetch(contig, position - 1, position - 1 + len(ref))
        wanted = ref.upper()
        if there == wanted:
            return True
        return len(there) == len(wanted) and all(
            a == b or b in _AMBIGUOUS.get(a, "") or a in _AMBIGUOUS.get(b, "")
            for a, b in zip(there, wanted, strict=True)
        )


def is_sequence(allele: str) -> bool:
    """Return whether an allele is spelled in bases (not "*", symbolic, a breakend, or missing)."""
    return bool(allele) and _PLAIN_BASES.issuperset(allele.upper())


def trim(position: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Return (position, ref, alt) without bases that both alleles share: first at the end, then at the start.

    `position` keeps its base (zero- or one-based); either allele may come out empty.
    """
    shared = 0
    shortest = min(len(ref), len(alt))
    while shared < shortest and ref[-1 - shared] == alt[-1 - shared]:
        shared += 1
    ref, alt = ref[: len(ref) - shared], alt[: len(alt) - shared]
    shared = 0
    shortest = min(len(ref), len(alt))
    while shared < shortest and ref[shared] == alt[shared]:
        shared += 1
    return position + shared, ref[shared:], alt[shared:]


def normalise(reference: Reference, contig: str, position: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Return (one-based position, ref, alt) left-aligned and parsimonious, each allele with one base or more.

    Source: Tan, Abecasis, Kang 2015, doi:10.1093/bioinformatics/btv112. A pure insertion or deletion is moved left as
    far as the sequence allows; at the first base of a contig the base after it is the anchor, as VCF has it.
    """
    ref, alt = ref.upper(), alt.upper()
    if len(ref) == 1 and len(alt) == 1:
        return position, ref, alt
    start, ref, alt = trim(position - 1, ref, alt)
    if ref and alt:
        return start + 1, ref, alt
    if not ref and not alt:
        return position, ref, alt
    unit = ref or alt
    while start > 0:
        before = reference.fetch(contig, start - 1, start)
        if before != unit[-1]:
            break
        unit = before + unit[:-1]
        start -= 1
    ref, alt = (unit, "") if ref else ("", unit)
    if start == 0:
        anchor = reference.fetch(contig, len(ref), len(ref) + 1)
        return 1, ref + anchor, alt + anchor
    anchor = reference.fetch(contig, start - 1, start)
    return start, anchor + ref, anchor + alt
