"""What can be printed of a store's records, and the steps that make a line of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels.vcf import records
from genomics_dc.kernels.vcf.records import Records, Strings
from genomics_dc.store import schema
from genomics_dc.store.variant_type import variant_type
from genomics_dc.store.vcf.header import Field

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

Arrays = Mapping[str, npt.NDArray[Any] | Strings]

_SITE_COLUMNS = frozenset(
    {
        schema.VARIANT_CONTIG,
        schema.VARIANT_POSITION,
        schema.VARIANT_LENGTH,
        schema.VARIANT_ALLELE,
        schema.VARIANT_ID,
        schema.VARIANT_ID_MASK,
        schema.VARIANT_QUALITY,
        schema.VARIANT_FILTER,
    }
)
_DOT = ord(".")
_ALL_PHASED = np.uint16(0x7FFF)
_GENOTYPE_ARRAYS = frozenset({schema.CALL_GENOTYPE, schema.CALL_GENOTYPE_PHASED, schema.CALL_GENOTYPE_MASK})
_KINDS = {"Integer": records.INTEGER, "Float": records.FLOAT, "Flag": records.FLAG}


@dataclass(frozen=True)
class Literal:
    """Text as it stands."""

    text: str


@dataclass(frozen=True)
class Column:
    """A value of each record, or of each sample in it: the arrays that it needs, and how a page gets it."""

    name: str
    arrays: tuple[str, ...]
    add: Callable[[Page], int]


@dataclass(frozen=True)
class Value:
    """A column's values; only number `item`, from 0, when it is given."""

    column: Column
    item: int | None = None


@dataclass(frozen=True)
class Info:
    """The INFO column."""


@dataclass(frozen=True)
class Calls:
    """FORMAT and the columns of the samples; `keys` and `values` say which of the two."""

    keys: bool = True
    values: bool = True


@dataclass(frozen=True)
class EachSample:
    """Steps for every sample of a record."""

    steps: tuple[Step, ...]


Step = Literal | Value | Info | Calls | EachSample


@dataclass(frozen=True)
class Key:
    """A field of INFO or FORMAT: its key, its array, and what it holds (INTEGER, FLOAT, STRING, FLAG)."""

    key: str
    array: str
    kind: int
    of_samples: bool

    def column(self) -> Column:
        """Return the column of its values."""
        return Column(self.array, (self.array,), lambda page: page.values(self))


