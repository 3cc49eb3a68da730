"""Rare and damaging alleles by gene: who carries them among cases and among controls, with Fisher's exact test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses import phenotypes as samples_by
from genomics_dc.analyses.alleles import Alleles, alleles_of
from genomics_dc.analyses.annotation_table import AlleleConsequences, read_consequences
from genomics_dc.analyses.group_tally import Layout, Progress, counted_blocks, layout_of
from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.quality.arithmetic import ratio
from genomics_dc.errors import InputError, UsageError
from genomics_dc.kernels.fisher import exact_neg_log10_p
from genomics_dc.kernels.group_counts import group_sizes, merge_carriers
from genomics_dc.reference.so_terms import IMPACTS, SEVERITY, impact
from genomics_dc.results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from genomics_dc.store.read import StoreView

DAMAGING = ("HIGH", "MODERATE")
STATUSES = ("ok", "no_allele", "none_rare", "no_carrier")
_MERGED_BYTES_MAX = 256 << 20
_ROUNDING = 2.0**-44  # a frequency that equals the limit is rare


class GeneCounts(Result):
    """One row per gene of the annotation, or per gene asked for, by name.

    `gene`, `chromosome`, `alleles` that count (of the consequences asked for, seen, at most so frequent); `cases`,
    `controls` tested; `carriers_cases`, `carriers_controls`: samples with at least one of the alleles; `copies_cases`,
    `copies_controls` of them; `odds_ratio` of carrying (null where it is 0 / 0; infinite where no control carries);
    `p_value` and `neg_log_10_p_value` of Fisher's exact test of carriers, two-sided; `status`: ok, or why there is
    nothing to test: no_allele (the store has none of these consequences), none_rare (none at most so frequent),
    no_carrier (none that a case or control carries). Then p is null.
    """

    @property
    def trait(self) -> str:
        """What makes a case."""
        return str(self.provenance.parameters["trait"])

    def top(self, n: int = 10) -> GeneCounts:
        """Return the `n` genes of smallest p; ties stay in the order of names."""
        strength = np.asarray(self.table["neg_log_10_p_value"].to_numpy(), dtype=np.float64)
        order = np.argsort(-strength, kind="stable")
        order = order[~np.isnan(strength[order])][:n]
        return GeneCounts(self.table.take(pa.array(order)), self.provenance)

    def status_counts(self) -> dict[str, int]:
        """Return how many genes have each status, for those that occur."""
        found = self.table["status"].to_pylist()
        return {name: found.count(name) for name in STATUSES if name in found}

    @property
    def plot(self) -> GeneCountPlots:
        """The plot: `.carriers()`."""
        return GeneCountPlots(self)


@dataclass(frozen=True, repr=False)
class GeneCountPlots:
    """The plot of carriers by gene."""

    result: GeneCounts

    def carriers(self, n: int = 15) -> Figure:
        """Return the `n` genes of smallest p, with the share of cases and of controls that carry."""
        from genomics_dc.plots import genes

        best = self.result.top(n).table
        columns = {
            name: np.asarray(best[name].to_numpy(), dtype=np.float64)
            for name in ("carriers_cases", "carriers_controls", "cases", "controls", "neg_log_10_p_value")
        }
        n_tested = self.result.status_counts().get("ok", 0)
        return genes.carriers(best["gene"].to_pylist(), columns, trait=self.result.trait, n_tested=n_tested)

    def save(self, folder: Path | str) -> list[Path]:
        """Write the plot as SVG and PNG into `folder`, made if need be; return the paths."""
        from genomics_dc.plots import style

        return style.save_all({"gene_carriers": self.carriers()}, folder)


def gene_counts(
    view: StoreView,
    annotation: Any,
    phenotypes: Any,
    *,
    trait: str,
    consequences: Sequence[str] = DAMAGING,
    maf: float = 0.01,
    genes: Sequence[str] | None = None,
    canonical: bool = False,
    strict: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> GeneCounts:
    """Return, by gene, who carries rare alleles of some consequences among cases and controls.

    Parameters
    ----------
    annotation, canonical
        See `analyses.annotation_table.read_consequences`. An allele counts for each gene that it does this to.
    phenotypes, trait, strict
        A table by sample, and its column of cases and controls: 0 and 1, or 1 and 2. A sample without it takes no part.
    consequences
        Impacts (HIGH, MODERATE, LOW, MODIFIER) or ontology terms, such as stop_gained.
    maf
        Greatest frequency of the allele among cases and controls together, itself included.
    genes
        Only these; one that the annotation does not have gets a row that says so. All of the annotation when None.
    threads, progress
        All processors when None; called with variants done and in all.

    Raises
    ------
    InputError, UsageError
        An annotation of another store, an unknown consequence, a trait of other values, no variant.

    Examples
    --------
    >>> view.gene_counts("cohort.annotation", "traits.tsv", trait="case", maf=0.05).top(3)
    """
    if not 0 < maf <= 1:
        raise UsageError(f"maf must lie above 0 and at most at 1, not {maf}")
    counted = _terms(consequences)
    members, inputs, parameters = _cases_and_controls(view, phenotypes, trait, strict)
    if not view.n_variants:
        raise InputError(f"this view of {view.path} has no variant; loosen region and filters")
    alleles = alleles_of(view)
    effects = read_consequences(view, alleles, annotation, canonical=canonical)
    names = effects.genes if genes is None else _asked(genes)
    chosen = _chosen(effects, counted, names)
    tally = _GeneTally(len(names), layout_of(view), members)
    for part in _batches(chosen, tally.layout, len(names)):
        tally.add(view, alleles, part, maf, threads, progress)
    chromosome: list[str | None] = [None] * len(names)
    place = alleles.columns["chromosome"].take(pa.array(chosen.row)).to_pylist()
    for gene, name in zip(chosen.gene.tolist(), place, strict=True):
        chromosome[gene] = chromosome[gene] or name
    table = pa.table(
        {
            "gene": pa.array(list(names), pa.string()),
            "chromosome": pa.array(chromosome, pa.string()),
            **tally.columns(np.bincount(chosen.gene, minlength=len(names))),
        }
    )
    parameters |= {"consequences": [SEVERITY[k] for k in counted], "maf": maf, "canonical": canonical}
    return GeneCounts(table, provenance_of("gene_counts", view, parameters, inputs={**effects.inputs, **inputs}))


@dataclass(frozen=True, repr=False)
class _Chosen:
    """Alleles and the genes that they count for, by gene: `row` in the view's alleles, `gene` number of the result."""

    row: npt.NDArray[np.int64]
    gene: npt.NDArray[np.int64]


