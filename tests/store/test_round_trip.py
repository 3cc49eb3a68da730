"""VCF -> store -> VCF: every byte of a record comes back, when the order of keys is remembered."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.store import StoreView, append_store, build_store, drop_samples, export_vcf, merge_stores, verify_store
from genomics_dc.store import query as write_query

INFO_FIELDS = {"DP": ("1", "Integer"), "AF": ("A", "Float"), "Zz": (".", "String"), "aa": ("R", "Integer")}
FORMAT_FIELDS = {"GQ": ("1", "Integer"), "AD": ("R", "Integer"), "FT": ("1", "String"), "GL": ("G", "Float")}
META = [
    "##fileformat=VCFv4.4",
    "##contig=<ID=1,length=100000>",
    '##FILTER=<ID=q10,Description="d">',
    '##INFO=<ID=DB,Number=0,Type=Flag,Description="d">',
    *[f'##INFO=<ID={key},Number={n},Type={kind},Description="d">' for key, (n, kind) in INFO_FIELDS.items()],
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="d">',
    *[f'##FORMAT=<ID={key},Number={n},Type={kind},Description="d">' for key, (n, kind) in FORMAT_FIELDS.items()],
]
SITE = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")


def write(path: Path, samples: Sequence[str], records: Sequence[str]) -> Path:
    """Write a VCF of such records."""
    path.write_text("\n".join([*META, "\t".join([*SITE, *samples]), *records]) + "\n")
    return path


@st.composite
def records(draw: st.DrawFn, n_samples: int = 2) -> list[str]:
    """Draw records whose every value is spelled as htslib spells it."""

    def values(number: str, kind: str, n_alleles: int, copies: int) -> str:
        n_genotypes = [
            1,
            n_alleles,
            n_alleles * (n_alleles + 1) // 2,
            n_alleles * (n_alleles + 1) * (n_alleles + 2) // 6,
        ]
        n = {"1": 1, "A": n_alleles - 1, "R": n_alleles, "G": n_genotypes[copies]}.get(number) or draw(
            st.integers(1, 3)
        )
        if not draw(st.integers(0, 5)):
            return "."
        one = {
            "Integer": st.sampled_from([".", "0", "7", "-1", "-2", "300", "-2147483640"]),
            "Float": st.sampled_from([".", "0", "0.5", "1e-05", "nan", "inf", "-2.25"]),
            "String": st.sampled_from(["x", "é%3A", "0"]),
        }[kind]
        return ",".join(draw(one) for _ in range(n))

    def genotype(n_alleles: int) -> str:
        copies = draw(st.integers(1, 3))
        alleles = [str(draw(st.integers(-1, n_alleles - 1))).replace("-1", ".") for _ in range(copies)]
        text = alleles[0]
        for allele in alleles[1:]:
            text += draw(st.sampled_from("/|")) + allele
        return draw(st.sampled_from(["", "", "", "/", "|"])) + text

    made = []
    for row in range(draw(st.integers(1, 5))):
        alt = draw(st.sampled_from(["C", "C,G", "<DEL>", "*,T", "A[1:77["]))
        n_alleles = alt.count(",") + 2
        keys = draw(st.permutations([*INFO_FIELDS, "DB"]))[: draw(st.integers(0, 5))]
        info = [key if key == "DB" else f"{key}={values(*INFO_FIELDS[key], n_alleles, 2)}" for key in keys]
        form = ["GT", *draw(st.permutations(list(FORMAT_FIELDS)))[: draw(st.integers(0, 4))]]
        form = form[draw(st.integers(0, 1)) :] or ["GT"]
        calls = []
        for _ in range(n_samples):
            call, copies = [], 2
            for key in form:
                if key == "GT":
                    call.append(genotype(n_alleles))
                    copies = call[-1].lstrip("/|").replace("|", "/").count("/") + 1
                else:
                    call.append(values(*FORMAT_FIELDS[key], n_alleles, copies))
            calls.append(":".join(call))
        quality = draw(st.sampled_from([".", "0", "29.5"]))
        passed = draw(st.sampled_from([".", "PASS", "q10"]))
        name = draw(st.sampled_from([".", "rs1", "rs1;rs2"]))
        site = ["1", str(100 + row), name, "A", alt, quality, passed, ";".join(info) or ".", ":".join(form)]
        made.append("\t".join([*site, *calls]))
    return made


def exported(store: Path, folder: Path) -> list[str]:
    """Return the records that a store gives back as VCF."""
    out = folder / f"{store.name}.out.vcf"
    export_vcf(StoreView.open(store), out, force=True)
    return [line for line in out.read_text().splitlines() if not line.startswith("#")]


@settings(max_examples=60, deadline=None)
@given(records())
def test_every_byte_comes_back(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    folder = tmp_path_factory.mktemp("trip")
    vcf = write(folder / "in.vcf", ("S1", "S2"), lines)
    store = folder / "s.vcz"
    build_store(vcf, store, workers=1, keep_info_order=True)
    assert exported(store, folder) == lines
    assert verify_store(store, deep=True, against=vcf).ok


MIXED = [
    "1\t10\t.\tA\tC,G\t.\t.\tZz=b;DB;DP=.\tGT:GQ:AD\t0/1|2:5:1,2,3\t|0/1:.:.",
    "1\t11\t.\tA\tC\t.\t.\tDP=3;Zz=a\tGT:AD\t0|1\t0/1",
]


def mixed(tmp_path: Path, samples: Sequence[str] = ("S1", "S2"), *, step: int = 0, name: str = "in") -> Path:
    """Build a store of calls that mix separators."""
    lines = [line.replace("\t1", f"\t{1 + step}", 1) for line in MIXED]
    vcf = write(tmp_path / f"{name}.vcf", samples, lines)
    build_store(vcf, tmp_path / f"{name}.vcz", keep_info_order=True)
    return tmp_path / f"{name}.vcz"


def genotypes(store: Path) -> list[str]:
    """Return the GT of all calls, by record."""
    return [" ".join(call.split(":")[0] for call in line.split("\t")[9:]) for line in exported(store, store.parent)]


def test_without_the_option_keys_come_by_alphabet_and_genotypes_as_they_were(tmp_path: Path) -> None:
    vcf = write(tmp_path / "in.vcf", ("S1", "S2"), MIXED)
    build_store(vcf, tmp_path / "s.vcz")
    assert exported(tmp_path / "s.vcz", tmp_path) == [
        "1\t10\t.\tA\tC,G\t.\t.\tDB;Zz=b\tGT:AD:GQ\t0/1|2:1,2,3:5\t|0/1:.:.",
        "1\t11\t.\tA\tC\t.\t.\tDP=3;Zz=a\tGT\t0|1\t0/1",
    ]


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")
def test_bcf_and_query_keep_the_order_too(tmp_path: Path) -> None:
    store = mixed(tmp_path)
    out = tmp_path / "out.bcf"
    export_vcf(StoreView.open(store), out)
    command = ["bcftools", "query", "-f", "%INFO\t[%GT ]\n", str(out)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split("\t")[0] for line in told] == ["Zz=b;DB;DP=.", "DP=3;Zz=a"]
    with (tmp_path / "lines").open("w") as lines:
        write_query(store, lines, query_format=r"%INFO\t[%GT ]\n")
    assert (tmp_path / "lines").read_text() == "Zz=b;DB;DP=.\t0/1|2 |0/1 \nDP=3;Zz=a\t0|1 0/1 \n"


def test_a_view_of_some_samples_and_records(tmp_path: Path) -> None:
    view = StoreView.open(mixed(tmp_path)).samples(["S2"]).region("1:10-10")
    export_vcf(view, tmp_path / "part.vcf")
    assert (tmp_path / "part.vcf").read_text().splitlines()[-1] == (
        "1\t10\t.\tA\tC,G\t.\t.\tZz=b;DB;DP=.\tGT:GQ:AD\t|0/1:.:."
    )


def test_joins_and_orders_go_with_a_store_that_grows(tmp_path: Path) -> None:
    store = mixed(tmp_path)
    other = mixed(tmp_path, ("S3", "S4"), name="other")
    merge_stores([store, other], tmp_path / "both.vcz")
    assert genotypes(tmp_path / "both.vcz") == ["0/1|2 |0/1 0/1|2 |0/1", "0|1 0/1 0|1 0/1"]
    infos = [line.split("\t")[7] for line in exported(tmp_path / "both.vcz", tmp_path)]
    assert infos == ["Zz=b;DB;DP=.", "DP=6;Zz=a"]
    plain = write(tmp_path / "plain.vcf", ("S5",), ["1\t11\t.\tA\tC\t.\t.\taa=1,2\tGT:FT\t0|1:x"])
    append_store(store, plain)
    assert genotypes(store) == ["0/1|2 |0/1 ./.", "0|1 0/1 0|1"]
    assert [line.split("\t")[7:9] for line in exported(store, tmp_path)] == [
        ["Zz=b;DB;DP=.", "GT:GQ:AD"],
        ["DP=3;Zz=a;aa=1,2", "GT:AD:FT"],
    ]
    drop_samples(store, ["S1"])
    assert genotypes(store) == ["|0/1 ./.", "0/1 0|1"]
    assert verify_store(store, deep=True).ok


def test_mixed_calls_that_come_late_begin_the_build_anew(tmp_path: Path) -> None:
    """The first batches have none, so that the build learns of them when chunks are written."""
    lines = [f"1\t{position}\t.\tA\tC\t.\t.\t.\tGT\t0/1\t0|1" for position in range(1, 2500)]
    lines.append("1\t3000\t.\tA\tC\t.\t.\t.\tGT\t0/1|1\t0|1")
    build_store(write(tmp_path / "in.vcf", ("S1", "S2"), lines), tmp_path / "s.vcz")
    assert exported(tmp_path / "s.vcz", tmp_path) == lines
