"""The machine with faults, and the operations that change a store, each with what may stand before and after it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from genomics_dc.store import StoreView
from tests.builders import random_records, write_vcf
from tests.store.faults.content import content, is_whole
from tests.store.faults.machine import CHANGING, COUNT, Machine, NoCompilerError

SAMPLES = tuple(f"S{number}" for number in range(7))
N_VARIANTS = 1_100
STORE = "cohort.vcz"


@dataclass(frozen=True)
class Operation:
    """A command that changes a folder: the folder before it, its words, what the store says before and after."""

    name: str
    before: Path
    words: Callable[[Path], list[object]]
    content_before: dict[str, str] | None
    content_after: dict[str, str]
    names_after: frozenset[str]
    n_calls: int
    between: Callable[[Path], bool] | None = None

    def fresh(self, folder: Path) -> Path:
        """Return a new copy of the folder before the command; hard links stay hard links."""
        target = folder / "work"
        if target.exists():
            shutil.rmtree(target)
        subprocess.run(["cp", "-a", str(self.before), str(target)], check=True)
        return target

    def state(self, folder: Path) -> str:
        """Return "before", "after", or "between" where the operation has such a state; anything else fails the test."""
        store = folder / STORE
        for older in sorted((folder / f".{STORE}.generations").glob("[0-9]*")):
            assert is_whole(older), f"{self.name}: generation {older.name} is damaged"
            if self.between is None:
                assert content(older) == self.content_before, f"{self.name}: generation {older.name} is another store"
        if not store.exists():
            assert self.content_before is None, f"{self.name}: the store is gone"
            return "before"
        assert is_whole(store), f"{self.name}: the store is damaged"
        found = content(store)
        if found == self.content_after:
            return "after"
        if self.between is not None and self.between(store):
            return "between"
        assert found == self.content_before, f"{self.name}: the store says neither the old nor the new"
        return "before"


def names_in(folder: Path) -> frozenset[str]:
    """Every name directly in a folder, hidden ones too."""
    return frozenset(path.name for path in folder.iterdir())


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    try:
        found = Machine(tmp_path_factory.mktemp("machine"))
    except NoCompilerError as reason:
        pytest.skip(str(reason))
    yield found
    found.close()


DROPPED = ("S2", "S5")


def _inputs(folder: Path) -> None:
    records = random_records(N_VARIANTS, len(SAMPLES), seed=4)
    write_vcf(folder / "all.vcf.gz", records, samples=SAMPLES)
    write_vcf(folder / "early.vcf.gz", records[:700], samples=SAMPLES)
    write_vcf(folder / "late.vcf.gz", records[700:], samples=SAMPLES)
    for name, chosen in (("some", slice(0, 5)), ("others", slice(5, 7))):
        cut = []
        for record in records:
            fields = record.split(" ")
            cut.append(" ".join([*fields[:9], *fields[9:][chosen]]))
        write_vcf(folder / f"{name}.vcf.gz", cut, samples=SAMPLES[chosen])
    other = random_records(N_VARIANTS, len(SAMPLES), seed=5)
    write_vcf(folder / "other.vcf.gz", other, samples=SAMPLES)


def _build(folder: Path) -> list[object]:
    return ["store", "build", folder / "all.vcf.gz", "--output", folder / STORE]


def _replace(folder: Path) -> list[object]:
    return ["store", "build", folder / "other.vcf.gz", "--output", folder / STORE, "--force"]


def _build_of(name: str) -> Callable[[Path], list[object]]:
    return lambda folder: ["store", "build", folder / f"{name}.vcf.gz", "--output", folder / STORE]


def _append_of(name: str) -> Callable[[Path], list[object]]:
    return lambda folder: ["store", "append", folder / STORE, folder / f"{name}.vcf.gz"]


def _drop(folder: Path) -> list[object]:
    return ["store", "drop-samples", folder / STORE, "--samples", ",".join(DROPPED)]


def _are_unreadable(store: Path) -> bool:
    """Tell whether the dropped people are gone from every reader, and the others there, though not all is done."""
    import zarr

    view = StoreView.open(store)
    names = {str(name) for name in view.sample_ids}
    in_zarr = {str(name) for name in np.asarray(zarr.open_group(store, mode="r")["sample_id"][...])}
    kept = [name for name in SAMPLES if name not in DROPPED]
    gone = not (set(DROPPED) & (names | in_zarr)) and not any(name in view.vcf_header() for name in DROPPED)
    return gone and set(kept) <= names and view.samples(kept).dosage().shape == (N_VARIANTS, len(kept))


BETWEEN = {"drop": _are_unreadable}
OPERATIONS: dict[str, tuple[Callable[[Path], list[object]] | None, Callable[[Path], list[object]]]] = {
    "build": (None, _build),
    "replace": (_build, _replace),
    "append-records": (_build_of("early"), _append_of("late")),
    "append-samples": (_build_of("some"), _append_of("others")),
    "drop": (_build, _drop),
}
"""For each operation: what makes the store before it, and the command itself."""
QUICK_OPERATIONS = ("append-samples",)
"""What the short tests try; the slow ones try all."""


@pytest.fixture(scope="session")
def operations(machine, tmp_path_factory) -> Callable[[str], Operation]:
    """Give a function that returns an operation by name, tried once without a fault."""
    made: dict[str, Operation] = {}

    def prepare(name: str) -> Operation:
        if name in made:
            return made[name]
        first, words = OPERATIONS[name]
        before = tmp_path_factory.mktemp(name) / "before"
        before.mkdir()
        _inputs(before)
        content_before = None
        if first is not None:
            done = machine.run(*first(before))
            assert done.status == 0, done.err
            content_before = content(before / STORE)
        after = before.with_name("after")
        subprocess.run(["cp", "-a", str(before), str(after)], check=True)
        machine.order(COUNT, root=after, classes=CHANGING)
        done = machine.run(*words(after))
        assert done.status == 0, done.err
        n_calls = machine.n_calls
        made[name] = Operation(
            name, before, words, content_before, content(after / STORE), names_in(after), n_calls, BETWEEN.get(name)
        )
        assert made[name].content_before != made[name].content_after
        return made[name]

    return prepare
