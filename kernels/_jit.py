"""How every kernel is compiled, in one place.

`nogil` lets threads over chunks run side by side; the machine code is kept between processes, so that a command does
not wait for the compiler. No `fastmath`: it would assume that no NaN exists, and NaN is how floats say "missing".
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar, cast

import numba
from numba.core import types
from numba.extending import intrinsic

from genomics_dc.kernels._cache import KernelCache

# What Numba imports at its first call, only to learn whether compiled code could use it, which no kernel does:
# scipy.linalg to multiply matrices (0.2 s), cffi to call C (0.09 s). A module that is None cannot be imported.
_ASKED_FOR = {"scipy.linalg": "numba.np.arraymath", "cffi": "numba.core.typing.cffi_utils"}
for _name, _asker in _ASKED_FOR.items():
    if _name not in sys.modules:
        sys.modules[_name] = None  # type: ignore[assignment]
        try:
            import_module(_asker)
        finally:
            del sys.modules[_name]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kept(dispatcher: Any) -> Any:
    """Return a compiled function whose machine code is kept between processes; see `kernels._cache`."""
    dispatcher._cache = KernelCache(dispatcher.py_func)
    return dispatcher


def jit(function: _Function) -> _Function:
    """Return `function` compiled to machine code at its first call, one version per set of argument types."""
    return cast(_Function, kept(numba.njit(nogil=True)(function)))


def borrowing_jit(function: _Function) -> _Function:
    """Return `function` compiled without reference counts; it must not make an array (views are fine).

    Numba counts references to the arrays that a function is given, one atomic step each way. For a small step of a
    loop that is most of its time, and threads that share an array wait for each other.
    """
    options: dict[str, Any] = {"nogil": True, "_nrt": False}  # the last is not in numba's type stubs
    return cast(_Function, kept(numba.njit(**options)(function)))


def summing_jit(function: _Function) -> _Function:
    """Return `function` compiled so that its sums of floats may be vector code: several partial sums side by side.

    The compiler chooses their number once, and multiplies and adds in one step: the order of a sum depends on the
    machine code and the lengths of the arrays, never on threads. Products of matrices go 15 times as fast. NaN and
    infinity keep their meaning: of all that `fastmath` could allow, only these two are.
    """
    return cast(_Function, kept(numba.njit(nogil=True, fastmath={"reassoc", "contract"})(function)))


@intrinsic
def _wide_vectors(_context: Any) -> Any:
    def generate(target: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        # llvmlite's set of attributes takes only the names that it knows; this one is a text in LLVM's own list
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return target.get_dummy_value()

    return types.void(), generate


wide_vectors = cast("Callable[[], None]", _wide_vectors)
"""Have the loops of the jitted function in which this stands use vectors of 64 bytes where the processor has them.

The compiler prefers half of that, as the first such processors slowed down. It does nothing at run time, and nothing on
other processors. Worth it only for long loops over arrays that begin on a line of the cache (see each caller).
"""