def _terms(consequences: Sequence[str]) -> list[int]:
    words = [consequences] if isinstance(consequences, str) else list(consequences)
    unknown = [word for word in words if word not in SEVERITY and word not in IMPACTS]
    if unknown or not words:
        raise UsageError(
            f"{unknown[0] if unknown else 'nothing'} is no consequence; give {', '.join(IMPACTS)} or ontology terms, "
            f"such as {SEVERITY[3]}"
        )
    return [k for k, term in enumerate(SEVERITY) if term in words or impact(term) in words]


def _asked(genes: Sequence[str]) -> tuple[str, ...]:
    names = (genes,) if isinstance(genes, str) else tuple(genes)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None or not names:
        raise UsageError(f"gene {twice} is asked for twice; name it once" if names else "name at least one gene")
    return tuple(sorted(names))


def _cases_and_controls(
    view: StoreView, phenotypes: Any, trait: str, strict: bool
) -> tuple[npt.NDArray[np.bool_], dict[str, str], dict[str, Any]]:
    """Return bool[3, S]: tested, cases, controls; what was read; and what the result says of it."""
    ids = [str(name) for name in view.sample_ids]
    if not ids:
        raise InputError(f"no sample is left in the view of {view.path}; nothing can be counted")
    everyone = [str(name) for name in type(view).open(view.path).sample_ids]
    aligned = samples_by.align(ids, everyone, phenotypes, traits=[trait], strict=strict)
    values = aligned.traits[:, 0]
    tested = ~np.isnan(values)
    if not tested.any():
        raise InputError(f"{aligned.source}: trait {trait} is missing in all {len(ids):,} samples of the view")
    is_case = np.zeros(len(ids), dtype=bool)
    is_case[tested] = samples_by.case_control(values[tested], trait, aligned.source) == 1.0
    parameters = {
        "trait": trait,
        "cases": int(is_case.sum()),
        "controls": int(tested.sum() - is_case.sum()),
        "rows_without_sample": dict(aligned.unknown),
        "samples_without_row": dict(aligned.absent),
    }
    return np.stack([tested, is_case, tested & ~is_case]), dict(aligned.inputs), parameters


def _chosen(effects: AlleleConsequences, terms: Sequence[int], names: Sequence[str]) -> _Chosen:
    number = {name: k for k, name in enumerate(names)}
    of_gene = np.array([number.get(name, -1) for name in effects.genes], dtype=np.int64)
    gene = of_gene[effects.gene] if len(of_gene) else effects.gene
    kept = np.isin(effects.term, list(terms)) & (gene >= 0)
    order = np.lexsort((effects.row[kept], gene[kept]))
    return _Chosen(effects.row[kept][order], gene[kept][order])


