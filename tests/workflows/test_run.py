"""Real runs on three people's BRCA1 reads: reads to report, killed and resumed, a hole in the reads."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cyvcf2
import pysam
import pytest
import yaml

from genomics_dc.calls.workflow import run_workflow
from genomics_dc.files import sha256_file

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workflow")]

HEADER = "sample\tlibrary\tlane\tfastq_1\tfastq_2\talignment\tsex\tfather\tmother\n"
SETTINGS = {
    "assembly": "slice",
    "samples": "sheet.tsv",
    "output": "out",
    "callable": {"depth_min_reads": 4},
    "calling": {"reference_depth_min_reads": 3, "reference_quality_min": 9, "scatter_window_bp": 41000},
    "filters": [{"name": "low_quality", "expression": "QUAL < 20", "description": "Site quality under 20"}],
    "identity": {"depth_min_reads": 4, "quality_min": 12},
}


@pytest.fixture(scope="module")
def data(shared_data: Path) -> Path:
    return shared_data / "reads_brca1_1kg"


def write_run(folder: Path, rows: list[str], data: Path, **settings: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "sheet.tsv").write_text(HEADER + "".join(f"{row}\n" for row in rows))
    values = {**SETTINGS, "reference": {"fasta": str(data / "ref_brca1.fa")}, **settings}
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def fastq_rows(data: Path, names: tuple[str, ...] = ("HG00096", "HG00099")) -> list[str]:
    return [f"{name}\twgs\t1\t{data}/{name}_R1.fastq.gz\t{data}/{name}_R2.fastq.gz\t.\t.\t.\t." for name in names]


def moved_genes(data: Path, path: Path) -> Path:
    """The gene models stand one base too far to the right of this slice (see configs/brca1_1kg.yaml)."""
    lines = []
    for line in (data / "brca1_gencodev19.gff3").read_text().splitlines():
        cells = line.split("\t")
        if len(cells) == 9:
            cells[3:5] = str(max(int(cells[3]) - 1, 1)), str(int(cells[4]) - 1)
        lines.append("\t".join(cells))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    genes = moved_genes(data, folder / "genes.gff3")
    path = write_run(
        folder,
        fastq_rows(data),
        data,
        reference={"fasta": str(data / "ref_brca1.fa"), "genes": str(genes)},
        screening={"panels": ["brca1"], "samples": ["HG00099"]},
        reports={"languages": ["en"]},
    )
    seen = []
    summary = run_workflow(path, on_progress=seen.append)
    assert summary.steps_done == summary.steps_total == seen[-1].done > 30
    assert summary.blocked == ()
    return summary.output


def contents(output: Path) -> dict[str, str]:
    """Checksums of everything that carries no date."""
    patterns = ("reads/*.bam*", "callable/*", "gvcf/*.gz*", "identity/*", "calls/joint.*", "reads/qc/*.txt")
    return {str(path.relative_to(output)): sha256_file(path) for one in patterns for path in output.glob(one)}


def test_reads_to_report(finished: Path) -> None:
    expected = ["multiqc/multiqc_report.html", "store/cohort.vcz/zarr.json", "findings/HG00099.brca1.json"]
    assert all((finished / name).is_file() for name in expected)
    assert list(finished.glob("reports/HG00099/brca1/*.html"))
    assert not list((finished / ".stage").glob("*"))
    findings = json.loads((finished / "findings" / "HG00099.brca1.json").read_text())
    assert findings["coverage"][0]["gene"] == "BRCA1"
    with pysam.AlignmentFile(str(finished / "reads" / "HG00099.bam")) as handle:
        header = handle.header.to_dict()
    assert header["RG"] == [{"ID": "HG00099.wgs.1", "SM": "HG00099", "LB": "wgs", "PL": "ILLUMINA", "PU": "wgs.1"}]
    assert all("CL" not in line for line in header["PG"])


def test_multiqc_has_a_row_for_each_sample_and_check(finished: Path) -> None:
    (samples,) = (finished / "multiqc" / "multiqc_report_data").glob("*genomics_dc_samples*.txt")
    rows = [line.split("\t")[0] for line in samples.read_text().splitlines()]
    assert rows == ["Sample", "HG00096", "HG00099"]
    (checks,) = (finished / "multiqc" / "multiqc_report_data").glob("*genomics_dc_identity*.txt")
    assert {"contamination HG00096", "contamination HG00099"} <= set(checks.read_text().replace("\t", "\n").split("\n"))


def test_joint_calls_are_normal_filtered_and_proven(finished: Path) -> None:
    reader = cyvcf2.VCF(str(finished / "calls" / "joint.vcf.gz"))
    assert reader.samples == ["HG00096", "HG00099"]
    filters, unproven = set(), 0
    for record in reader:
        assert len(record.ALT) == 1
        filters.add(record.FILTER)
        unproven += record.INFO["UNPROVEN_REF"]
        depth = record.format("DP")[:, 0]
        for column in range(2):
            if list(record.genotype.array()[column][:-1]) == [0, 0] and not record.INFO.get("INDEL"):
                assert depth[column] >= 3
    assert filters == {None, "low_quality"}
    assert unproven > 0


def test_nothing_is_left_to_do(finished: Path) -> None:
    assert run_workflow(finished.parent / "run.yaml").steps_total == 0


def test_killed_and_run_again_gives_the_same_bytes(finished: Path, data: Path, tmp_path: Path) -> None:
    path = write_run(tmp_path / "killed", fastq_rows(data), data)
    command = [sys.executable, "-m", "genomics_dc.cli.main", "run", str(path), "--until", "calls"]
    for seconds in (6, 9):
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
    run_workflow(path, until="calls")
    assert contents(path.parent / "out") == contents(finished)


@pytest.mark.parametrize("caller", ["bcftools", "freebayes"])
def test_a_hole_in_the_reads_is_missing_never_reference(
    finished: Path, data: Path, tmp_path: Path, caller: str
) -> None:
    """HG00096's reads are taken away where HG00099 alone varies: there, HG00096 is ./. for either caller."""
    reader = cyvcf2.VCF(str(finished / "calls" / "joint.vcf.gz"))
    start, end = 30_000, 45_000
    assert any(start + 500 < record.POS < end - 500 and record.genotypes[1][:2] == [0, 1] for record in reader)
    holed = tmp_path / "holed.bam"
    with (
        pysam.AlignmentFile(str(finished / "reads" / "HG00096.bam")) as whole,
        pysam.AlignmentFile(str(holed), "wb", template=whole) as out,
    ):
        inside = {read.query_name for read in whole.fetch("ref_brca1", start, end)}
        for read in whole.fetch(until_eof=True):
            if read.query_name not in inside:
                out.write(read)
    other = finished / "reads" / "HG00099.bam"
    rows = [f"HG00096\twgs\t1\t.\t.\t{holed}\t.\t.\t.", f"HG00099\twgs\t1\t.\t.\t{other}\t.\t.\t."]
    calling = {**SETTINGS["calling"], "caller": caller, "scatter_window_bp": 100_000}
    path = write_run(tmp_path / caller, rows, data, calling=calling, regions=["ref_brca1:25,000-50,000"])
    output = run_workflow(path, until="calls").output
    genotypes = [
        [row[:-1] for row in record.genotypes]
        for record in cyvcf2.VCF(str(output / "calls" / "joint.vcf.gz"))
        if start + 500 < record.POS < end - 500
    ]
    assert len(genotypes) > 5
    assert all(one[0] == [-1, -1] for one in genotypes)
    assert any(one[1] == [0, 1] for one in genotypes)
