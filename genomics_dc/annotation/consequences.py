"""What each allele does to each transcript: `bcftools csq` for the terms, our own HGVS beside it.

The bcftools inside pysam is used, not the one on PATH: it is newer than Debian's (1.16 leaves out terms that later ones
give) and it is the same on every machine that has the pinned packages.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from genomics_dc.annotation.alleles import Reference
from genomics_dc.annotation.hgvs import describe
from genomics_dc.annotation.sites import Alleles
from genomics_dc.errors import BuildMismatchError, ToolError
from genomics_dc.reference import contigs
from genomics_dc.reference.genes import GeneModels, Transcript
from genomics_dc.reference.so_terms import FROM_CSQ, ordered
from genomics_dc.results import Result
from genomics_dc.tools import run

SCHEMA = pa.schema(
    [
        ("contig", pa.string()),
        ("position", pa.int32()),
        ("ref", pa.string()),
        ("alt", pa.string()),
        ("gene", pa.string()),
        ("transcript", pa.string()),
        ("biotype", pa.string()),
        ("so_terms", pa.list_(pa.string())),
        ("amino_acid_change", pa.string()),
        ("dna_change", pa.string()),
        ("hgvs_c", pa.string()),
        ("hgvs_p", pa.string()),
        ("canonical", pa.bool_()),
        ("protein_position", pa.int32()),
        ("protein_length", pa.int32()),
        ("termination_position", pa.int32()),
        ("nmd_predicted", pa.bool_()),
        ("in_tandem_repeat", pa.bool_()),
    ]
)

_RUN_CSQ = "import sys, pysam.bcftools as bcftools; bcftools.csq(*sys.argv[1:], catch_stdout=False)"
_BROKEN_SHARE_MAX = 0.5
_NAMES_SHOWN = 5


class ConsequencesResult(Result):
    """One row per allele and transcript that it touches; alleles outside every transcript have no row.

    `position` is one-based; `so_terms` most severe first; `amino_acid_change` and `dna_change` as `bcftools csq` prints
    them; `hgvs_c`, `hgvs_p` null where they cannot be derived.
    """


@dataclass
class Consequences:
    """The table and what the user should know about it."""

    table: pa.Table
    warnings: list[str] = field(default_factory=list)
    tools: dict[str, str] = field(default_factory=dict)


@dataclass
class _Line:
    terms: set[str] = field(default_factory=set)
    amino_acid_change: str | None = None
    dna_change: str | None = None


def check_gene_models(genes: GeneModels, reference: Reference) -> list[str]:
    """Translate all coding transcripts on the FASTA's contigs; return those that are no frame from ATG to a stop.

    Raises BuildMismatchError when more than half of them have a stop inside: then the gene models are of another
    build, or moved against the FASTA. An open frame without its start or its stop is an incomplete model, no mismatch.
    """
    tried, odd, broken = 0, [], []
    for transcript in genes.transcripts:
        name = contigs.resolve(transcript.contig, reference.contigs)
        if name is None or transcript.biotype != "protein_coding" or not transcript.is_coding:
            continue
        if contigs.canonical(transcript.contig) == "MT":
            continue
        tried += 1
        protein = transcript.protein(reference)
        if "*" in protein[:-1]:
            broken.append(transcript.identifier)
        whole = transcript.start_is_complete and not transcript.tags & {"cds_end_NF", "mRNA_end_NF"}
        if whole and (transcript.coding_bases % 3 or protein[:1] != "M" or protein.find("*") != len(protein) - 1):
            odd.append(transcript.identifier)
    if len(broken) > _BROKEN_SHARE_MAX * tried:
        raise BuildMismatchError(
            f"{len(broken):,} of {tried:,} coding transcripts of {genes.path} (first: {broken[0]}) have a stop inside "
            f"on {reference.path}: the gene models are of another build or moved; give those of this FASTA"
        )
    return odd


def consequences(
    alleles: Alleles,
    genes: GeneModels,
    reference: Reference,
    scratch: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Consequences:
    """Return what every allele does to every transcript it touches.

    Alleles are looked at one by one (no phase): two changes in one codon are not joined. Mitochondrial transcripts are
    left out, because `bcftools csq` translates with the standard code. `progress` gets (alleles done, alleles all).
    """
    result = Consequences(SCHEMA.empty_table())
    names = {
        contig: name
        for contig in genes.contigs
        if (name := contigs.resolve(contig, reference.contigs)) is not None and contigs.canonical(contig) != "MT"
    }
    if any(contigs.canonical(contig) == "MT" for contig in alleles.contigs):
        result.warnings.append("mitochondrial alleles get no consequence: their genetic code is another one")
    odd = check_gene_models(genes, reference)
    if odd:
        result.warnings.append(
            f"{len(odd)} transcript(s) of {genes.path} do not translate from a start to a stop and get no protein "
            f"description: {', '.join(odd[:_NAMES_SHOWN])}{', …' if len(odd) > _NAMES_SHOWN else ''}"
        )
    lines = _run_csq(alleles, genes, names, reference, scratch, result)
    gene_contig = {canonical: contig for contig in names if (canonical := contigs.canonical(contig))}
    columns: dict[str, list[object]] = {name: [] for name in SCHEMA.names}
    disagreeing: list[str] = []
    for row, (contig, position, ref, alt) in enumerate(alleles.rows):
        if progress is not None and row % 1000 == 0:
            progress(row, len(alleles.rows))
        there = gene_contig.get(contigs.canonical(contig))
        if there is None:
            continue
        for transcript in genes.overlapping(there, position - 1, position - 1 + len(ref)):
            line = lines.get((row, transcript.identifier)) or _own_terms(transcript, position - 1, len(ref))
            described = describe(transcript, reference, position, ref, alt)
            terms = ordered(line.terms)
            if described.termination_position is not None and not line.terms & _STOP_TERMS:
                disagreeing.append(f"{contig}:{position} {ref}>{alt} ({transcript.identifier})")
            values: Mapping[str, object] = {
                "contig": contig, "position": position, "ref": ref, "alt": alt, "gene": transcript.gene,
                "transcript": transcript.identifier, "biotype": transcript.biotype, "so_terms": list(terms),
                "amino_acid_change": line.amino_acid_change, "dna_change": line.dna_change,
                "hgvs_c": described.hgvs_c, "hgvs_p": described.hgvs_p, "canonical": transcript.canonical,
                "protein_position": described.protein_position, "protein_length": described.protein_length,
                "termination_position": described.termination_position, "nmd_predicted": described.nmd_predicted,
                "in_tandem_repeat": described.in_tandem_repeat,
            }  # fmt: skip
            for name, column in columns.items():
                column.append(values[name])
    if progress is not None:
        progress(len(alleles.rows), len(alleles.rows))
    if disagreeing:
        result.warnings.append(
            f"for {len(disagreeing)} allele(s) our translation has a new stop that bcftools csq does not name: "
            f"{', '.join(disagreeing[:_NAMES_SHOWN])}; look at them by hand"
        )
    result.table = pa.table(columns, schema=SCHEMA)
    return result


_STOP_TERMS = {"stop_gained", "frameshift_variant", "start_lost", "splice_acceptor_variant", "splice_donor_variant"}


def _own_terms(transcript: Transcript, start: int, size: int) -> _Line:
    """Return the terms for a transcript that `bcftools csq` does not name: it lists introns once per gene."""
    exonic = any(left < start + size and start < right for left, right in transcript.exons)
    if not transcript.is_coding:
        if exonic:
            return _Line({"non_coding_transcript_exon_variant"})
        return _Line({"intron_variant", "non_coding_transcript_variant"})
    return _Line({"coding_sequence_variant"} if exonic else {"intron_variant"})


def _run_csq(
    alleles: Alleles,
    genes: GeneModels,
    names: Mapping[str, str],
    reference: Reference,
    scratch: Path,
    result: Consequences,
) -> dict[tuple[int, str], _Line]:
    """Return the words of `bcftools csq` by (row of alleles, transcript)."""
    from pysam.version import __bcftools_version__ as bcftools_version

    result.tools["bcftools (in pysam)"] = str(bcftools_version)
    gff, vcf, out = scratch / "genes.gff3", scratch / "sites.vcf", scratch / "csq.vcf"
    if not alleles.rows or genes.write_for_csq(gff, names) == 0:
        return {}
    _write_sites(vcf, alleles, reference)
    command: list[str | Path] = ["-l", "-n", "256", "-f", reference.path, "-g", gff, "-O", "v", "-o", out, vcf]
    run([sys.executable, "-c", _RUN_CSQ, *command])
    found: dict[tuple[int, str], _Line] = {}
    for row, entry in _read_bcsq(out):
        fields = entry.split("|")
        words = fields[0].lstrip("*").split("&")
        transcript = genes.by_identifier.get(fields[2]) if len(fields) > 2 and fields[2] else None
        if transcript is None:
            continue
        line = found.setdefault((row, transcript.identifier), _Line())
        for word in words:
            if word not in FROM_CSQ:
                raise ToolError(f"bcftools csq printed {word!r}, which this version of genomics_dc does not know")
            line.terms.add(FROM_CSQ[word])
        if len(fields) > 5 and fields[5]:
            line.amino_acid_change = fields[5]
        if len(fields) > 6 and fields[6]:
            line.dna_change = fields[6]
    return found


def _write_sites(path: Path, alleles: Alleles, reference: Reference) -> None:
    with open(path, "w", encoding="ascii") as handle:
        handle.write("##fileformat=VCFv4.2\n")
        for contig in alleles.contigs:
            name = reference.name(contig)
            handle.write(f"##contig=<ID={name},length={reference.length(contig)}>\n")
        handle.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for row, (contig, position, ref, alt) in enumerate(alleles.rows):
            handle.write(f"{reference.name(contig)}\t{position}\t{row}\t{ref}\t{alt}\t.\t.\t.\n")


def _read_bcsq(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (row of alleles, one BCSQ entry): the ID column carries the row."""
    with open(path, encoding="utf-8") as handle:
        for text in handle:
            if text.startswith("#"):
                continue
            columns = text.rstrip("\n").split("\t")
            for item in columns[7].split(";"):
                if item.startswith("BCSQ="):
                    for entry in item[5:].split(","):
                        if not entry.startswith("@"):
                            yield int(columns[2]), entry
