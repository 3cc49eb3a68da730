"""`--memory` of what changes a store is a true ceiling, and says nothing in the bytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genomics_dc.errors import ResourceError
from genomics_dc.store import StoreView, append_store, build_store, drop_samples, merge_stores
from tests.builders import write_vcf

N_RECORDS = 2_000
FIELDS = (
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="d">',
    '##FORMAT=<ID=GL,Number=G,Type=Float,Description="d">',
)
CHILD = """
import sys
from genomics_dc.store import append_store, drop_samples, merge_stores
operation, memory, *paths = sys.argv[1:]
if operation == "merge":
    merge_stores(paths[:2], paths[2], memory_bytes=int(memory))
elif operation == "append":
    append_store(paths[0], paths[1], memory_bytes=int(memory))
else:
    drop_samples(paths[0], paths[1:], memory_bytes=int(memory))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def peak_bytes(operation: str, memory: int, *paths: object) -> int:
    """Return the most memory that a process of its own had, as the kernel counted it since it began this program."""
    command = [sys.executable, "-c", CHILD, operation, str(memory), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return int(done.stdout) << 10


def cohort(path: Path, n_samples: int, name: str) -> Path:
    """Write a VCF of many records whose likelihoods hardly compress."""
    random = np.random.default_rng(n_samples)
    pool = []
    for _ in range(50):
        numbers = -random.random((n_samples, 3)) * 9
        pool.append("\t".join(f"0/1:{a:.5f},{b:.5f},{c:.5f}" for a, b, c in numbers))
    lines = [f"1\t{row + 1}\t.\tA\tG\t.\t.\t.\tGT:GL\t{pool[(7 * row) % 50]}" for row in range(N_RECORDS)]
    return write_vcf(path, lines, samples=[f"{name}{j}" for j in range(n_samples)], declarations=FIELDS)


@pytest.mark.slow
def test_a_store_of_few_people_grows_by_many_below_its_ceiling(tmp_path: Path) -> None:
    """Its rows of chunks hold a thousand records, as those of few people do, and then thousands of people."""
    few, many = tmp_path / "few.vcz", tmp_path / "many.vcz"
    build_store(cohort(tmp_path / "few.vcf", 10, "F"), few)
    build_store(cohort(tmp_path / "many.vcf", 2_500, "M"), many)
    peak_bytes("merge", 2 << 30, few, many, tmp_path / "warm.vcz")  # should the compiler be needed
    low = 400 << 20
    hashes = set()
    for number, memory in enumerate((low, 2 << 30)):
        both = tmp_path / f"{number}.vcz"
        assert peak_bytes("merge", memory, few, many, both) < memory
        assert peak_bytes("drop", memory, both, "M3", "F2") < memory
        hashes.add(StoreView.open(both).store_hash)
    assert len(hashes) == 1
    assert peak_bytes("append", 600 << 20, few, tmp_path / "many.vcf") < 600 << 20


def test_too_little_is_said_and_nothing_changes(tmp_path: Path) -> None:
    one = write_vcf(tmp_path / "one.vcf", ["1 10 . A G . . . GT 0/1"], samples=("A",))
    two = write_vcf(tmp_path / "two.vcf", ["1 10 . A G . . . GT 0/1"], samples=("B",))
    store = tmp_path / "one.vcz"
    built = build_store(one, store)
    build_store(two, tmp_path / "two.vcz")
    words = r"1 MiB of memory are too few: .* take \d+ MiB; give more with --memory"
    with pytest.raises(ResourceError, match=words):
        append_store(store, two, memory_bytes=1 << 20)
    with pytest.raises(ResourceError, match=words):
        merge_stores([store, tmp_path / "two.vcz"], tmp_path / "both.vcz", memory_bytes=1 << 20)
    assert StoreView.open(store).store_hash == built.store_hash
    assert not (tmp_path / "both.vcz").exists()


def test_a_person_is_unreadable_even_where_memory_is_too_little(tmp_path: Path) -> None:
    vcf = write_vcf(tmp_path / "in.vcf", ["1 10 . A G . . . GT 0/1 1/1"], samples=("A", "B"))
    store = tmp_path / "s.vcz"
    build_store(vcf, store)
    with pytest.raises(ResourceError, match="MiB of memory are too few"):
        drop_samples(store, ["A"], memory_bytes=1 << 20)
    assert StoreView.open(store).sample_ids.tolist() == ["B"]
    assert drop_samples(store, ["A"]).n_samples == 1
