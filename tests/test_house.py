"""The house itself: links, package list, public names, cheap imports, one way to say each thing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from setuptools import find_packages

import genomics_dc

ROOT = Path(__file__).resolve().parents[1]
LINKED_ROOMS = ("kernels", "cohorts", "reference", "workflows")
HEAVY_MODULES = (
    "hail",
    "snakemake",
    "matplotlib",
    "weasyprint",
    "numba",
    "zarr",
    "sqlalchemy",
    "pandas",
    "polars",
    "distributed",
)


@pytest.mark.parametrize("room", LINKED_ROOMS)
def test_room_is_a_relative_link_that_resolves(room: str) -> None:
    link = ROOT / "genomics_dc" / room
    assert link.is_symlink()
    assert link.readlink() == Path("..") / room
    assert (link / "__init__.py").is_file()


def test_values_travel_with_the_package() -> None:
    link = ROOT / "genomics_dc" / "configs"
    assert link.is_symlink()
    assert link.readlink() == Path("..") / "configs"
    assert list(link.glob("*.yaml"))


def test_package_list_is_what_the_tree_holds() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = ["genomics_dc", *(f"genomics_dc.{name}" for name in find_packages(str(ROOT / "genomics_dc")))]
    for room in LINKED_ROOMS:
        found += [f"genomics_dc.{room}", *(f"genomics_dc.{room}.{name}" for name in find_packages(str(ROOT / room)))]
    assert sorted(listed) == sorted(set(found))


def test_public_names_are_a_choice() -> None:
    assert genomics_dc.__all__ == [
        "DataCentre",
        "GenomicsError",
        "Result",
        "View",
        "build_store",
        "hail_bridge",
        "memory_ceiling",
        "open_centre",
        "open_store",
        "use_cluster",
        "verify_store",
    ]
    for name in genomics_dc.__all__:
        value = getattr(genomics_dc, name)
        assert getattr(value, "__module__", value.__name__).startswith("genomics_dc.")


def test_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'open_vcf'"):
        genomics_dc.open_vcf  # noqa: B018


def test_import_is_cheap() -> None:
    code = f"import sys, genomics_dc; print([m for m in {HEAVY_MODULES!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_of_the_command_line_is_cheap() -> None:
    code = (
        "import sys; sys.argv = ['genomics-dc', '--help']\n"
        "from genomics_dc.cli import main\n"
        "try:\n    main.main()\nexcept SystemExit:\n    pass\n"
        f"print('HEAVY', [m for m in {HEAVY_MODULES!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("HEAVY []")


def test_bare_room_import_is_banned() -> None:
    source = "import kernels\nfrom cohorts import models\n"
    done = subprocess.run(
        [
            *f"{sys.executable} -m ruff check --output-format=concise --select TID251".split(),
            "--stdin-filename",
            "x.py",
            "-",
        ],
        input=source,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.stdout.count("TID251") == 2


def test_no_lock_file_with_addresses_is_tracked() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    assert "uv.lock" not in tracked
    assert "http" not in (ROOT / "constraints.txt").read_text()


def test_debian_packages_of_programs_are_in_the_one_list() -> None:
    from genomics_dc.tools import PROGRAMS

    lines = (ROOT / "scripts" / "debian-packages.txt").read_text().splitlines()
    listed = {line.split()[0] for line in lines if line and not line.startswith("#")}
    assert {program.package for program in PROGRAMS.values()} <= listed
