"""The page of a quality result: one HTML file with its plots and tables, that needs no network and no script."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from genomics_dc.analyses.quality.pictures import spoken
from genomics_dc.analyses.quality.steps import PASS

if TYPE_CHECKING:
    from genomics_dc.analyses.qc import QCResult

_SAMPLES_SHOWN_MAX = 200
_ROWS_SHOWN_MAX = 100
_TITLES = {
    "missingness": "Missing genotypes",
    "heterozygosity": "Heterozygosity",
    "outliers": "Outliers",
    "allele_frequency": "Allele frequencies",
    "hwe_qq": "Hardy-Weinberg equilibrium",
    "ti_tv": "Transitions and transversions",
    "sex": "Sex",
    "batches": "Batches",
}
_WORD = "{}"
_SAMPLE_COLUMNS = (
    ("sample_id", "sample", _WORD),
    ("group", "group", _WORD),
    ("batch", "batch", _WORD),
    ("call_rate", "call rate", "{:.2%}"),
    ("f_inbreeding", "F", "{:.3f}"),
    ("het_hom_ratio", "het/hom", "{:.2f}"),
    ("ti_tv", "Ti/Tv", "{:.2f}"),
    ("singletons", "singletons", "{:,}"),
    ("mean_depth", "depth", "{:.1f}"),
    ("het_imbalance", "imbalance of hets", "{:.3f}"),
    ("sex_given", "sex given", _WORD),
    ("sex_shown", "sex shown", _WORD),
)


def quality_page(result: QCResult, pictures: Mapping[str, bytes]) -> str:
    """Return the page; `pictures` are the plots by name, as SVG. Of samples it shows opaque ids only."""
    from jinja2 import Environment

    folder = files("genomics_dc.analyses.quality") / "templates"
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((folder / "quality.html.j2").read_text(encoding="utf-8"))
    words = result.plot.in_words()
    return template.render(
        css=(folder / "quality.css").read_text(encoding="utf-8"),
        summary=result.summary,
        figures=_figures(result),
        steps={level: _steps(result, level) for level in ("variant", "sample")},
        pictures=[
            {
                "name": name,
                "title": _TITLES[name],
                "words": words[name],
                "data": base64.b64encode(svg).decode("ascii"),
            }
            for name, svg in pictures.items()
        ],
        outliers=_outliers(result),
        outliers_shown_max=_SAMPLES_SHOWN_MAX,
        batches=_rows(result, "batches"),
        families=_rows(result, "families"),
        rows_shown_max=_ROWS_SHOWN_MAX,
        origin=_origin(result),
    )


def _figures(result: QCResult) -> list[tuple[str, str, str]]:
    """Return what stands out: a number, what it is, and a word on it."""
    summary: Mapping[str, Any] = result.summary
    figures = [
        _share("samples pass", summary["samples_pass"], summary["samples"]),
        _share("variants pass", summary["variants_pass"], summary["variants"]),
        (
            "–" if summary["genotypes_missing_rate"] is None else f"{summary['genotypes_missing_rate']:.3%}",
            "genotypes missing",
            "",
        ),
        ("–" if summary["ti_tv"] is None else f"{summary['ti_tv']:.3f}", "Ti/Tv", "of single-base ALT alleles"),
        (f"{summary['variants_with_one_allele']:,}", "variants with one allele", "in these samples"),
        (f"{summary['variants_with_many_alleles']:,}", "variants of many alleles", "more than one ALT"),
    ]
    if summary["trios"] is not None:
        errors = result.trios.table["errors"].to_pylist() if result.trios is not None else []
        figures.append((f"{sum(errors):,}", "Mendelian errors", f"in {summary['trios']:,} trios"))
    return figures


def _steps(result: QCResult, level: str) -> list[dict[str, Any]]:
    """Return the thresholds of variants or samples; those that ask the same of several measures stand together."""
    groups: list[dict[str, Any]] = []
    for row in result.steps.table.to_pylist():
        if row["level"] != level:
            continue
        said = {name: row[name] for name in ("unit", "why", "source")}
        if not groups or any(groups[-1][name] != text for name, text in said.items()):
            groups.append({**said, "rows": []})
        groups[-1]["rows"].append({**row, "name": spoken(row["criterion"])})
    return groups


def _share(name: str, part: int, whole: int) -> tuple[str, str, str]:
    return f"{part:,}", name, f"of {whole:,}" + (f" ({part / whole:.1%})" if whole else "")


def _outliers(result: QCResult) -> dict[str, Any]:
    table = result.samples.table
    verdict = table["filter"].cast(pa.string())
    failing = table.filter(pc.not_equal(verdict, PASS))
    shown = failing.slice(0, _SAMPLES_SHOWN_MAX)
    columns = [
        (name, title, form)
        for name, title, form in _SAMPLE_COLUMNS
        if name in table.column_names and shown[name].null_count < max(len(shown), 1)
    ]
    rows = [
        {
            "cells": [
                ("–" if row[name] is None else form.format(row[name]), form != _WORD) for name, _, form in columns
            ],
            "words": [spoken(word) for word in row["filter"].split(";")],
        }
        for row in shown.to_pylist()
    ]
    return {"titles": [(title, form != _WORD) for _, title, form in columns], "rows": rows, "number": len(failing)}


def _rows(result: QCResult, name: str) -> list[dict[str, Any]]:
    table = result.tables().get(name)
    if table is None:
        return []
    rows = table.table.to_pylist()
    if name == "families":
        rows = sorted(rows, key=lambda row: (-row["errors"], row["family"]))[:_ROWS_SHOWN_MAX]
    return list(rows)


def _origin(result: QCResult) -> list[tuple[str, str]]:
    provenance = result.samples.provenance
    tables = ", ".join(f"{role} {digest[:12]}…" for role, digest in provenance.inputs.items()) or "none"
    return [
        ("software", provenance.software),
        ("store", f"{result.summary['store']}, hash {provenance.store_hash}"),
        ("samples, as a set", f"hash {provenance.cohort_hash}"),
        ("tables by sample (SHA-256)", tables),
        ("thresholds", json.dumps(provenance.parameters["thresholds"], ensure_ascii=False)),
    ]
