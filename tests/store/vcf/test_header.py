import pytest

from genomics_dc.errors import InputError
from genomics_dc.store.vcf.header import Field, parse_header
from tests.store.vcf.builders import header


def parsed(text):
    return parse_header(text.encode(), "in.vcf")


def test_what_a_header_declares():
    got = parsed(
        header(
            ("S1", "S2"),
            [
                "##contig=<ID=3>",
                '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth, all reads",Source="x",Version="3">',
                '##INFO=<ID=DP,Number=2,Type=Float,Description="again">',
                r'##INFO=<ID=Q,Number=A,Type=String,Description="a \"quoted\" > and \\ one, ID=no">',
                '##FORMAT=<Description="other order",Type=String,Number=1,ID=GT>',
                '##FILTER=<ID=q10,Description="low">',
                "##ALT=<ID=DEL>",
                "##INFO=<nothing>",
                "##INFO=broken",
                "##source=ID=x",
            ],
        )
    )
    assert got.version == "4.3"
    assert got.samples == ("S1", "S2")
    assert got.contigs == {"1": 1000000, "2": 1000000, "X": 1000000, "3": None}
    assert got.info == {
        "DP": Field("DP", "1", "Integer", "Depth, all reads"),
        "Q": Field("Q", "A", "String", 'a "quoted" > and \\ one, ID=no'),
    }
    assert got.format == {"GT": Field("GT", "1", "String", "other order")}
    assert list(got.filters) == ["PASS", "q10"]
    assert got.n_lines == 15
    assert got.n_columns == 11
    assert got.assembly is None


def test_pass_comes_first_and_means_one_thing():
    got = parsed(
        header((), ['##FILTER=<ID=a,Description="x">', '##FILTER=<ID=PASS,Description="fine">', "##FILTER=<ID=b>"])
    )
    assert got.filters == {"PASS": "All filters passed", "a": "x", "b": ""}
    assert next(iter(got.filters)) == "PASS"
    assert got.n_columns == 8


def test_the_assembly_when_contigs_agree():
    lines = ['##contig=<ID=a,assembly="GRCh38",length=5>', "##contig=<ID=b,assembly=GRCh38>"]
    assert parsed(header((), lines)).assembly == "GRCh38"
    assert parsed(header((), [*lines, "##contig=<ID=c,assembly=B37>"])).assembly is None


def test_crlf_and_no_last_line_feed_are_the_same_header():
    text = header()
    assert parsed(text.replace("\n", "\r\n")) == parsed(text) == parsed(text[:-1])
    assert parsed(text).text == text


def test_a_contig_length_that_is_no_number():
    assert parsed(header((), ["##contig=<ID=q,length=many>"])).contigs["q"] is None


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("##fileformat=VCFv4.3\nno columns\n", "in.vcf, line 2: the column line should begin with #CHROM POS ID REF"),
        ("##fileformat=VCFv4.3\n", "line 1: the column line"),
        (header().replace("\tFORMAT", "\tformat"), "line 5: the column line"),
        (header().replace("\t", " "), r"line 5: the column line .* \(tabs between\)"),
        (header(("S1", "S1")), r"sample S1 has two columns \(the second is column 11\); keep one"),
        (header(("a/b",)), r"sample id 'a/b' \(column 10\) cannot be kept"),
        (header(("S1", "..")), r"sample id '\.\.'"),
        (header(("a;b",)), "sample id 'a;b'"),
        (header(("-x",)), "sample id '-x'"),
        (header(("",)), "sample id ''"),
        (header(("S 2",)), "sample id 'S 2'"),
    ],
)
def test_headers_that_are_refused(text, pattern):
    with pytest.raises(InputError, match=pattern):
        parsed(text)


def test_a_byte_that_is_not_utf8():
    with pytest.raises(InputError, match=r"in.vcf, line 3: byte 0xe9 is not UTF-8"):
        parse_header(header().encode().replace(b"ID=2", b"ID=\xe9"), "in.vcf")


def test_ten_thousand_samples():
    samples = tuple(f"s{number}" for number in range(10_000))
    assert parsed(header(samples)).samples == samples
