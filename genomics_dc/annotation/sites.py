"""The alleles of a store, one per row, and the search for the same alleles in another VCF."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from genomics_dc.annotation.alleles import Reference, is_sequence, normalise
from genomics_dc.errors import BuildMismatchError, InputError
from genomics_dc.reference import contigs

_CLUSTER_GAP_BASES = 10_000
_REACH_BASES = 1_000
"""How far before and after a site its unaligned spellings are looked for; longer repeats than this are not searched."""
_MISMATCH_SHARE_MAX = 0.01


@dataclass(frozen=True)
class Alleles:
    """Alternative alleles as (contig, one-based position, ref, alt), distinct, sorted by contig order and position.

    Spelled as in the store. `left_out` counts alleles that have no bases: "*", symbolic, breakends.
    """

    rows: tuple[tuple[str, int, str, str], ...]
    contigs: tuple[str, ...]
    left_out: int = 0

    @classmethod
    def from_rows(cls, rows: Iterator[tuple[str, int, str, str]]) -> Alleles:
        """Return the distinct alleles of any rows."""
        order: dict[str, int] = {}
        kept: set[tuple[str, int, str, str]] = set()
        left_out = 0
        for contig, position, ref, alt in rows:
            order.setdefault(contig, len(order))
            if is_sequence(ref) and is_sequence(alt):
                kept.add((contig, int(position), ref.upper(), alt.upper()))
            elif alt not in (".", ""):
                left_out += 1
        return cls(tuple(sorted(kept, key=lambda row: (order[row[0]], *row[1:]))), tuple(order), left_out)

    def check_reference(self, reference: Reference) -> None:
        """Raise BuildMismatchError when any reference allele disagrees with the FASTA."""
        wrong = [row for row in self.rows if not reference.agrees(row[0], row[1], row[2])]
        if wrong:
            contig, position, ref, _ = wrong[0]
            there = reference.fetch(contig, position - 1, position - 1 + len(ref)) or "nothing (past the end)"
            raise BuildMismatchError(
                f"{len(wrong):,} of {len(self.rows):,} reference alleles of the store disagree with {reference.path}; "
                f"the first is {contig}:{position} with {ref}, where the FASTA has {there}: give the FASTA of its build"
            )

    def normalised(self, reference: Reference) -> dict[tuple[str, int, str, str], list[int]]:
        """Return row numbers by normalised allele; keys use the canonical contig name."""
        found: dict[tuple[str, int, str, str], list[int]] = {}
        for row, (contig, position, ref, alt) in enumerate(self.rows):
            key = (contigs.canonical(contig), *normalise(reference, contig, position, ref, alt))
            found.setdefault(key, []).append(row)
        return found

    @cached_property
    def clusters(self) -> tuple[tuple[str, int, int], ...]:
        """Return zero-based half-open intervals that hold all sites, near sites joined."""
        joined: list[tuple[str, int, int]] = []
        for contig, position, ref, _ in self.rows:
            start, end = max(position - 1 - _REACH_BASES, 0), position - 1 + len(ref) + _REACH_BASES
            if joined and joined[-1][0] == contig and start <= joined[-1][2] + _CLUSTER_GAP_BASES:
                joined[-1] = (contig, joined[-1][1], max(end, joined[-1][2]))
            else:
                joined.append((contig, start, end))
        return tuple(joined)


@dataclass
class SourceScan:
    """Reads a VCF of known alleles and gives the records that hold an allele of ours.

    After `matches()` has run to its end, `seen` counts records near our sites, `covered` holds zero-based half-open
    intervals by canonical contig in which the source has records, `allele_numbers` their AN, and `warnings` what the
    user should know.
    """

    path: Path
    alleles: Alleles
    reference: Reference
    seen: int = 0
    mismatched: int = 0
    first_mismatch: str = ""
    covered: dict[str, list[list[int]]] = field(default_factory=dict)
    allele_numbers: list[int] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    header: dict[str, str] = field(default_factory=dict)
    info_fields: dict[str, tuple[Any, str]] = field(default_factory=dict)

    def matches(self) -> Iterator[tuple[int, Any, int]]:
        """Yield (row of `alleles`, record, index of the record's ALT); both sides are normalised before they meet."""
        import pysam

        if not self.path.is_file():
            raise InputError(f"{self.path} does not exist")
        try:
            with pysam.VariantFile(str(self.path)) as source:
                for record in source.header.records:
                    if record.type == "GENERIC" and record.key:
                        self.header.setdefault(record.key, str(record.value))
                self.info_fields = {
                    str(name): (meta.number, str(meta.type)) for name, meta in source.header.info.items()
                }
                yield from self._scan(source)
        except (OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{self.path} cannot be read as VCF ({error}); it may be cut off: fetch it again"
            ) from error
        self._judge()

    def _scan(self, source: Any) -> Iterator[tuple[int, Any, int]]:
        wanted = self.alleles.normalised(self.reference)
        for record in self._records(source):
            contig = record.chrom
            if contigs.resolve(contig, self.reference.contigs) is None:
                continue
            self.seen += 1
            if record.ref is None or not self.reference.agrees(contig, record.pos, record.ref):
                self.mismatched += 1
                self.first_mismatch = self.first_mismatch or f"{contig}:{record.pos} {record.ref}"
                continue
            if "AN" in self.info_fields and isinstance(number := record.info.get("AN"), int):
                self.allele_numbers.append(number)
            self._cover(contigs.canonical(contig), record.pos - 1)
            for index, alt in enumerate(record.alts or ()):
                if not (is_sequence(record.ref) and is_sequence(alt)):
                    continue
                key = (
                    contigs.canonical(contig),
                    *normalise(self.reference, contig, record.pos, record.ref, alt),
                )
                for row in wanted.get(key, ()):
                    yield row, record, index

    def _records(self, source: Any) -> Iterator[Any]:
        """Yield records near our sites: by the index where there is one, else by reading the whole file."""
        names = list(source.header.contigs)
        if source.index is None:
            near: dict[str, list[tuple[int, int]]] = {}
            for contig, start, end in self.alleles.clusters:
                near.setdefault(contigs.canonical(contig), []).append((start, end))
            for record in source:
                spans = near.get(contigs.canonical(record.chrom), ())
                if any(start < record.pos - 1 + len(record.ref) and record.pos - 1 < end for start, end in spans):
                    yield record
            return
        searched: tuple[str, int] = ("", 0)
        for contig, start, end in self.alleles.clusters:
            name = contigs.resolve(contig, names)
            if name is None:
                continue
            for record in source.fetch(name, start, end):
                if searched[0] == name and record.pos - 1 < searched[1]:
                    continue  # a long record that reaches into this cluster was seen in the one before
                yield record
            searched = (name, end)

    def _cover(self, contig: str, position: int) -> None:
        spans = self.covered.setdefault(contig, [])
        if spans and 0 <= position - spans[-1][1] <= _CLUSTER_GAP_BASES:
            spans[-1][1] = position + 1
        elif not spans or position >= spans[-1][1]:
            spans.append([position, position + 1])

    def _judge(self) -> None:
        if self.mismatched:
            text = (
                f"{self.mismatched:,} of {self.seen:,} records of {self.path} near our sites have a reference allele "
                f"that disagrees with {self.reference.path} (first: {self.first_mismatch})"
            )
            if self.mismatched > _MISMATCH_SHARE_MAX * self.seen:
                raise BuildMismatchError(f"{text}: it is of another genome build; give the file of the same build")
            self.warnings.append(f"{text}; they were left out")
        if not self.seen and self.alleles.rows:
            self.warnings.append(f"{self.path} has no record near any site of the store")
