import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels.vcf import problems as bits
from genomics_dc.kernels.vcf.lines import find_newlines, index_records
from genomics_dc.kernels.vcf.sites import GREATEST_POSITION, read_sites
from genomics_dc.kernels.vcf.text import Names, find

CONTIGS = ["1", "10", "chrX", "HLA*A:01"]
FILTERS = ["PASS", "q10", "s50"]


def indexed(lines, n_columns=8):
    text = b"." + "".join(line + "\n" for line in lines).encode()
    data = np.frombuffer(text, dtype=np.uint8).copy()
    newline, _ = find_newlines(data, 1, len(data))
    start = np.concatenate([[1], newline[:-1] + 1])
    end, columns, problems = index_records(data, start, newline, n_columns)
    return data, start, end, columns, problems


def sites_of(*lines, contigs=CONTIGS, filters=FILTERS):
    data, _, _, columns, _ = indexed(["\t".join(line) if isinstance(line, tuple) else line for line in lines])
    return data, read_sites(data, columns, Names.of(contigs), Names.of(filters))


def words(data, spans):
    return [bytes(data[start:end]).decode() for start, end in spans]


def one(**changes):
    fields = {
        "CHROM": "1", "POS": "5", "ID": ".", "REF": "A", "ALT": "C", "QUAL": ".", "FILTER": ".", "INFO": "."
    } | changes  # fmt: skip
    return tuple(fields.values())


names = st.text("ACGT<>*[].:0a_é", min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*CONTIGS, "other"]),
            st.integers(0, GREATEST_POSITION),
            names,
            names,
            st.lists(names, max_size=5),
            st.one_of(st.none(), st.integers(0, 10**6).map(lambda number: number / 100)),
            st.one_of(st.none(), st.lists(st.sampled_from(FILTERS), min_size=1, max_size=3, unique=True)),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_sites_are_what_splitting_gives(records):
    lines = [
        (
            contig,
            str(position),
            name,
            ref,
            ",".join(alts) or ".",
            "." if quality is None else str(quality),
            "." if filters is None else ";".join(filters),
            "x\ty" * (number % 2),
        )
        for number, (contig, position, name, ref, alts, quality, filters) in enumerate(records)
    ]
    data, sites = sites_of(*lines)
    for row, (contig, position, name, ref, alts, quality, filters) in enumerate(records):
        assert sites.contig[row] == (CONTIGS.index(contig) if contig in CONTIGS else -1)
        assert bool(sites.problems[row] & bits.UNKNOWN_CONTIG) == (contig not in CONTIGS)
        assert sites.position[row] == position
        assert words(data, sites.id[row : row + 1]) == [name]
        kept = [] if alts == ["."] else alts
        assert words(data, sites.allele[slice(*sites.allele_first[row : row + 2])]) == [ref, *kept]
        assert sites.n_alleles[row] == 1 + len(kept)
        if quality is None:
            assert sites.quality.view(np.uint32)[row] == 0x7F800001
        else:
            assert sites.quality[row] == np.float32(quality)
        assert [FILTERS[number] for number in np.flatnonzero(sites.filters[row])] == sorted(
            filters or [], key=FILTERS.index
        )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"POS": "x"}, bits.POSITION_NOT_A_NUMBER),
        ({"POS": ""}, bits.POSITION_NOT_A_NUMBER),
        ({"POS": "-5"}, bits.POSITION_NOT_A_NUMBER),
        ({"POS": "1.0"}, bits.POSITION_NOT_A_NUMBER),
        ({"POS": str(2**31 - 1)}, bits.POSITION_TOO_LARGE),
        ({"POS": "9" * 40}, bits.POSITION_TOO_LARGE),
        ({"POS": "05"}, bits.SUSPECT_POSITION),
        ({"CHROM": "chr1"}, bits.UNKNOWN_CONTIG),
        ({"CHROM": ""}, bits.UNKNOWN_CONTIG),
        ({"QUAL": "high"}, bits.QUALITY_NOT_A_NUMBER),
        ({"QUAL": ""}, bits.QUALITY_NOT_A_NUMBER),
        ({"QUAL": "1e39"}, bits.QUALITY_NOT_A_NUMBER),
        ({"QUAL": "-1"}, bits.SUSPECT_QUALITY),
        ({"QUAL": "nan"}, bits.SUSPECT_QUALITY),
        ({"FILTER": "nope"}, bits.UNKNOWN_FILTER),
        ({"FILTER": "q10;nope"}, bits.UNKNOWN_FILTER),
        ({"FILTER": "PASS;q10"}, bits.SUSPECT_FILTER),
        ({"FILTER": "q10;q10"}, bits.SUSPECT_FILTER),
        ({"FILTER": ""}, bits.UNKNOWN_FILTER | bits.SUSPECT_FILTER),
        ({"ID": ""}, bits.SUSPECT_ID),
        ({"ID": "a b"}, bits.SUSPECT_ID),
        ({"REF": ""}, bits.SUSPECT_REF),
        ({"REF": "AR"}, bits.SUSPECT_REF),
        ({"ALT": ""}, bits.SUSPECT_ALT),
        ({"ALT": "C,"}, bits.SUSPECT_ALT),
        ({"ALT": "C,C"}, bits.SUSPECT_ALT),
        ({"ALT": "A"}, bits.SUSPECT_ALT),
        ({"ALT": "<>"}, bits.SUSPECT_ALT),
        ({"ALT": "<DEL"}, bits.SUSPECT_ALT),
        ({"ALT": "C]1:5"}, bits.SUSPECT_ALT),
        ({"ALT": ".,C"}, bits.SUSPECT_ALT),
        ({}, 0),
        ({"POS": "0"}, 0),
        ({"POS": str(GREATEST_POSITION)}, 0),
        ({"ALT": "."}, 0),
        ({"ALT": "<<DEL>"}, bits.SUSPECT_ALT),
        ({"ALT": "C[chr1:5["}, bits.SUSPECT_ALT),  # looked at more closely, whatever it is
        ({"ALT": "*,<DEL>,<INS:ME>,C.,.C,acgtn"}, 0),
        ({"REF": "NacgtN", "ID": "rs1;rs2", "QUAL": "1e3", "FILTER": "q10;s50"}, 0),
    ],
)
def test_problems(changes, problem):
    _, sites = sites_of(one(), one(**changes), one())
    assert sites.problems.tolist() == [0, problem, 0]


