"""The CSI index of a BGZF-compressed VCF, from where its records stand. Specification: hts-specs, CSIv1."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

_MIN_SHIFT: Final = 14
_VCF_PRESET: Final = (2, 1, 2, 0, ord("#"), 0)  # format, columns of contig, start, end; comment sign; lines to skip
_LEVEL_BITS: Final = 3


def csi_index(
    contigs: Sequence[str],
    contig: npt.NDArray[np.integer],
    start: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    first_byte: npt.NDArray[np.uint64],
    after_byte: npt.NDArray[np.uint64],
) -> bytes:
    """Return the index, to be compressed as BGZF.

    Parameters
    ----------
    contigs
        Names in the order of the header.
    contig, start, end
        integer[V], int64[V], int64[V]: where the records lie, zero-based half-open, in file order.
    first_byte, after_byte
        uint64[V]: virtual file offsets of each record and of what follows it.
    """
    depth = 5
    while int(end.max(initial=0)) > 1 << (_MIN_SHIFT + _LEVEL_BITS * depth):
        depth += 1
    used = [number for number in range(len(contigs)) if (contig == number).any()]
    names = b"".join(contigs[number].encode() + b"\0" for number in used)
    auxiliary = struct.pack("<7i", *_VCF_PRESET, len(names)) + names
    parts = [b"CSI\1", struct.pack("<3i", _MIN_SHIFT, depth, len(auxiliary)), auxiliary, struct.pack("<i", len(used))]
    for number in used:
        of_contig = contig == number
        parts += _bins(start[of_contig], end[of_contig], first_byte[of_contig], after_byte[of_contig], depth)
    parts.append(struct.pack("<Q", 0))  # records without a place
    return b"".join(parts)


def _bins(
    start: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    first_byte: npt.NDArray[np.uint64],
    after_byte: npt.NDArray[np.uint64],
    depth: int,
) -> list[bytes]:
    number = bin_numbers(start, end, depth)
    order = np.argsort(number, kind="stable")
    # records of one bin that follow each other in the file make one chunk
    breaks = (np.diff(number[order]) != 0) | (np.diff(order) != 1)
    cuts = np.concatenate(([0], np.flatnonzero(breaks) + 1, [len(order)]))
    runs = [(int(number[order[a]]), int(first_byte[order[a]]), int(after_byte[order[b - 1]]))
            for a, b in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)]  # fmt: skip
    chunks: dict[int, list[tuple[int, int]]] = {}
    for which, first, after in runs:
        chunks.setdefault(which, []).append((first, after))
    least = _least_offsets(start, end, first_byte, sorted(chunks), depth)
    parts = [struct.pack("<i", len(chunks) + 1)]
    for which in sorted(chunks):
        parts.append(struct.pack("<IQi", which, least[which], len(chunks[which])))
        parts += [struct.pack("<2Q", *chunk) for chunk in chunks[which]]
    # what htslib keeps beside them: where the contig's records lie, and how many they are
    summary = ((1 << (_LEVEL_BITS * (depth + 1))) - 1) // 7 + 1
    parts.append(struct.pack("<IQi4Q", summary, 0, 2, int(first_byte[0]), int(after_byte[-1]), len(start), 0))
    return parts


def bin_numbers(start: npt.NDArray[np.int64], end: npt.NDArray[np.int64], depth: int) -> npt.NDArray[np.int64]:
    """Return int64[V], the smallest bin that holds each of the intervals, zero-based half-open."""
    last = np.maximum(end - 1, start)
    number = np.zeros(len(start), dtype=np.int64)
    done = np.zeros(len(start), dtype=bool)
    for level in range(depth, 0, -1):
        shift = _MIN_SHIFT + _LEVEL_BITS * (depth - level)
        fits = ~done & (start >> shift == last >> shift)
        number[fits] = ((1 << _LEVEL_BITS * level) - 1) // 7 + (start[fits] >> shift)
        done |= fits
    return number


def _least_offsets(
    start: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    first_byte: npt.NDArray[np.uint64],
    bins: Sequence[int],
    depth: int,
) -> dict[int, int]:
    """Return an offset for each bin before which no record overlaps it: of the first that ends past its start."""
    reach = np.maximum.accumulate(np.maximum(end, start + 1))
    found = {}
    for number in bins:
        level = 0
        base = 0
        while level < depth and number >= ((1 << _LEVEL_BITS * (level + 1)) - 1) // 7:
            level += 1
            base = ((1 << _LEVEL_BITS * level) - 1) // 7
        begin = (number - base) << (_MIN_SHIFT + _LEVEL_BITS * (depth - level))
        found[number] = int(first_byte[min(int(np.searchsorted(reach, begin, side="right")), len(reach) - 1)])
    return found
