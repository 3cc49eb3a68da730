"""0/0 only where the sample's own reads prove it.

Joint callers write 0/0 for a sample without a single read at the site; inheritance models then lose the true candidate.
Here a homozygous-reference genotype stays only when the sample's gVCF covers every base of the REF allele with enough
reads, and its likelihoods at the site put 0/0 first by enough. Anything else becomes ./. (missing).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genomics_dc.errors import InputError
from genomics_dc.files import atomic_path

UNPROVEN_FIELD = "UNPROVEN_REF"
_REACH_BP = 1000  # a deletion that starts in a window may reach this far beyond it


@dataclass(frozen=True)
class Evidence:
    """One gVCF record. `start`/`end` zero-based half-open; depth in reads, the smallest in the record.

    `reference_quality` is the phred-scaled margin by which 0/0 beats every other genotype, 0 when another one is as
    good; None when the record has no likelihoods.
    """

    start: int
    end: int
    depth_reads: int
    reference_quality: int | None
    is_indel: bool


@dataclass(frozen=True)
class ProofSummary:
    """How many 0/0 genotypes were seen and how many of them were not proven and became missing."""

    records: int
    reference_genotypes: int
    not_proven: int


class EvidenceReader:
    """The evidence of one sample, read once from left to right."""

    def __init__(self, path: Path, *, region_bed: Path | None = None) -> None:
        import cyvcf2

        self.path = path
        reader = cyvcf2.VCF(str(path), gts012=True)
        if len(reader.samples) != 1:
            raise InputError(f"{path}: a gVCF holds one sample, this one holds {len(reader.samples)}")
        self.sample: str = reader.samples[0]
        self._records = self._stream(reader, region_bed)
        self._waiting: tuple[str, Evidence] | None = next(self._records, None)
        self._held: list[Evidence] = []
        self._contig = ""
        self._order = {contig: rank for rank, contig in enumerate(reader.seqnames)}

    def _stream(self, reader: Any, region_bed: Path | None) -> Iterator[tuple[str, Evidence]]:
        if region_bed is None:
            for record in reader:
                yield record.CHROM, _evidence(record)
            return
        for line in region_bed.read_text().splitlines():
            contig, start, end = line.split("\t")[:3]
            for record in reader(f"{contig}:{int(start) + 1}-{int(end) + _REACH_BP}"):
                yield record.CHROM, _evidence(record)

    def covering(self, contig: str, start: int, end: int) -> list[Evidence]:
        """Return the evidence that touches [start, end); calls must come in the order of the file."""
        if contig != self._contig:
            self._contig, self._held = contig, []
        self._held = [held for held in self._held if held.end > start]
        rank = self._order.get(contig, len(self._order))
        while self._waiting is not None:
            next_contig, evidence = self._waiting
            next_rank = self._order.get(next_contig, len(self._order))
            if next_rank > rank or (next_contig == contig and evidence.start >= end):
                break
            if next_contig == contig and evidence.end > start:
                self._held.append(evidence)
            self._waiting = next(self._records, None)
        return [held for held in self._held if held.start < end]


def _evidence(record: Any) -> Evidence:
    """Read one gVCF record of one sample."""
    depth = record.format("DP")
    depth_reads = max(int(depth[0][0]), 0) if depth is not None else 0
    smallest = record.INFO.get("MinDP")
    if smallest is not None:
        depth_reads = min(depth_reads, int(smallest)) if depth is not None else int(smallest)
    quality: int | None = None
    likelihoods = record.format("PL")
    if likelihoods is not None:
        row = [int(value) for value in likelihoods[0] if value >= 0]
        if len(row) > 1:
            quality = min(row[1:]) - row[0] if row[0] == min(row) else 0
    is_indel = record.INFO.get("INDEL") is not None
    # An indel's record spans the padding base and what follows; as evidence it speaks of its own site only.
    end = record.start + 1 if is_indel else max(record.end, record.start + 1)
    return Evidence(record.start, end, depth_reads, quality, is_indel)


def is_proven(
    evidence: list[Evidence], start: int, end: int, *, is_indel: bool, depth_min_reads: int, quality_min: int
) -> bool:
    """Return whether evidence proves 0/0 at [start, end).

    Every base needs the depth. At `start` the likelihoods must put 0/0 first by `quality_min`; an indel is also judged
    by the sample's own indel record there, if it has one.
    """
    covered_to = start
    for piece in sorted((one for one in evidence if not one.is_indel), key=lambda one: (one.start, one.end)):
        if piece.start > covered_to or piece.depth_reads < depth_min_reads:
            return False
        if piece.start <= start < piece.end and (piece.reference_quality or 0) < quality_min:
            return False
        covered_to = max(covered_to, piece.end)
    if covered_to < end:
        return False
    own_indels = [piece for piece in evidence if piece.is_indel and piece.start == start] if is_indel else []
    return all((piece.reference_quality or 0) >= quality_min for piece in own_indels)


def prove_reference(
    joint: Path,
    gvcfs: Mapping[str, Path],
    output: Path,
    *,
    depth_min_reads: int,
    quality_min: int,
    region_bed: Path | None = None,
    force: bool = False,
) -> ProofSummary:
    """Write `joint` with every unproven 0/0 turned into ./. ; INFO/UNPROVEN_REF counts them per site.

    `gvcfs` maps each sample of the joint VCF to its gVCF; both are sorted as the reference is. With `region_bed`
    (zero-based half-open) the gVCFs are read through their index, inside those regions only. Genotypes that carry an
    alternative allele, or are missing, stay. Raises InputError when a sample has no gVCF.
    """
    import cyvcf2

    reader = cyvcf2.VCF(str(joint))
    samples: list[str] = list(reader.samples)
    missing = [sample for sample in samples if sample not in gvcfs]
    if missing:
        raise InputError(f"{joint}: no gVCF was given for sample {', '.join(missing)}; give --gvcf {missing[0]}=FILE")
    evidence = [EvidenceReader(gvcfs[sample], region_bed=region_bed) for sample in samples]
    for sample, own in zip(samples, evidence, strict=True):
        if own.sample != sample:
            raise InputError(f"{own.path} is the gVCF of {own.sample}, but it was given for {sample}")
    reader.add_info_to_header(
        {
            "ID": UNPROVEN_FIELD,
            "Number": "1",
            "Type": "Integer",
            "Description": f"Samples whose 0/0 had not {depth_min_reads} reads and quality {quality_min}: now missing",
        }
    )
    records = references = changed = 0
    with atomic_path(output, force=force) as temporary:
        writer = cyvcf2.Writer(str(temporary), reader, mode="wz")
        writer.write_header()
        for record in reader:
            records += 1
            end = record.start + len(record.REF)
            is_indel = any(len(alt) != len(record.REF) for alt in record.ALT)
            alleles = record.genotype.array()[:, :-1]
            unproven = []
            for column, own in enumerate(evidence):
                pieces = own.covering(record.CHROM, record.start, end)
                row = alleles[column]
                if (row == 0).any() and ((row == 0) | (row == -2)).all():
                    references += 1
                    if not is_proven(
                        pieces,
                        record.start,
                        end,
                        is_indel=is_indel,
                        depth_min_reads=depth_min_reads,
                        quality_min=quality_min,
                    ):
                        unproven.append(column)
            if unproven:
                genotypes = record.genotypes
                for column in unproven:
                    genotypes[column] = [*([-1] * (len(genotypes[column]) - 1)), False]
                record.genotypes = genotypes
                changed += len(unproven)
            record.INFO[UNPROVEN_FIELD] = len(unproven)
            writer.write_record(record)
        writer.close()
        reader.close()
    return ProofSummary(records, references, changed)
