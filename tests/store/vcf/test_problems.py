import numpy as np
import pytest

from genomics_dc.errors import InputError
from genomics_dc.kernels.vcf import problems as bits
from genomics_dc.kernels.vcf.info import (
    read_info_flags,
    read_info_floats,
    read_info_integers,
    read_info_spans,
    read_info_strings,
)
from genomics_dc.kernels.vcf.sites import read_sites
from genomics_dc.kernels.vcf.text import Names
from genomics_dc.store.vcf.order import RecordOrder, Span
from genomics_dc.store.vcf.problems import raise_first, sentence
from genomics_dc.store.vcf.source import VcfSource
from tests.store.vcf.builders import header

DECLARATIONS = [
    '##FILTER=<ID=q10,Description="x">',
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="x">',
    '##INFO=<ID=AF,Number=A,Type=Float,Description="x">',
    '##INFO=<ID=DB,Number=0,Type=Flag,Description="x">',
    '##INFO=<ID=CH,Number=1,Type=Character,Description="x">',
]


def source_of(folder, *records, samples=("S1", "S2"), contigs=("1", "2", "X")):
    path = folder / "in.vcf"
    lines = [record.replace(" ", "\t") for record in records]
    path.write_text(header(samples, DECLARATIONS, contigs) + "\n".join(lines) + "\n")
    return VcfSource(path)


def checked(source, n_rows=3):
    """Go over a file as the build does; return the contigs' spans."""
    contigs, filters, keys = (
        Names.of(names) for names in (source.header.contigs, source.header.filters, source.header.info)
    )
    order = RecordOrder()
    for batch in source.batches(n_rows):
        raise_first(batch.problems, batch, source.header)
        sites = read_sites(batch.data, batch.columns, contigs, filters)
        problems = sites.problems if len(contigs) else sites.problems & ~bits.UNKNOWN_CONTIG
        raise_first(problems, batch, source.header)
        order.check(batch, sites)
        spans = read_info_spans(batch.data, batch.columns, keys)
        raise_first(spans.problems, batch, source.header)
        for number, field in enumerate(source.header.info.values()):
            span = spans.span[:, number]
            if field.type == "Integer":
                found = read_info_integers(batch.data, span, 1).problems
            elif field.type == "Float":
                found = read_info_floats(batch.data, span, 1).problems
            elif field.type == "Flag":
                found = read_info_flags(batch.data, span)[1]
            else:
                found = read_info_strings(batch.data, span, 1, one_character=True).problems
            raise_first(found, batch, source.header, key=field.name)
    return order.spans


GOOD = "1 10 . A G 50 PASS DP=3 GT 0/1 1/1"


@pytest.mark.parametrize(
    ("record", "pattern"),
    [
        ("7 5 . A G . . . GT 0/0 0/0", r"line 12: contig 7 is not in the header, which has 1, 2, X; add it with"),
        ("1 10 . A G . nope . GT 0/0 0/0", r"line 12: FILTER nope is not in the header; add its ##FILTER line"),
        ("1 10 . A G . q10;nope . GT 0/0 0/0", r"line 12: FILTER nope is not in the header"),
        ("1 10 . A G . . DP=1;NO=1 GT 0/0 0/0", r"line 12: INFO key 'NO' is not in the header; add its ##INFO line"),
        ("1 10 . A G . . DP=1; GT 0/0 0/0", r"line 12: INFO has an empty key"),
        ("1 10 . A G . . DP=1;DP=1 GT 0/0 0/0", r"line 12: INFO key 'DP' stands twice"),
        ("1 10 . A G", r"line 12 has 5 columns; a record has at least 8"),
        ("1 10 . A G . . .", r"line 12 has 8 columns; the header has 11"),
        ("1 x . A G . . . GT 0/0 0/0", r"line 12: POS should be a whole number, not 'x'"),
        ("1 2147483648 . A G . . . GT 0/0 0/0", r"line 12: POS is at most 2,147,483,646, not '2147483648'"),
        ("1 10 . A G high . . GT 0/0 0/0", r"line 12: QUAL should be a number or '.', not 'high'"),
        ("", r"line 12 is empty; a VCF has no empty lines"),
        ("1 10 . A G . . DP=x GT 0/0 0/0", r"line 12: INFO DP should be a number \(Type=Integer\), not 'x'"),
        ("1 10 . A G . . AF=1,x GT 0/0 0/0", r"line 12: INFO AF should be numbers \(Type=Float\), not '1,x'"),
        ("1 10 . A G . . DP=3000000000 GT 0/0 0/0", r"INFO DP is past what Type=Integer holds \(-2,147,483,640 to"),
        ("1 10 . A G . . AF=1e60 GT 0/0 0/0", r"INFO AF is past what Type=Float holds \(32 bits\): '1e60'"),
        ("1 10 . A G . . DP= GT 0/0 0/0", r"INFO DP lacks a value \(''\); a missing one is '.'"),
        ("1 10 . A G . . DB=1 GT 0/0 0/0", r"INFO DB is a flag, but has the value '1'"),
        ("1 10 . A G . . CH=ab GT 0/0 0/0", r"INFO CH should be single characters, not 'ab'"),
        ("1 5 . A G . . . GT 0/0 0/0", r"line 12: position 5 of contig 1 comes after 10; sort the file with"),
        ("1 10 . A G . . DP=" + "x" * 1000 + " GT 0/0 0/0", r"not 'x{40}…'$"),
    ],
)
def test_each_problem_has_its_sentence(tmp_path, record, pattern):
    with pytest.raises(InputError, match=pattern) as caught:
        checked(source_of(tmp_path, GOOD, record))
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "in.vcf") in str(caught.value)


