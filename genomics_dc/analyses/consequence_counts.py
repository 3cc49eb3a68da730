"""How many alleles of a cohort do what: by consequence, impact, kind of allele, frequency and group of samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.alleles import alleles_of
from genomics_dc.analyses.annotation_table import read_consequences
from genomics_dc.analyses.frequencies import BINS, frequency_bins, group_parameters
from genomics_dc.analyses.group_tally import Progress, tally_groups
from genomics_dc.analyses.groups import ALL, read_groups
from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.quality.variants import CLASS_NAMES
from genomics_dc.errors import InputError
from genomics_dc.reference.so_terms import SEVERITY, impact
from genomics_dc.results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from genomics_dc.store.read import StoreView

_INTERGENIC = SEVERITY.index("intergenic_variant")


class ConsequenceCounts(Result):
    """One row per consequence, kind of allele and frequency bin that occur, the most severe first.

    `consequence` (the most severe over all genes and transcripts; outside all of them intergenic_variant), `impact`
    (HIGH, MODERATE, LOW, MODIFIER), `allele_class` (transition, transversion, insertion, deletion, other),
    `frequency_bin` (over all samples); `alleles`; then for all samples, and as `NAME_GROUP` for each group, `seen`
    alleles with a copy, and `copies` of them.
    """

    def by_consequence(self) -> pa.Table:
        """Return alleles, seen and copies of each consequence, kinds and frequencies together."""
        sums = [name for name in self.table.column_names if name.startswith(("alleles", "seen", "copies"))]
        keys = ["consequence", "impact"]
        found = self.table.group_by(keys, use_threads=False).aggregate([(name, "sum") for name in sums])
        return found.select([*keys, *(f"{name}_sum" for name in sums)]).rename_columns([*keys, *sums])

    @property
    def plot(self) -> ConsequencePlots:
        """The plot: `.by_frequency()`."""
        return ConsequencePlots(self)


@dataclass(frozen=True, repr=False)
class ConsequencePlots:
    """The plot of consequences."""

    result: ConsequenceCounts

    def by_frequency(self) -> Figure:
        """Return how the alleles of each consequence divide between bins of frequency."""
        from genomics_dc.plots import consequences

        table = self.result.table
        terms = list(dict.fromkeys(table["consequence"].to_pylist()))
        counts = np.zeros((len(terms), len(BINS)), dtype=np.int64)
        place = [terms.index(term) for term in table["consequence"].to_pylist()]
        columns = [BINS.index(name) for name in table["frequency_bin"].to_pylist()]
        np.add.at(counts, (place, columns), table["alleles"].to_numpy())
        return consequences.by_frequency(counts, terms, [impact(term) for term in terms], BINS)

    def save(self, folder: Path | str) -> list[Path]:
        """Write the plot as SVG and PNG into `folder`, made if need be; return the paths."""
        from genomics_dc.plots import style

        return style.save_all({"consequences": self.by_frequency()}, folder)


def consequence_counts(
    view: StoreView,
    annotation: Any,
    *,
    canonical: bool = False,
    groups: Any = None,
    by: Sequence[str] | str | None = None,
    strict: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> ConsequenceCounts:
    """Return how many ALT alleles of a view have which consequence, by kind and frequency.

    Parameters
    ----------
    annotation, canonical
        See `analyses.annotation_table.read_consequences`.
    groups, by, strict
        See `analyses.groups.read_groups`.
    threads, progress
        All processors when None; called with variants done and in all.

    Raises
    ------
    InputError, UsageError
        As `frequencies`; an annotation of another store.

    Examples
    --------
    >>> view.consequence_counts("cohort.annotation").by_consequence()["impact"].to_pylist()
    ['HIGH', 'MODERATE', 'MODIFIER']
    """
    grouped = read_groups(view, groups, by=by, strict=strict)
    if not view.n_variants:
        raise InputError(f"this view of {view.path} has no variant; loosen region and filters")
    alleles = alleles_of(view)
    effects = read_consequences(view, alleles, annotation, canonical=canonical)
    tally = tally_groups(view, alleles, grouped.members, threads=threads, progress=progress)
    term = np.full(len(alleles), _INTERGENIC, dtype=np.int64)
    np.minimum.at(term, effects.row, effects.term)
    kind = alleles.classes.astype(np.int64)
    there = kind >= 0
    bins = frequency_bins(tally.allele_count[:, 0], tally.allele_number[:, 0])
    shape = (len(SEVERITY), len(CLASS_NAMES), len(BINS))
    cell = np.ravel_multi_index((term[there], kind[there], bins[there]), shape)
    n_cells = int(np.prod(shape))
    number = np.bincount(cell, minlength=n_cells)
    used = np.flatnonzero(number)
    terms, kind_of, bin_of = np.unravel_index(used, shape)
    columns: dict[str, Any] = {
        "consequence": pa.array([SEVERITY[k] for k in terms], pa.string()),
        "impact": pa.array([impact(SEVERITY[k]) for k in terms], pa.string()),
        "allele_class": pa.array([CLASS_NAMES[k] for k in kind_of], pa.string()),
        "frequency_bin": pa.array([BINS[k] for k in bin_of], pa.string()),
        "alleles": pa.array(number[used]),
    }
    for g, name in enumerate(grouped.everyone_first):
        copies = tally.allele_count[there, g].astype(np.int64)
        for label, values in (("seen", (copies > 0).astype(np.int64)), ("copies", copies)):
            columns[label if name == ALL else f"{label}_{name}"] = pa.array(_sums(cell, values, n_cells)[used])
    parameters = {**group_parameters(grouped), "canonical": canonical}
    inputs = {**effects.inputs, **grouped.inputs}
    return ConsequenceCounts(pa.table(columns), provenance_of("consequence_counts", view, parameters, inputs=inputs))


def _sums(cell: npt.NDArray[np.int64], values: npt.NDArray[np.int64], n_cells: int) -> npt.NDArray[np.int64]:
    total = np.zeros(n_cells, dtype=np.int64)
    np.add.at(total, cell, values)
    return total
