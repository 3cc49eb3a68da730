"""The list of samples beside a genotype file. A store knows ids only: sex, family and traits are unknown."""

from __future__ import annotations

from collections.abc import Iterable

from genomics_dc.errors import InputError


def psam(ids: Iterable[str]) -> str:
    """Return a PLINK 2 sample file; sex is NA."""
    return "#IID\tSEX\n" + "".join(f"{name}\tNA\n" for name in ids)


def fam(ids: Iterable[str]) -> str:
    """Return a PLINK 1 sample file: no family, no parents, sex 0 (unknown), phenotype -9 (missing)."""
    return "".join(f"0\t{name}\t0\t0\t0\t-9\n" for name in ids)


def oxford(ids: Iterable[str]) -> str:
    """Return an Oxford sample file; sex is NA."""
    return "ID_1 ID_2 missing sex\n0 0 0 D\n" + "".join(f"{name} {name} 0 NA\n" for name in ids)


def require_plain_ids(ids: Iterable[str], kind: str) -> None:
    """Raise InputError when an id would be read as two columns, as a comment, or as PLINK's "no id"."""
    for name in ids:
        if not name or name == "0" or name.startswith("#") or any(letter.isspace() for letter in name):
            raise InputError(
                f"sample id {name!r} cannot stand in {kind}: an id there is not empty, not 0, holds no space, and does "
                "not begin with #; rename the sample (bcftools reheader) or leave it out with --samples"
            )
