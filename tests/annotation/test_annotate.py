"""Annotation end to end: what is found, under which names, and what is refused."""

import json
import random
import shutil
import subprocess

import pysam
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from genomics_dc.annotation.alleles import Reference, normalise, trim
from genomics_dc.annotation.annotate import Annotation, annotate, table
from genomics_dc.annotation.consequences import check_gene_models, consequences
from genomics_dc.annotation.known import clinvar_terms, significance_groups
from genomics_dc.annotation.sites import Alleles
from genomics_dc.cli.main import app
from genomics_dc.errors import BuildMismatchError, InputError, OutputExistsError
from genomics_dc.reference.genes import read_genes
from genomics_dc.reference.so_terms import FROM_CSQ, SEVERITY, ordered
from genomics_dc.results import PROVENANCE_KEY
from genomics_dc.store import build_store
from tests.gene_world import CONTIG, LENGTH, make_world, shifted_brca1, vcf_text

WORLD = make_world()


@pytest.fixture
def place(tmp_path):
    class Place:
        folder = tmp_path
        store = tmp_path / "c.vcz"
        genes = WORLD.gff(tmp_path)
        fasta = WORLD.fasta(tmp_path)

        def build(self, rows, contig=CONTIG):
            vcf = tmp_path / "c.vcf"
            vcf.write_text(vcf_text(rows, ("a", "b"), contig=contig))
            build_store(vcf, self.store, force=True, workers=1)
            return self

        def annotate(self, **options):
            return annotate(self.store, **{"genes": self.genes, "fasta": self.fasta, "force": True, **options})

        def write(self, name, text, *, index=False):
            path = tmp_path / name
            path.write_text(text)
            if index:
                return pysam.tabix_index(str(path), preset="vcf", force=True)
            return path

    return Place()


def snv(position):
    return position, WORLD.base(position), WORLD.other(position), "PASS", ("0/1", "0/0")


