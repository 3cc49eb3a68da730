"""Counting for the quality report, block by block: genotypes by variant, and what each sample carries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.parallel import ordered_map
from genomics_dc.errors import InputError
from genomics_dc.kernels import counts as count_kernels
from genomics_dc.reference import contigs as contig_names

if TYPE_CHECKING:
    from genomics_dc.store.blocks import Block
    from genomics_dc.store.read import Sites, StoreView

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_NOT_AUTOSOMES = frozenset({"X", "Y", "MT"})
# Expected heterozygosity is summed in units of 2**-36: whole numbers add up to the same total in any order, and a
# hundred million variants stay below the limit of int64.
FIXED_POINT = float(1 << 36)
_TRANSITIONS = frozenset({("A", "G"), ("G", "A"), ("C", "T"), ("T", "C")})
_BASES = frozenset("ACGT")


@dataclass
class Tally:
    """Counts by variant [V] and by sample [S], filled block by block."""

    genotypes: Integers  # [V, 4] hom_ref, het, hom_alt, missing samples
    hwe_genotypes: Integers  # [V, 3] with the reference against the rest
    allele_count: Integers
    allele_number: Integers
    by_allele: dict[int, list[int]]
    samples: Integers  # [S, columns of counts.SAMPLE_COLUMNS]
    expected_het: Integers  # [V], fixed point
    missing_expected_het: Integers  # [S], fixed point
    autosomal: Integers  # [S, 2]: homozygous and called on autosomes


def allele_classes(ref: Iterable[str], alt: Iterable[str]) -> list[tuple[str, ...]]:
    """Return what each ALT allele of each variant is.

    "transition", "transversion", "insertion", "deletion" or "other" (symbolic alleles, `*`, breakends and substitutions
    of more than one base); `alt` is comma-separated, "." for none, which gives an empty tuple.
    """
    return [
        tuple(_allele_class(one_ref, allele) for allele in alleles.split(",")) if alleles != "." else ()
        for one_ref, alleles in zip(ref, alt, strict=True)
    ]


def _allele_class(ref: str, alt: str) -> str:
    ref, alt = ref.upper(), alt.upper()
    if not set(ref + alt) <= _BASES | {"N"}:
        return "other"
    if len(ref) == 1 and len(alt) == 1:
        if (ref, alt) in _TRANSITIONS:
            return "transition"
        return "transversion" if {ref, alt} <= _BASES else "other"
    if len(alt) > len(ref):
        return "insertion"
    return "deletion" if len(alt) < len(ref) else "other"


CLASS_CODES: Mapping[str, int] = {
    "transition": count_kernels.TRANSITION,
    "transversion": count_kernels.TRANSVERSION,
    "insertion": count_kernels.INSERTION,
    "deletion": count_kernels.DELETION,
    "other": count_kernels.OTHER,
}


def is_autosome(contigs: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    """Return bool[V]: false on X, Y and the mitochondrion; other names count as autosomes."""
    known = {name: contig_names.canonical(name) not in _NOT_AUTOSOMES for name in set(contigs.tolist())}
    return np.array([known[name] for name in contigs], dtype=bool)


def count_genotypes(
    view: StoreView,
    sites: Sites,
    classes: list[tuple[str, ...]],
    autosome: npt.NDArray[np.bool_],
    threads: int,
    tell: Callable[[str, float], None],
) -> Tally:
    """Return the counts of a view; `autosome` is bool[V], `classes` from `allele_classes`, `tell` shows progress."""
    n_variants, n_samples = len(sites), view.n_samples
    tally = Tally(
        genotypes=np.zeros((n_variants, 4), dtype=np.int64),
        hwe_genotypes=np.zeros((n_variants, 3), dtype=np.int64),
        allele_count=np.zeros(n_variants, dtype=np.int64),
        allele_number=np.zeros(n_variants, dtype=np.int64),
        by_allele={},
        samples=np.zeros((n_samples, len(count_kernels.SAMPLE_COLUMNS)), dtype=np.int64),
        expected_het=np.zeros(n_variants, dtype=np.int64),
        missing_expected_het=np.zeros(n_samples, dtype=np.int64),
        autosomal=np.zeros((n_samples, 2), dtype=np.int64),
    )
    # Two bits a genotype are enough where there is one ALT allele and two copies; elsewhere whole genotypes are read.
    packed = autosome & (sites.n_alleles <= 2)
    done = 0
    of_dosages = partial(_count_dosages, sites=sites, classes=classes)
    of_genotypes = partial(_count_whole_genotypes, sites=sites, classes=classes, autosome=autosome)
    for rows, function, name in ((packed, of_dosages, "dosage"), (~packed, of_genotypes, "call_genotype")):
        if not rows.any():
            continue
        part = view if rows.all() else view.variants(index=sites.index[rows])
        for block in ordered_map(function, part.blocks(name), threads=threads):
            block.add_to(tally)
            done += len(block.places)
            tell("counting genotypes", done / n_variants)
    return tally


@dataclass(frozen=True)
class _BlockCounts:
    """What one block adds to the tally; `places` are its variants' numbers in the view."""

    places: Integers
    genotypes: npt.NDArray[np.integer]
    hwe_genotypes: npt.NDArray[np.integer]
    allele_count: npt.NDArray[np.integer]
    allele_number: npt.NDArray[np.integer]
    by_allele: Mapping[int, list[int]]
    samples: Integers
    expected_het: Integers
    missing_expected_het: Integers
    autosomal: Integers

    def add_to(self, tally: Tally) -> None:
        tally.genotypes[self.places] = self.genotypes
        tally.hwe_genotypes[self.places] = self.hwe_genotypes
        tally.allele_count[self.places] = self.allele_count
        tally.allele_number[self.places] = self.allele_number
        tally.expected_het[self.places] = self.expected_het
        tally.by_allele.update(self.by_allele)
        tally.samples += self.samples
        tally.missing_expected_het += self.missing_expected_het
        tally.autosomal += self.autosomal


