"""Work done by threads ahead of who asks for it, and given in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from itertools import chain, islice
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@cache
def default_threads() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Return threads that stay: to start them takes longer than to read a small region."""
    return ThreadPoolExecutor(threads, thread_name_prefix="store")


# a forked process has none of the threads
os.register_at_fork(after_in_child=_pool.cache_clear)


def ordered(
    function: Callable[[_Item], _Result], items: Iterable[_Item], *, threads: int, ahead: int
) -> Iterator[_Result]:
    """Yield `function` of each item, in the order of the items; `ahead` results are made before they are asked for.

    What the function raises is raised where its result would come. One item, or one thread, needs no thread. The
    function must not call `ordered` itself: all threads could then wait for work that none of them does.
    """
    items = iter(items)
    first = list(islice(items, 2))
    if threads <= 1 or ahead < 1 or len(first) < 2:
        for item in chain(first, items):
            yield function(item)
        return
    waiting: deque[Future[_Result]] = deque()
    pool = _pool(threads)
    try:
        for item in chain(first, items):
            waiting.append(pool.submit(function, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # who asks may have stopped early: what has not begun is not begun, and what has is waited for
        for future in waiting:
            future.cancel()
        wait(waiting)