def known_text(records, contig=CONTIG, extra="CLNSIG"):
    lines = [
        "##fileformat=VCFv4.1",
        "##fileDate=2026-11-01",
        "##source=ClinVar",
        f"##contig=<ID={contig},length={LENGTH}>",
        f'##INFO=<ID={extra},Number=.,Type=String,Description="x">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    lines += [f"{contig}\t{p}\t{i}\t{ref}\t{alt}\t.\t.\t{extra}={value}" for p, i, ref, alt, value in sorted(records)]
    return "\n".join(lines) + "\n"


def frequency_text(records, contig=CONTIG):
    lines = [
        "##fileformat=VCFv4.2",
        f"##contig=<ID={contig},length={LENGTH}>",
        '##INFO=<ID=AF,Number=A,Type=Float,Description="x">',
        '##INFO=<ID=AC,Number=A,Type=Integer,Description="x">',
        '##INFO=<ID=AN,Number=1,Type=Integer,Description="x">',
        '##INFO=<ID=EAS_AF,Number=A,Type=Float,Description="x">',
        '##INFO=<ID=AF_popmax,Number=A,Type=Float,Description="not a population">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    lines += [f"{contig}\t{p}\t.\t{ref}\t{alt}\t.\tPASS\t{info}" for p, ref, alt, info in sorted(records)]
    return "\n".join(lines) + "\n"


def test_every_allele_gets_a_row_on_every_transcript_it_touches(place):
    inside = WORLD.genomic("T-ALPHA.1", 40)
    both = 5050
    multi = (inside + 3, WORLD.base(inside + 3), ",".join(sorted(set("ACGT") - {WORLD.base(inside + 3)})[:2]))
    rows = [snv(inside), snv(both), snv(200), (*multi, "PASS", ("1/2", "0/0"))]
    made = place.build(rows).annotate()
    found = table(made, "consequences").to_pylist()
    assert [(row["position"], row["alt"], row["transcript"]) for row in found] == [
        (inside, WORLD.other(inside), "T-ALPHA.1"),
        (inside + 3, multi[2][0], "T-ALPHA.1"),
        (inside + 3, multi[2][2], "T-ALPHA.1"),
        (both, WORLD.other(both), "T-GAMMA.1"),
        (both, WORLD.other(both), "T-GAMMA-LONG.1"),
    ]  # the intergenic site at 200 has none
    assert found[0]["hgvs_c"].startswith("c.40")
    assert [row["canonical"] for row in found[-2:]] == [True, False]
    assert all(set(row["so_terms"]) <= set(SEVERITY) for row in found)
    assert made.path.name == "c.annotation"
    assert made.summary["alleles"] == 5
    stored = json.loads(parquet.read_schema(made.path / "consequences.parquet").metadata[PROVENANCE_KEY])
    assert stored["store_hash"] == made.store_hash


def test_the_same_input_gives_the_same_bytes(place, tmp_path):
    place.build([snv(1050), snv(3100)])
    one, two = (place.annotate(output=tmp_path / name) for name in ("one", "two"))
    for path in sorted(one.path.iterdir()):
        assert path.read_bytes() == (two.path / path.name).read_bytes()
    with pytest.raises(OutputExistsError):
        place.annotate(output=tmp_path / "one", force=False)
    assert sorted(item.name for item in tmp_path.iterdir() if item.name.startswith(".")) == []


def test_contig_names_may_differ_between_all_files(place, tmp_path):
    rows = [snv(1050)]
    deletion = WORLD.base(1060, 3)
    rows.append((1060, deletion, deletion[0], "PASS", ("0/1", "0/0")))
    place.build(rows, contig="chr20")
    genes = tmp_path / "refseq.gff3"
    genes.write_text(place.genes.read_text().replace(f"{CONTIG}\ttoy", "NC_000020.10\ttoy"))
    clinvar = place.write("k.vcf", known_text([(1050, "5", WORLD.base(1050), WORLD.other(1050), "Benign")], "20"))
    made = place.annotate(genes=genes, clinvar=clinvar)
    found = table(made, "consequences").to_pylist()
    assert {row["contig"] for row in found} == {"chr20"}
    assert len(found) == 2
    assert [row["contig"] for row in table(made, "known").to_pylist()] == ["chr20"]


def test_a_store_of_another_build_is_refused(place):
    position = 1050
    wrong = WORLD.other(position)
    place.build([(position, wrong, WORLD.base(position), "PASS", ("0/1", "0/0")), snv(1060)])
    with pytest.raises(BuildMismatchError, match=rf"1 of 2 reference alleles .* {CONTIG}:{position} with {wrong}"):
        place.annotate()
    assert not (place.folder / "c.annotation").exists()


def test_known_variants_of_another_build_are_refused(place):
    place.build([snv(1050)])
    text = known_text([(1050 + i, str(i), WORLD.other(1050 + i), WORLD.base(1050 + i), "Pathogenic") for i in range(5)])
    with pytest.raises(BuildMismatchError, match="5 of 5 records"):
        place.annotate(clinvar=place.write("k.vcf", text))


def test_misplaced_gene_models_are_refused(shared_data, tmp_path):
    """The real BRCA1 slice comes with gene models that stand one base beside their FASTA."""
    folder = shared_data / "reads_brca1_1kg"
    with Reference(folder / "ref_brca1.fa") as reference:
        with pytest.raises(BuildMismatchError, match=r"coding transcripts of .* have a stop inside"):
            check_gene_models(read_genes(folder / "brca1_gencodev19.gff3"), reference)
        check_gene_models(read_genes(shifted_brca1(folder, tmp_path)), reference)


def repeat_site():
    """Return (one-based position, unit) of a base that stands twice or more, away from the ends."""
    for position in range(1040, 1120):
        if WORLD.base(position) == WORLD.base(position + 1) != WORLD.base(position - 1):
            return position, WORLD.base(position)
    raise AssertionError


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("indexed", [False, True])
def test_unaligned_spellings_of_an_allele_are_the_same_allele(place, indexed, swapped):
    position, unit = repeat_site()
    before = WORLD.base(position - 1)
    mine = (position - 1, before + unit, before)
    # the same deletion, spelled one base to the right and with a base too many
    other = (position, WORLD.base(position, 3), WORLD.base(position) + WORLD.base(position + 2))
    if swapped:
        mine, other = other, mine
    place.build([(*mine, "PASS", ("0/1", "0/0"))])
    text = frequency_text([(*other, "AF=0.3;AC=30;AN=100;EAS_AF=0.5")])
    known = known_text([(other[0], "77", other[1], other[2], "Likely_benign")])
    made = place.annotate(
        frequencies=place.write("f.vcf", text, index=indexed), clinvar=place.write("k.vcf", known, index=indexed)
    )
    rows = table(made, "frequencies").to_pylist()
    assert [(row["population"], row["allele_frequency"]) for row in rows] == [("all", pytest.approx(0.3)), ("eas", 0.5)]
    assert (rows[0]["allele_count"], rows[0]["allele_number"]) == (30, 100)
    assert [row["accession"] for row in table(made, "known").to_pylist()] == ["VCV000000077"]


def test_the_greatest_frequency_of_one_allele_stands(place):
    position, unit = repeat_site()
    before = WORLD.base(position - 1)
    place.build([(position - 1, before + unit, before, "PASS", ("0/1", "0/0"))])
    records = [
        (position - 1, before + unit, before, "AF=0.001;AN=100"),
        (position, WORLD.base(position, 2), WORLD.base(position), "AF=0.4;AN=100"),
    ]
    made = place.annotate(frequencies=place.write("f.vcf", frequency_text(records)))
    assert [row["allele_frequency"] for row in table(made, "frequencies").to_pylist()] == [pytest.approx(0.4)]


def test_a_frequency_is_counted_where_only_counts_are_given(place):
    place.build([snv(1050)])
    text = frequency_text([(1050, WORLD.base(1050), WORLD.other(1050), "AC=5;AN=50")])
    (row,) = table(place.annotate(frequencies=place.write("f.vcf", text)), "frequencies").to_pylist()
    assert row["allele_frequency"] == 0.1


def test_a_term_that_is_not_known_is_named_and_kept(place):
    place.build([snv(1050)])
    record = (1050, "9", WORLD.base(1050), WORLD.other(1050), "Pathogenic_v2/Likely_pathogenic")
    made = place.annotate(clinvar=place.write("k.vcf", known_text([record])))
    assert any("'Pathogenic_v2'" in warning for warning in made.warnings)
    (row,) = table(made, "known").to_pylist()
    assert row["significance"] == "Pathogenic v2/Likely pathogenic"
    assert row["groups"] == ["likely_pathogenic", "unknown"]


def test_only_the_exact_allele_is_known(place):
    place.build([snv(1050)])
    third = next(base for base in "ACGT" if base not in (WORLD.base(1050), WORLD.other(1050)))
    records = [(1050, "9", WORLD.base(1050), third, "Pathogenic")]
    assert len(table(place.annotate(clinvar=place.write("k.vcf", known_text(records))), "known")) == 0


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        (
            "clinvar",
            known_text([(1050, "9", WORLD.base(1050), WORLD.other(1050), "x")], extra="OTHER"),
            "declares no INFO field CLNSIG",
        ),
        (
            "frequencies",
            known_text([(1050, "9", WORLD.base(1050), WORLD.other(1050), "x")]),
            "declares neither AF nor AC and AN",
        ),
        ("clinvar", "not a VCF\n", "cannot be read as VCF"),
    ],
)
def test_a_source_of_another_kind_is_refused(place, option, text, message):
    place.build([snv(1050)])
    path = place.write("source.vcf", text)
    with pytest.raises((InputError, BuildMismatchError), match=message):
        place.annotate(**{option: path})
    assert not (place.folder / "c.annotation").exists()


