"""The fields of a VCF as arrays of a store: which there are, and how wide and of which type each must be.

A type is the narrowest that holds every value, and a width the greatest that occurs, as vcf2zarr has them. Neither is
known before the last record, so every array begins narrow and becomes wider when a value asks for it (`Shapes`); what
was written narrow is then written again (`recast`). No value is ever written in a type that does not hold it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError
from genomics_dc.store import schema
from genomics_dc.store.vcf.header import Field, VcfHeader

INTEGER, FLOAT, STRING, FLAG, GENOTYPE = range(5)
"""What an array holds (`Column.kind`)."""

INTEGER_TYPES: Final = ("int8", "int16", "int32", "float64")
"""The types of an Integer field, from the narrowest; float64 where -1 or -2, VCF Zarr's sentinels, are values."""
_LIMITS: Final = tuple(np.iinfo(name) for name in INTEGER_TYPES[:3])
_EXACT: Final = 3

_MOST_GENOTYPES: Final = 32_896
"""Of 256 alleles in two copies."""

DIM_ALLELES: Final = "alleles"
DIM_ALT_ALLELES: Final = "alt_alleles"
DIM_GENOTYPES: Final = "genotypes"
DIM_PLOIDY: Final = "ploidy"

_TAKEN_INFO: Final = frozenset({"contig", "id", "id_mask", "position", "allele", "filter", "quality", "length"})
_TAKEN_FORMAT: Final = frozenset({"genotype", "genotype_phased", "genotype_mask"})


class Seen(Protocol):
    """What occurred in one field of a batch (`kernels.vcf.info.ValuesSeen`, `kernels.vcf.calls.FieldSeen`)."""

    @property
    def width(self) -> int:
        """The most values that a record, or a call, has."""

    @property
    def sentinel_value(self) -> bool:
        """Whether an integer -1 or -2 is among them."""

    @property
    def minimum(self) -> int:
        """The least integer."""

    @property
    def maximum(self) -> int:
        """The greatest integer; less than the least when there is none."""


@dataclass(frozen=True)
class Column:
    """An INFO or FORMAT field that the store keeps.

    name: of the array. key: in the VCF. kind: INTEGER to GENOTYPE. number: as the header has it ("1", "A", "."); one
    that is none of the specification's is taken as ".". one_character: whether the header says Character.
    """

    name: str
    key: str
    kind: int
    number: str
    of_samples: bool
    description: str = ""
    one_character: bool = False

    @property
    def vcf_name(self) -> str:
        """How it is named where both kinds are: "INFO/DP", "FORMAT/DP"."""
        return f"{'FORMAT' if self.of_samples else 'INFO'}/{self.key}"


@dataclass(frozen=True)
class Form:
    """How the values of an array stand: type, values in a place, and the name of that axis ("" where there is none)."""

    dtype: str
    width: int = 1
    inner: str = ""

    @property
    def tail(self) -> tuple[int, ...]:
        """The axes behind variants and samples."""
        return (self.width,) if self.inner else ()


@dataclass(frozen=True)
class Widths:
    """What all fields together ask for.

    alleles: REF and ALT of the record that has the most (2 or more). ploidy: copies of the call that has the most (1 or
    more). genotypes: values of a Number=G field, where GT does not say more. contigs: how many there are. own: values
    by array; rank: INTEGER_TYPES by array. joins: whether some call mixes `/` and `|`, or begins with one of them.
    """

    alleles: int = 2
    ploidy: int = 1
    genotypes: int = 0
    genotype_rank: int = 0
    contigs: int = 0
    own: Mapping[str, int] = field(default_factory=dict)
    rank: Mapping[str, int] = field(default_factory=dict)
    joins: bool = False

    def joined(self, other: Widths) -> Widths:
        """Return what holds both."""
        return Widths(
            alleles=max(self.alleles, other.alleles),
            ploidy=max(self.ploidy, other.ploidy),
            genotypes=max(self.genotypes, other.genotypes),
            genotype_rank=max(self.genotype_rank, other.genotype_rank),
            contigs=max(self.contigs, other.contigs),
            own=_greatest(self.own, other.own),
            rank=_greatest(self.rank, other.rank),
            joins=self.joins or other.joins,
        )


