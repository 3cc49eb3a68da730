"""The gene models against the bases of GRCh37 chromosome 20 and against ClinVar's protein changes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from genomics_dc.demo.sources import source
from genomics_dc.errors import InputError
from genomics_dc.reference.genes import GeneModels, Transcript, read_genes, reverse_complement, translate

ROOT = Path(__file__).resolve().parents[2]
GENES = ROOT / "reference" / "data" / "grch37-chr20.gff3"
CLINVAR = ROOT / "genomics_dc" / "demo" / "data" / "clinvar-2016-09.chr20.vcf"
STOPS = {"TAA", "TAG", "TGA"}
# Residues without the stop: the coding length that MANE gives on GRCh38; for PANK2 the length of NP_705902.
LENGTHS = {"PANK2": 570, "ITPA": 194, "SLC4A11": 875, "AVP": 164, "IDH3B": 385, "VPS16": 839, "SNRPB": 231, "TGM6": 706}
AMINO_ACIDS = "AAla RArg NAsn DAsp CCys QGln EGlu GGly HHis IIle LLeu KLys MMet FPhe PPro SSer TThr WTrp YTyr VVal"
THREE_LETTERS = {word[1:]: word[0] for word in AMINO_ACIDS.split()}


class Chromosome20:
    """Bases of chromosome 20 held in memory, in the shape that gene models read from."""

    def __init__(self, fasta_gz: Path) -> None:
        import gzip

        with gzip.open(fasta_gz, "rt") as handle:
            next(handle)
            self.bases = handle.read(5_200_000).replace("\n", "").upper()

    def fetch(self, contig: str, start: int, end: int) -> str:
        assert contig == "20"
        return self.bases[start:end]


@pytest.fixture(scope="module")
def chromosome() -> Chromosome20:
    try:
        return Chromosome20(source("chromosome 20"))
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def genes() -> GeneModels:
    return read_genes(GENES)


def coding(genes: GeneModels) -> list[Transcript]:
    return [transcript for transcript in genes.transcripts if transcript.is_coding]


def cds_sequence(transcript: Transcript, chromosome: Chromosome20) -> str:
    # Written out here on purpose: the proof must not lean on the code that the models are for.
    bases = "".join(chromosome.bases[start:end] for start, end in transcript.cds)
    return bases if transcript.strand == 1 else reverse_complement(bases)


def test_fifty_transcripts_translate_whole(genes: GeneModels, chromosome: Chromosome20) -> None:
    assert len(coding(genes)) == 50
    for transcript in coding(genes):
        bases = cds_sequence(transcript, chromosome)
        assert len(bases) % 3 == 0, transcript.gene
        assert bases[:3] == "ATG", transcript.gene
        assert bases[-3:] in STOPS, transcript.gene
        assert "*" not in translate(bases)[:-1], transcript.gene


def test_introns_have_splice_sites(genes: GeneModels, chromosome: Chromosome20) -> None:
    rare: list[str] = []
    for transcript in coding(genes):
        for (_, end), (start, _) in zip(transcript.exons, transcript.exons[1:], strict=False):
            site = chromosome.bases[end : end + 2] + chromosome.bases[start - 2 : start]
            if transcript.strand == -1:
                site = reverse_complement(site)
            assert site in {"GTAG", "GCAG"}, (transcript.gene, end, site)
            if site == "GCAG":
                rare.append(transcript.gene)
    assert sorted(rare) == ["DDRGK1", "PCED1A", "VPS16"]


@pytest.mark.parametrize(("gene", "residues"), LENGTHS.items())
def test_protein_length(gene: str, residues: int, genes: GeneModels, chromosome: Chromosome20) -> None:
    (transcript,) = [t for t in coding(genes) if t.gene == gene]
    assert len(translate(cds_sequence(transcript, chromosome))) - 1 == residues


def test_pank2_residue_521(genes: GeneModels, chromosome: Chromosome20) -> None:
    (transcript,) = [t for t in coding(genes) if t.gene == "PANK2"]
    assert transcript.identifier == "NM_153638"
    assert transcript.strand == 1
    bases = cds_sequence(transcript, chromosome)
    assert bases[1560:1563] == "GGA"
    assert translate(bases)[520] == "G"
    before = sum(end - start for start, end in transcript.cds if end <= 3_899_341)
    (exon,) = [(start, end) for start, end in transcript.cds if start <= 3_899_341 < end]
    assert before + 3_899_341 - exon[0] == 1560, "20:3,899,342 is c.1561"
    assert chromosome.bases[3_899_338:3_899_347] == "GTTGGAAAT"


def test_residues_that_clinvar_names(genes: GeneModels, chromosome: Chromosome20) -> None:
    """ClinVar's protein changes were computed elsewhere, from the transcripts themselves."""
    by_transcript = {transcript.identifier: transcript for transcript in coding(genes)}
    checked: dict[str, int] = {}
    for line in CLINVAR.read_text().splitlines():
        found = re.search(r"CLNHGVSC=(NM_\d+)\.\d+:c\.(\d+)([ACGT])>[ACGT];CLNHGVSP=\S+?:p\.([A-Z][a-z]{2})(\d+)", line)
        if line.startswith("#") or not found or found[1] not in by_transcript:
            continue
        transcript = by_transcript[found[1]]
        bases = cds_sequence(transcript, chromosome)
        position = int(line.split("\t")[1]) - 1
        order = transcript.cds if transcript.strand == 1 else tuple(reversed(transcript.cds))
        offset = 0
        for start, end in order:
            if start <= position < end:
                offset += position - start if transcript.strand == 1 else end - 1 - position
                break
            offset += end - start
        assert offset + 1 == int(found[2]), line
        assert bases[offset] == found[3], line
        assert translate(bases)[int(found[5]) - 1] == THREE_LETTERS[found[4]], line
        checked[transcript.gene] = checked.get(transcript.gene, 0) + 1
    assert {"PANK2", "SLC4A11", "AVP", "IDH3B"} <= set(checked), checked
    assert sum(checked.values()) >= 40, checked


def test_bcftools_csq_reads_the_models(tmp_path: Path, program) -> None:  # type: ignore[no-untyped-def]
    bcftools, samtools = program("bcftools"), program("samtools")
    fasta = tmp_path / "20.fa"
    with fasta.open("wb") as handle:
        subprocess.run(["gzip", "-dc", str(source("chromosome 20"))], stdout=handle, check=True)
    subprocess.run([samtools, "faidx", fasta], check=True)
    vcf = tmp_path / "in.vcf"
    vcf.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=20>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n"
        "20\t3210076\t.\tG\tA\t.\t.\t.\tGT\t1/1\n20\t3899342\t.\tG\tA\t.\t.\t.\tGT\t1/1\n"
    )
    command = [bcftools, "csq", "-p", "a", "-f", fasta, "-g", GENES, vcf]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.findall(r"BCSQ=(\S+)", done.stdout)
    assert found == [
        "stop_gained|SLC4A11|NM_001174089|protein_coding|-|589R>589*|3210076G>A",
        "missense|PANK2|NM_153638|protein_coding|+|521G>521R|3899342G>A",
    ]
