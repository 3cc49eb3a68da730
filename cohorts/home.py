"""centre.yaml: where a data centre's registry, keys, stores and rules are, and making a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from genomics_dc.cohorts import consent, database, keys
from genomics_dc.cohorts.access import Policy, read_policy
from genomics_dc.cohorts.documents import read_document
from genomics_dc.errors import InputError, OutputExistsError, UsageError
from genomics_dc.files import write_text

DEFAULT_POLICY = Path(str(files("genomics_dc").joinpath("configs/policy/default.yaml")))

_TEXT = {"type": "string", "minLength": 1}
_PATHS = {"type": "object", "additionalProperties": _TEXT}

CENTRE_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["registry", "keys", "principals", "principal"],
    "additionalProperties": False,
    "properties": {
        "registry": _TEXT,
        "keys": _TEXT,
        "audit_anchor": _TEXT,
        "policy": _TEXT,
        "panels": _TEXT,
        "stores": {
            "type": "object",
            "additionalProperties": {
                "type": ["string", "object"],
                "required": ["path"],
                "additionalProperties": False,
                "properties": dict.fromkeys(("path", "annotation", "callable", "identity", "genes"), _TEXT),
            },
        },
        "references": _PATHS,
        "findings": _TEXT,
        "traits": {
            "type": "object",
            "additionalProperties": {
                "type": "string",
                "pattern": r"^[^|]+\|[^|]+$",
                "description": "SYSTEM|CODE",
            },
        },
        "modifiers_met": {"type": "array", "items": {"type": "string", "pattern": r"^DUO:\d{7}$"}},
        "principals": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "required": ["roles"],
                "additionalProperties": False,
                "properties": {"roles": {"type": "array", "items": _TEXT, "minItems": 1}, "account": _TEXT},
            },
        },
        "principal": _TEXT,
    },
}

_STARTER = """\
# A data centre: where its registry, keys, stores and rules are. Relative paths start at this file's folder.
# sqlite:///FILE, or postgresql+psycopg://USER@HOST/DATABASE (password in ~/.pgpass, not here)
registry: {registry}
# The key that opens names and numbers: mode 0600, kept apart from the database and its backups.
keys: {keys}
# Heads of the audit chain, appended after each event. Put it on other storage: it shows a tail that was cut off.
audit_anchor: {anchor}
# Who may do what; without this key the policy that comes with the software holds.
# policy: policy.yaml
# Stores by name, as `cohort link --store NAME` calls them.
stores: {{}}
# Traits by a short name: SYSTEM|CODE of the values in the registry, such as hba1c: "http://loinc.org|4548-4"
traits: {{}}
# Restrictions on consents that this centre has met (DUO modifiers), such as "DUO:0000021" (ethics approval).
modifiers_met: []
# People and programs who ask, their roles in the policy, and (account) the operating-system account they must be.
principals:
  staff:
    roles: [registrar, analyst, clinician, laboratory]
  auditor:
    roles: [auditor]