def test_columns_without_samples(tmp_path):
    with pytest.raises(InputError, match=r"line 12 has 10 columns; the header has 8"):
        checked(source_of(tmp_path, "1 10 . A G . . .", "1 10 . A G . . . GT 0", samples=()))
    assert checked(source_of(tmp_path, "1 10 . A G . . .", "1 10 . A G . . . GT", samples=()))[0].n_records == 2


@pytest.mark.parametrize("n_rows", [1, 2, 3, 50])
@pytest.mark.parametrize("contigs", [("1", "2", "X"), ()])
def test_order_over_batches(tmp_path, n_rows, contigs):
    records = [f"{contig} {position} . A G . . . GT 0/0 0/0" for contig, position in
               [("2", 5), ("2", 5), ("2", 8), ("1", 1), ("1", 900), ("X", 3)]]  # fmt: skip
    assert checked(source_of(tmp_path, *records, contigs=contigs), n_rows) == [
        Span("2", 3, 5, 8),
        Span("1", 2, 1, 900),
        Span("X", 1, 3, 3),
    ]
    with pytest.raises(InputError, match=r"line \d+: contig 2 comes again after X; sort the file"):
        checked(source_of(tmp_path, *records, records[0], contigs=contigs), n_rows)
    with pytest.raises(InputError, match=r"line \d+: position 2 of contig X comes after 3; sort"):
        checked(source_of(tmp_path, *records, "X 2 . A G . . . GT 0/0 0/0", contigs=contigs), n_rows)


def test_what_is_only_suspect_is_no_error_but_has_words(tmp_path):
    source = source_of(tmp_path, "1 05 a,b AR C,C -1 PASS;q10 . GT 0/0 0/0")
    checked(source)
    batch = next(source.batches(1))
    problems = int(
        read_sites(
            batch.data, batch.columns, Names.of(source.header.contigs), Names.of(source.header.filters)
        ).problems[0]
    )
    assert problems == bits.SUSPECT
    said = []
    while problems:
        said.append(sentence(problems, batch, 0, source.header))
        problems &= problems - 1
    assert len(set(said)) == 6
    assert all(text.startswith(f"{tmp_path}/in.vcf, line 11: ") for text in said)


def test_wrong_number_of_values(tmp_path):
    source = source_of(tmp_path, "1 5 . A G . . AF=1,2 GT 0/0 0/0")
    batch = next(source.batches(1))
    text = sentence(bits.WRONG_NUMBER, batch, 0, source.header, key="AF")
    assert text.endswith("line 11: INFO AF has 2 values ('1,2'); the header says Number=A")
    with pytest.raises(InputError, match="has 2 values"):
        raise_first(np.array([bits.WRONG_NUMBER]), batch, source.header, key="AF")
