"""The genotypes of a view for a scan, block by block: packed as they are stored, or dosages from another field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.packed_blocks import packed_of
from genomics_dc.errors import InputError
from genomics_dc.kernels import genotypes

if TYPE_CHECKING:
    from genomics_dc.store.blocks import Block, Blocks
    from genomics_dc.store.read import StoreView

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Source:
    """Blocks of a view's genotypes: `packed` uint8[V, B] of all samples of a store, or dosages float64[V, S].

    Sample i of the view is column columns[i] of `n_columns`. `read` takes the genotypes out of a block of `stored`.
    """

    stored: Blocks
    read: Callable[[Block], npt.NDArray[Any]]
    columns: npt.NDArray[np.int64]
    n_columns: int

    @property
    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """The genotypes of each block, once."""
        return map(self.read, self.stored)

    def dosage(self, block: npt.NDArray[Any], rows: npt.NDArray[np.int64]) -> _Floats:
        """Return float64[V, rows] of a block, NaN missing; `rows` are samples of the view."""
        if block.dtype != np.uint8:
            return np.asarray(block[:, rows], dtype=np.float64)
        calls = genotypes.unpack_dosage(block, self.n_columns, self.columns[rows])
        return np.where(calls < 0, np.nan, calls)


def source_of(view: StoreView, store: StoreView, field: str) -> Source:
    """Return the genotypes of a view of `store`.

    "GT": packed genotypes of all samples of the store, as to read them whole is faster than to choose; only where the
    store hides samples are the view's packed anew. "DS", "GP": dosages from call_DS or call_GP.

    Raises
    ------
    InputError
        When the store has no such field, or a dosage is not one of the first ALT allele, 0 to 2.
    """
    everyone = np.arange(view.n_samples, dtype=np.int64)
    if field != "GT":
        name = f"call_{field}"
        if name not in view.fields:
            kept = ", ".join(one for one in view.fields if one.startswith("call_")) or "none"
            raise InputError(f"{view.path} has no {field} of its samples; it has {kept}")
        return Source(view.blocks(name), partial(_dosages, name, field, str(view.path)), everyone, view.n_samples)
    numbers = view.sample_numbers()
    if store.sample_numbers() is not None:
        return Source(view.blocks("dosage"), packed_of, everyone, view.n_samples)
    whole = view if numbers is None else store.variants(index=view.sites_index())
    columns = np.arange(store.n_samples, dtype=np.int64) if numbers is None else numbers
    return Source(whole.blocks("packed"), packed_of, columns, store.n_samples)


def _dosages(name: str, field: str, shown: str, block: Block) -> _Floats:
    with np.errstate(invalid="ignore"):  # missing is a signalling NaN, which a cast complains about
        found = np.asarray(block[name], dtype=np.float64)
    if field == "GP":
        if found.ndim != 3 or found.shape[2] < 3:
            raise InputError(f"{shown}: GP must hold three probabilities a call to become a dosage")
        found = found[:, :, 1] + 2.0 * found[:, :, 2]
    elif found.ndim == 3:
        found = found[:, :, 0]
    wrong = np.argwhere((found < 0.0) | (found > 2.0 + 1e-3))
    if wrong.size:
        raise InputError(
            f"{shown}: {field} holds a dosage of {found[tuple(wrong[0])]:g}; expected 0 to 2 copies of the first "
            "ALT allele"
        )
    return np.minimum(found, 2.0)


def dosages_of(view: StoreView, store: StoreView, names: Sequence[str], field: str) -> _Floats:
    """Return float64[S, names]: the dosage of some variants of a store for the samples of a view, NaN missing.

    Raises
    ------
    InputError
        When the store does not have one of them, or twice.
    """
    everywhere = store if view.sample_numbers() is None else store.samples([str(name) for name in view.sample_ids])
    chosen = everywhere.variants(extract=names)
    sites = chosen.sites()
    known: dict[str, list[int]] = {}
    for row, (name, other) in enumerate(zip(sites.identifier, sites.variant_id, strict=True)):
        made = f"{sites.contig[row]}:{sites.position[row]}:{sites.ref[row]}:{sites.alt[row]}"
        for one in {str(name), str(other), made}:
            known.setdefault(one, []).append(row)
    for name in names:
        places = known.get(name, [])
        if len(places) != 1:
            count = "is not in" if not places else "stands more than once in"
            raise InputError(f"variant {name} of the condition {count} {store.path}; give ids that stand there once")
    if not names:
        return np.empty((view.n_samples, 0))
    source = source_of(chosen, store, field)
    everyone = np.arange(view.n_samples, dtype=np.int64)
    values = np.concatenate([source.dosage(block, everyone) for block in source.blocks])
    return np.ascontiguousarray(values[[known[name][0] for name in names]].T)