# Who asks when --as is not given.
principal: staff
"""


@dataclass(frozen=True)
class StoreHome:
    """A store and what a run leaves beside it: annotation, callable/{column}.bed, identity checks; gene models."""

    path: Path
    annotation: Path
    callable: Path
    identity: Path | None
    genes: Path | None


@dataclass(frozen=True)
class CentreConfig:
    """What centre.yaml says, with full paths."""

    path: Path
    registry: str = field(repr=False)
    keys: Path = field(repr=False)
    policy: Path
    stores: Mapping[str, StoreHome]
    references: Mapping[str, Path]
    traits: Mapping[str, tuple[str, str]]
    principals: Mapping[str, tuple[frozenset[str], str | None]]
    principal: str
    modifiers_met: frozenset[str]
    audit_anchor: Path | None
    panels: Path | None
    findings: Path | None

    @property
    def home(self) -> Path:
        """Return the folder of centre.yaml."""
        return self.path.parent


def read_centre(path: Path | str) -> tuple[CentreConfig, Policy]:
    """Read centre.yaml and its policy; raise InputError with every problem at once."""
    document = read_document(path, CENTRE_SCHEMA, "data centre file")
    home = Path(path).resolve().parent

    def full(key: str) -> Path | None:
        return home / document[key] if key in document else None

    config = CentreConfig(
        path=Path(path).resolve(),
        registry=document["registry"],
        keys=home / document["keys"],
        policy=full("policy") or DEFAULT_POLICY,
        stores={name: _store_home(home, store, document) for name, store in document.get("stores", {}).items()},
        references={name: home / reference for name, reference in document.get("references", {}).items()},
        traits={name: _system_and_code(text) for name, text in document.get("traits", {}).items()},
        principals={
            name: (frozenset(entry["roles"]), entry.get("account")) for name, entry in document["principals"].items()
        },
        principal=document["principal"],
        modifiers_met=frozenset(document.get("modifiers_met", ())),
        audit_anchor=full("audit_anchor"),
        panels=full("panels"),
        findings=full("findings"),
    )
    policy = read_policy(config.policy)
    problems = [
        f"principal {name} has roles that the policy does not know: {', '.join(sorted(roles - policy.roles))}"
        for name, (roles, _) in config.principals.items()
        if roles - policy.roles
    ]
    if config.principal not in config.principals:
        problems.append(f"principal: {config.principal} is not among the principals")
    problems += [f"modifiers_met: {term} is not a DUO modifier" for term in config.modifiers_met - consent.MODIFIERS]
    if problems:
        raise InputError(f"the data centre file {path} has {len(problems)} problem(s):\n  " + "\n  ".join(problems))
    return config, policy


def _store_home(home: Path, entry: str | dict[str, str], document: Mapping[str, Any]) -> StoreHome:
    """Return a store's places; what is not given is where `genomics-dc run` puts it."""
    given = {"path": entry} if isinstance(entry, str) else entry
    path = home / given["path"]
    run = path.parent.parent
    identity = home / given["identity"] if "identity" in given else run / "identity" / "identity.json"
    genes = given.get("genes", document.get("references", {}).get("genes"))
    return StoreHome(
        path=path,
        annotation=home / given["annotation"] if "annotation" in given else path.with_suffix(".annotation"),
        callable=home / given["callable"] if "callable" in given else run / "callable",
        identity=identity if "identity" in given or identity.exists() else None,
        genes=None if genes is None else home / genes,
    )


def create_centre(path: Path | str, *, registry: str | None = None, key_file: Path | str | None = None) -> CentreConfig:
    """Make a registry with its key file; write centre.yaml at `path` when it is not there yet.

    With a centre.yaml that is there, its registry and keys are made, and `registry` and `key_file` are not to be given.
    Nothing is left behind when a step fails; a registry or key file that exists is never replaced.
    """
    centre_path = Path(path)
    new_file = not centre_path.exists()
    if new_file and (registry is None or key_file is None):
        raise UsageError(f"{centre_path} is not there yet; give --registry and --keys to make it")
    if not new_file and (registry is not None or key_file is not None):
        raise OutputExistsError(f"{centre_path} is there already; without --registry and --keys, what it names is made")
    if new_file:
        home = centre_path.resolve().parent
        assert registry is not None
        assert key_file is not None
        url = database.registry_url(registry, home=home)
        key_path = home / key_file
    else:
        config, _ = read_centre(centre_path)
        url, key_path = database.registry_url(config.registry, home=config.home), config.keys
    database_file = Path(str(url.database)) if url.get_backend_name() == "sqlite" else None
    had_database = database_file is not None and database_file.exists()
    created_key = keys.create_key_file(key_path)
    try:
        database.create_registry(url, created_key)
        if new_file:
            text = _STARTER.format(registry=_quoted(registry), keys=_quoted(str(key_file)), anchor="audit.anchor")
            write_text(centre_path, text)
        config, _ = read_centre(centre_path)
    except BaseException:
        key_path.unlink(missing_ok=True)
        if database_file is not None and not had_database:
            database_file.unlink(missing_ok=True)
        raise
    return config


def upgrade_centre(path: Path | str) -> str:
    """Bring a registry's tables to this software's schema; return the schema it has then."""
    config, _ = read_centre(path)
    url = database.registry_url(config.registry, home=config.home)
    database.upgrade_registry(url, keys.read_key_file(config.keys))
    return database.HEAD_REVISION


def _quoted(text: str | None) -> str:
    return str(yaml.safe_dump(text, default_style='"')).strip()


def _system_and_code(text: str) -> tuple[str, str]:
    system, _, code = text.rpartition("|")
    return system, code
