"""Gene models: both dialects, translation, canonical transcripts, and what is refused."""

import gzip

import pytest

from genomics_dc.errors import InputError
from genomics_dc.reference.genes import CODON_TABLE, read_genes, reverse_complement, translate
from tests.gene_world import CONTIG, gff_text, make_world, shifted_brca1


@pytest.fixture(scope="module")
def world():
    return make_world()


@pytest.fixture
def models(world, tmp_path):
    return read_genes(world.gff(tmp_path))


def test_ensembl_style_gives_the_planned_transcripts(world, models):
    assert {item.identifier for item in models.transcripts} == set(world.transcripts)
    for item in models.transcripts:
        plan = world.transcripts[item.identifier]
        assert (item.gene, item.contig, item.strand) == (plan.gene, CONTIG, plan.strand)
        assert (item.exons, item.cds, item.phase) == (plan.exons, plan.cds, 0)
    assert models.version == "genome-version TOY1"


def test_coding_sequences_translate_from_start_to_stop_on_both_strands(world, models):
    for item in models.transcripts:
        protein = item.protein(world)
        assert protein[0] == "M"
        assert protein.index("*") == len(protein) - 1
        assert len(protein) * 3 == item.coding_bases


def test_offsets_run_in_reading_order(world, models):
    for item in models.transcripts:
        bases = {item.offset(p): p for start, end in item.exons for p in range(start, end)}
        assert sorted(bases) == list(range(item.length))
        spliced = "".join(world.sequence[bases[i]] for i in range(item.length))
        if item.strand == -1:
            spliced = reverse_complement(spliced)[::-1]
        assert spliced == item.sequence(world)
    assert models.transcript("T-ALPHA").offset(1130) is None


def test_canonical_is_tagged_or_else_the_longest_coding_sequence(models):
    assert models.canonical("GAMMA").identifier == "T-GAMMA.1"  # tagged, though the other is longer
    assert models.canonical("BETA").identifier == "T-BETA.2"
    assert sum(item.canonical for item in models.transcripts) == 4


def test_a_version_that_is_asked_for_must_be_there(models):
    assert models.transcript("T-BETA").identifier == "T-BETA.2"
    assert models.transcript("T-BETA.2").gene == "BETA"
    with pytest.raises(InputError, match=r"T-BETA\.2, but T-BETA\.9 is asked for"):
        models.transcript("T-BETA.9")
    with pytest.raises(InputError, match="no transcript NONE"):
        models.transcript("NONE")
    with pytest.raises(InputError, match="no gene OMEGA"):
        models.canonical("OMEGA")


def test_overlap_is_half_open(models):
    assert [item.identifier for item in models.overlapping(CONTIG, 999, 1000)] == []
    assert [item.identifier for item in models.overlapping(CONTIG, 1000, 1001)] == ["T-ALPHA.1"]
    assert [item.identifier for item in models.overlapping(CONTIG, 1801, 1802)] == []
    assert [item.identifier for item in models.overlapping(CONTIG, 5200, 5201)] == ["T-GAMMA.1", "T-GAMMA-LONG.1"]
    assert models.overlapping("21", 1000, 2000) == ()


def test_gzip_reads_the_same(world, models, tmp_path):
    path = tmp_path / "genes.gff3.gz"
    with gzip.open(path, "wt") as handle:
        handle.write(gff_text(world))
    assert read_genes(path).transcripts == models.transcripts


