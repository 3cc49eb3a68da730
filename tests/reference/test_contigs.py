import pytest

from genomics_dc.errors import InputError
from genomics_dc.reference import contigs


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20", "20"),
        ("chr20", "20"),
        ("Chr20", "20"),
        ("NC_000020.10", "20"),
        ("NC_000020.11", "20"),
        ("chrX", "X"),
        ("NC_000023.11", "X"),
        ("NC_000024.9", "Y"),
        ("chrM", "MT"),
        ("M", "MT"),
        ("NC_012920.1", "MT"),
        ("chrUn_KI270302v1", "chrUn_KI270302v1"),
        ("NC_000020.3", "NC_000020.3"),
        ("HLA:01", "HLA:01"),
        ("chr23", "chr23"),
    ],
)
def test_aliases_of_one_chromosome_come_out_equal(name, expected):
    assert contigs.canonical(name) == expected


def test_the_exact_name_wins_over_an_alias():
    assert contigs.resolve("chr20", ["20", "chr20"]) == "chr20"
    assert contigs.resolve("chr20", ["19", "20"]) == "20"
    assert contigs.resolve("NC_000020.11", ["chr20"]) == "chr20"
    assert contigs.resolve("chr20", ["21"]) is None


def test_two_aliases_of_one_name_are_refused():
    with pytest.raises(InputError, match=r"could mean any of 20, NC_000020\.10"):
        contigs.resolve("chr20", ["20", "NC_000020.10"])


def test_an_accession_tells_its_assembly():
    assert contigs.accession_assembly("NC_000020.10") == "GRCh37"
    assert contigs.accession_assembly("NC_000020.11") == "GRCh38"
    assert contigs.accession_assembly("chr20") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20", ("20", 0, None)),
        ("chr20:1,000-2,000", ("20", 999, 2000)),
        ("20:7-7", ("20", 6, 7)),
        ("20:7", ("20", 6, None)),
        ("20:7-", ("20", 6, None)),
        ("HLA:01", ("HLA:01", 0, None)),
        ("HLA:01:5-9", ("HLA:01", 4, 9)),
    ],
)
def test_region_strings_are_one_based_inclusive(text, expected):
    assert contigs.parse_region(text, ["20", "HLA:01"], where="here") == expected


@pytest.mark.parametrize("text", ["20:0-5", "20:9-5", "20:a-b", "20:-5", "20:5--9"])
def test_a_region_that_is_none_is_refused(text):
    with pytest.raises(InputError, match="region"):
        contigs.parse_region(text, ["20"], where="here")


def test_an_unknown_contig_names_those_that_are_there():
    with pytest.raises(InputError, match=r"contig 5 is not in x\.vcz; it has 1, 2"):
        contigs.parse_region("5:1-2", ["1", "2"], where="x.vcz")