class Contents:
    """What a view's records are made of: its contigs, FILTERs, samples, and the fields of INFO and FORMAT."""

    def __init__(self, view: StoreView) -> None:
        self._view = view
        self.has_joins = view.has_array(schema.GENOTYPE_JOINS)
        self.samples = view.sample_ids
        self.has_genotypes = schema.CALL_GENOTYPE in view.fields
        self.has_phase = schema.CALL_GENOTYPE_PHASED in view.fields
        self.always_genotypes = view.every_record_has_genotype()

    @cached_property
    def contigs(self) -> Strings:
        """Names of contigs by number."""
        return Strings.of(self._view.contigs)

    @cached_property
    def filters(self) -> tuple[str, ...]:
        """Names of FILTERs by number."""
        return self._view.filter_names()

    @cached_property
    def sample_names(self) -> Strings:
        """Names of samples, [1, S]."""
        return Strings.of(np.asarray(self.samples, dtype=object).reshape(1, -1))

    @cached_property
    def info(self) -> tuple[Key, ...]:
        """The fields of INFO, by alphabet."""
        return tuple(
            self._key(name, schema.VARIANT_PREFIX, self._declared[0])
            for name in self._view.fields
            if name.startswith(schema.VARIANT_PREFIX) and name not in _SITE_COLUMNS
        )

    @cached_property
    def calls(self) -> tuple[Key, ...]:
        """The fields of FORMAT but GT, by alphabet."""
        return tuple(
            self._key(name, schema.CALL_PREFIX, self._declared[1])
            for name in self._view.fields
            if name.startswith(schema.CALL_PREFIX) and name not in _GENOTYPE_ARRAYS
        )

    @cached_property
    def info_orders(self) -> npt.NDArray[np.int32] | None:
        """The orders of INFO keys that occur, int32[N, F] as `Records.set_info` has them; None where none is kept."""
        return self._orders(schema.INFO_ORDERS, [key.key for key in self.info], ";")

    @cached_property
    def format_orders(self) -> npt.NDArray[np.int32] | None:
        """The orders of FORMAT keys that occur, int32[N, F] as `Records.set_calls` has them, or None."""
        genotypes = [schema.GENOTYPE_KEY] if self.has_genotypes else []
        return self._orders(schema.FORMAT_ORDERS, [*genotypes, *(key.key for key in self.calls)], ":")

    def _orders(self, array: str, keys: Sequence[str], separator: str) -> npt.NDArray[np.int32] | None:
        if not self._view.has_array(array):
            return None
        number = {key: place for place, key in enumerate(keys)}
        orders = [str(order).split(separator) for order in self._view.whole_array(array)]
        out = np.empty((len(orders), len(keys)), dtype=np.int32)
        for row, order in enumerate(orders):
            told = list(dict.fromkeys(number[key] for key in order if key in number))
            # what growth has added stands behind
            out[row] = told + [records.ALSO - place for place in range(len(keys)) if place not in set(told)]
        return out

    @property
    def _declared(self) -> tuple[Mapping[str, Field], Mapping[str, Field]]:
        return self._view.declared_fields()

    def _key(self, array: str, prefix: str, declared: Mapping[str, Field]) -> Key:
        key = array.removeprefix(prefix)
        dtype = self._view.field_dtype(array)
        if dtype is None:
            kind = records.STRING
        elif dtype.kind == "b":
            kind = records.FLAG
        elif dtype.kind == "f":
            # an Integer field stands as float64 when -1 or -2 occur as values
            kind = _KINDS.get(declared[key].type, records.FLOAT) if key in declared else records.FLOAT
        else:
            kind = records.INTEGER
        return Key(key, array, kind, prefix == schema.CALL_PREFIX)


class Page:
    """The records of one block, as `kernels.vcf.records` prints them."""

    def __init__(self, contents: Contents, rows: npt.NDArray[np.int64], arrays: Arrays, *, short: bool = False) -> None:
        self.contents = contents
        self.rows = rows
        self.arrays = arrays
        self._short = short
        self.records = Records(len(rows), len(contents.samples))
        self._added: dict[str, int] = {}

    def field(self, column: Column) -> int:
        """Return the number of a column's field in `records`, which is added at the first time."""
        if column.name not in self._added:
            self._added[column.name] = column.add(self)
        return self._added[column.name]

    def values(self, key: Key) -> int:
        """Add a field of INFO or FORMAT."""
        values = self.arrays[key.array]
        if self._short and len(values.shape) > (2 if key.of_samples else 1):
            values = _short(values)
        if isinstance(values, Strings):
            return self.records.strings(key.key, values, of_samples=key.of_samples)
        return self.records.numbers(key.key, key.kind, values, of_samples=key.of_samples)

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """Return an array that holds no strings."""
        values = self.arrays[name]
        assert not isinstance(values, Strings)
        return values

    def strings(self, name: str) -> Strings:
        """Return an array of strings."""
        values = self.arrays[name]
        assert isinstance(values, Strings)
        return values

    def lines(self, steps: Sequence[Step], buffers: records.Buffers) -> list[records.Lines]:
        """Return the text of all records."""
        return list(self.records.lines(self._program(steps), buffers=buffers))

    def _order(self, array: str, orders: npt.NDArray[np.int32] | None) -> npt.NDArray[np.int32] | None:
        return None if orders is None or not len(orders) else orders[self.numbers(array)]

    def _program(self, steps: Sequence[Step]) -> list[tuple[int, int]]:
        program: list[tuple[int, int]] = []
        for step in steps:
            match step:
                case Literal(text):
                    program.append((records.LITERAL, self.records.word(text)))
                case Value(column, None):
                    program.append((records.VALUE, self.field(column)))
                case Value(column, int(item)):
                    program += [(records.ITEM, self.field(column)), (0, item)]
                case Info():
                    fields = [self.field(key.column()) for key in self.contents.info]
                    self.records.set_info(fields, self._order(schema.INFO_ORDER, self.contents.info_orders))
                    program.append((records.INFO, len(fields)))
                case Calls(keys, values):
                    calls = [self.field(key.column()) for key in self.contents.calls]
                    genotypes = [self.field(GENOTYPE)] if self.contents.has_genotypes else []
                    order = self._order(schema.FORMAT_ORDER, self.contents.format_orders)
                    always = genotypes if self.contents.always_genotypes else []
                    self.records.set_calls(genotypes + calls, always, order)
                    n_calls = len(genotypes) + len(calls)
                    if keys:
                        program.append((records.KEYS, n_calls))
                    if values:
                        program.append((records.CALLS, n_calls))
                case EachSample(inner):
                    body = self._program(inner)
                    program += [(records.EACH_SAMPLE, len(body)), *body]
        return program


