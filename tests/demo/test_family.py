"""The family that is planted: Mendel's rules, haplotype bases, overlaps, and the same reads each time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from genomics_dc.demo import family
from genomics_dc.demo.family import CHILD, FATHER, MOTHER, PEOPLE, PLANTED, PLANTED_WITHOUT_READS, Site, Window
from genomics_dc.demo.sources import source
from genomics_dc.errors import InputError


@pytest.fixture(scope="module")
def panel() -> Path:
    try:
        return source("phased people")
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def sites(panel: Path) -> list[Site]:
    if shutil.which("bcftools") is None:
        pytest.skip("bcftools is not installed")
    return family.without_overlaps(family.plant(family.read_sites(panel)))


def person(sample_id: str) -> family.Person:
    return next(one for one in PEOPLE if one.sample_id == sample_id)


def test_child_has_one_allele_of_each_parent_everywhere(sites: list[Site]) -> None:
    assert len(sites) > 400
    for site in sites:
        paternal, maternal = family.genotype(site, person(CHILD))
        assert paternal == family.genotype(site, person(FATHER))[0], site
        assert maternal == family.genotype(site, person(MOTHER))[0], site


@pytest.mark.parametrize("planted", [PLANTED, PLANTED_WITHOUT_READS], ids=lambda one: one.gene)
def test_planted_allele_is_recessive(sites: list[Site], planted: family.PlantedVariant) -> None:
    (site,) = [one for one in sites if (one.position, one.alt) == (planted.position, planted.alt)]
    assert [sum(family.genotype(site, one)) for one in PEOPLE] == [2, 1, 1, 0, 0, 0]


def test_gene_without_reads_lies_in_no_window_with_reads() -> None:
    assert any(w.reads and w.start < PLANTED.position <= w.end for w in family.WINDOWS)
    fragments = family.FRAGMENT_MEAN_BASES + 6 * family.FRAGMENT_SD_BASES
    for window in family.WINDOWS:
        if window.reads:
            far = window.end + fragments < 3_208_067 or window.start - fragments > 3_219_836
            assert far or window.end <= 3_207_000, window


def test_windows_do_not_overlap() -> None:
    for first, second in zip(family.WINDOWS, family.WINDOWS[1:], strict=False):
        assert first.end <= second.start


def test_haplotype_bases_by_hand() -> None:
    mine = ("H", 0)
    sites = [
        Site(3, ".", "G", "T", frozenset({mine})),
        Site(5, ".", "AC", "A", frozenset({mine})),
        Site(8, ".", "T", "TGG", frozenset({mine, ("H", 1)})),
        Site(9, ".", "A", "C", frozenset({("H", 1)})),
    ]
    assert family.haplotype_bases("ACGTACGTA", 0, sites, mine) == "ACTTAGTGGA"
    assert family.haplotype_bases("ACGTACGTA", 0, sites, ("H", 1)) == "ACGTACGTGGC"
    with pytest.raises(InputError, match="20:3: the panel's REF"):
        family.haplotype_bases("ACCTACGTA", 0, sites, mine)


def test_a_haplotype_keeps_the_first_of_two_overlapping_variants() -> None:
    both, one = frozenset({("A", 0), ("A", 1)}), frozenset({("A", 0)})
    kept = family.without_overlaps([Site(10, ".", "ACG", "A", one), Site(12, ".", "G", "T", both)])
    assert [(site.position, site.carriers) for site in kept] == [(10, one), (12, frozenset({("A", 1)}))]


@pytest.fixture(scope="module")
def reference_slice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The start of chromosome 20 under its own name: positions hold, and indexing is quick."""
    import gzip
    import subprocess

    try:
        packed = source("chromosome 20")
    except InputError as error:
        pytest.skip(str(error))
    fasta = tmp_path_factory.mktemp("reference") / "20.fa"
    with gzip.open(packed, "rt") as handle:
        fasta.write_text(handle.read(4 + 61 * 67_000))
    subprocess.run(["samtools", "faidx", fasta], check=True)
    return fasta


def test_simulation_gives_the_same_bytes(panel: Path, reference_slice: Path, tmp_path: Path, program) -> None:  # type: ignore[no-untyped-def]
    program("dwgsim")
    windows = (
        Window("PANK2 end", 3_897_000, 3_900_000),
        Window("SLC4A11 part", 3_209_500, 3_210_500, reads=False),
    )
    made = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        found = family.simulate(reference_slice, panel, folder, windows=windows)
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".csi")
        made.append({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})
        assert found.sample_sheet.read_text().count("\n") == 8, "header, two lanes of the child, five others"
        assert not list(folder.rglob(".partial-*"))
    assert made[0] == made[1]


def test_simulated_reads_show_the_planted_genotype(panel: Path, reference_slice: Path, tmp_path: Path, program) -> None:  # type: ignore[no-untyped-def]
    """Align the child and the father over one small window and look at the planted base."""
    import subprocess

    program("dwgsim")
    bwa, samtools = program("bwa"), program("samtools")
    windows = (Window("PANK2 end", 3_897_000, 3_902_000),)
    family.simulate(reference_slice, panel, tmp_path, windows=windows)
    small = tmp_path / "window.fa"
    with small.open("w") as handle:
        subprocess.run([samtools, "faidx", reference_slice, "20:3895001-3904000"], stdout=handle, check=True)
    subprocess.run([bwa, "index", small], check=True, capture_output=True)
    shares = {}
    for sample in (CHILD, FATHER):
        pair = [str(tmp_path / "fastq" / f"{sample}_L001_R{mate}.fastq.gz") for mate in (1, 2)]
        aligned = subprocess.run([bwa, "mem", small, *pair], capture_output=True, check=True).stdout
        bam = tmp_path / f"{sample}.bam"
        subprocess.run([samtools, "sort", "-o", bam, "-"], input=aligned, check=True, capture_output=True)
        subprocess.run([samtools, "index", bam], check=True)
        place = f"20:3895001-3904000:{PLANTED.position - 3_895_000}-{PLANTED.position - 3_895_000}"
        done = subprocess.run([samtools, "mpileup", "-r", place, bam], capture_output=True, text=True, check=True)
        bases = done.stdout.split("\t")[4].upper()
        shares[sample] = bases.count("A") / (bases.count("A") + bases.count("G"))
    assert shares[CHILD] > 0.95
    assert 0.2 < shares[FATHER] < 0.8
