"""Who is related to whom in a cohort: KING-robust kinship of all pairs, degrees and duplicates."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.tally import is_autosome
from genomics_dc.analyses.thresholds import Thresholds, load_thresholds
from genomics_dc.errors import InputError, ResourceError
from genomics_dc.kernels import counts as count_kernels
from genomics_dc.kernels import kinship as kernel
from genomics_dc.provenance import JsonValue
from genomics_dc.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

    from genomics_dc.store.read import StoreView

Floats = npt.NDArray[np.float64]

DEGREES = ("duplicate", "first_degree", "second_degree", "third_degree")
UNRELATED = "unrelated"
_MEMORY_SHARE_MAX = 0.8


@dataclass(frozen=True, repr=False)
class KinshipResult(Result):
    """One row per pair of samples; the first stands later in the view, as in `plink2 --make-king-table`.

    `sample_id_1`, `sample_id_2`; `n` variants at which both are called; `hethet`, `ibs0`, `het1_hom2`, `het2_hom1`:
    shares of n; `kinship`, null where one of the two has no heterozygous call; `relationship`: duplicate (or identical
    twin), first_degree, second_degree, third_degree, unrelated, or null. `note` is a sentence when the variants are of
    too small a part of the genome to trust the degrees, otherwise None.
    """

    thresholds: Thresholds = field(default_factory=load_thresholds)
    n_samples: int = 0
    n_pairs: int = 0
    note: str | None = None

    @property
    def plot(self) -> KinshipPlots:
        """The plot: `.kinship()`."""
        return KinshipPlots(self)

    def related(self, degree_max: int = 3) -> pa.Table:
        """Return the pairs up to a degree (0 is duplicates only), closest first."""
        chosen = pc.is_in(self.table["relationship"], value_set=pa.array(DEGREES[: degree_max + 1]))
        order = [("kinship", "descending"), ("sample_id_1", "ascending"), ("sample_id_2", "ascending")]
        return self.table.filter(chosen).sort_by(order)

    def duplicates(self) -> pa.Table:
        """Return the pairs that are one person, or identical twins."""
        return self.related(0)

    def to_plink2(self) -> pa.Table:
        """Return the columns of `plink2 --make-king-table`, by its names."""
        names = {
            "sample_id_1": "#IID1",
            "sample_id_2": "IID2",
            "n": "NSNP",
            "hethet": "HETHET",
            "ibs0": "IBS0",
            "kinship": "KINSHIP",
        }
        return self.table.select(list(names)).rename_columns(list(names.values()))


@dataclass(frozen=True)
class KinshipPlots:
    """The plots of a kinship result."""

    result: KinshipResult = field(repr=False)

    def kinship(self) -> Figure:
        """Kinship against the share of variants with no allele in common."""
        from genomics_dc.plots import kinship

        table = self.result.table
        return kinship.kinship(
            table["kinship"].to_numpy().astype(np.float64),
            table["ibs0"].to_numpy().astype(np.float64),
            np.array(pc.replace_substring(table["relationship"], "_", " ").to_pylist(), dtype=object),
            [
                (name.replace("_", " "), self.result.thresholds.value(f"relatedness.{name}_kinship_min"))
                for name in DEGREES
            ],
            self.result.n_samples,
            self.result.note,
        )


def kinship(
    view: StoreView,
    *,
    kinship_min: float | None = None,
    thresholds: Thresholds | Path | str | None = None,
    threads: int = 1,
    progress: Callable[[str, float], None] | None = None,
) -> KinshipResult:
    """Return KING-robust kinship of all pairs of samples over the autosomal variants of a view.

    Parameters
    ----------
    view
        At sites of many alleles the reference is set against the rest, as PLINK 2 does. Rare variants do no harm;
        thinning by linkage is not needed.
    kinship_min
        Keep only pairs of at least this kinship (`--king-table-filter` of PLINK 2); all pairs when None.
    thresholds
        A YAML file as `configs/qc_thresholds.yaml`, with the lowest kinship of each degree.
    threads
        The result is the same for any number.
    progress
        Told what is being done and the share done, 0 to 1.

    Raises
    ------
    InputError
        When the view has no samples, or no autosomal variant.
    ResourceError
        When the pairs do not fit into memory.

    Examples
    --------
    >>> open_store("cohort.vcz").kinship(threads=2).related(degree_max=2)
    """
    limits = load_thresholds(thresholds)
    tell = progress or (lambda _step, _share: None)
    if view.n_samples == 0:
        raise InputError(f"{view.path} has no samples in this view; kinship is of pairs of samples")
    counts = _count_pairs(view, threads, tell)
    coefficient = kernel.kinship_from_counts(counts)
    chosen = np.arange(counts.shape[1]) if kinship_min is None else np.flatnonzero(coefficient >= kinship_min)
    first, second = kernel.pair_index(view.n_samples)
    ids = np.array([str(name) for name in view.sample_ids], dtype=object)
    table = pa.table(
        {
            "sample_id_1": _named(ids, first[chosen]),
            "sample_id_2": _named(ids, second[chosen]),
            "n": pa.array(counts[4, chosen], pa.int32()),
            **{
                name: _share(counts[row, chosen], counts[4, chosen]) for row, name in enumerate(kernel.PAIR_COLUMNS[:4])
            },
            "kinship": pa.array(coefficient[chosen], pa.float64(), mask=np.isnan(coefficient[chosen])),
            "relationship": _relationship(coefficient[chosen], limits),
        }
    )
    values = cast("JsonValue", limits.values("relatedness"))
    provenance = provenance_of(
        "kinship", view, {"estimator": "KING-robust", "kinship_min": kinship_min, "degrees": values}
    )
    return KinshipResult(
        table,
        provenance,
        thresholds=limits,
        n_samples=view.n_samples,
        n_pairs=kernel.n_pairs(view.n_samples),
        note=_note(view),
    )


def _note(view: StoreView) -> str | None:
    """Say it when all variants are of one chromosome: relatives share any one of them in whole, in half, or not."""
    contigs = set(view.sites().contig.tolist())
    if len(contigs) > 1:
        return None
    return f"all variants are on {contigs.pop()}: a part of the genome, so degrees are only indicative"


def _count_pairs(view: StoreView, threads: int, tell: Callable[[str, float], None]) -> npt.NDArray[np.int32]:
    n_samples = view.n_samples
    _require_memory(n_samples)
    counts = np.zeros((len(kernel.PAIR_COLUMNS), kernel.n_pairs(n_samples)), dtype=np.int32)
    sites = view.sites()
    autosome = is_autosome(sites.contig)
    n_used = int(autosome.sum())
    if n_used == 0:
        raise InputError(
            f"{view.path} has no autosomal variant in this view, of {len(sites):,} in all; kinship needs autosomes"
        )
    cuts = _row_ranges(n_samples, threads)
    done = 0
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for dosage in _dosages(view, autosome & (sites.n_alleles <= 2), autosome & (sites.n_alleles > 2)):
            planes = kernel.bit_planes(dosage)
            jobs = [pool.submit(kernel.add_pair_counts, planes, counts, first, last) for first, last in cuts]
            for job in jobs:
                job.result()
            done += len(dosage)
            tell("comparing pairs", done / n_used)
    return counts


def _dosages(
    view: StoreView, one_alt: npt.NDArray[np.bool_], many_alts: npt.NDArray[np.bool_]
) -> Iterator[npt.NDArray[np.int8]]:
    """Yield int8[V, S] blocks: copies of the ALT allele, or of any ALT allele where there are many."""
    index = view.sites().index
    if one_alt.any():
        part = view if one_alt.all() else view.variants(index=index[one_alt])
        for block in part.blocks("dosage"):
            yield block["dosage"]
    if many_alts.any():
        for block in view.variants(index=index[many_alts]).blocks("call_genotype"):
            yield count_kernels.nonreference_dosage(block["call_genotype"])


def _row_ranges(n_samples: int, threads: int) -> list[tuple[int, int]]:
    """Return ranges of the later sample with about equal numbers of pairs: row i has i of them."""
    edges = np.rint(n_samples * np.sqrt(np.linspace(0, 1, threads + 1))).astype(int).tolist()
    return [(first, last) for first, last in pairwise(edges) if last > first]


def _require_memory(n_samples: int) -> None:
    """Raise ResourceError, before anything is allocated, when the counts of all pairs would not fit."""
    import os

    needed = kernel.n_pairs(n_samples) * (4 * len(kernel.PAIR_COLUMNS) + 8)
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > _MEMORY_SHARE_MAX * available:
        raise ResourceError(
            f"all pairs of {n_samples:,} samples need {needed / 2**30:,.1f} GiB of memory, and this machine has "
            f"{available / 2**30:,.1f} GiB; choose fewer samples with --keep"
        )


def _named(ids: npt.NDArray[np.object_], numbers: npt.NDArray[np.int64]) -> pa.Array:
    """Return sample ids by number without making a Python string for each pair."""
    return pa.DictionaryArray.from_arrays(pa.array(numbers, pa.int32()), pa.array(ids, pa.string())).cast(pa.string())


def _share(part: npt.NDArray[np.int32], whole: npt.NDArray[np.int32]) -> pa.Array:
    share = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return pa.array(share, pa.float64(), mask=whole == 0)


def _relationship(coefficient: Floats, limits: Thresholds) -> pa.Array:
    """Return the degree of each pair as text, null where there is no kinship."""
    names = np.array([*DEGREES, UNRELATED], dtype=object)
    degree = np.full(len(coefficient), len(DEGREES), dtype=np.int32)
    for number in range(len(DEGREES) - 1, -1, -1):
        lowest = limits.value(f"relatedness.{DEGREES[number]}_kinship_min")
        if lowest is not None:
            degree[coefficient >= lowest] = number
    codes = pa.array(degree, pa.int32(), mask=np.isnan(coefficient))
    return pa.DictionaryArray.from_arrays(codes, pa.array(names, pa.string())).cast(pa.string())