def _short(values: npt.NDArray[Any] | Strings) -> npt.NDArray[Any] | Strings:
    """Return vectors of which every place is missing as one missing value: so stands a field that a record lacks."""
    if isinstance(values, Strings):
        one = values.end - values.start == 1
        data = values.data if values.data.size else np.zeros(1, dtype=np.uint8)
        nothing = (one & (data[np.where(one, values.start, 0)] == _DOT)).all(axis=-1)
        if not nothing.any():
            return values
        end = values.end.copy()
        end[nothing, 1:] = values.start[nothing, 1:]
        return Strings(values.data, values.start, end)
    if values.dtype.kind == "f":
        missing, fill = schema.float_sentinels(values.dtype)
        bits = f"u{values.dtype.itemsize}"
        nothing = (np.ascontiguousarray(values).view(bits) == missing.view(bits)).all(axis=-1)
    else:
        missing, fill = schema.INT_MISSING, schema.INT_FILL
        nothing = (values == missing).all(axis=-1)
    if not nothing.any():
        return values
    values = values.copy()
    values[nothing, 1:] = fill
    return values


def needed_arrays(contents: Contents, steps: Sequence[Step]) -> set[str]:
    """Return the names of the arrays that a page must have for these steps."""
    names: set[str] = set()
    for step in steps:
        match step:
            case Value(column, _):
                names |= set(column.arrays)
            case Info():
                names |= {key.array for key in contents.info}
                names |= {schema.INFO_ORDER} if contents.info_orders is not None else set()
            case Calls():
                names |= {key.array for key in contents.calls}
                names |= {schema.FORMAT_ORDER} if contents.format_orders is not None else set()
                if contents.has_genotypes:
                    names |= set(GENOTYPE.arrays)
            case EachSample(inner):
                names |= needed_arrays(contents, inner)
            case Literal():
                pass
    if not contents.has_joins:
        names -= {schema.GENOTYPE_JOINS}
    return names if contents.has_phase else names - {schema.CALL_GENOTYPE_PHASED}


def _contig(page: Page) -> int:
    return page.records.strings("CHROM", page.contents.contigs[page.numbers(schema.VARIANT_CONTIG)])


def _position(page: Page) -> int:
    return page.records.numbers("POS", records.INTEGER, page.numbers(schema.VARIANT_POSITION))


def _position_from_zero(page: Page) -> int:
    # 0-based text of a telomere (POS 0) is -1, which numbers of a store hold as "missing"
    values = page.numbers(schema.VARIANT_POSITION).astype(np.float64) - 1
    return page.records.numbers("POS0", records.INTEGER, values)


