"""Groups of samples: cohorts, ancestries, cases and controls, from a table or from lists of ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.sample_table import MISSING_WORDS, read_samples
from genomics_dc.errors import InputError, UsageError

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

ALL = "all"
_GROUPS_MAX = 500
_SHOWN_MAX = 5


@dataclass(frozen=True, repr=False)
class Groups:
    """`members` bool[1 + G, S]: row 0 is every sample of the view, the others are the groups `names`.

    `inputs` maps a role to the SHA-256 of what was read; `unknown` counts table rows about samples that the view does
    not have, `ungrouped` the view's samples that belong to no group.
    """

    names: tuple[str, ...]
    members: npt.NDArray[np.bool_]
    inputs: Mapping[str, str] = field(default_factory=dict)
    unknown: int = 0

    def __repr__(self) -> str:
        return f"Groups({len(self.names)} groups of {self.members.shape[1]:,} samples)"

    @property
    def everyone_first(self) -> tuple[str, ...]:
        """`all`, then the names: what the rows of `members` are."""
        return (ALL, *self.names)

    @property
    def sizes(self) -> dict[str, int]:
        """How many samples each has, `all` included."""
        return dict(zip(self.everyone_first, self.members.sum(axis=1).tolist(), strict=True))

    @property
    def ungrouped(self) -> int:
        """How many samples belong to no group."""
        return int((~self.members[1:].any(axis=0)).sum()) if self.names else 0


def read_groups(
    view: StoreView, groups: Any = None, *, by: Sequence[str] | str | None = None, strict: bool = False
) -> Groups:
    """Return the groups of a view's samples.

    Parameters
    ----------
    groups
        None for no group but everyone; a mapping from a name to sample ids; or a table by sample (see
        `analyses.sample_table.read_samples`) in which a column says to which group a sample belongs, a missing cell to
        none. A value of nobody in the view makes no group.
    by
        The columns of the table; all when None. With one column a group is called by its value, with more by
        `COLUMN.VALUE`.
    strict
        Refuse a table with a row about a sample that the view does not have, or without a row for one that it has.

    Raises
    ------
    InputError
        Unknown or duplicated ids, a group without a sample, a column that is absent or has more than 500 values.
    UsageError
        `by` without a table.
    """
    ids = [str(name) for name in view.sample_ids]
    if not ids:
        raise InputError(f"no sample is left in the view of {view.path}; nothing can be counted")
    place = {name: number for number, name in enumerate(ids)}
    if groups is None or isinstance(groups, Mapping):
        if by is not None:
            raise UsageError("columns to group by need a table of groups")
        named = (
            {}
            if groups is None
            else {str(name): _numbers(str(name), ids_of, place, view) for name, ids_of in groups.items()}
        )
        return _checked(named, len(ids), {}, 0, "the groups")
    table = read_samples(groups, role="groups")
    unknown = [name for name in table.sample_ids if name not in place]
    if unknown and (strict or len(unknown) == len(table.sample_ids)):
        raise InputError(
            f"{table.source} names {len(unknown):,} of {len(table.sample_ids):,} samples that the view does not have: "
            f"{_listed(unknown)}; remove these rows or mend the ids"
        )
    absent = len(place) - (len(table.sample_ids) - len(unknown))
    if absent and strict:
        raise InputError(f"{table.source} has no row for {absent:,} of the {len(place):,} samples; add their rows")
    columns = table.names if by is None else (by,) if isinstance(by, str) else tuple(by)
    found: dict[str, list[int]] = {}
    for column in columns:
        if column not in table.cells:
            raise InputError(f"{table.source} has no column {column}; it has {_listed(table.names)}")
        cells = table.cells[column]
        cells = cells.to_pylist() if hasattr(cells, "to_pylist") else cells
        words = ["" if cell is None or cell != cell else str(cell).strip() for cell in cells]
        of_sample = {place[name]: word for name, word in zip(table.sample_ids, words, strict=True) if name in place}
        values = sorted({word for word in of_sample.values() if word.lower() not in MISSING_WORDS})
        if len(values) > _GROUPS_MAX:
            raise InputError(
                f"{table.source}: column {column} has {len(values):,} values, more than {_GROUPS_MAX} groups; choose a "
                "column that says to which group a sample belongs"
            )
        of_value: dict[str, list[int]] = {value: [] for value in values}
        for number, word in of_sample.items():
            if word in of_value:
                of_value[word].append(number)
        found |= {value if len(columns) == 1 else f"{column}.{value}": rows for value, rows in of_value.items()}
    named = {name: np.array(rows, dtype=np.int64) for name, rows in found.items()}
    return _checked(named, len(ids), {"groups": table.sha256}, len(unknown), table.source)


def _numbers(name: str, ids: Iterable[str], place: Mapping[str, int], view: StoreView) -> npt.NDArray[np.int64]:
    wanted = [ids] if isinstance(ids, str) else [str(one) for one in ids]
    absent = [one for one in wanted if one not in place]
    if absent:
        raise InputError(
            f"{len(absent):,} samples of group {name} are not in this view of {view.path}: {_listed(absent)}"
        )
    twice = [one for one, times in Counter(wanted).items() if times > 1]
    if twice:
        raise InputError(f"group {name} has sample {twice[0]} twice; give each sample once")
    return np.array([place[one] for one in wanted], dtype=np.int64)


def _checked(
    named: Mapping[str, npt.NDArray[np.int64]], n_samples: int, inputs: Mapping[str, str], unknown: int, source: str
) -> Groups:
    members = np.zeros((1 + len(named), n_samples), dtype=np.bool_)
    members[0] = True
    for row, (name, numbers) in enumerate(named.items(), start=1):
        if name == ALL:
            raise InputError(f"{source}: a group is called {ALL}, which stands for every sample; give it another name")
        if not numbers.size:
            raise InputError(f"{source}: group {name} has no sample in this view; leave it out or mend the ids")
        members[row, numbers] = True
    return Groups(tuple(named), members, dict(inputs), unknown)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN_MAX])
    return f"{shown}, …" if len(names) > _SHOWN_MAX else shown or "none"
