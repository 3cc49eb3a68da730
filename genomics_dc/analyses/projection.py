"""Other samples on components that are already there: loadings, and projection on them.

With X the standardised genotypes and v a component of value λ, a sample of the cohort has v_s = x_s w, w = X v / (V λ):
`w` are the loadings. A sample outside is placed by the same genotypes, standardised by the cohort's frequencies. Where
genotypes are missing, or variants absent, the least-squares fit on what is there is taken instead (as `lsqproject` of
EIGENSOFT), so that a sample does not move to the centre for want of reads.

Samples outside still come out nearer to the centre than those that made the components, more so the fewer samples the
cohort has (Lee, Zou and Wright 2010, Ann. Stat. 38:3605): compare projected samples with projected ones.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.packed_blocks import grouped, packed_blocks
from genomics_dc.analyses.parallel import default_threads, ordered_map
from genomics_dc.analyses.site_columns import site_columns
from genomics_dc.analyses.standardised_cohort import GROUP_VARIANTS, StandardisedCohort
from genomics_dc.errors import InputError
from genomics_dc.kernels import standardised as kernel
from genomics_dc.kernels.missing_gram import add_missing_gram
from genomics_dc.reference import contigs as contig_names
from genomics_dc.results import Result

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

_Floats = npt.NDArray[np.float64]

_KEYS = ("chromosome", "base_pair_location", "effect_allele", "other_allele")
# What is left of the directions by the variants that a sample has; with less, its place is noise.
_WEIGHT_MIN = 0.01


@dataclass(frozen=True, repr=False)
class Loadings(Result):
    """One row per variant: place and alleles, `mean` and `scale` of its dosages, and a weight `PC1`, `PC2`, … each.

    The component of a sample is the sum of (dosage - mean) * scale * weight. Dosages count `effect_allele`.
    """

    @property
    def names(self) -> list[str]:
        """The names of the components."""
        return [name for name in self.table.column_names if name.startswith("PC")]

    def weights(self) -> _Floats:
        """Return float64[V, k]."""
        return np.column_stack([self.table[name].to_numpy() for name in self.names])


@dataclass(frozen=True, repr=False)
class ProjectionResult(Result):
    """One row per sample: `sample_id`, `PC1`, `PC2`, …, null where the sample has too few of the variants.

    `n_variants` of the loadings' `n_loadings` were in the store, `n_swapped` of them with REF and ALT the other way
    round; `called` float64[S] is the share of these at which a sample has a genotype.
    """

    n_loadings: int = 0
    n_variants: int = 0
    n_swapped: int = 0
    called: _Floats = field(default_factory=lambda: np.empty(0))

    def vectors(self) -> _Floats:
        """Return the components, float64[S, k], NaN where null."""
        names = self.table.column_names[1:]
        return np.column_stack([self.table[name].to_numpy(zero_copy_only=False).astype(float) for name in names])


def loadings_of(view: StoreView, cohort: StandardisedCohort, vectors: _Floats, values: _Floats) -> Loadings:
    """Return the loadings of the components `vectors` [S, k] of a cohort; `view` is where it came from."""
    some = values > 1e-9 * values[0]
    rows = np.ascontiguousarray((vectors / np.where(some, values, 1.0)).T)
    weights = cohort.scores(rows) / cohort.n_variants
    weights[:, ~some] = 0.0
    used = pa.array(cohort.used)
    columns: dict[str, Any] = {name: column.filter(used) for name, column in site_columns(view).items()}
    columns |= {"mean": pa.array(cohort.mean), "scale": pa.array(cohort.scale)}
    columns |= {f"PC{j + 1}": pa.array(np.ascontiguousarray(weights[:, j])) for j in range(weights.shape[1])}
    return Loadings(pa.table(columns), provenance_of("loadings", view, {"k": len(values)}))


def read_loadings(path: Path | str) -> Loadings:
    """Return loadings from the file that `PCAResult.write` wrote; raise InputError when it is no such file."""
    from pyarrow import parquet

    from genomics_dc.provenance import Provenance
    from genomics_dc.results import PROVENANCE_KEY

    try:
        table = parquet.read_table(path)
        provenance = Provenance(**json.loads((table.schema.metadata or {})[PROVENANCE_KEY]))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(f"{path} does not exist; `genomics-dc pca --loadings` writes loadings") from error
    except (pa.ArrowInvalid, KeyError, ValueError) as error:
        raise InputError(f"{path} holds no loadings; `genomics-dc pca --loadings` writes them, as Parquet") from error
    if not {*_KEYS, "mean", "scale", "PC1"} <= set(table.column_names):
        raise InputError(f"{path} holds no loadings; it has the columns {', '.join(table.column_names)}")
    return Loadings(table, provenance)


def project(view: StoreView, loadings: Loadings | Path | str, *, threads: int | None = None) -> ProjectionResult:
    """Return the samples of a view on components found before, in the units of those components.

    Parameters
    ----------
    view
        Its variants are matched by contig, position and alleles; a variant whose REF and ALT are the other way round is
        turned. Which are absent does not shift the samples; with few of them left, they scatter more.
    loadings
        Of a PCA with `loadings=True`, or the file that it wrote.
    threads
        All processors when None; the result has the same bytes for any number.

    Raises
    ------
    InputError
        When the store has none of the variants, or no sample, or the file holds no loadings.

    Examples
    --------
    >>> pcs = reference.pca(10, loadings=True)  # doctest: +SKIP
    >>> open_store("new.vcz").project(pcs.loadings)  # doctest: +SKIP
    """
    given = loadings if isinstance(loadings, Loadings) else read_loadings(loadings)
    if view.n_samples == 0:
        raise InputError(f"{view.path} has no samples in this view; there is nobody to project")
    rows, number, swapped = _matched(view, given)
    if not rows.size:
        raise InputError(
            f"{view.path} has none of the {len(given):,} variants of the loadings (by contig, position and alleles); "
            "check the genome build"
        )
    part = view.variants(index=view.sites_index()[rows])
    weights = given.weights()
    lengths = np.sqrt((weights**2).sum(axis=0))
    directions = np.ascontiguousarray((weights / np.where(lengths > 0, lengths, 1.0))[number])
    mean, scale = given.table["mean"].to_numpy()[number], given.table["scale"].to_numpy()[number]
    mean, scale = np.where(swapped, 2.0 - mean, mean), np.where(swapped, -scale, scale)
    fit, n_called = _fit(part, mean, scale, directions, default_threads(threads))
    columns: dict[str, Any] = {"sample_id": pa.array([str(name) for name in view.sample_ids], pa.string())}
    for j, name in enumerate(given.names):
        place = fit[:, j] * lengths[j]
        columns[name] = pa.array(place, mask=np.isnan(place))
    parameters = {"n_loadings": len(given), "n_matched": len(rows), "n_swapped": int(swapped.sum())}
    inputs = {"loadings": given.provenance.store_hash or ""}
    return ProjectionResult(
        pa.table(columns),
        provenance_of("project", view, parameters, inputs=inputs),
        n_loadings=len(given),
        n_variants=len(rows),
        n_swapped=int(swapped.sum()),
        called=n_called / len(rows),
    )


def variants_in_both(view: StoreView, other: StoreView) -> StoreView:
    """Return the variants of a view that another store has too, by contig, position and alleles in either order.

    Raises InputError when there is none.
    """
    here, there = site_columns(view), site_columns(other)
    rows = np.empty(0, dtype=np.int64)
    if here and there:
        effect, rest = there["effect_allele"], there["other_allele"]
        place = (there["chromosome"], there["base_pair_location"])
        wanted = _keys(*(here[name] for name in _KEYS))
        found = (_places(wanted, _keys(*place, *pair)) >= 0 for pair in ((effect, rest), (rest, effect)))
        rows = np.flatnonzero(np.logical_or(*found))
    if not rows.size:
        raise InputError(
            f"{view.path} and {other.path} have no variant in common (by contig, position and alleles); "
            "check the genome builds"
        )
    return view.variants(index=view.sites_index()[rows])


def _fit(
    view: StoreView, mean: _Floats, scale: _Floats, directions: _Floats, threads: int
) -> tuple[_Floats, npt.NDArray[np.int64]]:
    """Return each sample's least-squares place on the directions [V, k], float64[S, k], and its number of calls."""
    n_samples, k = view.n_samples, directions.shape[1]
    order = kernel.sample_order(n_samples)
    cuts = range(0, len(mean), GROUP_VARIANTS)

    def images(item: tuple[int, npt.NDArray[np.uint8]]) -> tuple[int, npt.NDArray[np.uint8], _Floats]:
        start, packed = item
        span = slice(start, start + len(packed))
        total = np.zeros((k, order.width))
        kernel.add_images(packed, mean[span], scale[span], order, directions[span], total)
        return start, packed, total

    total = np.zeros((k, order.width))
    absent = np.zeros((n_samples, k, k))
    n_missing = np.zeros(n_samples, dtype=np.int64)
    items = zip(cuts, grouped(packed_blocks(view), GROUP_VARIANTS), strict=True)
    for start, packed, image in ordered_map(images, items, threads=threads):
        total += image
        add_missing_gram(packed, directions[start : start + len(packed)], absent, n_missing)
    whole = np.einsum("vi,vj->ij", directions, directions)
    gram = whole - absent
    fit = np.full((n_samples, k), np.nan)
    enough = np.linalg.eigvalsh(gram).min(axis=1) > _WEIGHT_MIN
    if enough.any():
        fit[enough] = np.linalg.solve(gram[enough], order.gather(total).T[enough][:, :, None])[:, :, 0]
    return fit, len(mean) - n_missing


