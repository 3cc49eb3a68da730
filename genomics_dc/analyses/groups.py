"""Groups of samples, such as populations or batches, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.phenotypes import MISSING_WORDS, read_samples
from genomics_dc.errors import InputError

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

_SHOWN_MAX = 5


@dataclass(frozen=True, repr=False)
class Groups:
    """Which group each sample of a view is in: `number` int64[S] of `names`, sorted, -1 for none.

    `n_unknown` samples of the table are not in the view, `n_absent` of the view are in no group; `sha256` is of the
    table.
    """

    names: tuple[str, ...]
    number: npt.NDArray[np.int64]
    n_unknown: int
    n_absent: int
    sha256: str

    def __repr__(self) -> str:
        return f"Groups({len(self.names)} groups of {int((self.number >= 0).sum()):,} samples)"

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


def groups_of(
    view: StoreView, source: Any, *, column: str | None = None, strict: bool = False, size_min: int = 1
) -> Groups:
    """Return the groups of a view's samples.

    Parameters
    ----------
    source
        A mapping of sample id to group, a table with a column of ids called IID or sample_id (path, pandas, polars,
        Arrow), or Groups of this view. A cell that is empty or NA is no group.
    column
        Of the table; may be left out when there is one.
    strict
        Refuse a table whose ids and the view's do not all meet, instead of counting them.
    size_min
        The fewest samples that a group may have.

    Raises
    ------
    InputError
        When no sample meets, an id stands there twice, a group is too small, or, if `strict`, any id does not meet.
    """
    if isinstance(source, Groups):
        if len(source.number) != view.n_samples:
            raise InputError(f"the groups are of {len(source.number):,} samples, but the view has {view.n_samples:,}")
        return source
    if isinstance(source, Mapping):
        source = {"sample_id": list(source), "group": list(source.values())}
        import pyarrow as pa

        source = pa.table({name: pa.array([str(cell) for cell in cells]) for name, cells in source.items()})
    table = read_samples(source, role="groups")
    name = column if column is not None else (table.names[0] if len(table.names) == 1 else None)
    if name is None or name not in table.names:
        wanted = "name the column of the groups" if column is None else f"there is no column {column}"
        raise InputError(
            f"{table.source}: {wanted}; it has {', '.join(table.names[:_SHOWN_MAX]) or 'none but the ids'}"
        )
    cells = table.cells[name]
    words = cells.to_pylist() if hasattr(cells, "to_pylist") else list(cells)
    label = ["" if word is None else str(word).strip() for word in words]
    place = {str(one): number for number, one in enumerate(view.sample_ids)}
    met = [(place[one], word) for one, word in zip(table.sample_ids, label, strict=True) if one in place]
    there = [(row, word) for row, word in met if word.lower() not in MISSING_WORDS]
    n_unknown, n_absent = len(label) - len(met), view.n_samples - len(there)
    if not there:
        raise InputError(
            f"{table.source}: none of its {len(label):,} samples with a group is in this view of {view.path}; "
            "check the ids"
        )
    names = tuple(sorted({word for _, word in there}))
    code = {word: number for number, word in enumerate(names)}
    number = np.full(view.n_samples, -1, dtype=np.int64)
    for row, word in there:
        number[row] = code[word]
    found = Groups(names, number, n_unknown, n_absent, table.sha256)
    if strict and found.note:
        raise InputError(f"{table.source}: {found.note}; mend the ids, or leave out --strict")
    small = [f"{one} has {size}" for one, size in zip(names, found.sizes().tolist(), strict=True) if size < size_min]
    if small:
        raise InputError(
            f"{table.source}: a group needs {size_min} samples or more, but {', '.join(small[:_SHOWN_MAX])}; "
            "merge it with another or leave it out"
        )
    return found
