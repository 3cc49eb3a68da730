"""Every change is a new generation: published in one step, the one before kept until it is swept."""

import os
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from genomics_dc.errors import StoreError
from genomics_dc.store import StoreView, staging, verify_store
from genomics_dc.store.access import StoreFiles
from genomics_dc.store.lock import lock_path
from genomics_dc.store.staging import generation_path, generations, next_generation, sweep, sweep_generations
from genomics_dc.store.writer import StoreWriter
from tests.store.making import arrays_of, finish, make_store, metas_of

N_SAMPLES = 30
INNER, OUTER = (100, 10), (200, 20)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def output(tmp_path) -> Path:
    make_store(tmp_path / "out.vcz", arrays_of(200, N_SAMPLES), inner=INNER, outer=OUTER)
    return tmp_path / "out.vcz"


def grow(output, n_variants, **how):
    """Append variants: files that are full stay as they are, as links; the others are written anew."""
    with next_generation(output, **how) as made:
        base = StoreFiles(made.base)
        old = base.array("call_DP").shape[0]
        arrays = arrays_of(n_variants, N_SAMPLES, seed=old)
        writer = StoreWriter(made.folder)
        for name, meta in metas_of(arrays, inner=INNER, outer=OUTER).items():
            before = base.array(name)
            after = meta.with_variants(old + n_variants)
            target = writer.array(after)
            kept = old // meta.outer[0]
            for outer in before.meta.files():
                if outer[0] < kept:
                    target.link(outer, made.base / meta.key(outer), before.records_of_file(outer))
            values = np.concatenate([before.read(), arrays[name]])
            for coords in np.ndindex(*after.grid):
                if coords[0] >= kept * meta.per_outer[0]:
                    target.put_array(coords, values[after.extent(coords)])
        finish(writer, old + n_variants, N_SAMPLES, inner=INNER, outer=OUTER, before=base.seal, operation="append")


def test_the_generation_before_stays_readable_until_it_is_swept(output):
    first = StoreView.open(output)
    hash_before, dosage_before = first.store_hash, first.dosage()
    grow(output, 150)
    grow(output, 50)
    assert StoreView.open(output).n_variants == 400
    assert generations(output) == [0, 1]
    assert names(output.parent) == [".out.vcz.generations", "out.vcz"]
    old = StoreView.open(generation_path(output, 0))
    assert old.store_hash == hash_before
    assert old.dosage().tolist() == dosage_before.tolist() == first.dosage().tolist()
    assert StoreView.open(generation_path(output, 1)).n_variants == 350
    for path in (output, generation_path(output, 0), generation_path(output, 1)):
        assert verify_store(path, deep=True).ok
    history = StoreFiles(output).seal.history
    assert [(event.generation, event.operation, event.n_variants) for event in history] == [
        (0, "build", 200),
        (1, "append", 350),
        (2, "append", 400),
    ]
    assert [event.before for event in history[1:]] == [event.store_hash for event in history[:-1]]

    assert sweep_generations(output, keep=1) == [0]
    assert generations(output) == [1]
    assert sweep_generations(output) == [1]
    assert names(output.parent) == ["out.vcz"]
    assert verify_store(output, deep=True).ok
    with pytest.raises(StoreError, match="was replaced by another store while it was open; open it again"):
        next(first.blocks("call_DP"))


def test_what_did_not_change_takes_no_room(output):
    grow(output, 10)
    inodes = {path.stat().st_ino for path in output.rglob("*") if path.is_file()}
    shared = [
        path
        for path in generation_path(output, 0).rglob("*")
        if path.is_file() and path.stat().st_ino in inodes and path.parent.name != "out.vcz"
    ]
    assert {path.relative_to(generation_path(output, 0)).parts[0] for path in shared} >= {"call_DP", "variant_allele"}
    assert all(path.name not in ("zarr.json", "manifest.json", "manifest.bin") for path in shared)


def test_the_same_content_has_the_same_hash_however_it_came_to_be(output, tmp_path):
    grow(output, 150)
    arrays = {name: StoreFiles(output).array(name).read() for name in arrays_of(1, N_SAMPLES)}
    seal = make_store(tmp_path / "at-once.vcz", arrays, inner=INNER, outer=OUTER)
    assert seal.store_hash == StoreFiles(output).seal.store_hash


