"""Two writers, a writer and its readers, and a clock that moves: one store at a time, and always a whole one."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from genomics_dc.errors import StoreError
from genomics_dc.store import StoreView, append_store, build_store, verify_store
from tests.builders import random_records, write_vcf
from tests.store.faults.conftest import SAMPLES, STORE, names_in
from tests.store.faults.content import content

SHORT = 20
LONG = 1_000
YEAR_S = 365.0 * 86_400


def test_two_builders_at_once(operations, machine, tmp_path):
    operation = operations("replace")
    told = []
    for _ in range(2):
        folder = operation.fresh(tmp_path)
        started = [machine.start(*operation.words(folder)) for _ in range(3)]
        done = [machine.wait(each) for each in started]
        statuses = sorted(each.status for each in done)
        assert statuses in ([0, 1, 1], [0, 0, 1], [0, 0, 0]), done
        for each, (pid, _) in zip(done, started, strict=True):
            if each.status:
                assert each.said_one_sentence, each.err
                assert "is being written by process" in each.err
                others = [str(number) for number, _ in started if number != pid]
                assert any(f"process {number} " in each.err for number in others), each.err
                told.append(each)
        assert operation.state(folder) == "after"
        assert names_in(folder) == operation.names_after
    assert told


WRITER = """
import os, sys
from pathlib import Path
from genomics_dc.store import build_store

folder = Path(sys.argv[1])
print("ready", flush=True)
number = 0
while not (folder / "stop").exists():
    number += 1
    build_store(folder / ("other.vcf.gz" if number % 2 else "all.vcf.gz"), folder / "cohort.vcz", force=True)
print(number, flush=True)
"""


def read_while_publishing(operation, tmp_path, n_reads):
    """Read everything again and again while another process replaces the store; return (old, new, told to reopen)."""
    folder = operation.fresh(tmp_path)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    tally = {"old": 0, "new": 0, "reopen": 0}
    try:
        assert writer.stdout.readline() == "ready\n"
        for _ in range(n_reads):
            assert writer.poll() is None, writer.stderr.read()
            try:
                said = quick_content(folder / STORE)
            except StoreError as error:
                # the view was of a store that is gone; it says so, and gives nothing of the new one
                assert "was replaced by another store while it was open" in str(error), error  # noqa: PT017
                tally["reopen"] += 1
                continue
            assert said in (operation.quick_before, operation.quick_after), "neither the old store nor the new one"
            tally["old" if said == operation.quick_before else "new"] += 1
    finally:
        (folder / "stop").touch()
        made, said = writer.communicate(timeout=120)
    assert writer.returncode == 0, said
    return tally, int(made.split()[-1])


def quick_content(path: Path) -> tuple[object, ...]:
    """Genotypes, depths, sites and hash of one opening: enough to tell a mixture."""
    view = StoreView.open(path)
    sites = view.sites()
    blocks = list(view.blocks("call_genotype", "call_DP", "packed"))
    return (
        view.store_hash,
        sites.position.tobytes(),
        tuple(sites.filters),
        b"".join(block.call_genotype.tobytes() + block.call_DP.tobytes() + block.packed.tobytes() for block in blocks),
    )


class Pair:
    """The replacing operation with what a quick reading says before and after it."""

    def __init__(self, operation, machine, tmp_path) -> None:
        self.fresh = operation.fresh
        folder = operation.fresh(tmp_path)
        self.quick_before = quick_content(folder / STORE)
        assert machine.run(*operation.words(folder)).status == 0
        self.quick_after = quick_content(folder / STORE)
        assert self.quick_before != self.quick_after


def test_readers_see_the_old_or_the_new(operations, machine, tmp_path, record_property):
    pair = Pair(operations("replace"), machine, tmp_path)
    tally, n_published = read_while_publishing(pair, tmp_path, SHORT)
    record_property("tally", {**tally, "published": n_published})


@pytest.mark.exhaustive
def test_a_thousand_readers_see_the_old_or_the_new(operations, machine, tmp_path, record_property):
    pair = Pair(operations("replace"), machine, tmp_path)
    tally, n_published = read_while_publishing(pair, tmp_path, LONG)
    assert tally["old"] > LONG // 20
    assert tally["new"] > LONG // 20
    record_property("tally", {**tally, "published": n_published})
    print(tally, f"{n_published} published")  # noqa: T201  the figures, shown with -s


APPENDER = """
import sys, time
from pathlib import Path
from genomics_dc.store import append_store

