"""With too few file descriptors a command does all of its work or says so."""

import shutil

import pytest

from tests.store.faults.conftest import OPERATIONS, QUICK_OPERATIONS, names_in
from tests.store.faults.test_io_errors import COMMANDS, QUICK_COMMANDS, answer

SHORT = (14,)
LONG = (*range(6, 40, 3), *range(40, 120, 16))


def change_with_few(operation, machine, tmp_path, limits):
    for limit in limits:
        folder = operation.fresh(tmp_path)
        done = machine.run(*operation.words(folder), files_max=limit)
        where = f"{operation.name}, {limit} descriptors: {done}"
        state = operation.state(folder)
        assert (done.status == 0) == (state == "after"), where
        if done.status:
            assert done.status == 1, where
            assert done.said_one_sentence, where
            left = names_in(folder) - names_in(operation.before)
            assert all(name.startswith(".partial-") for name in left), where  # to remove needs descriptors as well
            assert machine.run(*operation.words(folder)).status == 0
            assert names_in(folder) == operation.names_after, where


def read_with_few(command, machine, cohort_store, tmp_path, limits):
    out = tmp_path / "out"
    out.mkdir()
    words = COMMANDS[command](cohort_store, out)
    done = machine.run(*words)
    assert done.status == 0, done.err
    truth = answer(done, out)
    for limit in limits:
        shutil.rmtree(out)
        out.mkdir()
        done = machine.run(*words, files_max=limit)
        where = f"{command}, {limit} descriptors: {done.err}"
        if done.status == 0:
            assert answer(done, out) == truth, where
        else:
            assert done.status == 1, where
            assert done.said_one_sentence, where
            assert list(out.iterdir()) == [], where


@pytest.mark.parametrize("name", QUICK_OPERATIONS)
def test_few_descriptors_to_change(name, operations, machine, tmp_path):
    change_with_few(operations(name), machine, tmp_path, SHORT)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", OPERATIONS)
def test_any_number_of_descriptors_to_change(name, operations, machine, tmp_path):
    change_with_few(operations(name), machine, tmp_path, LONG)


@pytest.mark.parametrize("command", QUICK_COMMANDS)
def test_few_descriptors_to_read(command, machine, cohort_store, tmp_path):
    read_with_few(command, machine, cohort_store, tmp_path, SHORT)


@pytest.mark.exhaustive
@pytest.mark.parametrize("command", COMMANDS)
def test_any_number_of_descriptors_to_read(command, machine, cohort_store, tmp_path):
    read_with_few(command, machine, cohort_store, tmp_path, LONG)
