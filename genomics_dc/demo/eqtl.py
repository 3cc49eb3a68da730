"""A cis eQTL scan: every variant near a gene's start against that gene's expression, all genes in one pass."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.errors import InputError
from genomics_dc.files import sha256_file
from genomics_dc.kernels import linear
from genomics_dc.results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from genomics_dc.store.read import StoreView

CIS_WINDOW_BP = 1_000_000
FALSE_DISCOVERY_RATE = 0.05
_VARIANTS_PER_BLOCK = 500
"""Neighbours share the genes whose windows they lie in: small blocks test few pairs that are then thrown away."""
_ID_COLUMNS = 6
# The size of a gene's label, and of a point of type, in the units of the plot's axes.
_LABEL_MB, _LABEL_HEIGHT, _POINT_HEIGHT = 6.0, 4.5, 0.55

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Expression:
    """Expression of T genes in S samples: `values` float64[S, T]; `start_bp` int64[T], one-based starts."""

    genes: tuple[str, ...]
    contig: str
    start_bp: npt.NDArray[np.int64]
    strand: tuple[str, ...]
    sample_ids: tuple[str, ...]
    values: Floats


class CisGenes(Result):
    """One row per gene: its strongest variant within the window.

    `gene`, `gene_start`, `strand`, `n_variants` tested; `variant_id`, `chromosome`, `base_pair_location`,
    `effect_allele`, `other_allele`, `effect_allele_frequency`, `beta`, `standard_error`, `neg_log_10_p_value`, `n` of
    that variant; `gene_p_value` (Bonferroni over the variants of the gene), `q_value` (Benjamini and Hochberg 1995,
    JRSS B 57:289, over genes). Null where no variant could be tested.
    """


class CisAssociations(Result):
    """One row per gene and variant with p below the reporting threshold, in GWAS-SSF columns with `gene` first."""


@dataclass(frozen=True)
class CisScan:
    """What the scan found. `neg_log10_p` float32[N] holds every test, unordered, for the quantile plot."""

    genes: CisGenes
    associations: CisAssociations
    neg_log10_p: npt.NDArray[np.float32]

    @property
    def n_significant(self) -> int:
        """Genes with an eQTL at the false discovery rate."""
        q_values = self.genes.table["q_value"].to_numpy(zero_copy_only=False)
        return int(np.sum(q_values <= FALSE_DISCOVERY_RATE))


def read_expression(bed: Path) -> Expression:
    """Read a QTLtools phenotype BED (#chr start end gene length strand, then one column per sample), one contig.

    Raises InputError for a value that is not a number, or more than one contig.
    """
    with gzip.open(bed, "rt") as handle:
        header = handle.readline().rstrip("\n").split("\t")
        rows = [line.split() for line in handle if line.strip()]
    contigs = {row[0] for row in rows}
    if len(contigs) != 1:
        raise InputError(f"{bed}: one contig is expected, there are {len(contigs)}")
    try:
        values = np.array([[float(cell) for cell in row[_ID_COLUMNS:]] for row in rows]).T
    except ValueError as error:
        raise InputError(f"{bed}: an expression value is not a number ({error})") from error
    return Expression(
        genes=tuple(row[3] for row in rows),
        contig=contigs.pop(),
        start_bp=np.array([int(row[1]) + 1 for row in rows], dtype=np.int64),
        strand=tuple(row[5] for row in rows),
        sample_ids=tuple(header[_ID_COLUMNS:]),
        values=values,
    )


def read_covariates(path: Path, sample_ids: tuple[str, ...]) -> tuple[tuple[str, ...], Floats]:
    """Read QTLtools covariates (one row per covariate, one column per sample); return names and float64[S, K].

    Names are the last part of the path that the file has ("genes_1_1_svd_PC1"). Raises InputError for a missing sample.
    """
    with gzip.open(path, "rt") as handle:
        header = handle.readline().split()[1:]
        rows = [line.split() for line in handle if line.strip()]
    missing = sorted(set(sample_ids) - set(header))
    if missing:
        raise InputError(f"{path}: no covariates for sample {missing[0]} and {len(missing) - 1} more")
    columns = [header.index(name) + 1 for name in sample_ids]
    values = np.array([[float(row[column]) for column in columns] for row in rows]).T
    return tuple(row[0].rsplit("/", 1)[-1] for row in rows), values


def normal_scores(values: Floats) -> Floats:
    """Return each column's ranks as normal scores (Blom 1958): expression has long tails that least squares follows."""
    from scipy.stats import norm, rankdata

    ranks = rankdata(values, axis=0)
    scores: Floats = norm.ppf((ranks - 0.375) / (values.shape[0] + 0.25))
    return scores


def cis_scan(
    view: StoreView,
    expression: Expression,
    covariates: Floats,
    *,
    inputs: dict[str, Path],
    reported_neg_log10_p: float = 5.0,
    tell: Callable[[str], None] | None = None,
) -> CisScan:
    """Test every variant of the view within 1 Mb of each gene's start; covariates float64[S, K] in expression order.

    Expression is rank-normalised. Linear regression, additive dosage, complete case by variant.
    """
    say = tell or (lambda _text: None)
    samples = view.samples(expression.sample_ids)
    sites = samples.sites()
    position = np.asarray(sites.position, dtype=np.int64)
    prepared = linear.design(normal_scores(expression.values), covariates)
    dosage = samples.dosage()
    n_genes = len(expression.genes)
    best = np.full(n_genes, -np.inf)
    best_row = np.full(n_genes, -1, dtype=np.int64)
    best_fit = np.full((n_genes, 4), np.nan)
    n_tested = np.zeros(n_genes, dtype=np.int64)
    every: list[npt.NDArray[np.float32]] = []
    reported: list[tuple[int, int, float, float, float, float, int]] = []
    for first in range(0, len(position), _VARIANTS_PER_BLOCK):
        last = min(first + _VARIANTS_PER_BLOCK, len(position))
        if first % (20 * _VARIANTS_PER_BLOCK) == 0:
            say(f"{first:,} of {len(position):,} variants")
        block = position[first:last]
        near = np.flatnonzero(
            (expression.start_bp >= block[0] - CIS_WINDOW_BP) & (expression.start_bp <= block[-1] + CIS_WINDOW_BP)
        )
        if not near.size:
            continue
        fit = linear.fit(dosage[first:last], prepared.of_traits(near))
        cis = np.abs(block[:, None] - expression.start_bp[near][None, :]) <= CIS_WINDOW_BP
        tested = cis & np.isfinite(fit.neg_log10_p)
        strength = np.where(tested, fit.neg_log10_p, -np.inf)
        every.append(fit.neg_log10_p[tested].astype(np.float32))
        n_tested[near] += tested.sum(axis=0)
        top = strength.argmax(axis=0)
        for at, gene in enumerate(near):
            row = int(top[at])
            if strength[row, at] > best[gene]:
                best[gene], best_row[gene] = strength[row, at], first + row
                numbers = (fit.beta[row, at], fit.standard_error[row, at], fit.frequency[row], fit.n[row])
                best_fit[gene] = numbers
        for row, at in np.argwhere(strength >= reported_neg_log10_p):
            effect = (float(fit.beta[row, at]), float(fit.standard_error[row, at]))
            found = (float(fit.neg_log10_p[row, at]), float(fit.frequency[row]), int(fit.n[row]))
            reported.append((int(near[at]), first + int(row), *effect, *found))
    provenance = provenance_of(
        "cis-eqtl",
        samples,
        {
            "window_bp": CIS_WINDOW_BP,
            "n_covariates": int(covariates.shape[1]),
            "n_genes": n_genes,
            "expression": "normal scores",
        },
        inputs={role: sha256_file(path) for role, path in inputs.items()},
    )
    gene_p = np.minimum(1.0, np.power(10.0, -np.where(n_tested > 0, best, 0.0)) * np.maximum(n_tested, 1))
    q_values = benjamini_hochberg(gene_p)
    rows = best_row
    some = rows >= 0
    site = {name: np.asarray(getattr(sites, name), dtype=object) for name in ("contig", "ref", "alt")}
    names = np.asarray(sites.variant_id, dtype=object)

    def column(values: npt.NDArray[np.object_]) -> pa.Array:
        return pa.array([str(values[row]) if row >= 0 else None for row in rows], pa.string())

    def number(values: Floats) -> pa.Array:
        return pa.array(values, pa.float64(), mask=~some)

    genes = pa.table(
        {
            "gene": pa.array(expression.genes),
            "gene_start": pa.array(expression.start_bp),
            "strand": pa.array(expression.strand),
            "n_variants": pa.array(n_tested),
            "variant_id": column(names),
            "chromosome": column(site["contig"]),
            "base_pair_location": pa.array(position[rows], pa.int64(), mask=~some),
            "effect_allele": column(site["alt"]),
            "other_allele": column(site["ref"]),
            "effect_allele_frequency": number(best_fit[:, 2]),
            "beta": number(best_fit[:, 0]),
            "standard_error": number(best_fit[:, 1]),
            "neg_log_10_p_value": number(best),
            "n": pa.array(np.nan_to_num(best_fit[:, 3]).astype(np.int64), pa.int64(), mask=~some),
            "gene_p_value": number(gene_p),
            "q_value": number(q_values),
        }
    )
    reported.sort()
    index = [row[1] for row in reported]
    associations = pa.table(
        {
            "gene": pa.array([expression.genes[row[0]] for row in reported], pa.string()),
            "variant_id": pa.array([str(names[i]) for i in index], pa.string()),
            "chromosome": pa.array([str(site["contig"][i]) for i in index], pa.string()),
            "base_pair_location": pa.array(position[index] if index else [], pa.int64()),
            "effect_allele": pa.array([str(site["alt"][i]) for i in index], pa.string()),
            "other_allele": pa.array([str(site["ref"][i]) for i in index], pa.string()),
            "beta": pa.array([row[2] for row in reported], pa.float64()),
            "standard_error": pa.array([row[3] for row in reported], pa.float64()),
            "effect_allele_frequency": pa.array([row[5] for row in reported], pa.float64()),
            "neg_log_10_p_value": pa.array([row[4] for row in reported], pa.float64()),
            "n": pa.array([row[6] for row in reported], pa.int64()),
        }
    )
    pooled = np.concatenate(every) if every else np.empty(0, dtype=np.float32)
    return CisScan(CisGenes(genes, provenance), CisAssociations(associations, provenance), pooled)


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Return the q value of each p value (Benjamini and Hochberg 1995, JRSS B 57:289)."""
    order = np.argsort(p_values, kind="stable")
    n = len(p_values)
    scaled = p_values[order] * n / np.arange(1, n + 1)
    q_sorted = np.minimum.accumulate(scaled[::-1])[::-1]
    q_values = np.empty(n)
    q_values[order] = np.minimum(1.0, q_sorted)
    return q_values


def plot_scan(scan: CisScan) -> Figure:
    """Return the strongest association of each gene along the chromosome, the five strongest named."""
    from genomics_dc.plots import style

    table = scan.genes.table
    start = table["gene_start"].to_numpy() / 1e6
    strength = table["neg_log_10_p_value"].to_numpy(zero_copy_only=False).astype(float)
    significant = table["q_value"].to_numpy(zero_copy_only=False) <= FALSE_DISCOVERY_RATE
    with style.applied():
        figure, axes = style.new_figure(9.0, 4.2)
        one = axes[0, 0]
        one.scatter(start[~significant], strength[~significant], s=14, color=style.GREY, label="no eQTL found")
        one.scatter(
            start[significant], strength[significant], s=18, color=style.BLUE, label="eQTL, 5% false discoveries"
        )
        named: list[tuple[float, float]] = []
        for gene in np.argsort(-np.nan_to_num(strength), kind="stable")[:5]:
            at, height = float(start[gene]), float(strength[gene])
            free = [
                shift
                for shift in (3, -7, 13, -17)
                if not any(
                    abs(at - x) < _LABEL_MB and abs(height + shift * _POINT_HEIGHT - y) < _LABEL_HEIGHT
                    for x, y in named
                )
            ]
            shift = free[0] if free else 3
            named.append((at, height + shift * _POINT_HEIGHT))
            name = table["gene"][int(gene)].as_py()
            one.annotate(name, (at, height), xytext=(6, shift), textcoords="offset points", fontsize=8, va="center")
        one.set_ylim(top=1.2 * float(np.nanmax(strength, initial=1.0)))
        one.set_xlabel("Start of the gene on chromosome 22 (Mb, GRCh37)")
        one.set_ylabel("Strongest variant, $-\\log_{10}\\,p$")
        one.legend(loc="upper left", fontsize=9, ncols=2)
        note = f"{scan.n_significant} of {table.num_rows} genes have an eQTL; {len(scan.neg_log10_p):,} tests"
        style.title(one, "Expression and the variants near each gene", note)
    return figure


def plot_quantiles(scan: CisScan) -> Figure:
    """Return observed against expected -log10 p of all tests."""
    from genomics_dc.plots import style

    observed = np.sort(scan.neg_log10_p.astype(np.float64))[::-1]
    n = len(observed)
    # Every test in the tail, ever fewer toward 1: the eye sees no difference, the file stays small.
    ranks = np.unique(np.concatenate([np.arange(min(n, 2000)), np.geomspace(1, n, 3000).astype(np.int64) - 1]))
    expected = -np.log10((ranks + 0.5) / n)
    with style.applied():
        figure, axes = style.new_figure(4.6, 4.2)
        one = axes[0, 0]
        limit = float(expected.max())
        one.plot([0, limit], [0, limit], color=style.GREY, linewidth=1)
        one.scatter(expected, observed[ranks], s=6, color=style.BLUE, rasterized=True)
        one.set_xlabel("Expected $-\\log_{10}\\,p$")
        one.set_ylabel("Observed $-\\log_{10}\\,p$")
        style.title(one, "All cis tests against chance", style.count(n, "test"))
    return figure
