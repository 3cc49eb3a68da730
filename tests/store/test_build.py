"""What is built: the same bytes always, one builder at a time, and nothing half-written."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import zarr

from genomics_dc.errors import StoreError
from genomics_dc.store import StoreView, build_store, staging, verify_store
from tests.builders import random_records, write_vcf

SAMPLES = [f"S{number}" for number in range(40)]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def entries(path):
    """Return every file's bytes but the seal's, which has the time."""
    files = [file for file in path.rglob("*") if file.is_file() and file.name != "manifest.json"]
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


def seal(path):
    """Return the seal without what the clock says."""
    told = json.loads((path / "manifest.json").read_text())
    del told["seal_hash"]
    assert [event.pop("time_utc")[:2] for event in told["history"]] == ["20"]
    return told


def test_every_chunk_ends_with_crc32c_and_every_chunk_is_written(cohort_store):
    group = zarr.open_group(cohort_store, mode="r")
    arrays = [array for _, array in group.members(max_depth=None) if isinstance(array, zarr.Array)]
    assert len(arrays) >= 20
    for array in arrays:
        assert type(array.compressors[-1]).__name__ == "Crc32cCodec", array.name
        assert len(list((cohort_store / array.path / "c").rglob("*"))) >= array.nchunks
        files = [path for path in (cohort_store / array.path / "c").rglob("*") if path.is_file()]
        assert len(files) == array.nchunks, array.name


def test_the_same_vcf_gives_the_same_bytes(tmp_path):
    records = random_records(2500, len(SAMPLES))
    plain = write_vcf(tmp_path / "in.vcf", records, samples=SAMPLES)
    compressed = write_vcf(tmp_path / "other-name.vcf.gz", records, samples=SAMPLES)
    first = build_store(plain, tmp_path / "a.vcz", workers=1)
    second = build_store(compressed, tmp_path / "b.vcz", workers=5)
    assert first.store_hash == second.store_hash
    assert entries(tmp_path / "a.vcz") == entries(tmp_path / "b.vcz")
    assert seal(tmp_path / "a.vcz") == seal(tmp_path / "b.vcz")


def test_a_file_without_records_is_a_store_without_variants(tmp_path):
    vcf = write_vcf(tmp_path / "in.vcf.gz", [])
    assert build_store(vcf, tmp_path / "out.vcz").n_variants == 0
    view = StoreView.open(tmp_path / "out.vcz")
    assert view.sample_ids.tolist() == ["S1", "S2"]
    assert len(view.sites()) == 0
    assert verify_store(tmp_path / "out.vcz", deep=True).ok
    assert zarr.open_group(tmp_path / "out.vcz", mode="r")["call_genotype"].shape == (0, 2, 1)


def test_many_files_are_one_cohort_whatever_their_order(tmp_path):
    records = random_records(600, 5, contigs=("1", "2", "X"))
    samples = SAMPLES[:5]
    whole = write_vcf(tmp_path / "whole.vcf.gz", records, samples=samples)
    of = {contig: [record for record in records if record.startswith(contig + " ")] for contig in ("1", "2", "X")}
    parts = [
        write_vcf(tmp_path / "one.vcf.gz", of["1"][:77] + of["X"], samples=samples),
        write_vcf(tmp_path / "two.vcf.gz", of["2"], samples=samples),
        write_vcf(tmp_path / "three.vcf.gz", of["1"][77:], samples=samples),
    ]
    expected = build_store(whole, tmp_path / "whole.vcz")
    for number, order in enumerate(([0, 1, 2], [2, 1, 0])):
        built = build_store([parts[j] for j in order], tmp_path / f"{number}.vcz")
        assert built.store_hash == expected.store_hash
    assert verify_store(tmp_path / "whole.vcz", against=parts).ok


def test_contigs_of_the_file_in_another_order_than_its_header(tmp_path):
    records = ["2 5 . A G . . . GT 0/0 0/1", "1 7 . A G . . . GT 0/1 0/1"]
    vcf = write_vcf(tmp_path / "in.vcf", records)
    build_store(vcf, tmp_path / "out.vcz")
    assert StoreView.open(tmp_path / "out.vcz").sites().contig.tolist() == ["1", "2"]
    assert verify_store(tmp_path / "out.vcz", deep=True, against=vcf).ok


def test_an_index_that_is_older_than_its_file_is_not_believed(tmp_path):
    import pysam

    vcf = write_vcf(tmp_path / "in.vcf.gz", random_records(40, 2))
    pysam.tabix_index(str(vcf), preset="vcf", csi=True)
    write_vcf(vcf, random_records(3000, 2, seed=2))
    assert build_store(vcf, tmp_path / "out.vcz").n_variants == 3000
    assert verify_store(tmp_path / "out.vcz", against=vcf).ok


def test_the_users_folder_gets_no_index(tmp_path):
    vcf = write_vcf(tmp_path / "in.vcf.gz")
    build_store(vcf, tmp_path / "out.vcz")
    assert names(tmp_path) == ["in.vcf.gz", "out.vcz"]


def test_progress_goes_forward(tmp_path):
    told = []
    build_store(write_vcf(tmp_path / "in.vcf"), tmp_path / "out.vcz", progress=lambda step, share: told.append(share))
    assert told[-1] == 1.0
    assert all(0 <= share <= 1 for share in told)


def test_the_assembly_is_recorded(tmp_path):
    vcf = write_vcf(tmp_path / "in.vcf")
    vcf.write_text(vcf.read_text().replace("length=100000>", 'length=100000,assembly="GRCh37">'))
    assert build_store(vcf, tmp_path / "a.vcz").assembly == "GRCh37"
    assert build_store(vcf, tmp_path / "b.vcz", assembly="GRCh38").assembly == "GRCh38"
    assert StoreView.open(tmp_path / "b.vcz").assembly == "GRCh38"


BUILDER = """
import sys
from genomics_dc.store import build_store
build_store(sys.argv[1], sys.argv[2], force=True, workers=int(sys.argv[3]))
"""


def start_builder(vcf, output, workers=2):
    command = [sys.executable, "-c", BUILDER, str(vcf), str(output), str(workers)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, cwd=Path(__file__).parents[2])


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_a_second_builder_is_refused_with_the_name_of_the_first(tmp_path):
    vcf = write_vcf(tmp_path / "in.vcf.gz", random_records(2000, 40), samples=SAMPLES)
    output = tmp_path / "out.vcz"
    first = start_builder(vcf, output)
    try:
        wait_for(lambda: staging.lock_path(output).exists() and staging.lock_path(output).stat().st_size > 0)
        pattern = rf"is being written by process {first.pid} on host {socket.gethostname()}"
        with pytest.raises(StoreError, match=pattern):
            build_store(vcf, output)
        assert first.wait(120) == 0, first.stderr.read().decode()
    finally:
        first.kill()
        first.wait()
    assert verify_store(output, against=vcf).ok
    assert names(tmp_path) == ["in.vcf.gz", "out.vcz"]


@pytest.mark.parametrize("workers", [1, 2])
def test_kill_at_any_moment_and_build_again(tmp_path, workers):
    vcf = write_vcf(tmp_path / "in.vcf.gz", random_records(1200, 40), samples=SAMPLES)
    expected = build_store(vcf, tmp_path / "expected.vcz")
    (tmp_path / "work").mkdir()
    output = tmp_path / "work" / "out.vcz"
    choose = random.Random(workers)
    killed = 0
    for _ in range(3):
        process = start_builder(vcf, output, workers)
        lock = staging.lock_path(output)
        wait_for(lambda lock=lock, process=process: lock.exists() or process.poll() is not None)
        time.sleep(choose.random() * 1.2)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        if output.exists():
            assert verify_store(output).ok
    assert killed >= 1
    built = build_store(vcf, output, force=True)
    assert built.store_hash == expected.store_hash
    assert entries(output) == entries(tmp_path / "expected.vcz")
    assert names(tmp_path / "work") == ["out.vcz"]


def test_a_crash_between_the_two_renames_gives_the_old_store_back(tmp_path, monkeypatch):
    """Where the system cannot exchange two names, a crash leaves the old store under another name."""
    vcf = write_vcf(tmp_path / "in.vcf")
    output = tmp_path / "out.vcz"
    built = build_store(vcf, output)
    output.rename(tmp_path / f".old-{os.getpid()}-out.vcz")
    staging.sweep(output)
    assert StoreView.open(output).store_hash == built.store_hash
    monkeypatch.setattr(staging, "_exchange", lambda first, second: False)
    assert build_store(vcf, output, force=True).store_hash == built.store_hash
    assert names(tmp_path) == ["in.vcf", "out.vcz"]


def test_sweeping_leaves_other_stores_alone(tmp_path):
    others = [".partial-abcdefgh-my-out.vcz", ".partial-abcdefghi-out.vcz", ".partial-abcdefgh-out.vcz2", "out.vcz"]
    for name in [*others, ".partial-abcdefgh-out.vcz"]:
        (tmp_path / name).mkdir()
    staging.sweep(tmp_path / "out.vcz")
    assert names(tmp_path) == sorted(others)


def test_a_reader_sees_the_old_store_or_the_new_one(tmp_path):
    from threading import Event, Thread

    old = write_vcf(tmp_path / "old.vcf", ["1 10 . A G . . . GT 0/0 0/1"])
    new = write_vcf(tmp_path / "new.vcf", ["1 10 . A G . . . GT 1/1 1/1"])
    output, other = tmp_path / "out.vcz", tmp_path / "other.vcz"
    expected = {build_store(old, output).store_hash: [0, 1], build_store(new, other).store_hash: [2, 2]}
    stop = Event()

    def swap():
        while not stop.is_set():
            staging.publish(other, output)

    swapper = Thread(target=swap)
    swapper.start()
    seen = set()
    try:
        for _ in range(100):
            view = StoreView.open(output)
            assert view.dosage().tolist() == [expected[view.store_hash]]
            seen.add(view.store_hash)
    finally:
        stop.set()
        swapper.join()
    assert seen == set(expected)


def test_a_reader_of_a_store_that_is_replaced_and_gone_is_told_so(tmp_path):
    output = tmp_path / "out.vcz"
    build_store(write_vcf(tmp_path / "old.vcf", ["1 10 . A G . . . GT 0/0 0/1"]), output)
    view = StoreView.open(output)
    assert view.n_variants == 1
    build_store(write_vcf(tmp_path / "new.vcf", ["1 10 . A G . . . GT 1/1 1/1"]), output, force=True)
    with pytest.raises(StoreError, match="was replaced by another store while it was open; open it again"):
        view.dosage()
