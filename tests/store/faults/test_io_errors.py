"""Reads that fail, come short, or end too early give the right answer or one sentence, never another answer."""

from __future__ import annotations

import errno
import json
import random
import shutil

import pytest

from tests.store.faults.machine import COUNT, END, FAIL, OPEN, READ
from tests.store.faults.machine import SHORT as COMES_SHORT

SHORT = 2
LONG = 24
EVERYTHING = r"%CHROM\t%POS\t%ID\t%REF\t%ALT\t%QUAL\t%FILTER\t%INFO/DP\t%INFO/AF[\t%SAMPLE:%GT:%DP]\n"

COMMANDS = {
    "query": lambda store, folder: ["store", "query", store, "-f", EVERYTHING],
    "info": lambda store, folder: ["store", "info", store],
    "verify": lambda store, folder: ["store", "verify", store, "--deep"],
    "pgen": lambda store, folder: ["store", "export", store, "--output", folder / "x.pgen", "--force"],
    "vcf": lambda store, folder: ["store", "export", store, "--output", folder / "x.vcf", "--force"],
}
QUICK_COMMANDS = ("query", "verify")
STATUSES = {"verify": {1, 3}}
"""A file that cannot be read is a finding of `verify`."""


def answer(done, folder):
    """What a command said and wrote."""
    files = {path.name: path.read_bytes() for path in sorted(folder.glob("x.*"))}
    return done.out, files


@pytest.fixture(scope="module")
def place(cohort_store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reads")
    shutil.copytree(cohort_store, folder / "in" / "cohort.vcz")
    (folder / "out").mkdir()
    return folder


def try_reads(machine, place, command, n_moments, seed, action, classes=READ, **order):
    store, out = place / "in" / "cohort.vcz", place / "out"
    words = COMMANDS[command](store, out)
    for path in out.iterdir():
        path.unlink()
    machine.order(COUNT, root=place / "in", classes=classes)
    done = machine.run(*words)
    assert done.status == 0, done.err
    truth = answer(done, out)
    calls = machine.n_calls
    assert calls
    refused = 0
    for moment in sorted(random.Random(seed).sample(range(1, calls + 1), min(n_moments, calls))):
        for path in out.iterdir():
            path.unlink()
        machine.order(action, at=moment, root=place / "in", classes=classes, **order)
        done = machine.run(*words)
        where = f"{command}, read {moment} of {calls}"
        assert machine.n_fired, where
        if done.status == 0:
            assert answer(done, out) == truth, f"{where}: another answer"
            continue
        refused += 1
        assert done.status in STATUSES.get(command, {1}), f"{where}: {done.err}"
        assert done.said_one_sentence, f"{where}: {done.err}"
        assert list(out.iterdir()) == [], where
    return refused


@pytest.mark.parametrize("command", QUICK_COMMANDS)
def test_a_read_fails(command, machine, place):
    assert try_reads(machine, place, command, SHORT, 1, FAIL, number=errno.EIO)


@pytest.mark.exhaustive
@pytest.mark.parametrize("sticky", [False, True])
@pytest.mark.parametrize("command", COMMANDS)
def test_any_read_fails(command, sticky, machine, place):
    assert try_reads(machine, place, command, LONG, 2, FAIL, number=errno.EIO, sticky=sticky)


@pytest.mark.parametrize("command", QUICK_COMMANDS)
def test_every_read_comes_short(command, machine, place):
    try_reads(machine, place, command, 1, 3, COMES_SHORT, sticky=True)


@pytest.mark.exhaustive
@pytest.mark.parametrize("command", COMMANDS)
def test_any_read_comes_short(command, machine, place):
    try_reads(machine, place, command, LONG, 4, COMES_SHORT)


@pytest.mark.exhaustive
@pytest.mark.parametrize("command", COMMANDS)
def test_any_file_ends_too_early(command, machine, place):
    try_reads(machine, place, command, LONG, 5, END, sticky=True)


@pytest.mark.exhaustive
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE])
def test_any_file_cannot_be_opened(command, number, machine, place):
    try_reads(machine, place, command, LONG // 3, 6, FAIL, classes=OPEN, number=number)


@pytest.fixture(scope="module")
def vcf_place(cohort_vcf, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vcf")
    (folder / "in").mkdir()
    shutil.copy(cohort_vcf, folder / "in" / "cohort.vcf.gz")
    (folder / "out").mkdir()
    return folder


def build_from_bad_disk(machine, place, n_moments, seed, action, **order):
    """The VCF's disk fails: the store is built aright or not at all."""
    output = place / "out" / "made.vcz"
    shutil.rmtree(output, ignore_errors=True)
    words = ["store", "build", place / "in" / "cohort.vcf.gz", "--output", output, "--json"]
    machine.order(COUNT, root=place / "in", classes=READ)
    done = machine.run(*words)
    assert done.status == 0, done.err
    truth = json.loads(done.out)["store_hash"]
    calls = machine.n_calls
    shutil.rmtree(output)
    for moment in sorted(random.Random(seed).sample(range(1, calls + 1), min(n_moments, calls))):
        machine.order(action, at=moment, root=place / "in", classes=READ, **order)
        done = machine.run(*words)
        where = f"read {moment} of {calls} of the VCF"
        if done.status == 0:
            assert json.loads(done.out)["store_hash"] == truth, f"{where}: another store"
            shutil.rmtree(output)
            continue
        assert done.status == 1, f"{where}: {done.err}"
        assert done.said_one_sentence, f"{where}: {done.err}"
        assert list((place / "out").iterdir()) == [], where


@pytest.mark.parametrize("action", [FAIL, COMES_SHORT, END])
def test_the_vcf_cannot_be_read(action, machine, vcf_place):
    build_from_bad_disk(machine, vcf_place, 1, 7, action, sticky=action != FAIL)


@pytest.mark.exhaustive
@pytest.mark.parametrize("action", [FAIL, COMES_SHORT, END])
@pytest.mark.parametrize("sticky", [False, True])
def test_the_vcf_cannot_be_read_anywhere(action, sticky, machine, vcf_place):
    build_from_bad_disk(machine, vcf_place, LONG // 2, 8, action, sticky=sticky)
