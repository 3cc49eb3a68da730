"""kill -9 at any moment leaves the old store or the new one, and nothing that the next run does not sweep."""

import os
import random
import signal
import time
from contextlib import suppress

import pytest

from tests.store.faults.conftest import OPERATIONS, QUICK_OPERATIONS, STORE, names_in
from tests.store.faults.machine import CHANGING, KILL

SHORT = 2
LONG = 50


def settle(operation, machine, folder):
    """Hold the folder against the operation's states, and give the command again unless it was done to its end."""
    state = operation.state(folder)
    if state != "after":
        done = machine.run(*operation.words(folder))
        assert done.status == 0, done.err
        assert operation.state(folder) == "after"
        assert names_in(folder) == operation.names_after
    return state


def kill_at_calls(operation, machine, tmp_path, n_kills, seed):
    """Kill the process just before one of its changes to the disk; the last ones, around the publishing, every time."""
    choose = random.Random(seed)
    last = list(range(max(1, operation.n_calls - n_kills // 2 + 1), operation.n_calls + 1))
    moments = last + choose.sample(range(1, operation.n_calls + 1), n_kills - len(last))
    states = []
    for moment in moments:
        folder = operation.fresh(tmp_path)
        machine.order(KILL, at=moment, root=folder, classes=CHANGING)
        done = machine.run(*operation.words(folder))
        assert done.status in (-signal.SIGKILL, 0, 1), done.err  # a worker may be what was killed
        states.append(settle(operation, machine, folder))
    return states


def kill_at_times(operation, machine, tmp_path, n_kills, seed):
    """Kill the whole process group after a random time."""
    choose = random.Random(seed)
    folder = operation.fresh(tmp_path)
    began = time.monotonic()
    assert machine.run(*operation.words(folder)).status == 0
    whole_s = time.monotonic() - began
    states = []
    for _ in range(n_kills):
        folder = operation.fresh(tmp_path)
        started = machine.start(*operation.words(folder))
        time.sleep(choose.random() * whole_s)
        with suppress(ProcessLookupError):
            os.killpg(started[0], signal.SIGKILL)
        machine.wait(started)
        states.append(settle(operation, machine, folder))
    return states


@pytest.mark.parametrize("name", QUICK_OPERATIONS)
def test_killed_at_a_change(name, operations, machine, tmp_path):
    kill_at_calls(operations(name), machine, tmp_path, SHORT, seed=1)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_fifty_changes(name, operations, machine, tmp_path):
    states = kill_at_calls(operations(name), machine, tmp_path, LONG, seed=2)
    assert "before" in states


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_fifty_moments(name, operations, machine, tmp_path):
    states = kill_at_times(operations(name), machine, tmp_path, LONG, seed=3)
    assert "before" in states


def test_a_killed_writer_does_not_lock_the_store_for_ever(operations, machine, tmp_path):
    operation = operations("replace")
    folder = operation.fresh(tmp_path)
    machine.order(KILL, at=operation.n_calls // 2, root=folder, classes=CHANGING)
    assert machine.run(*operation.words(folder)).status == -signal.SIGKILL
    began = time.monotonic()
    assert machine.run("store", "info", folder / STORE).status == 0  # readers do not care
    assert machine.run(*operation.words(folder)).status == 0
    assert time.monotonic() - began < 30  # not the lease's minute
