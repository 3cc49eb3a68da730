"""REF of every record held against the FASTA of the genome build."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from genomics_dc.errors import BuildMismatchError, InputError
from genomics_dc.reference import contigs as contig_names
from genomics_dc.store.vcf.source import CHROM, REF, TextBatch

_BASES: Final = frozenset("ACGTN")
_WINDOW_BASES: Final = 1 << 20


class ReferenceBases:
    """Counts records whose REF disagrees with a FASTA.

    Parameters
    ----------
    reference
        FASTA with its index beside it.

    Raises
    ------
    InputError
        When the FASTA or its index is absent.
    """

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
        self._first_path = Path()

    def compare(self, batch: TextBatch) -> None:
        """Count the records of a batch whose first four columns are in order.

        Raises
        ------
        BuildMismatchError
            When the FASTA has no such contig.
        """
        for row in range(len(batch)):
            position = batch.text(row, 1)
            if position.isascii() and position.isdigit():
                self._compare(batch, row, batch.text(row, CHROM), int(position), batch.text(row, REF))

    def _compare(self, batch: TextBatch, row: int, contig: str, position: int, ref: str) -> None:
        if contig != self._contig:
            self._contig = contig
            self._name = contig_names.resolve(contig, self._names)
            if self._name is None:
                raise BuildMismatchError(
                    f"{batch.where(row)}: contig {contig} is not in {self._path}, which has "
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
                self._first = f"{batch.where(row)}: at {contig}:{position:,} REF is {ref[:20]}, the FASTA has {shown}"
                self._first_path = batch.path

    def raise_on_mismatch(self) -> None:
        """Raise BuildMismatchError when any record so far disagreed."""
        if self._n_differ:
            raise BuildMismatchError(
                f"{self._first}; {self._n_differ:,} of {self._n_compared:,} records of {self._first_path} disagree "
                f"with {self._path}: the data are of another genome build, or damaged"
            )

    def _fetch(self, start: int, end: int) -> str:
        window_start, bases = self._window
        if not (window_start <= start and end <= window_start + len(bases)):
            stop = min(max(end, start + _WINDOW_BASES), self._length)
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
