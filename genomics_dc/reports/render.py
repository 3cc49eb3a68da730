"""Pages from a report model: self-contained HTML, tagged PDF, JSON, and a manifest of their checksums.

Every string that comes from a file is untrusted: templates escape it, and control characters are shown, not obeyed.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from genomics_dc.errors import InputError, OutputExistsError, ToolError, UsageError
from genomics_dc.files import explain_os_errors, fsync_directory
from genomics_dc.reports.model import GENE_FITS, LANGUAGES, ReportModel, with_centre
from genomics_dc.screening.model import CarriedVariant

FORMATS = ("html", "pdf", "json")
MANIFEST_FORMAT = "1"

# Longer alleles and names are cut in the middle on the page; the JSON file has them whole.
ALLELE_CHARACTERS_MAX = 120
BRIEF_CHARACTERS_MAX = 36
INTERVALS_SHOWN_MAX = 60
OTHER_TRANSCRIPTS_SHOWN_MAX = 5
# What screening writes as the version of a source that nobody gave: no record there says nothing about the variant.
_NONE_GIVEN = "none given"
# Up to this many genes, the headline box also names their conditions.
GENES_NAMED_MAX = 4

# https://www.ncbi.nlm.nih.gov/clinvar/docs/review_status/
_REVIEW_STARS = {
    "practice_guideline": 4,
    "reviewed_by_expert_panel": 3,
    "criteria_provided,_multiple_submitters,_no_conflicts": 2,
    "criteria_provided,_single_submitter": 1,
    "criteria_provided,_conflicting_classifications": 1,
    "criteria_provided,_conflicting_interpretations": 1,
    "no_assertion_criteria_provided": 0,
    "no_classification_provided": 0,
    "no_assertion_provided": 0,
    "no_classification_for_the_single_variant": 0,
}

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,120}")
# C0 and C1 controls, and the marks that turn the direction of text: shown as a replacement character.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")

Texts = Mapping[str, str]


@dataclass(frozen=True)
class WrittenReport:
    """What was written: the report's identifier and the paths, the manifest last."""

    report_id: str
    paths: tuple[Path, ...]


@dataclass(frozen=True, repr=False)
class Reports:
    """Reports of one person, one for each panel, in the languages asked for."""

    models: tuple[ReportModel, ...]
    languages: tuple[str, ...] = LANGUAGES

    def __repr__(self) -> str:
        return f"Reports({len(self.models)} reports in {', '.join(self.languages)})"

    def under(self, centre: str) -> Reports:
        """Return the same reports with a centre's name in the page header."""
        return Reports(tuple(with_centre(model, centre) for model in self.models), self.languages)

    def write(
        self,
        directory: Path | str,
        *,
        formats: Sequence[str] = FORMATS,
        force: bool = False,
        progress: Callable[[str], None] | None = None,
    ) -> list[WrittenReport]:
        """Write every report into one folder; see `write_report`."""
        return [
            write_report(model, directory, languages=self.languages, formats=formats, force=force, progress=progress)
            for model in self.models
        ]


@cache
def messages(language: str) -> Texts:
    """Return every text of a language by dotted key ("section.subject")."""
    import yaml

    if language not in LANGUAGES:
        raise UsageError(f"no report texts in {language!r}; choose from {', '.join(LANGUAGES)}")
    tree = yaml.safe_load((files("genomics_dc.reports") / "messages" / f"{language}.yaml").read_text("utf-8"))
    return dict(_flatten(tree, ""))


def _flatten(tree: Mapping[Any, Any], prefix: str) -> Iterable[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value).rstrip("\n")


