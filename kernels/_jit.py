"""How every kernel is compiled, in one place.

`nogil` lets threads over chunks run side by side; `cache` keeps the machine code between processes, so that a command
does not wait for the compiler. No `fastmath`: it would assume that no NaN exists, and NaN is how floats say "missing".
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

if "scipy.linalg" not in sys.modules:
    # At its first call Numba imports scipy.linalg, 0.2 s, only to learn whether it could multiply matrices in compiled
    # code, which no kernel does. A module that is None cannot be imported.
    sys.modules["scipy.linalg"] = None  # type: ignore[assignment]
    try:
        import numba.np.arraymath
    finally:
        del sys.modules["scipy.linalg"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def jit(function: _Function) -> _Function:
    """Return `function` compiled to machine code at its first call, one version per set of argument types."""
    return cast(_Function, numba.njit(nogil=True, cache=True)(function))


def parallel_jit(function: _Function) -> _Function:
    """Return `function` compiled with `numba.prange` loops spread over Numba's threads.

    Only for loops whose turns write to different places: a sum across threads would depend on their number.
    """
    return cast(_Function, numba.njit(nogil=True, cache=True, parallel=True)(function))


def borrowing_jit(function: _Function) -> _Function:
    """Return `function` compiled without reference counts; it must not make an array (views are fine).

    Numba counts references to the arrays that a function is given, one atomic step each way. For a small step of a
    loop that is most of its time, and threads that share an array wait for each other.
    """
    options: dict[str, Any] = {"nogil": True, "cache": True, "_nrt": False}  # the last is not in numba's type stubs
    return cast(_Function, numba.njit(**options)(function))


def summing_jit(function: _Function) -> _Function:
    """Return `function` compiled so that its sums of floats may be vector code: several partial sums side by side.

    The compiler chooses their number once, and multiplies and adds in one step: the order of a sum depends on the
    machine code and the lengths of the arrays, never on threads. Products of matrices go 15 times as fast. NaN and
    infinity keep their meaning: of all that `fastmath` could allow, only these two are.
    """
    return cast(_Function, numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})(function))
