"""Some variants of a view, as its arrays are given out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from genomics_dc.store.opened import Rows


@dataclass(frozen=True, repr=False)
class Block:
    """Some variants of a view that lie in one chunk: `index` int64[V] is their row in the store."""

    index: Rows
    arrays: Mapping[str, npt.NDArray[Any]]

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self.arrays[name]

    def __getattr__(self, name: str) -> npt.NDArray[Any]:
        arrays: Mapping[str, npt.NDArray[Any]] = object.__getattribute__(self, "arrays")
        if name in arrays:
            return arrays[name]
        raise AttributeError(f"this block was asked for {', '.join(arrays) or 'nothing'}, not for {name}")

    def __len__(self) -> int:
        return len(self.index)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}{list(array.shape)}" for name, array in self.arrays.items())
        return f"Block({len(self)} variants: {shapes})"
