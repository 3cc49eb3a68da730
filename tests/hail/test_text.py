"""The VCF text between a store and Hail: what is added, and taken away again. Needs no Hail."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from genomics_dc.analyses.hail_bridge.calls import odd_variants, with_text
from genomics_dc.analyses.hail_bridge.genome import build_named, names_in_store
from genomics_dc.analyses.hail_bridge.inward import _records
from genomics_dc.analyses.hail_bridge.numbers import with_java_floats
from genomics_dc.analyses.view import open_store
from genomics_dc.store import build_store
from genomics_dc.store.text import records
from tests.builders import random_records, write_vcf
from tests.store.test_store_equals_vcf import HARD_DECLARATIONS, HARD_RECORDS


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (b"GT\t0/1\t./.\t1|0\t1", b"GT:genotype_text\t0/1:.\t./.:.\t1|0:.\t1:."),
        (b"GT:DP\t./1:3\t.:.\t.|.:2", b"GT:genotype_text:DP\t./.:./1:3\t./.:haploid:.\t./.:.|.:2"),
        (b"GT:DP\t2/1:3\t1|0\t10/2:1", b"GT:genotype_text:DP\t2/1:2/1:3\t1|0:.\t10/2:10/2:1"),
        (b"GT\t0/1/1\t0|1|1", b"GT:genotype_text\t./.:0/1/1\t./.:0|1|1"),
        (b"DP\t3\t4", b"DP\t3\t4"),
    ],
)
def test_text_beside_a_call(columns, expected):
    assert with_text(columns) == expected


def test_variants_with_such_calls_are_found(tmp_path):
    """By the arrays as by the text: a record is changed by `with_text` where, and only where, it is found to be odd."""
    for number, vcf in enumerate(
        (
            write_vcf(tmp_path / "hard.vcf", HARD_RECORDS, samples=("A", "B", "C"), declarations=HARD_DECLARATIONS),
            write_vcf(tmp_path / "random.vcf", random_records(200, 3), samples=("A", "B", "C")),
        )
    ):
        build_store(vcf, tmp_path / f"{number}.vcz")
        view = open_store(tmp_path / f"{number}.vcz")
        texts = [record.encode().split(b"\t", 8)[-1] for record in records(view)]
        has_genotype = np.array([text.startswith(b"GT") for text in texts])
        told = [
            any(call.split(b":")[1] != b"." for call in with_text(text).split(b"\t")[1:])
            for text in texts
            if text.startswith(b"GT")
        ]
        assert odd_variants(view)[has_genotype].tolist() == told
        some_people = view.samples(["C"])
        assert odd_variants(some_people).shape == (view.n_variants,)
        assert not (odd_variants(some_people) & ~odd_variants(view)).any()


def test_java_floats_only_in_fields_of_that_type():
    columns = [
        b"1",
        b"5",
        b"nan",
        b"A",
        b"G",
        b"nan",
        b"PASS",
        b"S=nan;F=nan,0.5,-inf;FLAG",
        b"GT:X:Y\t0/1:nan:inf\t.:.:.",
    ]
    with_java_floats(columns, {b"F"}, {b"Y"})
    assert columns[2] == b"nan"
    assert columns[5] == b"NaN"
    assert columns[7] == b"S=nan;F=NaN,0.5,-Infinity;FLAG"
    assert columns[8] == b"GT:X:Y\t0/1:nan:Infinity\t.:.:."


@given(order=some.permutations(range(4)), n_parts=some.integers(1, 3))
def test_records_come_back_in_their_order(tmp_path_factory, order, n_parts):
    """Whatever the order that Hail gives records of one position in, and however it cuts them into files."""
    folder = tmp_path_factory.mktemp("shards")
    lines = [b"chr1\t4\t.\tA\tG\t-10\t.\tstore_row=7;store_qual=1.5;DP=3\tGT\t0/1\n"]
    lines += [b"chr1\t5\trs%d\tA\tG\t-10\t.\tstore_row=%d\tGT\t0/1\n" % (n, 10 + n) for n in order]
    for part, chunk in enumerate(np.array_split(np.arange(len(lines)), n_parts)):
        with gzip.open(folder / f"part-{part}.bgz", "wb") as handle:
            handle.writelines(lines[number] for number in chunk)
    found = list(_records(folder, {b"chr1": b"1"}))
    assert found[0] == b"1\t4\t.\tA\tG\t1.5\t.\tDP=3\tGT\t0/1\n"
    assert found[1:] == [b"1\t5\trs%d\tA\tG\t.\t.\t.\tGT\t0/1\n" % number for number in range(4)]


def test_names_of_builds_and_contigs():
    assert [build_named(name) for name in ("hg19", "b37", "GRCh38.p14", "hg38", "T2T", None)] == [
        *("GRCh37", "GRCh37", "GRCh38", "GRCh38", None, None)
    ]
    assert names_in_store(["chr1", "chrX", "chrM"], ["1", "MT"]) == {"chr1": "1", "chrM": "MT"}