class _Words:
    """The texts of one language, as templates ask for them."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.texts = messages(language)

    def __call__(self, key: str, **values: object) -> str:
        text = self.texts[key]
        return text.format(**values) if values else text

    def count(self, key: str, n: int, **values: object) -> str:
        return self(f"{key}.{'one' if n == 1 else 'other'}", n=f"{n:,}", **values)

    def known(self, group: str, value: str) -> str:
        """Return the text of a value from outside, or the value itself where there is no text for it."""
        return self.texts.get(f"{group}.{value}", value.replace("_", " "))

    def keys(self, group: str) -> list[str]:
        return [key.removeprefix(f"{group}.") for key in self.texts if key.startswith(f"{group}.")]

    def join(self, values: Iterable[str]) -> str:
        return self("separator").join(values)

    def allele(self, text: str) -> str:
        return self._cut(text, ALLELE_CHARACTERS_MAX, "variant.cut")

    def brief(self, text: str) -> str:
        return self._cut(text, BRIEF_CHARACTERS_MAX, "variant.cut_brief")

    def _cut(self, text: str, characters_max: int, key: str) -> str:
        if len(text) <= characters_max:
            return text
        kept = characters_max // 3
        return self(key, head=text[:kept], tail=text[-kept:], n=f"{len(text):,}")

    def consequence(self, so_terms: Sequence[str]) -> str:
        return self.join(self.known("consequence", term.removesuffix("_variant").lower()) for term in so_terms)

    def significance_known(self, value: str) -> str:
        return self.known("clinvar", value.replace(" ", "_"))

    def review(self, status: str | None) -> str:
        if not status:
            return self("review.unknown")
        status = status.replace(", ", ",_").replace(" ", "_")
        stars = _REVIEW_STARS.get(status)
        text = self.known("review", status)
        return text if stars is None else f"{'★' * stars}{'☆' * (4 - stars)} {text} ({self('review.stars', n=stars)})"

    def criterion(self, code: str) -> str:
        # A code may carry its strength ("PM2_supporting"); the meaning is that of the bare code.
        key = f"criterion.{code.split('_')[0]}"
        return self.texts.get(key, self("criterion.other"))

    def value(self, name: str, value: str | int | float) -> str:
        if not isinstance(value, str):
            return number(value)
        return self.consequence([value]) if name == "consequence" else self.known("word", value)

    def failed(self, filters: Sequence[str]) -> list[str]:
        return [name for name in filters if name not in ("PASS", ".")]

    def filters(self, filters: Sequence[str]) -> str:
        if failed := self.failed(filters):
            return self("variant.filters_failed", filters=self.join(failed))
        return self("variant.filters_pass") if "PASS" in filters else self("variant.filters_unknown")


def percent(fraction: float) -> str:
    """Return a share with two digits that count; only 0 and 1 themselves read 0% and 100%."""
    if fraction in (0, 1):
        return f"{fraction:.0%}"
    if fraction > 0.999:
        return ">99.9%"
    if fraction < 0.000001:
        return "<0.0001%"
    if fraction < 0.01:
        return f"{Decimal(f'{100 * fraction:.1e}'):f}%"
    return f"{fraction:.1%}".replace(".0%", "%")


def percent_down(fraction: float) -> str:
    """Return a share cut, not rounded, to a tenth of a percent: 0.94999 under a threshold of 0.95 must not read 95%."""
    return f"{math.floor(fraction * 1000 + 1e-9) / 10:.1f}%".replace(".0%", "%")


def number(value: float) -> str:
    """Return a parameter's value without noise: 0.95, 20, 0.00002."""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{Decimal(f'{value:.6g}'):f}" if 1e-9 < abs(value) < 1e15 else f"{value:g}"


def _visible(value: object) -> object:
    """Make control and direction characters visible; applied to every expression of a template."""
    from markupsafe import Markup

    if isinstance(value, str) and not isinstance(value, Markup):
        return _CONTROL.sub("\ufffd", value)
    return value


def _css_string(value: str) -> Any:
    """Return a CSS string literal; every character but letters, digits and space is a CSS escape."""
    from markupsafe import Markup

    text = str(_visible(value))
    escaped = "".join(
        character if character == " " or (character.isalnum() and character.isascii()) else f"\\{ord(character):x} "
        for character in text
    )
    return Markup(f'"{escaped}"')  # noqa: S704  # nothing but [A-Za-z0-9 \\] is left


