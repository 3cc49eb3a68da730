"""The page of an association result: one HTML file with plots and tables, that needs no network and no script."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from genomics_dc.analyses.genomic_control import lambda_1000
from genomics_dc.analyses.top_hits import SUGGESTIVE_P, TopHits, gene_models, locus, top_hits
from genomics_dc.errors import InputError, UsageError
from genomics_dc.files import refuse_existing, write_text

if TYPE_CHECKING:
    from genomics_dc.analyses.association_result import AssociationResult
    from genomics_dc.analyses.view import View
    from genomics_dc.reference.genes import GeneModels

_TRAITS_MAX = 12
_HITS_MAX = 20
_LOCI_MAX = 4
_GENOME_WIDE_NEG_LOG10_P = 7.30103
_P_TEXT = f"{SUGGESTIVE_P:.0e}".replace("e-05", "×10⁻⁵")
_SCALED_FROM = 1000  # samples from which the inflation of a smaller study says something

STATUS_MEANINGS = {
    "ok": "tested",
    "firth": "tested by Firth's penalised likelihood, since the plain one has no maximum or is not reached",
    "score": "p of the score test; the model was not fitted, since this p is above the limit for that",
    "separated": "no estimate: the genotype tells cases from controls",
    "not_converged": "no estimate: the fit did not come to rest",
    "monomorphic": "no estimate: every sample used has the same genotype",
    "too_few": "no estimate: fewer samples than the model needs",
    "collinear": "no estimate: the covariates tell the genotype",
    "filtered": "left out; the notes say by what",
    "spa": "tested by a saddlepoint approximation of the score test",
    "exact_fit": "no p: nothing is left to explain, so that the standard error is 0",
}


def write_page(
    result: AssociationResult,
    path: Path | str,
    *,
    view: View | None = None,
    genes: GeneModels | Path | str | None = None,
    window_bp: int = 250_000,
    threads: int | None = None,
    force: bool = False,
) -> Path:
    """Write the page of a result; return its path.

    Parameters
    ----------
    view
        The view that was tested: clumps and the colours of the locus plots are from its linkage. Without it the
        strongest variants stand as they are.
    genes
        Gene models (GFF3), for the tracks below the loci and the gene nearest to each.
    window_bp
        How far a locus plot reaches to either side.
    threads
        For linkage; all processors when None.

    Notes
    -----
    Of more than twelve traits those with the smallest p are drawn; the page says so.
    """
    target = Path(path)
    if target.suffix != ".html":
        raise UsageError(f"{target}: the name of a page ends with .html")
    refuse_existing(target, force=force)
    models = gene_models(genes)
    drawn = _strongest_traits(result)
    inflated = result.lambda_gc()
    traits = [_trait(result, name, inflated, view, models, window_bp, threads) for name in drawn]
    from jinja2 import Environment

    home = files("genomics_dc.analyses")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((home / "templates" / "association.html.j2").read_text(encoding="utf-8"))
    n_variants = int(str(result.provenance.parameters["n_variants"]))
    text = template.render(
        css=(home / "quality" / "templates" / "quality.css").read_text(encoding="utf-8"),
        title=f"Association with {result.traits[0]}" if len(result.traits) == 1 else "Association of traits",
        lead=f"{n_variants:,} variants, {_number(len(result.traits), 'trait')}, {result.model} model.",
        notes=[*_not_drawn(result, drawn), *result.notes],
        traits=traits,
        effect_name="beta" if result.model == "linear" else "log odds ratio",
        with_genes=models is not None,
        asked=_asked(result),
        origin=_origin(result, models),
    )
    write_text(target, text, force=force)
    return target


def _not_drawn(result: AssociationResult, drawn: list[str]) -> list[str]:
    if len(drawn) == len(result.traits):
        return []
    return [f"{len(result.traits):,} traits were tested; the {len(drawn)} with the smallest p are here."]


def _number(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _strongest_traits(result: AssociationResult) -> list[str]:
    """Return the traits to draw, in the order of the result."""
    if len(result.traits) <= _TRAITS_MAX:
        return list(result.traits)
    best = {}
    for name in result.traits:
        strength = _floats(result._main(name).table, "neg_log_10_p_value")
        best[name] = float(np.nanmax(strength)) if np.isfinite(strength).any() else -1.0
    chosen = set(sorted(best, key=lambda name: -best[name])[:_TRAITS_MAX])
    return [name for name in result.traits if name in chosen]


def _floats(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].to_numpy(), dtype=np.float64)


def _trait(
    result: AssociationResult,
    name: str,
    inflated: Mapping[str, float],
    view: View | None,
    models: GeneModels | None,
    window_bp: int,
    threads: int | None,
) -> dict[str, Any]:
    from genomics_dc.plots import style

    one = result._main(name)
    strength = _floats(one.table, "neg_log_10_p_value")
    n_tested = int((~np.isnan(strength)).sum())
    beyond = int((strength >= _GENOME_WIDE_NEG_LOG10_P).sum())
    inflation = inflated[name]
    n_samples = result.samples_by_trait[name]
    hits, hits_words = _hits(result, name, view, models, threads)
    rows = [] if hits is None else hits.table.slice(0, _HITS_MAX).to_pylist()
    statuses = one.status_counts()
    return {
        "name": name,
        "figures": [
            (f"{n_samples:,}", "samples", "with the trait and all covariates"),
            (f"{n_tested:,}", "variants tested", f"of {len(one):,}"),
            (
                f"{beyond:,}",
                "below p = 5×10⁻⁸",
                "genome-wide significant" if beyond else "none is genome-wide significant",
            ),
            (_lambda(inflation), "λ GC", _scaled(inflation, n_samples)),
        ],
        "lambda_text": _lambda(inflation),
        "words": f"{n_tested:,} variants tested, {beyond:,} below 5e-8.",
        "manhattan": _data(result.plot.manhattan(name)),
        "qq": _data(result.plot.qq(name)),
        "hits": [_hit(row, style.p_text) for row in rows],
        "hits_words": hits_words,
        "loci": [_locus(result, name, view, models, row, window_bp, threads) for row in _loci_of(rows, window_bp)],
        "statuses": [(status, count, STATUS_MEANINGS.get(status, "")) for status, count in statuses.items()],
    }


def _lambda(value: float) -> str:
    return "not known" if value != value else f"{value:.3f}"


def _scaled(inflation: float, n_samples: int) -> str:
    if n_samples <= _SCALED_FROM:
        return "median of chi-squared over its expectation"
    return f"{_lambda(lambda_1000(inflation, n=n_samples))} for a thousand samples"


def _data(figure: Any) -> str:
    from genomics_dc.plots import style

    return base64.b64encode(style.as_svg(figure)).decode("ascii")


def _hits(
    result: AssociationResult, name: str, view: View | None, models: GeneModels | None, threads: int | None
) -> tuple[TopHits | None, str]:
    """Return the strongest loci, and what to say of them."""
    if view is None:
        return None, "Without the store there is no linkage, so that loci cannot be told apart."
    try:
        hits = top_hits(result, view, trait=name, genes=models, threads=threads)
    except InputError as error:  # such as an id that stands twice: the page is written all the same, and says so
        return None, f"Loci cannot be told apart: {error}."
    if not len(hits):
        return hits, f"No variant has p below {_P_TEXT}."
    words = f"Clumps with p below {_P_TEXT}: a variant with r² above 0.1 to a stronger one within 250 kb joins it."
    if len(hits) > _HITS_MAX:
        words += f" The first {_HITS_MAX} of {len(hits):,} are here."
    return hits, words


def _hit(row: dict[str, Any], p_text: Any) -> dict[str, Any]:
    return {
        "variant": row["variant_id"],
        "place": f"{row['chromosome']}:{row['base_pair_location']:,}",
        "alleles": f"{_short(row['other_allele'])} → {_short(row['effect_allele'])}",
        "frequency": _digits(row["effect_allele_frequency"]),
        "beta": _digits(row["beta"]),
        "error": _digits(row["standard_error"]),
        "p": p_text(row["neg_log_10_p_value"]),
        "genome_wide": row["neg_log_10_p_value"] >= _GENOME_WIDE_NEG_LOG10_P,
        "n": f"{row['n']:,}",
        "clumped": f"{row['clumped']:,}",
        "gene": _gene(row),
    }


def _digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}".replace("-", "−")


def _short(allele: str | None) -> str:
    words = allele or "."
    return words if len(words) <= 12 else f"{words[:10]}… ({len(words)})"


def _gene(row: dict[str, Any]) -> str:
    if row["nearest_gene"] is None:
        return "no gene on this chromosome"
    if row["gene_side"] == "within":
        return str(row["nearest_gene"])
    return f"{row['nearest_gene']}, {row['gene_distance_bp'] / 1000:,.1f} kb {row['gene_side']}"


def _loci_of(rows: list[dict[str, Any]], window_bp: int) -> list[dict[str, Any]]:
    """Return the loci to draw, none within another: those that are genome-wide significant, else the strongest."""
    chosen: list[dict[str, Any]] = []
    for row in rows:
        beyond = row["neg_log_10_p_value"] >= _GENOME_WIDE_NEG_LOG10_P
        apart = all(
            one["chromosome"] != row["chromosome"]
            or abs(one["base_pair_location"] - row["base_pair_location"]) > window_bp
            for one in chosen
        )
        if apart and (beyond or not chosen) and len(chosen) < _LOCI_MAX:
            chosen.append(row)
    return chosen


def _locus(
    result: AssociationResult,
    name: str,
    view: View | None,
    models: GeneModels | None,
    row: dict[str, Any],
    window_bp: int,
    threads: int | None,
) -> dict[str, str]:
    found = locus(result, view, row["variant_id"], trait=name, genes=models, window_bp=window_bp, threads=threads)
    linked = int((found.r2 >= 0.8).sum()) - 1
    words = f"{row['variant_id']} and {window_bp // 1000:,} kb to either side; "
    words += f"{_number(max(linked, 0), 'other variant')} with r² of 0.8 or more"
    if models is not None:
        words += f", {_number(len({transcript.gene_id for transcript in found.transcripts}), 'gene')}"
    return {"data": _data(found.plot(trait=name)), "words": words + "."}


def _asked(result: AssociationResult) -> list[tuple[str, str]]:
    """Return the question in words: parameters of the association that say something to a reader."""
    parameters = result.provenance.parameters
    rows = [
        ("model", result.model),
        ("how", str(parameters.get("rule", ""))),
        ("traits", _listed([str(name) for name in result.traits])),
        ("covariates", _listed(_strings(parameters.get("covariates"))) or "none, an intercept only"),
        ("variants", f"{int(str(parameters['n_variants'])):,}"),
        ("samples in the view", f"{int(str(parameters['n_samples'])):,}"),
    ]
    for key, words in (
        ("rows_without_sample", "rows without a sample in the store, left aside"),
        ("samples_without_row", "samples without a row, which took no part"),
    ):
        counts = parameters.get(key)
        if isinstance(counts, dict):
            rows += [(words, f"{int(str(count)):,} ({table})") for table, count in counts.items() if count]
    shown = {
        "model", "rule", "traits", "covariates", "samples_by_trait", "rows_without_sample", "samples_without_row",
        "n_variants", "n_samples", "notes",
    }  # fmt: skip
    rows += [(key.replace("_", " "), _plain(value)) for key, value in parameters.items() if key not in shown]
    return [(name, value) for name, value in rows if value]


def _strings(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _listed(names: list[str]) -> str:
    return ", ".join(names[:30]) + (f", … ({len(names):,} in all)" if len(names) > 30 else "")


def _plain(value: Any) -> str:
    if value is None or value == {} or value == []:
        return ""
    if isinstance(value, dict):
        return _listed([f"{key}: {_plain(one)}" for key, one in value.items()])
    return _listed(_strings(value)) if isinstance(value, list) else str(value)


def _origin(result: AssociationResult, models: GeneModels | None) -> list[tuple[str, str]]:
    provenance = result.provenance
    rows = [
        ("software", provenance.software),
        ("store", provenance.store_hash or ""),
        ("cohort", provenance.cohort_hash or ""),
        *((role, digest) for role, digest in provenance.inputs.items()),
    ]
    if models is not None:
        rows.append(("genes", f"{models.path.name}, {models.sha256}"))
    return [(name, value) for name, value in rows if value]
