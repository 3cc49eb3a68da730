"""Who is related to whom in a cohort: KING-robust kinship of all pairs, degrees and duplicates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from genomics_dc.analyses.arrow_columns import numbers, text
from genomics_dc.analyses.king_pairs import king_pairs
from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.packed_blocks import autosomal
from genomics_dc.analyses.parallel import default_threads, ordered_map
from genomics_dc.analyses.thresholds import Thresholds, load_thresholds
from genomics_dc.errors import InputError, UsageError
from genomics_dc.kernels import kinship as kernel
from genomics_dc.provenance import JsonValue
from genomics_dc.results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from genomics_dc.store.read import StoreView

Floats = npt.NDArray[np.float64]

DEGREES = ("duplicate", "first_degree", "second_degree", "third_degree")
UNRELATED = "unrelated"


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
        names = ("sample_id_1", "sample_id_2", "relationship")
        rows = self.table.filter(chosen)
        for name in names:  # in the table they are numbers of words, which cannot be sorted
            rows = rows.set_column(rows.column_names.index(name), name, rows[name].cast(pa.string()))
        return rows.sort_by(order)

    def degree_counts(self) -> dict[str, int]:
        """Return how many pairs of the table are of each degree, by name."""
        found = {one["values"]: one["counts"] for one in pc.value_counts(self.table["relationship"]).to_pylist()}
        return {name: int(found.get(name, 0)) for name in DEGREES}

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
            np.array(pc.replace_substring(table["relationship"].cast(pa.string()), "_", " ").to_pylist(), dtype=object),
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
    threads: int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> KinshipResult:
    """Return KING-robust kinship of all pairs of samples over the autosomal variants of a view.

    Parameters
    ----------
    view
        At sites of many alleles the reference is set against the rest, as PLINK 2 does. Rare variants do no harm;
        thinning by linkage is not needed.
    kinship_min
        Keep only pairs of at least this kinship (`--king-table-filter` of PLINK 2); all pairs when None. Memory is then
        bounded, whatever the number of samples.
    thresholds
        A YAML file as `configs/qc_thresholds.yaml`, with the lowest kinship of each degree.
    threads
        All processors when None; the result is the same for any number.
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
    if view.n_samples == 0:
        raise InputError(f"{view.path} has no samples in this view; kinship is of pairs of samples")
    part = autosomal(view, "kinship")
    workers = default_threads(threads)
    pairs, _ = king_pairs(part, kinship_min=kinship_min, threads=workers, progress=progress)
    ids = text([str(name) for name in view.sample_ids])
    unknown = np.isnan(pairs.kinship)
    names = kernel.PAIR_COLUMNS[:4]
    shares = ordered_map(partial(_share, pairs.counts[4]), pairs.counts[:4], threads=workers)
    table = pa.table(
        {
            "sample_id_1": pa.DictionaryArray.from_arrays(numbers(pairs.who[0]), ids),
            "sample_id_2": pa.DictionaryArray.from_arrays(numbers(pairs.who[1]), ids),
            "n": numbers(pairs.counts[4]),
            **dict(zip(names, shares, strict=True)),
            "kinship": numbers(pairs.kinship, unknown),
            "relationship": _relationship(pairs.kinship, limits),
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


def kinship_of_degree(limits: Thresholds, degree: int) -> float:
    """Return the lowest kinship of relatives up to a degree (0 is duplicates only)."""
    if not 0 <= degree < len(DEGREES):
        raise UsageError(f"degree must be 0, 1, 2 or 3, not {degree}")
    name = f"relatedness.{DEGREES[degree]}_kinship_min"
    lowest = limits.value(name)
    if lowest is None:
        raise UsageError(f"{name} is switched off in {limits.path}; say from which kinship on two are relatives")
    return lowest


def _note(view: StoreView) -> str | None:
    """Say it when all variants are of one chromosome: relatives share any one of them in whole, in half, or not."""
    contigs = np.unique(view.contig_numbers())
    if len(contigs) > 1:
        return None
    return f"all variants are on {view.contigs[contigs[0]]}: a part of the genome, so degrees are only indicative"


def _share(whole: npt.NDArray[np.int32], part: npt.NDArray[np.int32]) -> pa.Array:
    none = whole == 0
    if not none.any():
        return numbers(part / whole)
    return numbers(np.divide(part, whole, out=np.full(len(whole), np.nan), where=~none), none)


def _relationship(coefficient: Floats, limits: Thresholds) -> pa.Array:
    """Return the degree of each pair as text, null where there is no kinship."""
    degree = np.full(len(coefficient), len(DEGREES), dtype=np.int32)
    for number in range(len(DEGREES) - 1, -1, -1):
        lowest = limits.value(f"relatedness.{DEGREES[number]}_kinship_min")
        if lowest is not None:
            degree[coefficient >= lowest] = number
    return pa.DictionaryArray.from_arrays(numbers(degree, np.isnan(coefficient)), text([*DEGREES, UNRELATED]))