def _greatest(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    joined = dict(first)
    for name, value in second.items():
        if value > joined.get(name, -1):
            joined[name] = value
    return joined


class TooNarrowError(Exception):
    """A value needs more room than there is; `widths` is what it needs."""

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        self.widths = widths


class Shapes:
    """The widths that hold everything seen so far, shared by threads. They only grow."""

    def __init__(self, header: VcfHeader, widths: Widths | None = None) -> None:
        self._has_genotype = schema.GENOTYPE_KEY in header.format
        self._lock = threading.Lock()
        self._widths = widths or Widths()

    @property
    def widths(self) -> Widths:
        """What holds everything so far."""
        return self._widths

    def join(self, widths: Widths) -> Widths:
        """Take what a batch asks for; return what holds it and everything before."""
        with self._lock:
            self._widths = self._widths.joined(widths)
            return self._widths

    def form(self, column: Column, widths: Widths) -> Form:
        """Return how an array stands when `widths` are all that is asked for."""
        return form_of(column, widths, has_genotype=self._has_genotype)


def form_of(column: Column, widths: Widths, *, has_genotype: bool) -> Form:
    """Return how an array stands: the rules of vcf2zarr.

    Number A, R and G have the axes of all such fields; another has an axis of its own when a record has more than one
    value, or the header says so.
    """
    if column.kind == FLAG:
        return Form("bool")
    if column.kind == GENOTYPE:
        return Form(INTEGER_TYPES[widths.genotype_rank], widths.ploidy, DIM_PLOIDY)
    if column.kind == INTEGER:
        dtype = INTEGER_TYPES[widths.rank.get(column.name, 0)]
    else:
        dtype = "float32" if column.kind == FLOAT else schema.STRING_DTYPE
    width, inner = shared_width(column, widths, has_genotype=has_genotype)
    if inner:
        return Form(dtype, width, inner)
    width = max(widths.own.get(column.name, 0), declared_number(column.number))
    if width > 1:
        category = "FORMAT" if column.of_samples else "INFO"
        return Form(dtype, width, f"{category}_{column.key}_dim")
    return Form(dtype)


def shared_width(column: Column, widths: Widths, *, has_genotype: bool) -> tuple[int, str]:
    """Return size and name of the axis that a Number of A, R or G gives, or (0, "")."""
    if column.number == "R":
        return widths.alleles, DIM_ALLELES
    if column.number == "A":
        return widths.alleles - 1, DIM_ALT_ALLELES
    if column.number == "G":
        size = genotypes_axis(widths.alleles, widths.ploidy, widths.genotypes) if has_genotype else widths.genotypes
        return (size, DIM_GENOTYPES) if size else (0, "")
    return 0, ""


def n_genotypes(alleles: int, ploidy: int) -> int:
    """Return how many unordered genotypes there are."""
    return math.comb(alleles + ploidy - 1, ploidy)


def genotypes_axis(alleles: int, ploidy: int, values: int) -> int:
    """Return how many places a Number=G field has where GT says how many copies there are.

    As many as there are genotypes; but of hundreds of alleles no more than the `values` that occur, for a record of
    100,000 ALT alleles has none, and would have 5,000,000,000.
    """
    return max(min(n_genotypes(alleles, ploidy), _MOST_GENOTYPES), values)


def declared_number(number: str) -> int:
    """Return the number of values that the header promises, or 0 where it depends on the record."""
    return int(number) if number.isascii() and number.isdigit() else 0


def integer_rank(minimum: int, maximum: int, *, sentinel_value: bool = False) -> int:
    """Return which of INTEGER_TYPES holds all values from `minimum` to `maximum` (none at all when it is less)."""
    if sentinel_value:
        return _EXACT
    if maximum < minimum:
        return 0
    for rank, limits in enumerate(_LIMITS):
        if limits.min <= minimum and maximum <= limits.max:
            return rank
    raise ValueError(f"{minimum} to {maximum} is past int32")  # a reader of VCF gives no such number


def needs(column: Column, seen: Seen, form: Form, widths: Widths) -> Widths | None:
    """Return the widths that a field asks for beyond those it has, or None when it fits.

    A list of Number=A or R never does: past the places of the record with the most alleles there are dots at most.
    """
    rank = integer_rank(seen.minimum, seen.maximum, sentinel_value=seen.sentinel_value) if column.kind == INTEGER else 0
    wider = seen.width > form.width and column.number not in ("A", "R")
    if rank <= widths.rank.get(column.name, 0) and not wider:
        return None
    genotypes = seen.width if wider and column.number == "G" else 0
    return Widths(own={column.name: seen.width} if wider else {}, rank={column.name: rank}, genotypes=genotypes)


def column_of(field: Field, *, of_samples: bool, where: str) -> Column:
    """Return the column of a header's field; raise InputError when the store cannot hold its name."""
    category = "FORMAT" if of_samples else "INFO"
    taken = _TAKEN_FORMAT if of_samples else _TAKEN_INFO
    if field.name in taken or "/" in field.name or field.name in (".", ".."):
        prefix = schema.CALL_PREFIX if of_samples else schema.VARIANT_PREFIX
        raise InputError(
            f"{where}: {category} {field.name} would be array {prefix}{field.name}, which VCF Zarr keeps for itself or "
            "cannot name; rename the field with `bcftools annotate --rename-annots`"
        )
    if of_samples and field.name == schema.GENOTYPE_KEY:
        return Column(schema.CALL_GENOTYPE, field.name, GENOTYPE, ".", True)
    kinds = {"Integer": INTEGER, "Float": FLOAT, "Flag": STRING if of_samples else FLAG}
    number = field.number if field.number in ("A", "R", "G") or declared_number(field.number) else "."
    return Column(
        (schema.CALL_PREFIX if of_samples else schema.VARIANT_PREFIX) + field.name,
        field.name,
        kinds.get(field.type, STRING),
        number,
        of_samples,
        escaped(field.description),
        field.type == "Character",
    )


def escaped(description: str) -> str:
    r"""Return a description as it stands between the quotes of a header line: \" for a quote, \\ for a backslash."""
    return description.replace("\\", "\\\\").replace('"', '\\"')


def missing_and_fill(dtype: str) -> tuple[Any, Any]:
    """Return what stands where a value is missing, and behind the last value."""
    if dtype == schema.STRING_DTYPE:
        return ".", ""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return schema.float_sentinels(kind)
    if kind.kind == "b":
        return False, False
    return kind.type(schema.INT_MISSING), kind.type(schema.INT_FILL)


def recast(
    values: npt.NDArray[Any], old: Form, new: Form, n_axes: int, absent: npt.NDArray[np.bool_] | None
) -> npt.NDArray[Any]:
    """Return the values of an array in a wider form.

    Parameters
    ----------
    values
        [V] or [V, S] and `old`'s own axis.
    n_axes
        1 for an array over variants, 2 for one over variants and samples.
    absent
        bool[V]: records that lack the field, which is missing in every place; None when none does.
    """
    lead = values.shape[:n_axes]
    missing, fill = missing_and_fill(new.dtype)
    if new.dtype == "bool":
        fill = True  # the one array of flags that becomes wider is the mask of copies that are not there
    dtype = np.dtype(object) if new.dtype == schema.STRING_DTYPE else np.dtype(new.dtype)
    out = np.empty((*lead, max(new.width, 1)), dtype=dtype)
    out[..., old.width :] = fill
    if absent is not None:
        out[absent] = missing
    flat = values.reshape(*lead, old.width)
    place = out[..., : old.width]
    place[...] = flat
    if old.dtype != new.dtype and dtype.kind == "f":
        place[flat == schema.INT_MISSING] = missing
        place[flat == schema.INT_FILL] = fill
    return out.reshape(*lead, *new.tail)
