"""Where compiled kernels are kept between processes, and when they are out of date.

Numba keeps the machine code of a function until the file of that function changes. A kernel that calls another of a
different file would so run the old one, compiled into it. Here the code of a function is kept until its file changes,
or one that this imports, or one that that imports. It lies in a folder that is named after all sources of all kernels,
so that two branches do not take turns in one; a new folder begins with what the one before it held.

An installation that cannot be written to may carry its folder, filled when it was installed: it is read where it lies,
and what it lacks is kept for the user.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

import llvmlite.binding
import numba
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, _CacheLocator

from genomics_dc.kernels import _first

_settings: Any = config  # what it holds comes from the environment
_KERNELS: Final = Path(__file__).resolve().parent
_FOLDER: Final = "kernels-"
_FOLDERS_KEPT: Final = 3  # of sources that came before, as when one goes to and fro between two branches


_IMPORT: Final = re.compile(
    r"^\s*(?:from|import) genomics_dc\.kernels([\w.]*)(?: import (\([^)]*\)|.*))?", re.MULTILINE
)


@cache
def source_stamp() -> str:
    """Return a hash of the sources of all kernels, of Numba's version and of Python's: 16 hexadecimal digits."""
    return _hash_of(_sources())


@cache
def _sources() -> dict[str, bytes]:
    """Return the source of every kernel by its path under the folder of kernels."""
    return {str(path.relative_to(_KERNELS)): path.read_bytes() for path in sorted(_KERNELS.glob("**/*.py"))}


def _hash_of(sources: dict[str, bytes]) -> str:
    digest = hashlib.sha256(f"{numba.__version__} {sys.version_info[:2]}".encode())
    for name in sorted(sources):
        digest.update(name.encode() + b"\0" + hashlib.sha256(sources[name]).digest())
    return digest.hexdigest()[:16]


@cache
def _imported_by(name: str) -> frozenset[str]:
    """Return the sources that one imports itself."""
    found = set()
    for module, names in _IMPORT.findall(_sources()[name].decode()):
        base = module.strip(".").replace(".", "/")
        words = re.findall(r"\w+", names)
        places = [base, *(f"{base}/{word}" for word in words)]
        found |= {f"{place.strip('/')}{end}" for place in places for end in (".py", "/__init__.py")}
    return frozenset(found & _sources().keys())


@cache
def stamp_of_source(name: str) -> str:
    """Return a hash of one source and of all that it imports, and that these import."""
    reached, waiting = {name}, [name]
    while waiting:
        more = _imported_by(waiting.pop()) - reached
        reached |= more
        waiting += more
    return _hash_of({one: _sources()[one] for one in reached})


@cache
def folders() -> tuple[tuple[Path, ...], Path | None]:
    """Return the folders in which compiled kernels are looked for, and the one where new ones go, or None."""
    name = _FOLDER + source_stamp()
    if _settings.CACHE_DIR:  # NUMBA_CACHE_DIR
        chosen = Path(_settings.CACHE_DIR, name)
        return (chosen,), chosen
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    places = (_KERNELS / "__pycache__" / name, home / "genomics_dc" / name)
    return places, next((place for place in places if _writable(place)), None)


def _writable(folder: Path) -> bool:
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)


def is_complete() -> bool:
    """Tell whether the kernels were compiled for this processor, all of them."""
    return any((folder / _marker()).exists() for folder in folders()[0])


def mark_complete() -> None:
    """Say that the kernels have been compiled for this processor, all that the commands need."""
    target = folders()[1]
    if target is not None:
        target.mkdir(parents=True, exist_ok=True)
        (target / _marker()).touch()


def _marker() -> str:
    return f"complete-{_settings.CPU_NAME or llvmlite.binding.get_host_cpu_name()}"


class _Locator(_CacheLocator):
    def __init__(self, folder: Path, line: int, stamp: str) -> None:
        self._folder = folder
        self._line = line
        self._stamp = stamp

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_disambiguator(self) -> str:
        return str(self._line)


class _Implementation(CompileResultCacheImpl):
    def __init__(self, function: Any) -> None:
        self._lineno = function.__code__.co_firstlineno
        self._locator = _Locator(folders()[1] or folders()[0][0], self._lineno, _stamp_of(function))
        self._locator._py_file = function.__code__.co_filename  # numba names it in a warning
        self._filename_base = self.get_filename_base(f"{function.__module__}.{function.__qualname__}", "")


def _stamp_of(function: Any) -> str:
    """Return the stamp of a kernel's source; a function that lives elsewhere has that of all, and of its own file."""
    file = Path(function.__code__.co_filename).resolve()
    if _KERNELS in file.parents:
        return stamp_of_source(str(file.relative_to(_KERNELS)))
    if not file.exists():
        return source_stamp()
    return source_stamp() + hashlib.sha256(file.read_bytes()).hexdigest()[:16]


class KernelCache(FunctionCache):
    """The compiled versions of one function: read from any folder, written to one."""

    _impl_class = _Implementation

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp()
        self._shipped = [
            IndexDataCacheFile(str(folder), self._impl.filename_base, stamp)
            for folder in folders()[0]
            if str(folder) != self._cache_path
        ]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the code for these argument types, or None when it has to be compiled."""
        found = self._found(sig, target_context)
        if found is None and _begun():
            found = self._found(sig, target_context)
        if found is None and _first.is_told() and not is_complete():
            _first.tell_all()
            found = self._found(sig, target_context)  # who was told may have compiled it
        return found

    def _found(self, sig: Any, target_context: Any) -> Any:
        target_context.refresh()
        found = self._load_overload(sig, target_context)
        if found is not None:
            return found
        key = self._index_key(sig, target_context.codegen())
        for shipped in self._shipped:
            data = shipped.load(key)
            if data is not None:
                return self._impl.rebuild(target_context, data)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code. Where the disk refuses, the next process compiles again: no reason to stop this one."""
        target = folders()[1]
        if target is None:
            return
        try:
            target.mkdir(parents=True, exist_ok=True)
            super().save_overload(sig, data)
        except OSError:
            return


@cache
def _begun() -> bool:
    """Make the folder for new ones, if there is none yet, of what the last one held; return whether it was made now."""
    target = folders()[1]
    if target is None or target.exists():
        return False
    try:
        others = _other_folders(target)
        staging = target.with_name(f".{target.name}-{os.getpid()}")
        if others:
            shutil.copytree(others[0], staging, copy_function=os.link, ignore=shutil.ignore_patterns("complete-*"))
        else:
            staging.mkdir(parents=True)
        try:
            staging.rename(target)
        except OSError:  # another process was first
            shutil.rmtree(staging, ignore_errors=True)
        _drop_old_folders(target)
    except OSError:
        return False
    return True


def _other_folders(than: Path) -> list[Path]:
    """Return the folders of other sources, the newest first."""
    others = [path for path in than.parent.glob(f"{_FOLDER}*") if path != than]
    return sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)


def _drop_old_folders(newest: Path) -> None:
    for path in _other_folders(newest)[_FOLDERS_KEPT - 1 :]:
        shutil.rmtree(path, ignore_errors=True)
