"""What a report may say, whatever the findings."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from genomics_dc.errors import InputError, RefusedError
from genomics_dc.reports import LANGUAGES, Subject, build, render_html
from genomics_dc.reports.model import with_centre
from genomics_dc.reports.render import percent, percent_down
from genomics_dc.screening.model import IdentityCheck, KnownRecord
from tests.builders import (
    make_carried_variant,
    make_classification,
    make_findings,
    make_gene_coverage,
)

SUBJECT = Subject(person_id="P-1", sample_id="child")
NOT_ASSESSED = {"en": "Not assessed", "zh-CN": "未评估"}
ASSESSED = {"en": "Assessed", "zh-CN": "已评估"}


def text_of(page: str) -> str:
    """Return what a reader of the page sees, in one line."""
    body = re.sub(r"<(style|title)[^>]*>.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def headline_box(page: str) -> str:
    found = re.search(r'<div class="headline [^"]*">(.*?)</div>', page, flags=re.DOTALL)
    assert found
    return text_of(found[1])


def record(significance: str) -> KnownRecord:
    return KnownRecord(source="ClinVar", source_version="1", accession="VCV1", significance=significance)


def variant(gene: str, significance: str, *, known: tuple[KnownRecord, ...] = (), **changes):
    return make_carried_variant(gene=gene, known=known, classification=make_classification(significance), **changes)


def pair(**changes) -> list[dict[str, object]]:
    """Two heterozygous variants that name each other."""
    return [
        {"zygosity": "heterozygous", "position": here, "partner": f"20-{there}-G-A", **changes}
        for here, there in ((5, 9), (9, 5))
    ]


genes = st.lists(
    st.builds(
        lambda n, coding, fraction, modes: make_gene_coverage(
            f"GENE{n}",
            coding_bases=coding,
            callable_bases=int(coding * fraction),
            inheritance=tuple(modes),
            not_callable=(),
        ),
        st.integers(0, 5),
        st.integers(0, 3000),
        st.sampled_from([0.0, 0.5, 0.9499, 0.95, 1.0]),
        st.sets(st.sampled_from(["autosomal_recessive", "autosomal_dominant", "x_linked"])),
    ),
    max_size=6,
)
variants = st.lists(
    st.builds(
        variant,
        st.integers(0, 6).map("GENE{}".format),
        st.sampled_from(["pathogenic", "likely_pathogenic", "uncertain_significance", "likely_benign", "benign"]),
        zygosity=st.sampled_from(["heterozygous", "homozygous", "hemizygous"]),
        segregation=st.sampled_from(["de_novo", "compound_heterozygous", "inherited", "unknown"]),
        position=st.integers(1, 50),
        partner=st.sampled_from([None, "20-7-G-A"]),
        known=st.sampled_from([(), (record("Pathogenic"),), (record("Benign"),)]),
        depth_reads=st.sampled_from([None, 0, 30]),
    ),
    max_size=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(coverage=genes, carried=variants)
def test_a_gene_not_assessed_is_always_said_and_nothing_is_called_negative(coverage, carried):
    findings = make_findings(coverage=tuple(coverage), variants=tuple(carried))
    model = build(findings, SUBJECT)
    bad = {gene.gene for gene in coverage if gene.coding_bases == 0 or gene.callable_bases < 0.95 * gene.coding_bases}
    bad |= {one.gene for one in carried} - {gene.gene for gene in coverage}
    assert set(model.headline.not_assessed_genes) == bad
    for language in LANGUAGES:
        page = render_html(model, language)
        text = text_of(page)
        assert not re.search(r"negative|阴性|normal|正常", text, flags=re.IGNORECASE)
        box = headline_box(page)
        for gene in bad:
            assert re.search(rf"\b{gene}\b", box), (gene, box)
        if bad:
            assert NOT_ASSESSED[language].lower() in box.lower()
        # Each gene's row in the coverage table says which it is.
        table = page[page.index('id="coverage"') : page.index('id="identity"')]
        for gene in coverage:
            rows = [text_of(row) for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL) if gene.transcript in row]
            assert rows
            judged = gene.coding_bases > 0 and gene.callable_bases >= 0.95 * gene.coding_bases
            expected = ASSESSED[language] if judged else NOT_ASSESSED[language]
            assert any(row.split()[-len(expected.split()) :] == expected.split() for row in rows), (rows, expected)
    by_rule = {one.classification.significance for one in carried}
    said = {
        one.classification.significance for one in carried for known in one.known if known.significance == "Pathogenic"
    }
    reportable = bool(by_rule & {"pathogenic", "likely_pathogenic"}) or "uncertain_significance" in said
    uncertain = "uncertain_significance" in by_rule or bool(said & {"likely_benign", "benign"})
    assert (model.headline.kind in ("pathogenic_genotype", "pathogenic_possible", "pathogenic_single")) == reportable
    if not reportable:
        nothing = "nothing_assessed" if model.headline.assessed_genes == 0 else "nothing_reportable"
        assert model.headline.kind == ("uncertain" if uncertain else nothing)


@pytest.mark.parametrize(
    ("modes", "carried", "kind", "fit"),
    [
        (("autosomal_recessive",), [{"zygosity": "homozygous"}], "pathogenic_genotype", "fits"),
        (("autosomal_recessive",), [{"zygosity": "heterozygous"}], "pathogenic_single", "single"),
        (("autosomal_dominant",), [{"zygosity": "heterozygous"}], "pathogenic_genotype", "fits"),
        (("x_linked",), [{"zygosity": "hemizygous"}], "pathogenic_genotype", "fits"),
        (("x_linked",), [{"zygosity": "heterozygous"}], "pathogenic_possible", "x_linked"),
        ((), [{"zygosity": "heterozygous"}], "pathogenic_possible", "inheritance_unknown"),
        (
            ("autosomal_recessive",),
            [{"zygosity": "heterozygous", "position": 5}, {"zygosity": "heterozygous", "position": 9}],
            "pathogenic_possible",
            "phase_unknown",
        ),
        (("autosomal_recessive",), pair(segregation="compound_heterozygous"), "pathogenic_genotype", "fits"),
        (("autosomal_recessive",), pair(phase="trans"), "pathogenic_genotype", "fits"),
        (("autosomal_recessive",), pair(phase="unknown"), "pathogenic_possible", "phase_unknown"),
        (("autosomal_recessive",), pair(phase="cis"), "pathogenic_single", "single"),
        (("autosomal_recessive",), [{"zygosity": "unknown"}], "pathogenic_possible", "zygosity_unknown"),
    ],
)  # fmt: skip
def test_the_headline_follows_the_inheritance(modes, carried, kind, fit):
    findings = make_findings(
        coverage=(make_gene_coverage("PANK2", inheritance=modes),),
        variants=tuple(make_carried_variant(**changes) for changes in carried),
    )
    model = build(findings, SUBJECT)
    assert model.headline.kind == kind
    assert [result.fit for result in model.gene_results] == [fit]


def test_a_pathogenic_variant_beside_an_uncertain_one_is_not_called_a_carrier():
    pair = (
        variant("PANK2", "pathogenic", zygosity="heterozygous", position=5, partner="20-9-G-A",
                segregation="compound_heterozygous"),
        variant("PANK2", "uncertain_significance", zygosity="heterozygous", position=9, partner="20-5-G-A",
                segregation="compound_heterozygous"),
    )  # fmt: skip
    model = build(make_findings(variants=pair), SUBJECT)
    assert model.headline.kind == "pathogenic_possible"
    assert model.gene_results[0].fit == "partner_uncertain"
    assert model.headline.uncertain_variants == 1


@pytest.mark.parametrize(
    ("by_rule", "said", "shown_in", "disagrees"),
    [
        ("uncertain_significance", "Pathogenic", "reported", True),
        ("uncertain_significance", "Pathogenic/Likely pathogenic|risk factor", "reported", True),
        ("uncertain_significance", "Likely_pathogenic", "reported", True),
        ("uncertain_significance", "Conflicting classifications of pathogenicity", "uncertain", False),
        ("uncertain_significance", "Uncertain significance", "uncertain", False),
        ("benign", "Pathogenic", "uncertain", True),
        ("likely_benign", "Benign", "benign", False),
        ("pathogenic", "Benign", "reported", True),
        ("pathogenic", "Pathogenic", "reported", False),
    ],
)
def test_what_a_record_calls_pathogenic_is_not_hidden(by_rule, said, shown_in, disagrees):
    one = variant("PANK2", by_rule, known=(record(said),))
    model = build(make_findings(variants=(one,)), SUBJECT)
    assert getattr(model, shown_in) == (one,)
    assert sum(map(len, (model.reported, model.uncertain, model.benign))) == 1
    assert model.disagreeing == ((one.key,) if disagrees else ())
    page = render_html(model, "en")
    assert ("known record and the rule-based class disagree" in text_of(page)) == (disagrees and shown_in != "benign")
    if shown_in == "uncertain":
        assert ("Besides variants on which a known record" in text_of(page)) == disagrees
    by_record = by_rule == "uncertain_significance" and shown_in == "reported"
    assert ("known records call the variants pathogenic" in headline_box(page)) == by_record
    assert ("known record and the rule-based class disagree" in headline_box(page)) == (disagrees and not by_record)
    assert model.headline.kind == {
        "reported": "pathogenic_genotype", "uncertain": "uncertain", "benign": "nothing_reportable"
    }[shown_in]  # fmt: skip


def test_an_identity_finding_refuses_the_report_and_names_the_check():
    check = IdentityCheck(check="sex", status="finding", detail="stated male, reads say female")
    findings = make_findings(identity=(check,))
    with pytest.raises(
        RefusedError, match=r"sample child.*sex \(stated male, reads say female\).*identity\.accept"
    ) as refusal:
        build(findings, SUBJECT)
    assert refusal.value.exit_code == 4


def test_an_accepted_identity_finding_is_in_the_headline_box():
    check = IdentityCheck(check="sex", status="accepted", detail="accepted: known")
    page = render_html(build(make_findings(identity=(check,)), SUBJECT), "en")
    assert "accepted by name" in headline_box(page)


@pytest.mark.parametrize("identity", [(), (IdentityCheck(check="sex", status="not_assessable", detail="no reads"),)])
def test_identity_that_was_not_checked_is_in_the_headline_box(identity):
    model = build(make_findings(identity=identity), SUBJECT)
    assert "The identity of the sample was not checked" in headline_box(render_html(model, "en"))
    assert "样本身份未核查" in headline_box(render_html(model, "zh-CN"))


def test_findings_of_another_sample_are_refused():
    with pytest.raises(InputError, match=r"sample child.*sample other"):
        build(make_findings(), Subject(person_id="P-1", sample_id="other"))


def test_the_identifier_is_that_of_the_content():
    first, again = build(make_findings(), SUBJECT), build(make_findings(), SUBJECT)
    assert first == again
    assert first.report_id == again.report_id
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", first.report_id)
    other = build(make_findings(panel_version="1.1"), SUBJECT)
    assert other.report_id != first.report_id


def test_another_centre_is_another_report():
    model = build(make_findings(), SUBJECT)
    assert with_centre(model, "Centre") == build(make_findings(), SUBJECT, centre="Centre")
    assert with_centre(model, "Centre").report_id != model.report_id


def test_the_model_is_frozen_and_its_repr_shows_nobody():
    model = build(make_findings(), Subject(person_id="P-1", sample_id="child", name="Jane Roe"))
    assert "Roe" not in repr(model) + str(model) + repr(model.subject)
    with pytest.raises(ValidationError, match="frozen"):
        model.signed = True


def test_a_failed_filter_is_in_the_headline_box():
    model = build(make_findings(variants=(make_carried_variant(filters=("LowQual",)),)), SUBJECT)
    page = render_html(model, "en")
    assert "did not pass the quality filters" in headline_box(page)
    assert "not passed (LowQual): may be an artefact" in text_of(page)


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0, "0%"), (1, "100%"), (0.5, "50%"), (0.123, "12.3%"), (0.00021, "0.021%"), (2e-6, "0.00020%"),
     (1e-9, "<0.0001%"), (0.99999, ">99.9%")],
)  # fmt: skip
def test_a_share_never_becomes_none_or_all(fraction, text):
    assert percent(fraction) == text


@pytest.mark.parametrize(
    ("fraction", "text"), [(0.94999, "94.9%"), (0.95, "95%"), (1, "100%"), (0.9999, "99.9%"), (0, "0%")]
)
def test_callable_share_is_cut_not_rounded(fraction, text):
    assert percent_down(fraction) == text
