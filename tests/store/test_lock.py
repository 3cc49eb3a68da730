"""One writer of a store: on this host by flock, on others by a lease that no clock on the wall can end."""

import json
import os
import socket
import time

import pytest

from genomics_dc.errors import StoreError
from genomics_dc.store import lock
from genomics_dc.store.lock import lock_path, writer_lock


class HandClock:
    """A clock that a test moves; `events` are called when their time comes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        for due, event in list(self.events):
            if due <= self.now:
                self.events.remove((due, event))
                event()


def write_lease(path, **changes):
    lease = {"host": "elsewhere", "process": 7, "token": "t", "count": 3, **changes}
    path.write_text(json.dumps(lease).ljust(255) + "\n")


@pytest.fixture
def clock():
    return HandClock()


def test_a_living_holder_on_another_host_is_named(tmp_path, clock):
    output = tmp_path / "out.vcz"
    write_lease(lock_path(output))
    clock.events.append((lock.RENEW_EVERY_S, lambda: write_lease(lock_path(output), count=4)))
    pattern = "is being written by process 7 on host elsewhere; wait until it is done"
    with pytest.raises(StoreError, match=pattern), writer_lock(output, clock=clock):
        pytest.fail("the lock was taken")
    assert clock.now <= lock.RENEW_EVERY_S + 1
    assert lock_path(output).exists()  # it is the other's


def test_a_dead_holder_on_another_host_is_replaced_after_one_lease(tmp_path, clock):
    output = tmp_path / "out.vcz"
    write_lease(lock_path(output))
    with writer_lock(output, clock=clock) as held:
        assert lock.LEASE_S <= clock.now < lock.LEASE_S + 1
        held.check()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong_by_s", [-40 * 365 * 86_400, -3600, 3600, 40 * 365 * 86_400])
def test_the_clock_on_the_wall_does_not_matter(tmp_path, clock, monkeypatch, wrong_by_s):
    """A living holder is refused and a dead one replaced whatever time this host, or the other, thinks it is."""
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + wrong_by_s)
    test_a_living_holder_on_another_host_is_named(tmp_path, clock)
    lock_path(tmp_path / "out.vcz").unlink()
    test_a_dead_holder_on_another_host_is_replaced_after_one_lease(tmp_path, HandClock())


@pytest.mark.parametrize(
    "left",
    ["", "half a lea", "[]", json.dumps({"host": socket.gethostname(), "process": 7, "token": "t", "count": 3})],
)
def test_what_a_dead_process_of_this_host_left_is_taken_at_once(tmp_path, clock, left):
    output = tmp_path / "out.vcz"
    lock_path(output).write_text(left)
    with writer_lock(output, clock=clock):
        assert clock.now == 0
        lease = json.loads(lock_path(output).read_text())
        assert (lease["host"], lease["process"]) == (socket.gethostname(), os.getpid())
    assert list(tmp_path.iterdir()) == []


def test_the_count_rises_while_the_lock_is_held(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "RENEW_EVERY_S", 0.01)
    with writer_lock(tmp_path / "out.vcz"):
        end = time.monotonic() + 10
        while json.loads(lock_path(tmp_path / "out.vcz").read_text())["count"] < 4:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_who_slept_while_another_took_over_does_not_publish(tmp_path):
    output = tmp_path / "out.vcz"
    with writer_lock(output) as held:
        held.check()
        lock_path(output).unlink()
        write_lease(lock_path(output), token="another")
        with pytest.raises(StoreError, match="another writer took over while this one stood still"):
            held.check()
    assert json.loads(lock_path(output).read_text())["token"] == "another"


def test_only_one_of_many_takes_the_lock(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    output = tmp_path / "out.vcz"
    inside = []

    def enter(_):
        try:
            with writer_lock(output):
                inside.append(1)
                assert len(inside) == 1
                time.sleep(0.002)
                inside.pop()
        except StoreError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(enter, range(200))) >= 1
    assert list(tmp_path.iterdir()) == []
