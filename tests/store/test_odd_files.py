"""Files that are right and seldom seen, from build to verify and every way out."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from genomics_dc.errors import GenomicsError
from genomics_dc.store import StoreView, build_store, export_view, query, verify_store

META = """##fileformat=VCFv4.3
##contig=<ID=1,length=1000000>
##contig=<ID=2,length=1000000>
##contig=<ID=Y,length=1000000>
##INFO=<ID=DP,Number=1,Type=Integer,Description="d">
##FORMAT=<ID=GT,Number=1,Type=String,Description="d">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="d">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="d">
"""
SITE = "#CHROM POS ID REF ALT QUAL FILTER INFO"
MANY = ",".join("A" + "".join("ACGT"[(number >> 2 * k) & 3] for k in range(9)) for number in range(100_000))


def write(path: Path, samples: Sequence[str] | None, records: Sequence[str], *, end: str = "\n") -> Path:
    """Write a VCF, spaces as tabs; without FORMAT when `samples` is None."""
    columns = SITE if samples is None else " ".join([SITE, "FORMAT", *samples])
    lines = [*META.splitlines(), *(line.replace(" ", "\t") for line in [columns, *records])]
    path.write_bytes((end.join(lines) + end).encode())
    return path


FILES: dict[str, tuple[tuple[str, ...] | None, list[str]]] = {
    "contigs in another order": (
        ("A", "B"),
        ["Y 5 . A C . PASS . GT 0 1", "2 7 . A C . . DP=3 GT 0/0 1/1", "1 9 . A C . . DP=4 GT ./. 1|0"],
    ),
    "no samples": (None, ["1 5 . A C . PASS DP=1"]),
    "a FORMAT but no samples": ((), ["1 5 . A C . PASS DP=1 GT"]),
    "no variants": (("A", "B"), []),
    "nothing": (None, []),
    "UTF-8": (("Jörg", "李雷"), ["1 5 rsé A C . PASS DP=1 GT:AD 0/1:3,4 1/1:4,5"]),
    "haploid alone": (("A", "B"), ["Y 5 . A C . . . GT:PL 0:1,2 1:2,1", "Y 6 . A C,G . . . GT 2 ."]),
    "ploidies mixed": (("A", "B", "C"), ["1 5 . A C . . . GT:PL 0:1,2 0/1:1,2,3 0/0/1:1,2,3,4"]),
    "GT absent from a record": (("A", "B"), ["1 5 . A C . . . AD 1,2 3,4", "1 6 . A C . . . GT 0/1 1/1"]),
    "GT absent from all": (("A", "B"), ["1 5 . A C . . . AD 1,2 3,4"]),
    "PL of 200 alleles": (
        ("A", "B"),
        [
            "1 5 . A C . . . GT:PL 0/1:1,2,3 1/1:3,2,1",
            f"1 6 . A {','.join('A' * n for n in range(2, 201))} . . . GT:PL "
            f"0/199:{','.join(str(n % 500) for n in range(20_100))} ./.:.",
        ],
    ),
    "100,000 ALT alleles": (("A", "B"), [f"1 6 . A {MANY} . . . GT:AD:PL 0/1:.:. ./.:.:.", "1 7 . A C . . . GT 1 0"]),
    "symbolic, breakend, *": (
        ("A", "B"),
        ["1 5 . A <DEL> . . . GT 0/1 1/1", "1 9 . A A[2:50[ . . . GT 0/1 0/0", "1 11 . AT *,A . . . GT 1/2 0/1"],
    ),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_odd_files_are_stored_and_given_back(tmp_path: Path, name: str, end: str) -> None:
    samples, records = FILES[name]
    vcf = write(tmp_path / "in.vcf", samples, records, end=end)
    store = tmp_path / "s.vcz"
    built = build_store(vcf, store)
    assert (built.n_variants, built.n_samples) == (len(records), len(samples or ()))
    report = verify_store(store, deep=True, against=vcf)
    assert report.ok, report.findings
    if end == "\r\n":
        return
    view = StoreView.open(store)
    for kind in ("vcf", "vcf.gz", "bcf", "pgen", "bed", "bgen", "parquet"):
        told = ""
        try:
            export_view(view, tmp_path / f"out.{kind}")
        except GenomicsError as error:
            told = str(error)
        assert "\n" not in told
        assert not told or kind in ("pgen", "bed", "bgen") or (kind == "bcf" and "Too many ALT alleles" in told)
    source = tmp_path / "out.bcf"
    build_store(source if source.exists() else tmp_path / "out.vcf.gz", tmp_path / "again.vcz")
    assert printed(tmp_path / "again.vcz") == printed(store)


def printed(store: Path) -> str:
    """Return all records of a store."""
    out = io.StringIO()
    query(store, out, query_format="%LINE\n")
    return out.getvalue()


def test_a_bgen_of_haploid_calls_is_read_by_another_program(tmp_path: Path) -> None:
    vcf = write(tmp_path / "in.vcf", *FILES["haploid alone"])
    build_store(vcf, tmp_path / "s.vcz")
    export_view(StoreView.open(tmp_path / "s.vcz"), tmp_path / "out.bgen")
    from bgen import BgenReader

    with BgenReader(str(tmp_path / "out.bgen")) as reader:
        found = [(variant.alleles, variant.probabilities.tolist()) for variant in reader]
    assert found[0] == (["A", "C"], [[1.0, 0.0], [0.0, 1.0]])
    assert found[1][1][0] == [0.0, 0.0, 1.0]


def test_many_alleles_take_little_memory(tmp_path: Path) -> None:
    """Number=G of 100,000 ALT alleles would be 5,000,000,000 places a call."""
    vcf = write(tmp_path / "in.vcf", *FILES["100,000 ALT alleles"])
    child = (
        "import sys\nfrom genomics_dc.store import build_store\nbuild_store(sys.argv[1], sys.argv[2])\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    command = [sys.executable, "-c", child, str(vcf), str(tmp_path / "s.vcz")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1 << 20