def test_ten_thousand_alleles():
    alts = [f"<A{number}>" for number in range(10_000)]
    data, sites = sites_of(one(ALT=",".join(alts)))
    assert words(data, sites.allele) == ["A", *alts]
    assert sites.problems.tolist() == [0]


def test_lines_that_end_early_do_not_reach_into_others():
    data, sites = sites_of("1\t5", "", one(), "1\t5\t.\tA")
    assert sites.position.tolist() == [5, -1, 5, 5]
    assert words(data, sites.allele[sites.allele_first[2] : sites.allele_first[3]]) == ["A", "C"]


def test_no_records():
    data = np.frombuffer(b".", dtype=np.uint8).copy()
    sites = read_sites(data, np.empty((0, 10), dtype=np.int64), Names.of(CONTIGS), Names.of(FILTERS))
    assert sites.contig.shape == (0,)
    assert sites.filters.shape == (0, 3)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=6), max_size=40, unique=True), st.text(max_size=6))
def test_names_are_found_by_their_bytes(words_known, other):
    known = Names.of(words_known)
    assert len(known) == len(words_known)
    for word in {*words_known, other}:
        text = np.frombuffer(f"x{word}x".encode(), dtype=np.uint8).copy()
        number = find(text, 1, len(text) - 1, known.data, known.start, known.end, known.slots)
        assert number == (words_known.index(word) if word in words_known else -1)


def test_names_come_once():
    with pytest.raises(ValueError, match="comes twice"):
        Names.of(["a", "b", "a"])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 30), st.integers(0, 30))
def test_newlines_and_odd_bytes(content, before, behind):
    data = np.frombuffer(b"\n" * before + content + b"\0" * behind, dtype=np.uint8).copy()
    newline, odd = find_newlines(data, before, before + len(content))
    assert newline.tolist() == [before + place for place, byte in enumerate(content) if byte == 10]
    assert odd == any(byte == 0 or byte > 127 for byte in content)


@pytest.mark.parametrize(
    ("line", "n_columns", "n_found", "problem"),
    [
        ("a\tb\tc\td\te\tf\tg\th", 8, 8, 0),
        ("a\tb\tc\td\te\tf\tg\th\ti", 8, 9, 0),
        ("a\tb\tc\td\te\tf\tg\th\ti\tj", 8, 10, bits.MANY_COLUMNS),
        ("a\tb\tc\td\te\tf\tg\th\ti", 12, 9, bits.FEW_COLUMNS),
        ("a\tb\tc\td\te\tf\tg\th\ti\tj", 12, 10, 0),  # how many samples there are is found later
        ("a\tb\tc\td\te\tf\tg\t", 8, 8, 0),
        ("\t\t\t\t\t\t\t", 8, 8, 0),
        ("a", 8, 1, bits.FEW_COLUMNS),
        ("", 8, 1, bits.EMPTY_LINE),
        ("\r\r", 8, 1, bits.EMPTY_LINE),
        ("a\tb\tc\td\te\tf\tg\th\ti\tj\r", 10, 10, 0),
    ],
)
def test_columns(line, n_columns, n_found, problem):
    _, start, end, columns, problems = indexed(["x" * 30, line, "y"], n_columns)
    assert problems[1] == problem
    bare = line.rstrip("\r")
    assert end[1] - start[1] == len(bare)
    begins = [0, *(place + 1 for place, letter in enumerate(bare) if letter == "\t")][:10]
    assert (columns[1] - start[1]).tolist() == begins + [len(bare) + 1] * (10 - n_found)