def _count_dosages(block: Block, *, sites: Sites, classes: list[tuple[str, ...]]) -> _BlockCounts:
    places = np.searchsorted(sites.index, block.index)
    dosage = block["dosage"]
    codes = np.array([CLASS_CODES[classes[v][0]] if classes[v] else count_kernels.OTHER for v in places], np.int8)
    genotypes = count_kernels.genotype_counts(dosage).astype(np.int64)
    samples = count_kernels.sample_counts(dosage, codes)
    alt_copies = genotypes[:, 1] + 2 * genotypes[:, 2]
    copies = 2 * genotypes[:, :3].sum(axis=1)
    frequency = ratio(alt_copies, copies, missing=0.0)
    expected = np.rint(2.0 * frequency * (1.0 - frequency) * FIXED_POINT).astype(np.int64)
    column = dict(zip(count_kernels.SAMPLE_COLUMNS, samples.T, strict=True))
    homozygous = column["hom_ref"] + column["hom_alt"]
    return _BlockCounts(
        places=places,
        genotypes=genotypes,
        hwe_genotypes=genotypes[:, :3],
        allele_count=alt_copies,
        allele_number=copies,
        by_allele={},
        samples=samples,
        expected_het=expected,
        missing_expected_het=count_kernels.weight_where_missing(dosage, expected),
        autosomal=np.stack([homozygous, homozygous + column["het"]], axis=1),
    )


