"""Blocks of a view on the workers of a Dask cluster, at any scheduler address.

What travels is a plan, once a worker: the function, the place of the store and its hash. A task is then some rows; its
worker opens the store by itself, reads the chunks of those rows, and sends back answers. No genotype goes through the
scheduler, and a worker holds one chunk a thread.
"""

from __future__ import annotations

import pickle
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import MissingExtraError, ResourceError, StoreError, ToolError, UsageError
from genomics_dc.provenance import software_version
from genomics_dc.store.blocks import Block, Blocks

if TYPE_CHECKING:
    from distributed import Client, Future

Rows = npt.NDArray[np.int64]
_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")

_CONNECT_S: Final = 10
_WORKER_WAIT_S: Final = 600.0
_IN_FLIGHT_PER_THREAD: Final = 2
_TASKS_PER_THREAD_MIN: Final = 4  # however small a cohort, every thread gets so many tasks, if there are as many chunks
_TASK_BYTES: Final = 64 << 20  # chunks that one task reads, one after another: enough to be worth a message
_in_use: list[Client] = []  # the last is in use, for every thread of this process


def cluster_in_use() -> Client | None:
    """Return the client of the cluster that `use_cluster` chose, or None."""
    return _in_use[-1] if _in_use else None


@contextmanager
def use_cluster(cluster: Any, *, wait_s: float = _WORKER_WAIT_S) -> Iterator[None]:
    """Run analyses over the blocks of a store on a Dask cluster, instead of on threads here.

    Results have the same bytes. Quality, kinship, components and association go to the workers; what must go along the
    genome step by step, such as pruning, stays here.

    Parameters
    ----------
    cluster
        The address of a scheduler ("tcp://node1:8786"), a `distributed.Client`, a cluster object (LocalCluster,
        dask_jobqueue.SLURMCluster), or None for threads.
    wait_s
        How long to wait for a first worker, such as a job in a queue.

    Raises
    ------
    ResourceError
        When no scheduler answers, or no worker comes.
    MissingExtraError
        When `distributed` is not installed.

    Notes
    -----
    Every worker needs the same version of this software, and the store under the same path or address.
    """
    if cluster is None:
        yield
        return
    client, ours = _client_of(cluster)
    _in_use.append(client)
    try:
        _await_worker(client, wait_s)
        yield
    finally:
        _in_use.remove(client)
        if ours:
            client.close()


def _client_of(cluster: Any) -> tuple[Client, bool]:
    try:
        from distributed import Client
    except ImportError:
        raise MissingExtraError("a cluster needs Dask's scheduler; install genomics_dc[cluster]") from None
    if isinstance(cluster, Client):
        return cluster, False
    shown = cluster if isinstance(cluster, str) else type(cluster).__name__
    if isinstance(cluster, str):
        host, _, port = cluster.rpartition(":")
        if not host or not port.isdigit():
            raise UsageError(f"{cluster} is no address of a scheduler; give one such as tcp://node1:8786")
    try:
        return Client(cluster, timeout=_CONNECT_S, set_as_default=False), True
    except (OSError, ValueError) as error:
        raise ResourceError(
            f"no Dask scheduler answers at {shown} ({type(error).__name__}); start one with `dask scheduler` and give "
            "the address that it prints"
        ) from None


def _await_worker(client: Client, wait_s: float) -> None:
    try:
        client.wait_for_workers(1, timeout=wait_s)
    except TimeoutError:
        raise ResourceError(
            f"no worker came to the scheduler {_address(client)} within {wait_s:g} s; start one with "
            f"`dask worker {_address(client)}`, or look at the queue of its jobs"
        ) from None


def _address(client: Client) -> str:
    return str(client.scheduler.address if client.scheduler is not None else "that was given")


@dataclass(frozen=True)
class _Plan:
    """What a worker does with an item: `function(blocks, item)`."""

    function: Callable[[tuple[Blocks, ...], Any], Any]
    blocks: tuple[Blocks, ...]


def map_on_cluster(client: Client, function: Callable[[Block], _Answer], blocks: Blocks) -> Iterator[_Answer]:
    """Yield `function(block)` for each block, in order, computed by the workers of a cluster; see `ordered_tasks`."""
    items = _shared_out(blocks, _threads(client))
    for answers in ordered_tasks(client, partial(_answers, function), (blocks.without_rows(),), items):
        yield from answers


