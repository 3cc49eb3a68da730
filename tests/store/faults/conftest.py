"""The machine with faults, and the operations that change a store, each with what may stand before and after it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

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

    def fresh(self, folder: Path) -> Path:
        """Return a new copy of the folder before the command; hard links stay hard links."""
        target = folder / "work"
        if target.exists():
            shutil.rmtree(target)
        subprocess.run(["cp", "-a", str(self.before), str(target)], check=True)
        return target

    def state(self, folder: Path) -> str:
        """Return "before" or "after"; anything else fails the test."""
        store = folder / STORE
        for older in sorted((folder / f".{STORE}.generations").glob("*")):
            assert is_whole(older), f"{self.name}: generation {older.name} is damaged"
            assert content(older) == self.content_before, f"{self.name}: generation {older.name} is another store"
        if not store.exists():
            assert self.content_before is None, f"{self.name}: the store is gone"
            return "before"
        assert is_whole(store), f"{self.name}: the store is damaged"
        found = content(store)
        if found == self.content_after:
            return "after"
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


def _inputs(folder: Path) -> None:
    records = random_records(N_VARIANTS, len(SAMPLES), seed=4)
    write_vcf(folder / "all.vcf.gz", records, samples=SAMPLES)
    other = random_records(N_VARIANTS, len(SAMPLES), seed=5)
    write_vcf(folder / "other.vcf.gz", other, samples=SAMPLES)


def _build(folder: Path) -> list[object]:
    return ["store", "build", folder / "all.vcf.gz", "--output", folder / STORE]


def _replace(folder: Path) -> list[object]:
    return ["store", "build", folder / "other.vcf.gz", "--output", folder / STORE, "--force"]


OPERATIONS: dict[str, tuple[Callable[[Path], list[object]] | None, Callable[[Path], list[object]]]] = {
    "build": (None, _build),
    "replace": (_build, _replace),
}
"""For each operation: what makes the store before it, and the command itself."""
QUICK_OPERATIONS = ("replace",)
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
        made[name] = Operation(name, before, words, content_before, content(after / STORE), names_in(after), n_calls)
        assert made[name].content_before != made[name].content_after
        return made[name]

    return prepare
