"""The largest set of samples of a cohort without relatives among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from genomics_dc.analyses.king_pairs import king_pairs
from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.packed_blocks import autosomal
from genomics_dc.analyses.parallel import default_threads
from genomics_dc.analyses.relatedness import kinship_of_degree
from genomics_dc.analyses.thresholds import Thresholds, load_thresholds
from genomics_dc.errors import InputError
from genomics_dc.files import write_text
from genomics_dc.kernels.independent_set import EXACT_MAX, largest_independent_set
from genomics_dc.results import Result

if TYPE_CHECKING:
    from typing import Any

    from genomics_dc.store.read import StoreView


@dataclass(frozen=True, repr=False)
class UnrelatedResult(Result):
    """One row per sample: `sample_id`; `kept`; `n_relatives`; `call_rate`; `family`; `closest_kept`; `method`.

    `family` numbers those joined by kinship, null for a sample without relatives; `closest_kept` is the relative for
    whom a sample went; `method` is "exact" where the family's largest set is certain, "greedy" where the family is too
    large for that, null without relatives. `kinship_max` is the kinship from which two samples are relatives.
    """

    kinship_max: float = 0.0
    source: StoreView | None = field(default=None, repr=False)

    @property
    def kept(self) -> list[str]:
        """The ids of the samples kept, in the order of the view."""
        return [str(name) for name in self.table.filter(self.table["kept"])["sample_id"].to_pylist()]

    def view(self) -> Any:
        """Return the view of the samples kept."""
        assert self.source is not None
        return self.source.samples(self.kept)

    def write_ids(self, path: Path | str, *, force: bool = False) -> None:
        """Write the ids kept, one a line, as `--keep` takes them."""
        write_text(path, "".join(f"{name}\n" for name in self.kept), force=force)


def unrelated(
    view: StoreView,
    *,
    degree: int = 3,
    kinship_max: float | None = None,
    thresholds: Thresholds | Path | str | None = None,
    threads: int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> UnrelatedResult:
    """Return the largest set of samples without relatives up to a degree, by KING-robust kinship.

    Of sets of one size the one with most genotypes called is taken. Families of up to 40 are solved exactly, larger
    ones greedily, as `plink2 --king-cutoff` does; the table says which.

    Parameters
    ----------
    degree
        The furthest relatives to part: 1, 2 or 3; 0 parts only duplicates.
    kinship_max
        The kinship from which two samples are relatives; that of `degree` in the thresholds when None.
    thresholds
        A YAML file as `configs/qc_thresholds.yaml`.
    threads
        All processors when None; the result is the same for any number.

    Raises
    ------
    InputError
        When the view has no samples, or no autosomal variant.

    Examples
    --------
    >>> open_store("cohort.vcz").unrelated(degree=2).view().pca(10)  # doctest: +SKIP
    """
    limits = load_thresholds(thresholds)
    limit = kinship_of_degree(limits, degree) if kinship_max is None else kinship_max
    if view.n_samples == 0:
        raise InputError(f"{view.path} has no samples in this view; there is nobody to choose from")
    part = autosomal(view, "kinship")
    pairs, totals = king_pairs(part, kinship_min=limit, threads=default_threads(threads), progress=progress)
    called = totals[:, 0] + totals[:, 1]
    found = largest_independent_set(view.n_samples, pairs.who[0], pairs.who[1], called)
    closest = np.full(view.n_samples, -1, dtype=np.int64)
    n_relatives = np.bincount(pairs.who.ravel(), minlength=view.n_samples)
    for number in np.argsort(-pairs.kinship, kind="stable"):
        one, other = pairs.who[:, number].tolist()
        for gone, stays in ((one, other), (other, one)):
            if not found.kept[gone] and found.kept[stays] and closest[gone] < 0:
                closest[gone] = stays
    ids = np.array([str(one) for one in view.sample_ids], dtype=object)
    alone = found.part < 0
    table = pa.table(
        {
            "sample_id": pa.array(ids, pa.string()),
            "kept": pa.array(found.kept),
            "n_relatives": pa.array(n_relatives),
            "call_rate": pa.array(called / np.maximum(totals.sum(axis=1), 1)),
            "family": pa.array(found.part + 1, mask=alone),
            "closest_kept": pa.array([None if one < 0 else ids[one] for one in closest], pa.string()),
            "method": pa.array(np.where(found.exact, "exact", "greedy"), pa.string(), mask=alone),
        }
    )
    parameters = {"kinship_max": limit, "family_exact_max": EXACT_MAX, "n_kept": int(found.kept.sum())}
    return UnrelatedResult(table, provenance_of("unrelated", view, parameters), kinship_max=limit, source=view)