def test_a_source_cut_off_is_refused(place):
    place.build([snv(1050)])
    draw = random.Random(3)
    records = [(p, str(p), WORLD.base(p), WORLD.other(p), f"Benign|x{draw.random()}") for p in range(900, 3000)]
    path = place.folder / "k.vcf.gz"
    with pysam.BGZFile(str(path), "wb") as handle:
        handle.write(known_text(records).encode())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="cut off"):
        place.annotate(clinvar=path)


def test_missing_files_are_named(place):
    place.build([snv(1050)])
    for option in ("clinvar", "frequencies", "fasta"):
        with pytest.raises(InputError, match="nowhere"):
            place.annotate(**{option: place.folder / "nowhere"})
    with pytest.raises(InputError, match="not an annotation folder"):
        Annotation.open(place.folder)


def test_the_command_says_what_it_made(place):
    place.build([snv(1050)])
    words = ["annotate", str(place.store), "--genes", str(place.genes), "--fasta", str(place.fasta)]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rows"] == {"consequences": 1, "frequencies": 0, "known": 0}
    plain = CliRunner().invoke(app, [*words, "--force"])
    assert "consequences.parquet  1 rows" in plain.stdout
    assert isinstance(CliRunner().invoke(app, words).exception, OutputExistsError)


def test_terms_are_ordered_by_severity():
    assert set(FROM_CSQ.values()) <= set(SEVERITY)
    assert ordered(["intron_variant", "stop_gained", "missense_variant"])[0] == "stop_gained"


def test_clinvar_terms_cover_what_real_files_say(shared_data):
    seen = set()
    for name in ("clinvar_20191007.vcf.gz", "input.vcf.gz"):
        with pysam.VariantFile(str(shared_data / "annotation" / name)) as source:
            for record in source:
                value = record.info.get("CLNSIG")
                if value is not None:
                    seen.add(",".join(value) if isinstance(value, tuple) else value)
    assert len(seen) > 5
    assert {text for text in seen if "unknown" in significance_groups(text)} == set()
    assert significance_groups("Pathogenic, low penetrance") == ("pathogenic",)
    assert "unknown" not in clinvar_terms().values()


