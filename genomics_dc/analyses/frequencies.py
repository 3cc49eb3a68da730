"""Allele counts and frequencies by group of samples: cohorts, ancestries, cases and controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.alleles import alleles_of
from genomics_dc.analyses.group_tally import CountedBlock, Progress, tally_groups
from genomics_dc.analyses.groups import ALL, Groups, read_groups
from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.quality.arithmetic import ratio
from genomics_dc.errors import InputError, UsageError
from genomics_dc.results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from genomics_dc.provenance import JsonValue
    from genomics_dc.store.read import StoreView

COUNTS = ("AC", "AN", "AF", "hom", "hemi")
FREQUENCY_EDGES = (0.001, 0.005, 0.01, 0.05, 1.0)
"""Upper ends of the bins after "one copy", each included."""
BINS = ("not seen", "1 copy", "up to 0.1%", "0.1% to 0.5%", "0.5% to 1%", "1% to 5%", "above 5%")


class FrequencyResult(Result):
    """One row per ALT allele of the view; a variant without one has a row with null `alt`.

    `chromosome`, `base_pair_location` (one-based), `variant_id`, `ref`, `alt`; over all samples `AC` copies of the
    allele, `AN` copies called, `AF` = AC / AN (null where none was called), `hom` samples with nothing but this allele
    in two copies or more, `hemi` samples with it as their only copy; and the same for each group, as `AC_NAME` and so
    on.
    """

    @property
    def groups(self) -> dict[str, int]:
        """How many samples each group has, `all` first."""
        sizes = self.provenance.parameters["groups"]
        assert isinstance(sizes, dict)
        return {name: int(str(size)) for name, size in sizes.items()}

    @property
    def plot(self) -> FrequencyPlots:
        """The plots: `.bins()`, and `.compare(a, b)` of two groups."""
        return FrequencyPlots(self)

    def of_group(self, name: str, column: str) -> npt.NDArray[np.float64]:
        """Return one of AC, AN, AF, hom, hemi of a group as float64, NaN where null."""
        if name not in self.groups or column not in COUNTS:
            raise UsageError(f"{column} of {name} is not in this result; it has the groups {', '.join(self.groups)}")
        label = column if name == ALL else f"{column}_{name}"
        return np.asarray(self.table[label].to_numpy(), dtype=np.float64)

    def to_long(self) -> pa.Table:
        """Return one row per allele and group: the columns of the allele, `group`, AC, AN, AF, hom, hemi."""
        places = self.table.column_names[: self.table.column_names.index("AC")]
        parts = []
        for name in self.groups:
            part = self.table.select(places).append_column("group", pa.array([name] * len(self)))
            for column in COUNTS:
                part = part.append_column(column, self.table[column if name == ALL else f"{column}_{name}"])
            parts.append(part)
        return pa.concat_tables(parts)


@dataclass(frozen=True, repr=False)
class FrequencyPlots:
    """The plots of allele frequencies by group; each returns a matplotlib figure."""

    result: FrequencyResult

    def bins(self) -> Figure:
        """Return how many alleles each group has in each bin of frequency."""
        from genomics_dc.plots import frequencies

        names = [name for name in self.result.groups if name != ALL] or [ALL]
        counts = np.array(
            [np.bincount(frequency_bins(*self._counted(name)), minlength=len(BINS))[1:] for name in names]
        )
        return frequencies.bins(counts, BINS[1:], names, [self.result.groups[name] for name in names], len(self.result))

    def compare(self, first: str, second: str) -> Figure:
        """Return the frequencies of two groups against each other."""
        from genomics_dc.plots import frequencies

        one, other = self.result.of_group(first, "AF"), self.result.of_group(second, "AF")
        return frequencies.compare(one, other, (first, second), (self.result.groups[first], self.result.groups[second]))

    def save(self, folder: Path | str) -> list[Path]:
        """Write the bins, and the first two groups against each other, as SVG and PNG; return the paths."""
        from genomics_dc.plots import style

        figures = {"frequency_bins": self.bins()}
        names = [name for name in self.result.groups if name != ALL]
        if len(names) > 1:
            figures["frequency_comparison"] = self.compare(names[0], names[1])
        return style.save_all(figures, folder)

    def _counted(self, name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        return self.result.of_group(name, "AC"), self.result.of_group(name, "AN")


def frequency_bins(
    allele_count: npt.NDArray[np.floating[Any]] | npt.NDArray[np.integer[Any]],
    allele_number: npt.NDArray[np.floating[Any]] | npt.NDArray[np.integer[Any]],
) -> npt.NDArray[np.int64]:
    """Return the number of each allele's bin in `BINS`, int64[R]; one copy is a bin of its own.

    Examples
    --------
    >>> import numpy as np
    >>> [BINS[k] for k in frequency_bins(np.array([0, 1, 5, 9]), np.array([100, 100, 100, 100]))]
    ['not seen', '1 copy', '1% to 5%', 'above 5%']
    """
    frequency = ratio(allele_count, allele_number, missing=0.0)
    binned = 2 + np.searchsorted(np.array(FREQUENCY_EDGES[:-1]), frequency, side="left")
    return np.where(allele_count == 0, 0, np.where(allele_count == 1, 1, binned)).astype(np.int64)


def frequencies(
    view: StoreView,
    *,
    groups: Any = None,
    by: Sequence[str] | str | None = None,
    strict: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> FrequencyResult:
    """Return allele counts and frequencies over all samples of a view and in groups of them, in one pass.

    Parameters
    ----------
    groups, by, strict
        See `analyses.groups.read_groups`: a mapping from a name to sample ids, or a table and its columns.
    threads, progress
        All processors when None; called with variants done and in all.

    Raises
    ------
    InputError, UsageError
        Unknown or duplicated ids, a group without a sample, no sample, no variant.

    Examples
    --------
    >>> view.frequencies(groups="traits.tsv", by="case").groups
    {'all': 60, '0': 27, '1': 33}
    """
    grouped = read_groups(view, groups, by=by, strict=strict)
    if not view.n_variants:
        raise InputError(f"this view of {view.path} has no variant; loosen region and filters")
    alleles = alleles_of(view)
    tally = tally_groups(view, alleles, grouped.members, threads=threads, progress=progress)
    columns = {**alleles.columns, **_columns(tally, grouped)}
    return FrequencyResult(
        pa.table(columns), provenance_of("frequencies", view, group_parameters(grouped), inputs=grouped.inputs)
    )


def group_parameters(grouped: Groups) -> dict[str, JsonValue]:
    """Return what a result says of its groups."""
    sizes: dict[str, JsonValue] = {**grouped.sizes}
    return {"groups": sizes, "rows_without_sample": grouped.unknown, "samples_without_group": grouped.ungrouped}


def _columns(tally: CountedBlock, grouped: Groups) -> dict[str, pa.Array]:
    columns = {}
    for g, name in enumerate(grouped.everyone_first):
        copies, called = tally.allele_count[:, g], tally.allele_number[:, g]
        values = (copies, called, ratio(copies, called), tally.homozygotes[:, g], tally.hemizygotes[:, g])
        for label, value in zip(COUNTS, values, strict=True):
            array = np.ascontiguousarray(value)
            columns[label if name == ALL else f"{label}_{name}"] = pa.array(array, from_pandas=label == "AF")
    return columns
