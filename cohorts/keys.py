"""Encryption at rest: a key file outside the database wraps the data keys inside it.

The key file holds one 256-bit key-encryption key. The registry holds data keys wrapped by it (table `data_key`), one
for encryption and one for the look-up index, each with a version. A stolen database without the key file shows no
name, number or birth date; a stolen key file without the database shows nothing.

Values are AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce; the place of the value (table, column, row id) is
authenticated with it, so that a value moved to another row does not open. Look-up is by HMAC-SHA-256 (RFC 2104) under
its own key: without that key a list of all possible record numbers cannot be tried against the index.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import stat
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select
from sqlalchemy.orm import Session

from genomics_dc.cohorts.models import DataKey
from genomics_dc.errors import InputError, OutputExistsError, RegistryError
from genomics_dc.files import explain_os_errors, fsync_directory

_FORMAT = "genomics_dc.registry-key"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, repr=False)
class KeyFile:
    """A key-encryption key and its public label."""

    label: str
    key: bytes

    def __repr__(self) -> str:
        return f"KeyFile({self.label})"


def create_key_file(path: Path | str) -> KeyFile:
    """Write a new random key to `path`, readable by its owner alone (mode 0600); refuse a path that exists."""
    key_file = KeyFile(label=secrets.token_hex(8), key=secrets.token_bytes(_KEY_BYTES))
    document = {
        "format": _FORMAT,
        "version": 1,
        "label": key_file.label,
        "key": base64.b64encode(key_file.key).decode(),
        "note": "Keep a copy apart from the database. Without this file the names and numbers cannot be read again.",
    }
    target = Path(path)
    with explain_os_errors(target):
        try:
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError as error:
            raise OutputExistsError(f"{target} exists already; a key file is never replaced, choose another") from error
        with open(descriptor, "w", encoding="ascii") as handle:
            json.dump(document, handle, indent=2)
            handle.write("\n")
            handle.flush()
            os.fsync(handle.fileno())
        fsync_directory(target.parent)
    return key_file


def read_key_file(path: Path | str) -> KeyFile:
    """Read a key file; raise RegistryError when it is missing, not a key file, or readable by others."""
    try:
        with open(path, "rb") as handle:
            mode = stat.S_IMODE(os.fstat(handle.fileno()).st_mode)
            if mode & _OTHERS_MAY:
                raise RegistryError(f"{path}: others may read this key file (mode {mode:04o}); run: chmod 600 {path}")
            document = json.loads(handle.read(1 << 16))
        if document["format"] != _FORMAT or document["version"] != 1:
            raise RegistryError(f"{path} is not a key file of version 1; expected one written by `cohort init`")
        key_file = KeyFile(label=str(document["label"]), key=base64.b64decode(document["key"], validate=True))
    except FileNotFoundError as error:
        raise RegistryError(f"the key file {path} is not there; restore it from its safe copy") from error
    except PermissionError as error:
        raise RegistryError(f"the key file {path} may not be read by this account") from error
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RegistryError(f"{path} is not a key file; expected one written by `cohort init`") from None
    if len(key_file.key) != _KEY_BYTES:
        raise RegistryError(f"{path} holds a key of {len(key_file.key)} bytes, expected {_KEY_BYTES}")
    return key_file


@dataclass(frozen=True, repr=False)
class Keyring:
    """The opened data keys, by version. The newest version encrypts; every version decrypts."""

    encryption: Mapping[int, bytes]
    index: bytes

    def __repr__(self) -> str:
        return f"Keyring(versions {sorted(self.encryption)})"

    @property
    def version(self) -> int:
        """Return the version that new values are encrypted with."""
        return max(self.encryption)

    def encrypt(self, place: tuple[str, str, str], text: str) -> bytes:
        """Return nonce + ciphertext + tag of `text` bound to `place` = (table, column, row id)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = AESGCM(self.encryption[self.version])
        return nonce + cipher.encrypt(nonce, text.encode(), _associated_data(place))

    def decrypt(self, place: tuple[str, str, str], value: bytes, version: int) -> str:
        """Return the text; raise RegistryError when the value was changed or moved from another place."""
        if version not in self.encryption:
            raise RegistryError(f"a value in {place[0]} needs key version {version}, which this registry does not hold")
        cipher = AESGCM(self.encryption[version])
        try:
            plain = cipher.decrypt(value[:_NONCE_BYTES], value[_NONCE_BYTES:], _associated_data(place))
        except (InvalidTag, ValueError):
            raise RegistryError(
                f"table {place[0]}, column {place[1]}: an encrypted value was altered or moved to another row; "
                "restore the registry from a backup"
            ) from None
        return plain.decode()

    def token(self, *parts: str) -> str:
        """Return the keyed hash of `parts` as 64 hexadecimal digits; parts cannot run into each other."""
        return hmac.new(self.index, _joined(parts), hashlib.sha256).hexdigest()

    def identifier_token(self, system: str, value: str) -> str:
        """Return the look-up token of an identifier; spaces around it and Unicode width forms do not matter."""
        return self.token("identifier", system, normalised_identifier(value))


def normalised_identifier(value: str) -> str:
    """Return an identifier in NFKC without outer space: full-width digits equal plain ones, letter case stays."""
    return unicodedata.normalize("NFKC", value).strip()


def create_data_keys(session: Session, key_file: KeyFile) -> None:
    """Add the first data keys to an empty registry, wrapped by the key file."""
    for use in ("encryption", "index"):
        place = ("data_key", "wrapped", f"{use}:1")
        nonce = secrets.token_bytes(_NONCE_BYTES)
        wrapped = AESGCM(key_file.key).encrypt(nonce, secrets.token_bytes(_KEY_BYTES), _associated_data(place))
        session.add(DataKey(use=use, version=1, wrapped=nonce + wrapped, key_file_label=key_file.label))
    session.flush()


def open_keyring(session: Session, key_file: KeyFile) -> Keyring:
    """Unwrap the registry's data keys; raise RegistryError in one sentence when this is another registry's key file."""
    opened: dict[tuple[str, int], bytes] = {}
    for row in session.scalars(select(DataKey)):
        place = ("data_key", "wrapped", f"{row.use}:{row.version}")
        try:
            opened[row.use, row.version] = AESGCM(key_file.key).decrypt(
                row.wrapped[:_NONCE_BYTES], row.wrapped[_NONCE_BYTES:], _associated_data(place)
            )
        except (InvalidTag, ValueError):
            raise RegistryError(
                "this key file does not open this registry; give the key file that `cohort init` made with it"
            ) from None
    encryption = {version: key for (use, version), key in opened.items() if use == "encryption"}
    index = [key for (use, _), key in sorted(opened.items()) if use == "index"]
    if not encryption or not index:
        raise RegistryError("the registry holds no data keys; it was not made by `cohort init`")
    return Keyring(encryption=encryption, index=index[-1])


def _associated_data(place: tuple[str, str, str]) -> bytes:
    return _joined(place)


def _joined(parts: tuple[str, ...]) -> bytes:
    """Return parts with their lengths, so that ("ab", "c") and ("a", "bc") differ."""
    if not parts:
        raise InputError("nothing to hash")
    return b"".join(len(data).to_bytes(8, "big") + data for data in (part.encode() for part in parts))
