"""A damaged file is never read as something else, and `verify` finds it: any file, any kind of damage."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from genomics_dc.errors import GenomicsError
from genomics_dc.store import StoreView, build_store, verify_store
from tests.builders import random_records, write_vcf
from tests.store.faults.content import content, said_by

SHORT = 24
LONG = 1_000


def flip(path, choose, store):
    data = bytearray(path.read_bytes())
    data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
    path.write_bytes(data)


def zero_some(path, choose, store):
    data = bytearray(path.read_bytes())
    start = choose.randrange(len(data))
    end = min(len(data), start + choose.randrange(1, 64))
    if not any(data[start:end]):
        start, end = 0, len(data)
    data[start:end] = bytes(end - start)
    path.write_bytes(data)


def zero_all(path, choose, store):
    path.write_bytes(bytes(path.stat().st_size))


def cut(path, choose, store):
    path.write_bytes(path.read_bytes()[: choose.randrange(path.stat().st_size)])


def lengthen(path, choose, store):
    path.write_bytes(path.read_bytes() + choose.randbytes(choose.randrange(1, 40)))


def delete(path, choose, store):
    path.unlink()


def delete_folder(path, choose, store):
    if path.parent == store:
        path.unlink()
    else:
        shutil.rmtree(path.parent)


def swap(path, choose, store):
    others = [other for other in files_of(store) if other != path and other.read_bytes() != path.read_bytes()]
    alike = [other for other in others if other.name == path.name and other.suffix == path.suffix]
    other = choose.choice(alike if alike and choose.random() < 0.7 else others)
    data = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(data)


def move_bytes(path, choose, store):
    """Exchange two stretches of one file: every byte is still there."""
    data = bytearray(path.read_bytes())
    size = min(len(data) // 2, choose.randrange(1, 80))
    if not size:
        return flip(path, choose, store)
    first = choose.randrange(len(data) - 2 * size + 1)
    second = choose.randrange(first + size, len(data) - size + 1)
    a, b = data[first : first + size], data[second : second + size]
    if a == b:
        return flip(path, choose, store)
    data[first : first + size], data[second : second + size] = b, a
    path.write_bytes(data)
    return None


def stray(path, choose, store):
    path.with_name(f"{choose.randrange(100, 999)}").write_bytes(path.read_bytes())


DAMAGES = (flip, flip, flip, zero_some, zero_all, cut, lengthen, delete, delete_folder, swap, swap, move_bytes, stray)


def files_of(store: Path) -> list[Path]:
    return sorted(path for path in store.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def deep_cohort(tmp_path_factory):
    """Several chunks of variants and of samples, so that one file holds several chunks where the format packs them."""
    folder = tmp_path_factory.mktemp("deep")
    random_ = np.random.default_rng(8)
    words = np.array(["0|0", "0|1", "1|1", "./."])
    names = [f"P{number}" for number in range(1_020)]
    records = [
        f"1 {10 + row} . A G . . . GT {' '.join(random_.choice(words, len(names), p=[0.6, 0.2, 0.15, 0.05]).tolist())}"
        for row in range(1_030)
    ]
    declared = ['##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    vcf = write_vcf(folder / "in.vcf.gz", records, samples=names, declarations=declared)
    build_store(vcf, folder / "deep.vcz")
    return folder / "deep.vcz"


def damage_stores(store, stale, tmp_path, n_faults, seed, tally):
    """Damage a copy of `store` in `n_faults` ways, one at a time; fail at the first that is silent."""
    choose = random.Random(seed)
    truth = content(store)
    names = [path.relative_to(store) for path in files_of(store)]
    metadata = [name for name in names if name.suffix in (".json", ".bin")]
    broken = tmp_path / "broken.vcz"
    for number in range(n_faults):
        shutil.copytree(store, broken)
        name = choose.choice(metadata if choose.random() < 0.4 else names)
        target = broken / name
        opened_before = StoreView.open(broken) if choose.random() < 0.3 else None
        if choose.random() < 0.1 and differs(stale, target, name):
            what = "stale"
            target.write_bytes((stale / name).read_bytes())
        else:
            damage = choose.choice(DAMAGES)
            what = damage.__name__
            damage(target, choose, broken)
        where = f"fault {number} of seed {seed}: {what} of {name}"
        found_by_verify = not verified(broken)
        assert found_by_verify, f"{where}: verify found nothing"
        tally["found by verify"] += 1
        if opened_before is None:
            said = said_by(broken)
        else:
            try:
                said = content(broken, view=opened_before)
            except GenomicsError as error:
                said = f"refused: {error}"
        if isinstance(said, str):
            tally["refused on read"] += 1
        else:
            differing = sorted(key for key in truth if said.get(key) != truth[key])
            assert said == truth, f"{where}: read in silence, {differing} differ"
            tally["not read, or read aright"] += 1
        tally[f"kind: {what}"] += 1
        tally["in metadata" if name in metadata else "in data"] += 1
        shutil.rmtree(broken)


def differs(stale, target, name) -> bool:
    """Whether another store has a file of this name with other bytes."""
    return stale is not None and (stale / name).exists() and (stale / name).read_bytes() != target.read_bytes()


def verified(path) -> bool:
    try:
        return verify_store(path).ok
    except GenomicsError:
        return False


@pytest.fixture(scope="module")
def stale_store(tmp_path_factory):
    """A store of the same shape with other values: its files are whole, and wrong in another store."""
    folder = tmp_path_factory.mktemp("stale")
    samples = [f"S{number}" for number in range(13)]
    vcf = write_vcf(folder / "in.vcf.gz", random_records(2_300, 13, seed=77), samples=samples)
    build_store(vcf, folder / "stale.vcz")
    return folder / "stale.vcz"


def test_no_damage_is_silent(cohort_store, stale_store, tmp_path, record_property):
    tally: Counter[str] = Counter()
    damage_stores(cohort_store, stale_store, tmp_path, SHORT, 1, tally)
    record_property("tally", dict(tally))


@pytest.mark.exhaustive
def test_none_of_a_thousand_damages_is_silent(cohort_store, stale_store, deep_cohort, tmp_path, record_property):
    tally: Counter[str] = Counter()
    damage_stores(cohort_store, stale_store, tmp_path, LONG * 7 // 10, 2, tally)
    damage_stores(deep_cohort, None, tmp_path, LONG * 3 // 10, 3, tally)
    assert tally["found by verify"] == LONG
    record_property("tally", dict(tally))
    print(dict(tally))  # noqa: T201  the figures, shown with -s


def test_every_byte_of_the_small_files_matters(cohort_store, tmp_path):
    """One bit of every 97th byte of the root's files."""
    broken = Path(shutil.copytree(cohort_store, tmp_path / "broken.vcz"))
    for name in sorted(path.name for path in broken.iterdir() if path.is_file()):
        whole = (broken / name).read_bytes()
        for place in range(len(name) % 97, len(whole), max(97, len(whole) // 60)):
            data = bytearray(whole)
            data[place] ^= 1 << (place % 8)
            (broken / name).write_bytes(data)
            assert not verified(broken), f"byte {place} of {name}"
        (broken / name).write_bytes(whole)
    assert verified(broken)
