"""Pages as files: self-contained, escaped, the same bytes each time, readable by everyone."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import subprocess
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from genomics_dc.errors import InputError, OutputExistsError, ToolError, UsageError
from genomics_dc.reports import LANGUAGES, ReportModel, Subject, build, render, render_html, render_pdf, write_report
from tests.builders import make_carried_variant, make_findings, make_gene_coverage

BANNER = {"en": "Research use: not signed", "zh-CN": "仅供研究使用：未签发"}
SUBJECT = Subject(
    person_id="P-7Q2M4X",
    sample_id="child",
    name="张小明",
    sex="male",
    birth_date=datetime.date(2019, 3, 4),
    medical_record_number="MRN-0012345",
)
HOSTILE = "<script>alert(1)</script></style>\"'&=cmd|'/c calc'!A1 {{7*7}} \u202eabc\x07 ](x) \\27 }"


@pytest.fixture(scope="module")
def model() -> ReportModel:
    return build(make_findings(), SUBJECT, centre="Centre 中心")


@pytest.fixture(scope="module")
def written(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(model, folder)
    return folder


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data):
        self.words.append(data)


def hostile(value):
    """Return the value with every free string in it made hostile."""
    if isinstance(value, str):
        return HOSTILE
    if isinstance(value, dict):
        return {HOSTILE + key: hostile(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(hostile(one) for one in value)
    return value


def hostile_model() -> ReportModel:
    good = make_carried_variant()
    consequence = good.consequence.model_copy(
        update=dict.fromkeys(("gene", "transcript", "hgvs_c", "hgvs_p"), HOSTILE) | {"so_terms": (HOSTILE,)}
    )
    known = good.known[0].model_copy(
        update=dict.fromkeys(("source", "source_version", "accession", "significance", "review_status"), HOSTILE)
        | {"conditions": (HOSTILE,)}
    )
    criterion = good.classification.criteria[0].model_copy(update={"code": HOSTILE, "values": {HOSTILE: HOSTILE}})
    classification = good.classification.model_copy(
        update={
            "criteria": (criterion,),
            "criteria_not_assessed": (HOSTILE,),
            "rules": HOSTILE,
            "rules_source": HOSTILE,
        }
    )
    bad = good.model_copy(
        update={
            **dict.fromkeys(("contig", "ref", "alt", "identifier", "gene", "genotype", "partner"), HOSTILE),
            "filters": (HOSTILE,),
            "consequence": consequence,
            "other_consequences": (consequence,),
            "known": (known,),
            "population_frequencies": {HOSTILE: 0.1},
            "classification": classification,
            "parents": tuple(p.model_copy(update={"genotype": HOSTILE}) for p in good.parents),
        }
    )
    findings = make_findings(variants=(bad,))
    coverage = tuple(
        gene.model_copy(
            update={
                **dict.fromkeys(("gene", "transcript", "condition"), HOSTILE),
                "condition_by_language": {"en": HOSTILE},
                "not_callable": ((HOSTILE, 1, 2),),
            }
        )
        for gene in findings.coverage
    )
    findings = findings.model_copy(
        update={
            **dict.fromkeys(("sample_id", "assembly", "panel", "panel_version", "panel_source"), HOSTILE),
            "panel_title": {"en": HOSTILE},
            "coverage": coverage,
            "identity": tuple(check.model_copy(update={"detail": HOSTILE}) for check in findings.identity),
            "versions": hostile(findings.versions),
            "checksums": hostile(findings.checksums),
            "thresholds": {HOSTILE: 0.5},
        }
    )
    fields = {name: HOSTILE for name, field in Subject.model_fields.items() if "str" in str(field.annotation)}
    return build(findings, Subject(**fields), centre=HOSTILE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_text_stays_text(language, model):
    bad = Page(render_html(hostile_model(), language))
    good = Page(render_html(model, language))
    assert set(bad.tags) == set(good.tags)
    assert "script" not in bad.tags
    assert bad.tags.count("style") == 1
    assert "<script>alert(1)</script>" in "".join(bad.words)
    assert not re.search("[\u202e\x07]", "".join(bad.words))
    assert {name for _, name, _ in bad.attributes} == {name for _, name, _ in good.attributes}
    # Within the style sheet nothing of it is left but CSS escapes.
    page = render_html(hostile_model(), language)
    style = page[page.index("<style>") : page.index("</style>")]
    assert "script" not in re.sub(r"\\[0-9a-f]+ ", "?", style).replace("?script?", "")
    assert "alert(1)" not in style


@pytest.mark.slow
def test_hostile_text_in_a_pdf():
    assert render_pdf(hostile_model(), "en").startswith(b"%PDF-")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_needs_nothing_else(language, model):
    page = render_html(model, language, links={"en": "a.en.html", "zh-CN": "a.zh-CN.html"})
    parsed = Page(page)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base"} & set(parsed.tags)
    assert "@import" not in page
    assert "url(" not in page
    assert not [name for _, name, _ in parsed.attributes if name.startswith("on")]
    targets = [value for _, name, value in parsed.attributes if name in ("href", "src", "srcset", "action")]
    assert targets == ["a.zh-CN.html" if language == "en" else "a.en.html"]
    policy = [value for tag, name, value in parsed.attributes if tag == "meta" and name == "content"]
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in policy
    assert ("html", "lang", language) in parsed.attributes


@pytest.mark.parametrize("language", LANGUAGES)
def test_headings_tables_and_pictures_are_named(language, model):
    page = render_html(model, language)
    parsed = Page(page)
    levels = [int(tag[1]) for tag in parsed.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert parsed.tags.count("th") == sum(tag == "th" and name == "scope" for tag, name, _ in parsed.attributes)
    pictures = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert pictures
    assert all(re.search(r'aria-label="[^"]+"', one) and re.search(r"<title>[^<]+</title>", one) for one in pictures)
    ids = [value for _, name, value in parsed.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def luminance(colour: str) -> float:
    """Return the relative luminance of #rrggbb (WCAG 2.2, definition)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_text_colour_reads_well_on_every_ground(model):
    page = render_html(model, "en")
    inks = dict(re.findall(r"--(ink|soft|navy|red|amber|green): (#[0-9a-f]{6})", page))
    assert len(inks) == 6
    for ink in inks.values():
        for ground in ("#ffffff", "#f3f5f8", "#e6ebf2"):
            low, high = sorted((luminance(ink), luminance(ground)))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, ground)


