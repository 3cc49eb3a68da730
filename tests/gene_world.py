"""A small made-up genome with gene models, for annotation and screening: every base and exon is known to the tests."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from genomics_dc.reference.genes import CODON_TABLE, Transcript, reverse_complement

CONTIG = "20"
LENGTH = 12_000
_CODONS = sorted(codon for codon, residue in CODON_TABLE.items() if residue != "*")


@dataclass(frozen=True)
class Plan:
    """A transcript to lay down: exons zero-based half-open on the forward strand, ascending; UTR lengths in bases."""

    gene: str
    name: str
    strand: int
    exons: tuple[tuple[int, int], ...]
    utr5: int
    utr3: int
    tags: str = "basic"
    biotype: str = "protein_coding"


# ALPHA and BETA read in opposite directions; GAMMA has two transcripts, of which the second has one exon more.
PLANS = (
    Plan("ALPHA", "T-ALPHA.1", 1, ((1000, 1130), (1300, 1405), (1600, 1801)), 30, 40, "basic,Ensembl_canonical"),
    Plan("BETA", "T-BETA.2", -1, ((3000, 3180), (3400, 3499), (3700, 3830)), 25, 33),
    Plan("GAMMA", "T-GAMMA.1", 1, ((5000, 5101), (5900, 6049)), 20, 20, "basic,MANE_Select"),
    Plan("GAMMA", "T-GAMMA-LONG.1", 1, ((5000, 5101), (5400, 5460), (5900, 6049)), 20, 20),
    Plan("DELTA", "T-DELTA.1", 1, ((8000, 8100), (8300, 8499)), 20, 30),
)


@dataclass
class World:
    """The bases, and the transcripts as the gene models should come out."""

    sequence: str
    transcripts: dict[str, Transcript] = field(default_factory=dict)

    def fetch(self, contig: str, start: int, end: int) -> str:
        assert contig == CONTIG
        return self.sequence[max(start, 0) : end]

    def base(self, position: int, size: int = 1) -> str:
        """Return bases at a one-based position."""
        return self.sequence[position - 1 : position - 1 + size]

    def other(self, position: int) -> str:
        """Return a base that differs from the one at a one-based position."""
        return {"A": "G", "G": "A", "C": "T", "T": "C"}[self.base(position)]

    def genomic(self, transcript: str, c: int) -> int:
        """Return the one-based genomic position of the coding base c (one-based)."""
        model = self.transcripts[transcript]
        at = model.cds_offsets[0] + c - 1
        for start, end in model.exons:
            for position in range(start, end):
                if model.offset(position) == at:
                    return position + 1
        raise AssertionError(c)

    def fasta(self, folder: Path, name: str = CONTIG) -> Path:
        import pysam

        path = folder / "genome.fa"
        lines = "\n".join(self.sequence[i : i + 60] for i in range(0, len(self.sequence), 60))
        path.write_text(f">{name}\n{lines}\n")
        pysam.faidx(str(path))
        return path

    def gff(self, folder: Path, contig: str = CONTIG) -> Path:
        path = folder / "genes.gff3"
        path.write_text(gff_text(self, contig))
        return path


def make_world(seed: int = 7) -> World:
    """Return the world: introns are GT…AG, coding sequences run from ATG to a stop without a stop between."""
    draw = random.Random(seed)
    bases = [draw.choice("ACGT") for _ in range(LENGTH)]
    world = World("")
    done: set[tuple[int, int]] = set()
    for plan in PLANS:
        order = plan.exons if plan.strand == 1 else tuple(reversed(plan.exons))
        free = sum(end - start for start, end in plan.exons if (start, end) not in done) - plan.utr5 - plan.utr3
        if not done & set(plan.exons):
            assert free % 3 == 0, plan.name
            text = "".join(draw.choice("ACGT") for _ in range(plan.utr5))
            text += "ATG" + "".join(draw.choice(_CODONS) for _ in range(free // 3 - 2)) + "TGA"
            text += "".join(draw.choice("ACGT") for _ in range(plan.utr3))
            _lay(bases, order, text, plan.strand)
        else:
            for exon in plan.exons:
                if exon not in done:
                    size = exon[1] - exon[0]
                    _lay(bases, (exon,), "".join(draw.choice(_CODONS) for _ in range(size // 3)), plan.strand)
        done |= set(plan.exons)
        for (_, left), (right, _) in zip(plan.exons, plan.exons[1:], strict=False):
            bases[left : left + 2] = "GT" if plan.strand == 1 else "CT"
            bases[right - 2 : right] = "AG" if plan.strand == 1 else "AC"
    world.sequence = "".join(bases)
    for plan in PLANS:
        world.transcripts[plan.name] = _transcript(plan)
    return world


def _lay(bases: list[str], order: tuple[tuple[int, int], ...], text: str, strand: int) -> None:
    at = 0
    for start, end in order:
        part = text[at : at + end - start]
        bases[start:end] = part if strand == 1 else reverse_complement(part)
        at += end - start


def _transcript(plan: Plan) -> Transcript:
    total = sum(end - start for start, end in plan.exons)
    low, high = (plan.utr5, plan.utr3) if plan.strand == 1 else (plan.utr3, plan.utr5)
    cds, at = [], 0
    for start, end in plan.exons:
        first, last = max(at, low), min(at + end - start, total - high)
        if first < last:
            cds.append((start + first - at, start + last - at))
        at += end - start
    return Transcript(plan.name, f"G-{plan.gene}", plan.gene, CONTIG, plan.strand, plan.biotype, plan.exons, tuple(cds))


def gff_text(world: World, contig: str = CONTIG) -> str:
    """Return the gene models in Ensembl style."""
    lines = ["##gff-version 3", "#!genome-version TOY1"]
    seen = set()
    for plan in PLANS:
        model = world.transcripts[plan.name]
        strand = "+" if plan.strand == 1 else "-"
        if plan.gene not in seen:
            members = [item for item in world.transcripts.values() if item.gene == plan.gene]
            start, end = min(item.start for item in members) + 1, max(item.end for item in members)
            lines.append(
                f"{contig}\ttoy\tgene\t{start}\t{end}\t.\t{strand}\t.\tID=gene:G-{plan.gene};Name={plan.gene};biotype=protein_coding"
            )
            seen.add(plan.gene)
        name, version = plan.name.rsplit(".", 1)
        lines.append(
            f"{contig}\ttoy\tmRNA\t{model.start + 1}\t{model.end}\t.\t{strand}\t.\t"
            f"ID=transcript:{name};Parent=gene:G-{plan.gene};biotype=protein_coding;version={version};tag={plan.tags}"
        )
        lines += [
            f"{contig}\ttoy\texon\t{start + 1}\t{end}\t.\t{strand}\t.\tParent=transcript:{name}"
            for start, end in model.exons
        ]
        before = 0
        for start, end in model.cds if plan.strand == 1 else tuple(reversed(model.cds)):
            phase = -before % 3
            lines.append(
                f"{contig}\ttoy\tCDS\t{start + 1}\t{end}\t.\t{strand}\t{phase}\tID=CDS:{name};Parent=transcript:{name}"
            )
            before += end - start
    return "\n".join(lines) + "\n"


Row = tuple[int, str, str, str, tuple[str, ...]]


def vcf_text(rows: list[Row], samples: tuple[str, ...], *, contig: str = CONTIG, depth: int = 30) -> str:
    """Return a VCF; a row is (position, ref, alt, filter, genotypes)."""
    header = [
        "##fileformat=VCFv4.2",
        f"##contig=<ID={contig},length={LENGTH}>",
        '##FILTER=<ID=LowQual,Description="low quality">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">',
        '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="depth">',
        '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="reads by allele">',
        '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="genotype quality">',
        "\t".join(("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples)),
    ]
    body = []
    for position, ref, alt, label, genotypes in sorted(rows):
        reads = ",".join(["15"] * (alt.count(",") + 2))
        calls = [f"{gt}:.:.:." if gt == "./." else f"{gt}:{depth}:{reads}:60" for gt in genotypes]
        body.append("\t".join((contig, str(position), ".", ref, alt, "50", label, ".", "GT:DP:AD:GQ", *calls)))
    return "\n".join([*header, *body]) + "\n"


def shifted_brca1(folder: Path, tmp_path: Path) -> Path:
    """The slice's gene models stand one base to the right of its FASTA (found by translating); move them back."""
    lines = []
    for line in (folder / "brca1_gencodev19.gff3").read_text().splitlines():
        if not line.startswith("#"):
            columns = line.split("\t")
            columns[3], columns[4] = str(max(int(columns[3]) - 1, 1)), str(int(columns[4]) - 1)
            line = "\t".join(columns)
        lines.append(line)
    path = tmp_path / "brca1.gff3"
    path.write_text("\n".join(lines) + "\n")
    return path
