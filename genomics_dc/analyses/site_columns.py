"""The variants of a view as Arrow columns, made from the store's bytes.

A Python string for each variant would take longer than to test it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from genomics_dc.analyses.arrow_columns import numbers, text, used_numbers
from genomics_dc.analyses.parallel import ordered_map
from genomics_dc.kernels.allele_class import allele_classes
from genomics_dc.kernels.vcf import vlen

if TYPE_CHECKING:
    from genomics_dc.kernels.vcf.records import Strings
    from genomics_dc.store.read import StoreView

_FIELDS = ("variant_position", "variant_id", "variant_allele")
_MISSING, _NO_ALLELE, _COMMA, _COLON = text([".", "", ",", ":"])
_NULL = pa.nulls(1, pa.string())[0]
# More text than this goes into a chunk of its own: Arrow counts the bytes of a chunk in 31 bits.
_TEXT_BYTES_MAX = 1 << 30
CHUNKS_AT_ONCE = 32
"""Chunks of sites that a thread reads in one go."""


def site_columns(view: StoreView, *, threads: int = 1) -> dict[str, pa.ChunkedArray]:
    """Return chromosome, base_pair_location, effect_allele, other_allele and variant_id, V rows each.

    `effect_allele` is the first ALT, null where there is none; `other_allele` is REF, and at a site of many alleles REF
    and the other ALTs, comma-separated. `variant_id` is the ID column, or contig:position:ref:alt where that is
    missing. Chromosome and alleles are dictionary-encoded; the position is one-based.
    """
    return _whole([band.columns for band in _bands(view, _FIELDS, _ssf_columns, threads=threads)])


@dataclass(frozen=True, repr=False)
class VariantColumns:
    """The variants of a view: `columns` as Arrow has them, and what is counted with.

    `columns`: chromosome, base_pair_location (one-based), variant_id (contig:position:ref:alt where there is none),
    ref, and alt: all ALT alleles, comma-separated, null where there is none. `contig` int32[V] numbers of the view's
    contigs, `position` int32[V] one-based or None, `n_alleles` int32[V] with the reference, `classes` int8[V, A] as
    `kernels.allele_class` has them.
    """

    columns: dict[str, pa.ChunkedArray]
    contig: npt.NDArray[np.int32]
    position: npt.NDArray[np.int32] | None
    n_alleles: npt.NDArray[np.int32]
    classes: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.contig)

    def __repr__(self) -> str:
        return f"VariantColumns({len(self):,} variants)"


def variant_columns(view: StoreView, *, words: bool = True, position: bool = True, threads: int = 1) -> VariantColumns:
    """Return the variants of a view with all their alleles; chromosome, ref and alt are dictionary-encoded.

    Without `words` there are no columns, and without `position` none is read: for who counts by sample.
    """
    names = _FIELDS if words else ("variant_allele", "variant_position") if position else ("variant_allele",)
    bands = _bands(view, names, _allele_columns if words else None, threads=threads)
    if not bands:
        empty, whole = pa.chunked_array([], pa.string()), pa.chunked_array([], pa.int64())
        columns = {"chromosome": empty, "base_pair_location": whole, "variant_id": empty, "ref": empty, "alt": empty}
        nothing = np.zeros(0, dtype=np.int32)
        return VariantColumns(columns, nothing, nothing, nothing, np.zeros((0, 2), dtype=np.int8))
    return VariantColumns(
        columns=_whole([band.columns for band in bands]) if words else {},
        contig=np.concatenate([band.contig for band in bands]).astype(np.int32),
        position=np.concatenate([band.position for band in bands]).astype(np.int32) if position else None,
        n_alleles=np.concatenate([band.n_alleles for band in bands]).astype(np.int32),
        classes=np.concatenate([band.classes for band in bands]),
    )


@dataclass(frozen=True, repr=False)
class _Band:
    """Some chunks of sites: Arrow's columns, if they were asked for, and numbers."""

    columns: dict[str, pa.Array]
    contig: npt.NDArray[np.int32]
    position: npt.NDArray[np.int32]
    n_alleles: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int8]


