"""Counting for quality, block by block: genotypes by variant, and what each sample carries.

Which calls count. A half-call (0/.) is a missing genotype, and so is a call of more than two alleles. On autosomes a
haploid call counts as two copies, as in PLINK. Variants with one ALT allele on autosomes are counted from two bits a
genotype, or from what the store has counted already where the view has all its samples; others, and X, Y and the
mitochondrion, from whole genotypes (see `kernels.whole_counts`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.cluster import cluster_in_use
from genomics_dc.analyses.parallel import ordered_map
from genomics_dc.analyses.quality import equilibrium
from genomics_dc.analyses.quality.arithmetic import ratio
from genomics_dc.analyses.site_columns import CHUNKS_AT_ONCE
from genomics_dc.kernels import counts as count_kernels
from genomics_dc.kernels import mendel, packed_counts
from genomics_dc.kernels.genotype_table import genotype_texts
from genomics_dc.kernels.whole_counts import AUTOSOME, WholeCounts, Y, whole_counts
from genomics_dc.store import schema

if TYPE_CHECKING:
    from genomics_dc.analyses.quality.facts import SampleFacts
    from genomics_dc.analyses.site_columns import VariantColumns
    from genomics_dc.store.blocks import Block
    from genomics_dc.store.loader import Loader
    from genomics_dc.store.read import StoreView

Integers = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]
_Errors = tuple[Counts, Integers, Integers]

# Expected heterozygosity is summed in units of 2**-36: whole numbers add up to the same total in any order, and a
# hundred million variants stay below the limit of int64.
FIXED_POINT = float(1 << 36)
_TESTS_PER_TASK = 10_000
_TASKS_AT_ONCE = 8


@dataclass
class Tally:
    """Counts by variant [V] and by sample [S].

    `genotypes` are hom_ref, het, hom_alt, missing samples; `allele_count` copies of all ALT alleles together, of
    `allele_number`; `hwe` and `hwe_x` -log10 p, NaN where there is none; `expected_het` fixed point; `missing_by_mask`
    [V, M] of the batches, then controls and cases, -1 where it is not assessed; `mendel` errors by variant. Texts are
    of few variants, by number: copies by allele, genotypes, and p by allele.

    By sample: `samples` has the columns of `counts.SAMPLE_COLUMNS`; the rows of the next three are autosomes and X:
    calls, homozygous ones, and expected heterozygotes where the call is missing; `y_called` calls on Y. By trio:
    `trio_errors` and `trio_complete` variants.
    """

    genotypes: Counts
    allele_count: Counts
    allele_number: Counts
    hwe: npt.NDArray[np.float64]
    hwe_x: npt.NDArray[np.float64]
    observed_het: npt.NDArray[np.float64]
    expected_het: Integers
    missing_by_mask: Counts
    mendel: Counts
    samples: Integers
    called: Integers
    homozygous: Integers
    missing_het: Integers
    y_called: Integers
    trio_errors: Integers
    trio_complete: Integers
    copies_text: dict[int, str] = field(default_factory=dict)
    genotypes_text: dict[int, str] = field(default_factory=dict)
    hwe_text: dict[int, str] = field(default_factory=dict)

    @classmethod
    def empty(cls, n_variants: int, n_samples: int, n_masks: int, n_trios: int) -> Tally:
        """Return a tally in which nothing is counted yet."""

        def zeros(*shape: int, dtype: type = np.int64) -> npt.NDArray[Any]:
            return np.zeros(shape, dtype=dtype)

        return cls(
            genotypes=zeros(n_variants, 4, dtype=np.int32),
            allele_count=zeros(n_variants, dtype=np.int32),
            allele_number=zeros(n_variants, dtype=np.int32),
            hwe=np.full(n_variants, np.nan),
            hwe_x=np.full(n_variants, np.nan),
            observed_het=np.full(n_variants, np.nan),
            expected_het=zeros(n_variants),
            missing_by_mask=np.full((n_variants, n_masks), -1, dtype=np.int32),
            mendel=zeros(n_variants, dtype=np.int32),
            samples=zeros(n_samples, len(count_kernels.SAMPLE_COLUMNS)),
            called=zeros(2, n_samples),
            homozygous=zeros(2, n_samples),
            missing_het=zeros(2, n_samples),
            y_called=zeros(n_samples),
            trio_errors=zeros(n_trios),
            trio_complete=zeros(n_trios),
        )


def sample_masks(facts: SampleFacts) -> npt.NDArray[np.bool_]:
    """Return bool[M, S]: the samples of each batch, then controls and cases."""
    rows = []
    if facts.batch is not None:
        rows += [facts.batch == number for number in range(len(facts.batch_names))]
    if facts.case is not None:
        rows += [facts.case == 0, facts.case == 1]
    return np.array(rows, dtype=bool).reshape(len(rows), len(facts.sex))


@dataclass(frozen=True)
class _Task:
    """Some variants of one chunk: their numbers in the view, and their rows in the store."""

    places: Integers
    rows: Integers


class Counter:
    """Counts a view, its variants or samples or both; to count samples reads every genotype."""

    def __init__(
        self,
        view: StoreView,
        variants: VariantColumns,
        kinds: npt.NDArray[np.int8],
        facts: SampleFacts,
        *,
        of_variants: bool,
        of_samples: bool,
    ) -> None:
        self.view = view
        self.variants = variants
        self.kinds = kinds
        self.facts = facts
        self.of_variants = of_variants
        self.of_samples = of_samples
        self.masks = sample_masks(facts)
        numbers = view.sample_numbers()
        n_stored = view.field_shape(schema.CALL_GENOTYPE)[1]
        self._columns = np.arange(view.n_samples, dtype=np.int64) if numbers is None else numbers
        self._mask = packed_counts.sample_mask(n_stored, self._columns)
        self._masks = np.array(
            [packed_counts.sample_mask(n_stored, self._columns[mask]) for mask in self.masks], dtype=np.uint64
        ).reshape(len(self.masks), len(self._mask))
        self._trios = facts.trios if facts.trios is not None and len(facts.trios) else None
        self._loaders: dict[str, Loader] = {}
        self._sums: list[packed_counts.SampleSums] = []  # those that no thread adds to just now
        self._knows_counts = numbers is None
        self._known: Counts | None = None  # by variant, where the store has counted them
        self._needs_genotypes = of_samples or not self._knows_counts or len(self.masks) > 0 or self._trios is not None

    def count(self, threads: int, tell: Callable[[str, float], None]) -> Tally:
        """Return the counts; the same for any number of threads."""
        n_variants = len(self.variants)
        n_trios = 0 if self.facts.trios is None else len(self.facts.trios)
        tally = Tally.empty(n_variants, self.view.n_samples, len(self.masks), n_trios)
        packed = (self.kinds == AUTOSOME) & (self.variants.n_alleles <= 2)
        if self._knows_counts:
            self._stored_counts(tally, packed)
        done = 0
        for chosen, name, function in (
            (packed & self._needs_genotypes, schema.PACKED_DOSAGE, self._packed),
            (~packed, schema.CALL_GENOTYPE, self._genotypes),
        ):
            if not chosen.any():
                continue
            for counted in self._counted(function, chosen, name, threads):
                counted.add_to(tally)
                done += len(counted.places)
                tell("counting genotypes", done / n_variants)
        self._finish(tally, np.flatnonzero(packed), threads)
        return tally

    def _stored_counts(self, tally: Tally, chosen: npt.NDArray[np.bool_]) -> None:
        """Take the counts of the chosen variants from the store; chunks are so small that threads would only wait."""
        loader = self.view.loader(schema.VARIANT_COUNTS)
        spans = loader.spans(self.view.sites_index()[chosen], CHUNKS_AT_ONCE)
        parts = [np.asarray(loader.load_many(span)[schema.VARIANT_COUNTS]) for span in spans]
        if parts:
            tally.genotypes[chosen] = np.concatenate(parts)
        self._known = tally.genotypes

    def _counted(
        self,
        function: Callable[[_Task, npt.NDArray[Any]], _Counted],
        chosen: npt.NDArray[np.bool_],
        name: str,
        threads: int,
    ) -> Iterator[_Counted]:
        """Yield the counts of the chosen variants by chunk; on a cluster each sample's are the chunk's own."""
        if cluster_in_use() is None:
            self._loaders = {name: self.view.loader(name)}
            yield from ordered_map(
                lambda task: function(task, self._load(name, task.rows)),
                self._tasks(chosen, name),
                threads=threads,
                at_once=_TASKS_AT_ONCE if name == schema.PACKED_DOSAGE else 1,
            )
            return
        part = self.view.variants(index=self.view.sites_index()[chosen])
        yield from ordered_map(partial(_count_block, self._to_send(), function.__name__, name), part.blocks(name))

    def _to_send(self) -> Counter:
        """Return a counter that travels: without readers, and without the words of variants."""
        other = copy(self)
        other._loaders = {}
        other._sums = []
        other._known = None
        other.variants = replace(self.variants, columns={})
        return other

    def _tasks(self, chosen: npt.NDArray[np.bool_], name: str) -> Iterator[_Task]:
        places = np.flatnonzero(chosen)
        rows = self.view.sites_index()[places]
        done = 0
        for part in self._loaders[name].parts(rows):
            yield _Task(places[done : done + len(part)], part)
            done += len(part)

    def _load(self, name: str, rows: Integers) -> npt.NDArray[Any]:
        values = self._loaders[name].load(rows)[name]
        assert isinstance(values, np.ndarray)
        return values

    def _packed(self, task: _Task, packed: npt.NDArray[Any]) -> _Counted:
        """Count variants with one ALT allele on autosomes."""
        words = packed_counts.as_words(packed)
        if self._known is None:
            counts = packed_counts.counts_by_mask(words, self._mask[None, :])[:, 0]
        else:
            counts = self._known[_span(task.places)]
        missing = self._missing_by_mask(words, counts[:, 3])
        if self.of_samples:
            sums = self._sums.pop() if self._sums else packed_counts.SampleSums(self._mask, FIXED_POINT)
            sums.add(words, counts, self._classes(task.places))
            self._sums.append(sums)
        errors = None if self._trios is None else mendel.packed_errors(packed, self._columns[self._trios])
        return _Packed(task.places, counts, missing, errors)

    def _classes(self, places: Integers) -> npt.NDArray[np.int8]:
        """Return what the ALT allele of each is; without one there is nothing to carry."""
        if self.variants.classes.shape[1] < 2:
            return np.full(len(places), count_kernels.OTHER, dtype=np.int8)
        classes = self.variants.classes[_span(places), 1]
        return np.where(classes < 0, np.int8(count_kernels.OTHER), classes)

    def _finish(self, tally: Tally, packed: Integers, threads: int) -> None:
        """Work out what follows from the counts of the variants at `packed`."""
        counts = tally.genotypes[packed]
        het, hom_alt = counts[:, 1], counts[:, 2]
        called = counts[:, 0] + het + hom_alt
        tally.allele_count[packed], tally.allele_number[packed] = het + 2 * hom_alt, 2 * called
        tally.expected_het[packed] = packed_counts.expected_het(counts, FIXED_POINT)
        tally.observed_het[packed] = ratio(het, called)
        if self.of_variants:
            size = max(_TESTS_PER_TASK, -(-len(counts) // (2 * threads)))  # equal counts are tested once a task
            parts = [slice(at, at + size) for at in range(0, len(counts), size)]
            tests = ordered_map(lambda part: equilibrium.neg_log10_p(*counts[part, :3].T), parts, threads=threads)
            tally.hwe[packed] = np.concatenate([np.empty(0), *tests])
        for sums in self._sums:
            self._by_sample(sums).add_to(tally)
        self._sums = []

    def _by_sample(self, sums: packed_counts.SampleSums) -> _BySample:
        return _BySample(sums.by_sample()[self._columns], sums.missing_het()[self._columns])

    def _missing_by_mask(self, words: npt.NDArray[np.uint64], missing: Counts) -> Counts:
        found = np.zeros((len(missing), len(self.masks)), dtype=np.int32)
        if len(self.masks):
            rows = np.flatnonzero(missing > 0)
            found[rows] = packed_counts.counts_by_mask(words[rows], self._masks)[:, :, 3]
        return found

    def _genotypes(self, task: _Task, genotype: npt.NDArray[Any]) -> _Counted:
        """Count variants of many alleles, and those of X, Y and the mitochondrion."""
        kind = self.kinds[task.places]
        n_alleles = np.maximum(self.variants.n_alleles[task.places], 2)
        classes = np.full((len(task.rows), int(n_alleles.max())), count_kernels.OTHER, dtype=np.int8)
        width = min(classes.shape[1], self.variants.classes.shape[1])
        classes[:, :width] = self.variants.classes[task.places, :width]
        counts = whole_counts(genotype, kind, self.facts.sex, classes, self.masks, FIXED_POINT)
        tests = equilibrium.of_whole_genotypes(counts, kind, n_alleles)
        texts = genotype_texts(genotype, n_alleles)
        errors = None if self._trios is None else mendel.whole_errors(genotype, kind, self.facts.sex, self._trios)

        return _Whole(task.places, counts, kind, n_alleles, tests, texts, errors)


def _count_block(counter: Counter, function: str, name: str, block: Block) -> _Counted:
    """Count a block; on a cluster this runs on a worker, and what samples carry comes along."""
    alone = copy(counter)
    alone._sums = []
    task = _Task(np.searchsorted(counter.view.sites_index(), block.index), block.index)
    counted: _Counted = getattr(alone, function)(task, block[name])
    by_sample = [alone._by_sample(sums) for sums in alone._sums]
    return replace(counted, by_sample=by_sample[0]) if by_sample and isinstance(counted, _Packed) else counted


def _span(places: Integers) -> slice | Integers:
    """Return ascending places as a slice, which is faster, when they are neighbours."""
    first, last = int(places[0]), int(places[-1])
    return slice(first, last + 1) if last - first + 1 == len(places) else places


class _Counted(Protocol):
    """The counts of some variants, `places` in the view."""

    @property
    def places(self) -> Integers: ...

    def add_to(self, tally: Tally) -> None: ...


@dataclass(frozen=True)
class _BySample:
    table: Integers
    missing_het: Integers

    def add_to(self, tally: Tally) -> None:
        tally.samples += self.table
        tally.called[0] += self.table[:, :3].sum(axis=1)
        tally.homozygous[0] += self.table[:, 0] + self.table[:, 2]
        tally.missing_het[0] += self.missing_het


@dataclass(frozen=True)
class _Packed:
    places: Integers
    counts: npt.NDArray[np.integer]
    missing_by_mask: Counts | None = None
    errors: _Errors | None = None
    by_sample: _BySample | None = None

    def add_to(self, tally: Tally) -> None:
        tally.genotypes[_span(self.places)] = self.counts
        if self.missing_by_mask is not None:
            tally.missing_by_mask[self.places] = self.missing_by_mask
        _add_errors(tally, self.places, self.errors)
        if self.by_sample is not None:
            self.by_sample.add_to(tally)


@dataclass(frozen=True)
class _Whole:
    places: Integers
    counts: WholeCounts
    kind: npt.NDArray[np.int8]
    n_alleles: npt.NDArray[np.integer]
    tests: equilibrium.Tests
    texts: list[str | None]
    errors: _Errors | None

    def add_to(self, tally: Tally) -> None:
        places, counts, tests = self.places, self.counts, self.tests
        tally.genotypes[places] = counts.genotypes
        tally.allele_count[places] = counts.copies[:, 1:].sum(axis=1)
        tally.allele_number[places] = counts.copies.sum(axis=1)
        tally.expected_het[places] = counts.expected_het
        tally.observed_het[places] = ratio(counts.n_diploid - counts.homozygous.sum(axis=1), counts.n_diploid)
        tally.hwe[places], tally.hwe_x[places] = tests.neg_log10_p, tests.neg_log10_p_x
        tally.missing_by_mask[places] = np.where((self.kind != Y)[:, None], counts.missing_by_mask, -1)
        for row, place in enumerate(places.tolist()):
            if self.n_alleles[row] > 2:
                tally.copies_text[place] = ",".join(map(str, counts.copies[row, 1 : self.n_alleles[row]].tolist()))
                tally.hwe_text[place] = tests.by_allele[row]
            if (text := self.texts[row]) is not None:
                tally.genotypes_text[place] = text
        _add_samples(tally, counts)
        _add_errors(tally, places, self.errors)


def _add_samples(tally: Tally, counts: WholeCounts) -> None:
    tally.samples += counts.samples
    tally.called += counts.called_by_sample
    tally.homozygous += counts.homozygous_by_sample
    tally.missing_het += counts.missing_het
    tally.y_called += counts.y_called


def _add_errors(tally: Tally, places: Integers, errors: _Errors | None) -> None:
    if errors is not None:
        tally.mendel[places] = errors[0]
        tally.trio_errors += errors[1]
        tally.trio_complete += errors[2]
