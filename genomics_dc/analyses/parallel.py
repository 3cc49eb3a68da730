"""Work over blocks, on threads or on a cluster, with results in the order of the blocks."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from types import FunctionType
from typing import Any, TypeVar, cast, overload

from genomics_dc.analyses.cluster import cluster_in_use, map_on_cluster
from genomics_dc.store.blocks import Block, Blocks

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")
_Kept = TypeVar("_Kept")

_IN_FLIGHT_PER_THREAD = 2


def default_threads(threads: int | None) -> int:
    """Return how many threads to use: all processors of this process when not told."""
    return threads or len(os.sched_getaffinity(0))


@overload
def ordered_map(
    function: Callable[[_Item], _Answer], items: Iterable[_Item], *, threads: int = 1, at_once: int = 1
) -> Iterator[_Answer]: ...
@overload
def ordered_map(
    function: Callable[[_Item], _Answer],
    items: Iterable[_Item],
    *,
    threads: int = 1,
    at_once: int = 1,
    then: Callable[[_Answer], _Kept],
) -> Iterator[_Kept]: ...
def ordered_map(
    function: Callable[[_Item], Any],
    items: Iterable[_Item],
    *,
    threads: int = 1,
    at_once: int = 1,
    then: Callable[[Any], Any] | None = None,
) -> Iterator[Any]:
    """Yield `function(item)` for each item, in the order of the items, whatever the number of threads.

    At most two items a thread, or two times `at_once`, are held, so memory is bounded by blocks and not by the cohort:
    a thread is given so many items in one go, which pays where they are small. Kernels release the interpreter's lock,
    so the threads run side by side; `items` is read by the calling thread only. When the caller stops early, or a call
    raises, what has not begun is dropped.

    `then` takes each answer to its place, in this process: `then(function(item))` is yielded. It may be called by
    several threads at once.

    Within `use_cluster`, the blocks of a view (`View.blocks`, also cut) are not read here: each worker opens the store
    and reads its own, if the function can travel. It can when it is a function of a module, or `functools.partial` of
    one, that returns its answer and changes nothing; its other arguments and its answer should be small. Any other
    function, and items that are not blocks, stay on the threads here.
    """
    client = cluster_in_use()
    if client is not None and isinstance(items, Blocks) and travels(function):
        answers = map_on_cluster(client, cast("Callable[[Block], Any]", function), items)
        yield from answers if then is None else map(then, answers)
        return
    whole = function if then is None else partial(_one_after_another, then, function)
    in_flight_max = threads * _IN_FLIGHT_PER_THREAD
    todo: Iterable[Any] = items
    if isinstance(items, Blocks):
        if items.held_max is not None:
            in_flight_max = min(in_flight_max, max(items.held_max // 2, 1))
        if not items.is_cut:  # whoever works on a block reads it
            whole, todo = partial(_one_after_another, whole, items.reader.read), items.rows_of_chunks()
            at_once = 1 if items.held_max is not None else items.at_once(threads)
    if threads <= 1:
        yield from map(whole, todo)
        return
    pool = ThreadPoolExecutor(max_workers=threads)
    stopped = threading.Event()
    wait = True
    try:
        running: deque[Future[list[Any]]] = deque()
        left = iter(todo)
        while some := list(islice(left, at_once)):
            running.append(pool.submit(_each, whole, some, stopped))
            if len(running) >= in_flight_max:
                yield from running.popleft().result()
        while running:
            yield from running.popleft().result()
    except KeyboardInterrupt:
        wait = False  # whoever interrupts does not wait for the blocks that have begun
        raise
    finally:
        stopped.set()
        pool.shutdown(wait=wait, cancel_futures=True)


def _each(function: Callable[[Any], Any], items: Sequence[Any], stopped: threading.Event) -> list[Any]:
    """Call a function on each item, until nobody waits for the answers any more."""
    return [function(item) for item in items if not stopped.is_set()]


def _one_after_another(then: Callable[[Any], Any], function: Callable[[Any], Any], item: Any) -> Any:
    return then(function(item))


def travels(function: Callable[..., Any]) -> bool:
    """Tell whether another process can find a function by its name."""
    while isinstance(function, partial):
        function = function.func
    named = isinstance(function, FunctionType) and "<" not in function.__qualname__
    return named and function.__module__ != "__main__"
