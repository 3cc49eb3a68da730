"""bio2zarr's partitions spread over processes that end with their parent.

A worker is `python -m genomics_dc.store.workers`. It reads one JSON task a line and answers with one line. It ends at
the end of its input, which comes too when the parent is killed, so none is left behind; and since it starts from this
module, a user's script needs no `if __name__ == "__main__"`, as a pool of multiprocessing would.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from genomics_dc.errors import StoreError


def explode_partition(folder: str, partition: int) -> None:
    """Read one partition of the VCFs into bio2zarr's columns at `folder`."""
    from bio2zarr import vcf

    vcf.explode_partition(folder, partition)


def encode_partition(folder: str, partition: int) -> None:
    """Encode one partition of the Zarr group at `folder`."""
    from bio2zarr import vcf, vcz

    vcz.VcfZarrWriter(vcf.IntermediateColumnarFormat, folder, zarr_format=3).encode_partition(partition)


_TASKS: dict[str, Callable[[str, int], None]] = {
    "explode_partition": explode_partition,
    "encode_partition": encode_partition,
}


def run_partitions(
    task: Callable[[str, int], None], folder: Path, n_partitions: int, *, workers: int, tell: Callable[[float], None]
) -> None:
    """Run `task` on every partition, in this process when `workers` is 0; `tell` gets the share done."""
    if workers == 0 or n_partitions < 2:
        for partition in range(n_partitions):
            tell(partition / n_partitions)
            task(str(folder), partition)
        return
    n_workers = min(workers, n_partitions)
    idle: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
    command = [sys.executable, "-m", __name__]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        for _ in range(n_workers)
    ]
    try:
        for process in processes:
            idle.put(process)

        def one(partition: int) -> None:
            process = idle.get()
            try:
                _ask(process, {"task": task.__name__, "folder": str(folder), "partition": partition})
            finally:
                idle.put(process)

        with ThreadPoolExecutor(n_workers) as threads:
            futures = [threads.submit(one, partition) for partition in range(n_partitions)]
            try:
                for done, future in enumerate(as_completed(futures), start=1):
                    future.result()
                    tell(done / n_partitions)
            except BaseException:
                for future in futures:
                    future.cancel()
                raise
    finally:
        for process in processes:
            if process.stdin is not None:
                process.stdin.close()
        for process in processes:
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _ask(process: subprocess.Popen[str], task: dict[str, Any]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
    except BrokenPipeError:
        line = ""
    if not line:
        raise StoreError(
            f"a worker process died at {task['task']} {task['partition']}: the machine may have run out of memory; "
            "use fewer --workers"
        )
    answer = json.loads(line)
    if "errno" in answer:
        raise OSError(answer["errno"], answer["message"])
    if "message" in answer:
        raise StoreError(f"{task['task']} {task['partition']} failed: {answer['message']}")


def main() -> None:
    """Answer tasks until the input ends."""
    logging.getLogger("bio2zarr").setLevel(logging.ERROR)
    answers = sys.stdout
    sys.stdout = sys.stderr  # what a library prints must not be taken for an answer
    for line in sys.stdin:
        task = json.loads(line)
        answer: dict[str, Any] = {}
        try:
            _TASKS[task["task"]](task["folder"], task["partition"])
        except OSError as error:
            answer = {"errno": error.errno or 0, "message": str(error)}
        except Exception as error:
            answer = {"message": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