def _batches(chosen: _Chosen, layout: Layout, n_genes: int) -> Iterator[_Chosen]:
    """Yield the alleles of so many genes at a time that their carriers fit in memory; near genes together."""
    size = max(1, _MERGED_BYTES_MAX // max(layout.n_columns // 4, 1))
    first_row = np.full(n_genes, np.iinfo(np.int64).max)
    np.minimum.at(first_row, chosen.gene, chosen.row)
    batch_of = np.empty(n_genes, dtype=np.int64)
    batch_of[np.lexsort((np.arange(n_genes), first_row))] = np.arange(n_genes) // size
    for batch in np.unique(batch_of[chosen.gene]):
        here = batch_of[chosen.gene] == batch
        yield _Chosen(chosen.row[here], chosen.gene[here])


class _GeneTally:
    """Counts by gene [N], filled batch by batch; `members` bool[3, S] are the tested, the cases, the controls."""

    def __init__(self, n_genes: int, layout: Layout, members: npt.NDArray[np.bool_]) -> None:
        self.layout = layout
        self.members = members
        self.alleles = np.zeros(n_genes, dtype=np.int64)
        self.rare = np.zeros(n_genes, dtype=np.int64)
        self.carriers = np.zeros((n_genes, 2), dtype=np.int64)
        self.copies = np.zeros((n_genes, 2), dtype=np.int64)

    def add(
        self,
        view: StoreView,
        alleles: Alleles,
        chosen: _Chosen,
        maf: float,
        threads: int | None,
        progress: Progress | None,
    ) -> None:
        """Count the carriers of the rare ones among these alleles."""
        sites = np.unique(alleles.site[chosen.row])
        part = view.variants(index=alleles.index[sites])
        own = alleles_of(part)
        row_of = np.flatnonzero(np.isin(alleles.site, sites))  # of each allele of the part, in the whole view
        genes, local = np.unique(chosen.gene, return_inverse=True)
        pair_row = np.searchsorted(row_of, chosen.row)
        order = np.argsort(pair_row, kind="stable")
        pair_row, local = pair_row[order], local[order]
        masks = self.layout.masks(self.members[1:])
        merged = np.zeros((len(genes), masks.shape[1]), dtype=np.uint64)
        blocks = counted_blocks(
            part, own, self.members, layout=self.layout, words=True, threads=threads, progress=progress
        )
        for block in blocks:
            assert block.words is not None
            copies, called = block.allele_count[:, 0], block.allele_number[:, 0]
            rare = (called > 0) & (copies <= maf * called * (1 + _ROUNDING))
            begin, end = np.searchsorted(pair_row, block.rows), np.searchsorted(pair_row, block.rows, side="right")
            of_block = np.repeat(np.arange(len(block.rows)), end - begin)
            pairs = np.concatenate([np.arange(a, b) for a, b in zip(begin, end, strict=True)]) if len(begin) else begin
            gene = local[pairs]
            of_gene = genes[gene]
            np.add.at(self.rare, of_gene, rare[of_block])
            seen = rare[of_block] & (copies[of_block] > 0)
            of_block, gene, of_gene = of_block[seen], gene[seen], of_gene[seen]
            np.add.at(self.alleles, of_gene, 1)
            np.add.at(self.copies, of_gene, block.allele_count[of_block, 1:].astype(np.int64))
            merge_carriers(block.words[of_block], gene, merged)
        self.carriers[genes] = group_sizes(merged, masks)

    def columns(self, candidates: npt.NDArray[np.int64]) -> dict[str, pa.Array]:
        """Return the columns of the result; `candidates` int64[N] alleles of these consequences, however frequent."""
        cases, controls = self.members[1:].sum(axis=1).tolist()
        with_case, with_control = self.carriers.T
        status = np.where(
            candidates == 0, 1, np.where(self.rare == 0, 2, np.where(self.carriers.sum(axis=1) == 0, 3, 0))
        ).astype(np.int8)
        tested = status == 0
        tables = np.stack([with_case, with_control, cases - with_case, controls - with_control], axis=1)
        strength = np.where(tested, exact_neg_log10_p(tables), np.nan)
        a, b, c, d = tables.T.astype(np.float64)
        odds = np.where(tested & (a * d > 0) & (b * c == 0), np.inf, ratio(a * d, b * c))
        n_genes = len(candidates)
        return {
            "alleles": pa.array(self.alleles),
            "cases": pa.array(np.full(n_genes, cases)),
            "controls": pa.array(np.full(n_genes, controls)),
            "carriers_cases": pa.array(with_case.copy()),
            "carriers_controls": pa.array(with_control.copy()),
            "copies_cases": pa.array(self.copies[:, 0].copy()),
            "copies_controls": pa.array(self.copies[:, 1].copy()),
            "odds_ratio": pa.array(np.where(tested, odds, np.nan), from_pandas=True),
            "p_value": pa.array(10.0**-strength, from_pandas=True),
            "neg_log_10_p_value": pa.array(strength, from_pandas=True),
            "status": pa.DictionaryArray.from_arrays(pa.array(status), pa.array(STATUSES)),
        }
