"""Work over blocks on threads, with results in the order of the blocks."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")

_IN_FLIGHT_PER_THREAD = 2


def default_threads(threads: int | None) -> int:
    """Return how many threads to use: all processors of this process when not told."""
    return threads or len(os.sched_getaffinity(0))


def ordered_map(function: Callable[[_Item], _Answer], items: Iterable[_Item], *, threads: int = 1) -> Iterator[_Answer]:
    """Yield `function(item)` for each item, in the order of the items, whatever the number of threads.

    At most two items a thread are held at once, so memory is bounded by blocks and not by the cohort. Kernels release
    the interpreter's lock, so the threads run side by side; `items` is read by the calling thread only. When the caller
    stops early, or a call raises, what has not begun is dropped.
    """
    if threads <= 1:
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(max_workers=threads)
    try:
        running: deque[Future[_Answer]] = deque()
        for item in items:
            running.append(pool.submit(function, item))
            if len(running) >= threads * _IN_FLIGHT_PER_THREAD:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
