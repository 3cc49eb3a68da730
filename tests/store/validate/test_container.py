"""Text, BGZF, gzip and BCF; cut and flipped in every place: always a finding and never a traceback."""

from __future__ import annotations

import gzip
import random
import shutil
from pathlib import Path

import pysam
import pytest

from genomics_dc.errors import InputError
from genomics_dc.store.validate import validate_vcf
from tests.peak_memory import run_and_measure
from tests.store.validate.vcf_text import COLUMNS, INFO, record, text, validated

RECORDS = [record(pos=str(i + 1), id=f"rs{i}", alt="CGT"[i % 3], info=f"XS={'x' * (i % 50)}y") for i in range(900)]
DATA = text(RECORDS)


@pytest.fixture
def bgzf(tmp_path: Path) -> Path:
    plain = tmp_path / "x.vcf"
    plain.write_bytes(DATA)
    pysam.tabix_compress(str(plain), str(tmp_path / "x.vcf.gz"))
    return tmp_path / "x.vcf.gz"


def _bcf(bgzf: Path) -> Path:
    path = bgzf.with_name("x.bcf")
    with pysam.VariantFile(str(bgzf)) as given, pysam.VariantFile(str(path), "wb", header=given.header) as out:
        for one in given:
            out.write(one)
    return path


def test_every_container_has_the_same_verdict(bgzf: Path, tmp_path: Path) -> None:
    (tmp_path / "g.vcf.gz").write_bytes(gzip.compress(DATA))
    plain = validate_vcf(tmp_path / "x.vcf")
    assert plain.is_valid
    assert plain.n_records == 900
    in_bgzf, in_gzip, in_bcf = (validate_vcf(p) for p in (bgzf, tmp_path / "g.vcf.gz", _bcf(bgzf)))
    assert in_bgzf.counts == plain.counts
    assert in_gzip.counts == plain.counts | {"file-not-bgzf": 1}
    assert (in_bcf.n_records, in_bcf.is_valid) == (900, True)


def test_errors_have_the_same_place_in_text_and_bgzf(tmp_path: Path) -> None:
    data = text([*RECORDS[:400], record(pos="500", id=".", qual="x"), record(pos="600", id=".")])
    found = validated(tmp_path, data)
    pysam.tabix_compress(str(tmp_path / "x.vcf"), str(tmp_path / "y.vcf.gz"))
    again = validate_vcf(tmp_path / "y.vcf.gz")
    assert [str(f) for f in found.findings] == [str(f) for f in again.findings]
    assert (found.findings[0].line, found.findings[0].column) == (423, 6)


def test_missing_end_of_file_block(bgzf: Path) -> None:
    bgzf.write_bytes(bgzf.read_bytes()[:-28])
    found = validate_vcf(bgzf)
    assert found.counts == {"file-truncated": 1}
    assert found.n_records == 900


@pytest.mark.parametrize("kind", ["x.vcf.gz", "g.vcf.gz", "x.bcf"])
def test_cut_anywhere(kind: str, bgzf: Path, tmp_path: Path) -> None:
    (tmp_path / "g.vcf.gz").write_bytes(gzip.compress(DATA))
    _bcf(bgzf)
    whole = (tmp_path / kind).read_bytes()
    cut = tmp_path / f"cut-{kind}"
    for n in sorted(random.Random(1).sample(range(1, len(whole)), 60)):
        cut.write_bytes(whole[:n])
        assert not validate_vcf(cut).is_valid, n


@pytest.mark.parametrize("kind", ["x.vcf.gz", "g.vcf.gz", "x.bcf"])
def test_any_flipped_bit_of_the_data(kind: str, bgzf: Path, tmp_path: Path) -> None:
    (tmp_path / "g.vcf.gz").write_bytes(gzip.compress(DATA))
    _bcf(bgzf)
    whole = (tmp_path / kind).read_bytes()
    flipped = tmp_path / f"flipped-{kind}"
    chance = random.Random(2)
    for _ in range(150):
        at = chance.randrange(18, len(whole) - 28)
        damaged = bytearray(whole)
        damaged[at] ^= 1 << chance.randrange(8)
        flipped.write_bytes(damaged)
        assert not validate_vcf(flipped).is_valid, at


