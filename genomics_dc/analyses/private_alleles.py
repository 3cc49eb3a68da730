"""Who carries what nobody else does: private alleles, singletons and doubletons, by sample and by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from genomics_dc.analyses.alleles import alleles_of
from genomics_dc.analyses.frequencies import group_parameters
from genomics_dc.analyses.group_tally import Progress, counted_blocks, layout_of
from genomics_dc.analyses.groups import read_groups
from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.errors import InputError
from genomics_dc.files import atomic_directory
from genomics_dc.kernels.group_counts import first_carriers
from genomics_dc.results import Result

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView


@dataclass(frozen=True, repr=False)
class PrivateAlleles:
    """Three tables.

    `groups`, one row a group (`all` first): `group`, `samples`, `seen` ALT alleles with a copy, `private` (no copy
    outside the group), `singletons` (the only copy of the view), `doubletons` (both copies of the view in the group).

    `samples`, one row a sample: `sample_id`, `private` ALT alleles that no other sample of the view carries,
    `singletons` (one copy in the view), `doubletons` (two copies in the view, one or both here).

    `sharing`, one row a pair of groups, a group with itself too: `group_1`, `group_2`, `doubletons` whose two copies
    are in two samples, one of each group.
    """

    groups: Result
    samples: Result
    sharing: Result

    def __repr__(self) -> str:
        return f"PrivateAlleles({len(self.groups):,} groups, {len(self.samples):,} samples)"

    def write(self, directory: Path | str, *, force: bool = False) -> Path:
        """Write `groups.tsv`, `samples.tsv` and `sharing.tsv` into a new directory, whole or not at all."""
        target = Path(directory)
        with atomic_directory(target, force=force) as staging:
            for name, result in (("groups", self.groups), ("samples", self.samples), ("sharing", self.sharing)):
                result.write(staging / f"{name}.tsv")
        return target


def private_alleles(
    view: StoreView,
    *,
    groups: Any = None,
    by: Sequence[str] | str | None = None,
    strict: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> PrivateAlleles:
    """Return private alleles, singletons and doubletons of a view's samples and of groups of them.

    Each ALT allele of a variant counts by itself. A haploid call has one copy off the autosomes, as in `frequencies`.

    Parameters
    ----------
    groups, by, strict
        See `analyses.groups.read_groups`.
    threads, progress
        All processors when None; called with variants done and in all.

    Raises
    ------
    InputError, UsageError
        As `frequencies`.

    Examples
    --------
    >>> view.private_alleles(groups="traits.tsv", by="case")
    PrivateAlleles(3 groups, 60 samples)
    """
    grouped = read_groups(view, groups, by=by, strict=strict)
    if not view.n_variants:
        raise InputError(f"this view of {view.path} has no variant; loosen region and filters")
    members, n_samples = grouped.members, view.n_samples
    layout = layout_of(view)
    everyone = layout.masks(members[:1])[0]
    sample_at = np.full(layout.n_columns + 64, -1, dtype=np.int64)
    sample_at[layout.columns] = np.arange(n_samples)
    counts = np.zeros((len(members), 4), dtype=np.int64)  # seen, private, singletons, doubletons
    own = np.zeros((n_samples, 3), dtype=np.int64)  # private, singletons, doubletons
    shared = np.zeros((len(members), len(members)), dtype=np.int64)
    inside = members.T.astype(np.int64)
    blocks = counted_blocks(
        view, alleles_of(view, words=False), members, layout=layout, words=True, threads=threads, progress=progress
    )
    for block in blocks:
        copies = block.allele_count
        total = copies[:, :1]
        of_group = (copies == total) & (total > 0)
        for column, found in enumerate((copies > 0, of_group, of_group & (total == 1), of_group & (total == 2))):
            counts[:, column] += found.sum(axis=0)
        # One carrier, or two copies: a homozygote whose copies count as two is one carrier.
        few = np.flatnonzero((total[:, 0] == 1) | (total[:, 0] == 2))
        assert block.words is not None
        carriers = sample_at[first_carriers(block.words[few], everyone)]
        alone = carriers[:, 1] < 0
        for column, chosen in enumerate((alone, total[few, 0] == 1, total[few, 0] == 2)):
            of_sample = carriers[chosen]
            own[:, column] += np.bincount(of_sample[of_sample >= 0], minlength=n_samples)
        first, second = inside[carriers[~alone, 0]], inside[carriers[~alone, 1]]
        # one in each group, either way round; a pair that lies in both groups is found twice and counts once
        shared += first.T @ second + second.T @ first - (first * second).T @ (first * second)
    names = grouped.everyone_first
    own_groups = range(1, len(members)) if grouped.names else range(1)
    pairs = [(i, j) for i in own_groups for j in own_groups if i <= j]
    provenance = provenance_of("private_alleles", view, group_parameters(grouped), inputs=grouped.inputs)
    group_table = {"group": pa.array(names), "samples": pa.array(members.sum(axis=1))}
    group_table |= {name: pa.array(counts[:, k].copy()) for k, name in enumerate(("seen", *_KINDS))}
    sample_table = {"sample_id": pa.array([str(name) for name in view.sample_ids], pa.string())}
    sample_table |= {name: pa.array(own[:, k].copy()) for k, name in enumerate(_KINDS)}
    sharing = {
        "group_1": pa.array([names[i] for i, _ in pairs]),
        "group_2": pa.array([names[j] for _, j in pairs]),
        "doubletons": pa.array([int(shared[i, j]) for i, j in pairs]),
    }
    return PrivateAlleles(*(Result(pa.table(table), provenance) for table in (group_table, sample_table, sharing)))


_KINDS = ("private", "singletons", "doubletons")
