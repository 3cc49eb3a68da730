"""A disk that fills up, or fails, at any write: one sentence, the old store untouched, nothing left behind."""

from __future__ import annotations

import errno
import random
import subprocess

import pytest

from tests.store.faults.conftest import OPERATIONS, QUICK_OPERATIONS, STORE, names_in
from tests.store.faults.machine import CHANGING, COUNT, FAIL, FILLING, SYNC, WRITE
from tests.store.faults.machine import SHORT as COMES_SHORT

SHORT = 1
LONG = 24


def fail_at(operation, machine, tmp_path, moments, **order):
    """Fail the call of each moment; return the statuses."""
    statuses = []
    for moment in moments:
        folder = operation.fresh(tmp_path)
        machine.order(FAIL, at=moment, root=folder, **order)
        done = machine.run(*operation.words(folder))
        where = f"{operation.name}, call {moment}, {order}"
        statuses.append(done.status)
        state = operation.state(folder)
        if done.status == 0:
            # what failed was not needed: a lock that could not be removed, a lease that could not be renewed
            assert state == "after", where
            continue
        assert done.status == 1, f"{where}: {done.err}"
        assert done.said_one_sentence, f"{where}: {done.err}"
        if state == "after" and operation.name != "drop":
            assert "was written, but the disk did not confirm" in done.err, f"{where}: {done.err}"
        left = names_in(folder) - names_in(operation.before) - operation.names_after
        if order["number"] == errno.EIO:  # it may have been the removal that failed
            left = {name for name in left if not name.startswith(".partial-")}
        unfinished = operation.name == "drop" and f".{STORE}.generations" in left
        if unfinished:
            assert "give the same command again" in done.err, f"{where}: {done.err}"
            left -= {f".{STORE}.generations"}
        assert not left, f"{where}: {left} left behind"
        if state != "after" or unfinished:
            assert machine.run(*operation.words(folder)).status == 0
            assert names_in(folder) == operation.names_after, where
    return statuses


def moments_of(operation, machine, tmp_path, classes, n_moments, seed):
    folder = operation.fresh(tmp_path)
    machine.order(COUNT, root=folder, classes=classes)
    assert machine.run(*operation.words(folder)).status == 0
    calls = machine.n_calls
    assert calls
    return sorted(random.Random(seed).sample(range(1, calls + 1), min(n_moments, calls)))


@pytest.mark.parametrize("name", QUICK_OPERATIONS)
def test_full_at_a_write(name, operations, machine, tmp_path):
    operation = operations(name)
    moments = moments_of(operation, machine, tmp_path, FILLING, SHORT, 1)
    statuses = fail_at(operation, machine, tmp_path, moments, classes=FILLING, number=errno.ENOSPC, sticky=True)
    assert 1 in statuses


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", OPERATIONS)
def test_full_at_many_writes(name, operations, machine, tmp_path):
    operation = operations(name)
    moments = moments_of(operation, machine, tmp_path, FILLING, LONG, 2)
    fail_at(operation, machine, tmp_path, moments, classes=FILLING, number=errno.ENOSPC, sticky=True)


@pytest.mark.exhaustive
@pytest.mark.parametrize("classes", [WRITE, SYNC, CHANGING])
@pytest.mark.parametrize("name", OPERATIONS)
def test_the_disk_reports_an_error_once(name, classes, operations, machine, tmp_path):
    operation = operations(name)
    moments = moments_of(operation, machine, tmp_path, classes, LONG // 3, 3)
    fail_at(operation, machine, tmp_path, moments, classes=classes, number=errno.EIO)


@pytest.mark.parametrize("name", QUICK_OPERATIONS)
def test_the_disk_reports_an_error_at_a_sync(name, operations, machine, tmp_path):
    operation = operations(name)
    moments = moments_of(operation, machine, tmp_path, SYNC, 1, 4)
    statuses = fail_at(operation, machine, tmp_path, moments, classes=SYNC, number=errno.EIO)
    assert statuses == [1]  # a store that is not known to be on the disk is not published


@pytest.mark.parametrize("name", QUICK_OPERATIONS)
def test_every_write_comes_short(name, operations, machine, tmp_path):
    operation = operations(name)
    folder = operation.fresh(tmp_path)
    machine.order(COMES_SHORT, at=1, root=folder, classes=WRITE, sticky=True)
    done = machine.run(*operation.words(folder))
    assert machine.n_fired > 10
    state = operation.state(folder)
    assert (done.status == 0 and state == "after") or (done.said_one_sentence and state != "after"), done


@pytest.fixture
def small_disk(tmp_path):
    """Give a function that mounts a new, empty disk of so many KiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = []

    def mount(size_kib: int):
        if mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)
            mounted.clear()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "none", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"mounting a small disk needs to be root: {done.stderr.strip()}")
        mounted.append(size_kib)
        return place

    yield mount
    if mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def on_small_disks(operation, machine, small_disk, sizes_kib):
    """Run the operation in a folder on disks that leave so much room beside what is there before."""
    outcomes = []
    used_kib = sum(path.stat().st_blocks for path in operation.before.rglob("*") if path.is_file()) // 2
    for size_kib in sizes_kib:
        folder = small_disk(used_kib + size_kib) / "work"
        copied = subprocess.run(["cp", "-a", str(operation.before), str(folder)], capture_output=True, check=False)
        assert copied.returncode == 0
        done = machine.run(*operation.words(folder))
        state = operation.state(folder)
        where = f"{operation.name}, {size_kib} KiB: {done.err}"
        assert (done.status == 0) == (state == "after"), where
        if done.status:
            assert done.status == 1, where
            assert done.said_one_sentence, where
            assert "full" in done.err, where
            left = names_in(folder) - names_in(operation.before) - {f".{STORE}.generations"}
            assert not left, where
        outcomes.append(state)
    return outcomes


@pytest.mark.parametrize("name", QUICK_OPERATIONS)
def test_small_disks(name, operations, machine, small_disk):
    assert on_small_disks(operations(name), machine, small_disk, [16, 4_000]) == ["before", "after"]


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", OPERATIONS)
def test_many_small_disks(name, operations, machine, small_disk):
    outcomes = on_small_disks(operations(name), machine, small_disk, [8, *range(12, 600, 24), 8_000])
    assert outcomes[0] == "before"
    assert outcomes[-1] == "after"
