"""The identity checks of a run, as far as they concern one sample."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from genomics_dc.errors import InputError
from genomics_dc.screening.model import IdentityCheck

_CHECKS = ("sex", "kinship", "duplicate", "contamination")
_STATUSES = get_args(IdentityCheck.model_fields["status"].annotation)


def read_identity(path: Path | str | None) -> list[dict[str, Any]]:
    """Return the checks of an identity file: [{check, samples, status, detail}, …], a list or under `checks`.

    Raises InputError for a file that is not of this form.
    """
    if path is None:
        return []
    source = Path(path)
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"the identity checks {source} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"the identity checks {source} are not JSON: {error}") from error
    checks = content.get("checks") if isinstance(content, dict) else content
    if not isinstance(checks, list):
        raise InputError(f"the identity checks {source} must hold a list under `checks`")
    for number, item in enumerate(checks, 1):
        if (
            not isinstance(item, dict)
            or item.get("check") not in _CHECKS
            or item.get("status") not in _STATUSES
            or not isinstance(item.get("samples"), list)
        ):
            raise InputError(
                f"{source}, check {number}: expected check ({', '.join(_CHECKS)}), status ({', '.join(_STATUSES)}) "
                "and a list of samples"
            )
    return checks


def checks_of(checks: Iterable[dict[str, Any]], sample: str) -> tuple[IdentityCheck, ...]:
    """Return the checks that name a sample; a kind of check that was not made comes out as not assessable."""
    mine = [item for item in checks if sample in item["samples"]]
    found = [
        IdentityCheck(check=item["check"], status=item["status"], detail=str(item.get("detail") or "")) for item in mine
    ]
    made = {item.check for item in found}
    found += [
        IdentityCheck.model_validate({"check": name, "status": "not_assessable", "detail": "no check was made"})
        for name in _CHECKS
        if name not in made
    ]
    return tuple(sorted(found, key=lambda item: _CHECKS.index(item.check)))


def parentage_confirmed(checks: Iterable[dict[str, Any]], child: str, father: str | None, mother: str | None) -> bool:
    """Return whether kinship with both parents was checked and passed.

    A passed kinship check names the child and the parent, or all three.
    """
    passed = [
        set(item["samples"])
        for item in checks
        if item["check"] == "kinship" and item["status"] == "pass" and child in item["samples"]
    ]
    return all(
        parent is not None and any(names in ({child, parent}, {child, father, mother}) for names in passed)
        for parent in (father, mother)
    )