def test_damage_says_where_the_block_is(bgzf: Path) -> None:
    damaged = bytearray(bgzf.read_bytes())
    damaged[60] ^= 4
    bgzf.write_bytes(damaged)
    assert "BGZF block at byte 0" in str(validate_vcf(bgzf).findings[0])


def test_what_cannot_be_opened_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        validate_vcf(tmp_path / "none.vcf")
    with pytest.raises(InputError, match="folder"):
        validate_vcf(tmp_path)


@pytest.mark.parametrize(
    "data", [b"\x00" * 5000, b"\x1f\x8b", b"\x1f\x8b\x08\x04" + b"\xff" * 40, b"BCF\x02\x02junk", b"\n\n\n", b"x"]
)
def test_what_is_no_vcf_at_all(data: bytes, tmp_path: Path) -> None:
    assert not validated(tmp_path, data).is_valid


def test_random_bytes_never_raise(tmp_path: Path) -> None:
    chance = random.Random(3)
    for _ in range(200):
        data = bytearray(text(RECORDS[:5]))
        for _ in range(chance.randrange(1, 30)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        validated(tmp_path, bytes(data))


def test_crlf_is_a_line_end(tmp_path: Path) -> None:
    assert validated(tmp_path, DATA.replace(b"\n", b"\r\n")).counts == validated(tmp_path, DATA, "y.vcf").counts


def test_no_records_and_no_samples(tmp_path: Path) -> None:
    assert validated(tmp_path, text(columns=COLUMNS)).is_valid
    assert validated(tmp_path, text(["1\t5\t.\tA\tC\t.\t.\t."], columns=COLUMNS), "y.vcf").n_errors == 0


def test_a_hundred_thousand_alternates(tmp_path: Path) -> None:
    n = 100_000
    bases = ["".join("ACGT"[i >> 2 * k & 3] for k in range(9)) for i in range(n)]
    counts = ",".join(["1"] * n)
    one = record(ref="TTTTTTTTTTT", alt=",".join(bases), info=f"AC={counts}", format="GT", a="0/100000", b="99999|1")
    assert validated(tmp_path, text([one], meta=[INFO.format("NOTE", 1, "String")])).is_valid
    worse = one.replace("0/100000", "0/100001")
    assert validated(tmp_path, text([worse]), "y.vcf").counts == {"gt-allele": 1}


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["info", "samples"])
def test_a_line_of_200_megabytes(shape: str, tmp_path: Path) -> None:
    """In a process of its own, which says how much memory it took at most."""
    if shutil.disk_usage(tmp_path).free < 1 << 30:
        pytest.skip("there is no gigabyte free for the long line")
    path = tmp_path / "long.vcf"
    with open(path, "wb") as out:
        if shape == "info":
            out.write(text())
            head, tail = record(info="XS=@").encode().split(b"@")
            out.write(head)
            for _ in range(200):
                out.write(b"x" * 1_000_000)
            out.write(tail + b"\n")
        else:
            n = 20_000_000
            names = "\t".join(f"N{i:x}" for i in range(1000))
            out.write(text(columns=COLUMNS + "\tFORMAT\t" + names))
            out.write(record(format="GT", a="<none>", b="<none>", info=".").encode())
            for _ in range(n // 1000):
                out.write(b"\t0|1" * 1000)
            out.write(b"\n")
    code = "import sys; from genomics_dc.store.validate import validate_vcf; print(validate_vcf(sys.argv[1]).n_errors)"
    printed, peak_bytes = run_and_measure(code, path)
    assert int(printed) == (0 if shape == "info" else 1)  # more sample columns than the column line has
    assert peak_bytes < 1200 << 20


def test_findings_of_one_line_are_bounded(tmp_path: Path) -> None:
    keys = ";".join(f"NEW{i}=1" for i in range(20_000))
    found = validated(tmp_path, text([record(info=keys), record(pos="101", id=".", info="XI=x")]))
    assert found.counts == {"info-type": 1, "info-undeclared": 1000}
