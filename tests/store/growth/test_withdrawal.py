"""A person who withdraws is unreadable at once, stays so whatever happens, and is gone at the end."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genomics_dc.errors import InputError, StoreError, UsageError
from genomics_dc.store import StoreView, append_store, build_store, drop_samples, export_vcf, schema, verify_store
from genomics_dc.store.access import StoreFiles
from tests.builders import random_records
from tests.store.growth.helpers import columns_of, differences, write_part

N_SAMPLES = 11
SAMPLES = [f"person{number:02d}" for number in range(N_SAMPLES)]
RECORDS = random_records(1_200, N_SAMPLES, seed=5)
GONE = (2, 7)
NAMES = [SAMPLES[number] for number in GONE]
LEFT = [number for number in range(N_SAMPLES) if number not in GONE]

STOPPED = """
import os, signal, sys
from genomics_dc.store import staging
from genomics_dc.store.growth import withdrawal
store, step, *names = sys.argv[1:]
def kill(*_args, **_how):
    os.kill(os.getpid(), signal.SIGKILL)
if step == "before the first":
    withdrawal._blank = kill
elif step == "before the sweep":
    withdrawal.sweep_generations = kill
elif step == "before the rewriting":
    withdrawal.grow = kill
elif step == "while the chunks are written":
    from genomics_dc.store.growth import assemble
    assemble.encode = kill
elif step == "before the last sweep":
    real, calls = withdrawal.sweep_generations, []
    withdrawal.sweep_generations = lambda path: kill() if calls else calls.append(1) or real(path)
withdrawal.drop_samples(store, names)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    build_store(write_part(folder / "all.vcf", RECORDS, SAMPLES), folder / "all.vcz")
    names = [SAMPLES[number] for number in LEFT]
    build_store(write_part(folder / "left.vcf", columns_of(RECORDS, LEFT), names), folder / "left.vcz")
    return folder


@pytest.fixture
def store(built, tmp_path) -> Path:
    return Path(shutil.copytree(built / "all.vcz", tmp_path / "c.vcz"))


def files_with(folder, word):
    return [path for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


def test_dropped_people_leave_the_store_that_would_have_been_built_without_them(store, built, tmp_path):
    receipt = drop_samples(store, NAMES)
    assert (receipt.n_dropped, receipt.n_samples, receipt.n_variants) == (2, N_SAMPLES - 2, len(RECORDS))
    assert differences(store, built / "left.vcz", skip=("variant_AF",)) == []
    assert StoreFiles(store).own["vcf_header"] == StoreFiles(built / "left.vcz").own["vcf_header"]
    assert "withdrawn" not in StoreFiles(store).own
    assert verify_store(store, deep=True).ok
    assert [path.name for path in tmp_path.iterdir()] == ["c.vcz"]
    for name in NAMES:
        assert files_with(tmp_path, name) == []
        assert name not in str(receipt)
    told = [(event.generation, event.operation, event.note) for event in StoreFiles(store).seal.history]
    assert told[1:] == [
        (1, "drop-samples", "2 samples made unreadable"),
        (2, "drop-samples", "2 samples rewritten away"),
    ]
    with pytest.raises(InputError, match="1 of 1 samples are not in"):
        drop_samples(store, NAMES[:1])


def test_chunks_before_the_first_of_them_are_not_written_again(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "SAMPLES_PER_CHUNK", 4)
    build_store(write_part(tmp_path / "c.vcf", RECORDS, SAMPLES), tmp_path / "c.vcz")
    before = StoreFiles(tmp_path / "c.vcz").array("call_genotype").encoded(0, 0, 0)
    receipt = drop_samples(tmp_path / "c.vcz", [SAMPLES[5]])
    assert StoreFiles(tmp_path / "c.vcz").array("call_genotype").encoded(0, 0, 0) == before
    assert receipt.n_chunks_kept >= 2 * 6  # of two bands, those of the first four people in each array of theirs
    assert verify_store(tmp_path / "c.vcz", deep=True).ok


STEPS = [
    "before the first",
    "before the sweep",
    "before the rewriting",
    "while the chunks are written",
    "before the last sweep",
]


@pytest.mark.parametrize("step", STEPS)
def test_killed_between_the_steps_they_stay_unreadable_and_a_second_run_finishes(store, built, tmp_path, step):
    run = subprocess.run([sys.executable, "-c", STOPPED, store, step, *NAMES], capture_output=True, text=True)
    assert run.returncode == -signal.SIGKILL, run.stderr
    view = StoreView.open(store)
    if step == "before the first":
        assert view.n_samples == N_SAMPLES
    else:
        assert view.sample_ids.tolist() == [SAMPLES[number] for number in LEFT]
        expected = StoreView.open(built / "left.vcz")
        np.testing.assert_array_equal(view.dosage(), expected.dosage())
        export_vcf(view, tmp_path / "out.vcf")
        assert not any(name in (tmp_path / "out.vcf").read_text() for name in NAMES)
        assert files_with(store, NAMES[0]) == []
        vcztools = subprocess.run(
            [Path(sys.executable).with_name("vcztools"), "query", "-l", store],
            capture_output=True,
            text=True,
            check=True,
        )
        assert vcztools.stdout.split() == view.sample_ids.tolist()
        with pytest.raises(InputError, match="samples are not in"):
            view.samples(NAMES[:1])
    assert drop_samples(store, NAMES).n_samples == N_SAMPLES - 2
    assert differences(store, built / "left.vcz", skip=("variant_AF",)) == []
    assert [path.name for path in tmp_path.iterdir() if path.name != "out.vcf"] == ["c.vcz"]
    for name in NAMES:
        assert files_with(store, name) == []


def test_a_store_from_which_people_are_being_dropped_does_not_grow(store, tmp_path):
    subprocess.run([sys.executable, "-c", STOPPED, store, STEPS[2], *NAMES], capture_output=True)
    new = write_part(tmp_path / "n.vcf", columns_of(RECORDS, [0]), ["new"])
    with pytest.raises(StoreError, match="give the same `genomics-dc store drop-samples` again first"):
        append_store(store, new)


def test_everybody_may_leave(store):
    receipt = drop_samples(store, SAMPLES)
    assert receipt.n_samples == 0
    assert StoreView.open(store).n_variants == len(RECORDS)
    assert verify_store(store, deep=True).ok


def test_reference_blocks_go_too(tmp_path):
    build_store(write_part(tmp_path / "c.vcf", columns_of(RECORDS[:5], [0, 1]), SAMPLES[:2]), tmp_path / "c.vcz")
    for number, name in enumerate(SAMPLES[:2]):
        (tmp_path / f"{name}.bed").write_text(f"1\t{1_000 + number}\t2000\n")
    append_store(tmp_path / "c.vcz", callable_beds={name: tmp_path / f"{name}.bed" for name in SAMPLES[:2]})
    drop_samples(tmp_path / "c.vcz", SAMPLES[:1])
    files = StoreFiles(tmp_path / "c.vcz")
    assert files.array("reference_blocks/start").read().tolist() == [1_001]
    assert files.array("reference_blocks/offset").read().shape[0] == 1


def test_nobody_is_dropped_by_mistake(store):
    before = StoreFiles(store).seal
    with pytest.raises(InputError, match=r"1 of 2 samples are not in .*: nobody; .*Nothing was changed"):
        drop_samples(store, [SAMPLES[0], "nobody"])
    with pytest.raises(UsageError, match="no sample was given"):
        drop_samples(store, [])
    assert StoreFiles(store).seal == before
