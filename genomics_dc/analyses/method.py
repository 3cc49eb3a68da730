"""Analyses as methods of a view: the function's own parameters and help, imported when it is first used."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable
from importlib import import_module
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from genomics_dc.progress import interactive, progress_bar
from genomics_dc.results import took

_Options = ParamSpec("_Options")
_Answer = TypeVar("_Answer")
_Final = TypeVar("_Final")


class Later:
    """A module that is imported when something of it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)


class Method(Generic[_Options, _Answer]):
    """A method made of a function whose first argument is the view; parameters and help are the function's.

    In a notebook or at a prompt a call that lasts shows how far it has come, unless it was given a `progress`.
    """

    def __init__(self, find: Callable[[], Callable[..., Any]], then: Callable[[Any], Any] | None = None) -> None:
        self._find = find
        self._then = then
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @functools.cached_property
    def _function(self) -> Callable[..., Any]:
        function = self._find()
        signature = inspect.signature(function)
        then = self._then

        def method(self: Any, *arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            if "progress" in signature.parameters and options.get("progress") is None and interactive():
                with progress_bar(name) as tell:
                    answer = function(self, *arguments, **{**options, "progress": tell})
            else:
                answer = function(self, *arguments, **options)
            took(answer, time.perf_counter() - start)
            return answer if then is None else then(answer)

        name = self._name
        method.__name__ = name
        method.__qualname__ = f"View.{name}"
        method.__doc__ = function.__doc__
        method.__module__ = function.__module__
        first, *rest = signature.parameters.values()
        returned = signature.return_annotation if then is None else inspect.signature(then).return_annotation
        method.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[first.replace(name="self", annotation=inspect.Parameter.empty), *rest],
            return_annotation=returned,
        )
        return method

    @overload
    def __get__(self, view: None, owner: type) -> Callable[Concatenate[Any, _Options], _Answer]: ...
    @overload
    def __get__(self, view: object, owner: type | None = None) -> Callable[_Options, _Answer]: ...
    def __get__(self, view: object | None, owner: type | None = None) -> Callable[..., _Answer]:
        return self._function if view is None else cast("Callable[..., _Answer]", MethodType(self._function, view))


@overload
def analysis(find: Callable[[], Callable[Concatenate[Any, _Options], _Answer]]) -> Method[_Options, _Answer]: ...
@overload
def analysis(
    find: Callable[[], Callable[Concatenate[Any, _Options], _Answer]], *, then: Callable[[_Answer], _Final]
) -> Method[_Options, _Final]: ...
def analysis(find: Callable[[], Callable[..., Any]], *, then: Callable[[Any], Any] | None = None) -> Method[..., Any]:
    """Make a method of the function that `find` gives; `then` turns its answer into what the method returns."""
    return Method(find, then)
