"""The values of `configs/qc_thresholds.yaml`, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from genomics_dc.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_FILE = Path(__file__).resolve().parent.parent / "configs" / "qc_thresholds.yaml"
_FORMAT_VERSION = 1

# name -> (smallest, largest) value that makes sense
_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "variants.missing_rate_max": (0.0, 1.0),
        "variants.hwe_p_min": (0.0, 1.0),
        "variants.batch_missing_p_min": (0.0, 1.0),
        "variants.case_missing_p_min": (0.0, 1.0),
        "variants.mendel_error_rate_max": (0.0, 1.0),
        "samples.call_rate_min": (0.0, 1.0),
        "samples.sex_mismatches_max": (0.0, 0.0),
        "samples.sex_f_female_max": (-1.0, 1.0),
        "samples.sex_f_male_min": (-1.0, 1.0),
        "samples.sex_y_call_rate_male_min": (0.0, 1.0),
        "samples.sex_x_variants_min": (1.0, 1e9),
        "samples.balance_reads_min": (1.0, 1e6),
        "samples.balance_share_min": (0.0, 1.0),
        "samples.balance_share_max": (0.0, 1.0),
        "samples.outlier_mads_max": (0.0, 1000.0),
        "samples.outlier_samples_min": (2.0, 1e9),
        "relatedness.duplicate_kinship_min": (-1.0, 0.5),
        "relatedness.first_degree_kinship_min": (-1.0, 0.5),
        "relatedness.second_degree_kinship_min": (-1.0, 0.5),
        "relatedness.third_degree_kinship_min": (-1.0, 0.5),
        "ancestry.probability_min": (0.0, 1.0),
        "ancestry.typical_min": (0.0, 1.0),
        "ancestry.called_min": (0.0, 1.0),
    }
)


@dataclass(frozen=True)
class Threshold:
    """One value with its unit, reason and source; `value` None means that the criterion is off."""

    value: float | None
    unit: str
    why: str
    source: str


@dataclass(frozen=True)
class Thresholds:
    """All thresholds, by dotted name such as "variants.hwe_p_min"; `path` is the file they stand in."""

    path: Path
    entries: Mapping[str, Threshold] = field(repr=False)

    def __getitem__(self, name: str) -> Threshold:
        return self.entries[name]

    def value(self, name: str) -> float | None:
        """Return the number, or None when the criterion is off."""
        return self.entries[name].value

    def values(self, section: str) -> dict[str, float | None]:
        """Return the numbers of one section ("variants"), by name without the section."""
        prefix = f"{section}."
        return {key.removeprefix(prefix): one.value for key, one in self.entries.items() if key.startswith(prefix)}


def load_thresholds(source: Path | str | Thresholds | None = None) -> Thresholds:
    """Return thresholds from a YAML file, or the ones that come with the software when `source` is None.

    Raises
    ------
    InputError
        When the file is missing or no YAML, or an entry is unknown, absent, without unit, reason or source, or out of
        range; all problems at once.
    """
    if isinstance(source, Thresholds):
        return source
    return _default() if source is None else _load(Path(source))


@cache
def _default() -> Thresholds:
    return _load(DEFAULT_FILE)


def _load(path: Path) -> Thresholds:
    import yaml

    # the loader in C, where PyYAML has it, takes a tenth of the time
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506 (it is a safe one)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; the default thresholds are in {DEFAULT_FILE}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or document.get("version") != _FORMAT_VERSION:
        raise InputError(f"{path}: expected a file of thresholds with `version: {_FORMAT_VERSION}`")
    problems: list[str] = []
    entries: dict[str, Threshold] = {}
    found = {
        f"{section}.{name}": entry
        for section, names in document.items()
        if section != "version"
        for name, entry in (names.items() if isinstance(names, dict) else [("", None)])
    }
    problems += [f"{name} is not a threshold" for name in found if name not in _RANGES]
    for name, (smallest, largest) in _RANGES.items():
        entry = found.get(name)
        if not isinstance(entry, dict) or set(entry) != {"value", "unit", "why", "source"}:
            problems.append(f"{name} needs value, unit, why and source")
            continue
        value = entry["value"]
        number = None if value is None else _number(value)
        if number is not None and not smallest <= number <= largest:
            problems.append(f"{name} is {value!r}, expected a number from {smallest:g} to {largest:g}, or null")
            continue
        texts = {key: str(entry[key]) for key in ("unit", "why", "source")}
        entries[name] = Threshold(value=number, **texts)
    if problems:
        raise InputError(f"{path}: " + "; ".join(problems))
    return Thresholds(path=path, entries=MappingProxyType(entries))


def _number(value: object) -> float:
    """Return a YAML scalar as a number, NaN when it is none; YAML reads 1e-6 without a point as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return float("nan")
    try:
        return float(value)
    except ValueError:
        return float("nan")
