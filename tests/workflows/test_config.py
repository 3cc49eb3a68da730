"""Run configuration and sample sheet: every problem, with its place, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from genomics_dc.calls.windows import cut_windows, run_regions, run_windows
from genomics_dc.config import ProblemsError, load_run_config, read_sample_sheet
from genomics_dc.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
HEADER = "sample\tlibrary\tlane\tfastq_1\tfastq_2\tsex\tfather\tmother\n"


def write_run(folder: Path, sheet: str = "", **settings: object) -> Path:
    (folder / "genome.fa").write_text(">20\n" + "ACGT" * 500 + "\n>X\n" + "ACGT" * 100 + "\n")
    for name in "abcdef":
        (folder / name).write_text("x")
    (folder / "sheet.tsv").write_text(sheet or HEADER + "P1\tL\t1\ta\tb\tfemale\t.\t.\n")
    values = {
        "assembly": "GRCh37",
        "reference": {"fasta": "genome.fa"},
        "samples": "sheet.tsv",
        "output": "out",
        **settings,
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


def sheet_problems(folder: Path, text: str | bytes) -> str:
    path = folder / "sheet.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    _, problems = read_sample_sheet(path, check_files=False)
    return "\n".join(map(str, problems))


def test_defaults_are_filled_in(tmp_path: Path) -> None:
    run = load_run_config(write_run(tmp_path))
    assert run.settings["calling"]["caller"] == "bcftools"
    assert run.settings["callable"]["depth_min_reads"] == 10
    assert run.settings["reports"]["languages"] == ["zh-CN", "en"]
    assert run.samples["P1"].sex == "female"
    assert run.samples["P1"].father is None
    assert list(run.units) == ["P1+L+1"]


def test_all_problems_of_both_files_come_at_once(tmp_path: Path) -> None:
    path = write_run(
        tmp_path,
        HEADER + "P/1\tL\t1\ta\tb\tfemale\t.\t.\nP2\tL\t1\tmissing\tc\tmale\tP9\t.\n",
        calling={"caller": "gatk"},
        callable={"depth_min_read": 3},
    )
    with pytest.raises(ProblemsError) as caught:
        load_run_config(path)
    text = str(caught.value)
    assert len(caught.value.problems) == 5
    assert "calling.caller: expected one of bcftools, freebayes, got 'gatk'" in text
    assert "callable.depth_min_read: unknown key; did you mean depth_min_reads?" in text
    assert "line 2, column 'sample': 'P/1' is not allowed" in text
    assert "line 3, column 'fastq_1': there is no file" in text
    assert "line 3, column 'father': P9 is not in the sheet" in text


@pytest.mark.parametrize("name", ["a/b", "..", "a..b", "a b", "a;b", "-a", "$(x)", "a'b", "é", "a" * 65, "a+b"])
def test_sample_ids_that_could_hurt_are_refused(tmp_path: Path, name: str) -> None:
    assert "line 2, column 'sample'" in sheet_problems(tmp_path, f"{HEADER}{name}\tL\t1\ta\tb\t.\t.\t.\n")


def test_byte_order_mark_and_crlf_are_accepted(tmp_path: Path) -> None:
    text = "\ufeff" + HEADER.replace("\n", "\r\n") + "P1\tL\t1\ta\tb\t.\t.\t.\r\n"
    assert sheet_problems(tmp_path, text.encode()) == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEADER.replace("lane\t", "") + "P1\tL\ta\tb\t.\t.\t.\n", "line 1, column 'lane': the column is missing"),
        (HEADER.replace("sex", "gender") + "P1\tL\t1\ta\tb\t.\t.\t.\n", "column 'gender': unknown column"),
        (HEADER.replace("mother", "sex") + "P1\tL\t1\ta\tb\t.\t.\t.\n", "column 'sex': the column comes twice"),
        (HEADER.replace("\t", ",") + "P1,L,1,a,b,,,\n", "not separated by tabs"),
        (HEADER + "P1\tL\t1\ta\tb\n", "line 2: expected 8 cells separated by tabs, got 5"),
        (HEADER + "P1\tL\t1\ta\tb\t.\t.\t.\nP1\tL\t1\tc\td\t.\t.\t.\n", "is on line 2 already"),
        (HEADER + "P1\tL\t1\ta\tb\t.\t.\t.\nP2\tL\t1\ta\tc\t.\t.\t.\n", "the file a is used on line 2 already"),
        (HEADER + "P1\tL\t1\ta\t.\t.\t.\t.\n", "give either fastq_1 and fastq_2, or alignment"),
        (HEADER + "P1\tL\t1\ta\tb\tF\t.\t.\n", "column 'sex': expected one of male, female, got 'F'"),
        (HEADER + "P1\tL\t1\ta\tb\t.\tP1\t.\n", "P1 is its own ancestor"),
        (HEADER + "P1\tL\t1\ta\tb\t.\tP2\t.\nP2\tL\t1\tc\td\tfemale\t.\t.\n", "P2 is female on line 3"),
        (HEADER + "P1\tL\t1\ta\tb\tmale\t.\t.\nP1\tL\t2\tc\td\tfemale\t.\t.\n", "male and female on different lines"),
        (HEADER, "the sheet names no sample"),
        ("", "the sheet is empty"),
        (b"sample\xff\n", "byte 6 is not UTF-8"),
    ],
)
def test_broken_sheets(tmp_path: Path, text: str | bytes, told: str) -> None:
    assert told in sheet_problems(tmp_path, text)


def test_lanes_and_libraries(tmp_path: Path) -> None:
    path = tmp_path / "sheet.tsv"
    path.write_text(HEADER + "P1\tA\t1\ta\tb\t.\t.\t.\nP1\tA\t2\tc\td\t.\t.\t.\nP1\tB\t1\te\tf\t.\t.\t.\n")
    samples, problems = read_sample_sheet(path, check_files=False)
    assert problems == []
    assert samples["P1"].libraries == ("A", "B")
    assert [unit.name for unit in samples["P1"].units] == ["P1+A+1", "P1+A+2", "P1+B+1"]


def test_yaml_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("assembly: [\n")
    with pytest.raises(ProblemsError, match="not YAML"):
        load_run_config(path)
    path.write_text("assembly: a\nassembly: b\nreference: {fasta: f}\nsamples: s\noutput: o\n")
    with pytest.raises(ProblemsError, match="line 2, assembly: the key is given twice"):
        load_run_config(path)
    with pytest.raises(InputError, match="no such configuration"):
        load_run_config(tmp_path / "nothing.yaml")


def test_region_outside_the_contig(tmp_path: Path) -> None:
    run = load_run_config(write_run(tmp_path, regions=["20:1-2001", "21:1-5", "20:5-10"]))
    with pytest.raises(ProblemsError) as caught:
        run_regions(run)
    assert len(caught.value.problems) == 2
    assert "20:1-2001: outside 20, which has 2,000 bp" in str(caught.value)
    assert "the reference has no contig 21; its contigs are 20, X" in str(caught.value)


def test_windows_cover_every_base_once(tmp_path: Path) -> None:
    run = load_run_config(write_run(tmp_path, calling={"scatter_window_bp": 1000}))
    windows = run_windows(run)
    assert list(windows) == ["w0001", "w0002", "w0003"]
    assert windows["w0002"] == [("20", 1000, 2000)]
    assert windows["w0003"] == [("X", 0, 400)]
    assert cut_windows([("1", 0, 5), ("2", 0, 7)], 10) == [[("1", 0, 5), ("2", 0, 5)], [("2", 5, 7)]]


@pytest.mark.parametrize("name", ["example", "giab_chr20", "brca1_1kg"])
def test_shipped_configurations_are_valid(name: str) -> None:
    load_run_config(ROOT / "configs" / f"{name}.yaml", check_files=False)
