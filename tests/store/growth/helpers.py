"""Parts of a cohort, and stores compared value for value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from genomics_dc.store.access import StoreFiles
from tests.builders import VCF_CONTIGS, write_vcf

COUNTED = ("variant_AC", "variant_AN", "variant_AF", "variant_NS", "variant_DP")


def columns_of(records: Sequence[str], samples: Iterable[int]) -> list[str]:
    """Return records with some of their samples, by number."""
    fields = [record.split(" ") for record in records]
    return [" ".join([*one[:9], *(one[9 + number] for number in samples)]) for one in fields]


def write_part(path: Path, records: Sequence[str], samples: Sequence[str], **how: object) -> Path:
    """Write records, given with spaces for tabs, as a VCF."""
    return write_vcf(path, records, samples=samples, **{"contigs": VCF_CONTIGS, **how})


def differences(first: Path, second: Path, *, skip: Iterable[str] = ()) -> list[str]:
    """Return the names of arrays that are not the same in type, shape, chunks or any value; NaNs by their bits."""
    one, two = StoreFiles(first), StoreFiles(second)
    found = sorted(set(one.names) ^ set(two.names))
    for name in sorted(set(one.names) & set(two.names)):
        if name in skip:
            continue
        a, b = one.array(name), two.array(name)
        if a.meta != b.meta or not same(a.read(), b.read()):
            found.append(name)
    return found


def same(first: np.ndarray, second: np.ndarray) -> bool:
    """Return whether two arrays have the same values, NaNs by their bits."""
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    if first.dtype.kind == "f":
        bits = f"u{first.dtype.itemsize}"
        first, second = np.ascontiguousarray(first).view(bits), np.ascontiguousarray(second).view(bits)
    return bool((first == second).all())
