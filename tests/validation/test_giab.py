"""The workflow on real reads with a truth: NA12878 against NIST, and the two names of one person."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import yaml

from genomics_dc.calls.compare import compare_calls
from genomics_dc.calls.identity import accept, check_run
from genomics_dc.calls.workflow import run_workflow
from genomics_dc.config import load_run_config

ROOT = Path(__file__).resolve().parents[2]
CONTIG, OFFSET = "chr20_9995001_10105000", 9_995_000
TRUTH = "truth.NA12878.nist.chr20_10.00-10.05Mb.vcf.gz"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("giab")]


@pytest.fixture(scope="module")
def data(shared_data: Path) -> Path:
    return shared_data / "reads_chr20_giab"


@pytest.fixture(scope="module")
def config(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("giab")
    values = yaml.safe_load((ROOT / "configs" / "giab_chr20.yaml").read_text())
    values["reference"]["fasta"] = str(data / Path(values["reference"]["fasta"]).name)
    values["output"] = "out"
    sheet = (ROOT / "configs" / "giab_chr20.tsv").read_text()
    (folder / "giab_chr20.tsv").write_text(sheet.replace("../../shared/data/reads_chr20_giab", str(data)))
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture(scope="module")
def output(config: Path) -> Path:
    return run_workflow(config, until="calls").output


@pytest.fixture(scope="module")
def truth(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The truth, the window and the confident regions, moved onto the slice."""
    folder = tmp_path_factory.mktemp("truth")
    with gzip.open(data / TRUTH, "rt") as handle, open(folder / "truth.vcf", "w") as moved:
        for line in handle:
            if line.startswith("#CHROM"):
                moved.write(f"##contig=<ID={CONTIG},length=110000>\n")
            if line.startswith("##contig"):
                continue
            if not line.startswith("#"):
                _, position, *rest = line.split("\t")
                line = "\t".join([CONTIG, str(int(position) - OFFSET), *rest])
            moved.write(line)
    (folder / "window.bed").write_text(f"{CONTIG}\t5000\t55000\n")
    rows = [line.split("\t") for line in (data / "test_nist.b37_chr20_100kbp_at_10mb.bed").read_text().splitlines()]
    confident = "".join(f"{CONTIG}\t{int(start) - OFFSET}\t{int(end) - OFFSET}\n" for _, start, end, *_ in rows)
    (folder / "confident.bed").write_text(confident)
    return folder / "truth.vcf", folder / "window.bed", folder / "confident.bed"


def compare(output: Path, truth: Path, regions: Path, sample: str):
    fasta = output / "reference" / "genome.fa"
    return compare_calls(truth, output / "calls" / "joint.vcf.gz", fasta=fasta, regions=regions, sample=sample)


def test_na12878_finds_what_the_caller_finds_by_hand(output: Path, truth: tuple[Path, Path, Path]) -> None:
    found = compare(output, truth[0], truth[1], "NA12878")
    assert (found.snv.truth, found.indel.truth) == (106, 24)
    assert found.snv.found == 106
    assert found.snv.genotypes_equal >= 105
    assert found.indel.found >= 23


def test_nothing_false_in_confident_regions(output: Path, truth: tuple[Path, Path, Path]) -> None:
    found = compare(output, truth[0], truth[2], "NA12878")
    assert found.snv.truth == 45
    assert found.snv.recall == found.snv.precision == found.indel.precision == 1.0


def test_one_person_under_two_names_is_found_and_accepted_by_name(output: Path, config: Path) -> None:
    written = json.loads((output / "identity" / "identity.json").read_text())
    (accepted,) = [check for check in written if check["check"] == "duplicate" and len(check["samples"]) == 2]
    assert accepted["samples"] == ["NA12878", "HG001"]
    assert accepted["status"] == "accepted"
    values = yaml.safe_load(config.read_text())
    values["identity"]["accept"] = []
    strict = config.with_name("strict.yaml")
    strict.write_text(yaml.safe_dump(values))
    found = [check for check in check_run(load_run_config(strict), output) if check.status == "finding"]
    assert [check.samples for check in found] == [("NA12878", "HG001")]
    assert accept(found[0], load_run_config(config).settings["identity"]["accept"]).status == "accepted"


def test_a_swapped_parent_is_found(output: Path, config: Path) -> None:
    """HG002 as NA12878's father: 5 of 155 sites exclude him (in the trio's 10 kb he shares a haplotype with her)."""
    lines = config.with_name("giab_chr20.tsv").read_text().splitlines()
    lines[1] = lines[1].removesuffix("\t.\t.") + "\tHG002\t."
    config.with_name("swapped.tsv").write_text("\n".join(lines) + "\n")
    swapped = config.with_name("swapped.yaml")
    swapped.write_text(config.read_text().replace("giab_chr20.tsv", "swapped.tsv"))
    found = [check for check in check_run(load_run_config(swapped), output) if check.status == "finding"]
    assert [(check.check, check.samples) for check in found] == [("kinship", ("NA12878", "HG002"))]


def test_outside_reads_no_genotype_is_reference(output: Path) -> None:
    """The trio has reads in the first 10 kb only: beyond them not one 0/0 may stand."""
    import cyvcf2

    reader = cyvcf2.VCF(str(output / "calls" / "joint.vcf.gz"))
    column = reader.samples.index("NA12891")
    seen = 0
    for record in reader:
        if record.POS > 16_000:
            seen += 1
            assert list(record.genotype.array()[column][:-1]) == [-1, -1]
    assert seen > 50
