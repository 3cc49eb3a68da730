"""Who may do what, for what purpose: a table of rules, and one function that reads it.

Nothing is allowed that no rule allows; a deny rule outweighs every allow rule; the decision says why. Consent is
checked apart from this, person by person: a rule opens a door, consent says who stands behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from genomics_dc.cohorts.documents import read_document

# Every action that the data centre can be asked for; a policy that names another one is refused as a slip of the pen.
ACTIONS = (
    "registry.read",
    "registry.import",
    "registry.link",
    "registry.find",
    "consent.record",
    "cohort.define",
    "cohort.list",
    "cohort.read",
    "cohort.associate",
    "person.read",
    "person.screen",
    "person.report",
    "person.identify",
    "audit.verify",
)

_STRINGS = {"type": "array", "items": {"type": "string"}, "minItems": 1}

POLICY_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["name", "version", "source", "retrieved", "reviewed", "counts_shown_min", "roles", "rules"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "version": {"type": "string"},
        "source": {"type": "string"},
        "retrieved": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$", "description": "a date in quotes"},
        "reviewed": {"type": "boolean"},
        "counts_shown_min": {"type": "integer", "minimum": 1},
        "roles": {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1},
        "rules": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["id", "effect", "roles", "actions"],
                "additionalProperties": False,
                "properties": {
                    "id": {"type": "string"},
                    "effect": {"enum": ["allow", "deny"]},
                    "roles": _STRINGS,
                    "actions": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"enum": ["*", *ACTIONS, *sorted({f"{a.split('.')[0]}.*" for a in ACTIONS})]},
                    },
                    "resources": _STRINGS,
                    "purposes": _STRINGS,
                    "reason": {"type": "string"},
                },
            },
        },
    },
}


@dataclass(frozen=True)
class Principal:
    """Who asks, and in which roles."""

    name: str
    roles: frozenset[str]


@dataclass(frozen=True)
class Decision:
    """Whether it is allowed, why, and by which rule."""

    allowed: bool
    reason: str
    rule: str | None = None


@dataclass(frozen=True)
class Rule:
    """Roles may (or may not) do actions on resources for purposes; patterns as in file names."""

    id: str
    allow: bool
    roles: frozenset[str]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    purposes: tuple[str, ...]
    reason: str

    def applies(self, principal: Principal, action: str, resource: str, purpose: str) -> bool:
        """Return whether the rule speaks about this request."""
        return (
            bool(self.roles & (principal.roles | {"*"}))
            and any(fnmatchcase(action, pattern) for pattern in self.actions)
            and any(fnmatchcase(resource, pattern) for pattern in self.resources)
            and any(fnmatchcase(purpose, pattern) for pattern in self.purposes)
        )


@dataclass(frozen=True)
class Policy:
    """The rules of a data centre, with where they come from. Counts under `counts_shown_min` are not shown."""

    name: str
    version: str
    reviewed: bool
    counts_shown_min: int
    roles: frozenset[str]
    rules: tuple[Rule, ...]

    def authorize(self, principal: Principal, action: str, resource: str, context: Mapping[str, str]) -> Decision:
        """Return the decision on one request; `context` holds the purpose. A pure function of its arguments."""
        purpose = context.get("purpose", "")
        speaking = [rule for rule in self.rules if rule.applies(principal, action, resource, purpose)]
        for rule in speaking:
            if not rule.allow:
                return Decision(False, rule.reason or f"rule {rule.id} forbids it", rule.id)
        if speaking:
            return Decision(True, speaking[0].reason or f"rule {speaking[0].id} allows it", speaking[0].id)
        roles = ", ".join(sorted(principal.roles)) or "no role"
        return Decision(
            False, f"no rule of policy {self.name} allows {action} to {roles} for purpose {purpose or 'none'}"
        )


def read_policy(path: Path | str) -> Policy:
    """Read a policy file; raise InputError with every problem at once."""
    document = read_document(path, POLICY_SCHEMA, "policy")
    return Policy(
        name=document["name"],
        version=document["version"],
        reviewed=document["reviewed"],
        counts_shown_min=document["counts_shown_min"],
        roles=frozenset(document["roles"]),
        rules=tuple(
            Rule(
                id=rule["id"],
                allow=rule["effect"] == "allow",
                roles=frozenset(rule["roles"]),
                actions=tuple(rule["actions"]),
                resources=tuple(rule.get("resources", ["*"])),
                purposes=tuple(rule.get("purposes", ["*"])),
                reason=rule.get("reason", ""),
            )
            for rule in document["rules"]
        ),
    )
