"""What an ALT allele is, from its bytes."""

from __future__ import annotations

import pytest

from genomics_dc.kernels import counts
from genomics_dc.kernels.allele_class import ABSENT, allele_classes
from genomics_dc.kernels.vcf.records import Strings


@pytest.mark.parametrize(
    ("ref", "alts", "expected"),
    [
        ("A", ["G"], [counts.TRANSITION]),
        ("t", ["c"], [counts.TRANSITION]),
        ("A", ["T"], [counts.TRANSVERSION]),
        ("C", ["G"], [counts.TRANSVERSION]),
        ("A", ["AT"], [counts.INSERTION]),
        ("AT", ["A"], [counts.DELETION]),
        ("AT", ["GC"], [counts.OTHER]),
        ("A", ["<DEL>"], [counts.OTHER]),
        ("A", ["*"], [counts.OTHER]),
        ("A", ["A[20:5["], [counts.OTHER]),
        ("N", ["A"], [counts.OTHER]),
        ("N", ["NA"], [counts.INSERTION]),
        ("A", [""], [ABSENT]),
        ("A", ["G", "ATT", "*", ""], [counts.TRANSITION, counts.INSERTION, counts.OTHER, ABSENT]),
    ],
)
def test_classes(ref, alts, expected):
    words = Strings.of([[ref, *alts]])
    assert allele_classes(words.data, words.start, words.end).tolist() == [[counts.OTHER, *expected]]
