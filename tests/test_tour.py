"""docs/tour.ipynb: what is stored in it, and that it runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from genomics_dc.demo.sources import DEBIAN_FILES

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: genomics_dc[notebook]")
TOUR = Path(__file__).resolve().parents[1] / "docs" / "tour.ipynb"


@pytest.fixture(scope="module")
def tour():
    return nbformat.read(TOUR, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_what_is_stored_is_whole_small_and_of_nobody(tour):
    assert TOUR.stat().st_size < 400_000
    assert [cell.execution_count for cell in code_cells(tour)] == list(range(1, len(code_cells(tour)) + 1))
    assert all(output.output_type != "error" for cell in code_cells(tour) for output in cell.outputs)
    pictures = [output for cell in code_cells(tour) for output in cell.outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 4  # quality, components, Manhattan, QQ
    text = TOUR.read_text(encoding="utf-8")
    assert not re.search(r"/(root|home|work|tmp)/|HG0\d{4}|NA\d{5}", text)
    assert not re.search(r"\b[01][/|][01]\b", re.sub(r'"image/png": "[^"]*"', "", text))


def test_every_step_is_there(tour):
    code = "\n".join(cell.source for cell in code_cells(tour))
    for word in ("open_store", ".variants(", ".qc(", ".ld_prune(", ".pca(", ".associate(", ".plot.", "to_pandas"):
        assert word in code


def test_it_runs(tour, tmp_path, program):
    """On 358 people and 85,485 variants: about ten seconds on an idle machine."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: genomics_dc[notebook]")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: genomics_dc[notebook]")
    program("bcftools")
    data = DEBIAN_FILES["GEUVADIS"]
    if not data.path.is_file():
        pytest.skip(f"the Debian package {data.package} is not installed")
    made = nbformat.from_dict(tour)
    client = nbclient.NotebookClient(
        made, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    again = [cell.outputs[-1].get("data", {}).keys() for cell in code_cells(made) if cell.outputs]
    stored = [cell.outputs[-1].get("data", {}).keys() for cell in code_cells(tour) if cell.outputs]
    assert again == stored
    assert (tmp_path / "tour-data" / "geuvadis.vcz").is_dir()
