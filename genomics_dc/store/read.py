"""Lazy, immutable views of a store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError, UsageError
from genomics_dc.reference import contigs as contig_names
from genomics_dc.store import schema
from genomics_dc.store.blocks import Block, BlockReader, Blocks
from genomics_dc.store.loader import Loader
from genomics_dc.store.opened import Opened, Rows, Words
from genomics_dc.store.selection import Filters, Region, check_filters, rows_in_region, rows_passing
from genomics_dc.store.sites import Sites, sites_of

if TYPE_CHECKING:
    import zarr

    from genomics_dc.store.vcf.header import Field

__all__ = ["Block", "Rows", "Sites", "StoreView"]


class StoreView:
    """Some variants and some samples of a store. Immutable: every method gives a new view and leaves this one.

    Nothing is read until it is asked for, and then by chunk; every chunk is held against the manifest, and damage
    raises StoreError naming the array, the chunk and its variants.
    """

    def __init__(
        self,
        shared: Opened,
        steps: tuple[Region | Filters, ...] = (),
        sample_numbers: Rows | None = None,
        parent: StoreView | None = None,
    ) -> None:
        self._shared = shared
        self._steps = steps
        self._sample_numbers = sample_numbers
        self._parent = parent

    @classmethod
    def open(cls, path: Path | str | os.PathLike[str]) -> Self:
        """Open the store at `path`; raise StoreError when it is damaged or not a store."""
        shared = Opened(Path(path))
        if shared.files.own.get(schema.OWN_WITHDRAWN):  # people without a name are being dropped: nobody sees them
            return cls(shared, sample_numbers=np.flatnonzero(shared.sample_ids != "").astype(np.int64))
        return cls(shared)

    def __repr__(self) -> str:
        rows = f"{len(self._rows):,}" if "_rows" in self.__dict__ or not self._steps else "some"
        return f"{type(self).__name__}({self.path.name}: {rows} variants x {self.n_samples:,} samples)"

    def _repr_html_(self) -> str:
        from genomics_dc.results import described_html

        rows = f"{len(self._rows):,}" if "_rows" in self.__dict__ or not self._steps else "counted when asked for"
        facts = {"store": self.path.name, "variants": rows, "samples": f"{self.n_samples:,}"}
        return described_html(self, facts | ({"genome build": self.assembly} if self.assembly else {}))

    @property
    def path(self) -> Path:
        """Where the store stands."""
        return self._shared.files.path

    @property
    def store_hash(self) -> str:
        """The hash over every file of the store, as its manifest has it: 64 hexadecimal digits."""
        return self._shared.files.seal.store_hash

    @property
    def assembly(self) -> str | None:
        """The genome build that was recorded when the store was built, or None."""
        value = self._own(schema.OWN_ASSEMBLY)
        return value if isinstance(value, str) else None

    @property
    def contigs(self) -> tuple[str, ...]:
        """All contigs of the store, in header order, also those without a variant."""
        return self._shared.contigs

    @property
    def fields(self) -> tuple[str, ...]:
        """What `blocks` can be asked for."""
        names = set(self._shared.files.names)
        own = {schema.FIELD_DOSAGE, schema.FIELD_PACKED} if schema.CALL_GENOTYPE in names else set()
        kept = {name for name in names if name.startswith((schema.VARIANT_PREFIX, schema.CALL_PREFIX))}
        return tuple(sorted(kept | own))

    @cached_property
    def sample_ids(self) -> Words:
        """str[S], in the order of this view."""
        everyone = self._shared.sample_ids
        return everyone if self._sample_numbers is None else everyone[self._sample_numbers]

    @property
    def n_samples(self) -> int:
        """How many samples this view has."""
        return len(self._shared.sample_ids) if self._sample_numbers is None else len(self._sample_numbers)

    @property
    def n_variants(self) -> int:
        """How many variants this view has; resolves the filters."""
        return len(self._rows)

    def region(self, region: str, start: int | None = None, end: int | None = None) -> Self:
        """Return the variants that overlap a region.

        Either one string, one-based inclusive as samtools has it ("20:1,000-2,000"), or contig, start, end, zero-based
        half-open. A variant overlaps when any of its reference bases lies inside, as `bcftools view -r` has it.
        Contig aliases (chr20, 20, NC_000020.10) are resolved. Regions in a row narrow the view.

        Raises
        ------
        InputError
            When the store has no such contig, or the region lies past its end.
        """
        if start is None and end is None:
            contig, first, last = contig_names.parse_region(region, self.contigs, where=str(self.path))
        else:
            contig = contig_names.require(region, self.contigs, where=str(self.path))
            first, last = start or 0, end
            if first < 0 or (last is not None and last <= first):
                raise InputError(f"region {region}, {start} to {end}: start is 0 or more, and end is after start")
        length = self._contig_length(contig)
        if length is not None and first >= length:
            raise InputError(
                f"region {region} starts at base {first + 1:,}, but contig {contig} has {length:,} bases; "
                "check the genome build"
            )
        return self._with(step=Region(contig, first, last))

    def samples(self, ids: Iterable[str]) -> Self:
        """Return the view of these samples, in the order given.

        Raises
        ------
        InputError
            When an id is not in the view, or stands there twice.
        """
        wanted = [str(name) for name in ids]
        known = self._shared.sample_number
        within = None if self._sample_numbers is None else set(self._sample_numbers.tolist())
        absent = [name for name in wanted if name not in known or (within is not None and known[name] not in within)]
        if absent:
            shown = ", ".join(absent[:5]) + (", …" if len(absent) > 5 else "")
            raise InputError(f"{len(absent)} of {len(wanted)} samples are not in {self.path}: {shown}")
        seen: set[str] = set()
        for name in wanted:
            if name in seen:
                raise InputError(f"sample {name} is asked for twice; give each sample once")
            seen.add(name)
        return self._with(sample_numbers=np.array([known[name] for name in wanted], dtype=np.int64))

    def variants(
        self,
        *,
        maf: float | None = None,
        hwe: float | None = None,
        missing: float | None = None,
        filters: str | Iterable[str] | None = None,
        extract: Iterable[str] | None = None,
        index: Iterable[int] | npt.NDArray[np.integer[Any]] | None = None,
    ) -> Self:
        """Return the variants that pass every criterion given; applied when first needed, over this view's samples.

        Parameters
        ----------
        maf
            Least frequency of the rarer of "first ALT allele" and "any other"; a variant without a call fails.
        hwe
            Least exact Hardy-Weinberg p-value.
        missing
            Greatest share of samples without a call.
        filters
            Names of FILTERs that a variant may carry; "PASS" keeps those that passed all.
        extract
            Variant ids to keep: the ID column, or contig:position:ref:alt.
        index
            Rows in the store to keep.
        """
        for name, value, limit in (("maf", maf, 0.5), ("hwe", hwe, 1.0), ("missing", missing, 1.0)):
            if value is not None and not 0 <= value <= limit:
                raise UsageError(f"{name} must lie between 0 and {limit:g}, not {value}")
        rows = None
        if index is not None:
            numbers = np.asarray(list(index) if not isinstance(index, np.ndarray) else index)
            if numbers.size and numbers.dtype.kind not in "iu":
                raise UsageError(f"index must hold whole numbers, not {numbers.dtype}")
            total = self._shared.n_variants
            if numbers.size and (numbers.min() < 0 or numbers.max() >= total):
                raise UsageError(f"index must lie in 0 to {total - 1}, the rows of {self.path}")
            rows = tuple(int(number) for number in np.unique(numbers.astype(np.int64)))
        names = None if filters is None else frozenset([filters] if isinstance(filters, str) else filters)
        if names is not None:
            check_filters(self._shared, names)
        step = Filters(
            maf=maf,
            hwe=hwe,
            missing=missing,
            filters=names,
            extract=None if extract is None else frozenset(str(name) for name in extract),
            index=rows,
        )
        return self._with(step=step)

    def sites(self) -> Sites:
        """Return the variants of this view without genotypes."""
        return sites_of(self._shared, self._rows)

    def blocks(self, *fields: str) -> Blocks:
        """Return the blocks of the view, which follow the chunk grid, to be read one after another.

        Threads read and decode the blocks that come next, a few, and as many as a quarter of a gigabyte holds: the
        reader of a wide cohort has one in memory.

        Parameters
        ----------
        fields
            "dosage": int8[V, S], copies of the first ALT allele, -1 where a call is missing or half missing, a haploid
            call counts twice. "packed": uint8[V, ceil(S/4)], two bits a sample (see kernels.genotypes), only for a
            view of all samples. Any other name is a VCF Zarr array: "call_genotype" int8[V, S, P] with -1 missing and
            -2 fill, "call_DP", "variant_AF", …

        Raises
        ------
        StoreError
            When the store has no such array; while blocks are read, when a chunk is damaged or missing.
        UsageError
            When "packed" is asked of a view of some samples.
        ResourceError
            While blocks are read, when one does not fit below the memory ceiling.
        """
        reader = BlockReader(self._shared, fields or (schema.FIELD_DOSAGE,), self._sample_numbers)
        return Blocks(reader, self._rows)

    def extents(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return contig number, start and end of each variant, int64[V]; zero-based half-open."""
        rows = self._rows
        start = self._shared.numbers(schema.VARIANT_POSITION, rows).astype(np.int64) - 1
        length = np.maximum(self._shared.numbers(schema.VARIANT_LENGTH, rows).astype(np.int64), 1)
        return self._shared.numbers(schema.VARIANT_CONTIG, rows).astype(np.int64), start, start + length

    def contig_numbers(self) -> npt.NDArray[np.int32]:
        """Return the number of each variant's contig in `contigs`, int32[V], from the region index alone."""
        index = self._shared.region_index
        numbers = np.repeat(index[:, 1], index[:, 5]).astype(np.int32)
        rows = self._rows
        return numbers if len(rows) == len(numbers) else numbers[rows]

    def loader(self, *names: str) -> Loader:
        """Return what reads rows of these arrays for this view's samples, chunk by chunk; threads may share it."""
        return Loader(self._shared.files, dict.fromkeys(names), self._sample_numbers)

    def field_dtype(self, name: str) -> np.dtype[Any] | None:
        """Return the type of an array of numbers, or None when it is text."""
        reader = self._shared.files.array(name)
        return None if reader.meta.is_string else np.dtype(reader.dtype)

    def field_shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array in the store: that of all variants and samples, not of this view."""
        return self._shared.files.array(name).shape

    def filter_names(self) -> tuple[str, ...]:
        """Return the names of FILTERs by number: the columns of `variant_filter`."""
        return self._shared.filters

    def has_array(self, name: str) -> bool:
        """Tell whether the store has an array of that path."""
        return name in self._shared.files

    def whole_array(self, name: str) -> npt.NDArray[Any]:
        """Return an array that is not over the records or samples of this view, whole."""
        return self._shared.files.array(name).read()

    def zarr_group(self) -> zarr.Group:
        """Return the VCF Zarr group of the whole store, read-only and checked, for vcztools, sgkit or xarray."""
        return self._shared.files.group

    def vcf_header(self) -> str:
        """Return the header text of the VCF that the store was built from."""
        return str(self._own(schema.OWN_HEADER) or "")

    def declared_fields(self) -> tuple[Mapping[str, Field], Mapping[str, Field]]:
        """Return the fields of INFO and of FORMAT as the source VCF declared them, by key."""
        return self._shared.declared_fields

    def every_record_has_genotype(self) -> bool:
        """Tell whether the VCF had GT in each record, so that no call of a record is "./." rather than no GT."""
        return bool(self._own(schema.OWN_EVERY_RECORD_HAS_GENOTYPE))

    def _own(self, name: str) -> Any:
        return self._shared.files.own.get(name)

    def sample_numbers(self) -> Rows | None:
        """Return the columns in the store of this view's samples, int64[S], or None when it has all in store order."""
        return self._sample_numbers

    def sites_index(self) -> Rows:
        """Return the rows in the store of this view's variants, int64[V], without reading the sites."""
        return self._rows

    def dosage(self) -> npt.NDArray[np.int8]:
        """Return int8[V, S] of the whole view at once: for small views."""
        parts = [block[schema.FIELD_DOSAGE] for block in self.blocks(schema.FIELD_DOSAGE)]
        if not parts:
            return np.empty((0, self.n_samples), dtype=np.int8)
        return cast("npt.NDArray[np.int8]", np.concatenate(parts))

    def _with(self, *, step: Region | Filters | None = None, sample_numbers: Rows | None = None) -> Self:
        if sample_numbers is not None:
            # Filters stated before were over the samples of this view: they stay resolved against it.
            return type(self)(self._shared, self._steps, sample_numbers, self if self._steps else None)
        assert step is not None
        return type(self)(self._shared, (*self._steps, step), self._sample_numbers, self)

    @cached_property
    def _rows(self) -> Rows:
        if not self._steps:
            return np.arange(self._shared.n_variants, dtype=np.int64)
        parent = self._parent
        assert parent is not None
        rows = parent._rows
        if len(parent._steps) == len(self._steps):
            return rows
        step = self._steps[-1]
        if isinstance(step, Region):
            return rows_in_region(self._shared, rows, step)
        return rows_passing(self._shared, rows, step, n_samples=self.n_samples, counts_of=self._genotype_counts)

    def _contig_length(self, contig: str) -> int | None:
        lengths = self._shared.contig_lengths
        if lengths is None:
            return None
        length = int(lengths[self.contigs.index(contig)])
        return length if length > 0 else None

    def _genotype_counts(self, rows: Rows) -> npt.NDArray[np.int32]:
        """Return int32[V, 4]: hom_ref, het, hom_alt, missing over this view's samples."""
        if self._sample_numbers is None:
            return cast("npt.NDArray[np.int32]", self._shared.numbers(schema.VARIANT_COUNTS, rows))
        chosen = type(self)(self._shared, (), self._sample_numbers)
        chosen.__dict__["_rows"] = rows
        return np.concatenate(
            [
                np.stack([np.count_nonzero(block["dosage"] == code, axis=1) for code in (0, 1, 2, -1)], axis=1)
                for block in chosen.blocks(schema.FIELD_DOSAGE)
            ]
        ).astype(np.int32)