def test_an_error_leaves_the_store_as_it_was(output):
    before = StoreFiles(output).seal
    with pytest.raises(KeyError), next_generation(output) as made:  # noqa: PT012  (what is written before the error)
        StoreWriter(made.folder)
        (made.scratch / "more").write_text("x")
        raise KeyError("stop")
    with pytest.raises(StoreError, match="has no manifest"), next_generation(output) as made:
        made.folder.mkdir()
    assert StoreFiles(output).seal == before
    assert names(output.parent) == ["out.vcz"]


def test_a_generation_of_another_number_is_not_published(output):
    with pytest.raises(StoreError, match="generation 1 was to be written"), next_generation(output) as made:
        make_store(made.folder, arrays_of(10, N_SAMPLES))
    assert generations(output) == []


def test_a_crash_before_the_step_leaves_the_old_and_nothing_else(output, monkeypatch):
    before = StoreFiles(output).seal.store_hash

    def crash(first, second):
        raise KeyboardInterrupt

    monkeypatch.setattr(staging, "_exchange", crash)
    with pytest.raises(KeyboardInterrupt):
        grow(output, 10)
    monkeypatch.undo()
    waiting = generation_path(output, 0).parent
    assert generations(output) == []  # the new one is not published, and has no number
    assert any(waiting.iterdir())
    sweep(output)
    assert not any(waiting.iterdir())
    assert StoreFiles(output).seal.store_hash == before
    grow(output, 10)
    assert generations(output) == [0]
    assert StoreFiles(generation_path(output, 0)).seal.store_hash == before


def test_a_crash_after_the_step_loses_no_generation(output, monkeypatch):
    before = StoreFiles(output).seal.store_hash

    def crash(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(staging, "_confirm", crash)
    with pytest.raises(KeyboardInterrupt):
        grow(output, 10)
    monkeypatch.undo()
    assert StoreFiles(output).seal.store_hash != before  # published
    assert generations(output) == []  # what it replaced has no number yet
    sweep(output)
    assert generations(output) == [0]
    assert StoreFiles(generation_path(output, 0)).seal.store_hash == before


def test_without_an_exchange_of_names_a_crash_gives_the_old_store_back(output, monkeypatch):
    monkeypatch.setattr(staging, "_exchange", lambda first, second: False)
    before = StoreFiles(output).seal.store_hash
    grow(output, 10)
    assert StoreFiles(generation_path(output, 0)).seal.store_hash == before
    after = StoreFiles(output).seal.store_hash
    output.rename(output.with_name(f".old-{os.getpid()}-out.vcz"))  # where a crash may leave it
    sweep(output)
    assert StoreFiles(output).seal.store_hash == after
    generation_path(output, 0).rename(output.with_name(f".old-{os.getpid()}-out.vcz"))
    sweep(output)
    assert StoreFiles(output).seal.store_hash == after
    assert StoreFiles(generation_path(output, 0)).seal.store_hash == before


def test_readers_see_one_generation_or_the_next(output):
    stop = Event()
    grown = []

    def writer():
        while not stop.is_set():
            grow(output, 10)
            grown.append(1)

    thread = Thread(target=writer)
    thread.start()
    seen = set()
    try:
        for _ in range(60):
            view = StoreView.open(output)
            block = view.dosage()
            assert len(block) == view.n_variants == 200 + 10 * view._shared.files.seal.generation
            seen.add(view.n_variants)
    finally:
        stop.set()
        thread.join()
    assert len(seen) > 1
    assert not lock_path(output).exists()
    assert verify_store(output, deep=True).ok


def test_a_rebuilt_store_has_no_generations_of_the_store_before(output):
    from genomics_dc.store import build_store
    from tests.builders import write_vcf

    grow(output, 10)
    build_store(write_vcf(output.parent / "in.vcf"), output, force=True)
    assert names(output.parent) == ["in.vcf", "out.vcz"]


def test_sweeping_asks_for_sense(output):
    with pytest.raises(ValueError, match="keep must be 0 or more"):
        sweep_generations(output, keep=-1)
    with pytest.raises(StoreError, match="is not there"), next_generation(output.with_name("none.vcz")):
        pass