def test_only_known_fields_of_the_person_are_shown():
    page = render_html(build(make_findings(), Subject(person_id="P-1", sample_id="child")), "en")
    for label in ("Name", "Date of birth", "Medical record number", "Ordering clinician", "Specimen"):
        assert f">{label}<" not in page
    assert "None" not in page


def test_names_of_files_say_sample_and_panel_and_nobody(written):
    names = sorted(path.name for path in written.iterdir())
    assert names == [
        "child.demo.en.html",
        "child.demo.en.pdf",
        "child.demo.json",
        "child.demo.manifest.json",
        "child.demo.zh-CN.html",
        "child.demo.zh-CN.pdf",
    ]


def test_the_manifest_holds_the_hash_of_every_file(written, model):
    manifest = json.loads((written / "child.demo.manifest.json").read_text())
    assert manifest["report_id"] == model.report_id
    assert manifest["signed"] is False
    assert len(manifest["files"]) == 5
    for name, entry in manifest["files"].items():
        data = (written / name).read_bytes()
        assert entry == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert "张小明" not in json.dumps(manifest, ensure_ascii=False)


def test_the_json_is_the_model(written, model):
    assert ReportModel.model_validate_json((written / "child.demo.json").read_bytes()) == model


def test_the_same_model_gives_the_same_bytes(written, model, tmp_path):
    write_report(model, tmp_path)
    for path in sorted(written.iterdir()):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_pdf_is_tagged_and_named(written, language):
    pikepdf = pytest.importorskip("pikepdf")
    with pikepdf.open(written / f"child.demo.{language}.pdf") as pdf:
        root = pdf.Root
        assert bool(root.MarkInfo.Marked)
        assert str(root.Lang) == language
        assert root.StructTreeRoot.K
        assert bool(root.ViewerPreferences.DisplayDocTitle)
        title = str(pdf.docinfo["/Title"])
        assert "child" in title
        assert "张小明" not in title
        assert "/CreationDate" not in pdf.docinfo
        figures = [
            one for one in pdf.objects if isinstance(one, pikepdf.Dictionary) and one.get("/S") == pikepdf.Name.Figure
        ]
        assert figures
        assert all(str(one.get("/Alt", "")) for one in figures)
        tags = {str(one.get("/S")) for one in pdf.objects if isinstance(one, pikepdf.Dictionary) and "/S" in one}
        assert {"/H1", "/H2", "/Table", "/TR", "/TH", "/TD"} <= tags
        with pdf.open_metadata() as metadata:
            assert metadata["pdfuaid:part"] == "1"


