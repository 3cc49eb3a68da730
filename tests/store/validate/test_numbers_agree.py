"""How many values a field has: `store build` refuses what `validate` calls an error, and nothing else."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.errors import InputError
from genomics_dc.store import build_store, query
from genomics_dc.store.validate import validate_vcf
from tests.store.validate.vcf_text import COLUMNS, FORMAT, INFO

NUMBERS = ("1", "2", "3", "A", "R", "G", "P", ".")
VALUES = {"Integer": "7", "Float": "0.5", "Character": "x", "String": "ab"}
N_FIELDS = 3
ALTS = (".", "C", "C,G", "C,G,T", "<DEL>", "*")
GENOTYPES = (".", "0", "1", "./.", "0/1", "0|1", "0/0/1", "0/1|0")


def vcf_of(fields: Sequence[tuple[str, str]], info: str, alt: str, keys: str, calls: Sequence[str]) -> bytes:
    """Return a VCF of one record; field k is called I<k> in INFO and F<k> in FORMAT."""
    lines = ["##fileformat=VCFv4.4", "##contig=<ID=1,length=1000>", FORMAT.format("GT", 1, "String")]
    for k, (number, kind) in enumerate(fields):
        lines += [INFO.format(f"I{k}", number.replace("P", "."), kind), FORMAT.format(f"F{k}", number, kind)]
    names = "".join(f"\tNA{j}" for j in range(len(calls)))
    record = "\t".join(["1", "100", ".", "A", alt, ".", ".", info, keys, *calls])
    return "\n".join([*lines, f"{COLUMNS}\tFORMAT{names}", record]).encode() + b"\n"


LIST = st.one_of(st.just("."), st.integers(1, 11))


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Draw a file whose fields have now and then another number of values than they should."""
    fields = draw(
        st.lists(st.tuples(st.sampled_from(NUMBERS), st.sampled_from(sorted(VALUES))), min_size=1, max_size=N_FIELDS)
    )

    def text(number: str, kind: str, n_alleles: int, copies: int) -> str:
        likely = {"A": n_alleles - 1, "R": n_alleles, "P": copies, "G": n_alleles * (n_alleles + 1) // 2}
        n = likely.get(number) or (int(number) if number.isdigit() else 2)
        if not draw(st.integers(0, 9)):
            n = draw(LIST)
        return n if isinstance(n, str) else ",".join(draw(st.sampled_from([VALUES[kind], "."])) for _ in range(n))

    alt = draw(st.sampled_from(ALTS))
    n_alleles = 1 if alt == "." else alt.count(",") + 2
    info = ";".join(f"I{k}={text(number, kind, n_alleles, 2)}" for k, (number, kind) in enumerate(fields))
    calls = []
    for _ in range(3):
        genotype = draw(st.sampled_from(GENOTYPES))
        if alt == ".":
            genotype = genotype.replace("1", "0")
        copies = genotype.replace("|", "/").count("/") + 1
        values = [text(number, kind, n_alleles, copies) for number, kind in fields]
        calls.append(":".join([genotype, *values[: draw(st.integers(0, len(values)))]]))
    keys = ":".join(["GT", *(f"F{k}" for k in range(len(fields)))])
    return vcf_of(fields, info, alt, keys, calls)


@settings(max_examples=120, deadline=None)
@given(files())
def test_a_wrong_number_is_refused_and_no_other(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("number")
    path = folder / "in.vcf"
    path.write_bytes(data)
    findings = validate_vcf(path).findings
    errors = [one.rule for one in findings if one.is_error and one.kept is None]
    assert set(errors) <= {"info-number", "call-number"}
    if not errors:
        build_store(path, folder / "s.vcz", workers=1)
        return
    with pytest.raises(InputError, match=r"in.vcf, line \d+: (INFO )?[IF]\d .*asks for \d+") as caught:
        build_store(path, folder / "s.vcz", workers=1)
    assert "\n" not in str(caught.value)
    told: list[str] = []
    build_store(path, folder / "s.vcz", workers=1, lenient=True, note=told.append)
    assert told


def lenient_text(folder: Path, data: bytes) -> tuple[list[str], str]:
    """Return what is said of a file that is mended, and the record that comes out."""
    path = folder / "in.vcf"
    path.write_bytes(data)
    told: list[str] = []
    build_store(path, folder / "s.vcz", lenient=True, note=told.append)
    out = io.StringIO()
    query(folder / "s.vcz", out, query_format="%LINE\n")
    return told, out.getvalue()


FIELDS = (("A", "Integer"), ("2", "Float"), ("G", "Integer"))
KEYS = "GT:F0:F1:F2"


@pytest.mark.parametrize(
    ("info", "alt", "calls", "words"),
    [
        ("I0=1,2", "C", ["0/1"], "line 11: INFO I0 has 2 values; Number=A asks for 1 where the record has 1 ALT"),
        ("I0=1", "C,G", ["0/1"], "line 11: INFO I0 has 1 value; Number=A asks for 2 where the record has 2 ALT"),
        ("I1=1", "C", ["0/1"], "line 11: INFO I1 has 1 value; Number=2 asks for 2"),
        ("I0=1", "C", ["0/1", "0/1:1,2"], "line 11: F0 of sample NA1 has 2 values; Number=A asks for 1 where"),
        ("I0=1", "C", ["0/1:.:.,.,.", "0/1:1:2"], "line 11: F1 of sample NA1 has 1 value; Number=2 asks for 2"),
        ("I0=1", "C", ["0/1:1:.:1,2"], "F2 of sample NA0 has 2 values; Number=G asks for 3 where the record has 1 ALT"),
        ("I0=1", "C", ["0:1:.:1,2,3"], "F2 of sample NA0 has 3 values; Number=G asks for 2 where"),
        ("I0=1", "C", [".:1:.:1,2,3,4"], "F2 of sample NA0 has 4 values; Number=G asks for 2 or 3 where"),
        ("I0=1,2", ".", ["0/0:1"], "INFO I0 has 2 values; Number=A asks for 0 where the record has no ALT allele"),
    ],
)
def test_the_words(tmp_path: Path, info: str, alt: str, calls: list[str], words: str) -> None:
    path = tmp_path / "in.vcf"
    path.write_bytes(vcf_of(FIELDS, info, alt, KEYS, calls))
    with pytest.raises(InputError) as caught:
        build_store(path, tmp_path / "s.vcz")
    assert words in str(caught.value)


def test_what_is_mended_and_how_it_is_named(tmp_path: Path) -> None:
    calls = ["0/1:1,2:1,2:1,2,3", "0/1:3:1:1,2", "0:4:0.5,0.25:1,2"]
    told, line = lenient_text(tmp_path, vcf_of(FIELDS, "I0=1,2;I1=1,2,3", "C", KEYS, calls))
    assert told == [
        f"fields of Number=A, R or G with more or fewer values are read as missing (3 times, first at "
        f"{tmp_path}/in.vcf, line 11)",
        f"values are kept although they are more or fewer than Number says (2 times, first at {tmp_path}/in.vcf, "
        "line 11)",
    ]
    columns = line.rstrip("\n").split("\t")
    assert columns[7] == "I1=1,2,3"
    assert columns[9:] == ["0/1:.:1,2:1,2,3", "0/1:3:1:.", "0:4:0.5,0.25:1,2"]


def test_local_alleles_are_counted_by_laa(tmp_path: Path) -> None:
    meta = [
        "##fileformat=VCFv4.5",
        "##contig=<ID=1,length=1000>",
        FORMAT.format("GT", 1, "String"),
        FORMAT.format("LAA", ".", "Integer"),
        FORMAT.format("LAD", "LR", "Integer"),
        FORMAT.format("LPL", "LG", "Integer"),
        f"{COLUMNS}\tFORMAT\tNA0\tNA1",
    ]
    site = "1\t100\t.\tA\tC,G,T\t.\t.\t.\tGT:LAA:LAD:LPL"
    path = tmp_path / "in.vcf"
    right = f"{site}\t0/2:2:3,4:1,2,3\t1/3:1,3:3,4,5:1,2,3,4,5,6"
    path.write_text("\n".join([*meta, right]) + "\n")
    build_store(path, tmp_path / "s.vcz")
    path.write_text("\n".join([*meta, f"{site}\t0/2:2:3,4:1,2\t1/3:1,3:3,4,5:."]) + "\n")
    with pytest.raises(InputError, match="LPL of sample NA0 has 2 values; Number=LG asks for 3"):
        build_store(path, tmp_path / "t.vcz")


def test_number_g_without_gt_takes_the_widest_record(tmp_path: Path) -> None:
    """Where no GT says how many copies there are, a later record may have more genotypes than the first."""
    meta = ["##fileformat=VCFv4.2", "##contig=<ID=1,length=1000>", FORMAT.format("PL", "G", "Integer")]
    rows = ["1\t100\t.\tA\tC\t.\t.\t.\tPL\t1,2,3", "1\t101\t.\tA\tC,G\t.\t.\t.\tPL\t1,2,3,4,5,6"]
    path = tmp_path / "in.vcf"
    path.write_text("\n".join([*meta, f"{COLUMNS}\tFORMAT\tNA0", *rows]) + "\n")
    build_store(path, tmp_path / "s.vcz")
    out = io.StringIO()
    query(tmp_path / "s.vcz", out, query_format="[%PL]\n")
    assert out.getvalue() == "1,2,3\n1,2,3,4,5,6\n"


def test_info_of_number_g_of_a_file_without_samples(tmp_path: Path) -> None:
    lines = [
        "##fileformat=VCFv4.2",
        "##contig=<ID=1,length=1000>",
        FORMAT.format("GT", 1, "String"),
        INFO.format("GC", "G", "Integer"),
        COLUMNS,
        "1\t100\t.\tA\tC\t.\t.\tGC=4,5,6",
        "1\t101\t.\tA\tC,G\t.\t.\tGC=1,2,3,4,5,6",
    ]
    path = tmp_path / "in.vcf"
    path.write_text("\n".join(lines) + "\n")
    build_store(path, tmp_path / "s.vcz")
    out = io.StringIO()
    query(tmp_path / "s.vcz", out, query_format="%GC\n")
    assert out.getvalue() == "4,5,6\n1,2,3,4,5,6\n"


@pytest.mark.parametrize("dots", [".,.", ".,.,.", "."])
def test_dots_past_the_alleles_are_cut(tmp_path: Path, dots: str) -> None:
    fields = (("A", "Integer"), ("R", "Float"))
    path = tmp_path / "in.vcf"
    path.write_bytes(vcf_of(fields, f"I0={dots};I1={dots}", "C", "GT:F0:F1", [f"0/1:{dots}:{dots}"]))
    build_store(path, tmp_path / "s.vcz")
    out = io.StringIO()
    query(tmp_path / "s.vcz", out, query_format="[%F0 %F1]\n")
    assert out.getvalue() == ". .\n"
