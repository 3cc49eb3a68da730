"""Which chromosome a variant lies on, as far as it says how many copies a person has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels.whole_counts import AUTOSOME, MT, X, Y
from genomics_dc.reference import contigs as contig_names

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

_KINDS = {"X": X, "Y": Y, "MT": MT}


def may_hold_x(view: StoreView) -> bool:
    """Tell whether the store declares X, so that positions say what a variant's kind is."""
    return any(contig_names.canonical(name) == "X" for name in view.contigs)


def contig_kinds(
    view: StoreView, contig: npt.NDArray[np.integer], position: npt.NDArray[np.integer] | None
) -> npt.NDArray[np.int8]:
    """Return int8[V]: AUTOSOME, X, Y or MT; the pseudoautosomal regions of X are autosomal.

    `contig` are numbers of `view.contigs`, `position` is one-based, and not needed where the store has no X. Where the
    assembly of the store is not known, all of X is X. Contigs of other names are autosomes.
    """
    by_contig = np.array(
        [_KINDS.get(contig_names.canonical(name), AUTOSOME) for name in view.contigs] or [AUTOSOME], np.int8
    )
    kinds: npt.NDArray[np.int8] = by_contig[contig]
    for number in np.flatnonzero(by_contig == X).tolist():
        assembly = view.assembly or contig_names.accession_assembly(view.contigs[number])
        for start, end in contig_names.pseudoautosomal_x(assembly):
            assert position is not None
            kinds[(contig == number) & (position > start) & (position <= end)] = AUTOSOME
    return kinds


def is_autosome(contigs: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    """Return bool[V] by name: false on X, Y and the mitochondrion; other names count as autosomes."""
    known = {name: contig_names.canonical(name) not in _KINDS for name in set(contigs.tolist())}
    return np.array([known[name] for name in contigs], dtype=bool)
