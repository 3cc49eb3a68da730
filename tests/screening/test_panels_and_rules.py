"""Panels, rules, and the small pieces of screening by themselves."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from genomics_dc.errors import InputError
from genomics_dc.screening.coverage import gaps, merged, read_bed
from genomics_dc.screening.inheritance import Locus, excludes, genotype_text, phase, segregation, zygosity
from genomics_dc.screening.panels import load_panel, panel_names
from genomics_dc.screening.rules import load_rules

GOOD = {
    "name": "p",
    "version": "1",
    "source": "made up",
    "genes": [{"symbol": "A", "transcript": "T", "inheritance": ["autosomal_recessive"]}],
}


def write(tmp_path, **changes):
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in {**GOOD, **changes}.items() if value is not None}))
    return path


def test_shipped_panels_are_valid_and_have_sources():
    assert "demo-chr20" in panel_names()
    for name in panel_names():
        panel = load_panel(name)
        assert panel.source
        assert panel.checksum
        assert all(set(gene.condition) in (set(), {"en", "zh-CN"}) for gene in panel.genes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": None}, "version: Field required"),
        ({"source": ""}, "source: String should have at least 1"),
        ({"genes": []}, "genes"),
        ({"owner": "me"}, "owner: Extra inputs"),
        ({"genes": [*GOOD["genes"], *GOOD["genes"]]}, "stands twice: A"),
        ({"genes": [{**GOOD["genes"][0], "inheritance": ["recessive"]}]}, "genes.0.inheritance.0"),
        ({"genes": [{**GOOD["genes"][0], "loss_of_function": True}]}, "needs loss_of_function_source"),
        ({"name": "../p"}, "name: String should match"),
    ],
)
def test_a_bad_panel_is_told(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        load_panel(write(tmp_path, **changes))


def test_a_panel_that_is_not_there_lists_those_that_are():
    with pytest.raises(InputError, match="demo-chr20"):
        load_panel("nothing")
    with pytest.raises(InputError, match="there is no panel"):
        load_panel("../configs/panels/demo-chr20")


def test_points_give_the_classes_of_the_paper():
    """Tavtigian et al. 2020: P >= 10, LP 6..9, VUS 0..5, LB -6..-1, B <= -7."""
    rules = load_rules()
    wanted = {10: "pathogenic", 9: "likely_pathogenic", 6: "likely_pathogenic", 5: "uncertain_significance"}
    wanted |= {0: "uncertain_significance", -1: "likely_benign", -6: "likely_benign", -7: "benign"}
    assert {points: rules.significance(points) for points in wanted} == wanted
    assert [rules.score(name) for name in ("very_strong", "strong", "moderate", "supporting")] == [8, 4, 2, 1]


def test_bed_is_read_zero_based_and_merged(tmp_path):
    path = tmp_path / "a.bed"
    path.write_text("# note\nchr20\t10\t20\nchr20\t20\t25\tname\n20\t5\t12\nX\t3\t3\n")
    assert read_bed(path) == {"20": [(5, 25)], "X": []}
    path.write_text("20 1 2\n")
    with pytest.raises(InputError, match="line 1: expected contig"):
        read_bed(path)
    path.write_text("20\t5\t2\n")
    with pytest.raises(InputError, match="line 1: start must be"):
        read_bed(path)


_INTERVALS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: tuple(sorted(pair))), max_size=8
)


@given(_INTERVALS, _INTERVALS)
def test_gaps_are_the_bases_that_are_wanted_and_not_there(wanted, present):
    bases = {base for start, end in wanted for base in range(start, end)}
    bases -= {base for start, end in present for base in range(start, end)}
    found = gaps(wanted, present)
    assert {base for start, end in found for base in range(start, end)} == bases
    assert found == merged(found)


AUTOSOME = Locus("20", 100)


@pytest.mark.parametrize(
    ("genotype", "locus", "wanted"),
    [
        ((0, 1), AUTOSOME, "heterozygous"),
        ((1, 2), AUTOSOME, "heterozygous"),
        ((1, 1), AUTOSOME, "homozygous"),
        ((1,), AUTOSOME, "hemizygous"),
        ((-1, 1), AUTOSOME, "unknown"),
        ((1, 1), Locus("chrX", 5_000_000, "GRCh37", "male"), "hemizygous"),
        ((1, 1), Locus("chrX", 5_000_000, "GRCh37", "female"), "homozygous"),
        ((1, 1), Locus("chrX", 5_000_000, "GRCh37"), "homozygous"),
        ((1, 1), Locus("X", 100_000, "GRCh38", "male"), "homozygous"),  # pseudoautosomal
    ],
)
def test_zygosity(genotype, locus, wanted):
    assert zygosity(genotype, 1, locus) == wanted


@pytest.mark.parametrize(
    ("state", "father", "mother", "recessive", "wanted"),
    [
        ("heterozygous", (0, 0), (0, 0), False, "de_novo"),
        ("heterozygous", (0, 2), (0, 0), False, "de_novo"),
        ("heterozygous", (0, 1), (-1, -1), False, "inherited"),
        ("heterozygous", (-1, 1), (0, 0), False, "inherited"),
        ("heterozygous", (-1, -1), (0, 0), False, "unknown"),
        ("heterozygous", (0, -1), (0, 0), False, "unknown"),
        ("heterozygous", None, (0, 0), False, "unknown"),
        ("heterozygous", None, None, True, "unknown"),
        ("homozygous", (0, 1), (0, 1), True, "homozygous_recessive"),
        ("homozygous", None, None, True, "homozygous_recessive"),
        ("homozygous", (0, 1), (-1, -1), True, "homozygous_recessive"),
        ("homozygous", (0, 1), (0, 0), True, "unknown"),
        ("homozygous", (0, 0), (0, 0), True, "unknown"),
        ("homozygous", (0, 1), (0, 1), False, "inherited"),
    ],
)
def test_segregation(state, father, mother, recessive, wanted):
    assert segregation(state, 1, father, mother, recessive=recessive, locus=AUTOSOME) == wanted


def test_segregation_on_the_single_x_of_a_male_asks_the_mother():
    locus = Locus("X", 5_000_000, "GRCh37", "male")
    for father in ((0,), (1,), None, (-1,)):
        assert segregation("hemizygous", 1, father, (0, 1), recessive=False, locus=locus) == "inherited"
        assert segregation("hemizygous", 1, father, (0, 0), recessive=False, locus=locus) == "de_novo"
        assert segregation("hemizygous", 1, father, (-1, -1), recessive=False, locus=locus) == "unknown"


_GENOTYPES = st.none() | st.lists(st.integers(-1, 2), min_size=1, max_size=2).map(tuple)


@given(st.sampled_from(["heterozygous", "homozygous", "unknown"]), _GENOTYPES, _GENOTYPES, st.booleans())
def test_de_novo_is_never_said_without_proof(state, father, mother, recessive):
    if segregation(state, 1, father, mother, recessive=recessive, locus=AUTOSOME) == "de_novo":
        for parent in (father, mother):
            assert parent is not None
            assert -1 not in parent
            assert 1 not in parent


def test_missing_is_never_reference():
    assert not excludes(None, 1)
    assert not excludes((), 1)
    assert not excludes((0, -1), 1)
    assert excludes((0, 0), 1)
    assert phase("father", None) == "unknown"
    assert genotype_text((-1, 1)) == "./1"
    assert genotype_text(()) == "./."
