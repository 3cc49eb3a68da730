"""Names in text: sets of names that a kernel can look up, and comparing pieces of a buffer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit

_OFFSET = np.uint64(14695981039346656037)  # FNV-1a, 64 bits
_PRIME = np.uint64(1099511628211)


@dataclass(frozen=True)
class Names:
    """N different names as arrays, with a hash table: `find` gives a name's number, 0 to N - 1, or -1.

    data uint8[], start and end int64[N] (places in data), slots int32[2^k] (a name's number, or -1).
    """

    data: npt.NDArray[np.uint8]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    slots: npt.NDArray[np.int32]

    @classmethod
    def of(cls, names: Iterable[str]) -> Names:
        """Return `names` in their order; raise ValueError when one comes twice."""
        encoded = [name.encode() for name in names]
        if len(set(encoded)) != len(encoded):
            raise ValueError(f"a name comes twice among {len(encoded)}")
        ends = np.cumsum([len(name) for name in encoded], dtype=np.int64)
        starts = np.concatenate([np.zeros(1, dtype=np.int64), ends])[: len(encoded)]
        data = np.frombuffer(b"".join(encoded), dtype=np.uint8).copy()
        slots = np.full(1 << (2 * len(encoded) + 2).bit_length(), -1, dtype=np.int32)
        _fill(data, starts, ends, slots)
        return cls(data, starts, ends, slots)

    def __len__(self) -> int:
        return len(self.start)


@borrowing_jit
def same(
    a: npt.NDArray[np.uint8], a_start: int, a_end: int, b: npt.NDArray[np.uint8], b_start: int, b_end: int
) -> bool:
    """Tell whether a[a_start:a_end] and b[b_start:b_end] are the same bytes."""
    if a_end - a_start != b_end - b_start:
        return False
    for i in range(a_end - a_start):  # noqa: SIM110 (compiled)
        if a[a_start + i] != b[b_start + i]:
            return False
    return True


@borrowing_jit
def find(
    data: npt.NDArray[np.uint8],
    start: int,
    end: int,
    names: npt.NDArray[np.uint8],
    name_start: npt.NDArray[np.int64],
    name_end: npt.NDArray[np.int64],
    slots: npt.NDArray[np.int32],
) -> int:
    """Return the number of the name in data[start:end], or -1; the last four are a `Names`."""
    mask = slots.shape[0] - 1
    slot = _hash(data, start, end) & mask
    while slots[slot] >= 0:
        number = int(slots[slot])
        if same(data, start, end, names, name_start[number], name_end[number]):
            return number
        slot = (slot + 1) & mask
    return -1


@borrowing_jit
def _hash(data: npt.NDArray[np.uint8], start: int, end: int) -> np.int64:
    value = _OFFSET
    for i in range(start, end):
        value = (value ^ np.uint64(data[i])) * _PRIME
    return np.int64(value >> np.uint64(17))


@borrowing_jit
def _fill(
    names: npt.NDArray[np.uint8],
    name_start: npt.NDArray[np.int64],
    name_end: npt.NDArray[np.int64],
    slots: npt.NDArray[np.int32],
) -> None:
    mask = slots.shape[0] - 1
    for number in range(name_start.shape[0]):
        slot = _hash(names, name_start[number], name_end[number]) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = number