def _end(page: Page) -> int:
    length = np.maximum(page.numbers(schema.VARIANT_LENGTH).astype(np.float64), 1)
    return page.records.numbers("END", records.INTEGER, page.numbers(schema.VARIANT_POSITION) + length - 1)


def _identifier(page: Page) -> int:
    return page.records.strings("ID", page.strings(schema.VARIANT_ID))


def _alleles(page: Page) -> int:
    return page.records.strings("ALLELES", page.strings(schema.VARIANT_ALLELE))


def _reference(page: Page) -> int:
    return page.records.strings("REF", page.strings(schema.VARIANT_ALLELE)[:, 0])


def _alternatives(page: Page) -> int:
    return page.records.part(page.field(ALLELES), 1)


def _quality(page: Page) -> int:
    return page.records.numbers("QUAL", records.FLOAT, page.numbers(schema.VARIANT_QUALITY))


def _filter(page: Page) -> int:
    table = page.numbers(schema.VARIANT_FILTER)
    patterns, which = np.unique(np.packbits(table, axis=1), axis=0, return_inverse=True)
    which = which.reshape(-1)
    first = [int(np.flatnonzero(which == j)[0]) for j in range(len(patterns))]
    names = page.contents.filters
    words = Strings.of([";".join(names[j] for j in np.flatnonzero(table[row])) or "." for row in first])
    return page.records.strings("FILTER", words[which])


def _type(page: Page) -> int:
    alleles = page.strings(schema.VARIANT_ALLELE).tolist()
    return page.records.strings("TYPE", Strings.of([variant_type(*[word for word in row if word]) for row in alleles]))


def _sample(page: Page) -> int:
    return page.records.strings("SAMPLE", page.contents.sample_names, of_samples=True)


def _genotype(page: Page) -> int:
    phased = page.arrays.get(schema.CALL_GENOTYPE_PHASED)
    joins = page.arrays.get(schema.GENOTYPE_JOINS)
    assert not isinstance(phased, Strings)
    assert not isinstance(joins, Strings)
    if joins is not None:
        said = _ALL_PHASED * np.zeros(joins.shape, dtype=np.uint16) if phased is None else _ALL_PHASED * phased
        joins = np.where(joins > 0, joins, said).astype(np.uint16) if joins.any() else None
    return page.records.genotypes(page.numbers(schema.CALL_GENOTYPE), phased, joins)


def _bases(page: Page) -> int:
    page.field(GENOTYPE)
    return page.records.bases(page.field(ALLELES))


CONTIG = Column("CHROM", (schema.VARIANT_CONTIG,), _contig)
POSITION = Column("POS", (schema.VARIANT_POSITION,), _position)
POSITION_FROM_ZERO = Column("POS0", (schema.VARIANT_POSITION,), _position_from_zero)
END = Column("END", (schema.VARIANT_POSITION, schema.VARIANT_LENGTH), _end)
IDENTIFIER = Column("ID", (schema.VARIANT_ID,), _identifier)
ALLELES = Column("ALLELES", (schema.VARIANT_ALLELE,), _alleles)
REFERENCE = Column("REF", (schema.VARIANT_ALLELE,), _reference)
ALTERNATIVES = Column("ALT", (schema.VARIANT_ALLELE,), _alternatives)
QUALITY = Column("QUAL", (schema.VARIANT_QUALITY,), _quality)
FILTER = Column("FILTER", (schema.VARIANT_FILTER,), _filter)
TYPE = Column("TYPE", (schema.VARIANT_ALLELE,), _type)
SAMPLE = Column("SAMPLE", (), _sample)
GENOTYPE = Column("GT", (schema.CALL_GENOTYPE, schema.CALL_GENOTYPE_PHASED, schema.GENOTYPE_JOINS), _genotype)
BASES = Column("TGT", (*GENOTYPE.arrays, schema.VARIANT_ALLELE), _bases)
