"""What each ALT allele is, from the bytes of REF and ALT: no Python string for each.

Letters: V variants, A alleles, reference first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.counts import DELETION, INSERTION, OTHER, TRANSITION, TRANSVERSION

ABSENT = -1
"""No such allele: the site has fewer."""

# A C G T in either case: 1 2 3 4; N: 5; other bytes: 0. The pairs 1-3 and 2-4 are transitions.
_BASE = np.zeros(256, dtype=np.int8)
for _code, _letters in enumerate(("Aa", "Cc", "Gg", "Tt", "Nn"), start=1):
    for _letter in _letters:
        _BASE[ord(_letter)] = _code
_N = 5  # the largest


def _fill_classes(
    data: npt.NDArray[np.uint8],
    start: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    base: npt.NDArray[np.int8],
    classes: npt.NDArray[np.int8],
) -> None:
    for v in range(start.shape[0]):
        ref_length = end[v, 0] - start[v, 0]
        ref_known = True
        for at in range(start[v, 0], end[v, 0]):
            ref_known &= base[data[at]] > 0
        classes[v, 0] = OTHER
        for a in range(1, start.shape[1]):
            length = end[v, a] - start[v, a]
            if length == 0:
                classes[v, a] = ABSENT
                continue
            known = ref_known
            for at in range(start[v, a], end[v, a]):
                known &= base[data[at]] > 0
            if not known:
                classes[v, a] = OTHER
            elif length > ref_length:
                classes[v, a] = INSERTION
            elif length < ref_length:
                classes[v, a] = DELETION
            elif length == 1:
                ref = base[data[start[v, 0]]]
                alt = base[data[start[v, a]]]
                if max(ref, alt) == _N or ref == alt:
                    classes[v, a] = OTHER
                else:
                    classes[v, a] = TRANSITION if ref + 2 == alt or alt + 2 == ref else TRANSVERSION
            else:
                classes[v, a] = OTHER


_fill_classes_jit = jit(_fill_classes)


def allele_classes(
    data: npt.NDArray[np.uint8], start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]
) -> npt.NDArray[np.int8]:
    """Return int8[V, A]: TRANSITION, TRANSVERSION, INSERTION, DELETION or OTHER; ABSENT where there is no such allele.

    Parameters
    ----------
    data, start, end
        uint8 text, and int64[V, A] places of the alleles in it; column 0, the reference, comes out as OTHER.

    Notes
    -----
    OTHER are symbolic alleles, `*`, breakends, substitutions of more than one base, and single bases of which one is N.

    Examples
    --------
    >>> import numpy as np
    >>> text = np.frombuffer(b"AGAT", dtype=np.uint8)
    >>> allele_classes(text, np.array([[0, 1, 2]]), np.array([[1, 2, 4]])).tolist()
    [[4, 0, 2]]
    """
    if start.ndim != 2 or start.shape != end.shape:
        raise ValueError(f"start and end must have one shape (V, A), not {start.shape} and {end.shape}")
    classes = np.empty(start.shape, dtype=np.int8)
    _fill_classes_jit(data, np.ascontiguousarray(start), np.ascontiguousarray(end), _BASE, classes)
    return classes
