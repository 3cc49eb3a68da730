"""The quick way (patterns over whole columns) against the plain one, and both against a definition here."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.store.validate import check_record, read_header
from tests.store.validate.vcf_text import findings_of_records, record, text

ALLELES = st.sampled_from(["0", "1", "2", "9", "10", "11", "98", "99", "100", "150", ".", "-1", "01", "", "x"])
GENOTYPE = st.lists(ALLELES, min_size=1, max_size=4).flatmap(
    lambda alleles: st.sampled_from("/|").map(lambda mark: mark.join(alleles))
)
ODD_VALUES = """0 7 -7 12345678901 2147483647 2147483648 1.5 1e-3 .5 5. 0.5 1.0 1 0.5e3 9.9e-0 9.9e-1 nan -inf
a ab %3A . +3 é ="""
VALUE = st.sampled_from([*ODD_VALUES.split(), "", "a b"])
LIST = st.lists(VALUE, min_size=1, max_size=7).map(",".join)
DIPLOID = st.sampled_from(["0/0", "0/1", "1|1", "./.", ".", "0", "1"])
CALL = st.tuples(st.one_of(DIPLOID, GENOTYPE), st.lists(st.one_of(VALUE, LIST), max_size=5)).map(
    lambda parts: ":".join([parts[0], *parts[1]])
)
FORMATS = st.sampled_from(
    ["GT", "GT:DP:PL", "GT:XF", "GT:XS:XI", "GT:PL:XI:XF", "GT:NEW:DP", "DP:XI", "XF", "GT:DP:GQ:PL:XS"]
)
ALTS = {0: ".", 1: "C"} | {n: ",".join("C" + "A" * i for i in range(n)) for n in (2, 9, 10, 11, 98, 99, 100, 150)}
KEYS = st.sampled_from(["DP", "AC", "AF", "XI", "XR", "XS", "XL", "XC", "NEW", "DB", "CIGAR", "END", "a b", ""])


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from(["4.1", "4.2", "4.3", "4.4", "4.5"]),
    FORMATS,
    st.sampled_from(sorted(ALTS)),
    st.lists(CALL, min_size=2, max_size=2),
)
def test_calls_are_judged_alike(version: str, keys: str, n_alts: int, calls: list[str]) -> None:
    line = record(alt=ALTS[n_alts], info=".", format=keys, a=calls[0], b=calls[1]).encode()
    header = text(version=version)
    quick = findings_of_records(header, [line, line], plain=False)
    assert quick == findings_of_records(header, [line, line], plain=True)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["4.1", "4.2", "4.3", "4.5"]),
    st.sampled_from([0, 1, 2, 9]),
    st.lists(st.tuples(KEYS, st.one_of(st.none(), VALUE, LIST)), min_size=1, max_size=5),
)
def test_info_is_judged_alike(version: str, n_alts: int, items: list[tuple[str, str | None]]) -> None:
    info = ";".join(key if value is None else f"{key}={value}" for key, value in items) or "."
    line = record(alt=ALTS[n_alts], info=info, format="GT", a=".", b=".").encode()
    header = text(version=version)
    # thrice: a pattern is made at the first sight of a key and used from the second on
    quick = findings_of_records(header, [line] * 3, plain=False)
    assert quick == findings_of_records(header, [line] * 3, plain=True)


def _is_right(call: str, n_alts: int) -> bool:
    """Say whether a call of GT:DP:PL:XF:XS is right, without any pattern: VCF 4.3, 1.3, 1.4.4 and 1.6.2."""
    fields = call.split(":")
    if len(fields) > 5 or "" in fields:
        return False
    alleles = fields[0].replace("|", "/").split("/")
    known = {"."} | {str(allele) for allele in range(n_alts + 1)}
    if not set(alleles) <= known:
        return False
    ploidies = (1, 2) if alleles == ["."] else (len(alleles),)
    n_likelihoods = {
        len(list(itertools.combinations_with_replacement(range(n_alts + 1), ploidy))) for ploidy in ploidies
    }
    counts: list[set[int]] = [{1}, n_likelihoods, {2}, {1}]
    for field, allowed, is_right in zip(fields[1:], counts, [_whole, _whole, _number, bool], strict=False):
        values = field.split(",")
        if set(values) == {"."}:
            continue
        if len(values) not in allowed or not all(value == "." or is_right(value) for value in values):
            return False
    return True


def _whole(value: str) -> bool:
    digits = value[1:] if value[:1] in {"-", "+"} and value[:1] else value
    return digits.isascii() and digits.isdigit() and -(2**31) + 8 <= int(value) < 2**31


def _number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return not value.endswith(".") and "_" not in value and " " not in value


def test_calls_are_right_where_the_definition_says_so() -> None:
    chance = random.Random(4)
    numbers = ["0", "7", "-7", "255", "2147483647", "2147483648", "1.5", ".", "x", "", "+3", "1e3", "nan", "5."]
    model, _ = read_header(text())
    n_right = 0
    for _ in range(6000):
        n_alts = chance.choice([1, 2, 3])
        ploidy = chance.choice([1, 2, 2, 2, 3])
        alleles = [chance.choice("0011123.") for _ in range(ploidy)]
        fields = [chance.choice("/|").join(alleles)]
        n_likelihoods = chance.choice([1, 2, 3, 3, 4, 6, 6, 10])
        for n in (1, n_likelihoods, 2, 1)[: chance.randrange(5)]:
            usual = "." if chance.random() < 0.1 else ",".join(str(chance.randrange(99)) for _ in range(n))
            odd = ",".join(chance.choice(numbers) for _ in range(chance.choice([n, n, n + 1])))
            fields.append(odd if chance.random() < 0.1 else usual)
        call = ":".join(fields)
        line = record(alt=ALTS.get(n_alts, "C,G,T"), info=".", format="GT:DP:PL:XF:XS", a=call, b=".").encode()
        is_right = not any(finding.is_error for finding in check_record(line, 1, model))
        assert is_right == _is_right(call, n_alts), (call, n_alts)
        n_right += is_right
    assert 1000 < n_right < 5000


@pytest.mark.parametrize("version", ["4.1", "4.2", "4.3"])
def test_mutated_files_are_judged_alike(version: str) -> None:
    """Bytes flipped, columns swapped, pieces left out."""
    chance = random.Random(5)
    calls = ["0/1:3:1,2,3", "./.:.:.", "1|1:20:.,.,.", "0/0:7"]
    rows = [record(pos=str(i), id=".", a=chance.choice(calls), b=chance.choice(calls)) for i in range(1, 40)]
    whole = text(rows, version=version)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(data) - 20)
            what = chance.randrange(3)
            if what == 0:
                data[at] = chance.randrange(256)
            elif what == 1:
                del data[at : at + chance.randrange(1, 12)]
            else:
                other = chance.randrange(len(data) - 20)
                data[at : at + 4], data[other : other + 4] = data[other : other + 4], data[at : at + 4]
        end = data.find(b"\n", max(0, data.find(b"#CHROM"))) + 1
        header, lines = bytes(data[:end]), bytes(data[end:]).split(b"\n")[:-1]
        assert findings_of_records(header, lines, plain=False) == findings_of_records(header, lines, plain=True)
