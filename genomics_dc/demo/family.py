"""A family made of real haplotypes, with a recessive disease allele that was put there, and simulated reads of it.

The parents are two unrelated people of the 1000 Genomes Project; the child has the first haplotype of each, whole: no
recombination, as in about 97 of 100 meioses (the windows span 3.0 cM of the genetic map that the haplotypes come with).
What is planted is known, so what the calls find can be judged.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from genomics_dc.errors import InputError
from genomics_dc.files import atomic_path
from genomics_dc.tools import run

CONTIG = "20"
HAPLOTYPES = 2
DEPTH_READS = 30
READ_LENGTH_BASES = 150
FRAGMENT_MEAN_BASES = 420
FRAGMENT_SD_BASES = 60
BASE_ERROR_RATES = "0.001-0.01"
"""First to last cycle; Illumina's errors rise along the read."""
LANES_OF_THE_CHILD = 2


@dataclass(frozen=True)
class Person:
    """A person of the family part: opaque id, the panel haplotypes (panel person, haplotype), and the parents."""

    sample_id: str
    haplotypes: tuple[tuple[str, int], tuple[str, int]]
    sex: str
    father: str | None = None
    mother: str | None = None


CHILD, FATHER, MOTHER = "D001", "D002", "D003"
PEOPLE: tuple[Person, ...] = (
    Person(CHILD, (("HG00096", 0), ("HG00097", 0)), "female", FATHER, MOTHER),
    Person(FATHER, (("HG00096", 0), ("HG00096", 1)), "male"),
    Person(MOTHER, (("HG00097", 0), ("HG00097", 1)), "female"),
    Person("D004", (("HG00099", 0), ("HG00099", 1)), "female"),
    Person("D005", (("HG00106", 0), ("HG00106", 1)), "female"),
    Person("D006", (("HG00101", 0), ("HG00101", 1)), "male"),
)


@dataclass(frozen=True)
class Window:
    """A stretch of the contig, zero-based half-open; `reads` says whether reads are simulated there."""

    name: str
    start: int
    end: int
    reads: bool = True

    @property
    def region(self) -> str:
        """Return the one-based inclusive region string."""
        return f"{CONTIG}:{self.start + 1}-{self.end}"


WINDOWS: tuple[Window, ...] = (
    Window("TGM6", 2_360_500, 2_414_500),
    Window("SNRPB", 2_441_200, 2_452_500),
    Window("IDH3B", 2_632_200, 2_645_900),
    Window("VPS16", 2_820_300, 2_848_400),
    Window("AVP", 3_062_200, 3_066_400),
    Window("ITPA", 3_189_100, 3_205_700),
    Window("SLC4A11", 3_207_000, 3_221_000, reads=False),
    Window("PANK2", 3_868_700, 3_911_600),
)


@dataclass(frozen=True)
class Site:
    """A biallelic site: one-based position, and for each panel haplotype whether it carries the alternate allele."""

    position: int
    identifier: str
    ref: str
    alt: str
    carriers: frozenset[tuple[str, int]]


@dataclass(frozen=True)
class PlantedVariant:
    """A variant put onto the haplotypes that the child receives: homozygous in the child, carried by both parents."""

    gene: str
    position: int
    ref: str
    alt: str
    protein_change: str
    clinvar: str


PLANTED = PlantedVariant("PANK2", 3_899_342, "G", "A", "p.Gly521Arg", "4548")
"""ClinVar Variation ID 4548: pathogenic, pantothenate kinase-associated neurodegeneration (PMID 11479594)."""
PLANTED_WITHOUT_READS = PlantedVariant("SLC4A11", 3_210_076, "G", "A", "p.Arg589Ter", "1307")
"""ClinVar Variation ID 1307: pathogenic, corneal endothelial dystrophy (PMID 16767101). No read covers it."""


def panel_haplotypes() -> tuple[tuple[str, int], ...]:
    """Return every panel haplotype in use, each once, in the order of PEOPLE."""
    return tuple(dict.fromkeys(haplotype for person in PEOPLE for haplotype in person.haplotypes))


def read_sites(vcf: Path, windows: Sequence[Window] = WINDOWS) -> list[Site]:
    """Read the phased sites of the windows that a haplotype in use carries, ascending.

    Raises InputError for a missing or unphased genotype: a haplotype cannot be cut from it.
    """
    import pysam

    wanted = panel_haplotypes()
    names = sorted({name for name, _ in wanted})
    sites: list[Site] = []
    verbosity = pysam.set_verbosity(0)  # the panel's header has a harmless oddity that htslib would print each time
    with pysam.VariantFile(str(vcf)) as panel:
        panel.subset_samples(names)
        for window in windows:
            for record in panel.fetch(CONTIG, window.start, window.end):
                assert record.alts is not None
                if len(record.alts) != 1 or record.stop > window.end or record.start < window.start:
                    continue
                carriers = set()
                for name in names:
                    call = record.samples[name]
                    if None in call["GT"] or not call.phased:
                        raise InputError(f"{vcf}: {CONTIG}:{record.pos} of {name} is not a phased genotype")
                    carriers |= {(name, haplotype) for haplotype, allele in enumerate(call["GT"]) if allele == 1}
                if carriers & set(wanted):
                    identifier = record.id or "."
                    assert record.ref is not None
                    sites.append(Site(record.pos, identifier, record.ref, record.alts[0], frozenset(carriers)))
    pysam.set_verbosity(verbosity)
    return sites


