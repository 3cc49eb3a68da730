"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that is not part of the project; skips where it is absent."""
    path = Path(os.environ.get("GENOMICS_DC_SHARED_DATA", _ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"the real data are not here ({path}); set GENOMICS_DC_SHARED_DATA to their folder")
    return path


@pytest.fixture(scope="session")
def program():
    """Give a function that returns the path of an outside program, or skips the test with the reason."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{name} is not installed")
        return path

    return find