@pytest.mark.parametrize("language", LANGUAGES)
def test_pdf_embeds_a_chinese_font(written, language, program):
    shown = subprocess.run(
        [program("pdffonts"), written / f"child.demo.{language}.pdf"], capture_output=True, text=True, check=True
    ).stdout
    rows = shown.splitlines()[2:]
    assert any("CJK-SC" in row for row in rows)
    for row in rows:
        assert row.split()[-5:-2] == ["yes", "yes", "yes"], f"not embedded, not a subset or no text behind it: {row}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_says_that_it_is_not_signed(written, language, program):
    text = subprocess.run(
        [program("pdftotext"), "-layout", written / f"child.demo.{language}.pdf", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    pages = text.split("\f")[:-1]
    assert len(pages) >= 3
    for number, page in enumerate(pages, start=1):
        assert BANNER[language] in page.strip().splitlines()[0]
        footer = f"Page {number} of {len(pages)}" if language == "en" else f"第 {number} 页，共 {len(pages)} 页"
        assert footer in page
        assert "child" in page
        assert "\ufffd" not in page


@pytest.mark.slow
def test_a_browser_shows_the_page_without_asking_for_anything(written, program, tmp_path):
    log = tmp_path / "net.json"
    subprocess.run(
        [
            program("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={log}", f"--screenshot={tmp_path / 'page.png'}",
            (written / "child.demo.zh-CN.html").as_uri(),
        ],
        capture_output=True, check=True, timeout=180,
    )  # fmt: skip
    assert (tmp_path / "page.png").stat().st_size > 5_000
    asked = set(re.findall(r'"url":"((?:https?|ftp|wss?)://[^"]+)"', log.read_text()))
    # The browser's own calls home are not the page's.
    assert not [url for url in asked if "google" not in url and "gstatic" not in url and "gvt1" not in url], asked


def test_long_alleles_are_cut_with_their_length():
    inserted = "G" + "ACGT" * 200
    page = render_html(build(make_findings(variants=(make_carried_variant(alt=inserted),)), SUBJECT), "en")
    assert inserted not in page
    assert "801 characters" in page


def test_a_source_that_nobody_gave_is_not_called_silent():
    one = make_carried_variant(known=(), population_frequencies={})
    silent = render_html(build(make_findings(variants=(one,)), SUBJECT), "en")
    assert "no record in the supplied source" in silent
    versions = {"known variants": "none given", "population frequencies": "none given"}
    page = render_html(build(make_findings(variants=(one,), versions=versions), SUBJECT), "en")
    assert "no record in the supplied source" not in page
    assert page.count("no source was supplied") == 2


def test_many_intervals_are_counted_not_lost():
    gene = make_gene_coverage(
        "VPS16", assessed=False, not_callable=tuple(("20", i * 10, i * 10 + 5) for i in range(1, 101))
    )
    page = render_html(build(make_findings(coverage=(gene,), variants=()), SUBJECT), "en")
    assert "and 40 more" in page


@pytest.mark.parametrize("changes", [{"sample_id": "../x"}, {"panel": "a/b"}, {"sample_id": "-x"}, {"panel": ""}])
def test_names_that_are_no_file_names_are_refused(changes, tmp_path):
    findings = make_findings(**changes)
    bad = build(findings, Subject(person_id="P-1", sample_id=findings.sample_id))
    with pytest.raises(InputError, match="cannot be part of a file name"):
        write_report(bad, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_exists_is_not_overwritten(model, tmp_path):
    write_report(model, tmp_path, formats=["json"])
    before = (tmp_path / "child.demo.json").stat()
    with pytest.raises(OutputExistsError, match="--force"):
        write_report(model, tmp_path, formats=["json"])
    assert (tmp_path / "child.demo.json").stat() == before
    write_report(model, tmp_path, formats=["json"], force=True)


@pytest.mark.parametrize(("key", "value"), [("languages", ["fr"]), ("formats", ["docx"]), ("formats", [])])
def test_unknown_languages_and_formats_are_refused(model, tmp_path, key, value):
    with pytest.raises(UsageError, match="choose from"):
        write_report(model, tmp_path, **{key: value})


def test_a_failure_leaves_nothing(model, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    render.require_fonts.cache_clear()
    with pytest.raises(ToolError, match="fontconfig"):
        write_report(model, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_no_chinese_font_is_an_error_not_boxes(tmp_path, monkeypatch):
    (tmp_path / "fc-list").write_text("#!/bin/sh\necho 'DejaVu Sans'\n")
    (tmp_path / "fc-list").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    render.require_fonts.cache_clear()
    with pytest.raises(ToolError, match="fonts-noto-cjk"):
        render.require_fonts()