def _bands(
    view: StoreView,
    names: Sequence[str],
    columns: Callable[[_Columns], dict[str, pa.Array]] | None,
    *,
    threads: int,
) -> list[_Band]:
    """Return the sites of a view, some chunks together, each made by one thread."""
    loader, contigs = view.loader(*names), view.contigs
    spans = list(loader.spans(view.sites_index(), CHUNKS_AT_ONCE))
    ends = np.cumsum([len(span) for span in spans], dtype=np.int64)[:-1]

    def made(task: tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]) -> _Band:
        span, contig = task
        found: dict[str, Any] = loader.load_many(span)
        alleles: Strings = found["variant_allele"]
        return _Band(
            {} if columns is None else columns(_Columns.of(found, contig, contigs)),
            contig,
            found.get("variant_position", np.empty(0, dtype=np.int32)),
            np.count_nonzero(alleles.end > alleles.start, axis=1),
            allele_classes(alleles.data, alleles.start, alleles.end),
        )

    tasks = zip(spans, np.split(view.contig_numbers(), ends), strict=False)
    return list(ordered_map(made, tasks, threads=threads))


def _whole(parts: list[dict[str, pa.Array]]) -> dict[str, pa.ChunkedArray]:
    """Return columns of parts as columns of all, in as few chunks as Arrow can count the text of."""
    if not parts:
        return {}
    sizes = [max(array.nbytes for array in part.values()) for part in parts]
    groups: list[list[dict[str, pa.Array]]] = [[]]
    held = 0
    for part, size in zip(parts, sizes, strict=True):
        if groups[-1] and held + size > _TEXT_BYTES_MAX:
            groups.append([])
            held = 0
        groups[-1].append(part)
        held += size
    return {name: pa.chunked_array([_joined([part[name] for part in group]) for group in groups]) for name in parts[0]}


def _joined(arrays: list[pa.Array]) -> pa.Array:
    if len(arrays) == 1:
        return arrays[0]
    column = pa.chunked_array(arrays)
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    return pa.concat_arrays(column.chunks)


@dataclass(frozen=True, repr=False)
class _Columns:
    """Columns of a band; `alleles` has one column for each allele, empty where a site has fewer."""

    chromosome: pa.DictionaryArray
    position: pa.Array
    alleles: list[pa.Array]
    identifier: pa.Array

    @classmethod
    def of(cls, band: dict[str, Any], contig: npt.NDArray[np.int32], contigs: tuple[str, ...]) -> _Columns:
        used, codes = used_numbers(contig)
        alleles: Strings = band["variant_allele"]
        return cls(
            chromosome=pa.DictionaryArray.from_arrays(
                numbers(codes), text([contigs[number] for number in used.tolist()])
            ),
            position=numbers(band["variant_position"].astype(np.int64)),
            alleles=[_text(alleles[:, j]) for j in range(alleles.shape[1])],
            identifier=_text(band["variant_id"]),
        )

    @property
    def first_alt(self) -> pa.Array:
        """The first ALT allele, empty where there is none."""
        return self.alleles[1] if len(self.alleles) > 1 else text([""] * len(self.alleles[0]))

    def joined(self, first: pa.Array) -> pa.Array:
        """Return `first` and, comma-separated, the ALT alleles after the first one."""
        for more in self.alleles[2:]:
            first = pc.if_else(pc.equal(more, _NO_ALLELE), first, pc.binary_join_element_wise(first, more, _COMMA))
        return first

    def names(self) -> pa.Array:
        """Return the ID column, or contig:position:ref:alt where that is missing."""
        unnamed = pc.equal(self.identifier, _MISSING)
        if not pc.any(unnamed).as_py():
            return self.identifier
        alts = self.joined(pc.if_else(pc.equal(self.first_alt, _NO_ALLELE), _MISSING, self.first_alt))
        place = (self.chromosome.cast(pa.string()), self.position.cast(pa.string()), self.alleles[0], alts)
        return pc.if_else(unnamed, pc.binary_join_element_wise(*place, _COLON), self.identifier)


def _or_null(words: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(words, _NO_ALLELE), _NULL, words)


def _ssf_columns(one: _Columns) -> dict[str, pa.Array]:
    return {
        "chromosome": one.chromosome,
        "base_pair_location": one.position,
        "effect_allele": _or_null(one.first_alt).dictionary_encode(),
        "other_allele": one.joined(one.alleles[0]).dictionary_encode(),
        "variant_id": one.names(),
    }


def _allele_columns(one: _Columns) -> dict[str, pa.Array]:
    return {
        "chromosome": one.chromosome,
        "base_pair_location": one.position,
        "variant_id": one.names(),
        "ref": one.alleles[0].dictionary_encode(),
        "alt": _or_null(one.joined(one.first_alt)).dictionary_encode(),
    }


def _text(words: Strings) -> pa.Array:
    """Return strings that lie apart in their buffer as an Arrow array."""
    offsets, data = vlen.gather(words.data, words.start, words.end)
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))
