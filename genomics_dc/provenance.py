"""Where a result came from: software, inputs, parameters, seed. No clock: the same input gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]


def software_version() -> str:
    """Return the installed version of genomics_dc, or "0+unknown" when it runs from a bare source tree."""
    try:
        return version("genomics_dc")
    except PackageNotFoundError:
        return "0+unknown"


@dataclass(frozen=True)
class Provenance:
    """What made a result.

    `inputs` maps a role ("vcf", "phenotypes") to the SHA-256 of the bytes read; `references` maps a source name to its
    version; `store_hash` is the root hash of the store; `cohort_hash` the SHA-256 of the sorted opaque sample ids.
    """

    operation: str
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
    store_hash: str | None = None
    cohort_hash: str | None = None
    seed: int | None = None
    software: str = field(default_factory=lambda: f"genomics_dc {software_version()}")

    def to_dict(self) -> dict[str, JsonValue]:
        """Return plain JSON values with stable key order."""
        return dict(sorted(asdict(self).items()))

    def to_json(self) -> str:
        """Return canonical JSON: sorted keys, no spaces, UTF-8 kept."""
        return json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
