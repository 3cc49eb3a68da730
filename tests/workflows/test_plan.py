"""Which rules a design plans, and which it must not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from genomics_dc.calls.workflow import WORKFLOW_FOLDER, run_workflow
from genomics_dc.config import ProblemsError
from genomics_dc.errors import GenomicsError, ToolError

DATA = "reads_brca1_1kg"
HEADER = "sample\tlibrary\tlane\tfastq_1\tfastq_2\talignment\tsex\tfather\tmother\n"
ALWAYS = {
    "reference_fasta",
    "bwa_index",
    "windows",
    "trim",
    "align",
    "mark_duplicates",
    "sample_bam",
    "alignment_stats",
}
ALWAYS |= {
    "callable_regions",
    "gvcf_window",
    "gvcf",
    "identity",
    "call_window",
    "prove_reference",
    "joint",
    "call_stats",
}
ALWAYS |= {"store_build", "cohort_qc", "multiqc"}


def write_run(folder: Path, data: Path, rows: list[str], **settings: object) -> Path:
    (folder / "sheet.tsv").write_text(HEADER + "".join(row.replace("@", str(data / DATA)) + "\n" for row in rows))
    values = {
        "assembly": "slice",
        "reference": {"fasta": str(data / DATA / "ref_brca1.fa")},
        "samples": "sheet.tsv",
        "output": "out",
        **settings,
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def fastq_row(
    name: str, sample: str | None = None, *, library: str = "L", lane: str = "1", rest: str = ".\t.\t."
) -> str:
    return f"{sample or name}\t{library}\t{lane}\t@/{name}_R1.fastq.gz\t@/{name}_R2.fastq.gz\t.\t{rest}"


def plan(path: Path, **options: object) -> dict[str, int]:
    planned = run_workflow(path, dry_run=True, **options).planned
    return {rule: count for rule, count in planned.items() if rule not in ("all", "reads", "calls", "store")}


def test_fastq_without_extras(tmp_path: Path, shared_data: Path) -> None:
    planned = plan(write_run(tmp_path, shared_data, [fastq_row("HG00096"), fastq_row("HG00099")]))
    assert set(planned) == ALWAYS
    assert planned["trim"] == 2


def test_libraries_lanes_and_windows_scatter(tmp_path: Path, shared_data: Path) -> None:
    rows = [
        fastq_row("HG00096", "P1", lane="1"),
        fastq_row("HG00099", "P1", lane="2"),
        fastq_row("HG00101", "P1", library="M"),
    ]
    planned = plan(write_run(tmp_path, shared_data, rows, calling={"scatter_window_bp": 30000}))
    assert (planned["align"], planned["mark_duplicates"], planned["sample_bam"]) == (3, 2, 1)
    assert (planned["call_window"], planned["prove_reference"], planned["joint"]) == (3, 3, 1)


def test_bam_phenotypes_genes_and_reports(tmp_path: Path, shared_data: Path) -> None:
    import pysam

    with pysam.AlignmentFile(str(tmp_path / "a.bam"), "wb", header={"SQ": [{"SN": "ref_brca1", "LN": 81188}]}):
        pass
    (tmp_path / "p.tsv").write_text("IID\tbmi\nP1\t1\n")
    path = write_run(
        tmp_path,
        shared_data,
        [f"P1\tL\t1\t.\t.\t{tmp_path}/a.bam\t.\t.\t.", fastq_row("HG00096")],
        reference={
            "fasta": str(shared_data / DATA / "ref_brca1.fa"),
            "genes": str(shared_data / DATA / "brca1_gencodev19.gff3"),
        },
        association={"phenotypes": "p.tsv", "traits": ["bmi"]},
        screening={"panels": ["brca1"], "samples": ["P1"]},
    )
    planned = plan(path)
    assert set(planned) == ALWAYS | {"alignment_to_fastq", "annotate", "associate", "screen", "report"}
    assert (planned["alignment_to_fastq"], planned["screen"], planned["report"]) == (1, 1, 1)
    assert not {"store_build", "annotate", "associate", "report"} & set(plan(path, until="calls"))
    assert set(plan(path, until="reads")) == ALWAYS - {
        "gvcf_window", "gvcf", "identity", "call_window", "prove_reference", "joint", "call_stats", "store_build",
        "cohort_qc", "multiqc",
    } | {"alignment_to_fastq"}  # fmt: skip


def test_plain_snakemake_plans_the_same(tmp_path: Path, shared_data: Path) -> None:
    path = write_run(tmp_path, shared_data, [fastq_row("HG00096")], calling={"caller": "freebayes"})
    words = [sys.executable, "-m", "snakemake", "--snakefile", WORKFLOW_FOLDER / "Snakefile", "--configfile", path]
    options = {"cwd": tmp_path, "capture_output": True, "text": True, "check": True}
    done = subprocess.run([*words, "--cores", "2", "--dry-run", "-p"], **options)
    assert "freebayes --fasta-reference" in done.stdout
    assert "bcftools call" not in done.stdout


def test_what_is_wrong_is_told_before_anything_runs(tmp_path: Path, shared_data: Path) -> None:
    whole = (shared_data / DATA / "HG00096_R1.fastq.gz").read_bytes()
    (tmp_path / "cut_R1.fastq.gz").write_bytes(whole[:3000])
    rows = [
        f"P1\tL\t1\t{tmp_path}/cut_R1.fastq.gz\t@/HG00096_R2.fastq.gz\t.\t.\t.\t.",
        "P2\tL\t1\t@/HG00099_R1.fastq.gz\t@/HG00101_R2.fastq.gz\t.\t.\t.\t.",
        "P3\tL\t1\t@/ref_brca1.fa\t@/HG00101_R1.fastq.gz\t.\t.\t.\t.",
    ]
    path = write_run(tmp_path, shared_data, rows)
    with pytest.raises(ProblemsError) as caught:
        run_workflow(path)
    text = str(caught.value)
    assert len(caught.value.problems) == 3
    assert "line 2, columns fastq_1, fastq_2: " in text
    assert "cut or damaged" in text
    assert "not mates of each other" in text
    assert "is FASTA, not FASTQ" in text
    assert not (tmp_path / "out" / "reads").exists()


def test_a_failing_step_is_one_sentence(tmp_path: Path, shared_data: Path) -> None:
    whole = (shared_data / DATA / "HG00099_R1.fastq.gz").read_bytes()
    (tmp_path / "cut_R1.fastq.gz").write_bytes(whole[:-2000])  # whole at its start: only the full reading finds it
    path = write_run(
        tmp_path, shared_data, [f"P1\tL\t1\t{tmp_path}/cut_R1.fastq.gz\t@/HG00099_R2.fastq.gz\t.\t.\t.\t."]
    )
    with pytest.raises(ToolError) as caught:
        run_workflow(path, cores=1, until="reads")
    text = str(caught.value)
    assert "step trim P1+L+1 failed: " in text
    assert "is cut or damaged after read" in text
    assert "logs/trim/P1+L+1.log" in text
    assert not list((tmp_path / "out" / "reads" / "units").glob("*"))


def test_unknown_profile_and_stage(tmp_path: Path) -> None:
    with pytest.raises(GenomicsError, match="profile cloud: expected one of local, slurm"):
        run_workflow(tmp_path / "run.yaml", profile="cloud")
    with pytest.raises(GenomicsError, match="until lunch: expected one of reads"):
        run_workflow(tmp_path / "run.yaml", until="lunch")
