"""Opening and verifying a store: `python tests/benchmarks/store/bench_format.py STORE.vcz…`.

Prints, for each store, milliseconds to open it in a running Python (seal, metadata, one array), to read its first chunk
of genotypes, and the rate of `verify` in stored bytes a second, beside that of one thread's SHA-256, which bounds it
for each processor. The least of several rounds, so that what else runs on the machine counts little.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable

from genomics_dc.store import schema, verify_store
from genomics_dc.store.access import StoreFiles


def least_s(work: Callable[[], object], rounds: int = 7) -> float:
    """Return the least seconds that `work` took."""
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def main() -> None:
    data = os.urandom(1 << 26)
    sha256 = len(data) / least_s(lambda: hashlib.sha256(data).digest()) / 1e9
    print(f"SHA-256, one thread: {sha256:.2f} GB/s; {len(os.sched_getaffinity(0))} processors")  # noqa: T201
    for path in sys.argv[1:]:
        files = StoreFiles(path)
        opened = least_s(lambda path=path: StoreFiles(path).array(schema.VARIANT_POSITION).shape)
        genotype = files.array(schema.CALL_GENOTYPE)
        first = least_s(lambda array=genotype: array.chunk(*(0 for _ in array.shape)))
        taken = least_s(lambda path=path: verify_store(path), rounds=5)
        seal = files.seal
        print(  # noqa: T201
            f"{path}: {seal.n_chunks:,} chunks in {seal.n_files:,} files, {seal.n_bytes / 1e6:,.0f} MB; "
            f"open {opened * 1e3:.2f} ms, chunk {first * 1e3:.2f} ms, verify {seal.n_bytes / taken / 1e9:.2f} GB/s"
        )


if __name__ == "__main__":
    main()
