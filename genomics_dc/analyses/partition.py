"""Groups of samples of which each sample is in one at most, such as populations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.groups import read_groups
from genomics_dc.errors import InputError

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

_SHOWN_MAX = 5


@dataclass(frozen=True, repr=False)
class Partition:
    """Which group each sample of a view is in: `number` int64[S] of `names`, sorted, -1 for none.

    `n_unknown` rows of the table are about samples that the view does not have, `n_absent` samples of the view are in
    no group; `sha256` is of the table, empty when there is none.
    """

    names: tuple[str, ...]
    number: npt.NDArray[np.int64]
    n_unknown: int
    n_absent: int
    sha256: str

    def __repr__(self) -> str:
        return f"Partition({len(self.names)} groups of {int((self.number >= 0).sum()):,} samples)"

    def sizes(self) -> npt.NDArray[np.int64]:
        """Return how many samples each group has, int64[G]."""
        return np.bincount(self.number[self.number >= 0], minlength=len(self.names)).astype(np.int64)

    def of_samples(self, view: StoreView) -> dict[str, str]:
        """Return the group of each sample of the view that has one, by id."""
        pairs = zip(view.sample_ids, self.number.tolist(), strict=True)
        return {str(name): self.names[number] for name, number in pairs if number >= 0}

    @property
    def note(self) -> str | None:
        """Say how many ids did not meet, None when all did."""
        parts = []
        if self.n_unknown:
            parts.append(f"{self.n_unknown:,} samples of the groups are not in the view")
        if self.n_absent:
            parts.append(f"{self.n_absent:,} samples of the view are in no group")
        return "; ".join(parts) or None


def partition_of(
    view: StoreView, source: Any, *, column: str | None = None, strict: bool = False, size_min: int = 1
) -> Partition:
    """Return the one group of each of a view's samples.

    Parameters
    ----------
    source, strict
        As `analyses.groups.read_groups` takes them.
    column
        Of the table; may be left out when there is one.
    size_min
        The fewest samples that a group may have.

    Raises
    ------
    InputError
        What `read_groups` raises; when a sample is in two groups, no sample is in any, or a group is too small.
    """
    found = read_groups(view, source, by=column, strict=strict)
    members = found.members[1:]
    times = members.sum(axis=0)
    if (times > 1).any():
        raise InputError(
            f"{int((times > 1).sum()):,} samples are in more than one group; name the one column of the groups, or "
            "give each sample one"
        )
    if not members.any():
        raise InputError(f"no sample of {view.path} is in a group; check the column of the groups")
    order = sorted(range(len(found.names)), key=lambda one: found.names[one])
    names = tuple(found.names[one] for one in order)
    number = np.where(times > 0, members[order].argmax(axis=0), -1).astype(np.int64)
    made = Partition(names, number, found.unknown, found.ungrouped, found.inputs.get("groups", ""))
    if strict and made.n_absent:
        raise InputError(f"{made.note}; mend the ids, or leave out --strict")
    small = [f"{one} has {size}" for one, size in zip(names, made.sizes().tolist(), strict=True) if size < size_min]
    if small:
        raise InputError(
            f"a group needs {size_min} samples or more, but {', '.join(small[:_SHOWN_MAX])}; merge it with another or "
            "leave it out"
        )
    return made
