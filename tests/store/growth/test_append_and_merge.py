"""Other sites, other people, and what is refused; the commands."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from genomics_dc.cli.main import app
from genomics_dc.errors import BuildMismatchError, InputError, StoreError, UsageError
from genomics_dc.store import StoreView, append_store, build_store, merge_stores, verify_store
from genomics_dc.store.access import StoreFiles
from genomics_dc.store.lock import writer_lock
from tests.builders import random_records, write_vcf
from tests.store.growth.helpers import columns_of, write_part

SAMPLES = ["A", "B", "C", "D", "E"]
RECORDS = random_records(40, 5, seed=3)
DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


@pytest.fixture
def store(tmp_path):
    build_store(write_part(tmp_path / "c.vcf", columns_of(RECORDS, range(3)), SAMPLES[:3]), tmp_path / "c.vcz")
    return tmp_path / "c.vcz"


def calls_of(store):
    """Return {(contig, position, ref, alt): {sample: genotype}} of a store."""
    view = StoreView.open(store)
    sites = view.sites()
    genotype = np.concatenate([block["call_genotype"] for block in view.blocks("call_genotype")] or [[]])
    names = view.sample_ids.tolist()
    found = {}
    for row in range(view.n_variants):
        key = (sites.contig[row], int(sites.position[row]), sites.ref[row], sites.alt[row])
        found[key] = dict(zip(names, map(tuple, genotype[row].tolist()), strict=True))
    return found


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sets(st.integers(0, 39), min_size=1), min_size=2, max_size=3))
def test_each_person_keeps_their_calls_and_is_missing_at_the_sites_of_others(tmp_path_factory, kept):
    folder = tmp_path_factory.mktemp("union")
    stores, expected = [], {}
    for number, rows in enumerate(kept):
        names = [SAMPLES[number]]
        records = columns_of([RECORDS[row] for row in sorted(rows)], [number])
        store = folder / f"{number}.vcz"
        build_store(write_part(folder / f"{number}.vcf", records, names), store)
        stores.append(store)
        for key, calls in calls_of(store).items():
            expected.setdefault(key, {}).update(calls)
    merge_stores(stores, folder / "m.vcz")
    got = calls_of(folder / "m.vcz")
    assert got.keys() == expected.keys()
    for key, calls in got.items():
        for number in range(len(kept)):
            own = expected[key].get(SAMPLES[number], (-1, -1))
            assert calls[SAMPLES[number]] == (own if len(own) == 2 else (*own, -2))
    assert verify_store(folder / "m.vcz", deep=True).ok
    assert list(got) == sorted(got, key=lambda key: key[:2])


@pytest.mark.skipif(not DATA.exists() or shutil.which("bcftools") is None, reason="needs ../shared and bcftools")
def test_genotypes_are_those_of_bcftools_merge(tmp_path):
    vcf = DATA / "cohort_1kg_chr20" / "1kg_phase3.2504.chr20_1.99-2.11Mb.vcf.gz"
    names = subprocess.run(["bcftools", "query", "-l", vcf], capture_output=True, text=True, check=True).stdout.split()
    parts = []
    for number, some in enumerate((names[:40], names[40:45], names[45:46])):
        path = tmp_path / f"{number}.vcf.gz"
        # only the sites at which somebody of the part carries something
        cut = ["bcftools", "view", "-c", "1", "-s", ",".join(some), "-Oz", "-o", path, vcf]
        subprocess.run(cut, check=True, capture_output=True)
        subprocess.run(["bcftools", "index", path], check=True)
        build_store(path, tmp_path / f"{number}.vcz")
        parts.append(path)
    merge_stores([tmp_path / f"{number}.vcz" for number in range(3)], tmp_path / "m.vcz")
    subprocess.run(["bcftools", "merge", "-m", "none", "-Oz", "-o", tmp_path / "m.vcf.gz", *parts], check=True)
    build_store(tmp_path / "m.vcf.gz", tmp_path / "theirs.vcz")
    ours, theirs = calls_of(tmp_path / "m.vcz"), calls_of(tmp_path / "theirs.vcz")
    assert ours == theirs
    assert len(ours) >= 500
    for name in ("variant_AC", "variant_AN", "variant_quality", "variant_filter"):
        a, b = (StoreFiles(tmp_path / f"{one}.vcz").array(name).read() for one in ("m", "theirs"))
        np.testing.assert_array_equal(a, b, err_msg=name)


def test_info_that_differs_is_missing_and_is_said(store, tmp_path):
    done = append_store(store, write_part(tmp_path / "o.vcf", ["1 1 . A T . . . GT 0/1"], ["D"]))
    assert done.notes == ()
    changed = ["1 5 . A C,G 7 q10 AF=0.5,0.25 GT 1/2"]
    same = ["1 5 . A C,G 9 s50 AF=0.5,0.75 GT 1/2"]
    for name, records in (("x", changed), ("y", same)):
        declarations = (
            '##FILTER=<ID=q10,Description="d">',
            '##FILTER=<ID=s50,Description="d">',
            '##INFO=<ID=AF,Number=A,Type=Float,Description="d">',
            '##INFO=<ID=MQ,Number=1,Type=Float,Description="d">',
            '##INFO=<ID=DB,Number=0,Type=Flag,Description="d">',
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="d">',
        )
        mq = "MQ=60;DB;" if name == "x" else "MQ=59;"
        records = [one.replace("AF=", f"{mq}AF=") for one in records]
        vcf = write_vcf(tmp_path / f"{name}.vcf", records, samples=(name,), declarations=declarations)
        build_store(vcf, tmp_path / f"{name}.vcz")
    done = merge_stores([tmp_path / "x.vcz", tmp_path / "y.vcz"], tmp_path / "xy.vcz")
    assert done.n_differing == {"variant_MQ": 1}
    assert "MQ (1)" in done.notes[0]
    files = StoreFiles(tmp_path / "xy.vcz")
    assert np.isnan(files.array("variant_MQ").read()).all()
    np.testing.assert_array_equal(files.array("variant_AF").read(), [[0.5, 0.5]])
    assert files.array("variant_DB").read().tolist() == [True]
    assert files.array("variant_quality").read().tolist() == [9]
    assert files.array("variant_filter").read().tolist() == [[False, True, True]]


def test_people_and_records_that_are_there_already_are_refused(store, tmp_path):
    before = StoreFiles(store).seal
    some = write_part(tmp_path / "some.vcf", columns_of(RECORDS, [2, 3]), SAMPLES[2:4])
    with pytest.raises(InputError, match=r"1 of 2 samples of .*some\.vcf are in .*c\.vcz already: C"):
        append_store(store, some)
    again = write_part(tmp_path / "again.vcf", columns_of(RECORDS[5:7], range(3)), SAMPLES[:3])
    with pytest.raises(InputError, match=r"2 records of .*again\.vcf are in .*c\.vcz already, the first at 1:\d+"):
        append_store(store, again)
    with pytest.raises(InputError, match=r"are in .* already"):
        merge_stores([store, store], tmp_path / "m.vcz")
    with pytest.raises(UsageError, match="nothing to append"):
        append_store(store)
    with pytest.raises(UsageError, match="two stores or more"):
        merge_stores([store], tmp_path / "m.vcz")
    with pytest.raises(UsageError, match="copy it here"):
        append_store("s3://bucket/c.vcz", again)
    assert StoreFiles(store).seal == before
    assert not (tmp_path / ".c.vcz.generations").exists()


@pytest.mark.parametrize(
    ("contigs", "declarations", "error", "message"),
    [
        ((("1", 99_999),), (), InputError, "contig 1 has 99,999 bases, but 100,000 in"),
        ((("chr1", 100_000),), (), InputError, r"calls a contig chr1, .* calls it 1; rename it"),
        (
            (("1", 100_000),),
            ('##FORMAT=<ID=DP,Number=1,Type=Float,Description="d">',),
            InputError,
            "FORMAT DP is of Type",
        ),
    ],
)
def test_other_builds_and_other_types_are_refused(store, tmp_path, contigs, declarations, error, message):
    gt = '##FORMAT=<ID=GT,Number=1,Type=String,Description="d">'
    record = f"{contigs[0][0]} 5 . A T . . . GT 0/1"
    vcf = write_vcf(tmp_path / "o.vcf", [record], samples=("O",), contigs=contigs, declarations=(gt, *declarations))
    with pytest.raises(error, match=message):
        append_store(store, vcf)


def test_another_genome_build_is_refused(tmp_path):
    for name, assembly in (("a", "GRCh37"), ("b", "GRCh38")):
        vcf = write_part(tmp_path / f"{name}.vcf", columns_of(RECORDS[:2], [0]), [name])
        build_store(vcf, tmp_path / f"{name}.vcz", assembly=assembly)
    with pytest.raises(BuildMismatchError, match="is of genome build GRCh38"):
        merge_stores([tmp_path / "a.vcz", tmp_path / "b.vcz"], tmp_path / "m.vcz")


def test_a_store_that_is_being_written_is_left_alone(store, tmp_path):
    new = write_part(tmp_path / "n.vcf", columns_of(RECORDS, [4]), ["E"])
    with writer_lock(store), pytest.raises(StoreError, match="is being written by process"):
        append_store(store, new)


def test_the_commands(store, tmp_path):
    run = CliRunner()
    new = write_part(tmp_path / "n.vcf", columns_of(RECORDS, [3, 4]), SAMPLES[3:])
    done = run.invoke(app, ["store", "append", str(store), str(new)])
    assert done.exit_code == 0, done.output
    assert "40 variants (+0) x 5 samples (+2), generation 1" in done.output
    done = run.invoke(app, ["store", "append", str(store), str(new)])
    assert (done.exit_code, done.output.count("\n")) == (1, 1) or isinstance(done.exception, InputError)
    build_store(write_part(tmp_path / "o.vcf", columns_of(RECORDS, [0]), ["other"]), tmp_path / "o.vcz")
    merged = str(tmp_path / "m.vcz")
    done = run.invoke(app, ["store", "merge", str(store), str(tmp_path / "o.vcz"), "--output", merged, "--json"])
    assert json.loads(done.output)["n_samples"] == 6
    done = run.invoke(app, ["store", "drop-samples", merged, "--samples", "B,other", "--json"])
    receipt = json.loads(done.output)
    assert (receipt["n_dropped"], receipt["n_samples"]) == (2, 4)
    done = run.invoke(app, ["store", "sweep", str(store)])
    assert "1 generations removed (0)" in done.output
    bed = tmp_path / "A.bed"
    bed.write_text("1\t0\t1000\n")
    done = run.invoke(app, ["store", "append", str(store), "--callable", f"A={bed}", "--min-depth", "5"])
    assert done.exit_code == 0, done.output
    assert StoreFiles(store).own["reference_proof"] == {"depth_min_reads": 5, "quality_min": 20}
    for command in ("append", "merge", "drop-samples", "sweep"):
        assert "Example" in run.invoke(app, ["store", command, "--help"]).output
