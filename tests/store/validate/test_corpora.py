"""The conformance corpora: files that other people say must be refused, and files that must be accepted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from genomics_dc.store.validate import validate_vcf

DATA = Path(__file__).parents[4] / "shared" / "data"
CORPUS = DATA / "conformance_vcf"
# Read and rejected as what must be refused, with the reason from the specification.
DISAGREE = {
    "v4.2": {
        "failed_body_format_003.vcf": "an underscore in a FORMAT key, as in GATK's MIN_DP; warned of",
        "failed_meta_pedigree_001.vcf": "a colon in a genome's name is nowhere forbidden",
        "failed_meta_sample_000.vcf": "SAMPLE without Genomes: shown in 1.2.8 as possible, not as required; warned of",
        "failed_meta_sample_001.vcf": "quotes around Mixture are nowhere forbidden",
    },
    "v4.3": {
        "failed_body_chrom_003.vcf": "chr*1: 1.4.7 allows * after the first character (HLA-A*01:01)",
        "failed_meta_contig_003.vcf": "1.*: 1.4.7 allows * after the first character",
        "failed_meta_pedigree_001.vcf": "a colon in a genome's name is nowhere forbidden",
        "failed_meta_sample_003.vcf": "1.*: no character of a sample's ID is forbidden but those that end it",
    },
}
needs_corpus = pytest.mark.skipif(not CORPUS.exists(), reason="../shared/data/conformance_vcf is not here")


@needs_corpus
@pytest.mark.parametrize("version", ["v4.2", "v4.3"])
def test_files_that_must_be_refused(version: str) -> None:
    paths = sorted((CORPUS / f"{version}_failed").iterdir())
    accepted = {path.name for path in paths if validate_vcf(path).is_valid}
    assert accepted <= set(DISAGREE[version])
    assert len(accepted) <= 0.05 * len(paths)


@needs_corpus
@pytest.mark.parametrize("version", ["v4.2", "v4.3"])
def test_files_that_must_be_accepted(version: str) -> None:
    for path in sorted((CORPUS / f"{version}_passed").iterdir()):
        found = validate_vcf(path)
        assert found.is_valid, (path.name, [str(f) for f in found.findings if f.is_error])


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
@pytest.mark.parametrize(
    "folder", ["conformance_vcf", "conformance_htslib", "conformance_bad_vcf", "conformance_bcftools"]
)
def test_every_file_ends_in_a_verdict_within_a_second(folder: str) -> None:
    for path in sorted((DATA / folder).rglob("*")):
        if path.is_file():
            start = time.process_time()
            validate_vcf(path)
            assert time.process_time() - start < 1, path


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("conformance_bad_vcf/hail_bad_vcf/invalid_base.vcf", {"ref-ambiguity"}),
        ("conformance_bad_vcf/hail_bad_vcf/malformed.vcf", {"record-columns"}),
        ("conformance_htslib/htslib_vcf/noroundtrip.vcf", {"format-repeated", "format-gt-first"}),
        ("conformance_bcftools/norm_view_query_stats/view64bit.3.vcf", {"pos-range", "info-range", "call-range"}),
        ("conformance_bcftools/norm_view_query_stats/isec-miss.2.3.vcf", {"record-columns"}),
    ],
)
def test_known_damage_is_called_by_its_name(name: str, rules: set[str]) -> None:
    assert {finding.rule for finding in validate_vcf(DATA / name).findings if finding.is_error} >= rules
