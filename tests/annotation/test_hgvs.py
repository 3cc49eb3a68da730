"""HGVS names: worked by hand, against another program, against ClinVar, and by applying the name again."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from genomics_dc.annotation.alleles import Reference
from genomics_dc.annotation.hgvs import describe, position_name
from genomics_dc.reference.genes import Transcript, read_genes, reverse_complement, translate
from tests.gene_world import make_world, shifted_brca1

GOLDEN = Path(__file__).parents[1] / "golden" / "hgvs_c.pyhgvs.tsv"
ROOT = Path(__file__).parents[2]
CHROMOSOME_20 = Path("/usr/share/doc/vt/examples/ref/20.fa.gz")
ONE_LETTER = {
    "Ala": "A", "Arg": "R", "Asn": "N", "Asp": "D", "Cys": "C", "Gln": "Q", "Glu": "E", "Gly": "G", "His": "H",
    "Ile": "I", "Leu": "L", "Lys": "K", "Met": "M", "Phe": "F", "Pro": "P", "Ser": "S", "Thr": "T", "Trp": "W",
    "Tyr": "Y", "Val": "V", "Ter": "*",
}  # fmt: skip
WORLD = make_world()


class Bases:
    """A contig of a few bases."""

    def __init__(self, text):
        self.text = text

    def fetch(self, contig, start, end):
        return self.text[max(start, 0) : end]


def toy():
    """Exon 1 = bases 5-16 (UTR GAC, ATG GCT AAA), exon 2 = 28-54 (TCG ATC GAA CGG GGC TAA, UTR CATAGGTTT)."""
    text = "TTTT" + "GACATGGCTAAA" + "GTAAGTCCCAG" + "TCGATCGAACGGGGCTAA" + "CATAGGTTT" + "AATTTTTT"
    return Bases(text), Transcript("T.1", "G", "G", "1", 1, "protein_coding", ((4, 16), (27, 54)), ((7, 16), (27, 45)))


def mirrored():
    bases, model = toy()
    size = len(bases.text)

    def flip(parts):
        return tuple(sorted((size - end, size - start) for start, end in parts))

    text = reverse_complement(bases.text)
    return Bases(text), Transcript("R.1", "G", "G", "1", -1, "protein_coding", flip(model.exons), flip(model.cds))


def test_positions_run_over_utr_coding_and_intron():
    _, model = toy()
    names = [position_name(model, position) for position in range(3, 56)]
    exon1 = ["-3", "-2", "-1", *map(str, range(1, 10))]
    intron = ["9+1", "9+2", "9+3", "9+4", "9+5", "9+6", "10-5", "10-4", "10-3", "10-2", "10-1"]
    exon2 = [*map(str, range(10, 28)), *(f"*{number}" for number in range(1, 10))]
    assert names == [None, *exon1, *intron, *exon2, None, None]


@pytest.mark.parametrize(
    ("position", "ref", "alt", "c", "p"),
    [
        (11, "G", "A", "c.4G>A", "p.(Ala2Thr)"),
        (13, "T", "C", "c.6T>C", "p.(Ala2=)"),
        (8, "A", "G", "c.1A>G", "p.(Met1?)"),
        (5, "G", "C", "c.-3G>C", None),
        (46, "C", "G", "c.*1C>G", None),
        (17, "G", "A", "c.9+1G>A", None),
        (27, "G", "A", "c.10-1G>A", None),
        (22, "T", "G", "c.9+6T>G", None),
        (23, "C", "G", "c.10-5C>G", None),
        (14, "A", "T", "c.7A>T", "p.(Lys3Ter)"),
        # TAA>CAA: Gln, then CAT AGG TTT without a stop in the transcript
        (43, "T", "C", "c.25T>C", "p.(Ter9GlnextTer?)"),
        # ATG GCT AAA T|ATC GAA CGG GGC TAA C -> TAT CGA ACG GGG CTA ACA TAG
        (28, "TCG", "T", "c.11_12del", "p.(Ser4TyrfsTer7)"),
        # GAA CGG -> GAA ACG GGG CTA ACA TAG
        (35, "A", "AA", "c.18dup", "p.(Arg7ThrfsTer5)"),
        (36, "A", "AC", "c.19dup", "p.(Arg7ProfsTer5)"),
        (36, "A", "AT", "c.18_19insT", "p.(Arg7SerfsTer5)"),
        (30, "G", "GATC", "c.13_15dup", "p.(Ile5dup)"),
        (33, "CGAA", "C", "c.16_18del", "p.(Glu6del)"),
        (33, "C", "CTGG", "c.15_16insTGG", "p.(Ile5_Glu6insTrp)"),
        (33, "C", "CTAG", "c.15_16insTAG", "p.(Glu6Ter)"),
        (37, "CGG", "TAT", "c.19_21delinsTAT", "p.(Arg7Tyr)"),
        # TGG CCG GCT AAC ATA GGT TT: no stop before the transcript ends
        (34, "GAACGG", "TGGCC", "c.16_21delinsTGGCC", "p.(Glu6TrpfsTer?)"),
        (31, "ATCGAA", "CCC", "c.13_18delinsCCC", "p.(Ile5_Glu6delinsPro)"),
        (34, "GAA", "TTC", "c.16_18inv", "p.(Glu6Phe)"),
        # the last base of exon 1 and the first of the intron differ, so a deletion stays where it is
        (15, "AA", "A", "c.9del", "p.(Lys3AsnfsTer?)"),
        # deleting AGT or GTA leaves the same bases, and the second lies 3': the exon keeps its last base
        (15, "AAGT", "A", "c.9+1_9+3del", None),
        (13, "TAAAGT", "T", "c.9_9+4del", None),
    ],
)
def test_names_worked_by_hand_on_both_strands(position, ref, alt, c, p):
    bases, model = toy()
    assert bases.text[position - 1 : position - 1 + len(ref)] == ref
    found = describe(model, bases, position, ref, alt)
    assert (found.hgvs_c, found.hgvs_p) == (c, p)
    other, mirror = mirrored()
    start = len(bases.text) - (position - 1 + len(ref)) + 1
    turned = describe(mirror, other, start, reverse_complement(ref), reverse_complement(alt))
    assert (turned.hgvs_c, turned.hgvs_p) == (found.hgvs_c, found.hgvs_p)


def test_the_three_prime_rule_does_not_jump_over_an_intron():
    """A repeated base at the end of exon 1 and at the start of exon 2 stays named in exon 1 (HGVS exception)."""
    text = "GG" + "ATGAAT" + "GTAAGTTAG" + "TTTTAA" + "CC"
    model = Transcript("T", "G", "G", "1", 1, "protein_coding", ((2, 8), (17, 23)), ((2, 8), (17, 23)))
    assert describe(model, Bases(text), 7, "AT", "A").hgvs_c == "c.6del"


def test_what_cannot_be_derived_is_none():
    bases, model = toy()
    assert describe(model, bases, 11, "G", "*").hgvs_c is None
    assert describe(model, bases, 11, "G", "<DEL>").hgvs_c is None
    assert describe(model, bases, 11, "G", "G").hgvs_c is None
    open_start = Transcript(**{**vars_of(model), "tags": frozenset({"cds_start_NF"})})
    assert describe(open_start, bases, 11, "G", "A").hgvs_c is None
    open_end = Transcript(**{**vars_of(model), "tags": frozenset({"cds_end_NF"})})
    assert describe(open_end, bases, 11, "G", "A").hgvs_c == "c.4G>A"
    assert describe(open_end, bases, 46, "C", "G").hgvs_c is None
    noncoding = Transcript(**{**vars_of(model), "cds": ()})
    assert describe(noncoding, bases, 5, "G", "C").hgvs_c == "n.1G>C"
    mitochondrial = Transcript(**{**vars_of(model), "contig": "chrM"})
    assert describe(mitochondrial, bases, 11, "G", "A").hgvs_p is None


def vars_of(model):
    return {name: getattr(model, name) for name in Transcript.__dataclass_fields__}


def test_decay_needs_a_stop_well_before_the_last_junction():
    model = WORLD.transcripts["T-ALPHA.1"]

    def stop_at(c):
        position = WORLD.genomic("T-ALPHA.1", c)
        codon = WORLD.base(position, 3)
        return describe(model, WORLD, position, codon, "TAA")

    last = model.junctions[-1] - model.cds_offsets[0]
    far, near = (last - 60) // 3 * 3 + 1, (last - 30) // 3 * 3 + 1
    assert stop_at(far).nmd_predicted is True
    assert stop_at(near).nmd_predicted is False
    assert stop_at(far).termination_position == (far + 2) // 3


def test_tandem_repeats_are_told_for_in_frame_changes():
    model = Transcript("T", "G", "G", "1", 1, "protein_coding", ((0, 24),), ((0, 24),))
    text = "ATGCAGCAGCAGGATTGGCCCTAA"
    assert describe(model, Bases(text), 3, "GCAG", "G").in_tandem_repeat is True
    assert describe(model, Bases(text), 12, "GGAT", "G").in_tandem_repeat is False
    assert describe(model, Bases(text), 3, "GC", "G").in_tandem_repeat is None


def test_another_program_gives_the_same_names():
    rows = [line.split("\t") for line in GOLDEN.read_text().splitlines() if not line.startswith("#")]
    assert len(rows) == 600
    wrong = [
        (*row, found)
        for row in rows
        if (found := describe(WORLD.transcripts[row[0]], WORLD, int(row[1]), row[2], row[3]).hgvs_c) != row[4]
    ]
    assert wrong == []


def test_clinvar_gives_the_same_names():
    """ClinVar's own c. and p. names of the demo's records, on GRCh37 chromosome 20 (74 and 65 names)."""
    if not CHROMOSOME_20.is_file():
        pytest.skip("GRCh37 chromosome 20 (Debian package vt-examples) is not installed")
    models = read_genes(ROOT / "reference" / "data" / "grch37-chr20.gff3")
    coding = protein = 0
    with Reference(CHROMOSOME_20) as reference:
        for line in (ROOT / "genomics_dc/demo/data/clinvar-2016-09.chr20.vcf").read_text().splitlines():
            columns = line.split("\t")
            if line.startswith("#") or "CLNHGVSC" not in line:
                continue
            info = dict(part.split("=", 1) for part in columns[7].split(";") if "=" in part)
            accession, _, name = info["CLNHGVSC"].partition(":")
            model = models.by_identifier.get(accession.split(".")[0])
            # The record's VCF alleles insert CCCTTC, its name doubles TTCCCC: not the same change.
            if model is None or columns[2] == "96525":
                continue
            found = describe(model, reference, int(columns[1]), columns[3], columns[4])
            assert found.hgvs_c == re.sub(r"(del|dup)[ACGT]+$", r"\1", name), line
            coding += 1
            if info.get("CLNHGVSP"):
                wanted = info["CLNHGVSP"].split(":")[1]
                mine = re.sub(r"[()]", "", found.hgvs_p or "")
                assert wanted in (mine, re.sub(r"fsTer.*", "fs", mine)), line
                protein += 1
    assert (coding, protein) == (74, 65)


def test_dbsnp_brca1_matches_known_names(shared_data, tmp_path):
    """Names of the RING finger variants that BRCA1 numbering fixes (cysteines 39 and 44)."""
    folder = shared_data / "reads_brca1_1kg"
    model = read_genes(shifted_brca1(folder, tmp_path)).transcript("ENST00000357654.3")
    offset = 41_196_312  # the slice's README says 41,196,311; every dbSNP REF agrees at this one alone
    found = {}
    with Reference(folder / "ref_brca1.fa") as reference:
        for line in (folder / "dbsnp.brca1.vcf").read_text().splitlines():
            if line.startswith("#"):
                continue
            columns = line.split("\t")
            position = int(columns[1]) - offset
            assert reference.agrees("ref_brca1", position, columns[3])
            for alt in columns[4].split(","):
                named = describe(model, reference, position, columns[3], alt)
                found[columns[2], columns[3], alt] = (named.hgvs_c, named.hgvs_p)
    assert found["rs80357498", "C", "T"] == ("c.116G>A", "p.(Cys39Tyr)")
    assert found["rs80357327", "A", "G"] == ("c.130T>C", "p.(Cys44Arg)")
    assert found["rs431825385", "C", "CA"] == ("c.130dup", "p.(Cys44LeufsTer22)")
    assert found["rs80357972", "TCA", "T"] == ("c.117_118del", "p.(Cys39Ter)")


# A name is applied again and must give the same sequence.

CODING = ("T-ALPHA.1", "T-BETA.2", "T-GAMMA-LONG.1")


@st.composite
def coding_changes(draw):
    name = draw(st.sampled_from(CODING))
    model = WORLD.transcripts[name]
    start, end = draw(st.sampled_from(model.cds))
    at = draw(st.integers(start + 1, end - 1))
    size = draw(st.integers(1, min(9, end - at)))
    ref = WORLD.base(at, size + 1)
    alt = ref[0] + draw(st.text("ACGT", max_size=9))
    return name, at, ref, alt


@given(coding_changes())
@example(("T-BETA.2", 3401, "TT", "TTT"))
@settings(max_examples=400, deadline=None)
def test_a_name_applied_to_the_sequence_gives_the_variant(change):
    name, position, ref, alt = change
    model = WORLD.transcripts[name]
    found = describe(model, WORLD, position, ref, alt)
    if ref == alt:
        assert found.hgvs_c is None
        return
    mutated = WORLD.sequence[: position - 1] + alt + WORLD.sequence[position - 1 + len(ref) :]
    grown = len(alt) - len(ref)
    exons = [(s + grown * (s >= position), e + grown * (e >= position)) for s, e in model.exons]
    spliced = "".join(mutated[s:e] for s, e in exons)
    spliced = spliced if model.strand == 1 else reverse_complement(spliced)
    if any(sign in found.hgvs_c for sign in "+-*"):
        return  # the 3' rule moved it out of the coding sequence
    before = model.sequence(WORLD)
    first = model.cds_offsets[0]
    assert before[:first] + apply_coding(before[first:], found.hgvs_c) == spliced
    old, new = until_stop(translate(before[first:])), until_stop(translate(spliced[first:]))
    if found.hgvs_p is None:
        # No name here: a change in frame over the stop codon and the codon before; an insertion at the edge of an exon.
        numbers = [int(number) for number in re.findall(r"\d+", found.hgvs_c)]
        assert max(numbers) > 3 * len(old) - 3 or any(first + number in model.junctions for number in numbers)
        return
    check_protein(old, new, found.hgvs_p)


def apply_coding(sequence, name):
    match = re.fullmatch(r"c\.(\d+)(?:_(\d+))?(?:([ACGT])>([ACGT])|(del|dup|ins|inv|delins)([ACGT]*))", name)
    assert match, name
    first, last = int(match[1]), int(match[2] or match[1])
    before, part, after = sequence[: first - 1], sequence[first - 1 : last], sequence[last:]
    if match[3]:
        assert part == match[3]
        return before + match[4] + after
    kind, bases = match[5], match[6]
    if kind == "ins":
        assert last == first + 1
        return sequence[:first] + bases + sequence[first:]
    return before + {"del": "", "dup": part + part, "inv": reverse_complement(part), "delins": bases}[kind] + after


def until_stop(protein):
    end = protein.find("*")
    return protein if end < 0 else protein[: end + 1]


def letters(text):
    return "".join(ONE_LETTER[text[i : i + 3]] for i in range(0, len(text), 3))


def check_protein(old, new, name):
    """Apply a p. name to the old protein: whole where the name says all, else up to where it speaks."""
    assert name.startswith("p.(")
    text = name[3:-1]
    if text == "Met1?":
        assert old[0] == "M"
        return
    if text == "=" or text.endswith("="):
        assert new == old
        return
    if match := re.fullmatch(r"([A-Z][a-z]{2})(\d+)([A-Z][a-z]{2})fsTer(\d+|\?)", text):
        at = int(match[2]) - 1
        assert (old[at], new[at]) == (ONE_LETTER[match[1]], ONE_LETTER[match[3]])
        assert old[:at] == new[:at]
        assert (len(new) == at + int(match[4])) if match[4] != "?" else not new.endswith("*")
        return
    if match := re.fullmatch(r"Ter(\d+)([A-Z][a-z]{2})extTer(\d+|\?)", text):
        at = int(match[1]) - 1
        assert old[at] == "*"
        assert new[:at] == old[:at]
        assert new[at] == ONE_LETTER[match[2]]
        assert (len(new) - 1 - at == int(match[3])) if match[3] != "?" else not new.endswith("*")
        return
    match = re.fullmatch(
        r"([A-Z][a-z]{2})(\d+)(?:_([A-Z][a-z]{2})(\d+))?(del|dup|ins|delins)?((?:[A-Z][a-z]{2})*)", text
    )
    assert match, name
    first, last = int(match[2]), int(match[4] or match[2])
    assert old[first - 1] == ONE_LETTER[match[1]]
    assert old[last - 1] == ONE_LETTER[match[3] or match[1]]
    added = letters(match[6])
    if match[5] == "ins":
        changed = old[:first] + added + old[first:]
    else:
        part = old[first - 1 : last]
        middle = {"del": "", "dup": part + part}.get(match[5], added)
        changed = old[: first - 1] + middle + old[last:]
    assert until_stop(changed) == new


def test_all_single_base_changes_of_a_transcript_agree_with_translation():
    """Every SNV of BETA (reverse strand): the changed codon by hand, without the code under test."""
    model = WORLD.transcripts["T-BETA.2"]
    coding = model.cds_sequence(WORLD)
    for start, end in model.cds:
        for position in range(start + 1, end + 1):
            for alt in "ACGT":
                ref = WORLD.base(position)
                if alt == ref:
                    continue
                found = describe(model, WORLD, position, ref, alt)
                c = int(re.match(r"c\.(\d+)", found.hgvs_c)[1])
                assert coding[c - 1] == reverse_complement(ref)
                codon = (c - 1) // 3
                triplet = list(coding[3 * codon : 3 * codon + 3])
                triplet[(c - 1) % 3] = reverse_complement(alt)
                old, new = translate(coding[3 * codon : 3 * codon + 3]), translate("".join(triplet))
                three = {one: name for name, one in ONE_LETTER.items()}
                if codon == 0:
                    assert found.hgvs_p == "p.(Met1?)"
                elif old == new:
                    assert found.hgvs_p == f"p.({three[old]}{codon + 1}=)"
                elif old != "*":
                    assert found.hgvs_p == f"p.({three[old]}{codon + 1}{three[new]})"
                else:
                    assert found.hgvs_p.startswith(f"p.(Ter{codon + 1}{three[new]}ext")


def test_intervals_of_the_world_are_apart():
    for model in WORLD.transcripts.values():
        assert all(left[1] < right[0] for left, right in pairwise(model.exons))
