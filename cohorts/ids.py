"""Opaque person ids: random, and safe to read over a telephone.

An id is `P-` + 12 random characters of 0-9A-Z + one check character by ISO/IEC 7064 MOD 37,36, the system that catches
every single wrong character and nearly every swap of two neighbours. 36^12 is about 4.7e18, so that ids neither
collide nor can be guessed. An id says nothing about the person: it is not made from a name or a number.
"""

from __future__ import annotations

import re
import secrets
import string

from genomics_dc.errors import InputError

PREFIX = "P-"
_ALPHABET = string.digits + string.ascii_uppercase
_RANDOM_CHARACTERS = 12
_FORM = re.compile(rf"{PREFIX}[0-9A-Z]{{{_RANDOM_CHARACTERS + 1}}}")
_SAMPLE_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")


def check_character(body: str) -> str:
    """Return the ISO/IEC 7064 MOD 37,36 check character of a string over 0-9A-Z."""
    product = 36
    for character in body:
        total = (product + _ALPHABET.index(character)) % 36 or 36
        product = total * 2 % 37
    return _ALPHABET[(37 - product) % 36]


def new_person_id() -> str:
    """Return a fresh random person id."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))
    return f"{PREFIX}{body}{check_character(body)}"


def is_person_id(text: str) -> bool:
    """Return whether `text` has the form of a person id and its check character is right."""
    return bool(_FORM.fullmatch(text)) and check_character(text[len(PREFIX) : -1]) == text[-1]


def require_person_id(text: str) -> str:
    """Return `text` when it is a person id; the error does not repeat it, because it may be a record number."""
    if not is_person_id(text):
        raise InputError(
            "that is not a person id (P- and 13 characters, the last one a check character); a character may be wrong"
        )
    return text


def is_sample_id(text: str) -> bool:
    """Return whether `text` may be a sample id: letters, digits and ._+- , not starting with a sign or a dot."""
    return bool(_SAMPLE_FORM.fullmatch(text)) and ".." not in text