def test_normalising_agrees_with_bcftools(program, tmp_path):
    """600 random alleles over repeats, each spelled with extra bases on both sides, against `bcftools norm`."""
    bcftools = program("bcftools")
    draw = random.Random(5)
    text = "".join(draw.choice(["A", "AC", "ACG", "T", "GG"]) * draw.randint(1, 4) for _ in range(150))
    fasta = tmp_path / "r.fa"
    fasta.write_text(f">1\n{text}\n")
    pysam.faidx(str(fasta))
    rows = []
    while len(rows) < 600:
        at = draw.randint(2, len(text) - 30)
        ref = text[at - 1 : at - 1 + draw.randint(1, 9)]
        middle = "".join(draw.choice("ACGT") for _ in range(draw.randint(0, 4)))
        alt = ref[0] + (draw.choice([middle, ref[1:] + ref[1:], ref[1 + draw.randint(0, 3) :]]))
        if alt != ref:
            rows.append((at, ref, alt))
    vcf = tmp_path / "a.vcf"
    body = "".join(f"1\t{at}\t{i}\t{ref}\t{alt}\t.\t.\t.\n" for i, (at, ref, alt) in enumerate(rows))
    head = f"##fileformat=VCFv4.2\n##contig=<ID=1,length={len(text)}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    vcf.write_text(head + body)
    done = subprocess.run([bcftools, "norm", "-f", fasta, vcf], capture_output=True, text=True, check=True)
    theirs = {}
    for line in done.stdout.splitlines():
        if not line.startswith("#"):
            _, at, number, ref, alt = line.split("\t")[:5]
            theirs[int(number)] = (int(at), ref, alt)
    with Reference(fasta) as reference:
        for number, (at, ref, alt) in enumerate(rows):
            assert normalise(reference, "1", at, ref, alt) == theirs[number], (at, ref, alt)


def test_trim_takes_the_end_first():
    assert trim(10, "CAA", "CA") == (11, "A", "")
    assert trim(10, "A", "A") == (10, "", "")
    assert trim(10, "ACG", "ATG") == (11, "C", "T")


def test_ambiguity_codes_agree_with_their_bases(tmp_path):
    fasta = tmp_path / "r.fa"
    fasta.write_text(">1\nACRTn\n")
    with Reference(fasta) as reference:
        assert reference.agrees("chr1", 1, "acG")
        assert not reference.agrees("1", 1, "ACT")
        assert reference.agrees("1", 5, "G")
        assert not reference.agrees("1", 5, "GA")


def test_consequences_agree_with_the_goldens_of_bcftools(shared_data, tmp_path):
    """Single-record csq cases of the bcftools repository; two expect terms that bcftools 1.24 no longer gives."""
    changed_since = {"synonymous-start-lost.txt", "retained-stop-incomplete-cds.txt"}
    same = 0
    for golden in sorted((shared_data / "annotation" / "bcftools_csq").glob("*/*.txt")):
        vcf = golden.with_suffix(".vcf")
        records = [line.split("\t") for line in vcf.read_text().splitlines() if line[:1] != "#"] if vcf.exists() else []
        if len(records) != 1 or golden.name in changed_since or golden.name == "ascii-art.txt":
            continue
        try:
            models = read_genes(next(golden.parent.glob("*.gff")))
        except InputError:
            continue  # cut from a larger file with negative coordinates: not GFF3
        wanted = {}
        for line in golden.read_text().splitlines():
            for entry in line.split("\t")[3].split(",") if line.count("\t") >= 3 else ():
                fields = entry.split("|")
                if len(fields) > 2 and fields[2]:
                    terms = {FROM_CSQ[word] for word in fields[0].lstrip("*").split("&")}
                    wanted.setdefault(fields[2].split(".")[0], set()).update(terms)
        fasta = tmp_path / f"{golden.parent.name}.fa"
        shutil.copy(next(golden.parent.glob("*.fa")), fasta)
        alleles = Alleles.from_rows((c[0], int(c[1]), c[3], alt) for c in records for alt in c[4].split(","))
        scratch = tmp_path / golden.parent.name / golden.stem
        scratch.mkdir(parents=True)
        with Reference(fasta) as reference:
            rows = consequences(alleles, models, reference, scratch).table.to_pylist()
        mine = {}
        for row in rows:
            mine.setdefault(row["transcript"].split(".")[0], set()).update(row["so_terms"])
        for transcript, terms in wanted.items():
            assert mine.get(transcript) == terms, f"{golden.name} {transcript}"
        same += 1
    assert same >= 30