def plant(sites: Iterable[Site], planted: Sequence[PlantedVariant] = (PLANTED, PLANTED_WITHOUT_READS)) -> list[Site]:
    """Return the sites with the planted variants on the haplotypes that the child receives, ascending.

    A real variant of those haplotypes that overlaps a planted one gives way to it.
    """
    child = next(person for person in PEOPLE if person.sample_id == CHILD)
    received = frozenset(child.haplotypes)
    kept: list[Site] = []
    for site in sites:
        if any(_overlap(site, variant) for variant in planted):
            continue
        kept.append(site)
    kept += [Site(variant.position, ".", variant.ref, variant.alt, received) for variant in planted]
    return sorted(kept, key=lambda site: (site.position, site.ref, site.alt))


def _overlap(site: Site, variant: PlantedVariant) -> bool:
    return site.position < variant.position + len(variant.ref) and variant.position < site.position + len(site.ref)


def without_overlaps(sites: Sequence[Site]) -> list[Site]:
    """Return the sites with, on each haplotype, only variants that do not overlap: the first one stays.

    A haplotype cannot carry two variants of the same bases; the panel has a few such pairs, left from splitting.
    """
    free_from: dict[tuple[str, int], int] = {}
    kept: list[Site] = []
    for site in sites:
        carriers = {haplotype for haplotype in site.carriers if site.position >= free_from.get(haplotype, 0)}
        for haplotype in carriers:
            free_from[haplotype] = site.position + len(site.ref)
        if carriers:
            kept.append(Site(site.position, site.identifier, site.ref, site.alt, frozenset(carriers)))
    return kept


def haplotype_bases(reference: str, start: int, sites: Iterable[Site], haplotype: tuple[str, int]) -> str:
    """Return the bases of one haplotype over a window whose reference bases begin at zero-based `start`.

    Raises InputError when a REF allele is not what the reference says.
    """
    pieces: list[str] = []
    at = 0
    for site in sites:
        if haplotype not in site.carriers:
            continue
        offset = site.position - 1 - start
        if reference[offset : offset + len(site.ref)] != site.ref:
            raise InputError(f"{CONTIG}:{site.position}: the panel's REF {site.ref} is not in the reference")
        pieces += [reference[at:offset], site.alt]
        at = offset + len(site.ref)
    return "".join([*pieces, reference[at:]])


def genotype(site: Site, person: Person) -> tuple[int, int]:
    """Return the person's phased alleles, the paternal (or first) haplotype first."""
    first, second = (int(haplotype in site.carriers) for haplotype in person.haplotypes)
    return first, second


def write_truth(path: Path, sites: Sequence[Site], contig_length: int) -> None:
    """Write what was planted as an indexed VCF (.vcf.gz), all people, phased; sites nobody carries are left out."""
    import pysam

    lines = [
        "##fileformat=VCFv4.2",
        f"##contig=<ID={CONTIG},length={contig_length},assembly=GRCh37>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Planted genotype">',
        "\t".join(
            ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *(p.sample_id for p in PEOPLE)]
        ),
    ]
    for site in sites:
        genotypes = [genotype(site, person) for person in PEOPLE]
        if any(sum(alleles) for alleles in genotypes):
            words = [CONTIG, str(site.position), site.identifier, site.ref, site.alt, ".", "PASS", ".", "GT"]
            lines.append("\t".join([*words, *(f"{first}|{second}" for first, second in genotypes)]))
    with atomic_path(path, force=True) as temporary, pysam.BGZFile(str(temporary), "wb", None) as handle:
        handle.write(("\n".join(lines) + "\n").encode())
    run(["bcftools", "index", "--force", "--csi", path])


