"""What an export wrote, and what the format could not hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from genomics_dc.provenance import JsonValue

Progress = Callable[[str, float], None]
"""Told what is done now, and which share of it, 0 to 1."""


def silent(_step: str, _share: float) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Exported:
    """The files written (the main one first), the variants and samples in them, and sentences on what was lost."""

    files: tuple[Path, ...]
    n_variants: int
    n_samples: int
    lost: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, JsonValue]:
        """Return plain JSON values."""
        return {**asdict(self), "files": [str(path) for path in self.files], "lost": list(self.lost)}
