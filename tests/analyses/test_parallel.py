"""Threads over blocks: order kept, few held, errors told."""

from __future__ import annotations

import threading
import time

import pytest

from genomics_dc.analyses.parallel import ordered_map


@pytest.mark.parametrize("at_once", [1, 4, 50])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_answers_come_in_the_order_of_the_items(threads, at_once):
    def slow_first(number):
        time.sleep(0.02 if number % 3 == 0 else 0.0)
        return number * number

    found = list(ordered_map(slow_first, range(30), threads=threads, at_once=at_once))
    assert found == [number * number for number in range(30)]
    assert list(ordered_map(slow_first, [], threads=threads, at_once=at_once)) == []


def test_few_items_are_held_at_once():
    taken = 0

    def items():
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number

    answers = ordered_map(lambda number: number, items(), threads=3)
    assert next(answers) == 0
    assert taken <= 6
    answers.close()
    assert taken <= 6


def test_what_has_not_begun_is_dropped_within_a_bundle_too():
    def slow(number):
        time.sleep(0.02)
        return number

    answers = ordered_map(slow, range(400), threads=2, at_once=20)
    assert next(answers) == 0
    start = time.perf_counter()
    answers.close()
    assert time.perf_counter() - start < 0.2  # a bundle takes 0.4 s


def test_an_error_is_told_and_the_threads_end():
    def fails(number):
        if number == 3:
            raise ValueError("block 3")
        return number

    before = threading.active_count()
    with pytest.raises(ValueError, match="block 3"):
        list(ordered_map(fails, range(50), threads=2))
    assert threading.active_count() == before
