"""Opaque ids and encryption at rest."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from genomics_dc.cohorts import database, ids, keys
from genomics_dc.errors import InputError, OutputExistsError, RegistryError

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def test_check_character_of_the_iso_7064_example() -> None:
    # The Global Release Identifier uses the same system: A1-2425G-ABC1234002-M is the example of its standard.
    assert ids.check_character("A12425GABC1234002") == "M"


def test_every_single_wrong_character_is_noticed() -> None:
    person = ids.new_person_id()
    for position in range(2, len(person)):
        for character in ALPHABET:
            if character != person[position]:
                assert not ids.is_person_id(person[:position] + character + person[position + 1 :])


def test_ids_do_not_repeat_and_have_the_form() -> None:
    made = {ids.new_person_id() for _ in range(2000)}
    assert len(made) == 2000
    assert all(ids.is_person_id(person) for person in made)


@pytest.mark.parametrize("text", ["", "12345678", "P-0000000000000\n", "p-smry908b7500h", "张三"])
def test_what_is_no_person_id_is_not_repeated(text: str) -> None:
    with pytest.raises(InputError) as caught:
        ids.require_person_id(text)
    assert not text or text not in str(caught.value)


def test_key_file_is_private_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "k"
    os.umask(0)
    keys.create_key_file(path)
    os.umask(0o022)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(OutputExistsError):
        keys.create_key_file(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_key_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "k"
    keys.create_key_file(path)
    path.chmod(mode)
    with pytest.raises(RegistryError, match=f"mode {mode:04o}.*chmod 600"):
        keys.read_key_file(path)


@pytest.mark.parametrize("content", ["", "{}", "[]", "not json", '{"format":"x","version":1,"label":"a","key":"AAAA"}'])
def test_what_is_no_key_file_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "k"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(RegistryError, match="not a key file"):
        keys.read_key_file(path)
    with pytest.raises(RegistryError, match="not there"):
        keys.read_key_file(tmp_path / "absent")


@pytest.fixture
def ring(tmp_path: Path) -> keys.Keyring:
    key_file = keys.create_key_file(tmp_path / "k")
    url = database.registry_url(f"sqlite:///{tmp_path}/r.db")
    database.create_registry(url, key_file)
    engine, ring = database.open_registry(url, key_file)
    engine.dispose()
    return ring


def test_value_opens_only_in_its_place(ring: keys.Keyring) -> None:
    place = ("demographics", "name_encrypted", "P-1")
    value = ring.encrypt(place, "王小明")
    assert ring.decrypt(place, value, 1) == "王小明"
    assert ring.encrypt(place, "王小明") != value
    for other in (("demographics", "name_encrypted", "P-2"), ("demographics", "birth_date_encrypted", "P-1")):
        with pytest.raises(RegistryError, match="altered or moved"):
            ring.decrypt(other, value, 1)


def test_every_flipped_bit_is_noticed(ring: keys.Keyring) -> None:
    place = ("identifier", "value_encrypted", "1")
    value = ring.encrypt(place, "MRN-1")
    for position in range(len(value)):
        changed = bytes(b ^ (1 if i == position else 0) for i, b in enumerate(value))
        with pytest.raises(RegistryError):
            ring.decrypt(place, changed, 1)
    with pytest.raises(RegistryError):
        ring.decrypt(place, b"", 1)


def test_token_needs_the_key(ring: keys.Keyring) -> None:
    token = ring.identifier_token("mrn", "12345678")
    guesses = {hashlib.sha256(text.encode()).hexdigest() for text in ("12345678", "mrn12345678", "mrn|12345678")}
    assert token not in guesses
    assert token == ring.identifier_token("mrn", " １２３４５６７８ "), (
        "full-width digits and spaces are the same number"
    )
    assert token != ring.identifier_token("mr", "n12345678")
    assert ring.token("ab", "c") != ring.token("a", "bc")
    assert repr(ring) == "Keyring(versions [1])"


def test_wrong_key_file_is_one_sentence(tmp_path: Path, registry_address: str) -> None:
    right, wrong = keys.create_key_file(tmp_path / "right"), keys.create_key_file(tmp_path / "wrong")
    url = database.registry_url(registry_address)
    database.create_registry(url, right)
    with pytest.raises(RegistryError, match="this key file does not open this registry") as caught:
        database.open_registry(url, wrong)
    assert "\n" not in str(caught.value)
    engine, _ = database.open_registry(url, right)
    with engine.begin() as connection:
        # A wrapped key that was put in another one's place does not open either.
        connection.execute(text("UPDATE data_key SET version = 2 WHERE use = 'index'"))
    with pytest.raises(RegistryError):
        database.open_registry(url, right)
    engine.dispose()


def test_key_label_is_the_only_part_of_the_key_in_the_database(tmp_path: Path) -> None:
    key_file = keys.create_key_file(tmp_path / "k")
    url = database.registry_url(f"sqlite:///{tmp_path}/r.db")
    database.create_registry(url, key_file)
    content = (tmp_path / "r.db").read_bytes()
    assert key_file.key not in content
    assert json.loads((tmp_path / "k").read_text())["key"].encode() not in content
    engine, ring = database.open_registry(url, key_file)
    assert all(key not in content for key in (*ring.encryption.values(), ring.index))
    with Session(engine) as session:
        assert len(session.execute(text("SELECT * FROM data_key")).all()) == 2
    engine.dispose()