def _matched(
    view: StoreView, loadings: Loadings
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return rows of the view, the rows of the loadings that they are, and which have REF and ALT the other way."""
    here = site_columns(view)
    if not here:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, bool)
    keys = _keys(*(here[name] for name in _KEYS))
    there = loadings.table
    place = (there["chromosome"], there["base_pair_location"])
    same = _places(_keys(*place, there["effect_allele"], there["other_allele"]), keys)
    turned = _places(_keys(*place, there["other_allele"], there["effect_allele"]), keys)
    found = np.where(same >= 0, same, turned)
    number = np.flatnonzero(found >= 0)
    rows, first = np.unique(found[number], return_index=True)
    number = number[first]
    return rows, number, same[number] < 0


def _places(wanted: pa.Array, keys: pa.Array) -> npt.NDArray[np.int64]:
    """Return where each of `wanted` first stands in `keys`, -1 where it does not."""
    return np.asarray(pc.fill_null(pc.index_in(wanted, value_set=keys), -1)).astype(np.int64)


def _keys(chromosome: Any, position: Any, effect: Any, other: Any) -> pa.Array:
    names = pc.cast(chromosome, pa.string())
    known = pc.unique(names).to_pylist()
    plain = pa.array([contig_names.canonical(name) for name in known], pa.string())
    names = plain.take(pc.index_in(names, value_set=pa.array(known, pa.string())).combine_chunks())
    parts = [pc.fill_null(pc.cast(column, pa.string()), ".") for column in (position, effect, other)]
    joined = pc.binary_join_element_wise(names, *(_one(part) for part in parts), ":")
    return _one(joined)


def _one(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