def ordered_tasks(
    client: Client,
    function: Callable[[tuple[Blocks, ...], _Item], _Answer],
    blocks: tuple[Blocks, ...],
    items: Iterable[_Item],
) -> Iterator[_Answer]:
    """Yield `function(blocks, item)` for each item, in order, computed by the workers of a cluster.

    `blocks`, at least one, are of one store, which each worker opens for itself. A worker that is lost costs its tasks
    once more. What a task raises is raised here. Two tasks a thread are on their way at once; those that have not begun
    are dropped when the caller stops early.

    Raises
    ------
    ResourceError
        When the same task took down worker after worker, or the scheduler went away.
    StoreError
        When a worker does not see the store, or sees another one under its path.
    ToolError
        When a worker has another version of this software.
    """
    from concurrent.futures import CancelledError

    from distributed import KilledWorker
    from distributed.comm.core import CommClosedError

    reader = blocks[0].reader
    # As a task and not as data: when the worker that holds the plan is lost, another makes it again.
    plan = client.submit(
        _plan_of,
        pickle.dumps((function, blocks), protocol=pickle.HIGHEST_PROTOCOL),
        software_version(),
        reader.store_hash,
        pure=False,
    )
    running: deque[Future[Any]] = deque()
    try:
        for item in items:
            running.append(client.submit(_carry_out, plan, item, pure=False))
            if len(running) >= _IN_FLIGHT_PER_THREAD * max(_threads(client), 1):
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    except KilledWorker:
        raise ResourceError(
            f"the same blocks of {reader.shown} took down one worker after another, likely for want of memory; "
            "start workers with more memory (--memory-limit) or fewer threads (--nthreads)"
        ) from None
    except (CancelledError, CommClosedError):
        raise ResourceError(
            f"the scheduler at {_address(client)} went away before the result was whole; start it and run again"
        ) from None
    finally:
        if running and client.status == "running":
            client.cancel(list(running))


def _threads(client: Client) -> int:
    return sum(client.nthreads().values())


def _shared_out(blocks: Blocks, threads: int) -> Iterator[list[Rows | tuple[int, int]]]:
    """Yield the rows of each task, by chunk; rows that follow each other as first and last."""
    chunks = list(blocks.rows_of_chunks())
    most = min(
        max(_TASK_BYTES // max(blocks.reader.block_bytes, 1), 1),
        max(len(chunks) // (max(threads, 1) * _TASKS_PER_THREAD_MIN), 1),
    )
    for start in range(0, len(chunks), most):
        yield [
            (int(rows[0]), int(rows[-1])) if rows[-1] - rows[0] + 1 == len(rows) else rows
            for rows in chunks[start : start + most]
        ]


def _plan_of(pickled: bytes, software: str, store_hash: str) -> _Plan:
    """Return the plan on the worker that runs this; its store is opened once."""
    worker = socket.gethostname()
    if software_version() != software:
        raise ToolError(
            f"the worker on {worker} runs genomics_dc {software_version()}, and this program is {software}; install "
            "the same version on every worker"
        )
    try:
        function, blocks = pickle.loads(pickled)  # noqa: S301  (made by the program that gave the task)
    except StoreError as error:
        raise StoreError(
            f"the worker on {worker} cannot open the store: {error}; every worker must see it under the same path"
        ) from None
    reader = blocks[0].reader
    if reader.store_hash != store_hash:
        raise StoreError(f"the worker on {worker} sees another store under {reader.shown}; every worker must see one")
    return _Plan(function, blocks)


def _carry_out(plan: _Plan, item: Any) -> Any:
    return plan.function(plan.blocks, item)


def _answers(
    function: Callable[[Block], _Answer], blocks: tuple[Blocks, ...], chunks: list[Rows | tuple[int, int]]
) -> list[_Answer]:
    """Return the answers for some chunks, on a worker, with one chunk in memory."""
    found = []
    for chunk in chunks:
        rows = np.arange(chunk[0], chunk[1] + 1, dtype=np.int64) if isinstance(chunk, tuple) else chunk
        found += [function(part) for part in blocks[0].parts(blocks[0].reader.read(rows))]
    return found