@cache
def _template() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("genomics_dc.reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["css_string"] = _css_string
    environment.filters["percent"] = percent
    environment.filters["percent_down"] = percent_down
    environment.filters["number"] = number
    return environment.get_template("report.html.j2")


def document_title(model: ReportModel, language: str) -> str:
    """Return the title of the document: sample and panel, never a name."""
    words = _Words(language)
    return str(_visible(words("document_title", sample=model.sample_id, panel=_panel_title(model, language))))


def _panel_title(model: ReportModel, language: str) -> str:
    return model.panel_title.get(language, model.panel)


def render_html(model: ReportModel, language: str, *, links: Mapping[str, str] | None = None) -> str:
    """Return one HTML page that needs no network, no script and no other file.

    `links` maps other languages to the relative names of their pages; without it the page links to nothing.
    """
    return _render(model, language, links=links or {})


def _render(model: ReportModel, language: str, *, links: Mapping[str, str]) -> str:
    words = _Words(language)
    rows = {row.gene: row for row in model.genes}

    def condition_of(gene: str) -> str | None:
        row = rows[gene]
        return row.condition_by_language.get(language) or row.condition

    partners = {variant.key: variant for variant in (*model.reported, *model.uncertain, *model.benign)}

    def partner_of(variant: CarriedVariant) -> str | None:
        other = partners.get(variant.partner or "")
        if other is None:
            return variant.partner
        return other.consequence.hgvs_c or f"{other.contig}:{other.position:,} {other.ref}>{other.alt}"

    page: str = _template().render(
        model=model,
        t=words,
        language=language,
        title=document_title(model, language),
        panel_title=_panel_title(model, language),
        centre=model.centre or words("centre_placeholder"),
        rows=rows,
        condition_of=condition_of,
        partner_of=partner_of,
        intervals_shown_max=INTERVALS_SHOWN_MAX,
        headline=_headline_text(model, words),
        tone=_TONES[model.headline.kind],
        gene_results=_results_by_fit(model),
        others_shown_max=OTHER_TRANSCRIPTS_SHOWN_MAX,
        unsupplied={name for name, version in model.versions.items() if version == _NONE_GIVEN},
        rule_sources=sorted({(one.classification.rules, one.classification.rules_source) for one in partners.values()}),
        by_record=[result.gene for result in model.gene_results if result.by_record],
        disagreeing=set(model.disagreeing),
        disagreeing_genes=_disagreeing_genes(model),
        genes_named=len(model.gene_results) <= GENES_NAMED_MAX,
        subject_facts=_subject_facts(model, words),
        lists=[(section, _items(model, words, section)) for section in ("methods", "limitations", "recommendations")],
        glossary=list(dict.fromkeys(key.split(".")[0] for key in words.keys("glossary"))),
        inheritance=lambda row: [words(f"inheritance.{mode}") for mode in row.inheritance],
        links=[
            (other, messages(other)["meta.language_name"], name) for other, name in links.items() if other != language
        ],
    )
    return page


_TONES = {
    "pathogenic_genotype": "alert",
    "pathogenic_possible": "alert",
    "pathogenic_single": "alert",
    "uncertain": "doubt",
    "nothing_reportable": "plain",
    "nothing_assessed": "doubt",
}

_SUBJECT_FIELDS = (
    "name",
    "person_id",
    "medical_record_number",
    "sample_id",
    "sex",
    "birth_date",
    "specimen",
    "collected",
    "received",
    "ordering_clinician",
    "indication",
)


def _subject_facts(model: ReportModel, words: _Words) -> list[tuple[str, str]]:
    """Return label and value of each field that is known, and the status, in the order of the page."""
    facts = []
    for field in _SUBJECT_FIELDS:
        value = getattr(model.subject, field)
        if value is None or value == "":
            continue
        text = words.known("sex", value) if field == "sex" else str(value)
        if field == "person_id" and value == model.sample_id:
            text = words("unknown")
        facts.append((words(f"subject.{field}"), text))
    return [*facts, (words("subject.status"), words("banner"))]


def _disagreeing_genes(model: ReportModel) -> list[str]:
    """Return the genes with a disagreement that the headline box does not tell in another way."""
    told = {result.gene for result in model.gene_results if result.by_record}
    shown = [*model.reported, *model.uncertain]
    return list(dict.fromkeys(one.gene for one in shown if one.key in model.disagreeing and one.gene not in told))


def _items(model: ReportModel, words: _Words, section: str) -> list[str]:
    """Return the keys of a section's sentences; advice on genes not assessed only where there are any."""
    keys = words.keys(section)
    if section == "recommendations" and not model.headline.not_assessed_genes:
        keys.remove("not_assessed")
    return keys


def _results_by_fit(model: ReportModel) -> list[tuple[str, list[str]]]:
    """Return each way of fitting and its genes, in the order of alarm."""
    by_fit: dict[str, list[str]] = {fit: [] for fit in GENE_FITS}
    for result in model.gene_results:
        by_fit[result.fit].append(result.gene)
    return [(fit, genes) for fit, genes in by_fit.items() if genes]


def _headline_text(model: ReportModel, words: _Words) -> str:
    headline = model.headline
    counted = {
        "uncertain": headline.uncertain_variants,
        "nothing_reportable": headline.assessed_genes,
        "nothing_assessed": headline.panel_genes,
    }.get(headline.kind, len(headline.genes))
    return words.count(f"headline.{headline.kind}", counted)


def render_pdf(model: ReportModel, language: str) -> bytes:
    """Return a tagged PDF (PDF/UA-1); the same model gives the same bytes on the same machine.

    Raises ToolError when no Chinese font is installed: the page would show boxes.
    """
    require_fonts()
    from weasyprint import HTML

    page = _render(model, language, links={})
    data = HTML(string=page, url_fetcher=_refuse_fetch).write_pdf(
        pdf_variant="pdf/ua-1", pdf_identifier=model.report_id.encode()
    )
    assert isinstance(data, bytes)
    return data


def _refuse_fetch(url: str, *_: object, **__: object) -> Any:
    raise ToolError(f"a report page asked for {url[:80]}; pages are made from their own text only")


@cache
def require_fonts() -> None:
    """Raise ToolError unless a font with Chinese glyphs is installed."""
    if shutil.which("fc-list") is None:
        raise ToolError("fc-list is missing (Debian package fontconfig); it finds the fonts of a PDF report")
    done = subprocess.run(["fc-list", ":lang=zh-cn", "family"], capture_output=True, text=True, check=False, timeout=60)
    if "CJK" not in done.stdout:
        raise ToolError(
            "no Noto CJK font is installed, so Chinese would print as boxes; install the Debian package fonts-noto-cjk"
        )


def render_json(model: ReportModel) -> str:
    """Return the model as JSON with stable key order and a final newline."""
    return json.dumps(model.model_dump(mode="json"), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def file_stem(model: ReportModel) -> str:
    """Return `{sample}.{panel}`, the beginning of every file name; refuses what is not plain in a file name."""
    for what, value in (("sample id", model.sample_id), ("panel name", model.panel)):
        if not _SAFE_NAME.fullmatch(value):
            raise InputError(
                f"the {what} {value!r} cannot be part of a file name; letters, digits and . _ + - are allowed, and the "
                "first character is a letter or a digit"
            )
    return f"{model.sample_id}.{model.panel}"


def write_report(
    model: ReportModel,
    directory: Path | str,
    *,
    languages: Sequence[str] = LANGUAGES,
    formats: Sequence[str] = FORMATS,
    force: bool = False,
    progress: Callable[[str], None] | None = None,
) -> WrittenReport:
    """Write the pages of a report into a folder, all of them or none; the manifest with SHA-256 comes last.

    Names are `{sample}.{panel}.{language}.html|pdf`, `{sample}.{panel}.json` and `{sample}.{panel}.manifest.json`.
    The folder is made when it is missing. `progress` is called with each file name before it is made.
    """
    for what, given, allowed in (("language", languages, LANGUAGES), ("format", formats, FORMATS)):
        unknown = [value for value in given if value not in allowed]
        if unknown or not given:
            raise UsageError(f"unknown {what} {', '.join(unknown) or '(none given)'}; choose from {', '.join(allowed)}")
    languages, formats = tuple(dict.fromkeys(languages)), tuple(dict.fromkeys(formats))
    stem = file_stem(model)
    folder = Path(directory)
    makers = _makers(model, stem, languages, formats)
    manifest_name = f"{stem}.manifest.json"
    names = [*makers, manifest_name]
    there = [name for name in names if (folder / name).exists()]
    if there and not force:
        raise OutputExistsError(
            f"{folder / there[0]} exists already; choose another output folder, or give --force to replace it"
        )
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as name:
            staging = Path(name)
            entries = {}
            for file_name, make in makers.items():
                if progress is not None:
                    progress(file_name)
                data = make()
                (staging / file_name).write_bytes(data)
                entries[file_name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            manifest = {
                "files": entries,
                "manifest_format": MANIFEST_FORMAT,
                "panel": model.panel,
                "report_id": model.report_id,
                "sample_id": model.sample_id,
                "signed": model.signed,
                "software": model.software,
            }
            text = json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
            (staging / manifest_name).write_text(text, encoding="utf-8")
            for file_name in names:
                (staging / file_name).replace(folder / file_name)
            fsync_directory(folder)
    return WrittenReport(model.report_id, tuple(folder / file_name for file_name in names))


def _makers(
    model: ReportModel, stem: str, languages: Sequence[str], formats: Sequence[str]
) -> dict[str, Callable[[], bytes]]:
    """Return file name to the function that makes its bytes."""

    def html(language: str) -> Callable[[], bytes]:
        links = {other: f"{stem}.{other}.html" for other in languages}
        return lambda: render_html(model, language, links=links).encode()

    def pdf(language: str) -> Callable[[], bytes]:
        return lambda: render_pdf(model, language)

    makers: dict[str, Callable[[], bytes]] = {}
    for language in languages:
        if "html" in formats:
            makers[f"{stem}.{language}.html"] = html(language)
        if "pdf" in formats:
            makers[f"{stem}.{language}.pdf"] = pdf(language)
    if "json" in formats:
        makers[f"{stem}.json"] = lambda: render_json(model).encode()
    return makers