def test_gencode_style(tmp_path):
    common = "gene_id=G.1;transcript_id=T.3;gene_name=ONE;transcript_type=protein_coding"
    rows = [
        f"20\tHAVANA\tgene\t11\t60\t.\t-\t.\tID=G.1;{common}",
        f"20\tHAVANA\ttranscript\t11\t60\t.\t-\t.\tID=T.3;Parent=G.1;{common};tag=basic,cds_start_NF",
        f"20\tHAVANA\texon\t41\t60\t.\t-\t.\tID=exon:T.3:1;Parent=T.3;{common}",
        f"20\tHAVANA\tCDS\t41\t60\t.\t-\t2\tID=CDS:T.3;Parent=T.3;{common}",
        f"20\tHAVANA\texon\t11\t30\t.\t-\t.\tID=exon:T.3:2;Parent=T.3;{common}",
        f"20\tHAVANA\tCDS\t21\t30\t.\t-\t0\tID=CDS:T.3;Parent=T.3;{common}",
        f"20\tHAVANA\tstop_codon\t18\t20\t.\t-\t0\tID=stop_codon:T.3;Parent=T.3;{common}",
    ]
    path = tmp_path / "gencode.gff3"
    path.write_text("##gff-version 3\n" + "\n".join(rows) + "\n")
    (item,) = read_genes(path).transcripts
    assert (item.identifier, item.base_identifier, item.gene, item.gene_id) == ("T.3", "T", "ONE", "G.1")
    assert item.cds == ((17, 30), (40, 60))  # the stop codon row is joined to the CDS that leaves it out
    assert item.phase == 2
    assert not item.start_is_complete


def _row(kind="mRNA", start=1, end=9, strand="+", phase=".", attributes="ID=transcript:T;Parent=gene:G"):
    return f"20\tx\t{kind}\t{start}\t{end}\t.\t{strand}\t{phase}\t{attributes}"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["20\tx\tmRNA"], "line 1: a GFF3 row has 9 tab-separated columns, here are 3"),
        ([_row(start="one")], "line 1: start and end must be whole numbers"),
        ([_row(start=9, end=1)], "line 1: the interval 9-1 is empty"),
        ([_row(strand=".")], "line 1: transcript T must have strand"),
        ([_row(), _row("CDS", attributes="Parent=transcript:T")], "line 2: a CDS row needs phase"),
        (
            [_row(), *(_row("exon", s, e, attributes="Parent=transcript:T") for s, e in ((1, 5), (4, 9)))],
            "exons of transcript T overlap at 4-5",
        ),
        (
            [
                _row(),
                _row("exon", 1, 5, attributes="Parent=transcript:T"),
                _row("CDS", 4, 9, phase="0", attributes="Parent=transcript:T"),
            ],
            "coding interval 4-9 of transcript T is outside its exons",
        ),
        (["##gff-version 3"], "holds no transcript with exons"),
    ],
)
def test_broken_rows_are_named(tmp_path, rows, message):
    path = tmp_path / "bad.gff3"
    path.write_text("\n".join(rows) + "\n")
    with pytest.raises(InputError, match=message):
        read_genes(path)


def test_truncated_gzip_is_named(world, tmp_path):
    path = tmp_path / "cut.gff3.gz"
    path.write_bytes(gzip.compress(gff_text(world).encode())[:-40])
    with pytest.raises(InputError, match="not readable GFF3"):
        read_genes(path)


def test_the_code_is_the_standard_one():
    assert len(CODON_TABLE) == 64
    assert [codon for codon, residue in CODON_TABLE.items() if residue == "*"] == ["TAA", "TAG", "TGA"]
    assert translate("ATGTGGNNNTA") == "MWX"


def test_models_written_for_csq_read_back_the_same(models, tmp_path):
    path = tmp_path / "csq.gff3"
    assert models.write_for_csq(path, {CONTIG: "chr20"}) == len(models.transcripts)
    back = read_genes(path)
    for one, two in zip(models.transcripts, back.transcripts, strict=True):
        assert two.contig == "chr20"
        assert (one.identifier, one.exons, one.cds, one.strand, one.phase) == (
            two.identifier, two.exons, two.cds, two.strand, two.phase,
        )  # fmt: skip


def test_real_brca1_translates(shared_data, tmp_path):
    """GENCODE's BRCA1 gives the known protein of 1,863 residues once the slice's shift by one base is undone."""
    from genomics_dc.annotation.alleles import Reference

    folder = shared_data / "reads_brca1_1kg"
    models = read_genes(shifted_brca1(folder, tmp_path))
    with Reference(folder / "ref_brca1.fa") as reference:
        protein = models.transcript("ENST00000357654.3").protein(reference)
    assert len(protein) == 1864
    assert protein.startswith("MDLSALRVEEVQNVINAMQKILECPICLELI")
    assert protein.endswith("PQIPHSHY*")