folder = Path(sys.argv[1])
print("ready", flush=True)
for part in sorted(folder.glob("part-*.vcf.gz"))[1:]:
    append_store(folder / "cohort.vcz", part)
    time.sleep(0.1)
"""


def test_readers_of_a_growing_store_see_whole_generations(tmp_path, record_property):
    """While records are appended three times, every reading is one of the four states, never goes back, never fails."""
    records = random_records(400, len(SAMPLES), seed=9)
    folders = [tmp_path / "tried", tmp_path / "work"]
    for folder in folders:
        folder.mkdir()
        for number in range(4):
            part = records[100 * number : 100 * (number + 1)]
            write_vcf(folder / f"part-{number}.vcf.gz", part, samples=SAMPLES)
        build_store(folder / "part-0.vcf.gz", folder / STORE)
    states = [quick_content(folders[0] / STORE)]
    for part in sorted(folders[0].glob("part-*.vcf.gz"))[1:]:
        append_store(folders[0] / STORE, part)
        states.append(quick_content(folders[0] / STORE))
    writer = subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(folders[1])], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert writer.stdout.readline() == "ready\n"
    seen = []
    while writer.poll() is None:
        seen.append(states.index(quick_content(folders[1] / STORE)))
    assert writer.returncode == 0, writer.stderr.read()
    seen.append(states.index(quick_content(folders[1] / STORE)))
    assert seen == sorted(seen)
    assert seen[-1] == 3
    record_property("readings", len(seen))


def test_a_view_that_was_open_never_gives_the_new_store(operations, machine, tmp_path):
    operation = operations("replace")
    folder = operation.fresh(tmp_path)
    view = StoreView.open(folder / STORE)
    hash_before, first = view.store_hash, view.sample_ids.tolist()
    assert machine.run(*operation.words(folder)).status == 0
    try:
        said = content(folder / STORE, view=view)
        assert said["blocks.call_genotype"] == operation.content_before["blocks.call_genotype"]
    except StoreError as error:
        assert "was replaced by another store while it was open" in str(error)  # noqa: PT017
    assert (view.store_hash, view.sample_ids.tolist()) == (hash_before, first)
    assert content(folder / STORE) == operation.content_after


@pytest.mark.parametrize("years", [-30, 1])
def test_the_clock_is_moved_between_two_writers(operations, machine, tmp_path, years):
    """A store written by a clock that was wrong is replaced by one whose clock is right, and the other way round."""
    operation = operations("replace")
    folder = operation.fresh(tmp_path)
    machine.order(clock_s=years * YEAR_S)
    done = machine.run(*operation.words(folder))
    assert done.status == 0, done.err
    assert operation.state(folder) == "after"
    machine.order(clock_s=-years * YEAR_S)
    done = machine.run(*operation.words(folder))
    assert done.status == 0, done.err
    assert operation.state(folder) == "after"
    assert names_in(folder) == operation.names_after
    assert verify_store(folder / STORE, deep=True).ok


@pytest.mark.parametrize("years", [1, pytest.param(-1, marks=pytest.mark.exhaustive)])
def test_a_moved_clock_does_not_let_a_second_writer_in(operations, machine, tmp_path, years):
    """While one writer works, another's clock says that the first one's lease has run out, or has not begun."""
    operation = operations("replace")
    folder = operation.fresh(tmp_path)
    refused = 0
    for _ in range(2):
        first = machine.start(*operation.words(folder))
        lock = folder / f".{STORE}.lock"
        give_up = time.monotonic() + 20
        while not lock.exists() and time.monotonic() < give_up:
            time.sleep(0.005)
        machine.order(clock_s=years * YEAR_S)
        second = machine.run(*operation.words(folder))
        machine.order()
        done = machine.wait(first)
        assert done.status == 0, done.err
        if second.status:
            assert f"is being written by process {first[0]} " in second.err
            refused += 1
        assert operation.state(folder) == "after"
    assert refused