def _count_whole_genotypes(
    block: Block, *, sites: Sites, classes: list[tuple[str, ...]], autosome: npt.NDArray[np.bool_]
) -> _BlockCounts:
    places = np.searchsorted(sites.index, block.index)
    raw = block["call_genotype"]
    complete = (raw != -1).all(axis=2) & (raw >= 0).any(axis=2)
    genotype = np.where(complete[:, :, None], raw, np.array(-1, dtype=raw.dtype))
    n_alleles = max(int(sites.n_alleles[places].max()), 2)
    codes = np.full((len(places), n_alleles), count_kernels.OTHER, dtype=np.int8)
    for row, v in enumerate(places):
        codes[row, 1 : 1 + len(classes[v])] = [CLASS_CODES[name] for name in classes[v]]
    copies = count_kernels.allele_counts(genotype, n_alleles).astype(np.int64)
    absent_copy = genotype == -2
    same = complete & ((genotype == genotype[:, :, :1]) | absent_copy).all(axis=2)
    hom_ref = same & (genotype[:, :, 0] == 0)
    no_ref = complete & ((genotype > 0) | absent_copy).all(axis=2)
    het = complete & ~same
    genotypes = np.stack([group.sum(axis=1) for group in (hom_ref, het, same & ~hom_ref, ~complete)], axis=1)
    against_rest = np.stack([group.sum(axis=1) for group in (hom_ref, complete & ~hom_ref & ~no_ref, no_ref)], axis=1)
    total = copies.sum(axis=1)
    on_autosome = autosome[places]
    shares = ratio(copies, total[:, None], missing=0.0)
    expected = np.where(total > 0, 1.0 - (shares * shares).sum(axis=1), 0.0)
    expected = np.where(on_autosome, expected, 0.0)
    weight = np.rint(expected * FIXED_POINT).astype(np.int64)
    mask = np.where(complete, 0, -1).astype(np.int8)
    return _BlockCounts(
        places=places,
        genotypes=genotypes,
        hwe_genotypes=np.where(on_autosome[:, None], against_rest, 0),
        allele_count=copies[:, 1:].sum(axis=1),
        allele_number=total,
        by_allele={int(v): copies[row, 1 : sites.n_alleles[v]].tolist() for row, v in enumerate(places)},
        samples=count_kernels.sample_counts_any(genotype, codes),
        expected_het=weight,
        missing_expected_het=count_kernels.weight_where_missing(mask, weight),
        autosomal=np.stack(
            [(same & on_autosome[:, None]).sum(axis=0), (complete & on_autosome[:, None]).sum(axis=0)], axis=1
        ),
    )


def mean_by_sample(view: StoreView, name: str, threads: int) -> Floats:
    """Return float64[S]: the mean of a FORMAT number over the variants where it is there; NaN where it never is."""
    n_samples = view.n_samples
    if name not in view.fields or view.n_variants == 0:
        return np.full(n_samples, np.nan)

    total, number = np.zeros(n_samples, dtype=np.int64), np.zeros(n_samples, dtype=np.int64)
    for part_total, part_number in ordered_map(partial(_totals, name), view.blocks(name), threads=threads):
        total += part_total
        number += part_number
    return ratio(total, 1024 * number)


def _totals(name: str, block: Block) -> tuple[Integers, Integers]:
    """Return sum, in units of 1/1024, and number of a FORMAT number of a block by sample."""
    values = block[name]
    if values.ndim != 2:
        raise InputError(f"{name} has {values.ndim - 1} dimensions a variant, expected one value a call")
    if values.dtype.kind == "f":
        known = np.isfinite(values)
        # fixed point for the same reason as above; a depth or quality needs no more than a thousandth
        values = np.rint(np.where(known, values, 0.0) * 1024.0).astype(np.int64)
        return values.sum(axis=0), known.sum(axis=0)
    known = values >= 0
    return np.where(known, values, 0).sum(axis=0, dtype=np.int64) * 1024, known.sum(axis=0)


def ratio(above: npt.NDArray[Any], below: npt.NDArray[Any], missing: float = np.nan) -> Floats:
    """Return above / below as float64, `missing` where below is zero."""
    above, below = np.broadcast_arrays(np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64))
    quotient = np.full(above.shape, missing, dtype=np.float64)
    np.divide(above, below, out=quotient, where=below > 0)
    return quotient
