"""What the arrays of a store are while it is built: names, axes, chunks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from genomics_dc.store import schema
from genomics_dc.store.chunks import ArrayMeta
from genomics_dc.store.columns import (
    DIM_ALLELES,
    GENOTYPE,
    INTEGER_TYPES,
    Column,
    Form,
    Widths,
    form_of,
    integer_rank,
)
from genomics_dc.store.vcf.header import VcfHeader

DIM_FILTERS: Final = "filters"

_DESCRIPTIONS: Final = {
    schema.VARIANT_CONTIG: "An identifier from the reference genome or an angle-bracketed ID string pointing to a "
    "contig in the assembly file",
    schema.VARIANT_POSITION: "The reference position",
    schema.VARIANT_LENGTH: "The length of the variant measured in bases",
    schema.VARIANT_ID: "List of unique identifiers where applicable",
    schema.VARIANT_ALLELE: "List of the reference and alternate alleles",
    schema.VARIANT_QUALITY: "Phred-scaled quality score",
    schema.VARIANT_FILTER: "Filter status of the variant",
}


@dataclass(frozen=True)
class Grid:
    """How arrays are cut: variants and samples in a chunk; chunks of variants and of samples in a file."""

    n_samples: int
    variants: int
    samples: int
    variant_chunks: int = 1
    sample_chunks: int = 1

    @property
    def n_sample_chunks(self) -> int:
        """How many chunks the samples make."""
        return math.ceil(self.n_samples / self.samples)

    def sample_ranges(self) -> Iterator[tuple[int, int]]:
        """Yield (start, stop) of each chunk of samples."""
        for start in range(0, self.n_samples, self.samples):
            yield start, min(start + self.samples, self.n_samples)


@dataclass(frozen=True)
class Layout:
    """What does not change while a store is built."""

    header: VcfHeader
    grid: Grid
    info: tuple[Column, ...]
    calls: tuple[Column, ...]
    keep_info_order: bool = False
    local_alleles: bool = False
    lenient: bool = False
    keeps_joins: bool = False
    _metas: dict[tuple[str, Form], ArrayMeta] = field(default_factory=dict, repr=False, compare=False)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Every INFO and FORMAT field that is kept."""
        return self.info + self.calls

    @cached_property
    def local(self) -> dict[str, Column]:
        """Which field of VCF 4.5's local alleles stands beside the genotypes, or in the place of which array."""
        if not self.local_alleles:
            return {}
        from genomics_dc.store.local_fields import local_columns

        return local_columns(self.calls)

    @property
    def has_genotype(self) -> bool:
        """Whether GT is declared, whose copies say how many values Number=G has."""
        return schema.GENOTYPE_KEY in self.header.format

    @property
    def keeps_genotype(self) -> bool:
        """Whether GT is among the fields that are kept."""
        return any(column.kind == GENOTYPE for column in self.calls)

    @cached_property
    def descriptions(self) -> dict[str, str]:
        """What each array holds, in words."""
        return (
            _DESCRIPTIONS
            | {spec.path: spec.description for spec in (*schema.DERIVED_ARRAYS, schema.JOINS_ARRAY)}
            | {column.name: column.description for column in (*self.columns, *self.local.values())}
        )

    @cached_property
    def fixed(self) -> dict[str, Form]:
        """The forms that do not depend on the values, by array."""
        n_filters = len(self.header.filters)
        return {
            schema.VARIANT_POSITION: Form("int32"),
            schema.VARIANT_LENGTH: Form("int32"),
            schema.VARIANT_ID: Form(schema.STRING_DTYPE),
            schema.VARIANT_ID_MASK: Form("bool"),
            schema.VARIANT_QUALITY: Form("float32"),
            schema.VARIANT_FILTER: Form("bool", n_filters, DIM_FILTERS),
            schema.CALL_GENOTYPE_PHASED: Form("bool"),
            schema.PACKED_DOSAGE: Form("uint8"),
            schema.VARIANT_COUNTS: Form("int32", 4, schema.DIM_COUNTS),
            schema.GENOTYPE_JOINS: Form("uint16"),
        }

    def forms(self, widths: Widths) -> dict[str, Form]:
        """Return how every array over variants stands when `widths` are what the records ask for, by name."""
        forms = dict(self.fixed)
        for name in (schema.CALL_GENOTYPE_PHASED, schema.PACKED_DOSAGE, schema.VARIANT_COUNTS):
            if not self.keeps_genotype:
                del forms[name]
        if not self.keeps_joins:
            del forms[schema.GENOTYPE_JOINS]
        for column in self.columns:
            forms[column.name] = form_of(column, widths, has_genotype=self.has_genotype)
        forms[schema.VARIANT_CONTIG] = Form(INTEGER_TYPES[integer_rank(0, max(widths.contigs, 1))])
        forms[schema.VARIANT_ALLELE] = Form(schema.STRING_DTYPE, widths.alleles, DIM_ALLELES)
        self.add_local_forms(forms, widths)
        for name in self.replaced:
            del forms[name]
        if self.keeps_genotype:
            genotype = forms[schema.CALL_GENOTYPE]
            forms[schema.CALL_GENOTYPE_MASK] = Form("bool", genotype.width, genotype.inner)
        return forms

    @property
    def replaced(self) -> frozenset[str]:
        """The arrays in whose place another stands."""
        return frozenset(self.local) - {schema.CALL_GENOTYPE}

    def add_local_forms(self, forms: dict[str, Form], widths: Widths) -> None:
        """Add the forms of the local fields to those of the fields that they are made of."""
        if self.local:
            from genomics_dc.store.local_fields import local_form

            for name, column in self.local.items():
                forms[column.name] = local_form(column, widths, forms[name])

    def meta(self, name: str, form: Form, n_variants: int | None = None) -> ArrayMeta:
        """Return what the store says of an array, of which `n_variants` may not be known yet."""
        known = self._metas.get((name, form)) if n_variants is None else None
        if known is None:
            known = self._make(name, form, self.grid.variants if n_variants is None else n_variants)
            if n_variants is None:
                self._metas[name, form] = known
        return known

    def _make(self, name: str, form: Form, n_variants: int) -> ArrayMeta:
        grid = self.grid
        dimensions, shape = [schema.DIM_VARIANTS], [n_variants]
        inner, outer = [grid.variants], [grid.variants * grid.variant_chunks]
        sample_axis = None
        if name == schema.PACKED_DOSAGE:
            sample_axis = (schema.DIM_PACKED, packed_size(grid.n_samples), packed_size(grid.samples))
        elif name.startswith(schema.CALL_PREFIX) or name == schema.GENOTYPE_JOINS:
            sample_axis = (schema.DIM_SAMPLES, grid.n_samples, grid.samples)
        if sample_axis is not None:
            dimensions.append(sample_axis[0])
            shape.append(sample_axis[1])
            inner.append(sample_axis[2])
            outer.append(sample_axis[2] * grid.sample_chunks)
        if form.inner:
            dimensions.append(form.inner)
            shape.append(form.width)
            inner.append(form.width)
            outer.append(form.width)
        return ArrayMeta(
            name=name,
            shape=tuple(shape),
            dtype=form.dtype,
            dimensions=tuple(dimensions),
            inner=tuple(inner),
            outer=tuple(outer),
            description=self.descriptions.get(name, ""),
        )


def packed_size(n_samples: int) -> int:
    """Return how many bytes the packed genotypes of some samples take."""
    return -(-n_samples // 4)
