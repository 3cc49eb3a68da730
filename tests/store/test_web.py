"""Stores that a plain web server gives, read by range."""

from __future__ import annotations

import io
import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from genomics_dc.cli.main import app
from genomics_dc.errors import OutputExistsError, ResourceError, StoreError, UsageError
from genomics_dc.store import (
    StoreView,
    append_store,
    build_store,
    export_view,
    merge_stores,
    query,
    store_info,
    verify_store,
)
from genomics_dc.store.remote import publish_store
from tests.builders import random_records, write_vcf
from tests.store.web_server import Server, serving

SAMPLES = tuple(f"S{j}" for j in range(40))


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a store of several chunks, in a folder whose name has a space and a letter past ASCII."""
    folder = tmp_path_factory.mktemp("web") / "köhort 1"
    folder.mkdir()
    vcf = write_vcf(folder / "in.vcf.gz", random_records(3_000, len(SAMPLES)), samples=SAMPLES)
    build_store(vcf, folder / "c.vcz")
    return folder / "c.vcz"


@pytest.fixture
def served(local: Path) -> Server:
    """Serve the folder above the store."""
    with serving(local.parent) as server:
        yield server


def text(store: object, **options: object) -> str:
    """Return lines of a store."""
    out = io.StringIO()
    query(store, out, query_format="%CHROM %POS %INFO[ %GT]\n", **options)
    return out.getvalue()


def test_it_reads_as_the_folder_does(local: Path, served: Server, tmp_path: Path) -> None:
    address = f"{served.url}/c.vcz"
    assert text(address) == text(local)
    assert text(address, region="1:1-500", samples=["S3"]) == text(local, region="1:1-500", samples=["S3"])
    view, here = StoreView.open(address), StoreView.open(local)
    assert view.store_hash == here.store_hash
    assert np.array_equal(view.dosage(), here.dosage())
    assert store_info(address).n_samples == len(SAMPLES)
    assert verify_store(address, deep=True).ok
    for name in ("x.vcf", "x.pgen", "x.parquet"):
        export_view(view, tmp_path / name)
        export_view(here, tmp_path / f"here-{name}")
    assert (tmp_path / "x.vcf").read_bytes() == (tmp_path / "here-x.vcf").read_bytes()
    assert (tmp_path / "x.pgen").read_bytes() == (tmp_path / "here-x.pgen").read_bytes()


def test_a_region_touches_few_bytes(local: Path, served: Server) -> None:
    whole = sum(path.stat().st_size for path in local.rglob("*") if path.is_file())
    view = StoreView.open(f"{served.url}/c.vcz")
    first = view.sites().position[0]
    served.given.clear()
    again = StoreView.open(f"{served.url}/c.vcz").region(f"1:{first}-{first}")
    assert again.dosage().shape[1] == len(SAMPLES)
    assert sum(size for _, size in served.given) < whole / 3


def test_the_command_reads_it(local: Path, served: Server) -> None:
    arguments = ["store", "query", f"{served.url}/c.vcz", "--format", r"%POS\n", "--region", "1"]
    there = CliRunner().invoke(app, arguments)
    here = CliRunner().invoke(app, [*arguments[:2], str(local), *arguments[3:]])
    assert there.exit_code == 0
    assert there.stdout == here.stdout != ""


def test_what_was_published_to_an_object_store_is_read_too(local: Path, tmp_path: Path) -> None:
    """The layout of `publish_store`: a folder for each generation, and current.json, which names one."""
    place = tmp_path / "bucket" / "c.vcz"
    shutil.copytree(local, place / "generations" / "1-abc")
    told = {"generation": 1, "folder": "generations/1-abc", "store_hash": StoreView.open(local).store_hash}
    (place / "current.json").write_text(json.dumps(told))
    with serving(tmp_path / "bucket") as server:
        view = StoreView.open(f"{server.url}/c.vcz")
        assert view.n_variants == StoreView.open(local).n_variants
        assert text(f"{server.url}/c.vcz/") == text(local)


def test_what_cannot_be_read_is_said(local: Path, served: Server, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no.vcz is not there, or is no store; give the address"):
        StoreView.open(f"{served.url}/no.vcz")
    served.gives_ranges = False
    with pytest.raises(ResourceError, match=r"does not give parts of files \(HTTP range requests\)"):
        StoreView.open(f"{served.url}/c.vcz").dosage()
    for change in (
        lambda: append_store(f"{served.url}/c.vcz", local.parent / "in.vcf.gz"),
        lambda: append_store(Path(f"{served.url}/c.vcz"), local.parent / "in.vcf.gz"),
        lambda: merge_stores([local, f"{served.url}/c.vcz"], tmp_path / "m.vcz"),
    ):
        with pytest.raises(UsageError, match="is elsewhere, where stores are read; copy it here"):
            change()
    with pytest.raises(UsageError, match="is an address to read from; publish to an object store"):
        publish_store(local, f"{served.url}/d.vcz")


def test_a_store_that_is_replaced_or_damaged_while_it_is_read(local: Path, tmp_path: Path) -> None:
    folder = tmp_path / "www"
    shutil.copytree(local, folder / "c.vcz")
    with serving(folder) as server:
        view = StoreView.open(f"{server.url}/c.vcz")
        chunk = folder / "c.vcz" / "derived" / "packed_dosage" / "c" / "0" / "0"
        data = bytearray(chunk.read_bytes())
        data[5] ^= 1
        chunk.write_bytes(data)
        with pytest.raises(StoreError, match=r"packed_dosage, chunk .* is damaged \(its SHA-256 differs\)"):
            view.dosage()
        report = verify_store(f"{server.url}/c.vcz")
        assert [finding.kind for finding in report.findings] == ["checksum"]
        vcf = write_vcf(tmp_path / "other.vcf", random_records(50, 40), samples=SAMPLES)
        with pytest.raises(OutputExistsError):
            build_store(vcf, folder / "c.vcz")
        build_store(vcf, folder / "c.vcz", force=True)
        with pytest.raises(StoreError, match="was replaced by another store while it was open; open it again"):
            view.dosage()


def test_opening_is_quick(served: Server) -> None:
    StoreView.open(f"{served.url}/c.vcz")
    started = time.process_time()
    StoreView.open(f"{served.url}/c.vcz")
    assert time.process_time() - started < 0.05
