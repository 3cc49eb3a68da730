"""Genotypes of a view as bit planes for linkage, a batch of variants at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.packed_blocks import n_alleles
from genomics_dc.analyses.parallel import ordered_map
from genomics_dc.errors import InputError
from genomics_dc.kernels.genotypes import pack_dosage
from genomics_dc.kernels.ld import LdPlanes, ld_planes, plane_bytes
from genomics_dc.kernels.ld_prune import major_frequency
from genomics_dc.kernels.major import minor_dosage
from genomics_dc.kernels.vcf.records import Strings
from genomics_dc.reference import contigs as contig_names

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

_BATCH_BYTES_MAX = 32 << 20
_HAPLOID = frozenset({"Y", "MT"})


@dataclass(frozen=True)
class Variants:
    """Where the variants of a view stand: row `index` in the store, `contig` number, one-based `position`, int64[V].

    Nothing that is text is read before `ids` or `places` is asked for: words of all variants take longer than pruning.
    """

    view: StoreView
    index: npt.NDArray[np.int64]
    contig: npt.NDArray[np.int64]
    position: npt.NDArray[np.int64]
    n_alleles: npt.NDArray[np.int64]

    @cached_property
    def ids(self) -> npt.NDArray[np.object_]:
        """str[V]: the identifier, or contig:position:ref:alt where there is none."""
        return np.asarray(self.view.sites().variant_id, dtype=object) if self._unnamed else self._named

    @cached_property
    def _named(self) -> npt.NDArray[np.object_]:
        words = [word for part in _column(self.view, self.index, "variant_id") for word in part.flat()]
        named = np.empty(len(words), dtype=object)
        named[:] = words
        return named

    @cached_property
    def _unnamed(self) -> bool:
        return any(
            bool(((part.end - part.start == 1) & (part.data[part.start] == ord("."))).any())
            for part in _column(self.view, self.index, "variant_id")
        )

    def places(self) -> dict[str, pa.Array]:
        """Return the columns that say which variant a row is: chromosome, base_pair_location, variant_id."""
        changes = np.diff(self.contig, prepend=-1) != 0  # a contig is in one piece
        numbers = np.cumsum(changes) - 1
        contigs = pa.array([self.view.contigs[self.contig[row]] for row in np.flatnonzero(changes)], pa.string())
        return {
            "chromosome": pa.DictionaryArray.from_arrays(pa.array(numbers.astype(np.int32)), contigs).cast(pa.string()),
            "base_pair_location": pa.array(self.position),
            "variant_id": pa.array(self.ids, pa.string()),
        }

    def __len__(self) -> int:
        return len(self.contig)


@dataclass(frozen=True)
class Batch:
    """Some variants that follow each other: rows of the view from `start` on; `major` float64 is their frequency."""

    start: int
    planes: LdPlanes
    major: npt.NDArray[np.float64]


def variants_of(view: StoreView) -> Variants:
    """Return where a view's variants stand.

    Raises
    ------
    InputError
        When the view has no variant, or fewer than two samples.
    """
    if view.n_samples < 2:
        raise InputError(f"linkage is found from 2 samples or more, but this view of {view.path} has {view.n_samples}")
    index = view.sites_index()
    if not len(index):
        raise InputError(f"this view of {view.path} has no variant; loosen region and filters")
    contig, start, _ = view.extents()
    return Variants(view, index, contig, start + 1, n_alleles(view))


def _column(view: StoreView, index: npt.NDArray[np.int64], name: str) -> Iterator[Strings]:
    """Yield a column of text as places in a buffer, chunk by chunk."""
    loader = view.loader(name)
    for rows in loader.parts(index):
        part = loader.load(rows)[name]
        assert isinstance(part, Strings)
        yield part


def batches(view: StoreView, variants: Variants, *, threads: int, variants_max: int = 2048) -> Iterator[Batch]:
    """Yield the variants of a view in order, in batches of at most `variants_max` and 32 MiB.

    At a site of many alleles the commonest is set against the rest, as PLINK 2 does; elsewhere the first ALT allele is
    counted. On Y and the mitochondrion a heterozygous call is no call.
    """
    size = max(1, min(variants_max, _BATCH_BYTES_MAX // plane_bytes(view.n_samples)))
    haploid = np.isin(variants.contig, [number for number, name in enumerate(view.contigs) if _is_haploid(name)])
    items = _packed(view, variants, haploid, size)
    yield from ordered_map(partial(_batch, view.n_samples), items, threads=threads)


@dataclass(frozen=True)
class _Packed:
    start: int
    packed: npt.NDArray[np.uint8]
    many: npt.NDArray[np.int64]
    many_major: npt.NDArray[np.float64]


def _is_haploid(contig: str) -> bool:
    return contig_names.canonical(contig) in _HAPLOID


def _batch(n_samples: int, item: _Packed) -> Batch:
    planes = ld_planes(item.packed, n_samples)
    major = major_frequency(planes)
    major[item.many] = item.many_major
    return Batch(item.start, planes, major)


def _packed(view: StoreView, variants: Variants, haploid: npt.NDArray[np.bool_], size: int) -> Iterator[_Packed]:
    """Yield packed genotypes, those of sites of many alleles counted against the commonest."""
    whole = view.sample_numbers() is None
    many_alleles = variants.n_alleles > 2
    others = _many_alleles(view, variants.index[many_alleles]) if many_alleles.any() else iter(())
    start = 0
    for block in view.blocks("packed" if whole else "dosage"):
        packed = block["packed"] if whole else pack_dosage(block["dosage"])
        span = slice(start, start + len(packed))
        many = np.flatnonzero(many_alleles[span])
        major = np.empty(len(many))
        if many.size or haploid[span].any():
            packed = packed.copy()
        for number, row in enumerate(many):
            packed[row], major[number] = next(others)
        alone = haploid[span]
        if alone.any():
            packed[alone] = _without_heterozygotes(packed[alone])
        for first in range(0, len(packed), size):
            here = (many >= first) & (many < first + size)
            yield _Packed(start + first, packed[first : first + size], many[here] - first, major[here])
        start += len(packed)


def _many_alleles(view: StoreView, index: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.uint8], float]]:
    """Yield packed genotypes against the commonest allele, and its frequency, of the sites of many alleles in order."""
    for block in view.variants(index=index).blocks("call_genotype"):
        dosage, major = minor_dosage(block["call_genotype"])
        yield from zip(pack_dosage(dosage), major.tolist(), strict=True)


def _without_heterozygotes(packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return packed genotypes in which one copy (01) is missing (11)."""
    het = packed & ~(packed >> 1) & np.uint8(0x55)
    return (packed | (het << 1)).astype(np.uint8)