def simulate(
    reference: Path, vcf: Path, folder: Path, *, windows: Sequence[Window] = WINDOWS, threads: int = 2
) -> Family:
    """Make the family: truth VCF, windows as BED, FASTQ pairs, sample sheet, all below `folder` (which exists).

    The same inputs give the same bytes. Needs dwgsim, bgzip, bcftools.
    """
    import pysam

    sites = without_overlaps(plant(read_sites(vcf, windows), planted_within(windows)))
    with pysam.FastaFile(str(reference)) as fasta:
        contig_length = fasta.get_reference_length(CONTIG)
        bases = {window.name: fasta.fetch(CONTIG, window.start, window.end).upper() for window in windows}
    write_truth(folder / "truth.vcf.gz", sites, contig_length)
    bed = "".join(f"{CONTIG}\t{window.start}\t{window.end}\t{window.name}\n" for window in windows)
    (folder / "windows.bed").write_text(bed)
    reads = folder / "fastq"
    reads.mkdir(exist_ok=True)
    with ThreadPoolExecutor(threads) as pool:
        lanes = list(pool.map(lambda person: _simulate_person(person, bases, sites, windows, reads), PEOPLE))
    rows = ["sample\tlibrary\tlane\tfastq_1\tfastq_2\tsex\tfather\tmother"]
    for person, pairs in zip(PEOPLE, lanes, strict=True):
        for number, (first, second) in enumerate(pairs, start=1):
            words = [
                person.sample_id,
                f"{person.sample_id}-lib1",
                f"L{number:03d}",
                f"fastq/{first.name}",
                f"fastq/{second.name}",
            ]
            rows.append("\t".join([*words, person.sex, person.father or ".", person.mother or "."]))
    sheet = folder / "samples.tsv"
    sheet.write_text("\n".join(rows) + "\n")
    return Family(folder / "truth.vcf.gz", folder / "windows.bed", sheet, len(sites))


@dataclass(frozen=True)
class Family:
    """What `simulate` made."""

    truth: Path
    windows: Path
    sample_sheet: Path
    n_sites: int


def planted_within(windows: Sequence[Window]) -> list[PlantedVariant]:
    """Return the planted variants that lie in the windows."""
    return [
        variant
        for variant in (PLANTED, PLANTED_WITHOUT_READS)
        if any(window.start < variant.position <= window.end for window in windows)
    ]


def _simulate_person(
    person: Person, bases: Mapping[str, str], sites: Sequence[Site], windows: Sequence[Window], folder: Path
) -> list[tuple[Path, Path]]:
    scratch = folder / f".partial-{person.sample_id}"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    pairs: list[tuple[str, str]] = []
    for number, haplotype in enumerate(person.haplotypes):
        fasta = scratch / f"haplotype{number}.fa"
        with fasta.open("w") as handle:
            for window in windows:
                if window.reads:
                    inside = [site for site in sites if window.start < site.position <= window.end]
                    handle.write(
                        f">{window.name}\n{haplotype_bases(bases[window.name], window.start, inside, haplotype)}\n"
                    )
        prefix = scratch / f"haplotype{number}"
        # Seeds from the person and the haplotype of the person: two people with one haplotype get their own reads.
        seed = int(person.sample_id[1:]) * 10 + number
        run(_dwgsim(fasta, prefix, seed))
        pairs += _read_pairs(prefix)
    random.Random(person.sample_id).shuffle(pairs)  # noqa: S311 - order of reads, not a secret
    n_lanes = LANES_OF_THE_CHILD if person.sample_id == CHILD else 1
    lanes: list[tuple[Path, Path]] = []
    for lane in range(n_lanes):
        files = (
            folder / f"{person.sample_id}_L{lane + 1:03d}_R1.fastq.gz",
            folder / f"{person.sample_id}_L{lane + 1:03d}_R2.fastq.gz",
        )
        for mate, path in enumerate(files):
            text = "".join(
                f"@{person.sample_id}:{lane + 1}:{number} {mate + 1}:N:0:1\n{pair[mate]}"
                for number, pair in enumerate(pairs[lane::n_lanes], start=1)
            )
            done = run(["bgzip", "--stdout", "--compress-level", "1"], input_bytes=text.encode())
            with atomic_path(path, force=True) as temporary:
                temporary.write_bytes(done.stdout)
        lanes.append(files)
    shutil.rmtree(scratch)
    return lanes


def _dwgsim(fasta: Path, prefix: Path, seed: int) -> list[str | Path]:
    # -H haploid, -r/-R no mutations of its own, -y no random reads, -o 1 one file per mate.
    depth = DEPTH_READS / HAPLOTYPES
    command: list[str | Path] = ["dwgsim", "-H", "-r", "0", "-R", "0", "-y", "0", "-o", "1", "-C", f"{depth:g}"]
    command += ["-1", str(READ_LENGTH_BASES), "-2", str(READ_LENGTH_BASES)]
    command += ["-d", str(FRAGMENT_MEAN_BASES), "-s", str(FRAGMENT_SD_BASES)]
    return [*command, "-e", BASE_ERROR_RATES, "-E", BASE_ERROR_RATES, "-z", str(seed), fasta, prefix]


def _read_pairs(prefix: Path) -> list[tuple[str, str]]:
    """Return the pairs as FASTQ text without the name line: bases, +, qualities."""
    import gzip

    mates: list[list[str]] = []
    for mate in ("1", "2"):
        with gzip.open(f"{prefix}.bwa.read{mate}.fastq.gz", "rt") as handle:
            lines = handle.read().split("\n")
        mates.append([f"{lines[i + 1]}\n+\n{lines[i + 3]}\n" for i in range(0, len(lines) - 3, 4)])
    return list(zip(*mates, strict=True))
