"""Compiled kernels are kept between processes, and never outlive an edit in any kernel's file."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from genomics_dc.kernels import _cache, _first

ROOT = Path(__file__).resolve().parents[2]

_CALLED = """
from genomics_dc.kernels._jit import jit

@jit
def step(x):
    return x + {added}
"""
_CALLER = """
from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.called import step

@jit
def twice(x):
    return step(step(x))
"""
_RUN = """
import os, sys
from importlib import import_module
refused = sys.argv[1]
if refused:  # as a read-only file system answers; root may write anywhere else
    asked = os.access
    os.access = lambda path, mode: not (str(path).startswith(refused) and mode & os.W_OK) and asked(path, mode)
from numba.core import event
with event.install_recorder("numba:compile") as recorder:
    from genomics_dc.kernels import _cache
    module, function = sys.argv[3].split(".")
    answer = getattr(import_module(f"genomics_dc.kernels.{module}"), function)(eval(sys.argv[2]))
print(answer, len(recorder.buffer) // 2)
"""


@pytest.fixture
def tree(tmp_path):
    """A tree with the real machinery and two small kernels, one of which calls the other from another file."""
    kernels = tmp_path / "tree" / "genomics_dc" / "kernels"
    kernels.mkdir(parents=True)
    (kernels.parent / "__init__.py").touch()
    for name in ("__init__.py", "_jit.py", "_cache.py", "_first.py"):
        shutil.copy(ROOT / "kernels" / name, kernels / name)
    (kernels / "called.py").write_text(_CALLED.format(added=1))
    (kernels / "caller.py").write_text(_CALLER)
    return tmp_path / "tree"


def run(tree, *, refused="", argument="10", what="caller.twice", **environment):
    """Return the answer, and how many functions were compiled, in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(refused), argument, what],
        cwd=tree,
        env={"PYTHONPATH": str(tree), "HOME": str(tree / "home"), "PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer, compiled = done.stdout.split()
    return float(answer), int(compiled)


def test_an_edit_in_a_called_file_is_seen(tree):
    kernels = tree / "genomics_dc" / "kernels"
    assert run(tree) == (12.0, 2)
    assert run(tree) == (12.0, 0)
    (kernels / "called.py").write_text(_CALLED.format(added=5))
    assert run(tree) == (20.0, 2)
    (kernels / "called.py").write_text(_CALLED.format(added=1))
    assert run(tree) == (12.0, 0)  # to and fro between two branches
    assert len(list((kernels / "__pycache__").glob("kernels-*"))) == 2
    assert not list((kernels / "__pycache__").glob("*.nb?"))


def test_an_edit_leaves_what_does_not_import_the_file(tree):
    kernels = tree / "genomics_dc" / "kernels"
    (kernels / "apart.py").write_text(_CALLED.format(added=3))
    assert run(tree, what="apart.step") == (13.0, 1)
    assert run(tree) == (12.0, 2)
    (kernels / "called.py").write_text(_CALLED.format(added=5))
    assert run(tree, what="apart.step") == (13.0, 0)
    assert run(tree) == (20.0, 2)
    assert run(tree, what="apart.step") == (13.0, 0)


def test_a_read_only_installation_is_read_and_what_it_lacks_goes_to_the_user(tree):
    assert run(tree) == (12.0, 2)
    shipped = sorted(path.name for path in (tree / "genomics_dc").rglob("*.nb?"))
    assert run(tree, refused=tree / "genomics_dc") == (12.0, 0)
    assert run(tree, refused=tree / "genomics_dc", argument="2.5") == (4.5, 2)
    assert run(tree, refused=tree / "genomics_dc", argument="2.5") == (4.5, 0)
    assert sorted(path.name for path in (tree / "genomics_dc").rglob("*.nb?")) == shipped
    assert list((tree / "home" / ".cache" / "genomics_dc").rglob("*.nbc"))


def test_no_place_to_write_is_no_reason_to_stop(tree):
    assert run(tree, refused=tree) == (12.0, 2)
    assert run(tree, NUMBA_CACHE_DIR="/proc/none") == (12.0, 2)
    assert not list(tree.rglob("*.nbc"))
    assert run(tree, NUMBA_CACHE_DIR=str(tree / "own")) == (12.0, 2)
    assert run(tree, NUMBA_CACHE_DIR=str(tree / "own")) == (12.0, 0)


def test_the_stamp_costs_little():
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        assert _cache.source_stamp.__wrapped__() == _cache.source_stamp()
        taken.append(time.perf_counter() - start)
    assert min(taken) < 0.02  # 0.002 s on an idle machine


def test_the_oldest_of_many_folders_goes(tmp_path):
    for number in range(5):
        (tmp_path / f"kernels-{number}").mkdir()
        time.sleep(0.01)
    _cache._drop_old_folders(tmp_path / "kernels-4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kernels-2", "kernels-3", "kernels-4"]


def test_every_kernel_is_kept_in_this_way():
    for folder in ("kernels", "genomics_dc"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not re.search(r"""cache["']?\s*[:=]\s*True""", path.read_text()), f"{path}: give it to _jit.kept"


def test_who_waits_is_told_once():
    told = []
    before = _first.nobody_waits()
    try:
        _first.before_first_compilation(lambda: told.append(1))
        assert _first.is_told()
        _first.tell_all()
        _first.tell_all()
        assert told == [1]
        assert not _first.is_told()
    finally:
        for tell in before:
            _first.before_first_compilation(tell)
