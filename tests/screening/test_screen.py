"""Screening end to end on a made-up genome with planted cases: VCF -> store -> annotation -> findings."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from genomics_dc.annotation.annotate import annotate
from genomics_dc.cli.main import app
from genomics_dc.errors import InputError, UsageError
from genomics_dc.screening.model import Findings
from genomics_dc.screening.screen import is_known_pathogenic, screen
from genomics_dc.store import build_store
from tests.gene_world import CONTIG, make_world, vcf_text

WORLD = make_world()
FAMILY = ("kid", "dad", "mum")
PANEL = {
    "name": "toy",
    "version": "1",
    "source": "made up for tests",
    "title": {"en": "Toy panel", "zh-CN": "测试组合"},
    "genes": [
        {
            "symbol": "ALPHA",
            "transcript": "T-ALPHA.1",
            "inheritance": ["autosomal_recessive"],
            "condition": {"en": "alpha disease", "zh-CN": "甲病"},
            "loss_of_function": True,
            "loss_of_function_source": "made up",
        },
        {"symbol": "BETA", "transcript": "T-BETA.2", "inheritance": ["autosomal_dominant"]},
        {"symbol": "GAMMA", "transcript": "T-GAMMA.1", "inheritance": ["autosomal_recessive"]},
        {"symbol": "DELTA", "transcript": "T-DELTA.1", "inheritance": ["autosomal_recessive"]},
    ],
}
EVERYTHING = f"{CONTIG}\t0\t12000\n"


def missense(transcript, codon):
    """Return (position, ref, alt) of a single base that changes the residue of a codon (one-based) to another one."""
    from genomics_dc.reference.genes import reverse_complement, translate

    model = WORLD.transcripts[transcript]
    coding = model.cds_sequence(WORLD)
    for index in range(3 * codon - 3, 3 * codon):
        for base in "ACGT":
            changed = coding[:index] + base + coding[index + 1 :]
            old, new = (translate(text[3 * codon - 3 : 3 * codon]) for text in (coding, changed))
            if base != coding[index] and new not in (old, "*"):
                position = WORLD.genomic(transcript, index + 1)
                return position, WORLD.base(position), base if model.strand == 1 else reverse_complement(base)
    raise AssertionError(codon)


def stop(codon):
    """Return (position, ref, alt) that makes a codon of T-ALPHA.1 a stop."""
    position = WORLD.genomic("T-ALPHA.1", 3 * codon - 2)
    return position, WORLD.base(position, 3), "TAA"


@pytest.fixture
def home(tmp_path):
    class Home:
        panel = tmp_path / "toy.yaml"
        genes = WORLD.gff(tmp_path)
        fasta = WORLD.fasta(tmp_path)
        bed = tmp_path / "kid.bed"
        store = tmp_path / "c.vcz"
        folder = tmp_path

        def prepare(self, rows, *, samples=FAMILY, clinvar=None, frequencies=None, bed=EVERYTHING, panel=PANEL):
            """Build the store of rows (position, ref, alt, filter, genotypes) and annotate it."""
            self.panel.write_text(yaml.safe_dump(panel, allow_unicode=True))
            self.bed.write_text(bed)
            vcf = tmp_path / "c.vcf"
            vcf.write_text(vcf_text(rows, samples))
            build_store(vcf, self.store, force=True, workers=1)
            for name, text in (("clinvar.vcf", clinvar), ("freq.vcf", frequencies)):
                if text is not None:
                    (tmp_path / name).write_text(text)
            self.annotation = annotate(
                self.store,
                genes=self.genes,
                fasta=self.fasta,
                clinvar=tmp_path / "clinvar.vcf" if clinvar else None,
                frequencies=tmp_path / "freq.vcf" if frequencies else None,
                force=True,
            )
            return self

        def screen(self, sample="kid", **options):
            options = {"father": "dad", "mother": "mum", **options}
            return screen(self.store, sample, self.panel, self.annotation, self.bed, self.genes, **options)

    return Home()


def clinvar_text(*records):
    head = [
        "##fileformat=VCFv4.1",
        "##fileDate=2026-11-01",
        "##source=ClinVar",
        f"##contig=<ID={CONTIG}>",
        '##INFO=<ID=CLNSIG,Number=.,Type=String,Description="x">',
        '##INFO=<ID=CLNREVSTAT,Number=.,Type=String,Description="x">',
        '##INFO=<ID=CLNDN,Number=.,Type=String,Description="x">',
        '##INFO=<ID=ALLELEID,Number=1,Type=Integer,Description="x">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    body = [
        f"{CONTIG}\t{position}\t{17 + number}\t{ref}\t{alt}\t.\t.\tALLELEID=5;CLNSIG={significance};"
        "CLNREVSTAT=criteria_provided,_single_submitter;CLNDN=Alpha_disease|not_provided"
        for number, (position, ref, alt, significance) in enumerate(sorted(records))
    ]
    return "\n".join([*head, *body]) + "\n"


def frequency_text(*records):
    head = [
        "##fileformat=VCFv4.2",
        "##source=popfreq",
        f"##contig=<ID={CONTIG}>",
        '##INFO=<ID=AF,Number=A,Type=Float,Description="x">',
        '##INFO=<ID=AN,Number=1,Type=Integer,Description="x">',
        '##INFO=<ID=AF_eas,Number=A,Type=Float,Description="x">',
        '##INFO=<ID=AN_eas,Number=1,Type=Integer,Description="x">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    body = [f"{CONTIG}\t{p}\t.\t{ref}\t{alt}\t.\tPASS\t{info}" for p, ref, alt, info in sorted(records)]
    return "\n".join([*head, *body]) + "\n"


def only(findings):
    (variant,) = findings.variants
    return variant


def test_homozygous_recessive_with_carrier_parents(home):
    position, ref, alt = missense("T-ALPHA.1", 40)
    findings = home.prepare([(position, ref, alt, "PASS", ("1/1", "0/1", "0/1"))]).screen(affected=True)
    variant = only(findings)
    assert (variant.gene, variant.position, variant.ref, variant.alt) == ("ALPHA", position, ref, alt)
    assert (variant.zygosity, variant.segregation, variant.genotype) == ("homozygous", "homozygous_recessive", "1/1")
    assert variant.consequence.so_terms == ("missense_variant",)
    assert variant.consequence.transcript == "T-ALPHA.1"
    assert variant.consequence.hgvs_p.startswith("p.(")
    assert (variant.depth_reads, variant.allele_depth_reads, variant.genotype_quality) == (30, (15, 15), 60)
    assert [(call.role, call.genotype) for call in variant.parents] == [("father", "0/1"), ("mother", "0/1")]
    assert (variant.cohort_allele_count, variant.cohort_allele_number) == (4, 6)
    assert [criterion.code for criterion in variant.classification.criteria] == ["PM3"]
    assert variant.classification.significance == "uncertain_significance"
    assert {"PM2", "BA1", "BS1", "PS3"} <= set(variant.classification.criteria_not_assessed)  # no frequencies given
    assert findings.panel_title["zh-CN"] == "测试组合"
    assert findings.versions["known variants"] == "none given"


def test_homozygous_that_a_parent_is_proven_not_to_carry_is_unknown(home):
    position, ref, alt = missense("T-ALPHA.1", 40)
    assert only(home.prepare([(position, ref, alt, "PASS", ("1/1", "0/1", "0/0"))]).screen()).segregation == "unknown"


def test_compound_heterozygous_in_trans_in_cis_and_unknown(home):
    one, two = missense("T-ALPHA.1", 20), missense("T-ALPHA.1", 60)
    rows = lambda first, second: [(*one, "PASS", first), (*two, "PASS", second)]  # noqa: E731

    trans = home.prepare(rows(("0/1", "0/1", "0/0"), ("0/1", "0/0", "0/1"))).screen().variants
    assert [item.segregation for item in trans] == ["compound_heterozygous"] * 2
    assert [item.phase for item in trans] == ["trans", "trans"]
    assert [item.partner for item in trans] == [trans[1].key, trans[0].key]

    cis = home.prepare(rows(("0/1", "0/1", "0/0"), ("0/1", "0/1", "0/0"))).screen().variants
    assert [(item.segregation, item.phase) for item in cis] == [("inherited", "cis")] * 2

    unproven = home.prepare(rows(("0/1", "0/1", "0/0"), ("0/1", "0/0", "./."))).screen().variants
    assert [(item.segregation, item.phase) for item in unproven] == [("inherited", "unknown"), ("unknown", "unknown")]

    alone = home.screen(father=None, mother=None).variants
    assert [(item.segregation, item.phase) for item in alone] == [("unknown", "unknown")] * 2
    assert alone[0].parents == ()


def test_a_dominant_gene_makes_no_pair(home):
    one, two = missense("T-BETA.2", 20), missense("T-BETA.2", 60)
    rows = [(*one, "PASS", ("0/1", "0/1", "0/0")), (*two, "PASS", ("0/1", "0/0", "0/1"))]
    assert [item.partner for item in home.prepare(rows).screen().variants] == [None, None]


def test_two_alleles_of_one_site_are_in_trans(home):
    position, ref, alt = missense("T-ALPHA.1", 20)
    other = next(base for base in "ACGT" if base not in (ref, alt))
    found = home.prepare([(position, ref, f"{alt},{other}", "PASS", ("1/2", "0/1", "0/2"))]).screen().variants
    # the second allele may be synonymous and is then no candidate
    assert {item.alt for item in found} == {alt, other}
    assert all(item.zygosity == "heterozygous" and item.cohort_allele_count == 2 for item in found)
    if all(item.consequence.so_terms != ("synonymous_variant",) for item in found):
        assert {item.phase for item in found} == {"trans"}


def test_de_novo_needs_both_parents_proven(home):
    row = missense("T-BETA.2", 30)
    variant = only(home.prepare([(*row, "PASS", ("0/1", "0/0", "0/0"))]).screen(affected=True))
    assert variant.segregation == "de_novo"
    assert [(item.code, item.strength) for item in variant.classification.criteria] == [("PM6", "supporting")]
    assert only(home.screen()).classification.criteria == ()
    assert {"PS2", "PM6"} <= set(only(home.screen()).classification.criteria_not_assessed)


@pytest.mark.parametrize("parents", [("./.", "0/0"), ("0/0", "./."), ("./.", "./."), ("./0", "0/0")])
def test_a_parent_without_a_call_is_unknown_never_de_novo(home, parents):
    row = missense("T-BETA.2", 30)
    variant = only(home.prepare([(*row, "PASS", ("0/1", *parents))]).screen(affected=True))
    assert variant.segregation == "unknown"
    assert [call.genotype for call in variant.parents] == list(parents)
    assert variant.classification.criteria == ()


def test_confirmed_parentage_makes_ps2(home, tmp_path):
    row = missense("T-BETA.2", 30)
    identity = tmp_path / "identity.json"
    identity.write_text(
        json.dumps(
            [
                {"check": "kinship", "samples": ["kid", "dad"], "status": "pass", "detail": "fits"},
                {"check": "kinship", "samples": ["kid", "mum"], "status": "pass", "detail": "fits"},
                {"check": "sex", "sample": "kid", "samples": ["kid"], "status": "finding", "detail": "declared male"},
                {"check": "sex", "samples": ["dad"], "status": "finding", "detail": "of another sample"},
            ]
        )
    )
    findings = home.prepare([(*row, "PASS", ("0/1", "0/0", "0/0"))]).screen(affected=True, identity=identity)
    assert [(item.code, item.strength) for item in only(findings).classification.criteria] == [("PS2", "moderate")]
    assert [(item.check, item.status) for item in findings.identity] == [
        ("sex", "finding"),
        ("kinship", "pass"),
        ("kinship", "pass"),
        ("duplicate", "not_assessable"),
        ("contamination", "not_assessable"),
    ]
    assert [item.detail for item in findings.blocked_by] == ["declared male"]
    identity.write_text(json.dumps({"checks": [{"check": "sex", "status": "fine", "samples": []}]}))
    with pytest.raises(InputError, match="check 1: expected check"):
        home.screen(identity=identity)


def test_a_half_call_is_unknown_zygosity(home):
    row = missense("T-ALPHA.1", 30)
    variant = only(home.prepare([(*row, "PASS", ("./1", "0/0", "0/1"))]).screen())
    assert (variant.zygosity, variant.genotype, variant.segregation) == ("unknown", "./1", "inherited")


def test_a_filtered_variant_is_marked_and_listed(home):
    row = missense("T-ALPHA.1", 30)
    variant = only(home.prepare([(*row, "LowQual", ("0/1", "0/1", "0/0"))]).screen())
    assert variant.filters == ("LowQual",)


def test_a_worse_consequence_on_another_transcript_is_listed(home):
    inside = 5430  # in the extra exon of T-GAMMA-LONG, deep in the intron of the panel's T-GAMMA
    findings = home.prepare([(inside, WORLD.base(inside), WORLD.other(inside), "PASS", ("0/1", "0/1", "0/0"))]).screen()
    variant = only(findings)
    assert variant.consequence.transcript == "T-GAMMA.1"
    assert variant.consequence.so_terms == ("intron_variant",)
    assert [item.transcript for item in variant.other_consequences] == ["T-GAMMA-LONG.1"]
    assert variant.other_consequences[0].so_terms[0] in ("missense_variant", "stop_gained", "synonymous_variant")


def test_what_is_not_listed_is_counted(home):
    deep, coding = 1220, missense("T-ALPHA.1", 30)
    rows = [
        (deep, WORLD.base(deep), WORLD.other(deep), "PASS", ("0/1", "0/1", "0/0")),
        (coding[0], coding[1], f"{coding[2]},*", "PASS", ("1/2", "0/1", "0/2")),
    ]
    findings = home.prepare(rows).screen()
    assert [item.position for item in findings.variants] == [coding[0]]
    assert sum(findings.not_listed.values()) == 2


def test_a_known_pathogenic_variant_is_listed_wherever_it_lies(home):
    deep = 1220
    ref, alt = WORLD.base(deep), WORLD.other(deep)
    rows = [(deep, ref, alt, "LowQual", ("0/1", "0/1", "0/0"))]
    for significance, listed in (
        ("Pathogenic/Likely_pathogenic", True),
        ("Pathogenic|drug_response", True),
        ("Conflicting_classifications_of_pathogenicity", True),
        ("Renamed_by_the_source", True),
        ("Benign", False),
    ):
        home.prepare(rows, clinvar=clinvar_text((deep, ref, alt, significance)))
        findings = home.screen()
        assert bool(findings.variants) is listed, significance
    home.prepare(rows, clinvar=clinvar_text((deep, ref, alt, "Pathogenic/Likely_pathogenic")))
    variant = only(home.screen())
    assert is_known_pathogenic(variant)
    (record,) = variant.known
    assert (record.source, record.source_version, record.accession) == ("ClinVar", "2026-11-01", "VCV000000017")
    assert record.significance == "Pathogenic/Likely pathogenic"
    assert record.review_status == "criteria provided, single submitter"
    assert record.conditions == ("Alpha disease", "not provided")
    # shown beside the class, never merged into it
    assert variant.classification.significance in ("uncertain_significance", "likely_benign")


def test_frequencies_make_ba1_bs1_and_pm2(home):
    row = missense("T-ALPHA.1", 30)
    rows = [(*row, "PASS", ("0/1", "0/1", "0/0"))]

    def classified(*records):
        return only(home.prepare(rows, frequencies=frequency_text(*records)).screen()).classification

    common = classified((*row, "AF=0.02;AN=5000;AF_eas=0.08;AN_eas=3000"))
    assert [item.code for item in common.criteria] == ["BA1"]
    assert common.significance == "benign"
    assert common.criteria[0].values["population"] == "popfreq eas"
    small = classified((*row, "AF=0.02;AN=1006;AF_eas=0.08;AN_eas=200"))
    assert [(item.code, item.points) for item in small.criteria] == [("BS1", -4)]
    assert small.significance == "likely_benign"
    rare = classified((*row, "AF=0.00001;AN=100000"))
    assert [(item.code, item.strength) for item in rare.criteria] == [("PM2", "supporting")]
    near = (row[0] + 50, WORLD.base(row[0] + 50), WORLD.other(row[0] + 50), "AF=0.1;AN=100000")
    before = (row[0] - 50, WORLD.base(row[0] - 50), WORLD.other(row[0] - 50), "AF=0.1;AN=100000")
    absent = classified(before, near)
    assert [item.values["allele_frequency"] for item in absent.criteria] == ["absent"]
    # a source of few people cannot show that an allele is rare
    few = classified((*before[:3], "AF=0.1;AN=1006"), (*near[:3], "AF=0.1;AN=1006"))
    assert few.criteria == ()
    assert "PM2" in few.criteria_not_assessed


def test_a_null_variant_where_loss_of_function_is_the_mechanism(home):
    rows = [(*stop(20), "PASS", ("0/1", "0/1", "0/0"))]
    (criterion,) = only(home.prepare(rows).screen()).classification.criteria
    assert (criterion.code, criterion.strength, criterion.points) == ("PVS1", "very_strong", 8)
    assert criterion.values["decay_predicted"] == "true"
    assert only(home.screen()).classification.significance == "likely_pathogenic"
    donor = WORLD.transcripts["T-ALPHA.1"].exons[1][1] + 1
    home.prepare([(donor, WORLD.base(donor), WORLD.other(donor), "PASS", ("0/1", "0/1", "0/0"))])
    (splice,) = only(home.screen()).classification.criteria
    assert splice.values["skipped_coding_bases"] == 105  # in frame: judged by the share that is lost
    assert splice.strength == "strong"
    modest = json.loads(json.dumps(PANEL))
    modest["genes"][0].update(loss_of_function=False)
    home.prepare(rows, panel=modest)
    assert "PVS1" in only(home.screen()).classification.criteria_not_assessed


def test_pm3_counts_a_pathogenic_partner(home):
    other = missense("T-ALPHA.1", 80)
    rows = [
        (*stop(20), "PASS", ("0/1", "0/1", "0/0")),
        (*other, "PASS", ("0/1", "0/0", "0/1")),
    ]
    first, second = home.prepare(rows).screen(affected=True).variants
    assert [(item.code, item.strength) for item in second.classification.criteria] == [("PM3", "moderate")]
    assert second.classification.criteria[0].values["partner"].startswith(first.key)
    assert [item.code for item in first.classification.criteria] == ["PVS1"]  # its own partner is not pathogenic


def test_a_gene_without_callable_bases_is_not_assessed(home):
    bed = f"chr{CONTIG}\t0\t7000\n"
    elsewhere = (11_000, WORLD.base(11_000), WORLD.other(11_000), "PASS", ("0/1", "0/1", "0/0"))
    findings = home.prepare([elsewhere], bed=bed).screen()
    assert findings.variants == ()
    rows = {row.gene: row for row in findings.coverage}
    assert list(rows) == ["ALPHA", "BETA", "GAMMA", "DELTA"]
    assert rows["DELTA"].callable_bases == 0
    assert not rows["DELTA"].assessed
    assert rows["DELTA"].not_callable == ((CONTIG, 8021, 8100), (CONTIG, 8301, 8469))
    assert rows["ALPHA"].assessed
    assert rows["ALPHA"].callable_fraction == 1
    assert rows["ALPHA"].condition == "alpha disease"
    assert rows["ALPHA"].condition_by_language["zh-CN"] == "甲病"
    home.bed.write_text(f"{CONTIG}\t0\t1060\n{CONTIG}\t1070\t12000\n")
    hole = next(row for row in home.screen().coverage if row.gene == "ALPHA")
    assert hole.not_callable == ((CONTIG, 1061, 1070),)
    assert hole.callable_bases == hole.coding_bases - 10
    assert hole.assessed
    assert not next(r for r in home.screen(callable_fraction_min=0.999).coverage if r.gene == "ALPHA").assessed


@pytest.mark.parametrize(("genotype", "judged"), [("./.", False), ("./0", False), ("0/0", True), ("0/1", True)])
def test_a_site_without_the_persons_genotype_is_not_covered_however_deep(home, genotype, judged):
    """Somebody else varies there, and the reads of the person prove nothing: the base is not clear, it is not known."""
    position, *alleles = missense("T-ALPHA.1", 30)
    findings = home.prepare([(position, *alleles, "PASS", (genotype, "0/1", "0/0"))]).screen()
    gene = next(row for row in findings.coverage if row.gene == "ALPHA")
    assert gene.not_callable == (() if judged else ((CONTIG, position, position),))
    assert gene.coding_bases - gene.callable_bases == (0 if judged else 1)


def test_a_deletion_that_starts_far_before_its_gene_is_found(home):
    start, size = 6_500, 1_800  # DELTA starts at 8,001
    rows = [(start, WORLD.base(start, size), WORLD.base(start), "PASS", ("0/1", "0/1", "0/0"))]
    variant = only(home.prepare(rows).screen())
    assert variant.gene == "DELTA"
    assert variant.position == start


def test_the_same_input_gives_the_same_findings(home):
    rows = [(*missense("T-ALPHA.1", 20), "PASS", ("0/1", "0/1", "0/0"))]
    first = home.prepare(rows).screen()
    again = home.prepare(rows).screen()
    assert first.model_dump_json() == again.model_dump_json()
    assert Findings.model_validate_json(first.model_dump_json()) == first


def test_what_does_not_fit_is_refused(home, tmp_path):
    home.prepare([(*missense("T-ALPHA.1", 20), "PASS", ("0/1", "0/1", "0/0"))])
    with pytest.raises(InputError, match="stranger"):
        home.screen("stranger")
    with pytest.raises(UsageError, match="three different samples"):
        home.screen(father="kid")
    with pytest.raises(UsageError, match="callable_fraction_min"):
        home.screen(callable_fraction_min=0)
    unknown = {**PANEL, "genes": [{"symbol": "OMEGA", "transcript": "T", "inheritance": ["x_linked"]}]}
    home.panel.write_text(yaml.safe_dump(unknown))
    with pytest.raises(InputError, match="gene OMEGA is not there"):
        home.screen()
    home.panel.write_text(yaml.safe_dump(PANEL))
    other = tmp_path / "other.gff3"
    other.write_text(home.genes.read_text() + "\n")
    with pytest.raises(InputError, match="other gene models"):
        screen(home.store, "kid", home.panel, home.annotation, home.bed, other)
    old = home.annotation
    home.prepare([(*missense("T-ALPHA.1", 21), "PASS", ("0/1", "0/1", "0/0"))])
    (tmp_path / "old").mkdir()
    summary = {**old.summary}
    with pytest.raises(InputError, match="another state of the store"):
        screen(home.store, "kid", home.panel, type(old)(old.path, summary), home.bed, home.genes)


def test_the_command_writes_findings(home, tmp_path):
    rows = [(*missense("T-ALPHA.1", 20), "PASS", ("1/1", "0/1", "0/1"))]
    home.prepare(rows, bed=f"{CONTIG}\t0\t7000\n")
    output = tmp_path / "kid.json"
    words = ["screen", str(home.store), "--sample", "kid", "--panel", str(home.panel), "--genes", str(home.genes)]
    words += ["--callable", str(home.bed), "--father", "dad", "--mother", "mum"]
    done = CliRunner().invoke(app, [*words, "--output", str(output)])
    assert done.exit_code == 0, done.output
    written = Findings.model_validate_json(output.read_text())
    assert written == home.screen()
    assert "not assessed: DELTA" in done.stderr
    shown = CliRunner().invoke(app, words)
    assert Findings.model_validate_json(shown.stdout) == written
    again = CliRunner().invoke(app, [*words, "--output", str(output)])
    assert "exists already" in str(again.exception)
    bare = CliRunner().invoke(app, ["screen", "--panel", "toy"])
    assert isinstance(bare.exception, UsageError)
