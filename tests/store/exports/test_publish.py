"""Files that belong together appear together or not at all; the command says what was lost."""

import json
import subprocess

import pytest

from genomics_dc.errors import OutputExistsError, ResourceError, UsageError
from genomics_dc.files import atomic_files
from genomics_dc.store import export_view
from tests.cli.test_store_command import run

KINDS = {
    "pgen": ("x.pgen", "x.psam", "x.pvar"),
    "bed": ("x.bed", "x.bim", "x.fam"),
    "bgen": ("x.bgen", "x.bgen.bgi", "x.sample"),
    "parquet": ("x.parquet",),
    "vcf": ("x.vcf",),
    "vcf.gz": ("x.vcf.gz", "x.vcf.gz.csi"),
    "bcf": ("x.bcf", "x.bcf.csi"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_output_is_replaced_only_when_asked(two_alleles, tmp_path, kind):
    view = two_alleles[1].region("1:1-200")
    for name in KINDS[kind]:
        (tmp_path / name).write_text("old")
        with pytest.raises(OutputExistsError, match="--force"):
            export_view(view, tmp_path / f"x.{kind}")
        assert (tmp_path / name).read_text() == "old"
        (tmp_path / name).unlink()
    for name in KINDS[kind]:
        (tmp_path / name).write_text("old")
    shares = []
    export_view(view, tmp_path / f"x.{kind}", force=True, progress=lambda step, share: shares.append(share))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(KINDS[kind])
    assert all((tmp_path / name).read_bytes() != b"old" for name in KINDS[kind])
    assert shares == sorted(shares)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_said_and_leaves_nothing(two_alleles, tmp_path, kind):
    small = tmp_path / "small"
    small.mkdir()
    view = two_alleles[1]
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8k", "none", str(small)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs to be root")
    try:
        with pytest.raises(ResourceError, match="full"):
            export_view(view, small / f"x.{kind}")
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


def test_the_main_file_never_stands_beside_companions_of_another_set(tmp_path):
    paths = [tmp_path / "x.main", tmp_path / "x.side"]
    for path in paths:
        path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_files(paths, force=True) as staged:
        staged[0].write_text(str(1 / 0))
    assert [path.read_text() for path in paths] == ["old", "old"]
    with pytest.raises(OSError, match="was not written"), atomic_files(paths, force=True) as staged:
        staged[0].write_text("new")  # the other file was never made
    assert [path.read_text() for path in paths] == ["old", "old"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.main", "x.side"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("x.txt", {}, "should end in .vcf.gz, .vcf, .bcf, .pgen, .bed, .bgen, .parquet"),
        (".pgen", {}, "should end in"),
        ("x.pgen", {"split_multiallelic": True}, "splitting ALT alleles is for .bed"),
        ("x.bed", {"compress_sites": True}, "is for .pgen"),
    ],
)
def test_mistakes(two_alleles, tmp_path, name, options, message):
    with pytest.raises(UsageError, match=message):
        export_view(two_alleles[1], tmp_path / name, **options)


def test_the_command_takes_the_options_of_a_view(two_alleles, tmp_path):
    _, view = two_alleles
    (tmp_path / "keep.txt").write_text("S1\nS2\nS5\n")
    (tmp_path / "ids.txt").write_text("".join(f"rs{number}\n" for number in range(200)))
    words = ["export", view.path, "--output", tmp_path / "x.bed", "--keep", tmp_path / "keep.txt", "--json"]
    words += ["--region", "1", "--extract", tmp_path / "ids.txt", "--maf", "0.1", "--hwe", "0.01", "--missing", "0.5"]
    done = run(*words)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    chosen = view.region("1").samples(["S1", "S2", "S5"]).variants(extract=[f"rs{number}" for number in range(200)])
    chosen = chosen.variants(maf=0.1, hwe=0.01, missing=0.5)
    assert told["n_variants"] == chosen.n_variants > 10
    assert told["n_samples"] == 3
    assert len((tmp_path / "x.bim").read_text().splitlines()) == chosen.n_variants
    assert "note: a bed holds neither phase" in done.stderr
    assert (
        run("export", view.path, "-o", tmp_path / "y.bed", "-s", "S1", "--keep", tmp_path / "keep.txt").returncode == 2
    )
