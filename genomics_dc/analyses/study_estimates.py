"""One study's estimates, and the alleles of several studies brought to one effect allele."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from genomics_dc.analyses.genomic_control import inflation
from genomics_dc.analyses.summary_tables import numbers, of_trait, read_association, required_column
from genomics_dc.errors import InputError
from genomics_dc.reference import contigs

_Floats = npt.NDArray[np.float64]
_Integers = npt.NDArray[np.int64]

_COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A"}
# GWAS-SSF writes the chromosomes that have no number so.
_NUMBERED = {"23": "X", "24": "Y", "25": "MT"}


@dataclass(frozen=True, repr=False)
class StudyEstimates:
    """R rows: text `chromosome` (bare name), `effect`, `other` (upper case), `variant_id`; `position` one-based.

    `beta` (log odds where the study gives odds ratios), `error`, `frequency` of the effect allele, `n` samples:
    float64, NaN where missing. `inflation` is by what the squared errors were multiplied.
    """

    name: str
    chromosome: pa.Array
    position: _Integers
    effect: pa.Array
    other: pa.Array
    variant_id: pa.Array
    beta: _Floats
    error: _Floats
    frequency: _Floats
    n: _Floats
    inputs: dict[str, str] = field(default_factory=dict)
    inflation: float = 1.0

    def __len__(self) -> int:
        return len(self.position)

    def controlled(self) -> StudyEstimates:
        """Return the study under genomic control: errors times the root of its inflation where that is above 1."""
        usable = (self.error > 0) & np.isfinite(self.beta)
        with np.errstate(divide="ignore", invalid="ignore"):
            chi2 = (self.beta / self.error) ** 2
        found = inflation(chi2[usable])
        factor = found if found > 1.0 else 1.0
        return replace(self, error=self.error * np.sqrt(factor), inflation=factor)


def read_study(association: Any, *, name: str, trait: str | None = None) -> StudyEstimates:
    """Return a study from a result, a table or a GWAS-SSF file (TSV or Parquet).

    Needed are chromosome, base_pair_location, effect_allele, other_allele, beta or odds_ratio, and standard_error;
    effect_allele_frequency, n and variant_id or rsid are taken where they are.

    Raises
    ------
    InputError, UsageError
        A column is missing, a cell is no number, an odds ratio is not above 0; several traits and none named.
    """
    table, inputs = read_association(association)
    table = of_trait(table, trait)

    def text(column: str) -> pa.Array:
        words = _text(required_column(table, (column,), f"{name}: {column}"))
        return pc.fill_null(words, "")

    def optional(column: str) -> _Floats:
        there = column in table.column_names
        return numbers(table[column], f"{name}: {column}") if there else np.full(len(table), np.nan)

    if "beta" in table.column_names:
        beta = optional("beta")
    else:
        odds = numbers(required_column(table, ("odds_ratio",), f"{name}: beta or odds_ratio"), f"{name}: odds_ratio")
        if bool((odds <= 0).any()):
            raise InputError(
                f"{name}: row {int(np.flatnonzero(odds <= 0)[0]) + 1:,} has an odds ratio that is not above 0"
            )
        beta = np.log(odds)
    place = numbers(required_column(table, ("base_pair_location",), f"{name}: positions"), f"{name}: a position")
    chromosome = text("chromosome")
    missing = np.isnan(place) | np.asarray(pc.equal(chromosome, "").to_numpy(zero_copy_only=False))
    if missing.any():
        raise InputError(f"{name}: row {int(np.flatnonzero(missing)[0]) + 1:,} has no chromosome or position")
    named = next((column for column in ("variant_id", "rsid") if column in table.column_names), None)
    known = pc.unique(chromosome)
    bare = pa.array([contigs.canonical(_NUMBERED.get(word, word)) for word in known.to_pylist()], pa.string())
    return StudyEstimates(
        name,
        bare.take(pc.index_in(chromosome, value_set=known)),
        place.astype(np.int64),
        pc.utf8_upper(text("effect_allele")),
        pc.utf8_upper(text("other_allele")),
        _text(table[named]) if named else pa.nulls(len(table), pa.string()),
        beta,
        numbers(required_column(table, ("standard_error",), f"{name}: standard errors"), f"{name}: a standard error"),
        optional("effect_allele_frequency"),
        optional("n"),
        inputs,
    )


def _text(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    words = column.cast(pa.string())
    return words.combine_chunks() if isinstance(words, pa.ChunkedArray) else words


def study_names(studies: Sequence[Any], names: Sequence[str] | None) -> list[str]:
    """Return a name for each study: those given, else the names of their files, numbered where two are the same."""
    if names is not None:
        found = [str(name) for name in names]
    else:
        found = [
            Path(one).name.split(".")[0] if isinstance(one, (str, Path)) else f"study {number}"
            for number, one in enumerate(studies, start=1)
        ]
        if len(set(found)) < len(found):
            found = [f"{name}-{number}" for number, name in enumerate(found, start=1)]
    if len(found) != len(studies) or len(set(found)) < len(found):
        raise InputError(f"{len(studies)} studies need as many distinct names, not {', '.join(found)}")
    return found


@dataclass(frozen=True, repr=False)
class Harmonised:
    """V variants in the order of the genome, and what each of K studies says of the same effect allele.

    `beta`, `error`, `frequency`, `n` float64[K, V], NaN where a study says nothing. `row` int64[V] is the row, over all
    studies one after another, whose alleles and id stand for the variant: that of the first study that has it.
    `ambiguous` bool[V]: the alleles are each other's complement, so that the strand of a study cannot be told.
    `mismatch` bool[V]: only one study has these alleles, another has others at this position, and they share none.
    `swapped`, `flipped` int64[K]: rows whose effect allele was turned, and whose strand was.
    """

    row: _Integers
    beta: _Floats
    error: _Floats
    frequency: _Floats
    n: _Floats
    present: npt.NDArray[np.bool_]
    ambiguous: npt.NDArray[np.bool_]
    mismatch: npt.NDArray[np.bool_]
    swapped: _Integers
    flipped: _Integers


def harmonise(studies: Sequence[StudyEstimates], *, same_strand: bool) -> Harmonised:
    """Return the estimates of studies by variant: chromosome, position and the pair of alleles, in either order.

    Unless all studies are known to be on the same strand, a pair of single bases is the same as its complement.

    Raises
    ------
    InputError
        When a study has a variant twice.
    """
    study = np.repeat(np.arange(len(studies)), [len(one) for one in studies])
    contig, order_of_contig = _codes([one.chromosome for one in studies])
    place = np.array(_genome_order(order_of_contig), dtype=np.int64)[contig]
    position = np.concatenate([one.position for one in studies])
    low, high, first_is_effect, flipped, ambiguous = _pairs(studies, same_strand)
    order = np.lexsort((study, high, low, position, place))
    new = np.ones(len(order), dtype=bool)
    keys = (place, position, low, high)
    new[1:] = np.logical_or.reduce([key[order][1:] != key[order][:-1] for key in keys])
    variant = np.empty(len(order), dtype=np.int64)
    variant[order] = np.cumsum(new) - 1
    twice = ~new[1:] & (study[order][1:] == study[order][:-1])
    if twice.any():
        again = int(order[1:][twice].min())
        one = studies[int(study[again])]
        at = again - int(np.searchsorted(study, study[again]))
        raise InputError(
            f"{one.name}: variant {one.chromosome[at]}:{one.position[at]} {one.effect[at]}/{one.other[at]} stands more "
            f"than once (row {at + 1:,}); give each variant once"
        )
    row = order[new]
    n_variants = len(row)
    turned = first_is_effect != first_is_effect[row][variant]
    sign = np.where(turned, -1.0, 1.0)

    def spread(values: Sequence[_Floats], change: _Floats | None = None) -> _Floats:
        out = np.full((len(studies), n_variants), np.nan)
        joined = np.concatenate(values) if values else np.empty(0)
        out[study, variant] = joined if change is None else joined * change
        return out

    frequency = spread([one.frequency for one in studies])
    was_turned = np.zeros((len(studies), n_variants), dtype=bool)
    was_turned[study, variant] = turned
    frequency = np.where(was_turned, 1.0 - frequency, frequency)
    present = np.zeros((len(studies), n_variants), dtype=bool)
    present[study, variant] = True
    return Harmonised(
        row,
        spread([one.beta for one in studies], sign),
        spread([one.error for one in studies]),
        frequency,
        spread([one.n for one in studies]),
        present,
        ambiguous[row],
        _mismatches(study, variant, present, place[row], position[row]),
        np.bincount(study[turned], minlength=len(studies)),
        np.bincount(study[flipped != flipped[row][variant]], minlength=len(studies)),
    )


def _codes(columns: Sequence[pa.Array]) -> tuple[_Integers, list[str]]:
    """Return a number for each cell of text columns, one after another, and the words by number, sorted."""
    encoded = pa.chunked_array(list(columns), pa.string()).combine_chunks().dictionary_encode()
    words = np.array(encoded.dictionary.to_pylist(), dtype=object)
    order = np.argsort(words)
    number = np.empty(len(words), dtype=np.int64)
    number[order] = np.arange(len(words))
    return number[np.asarray(encoded.indices.to_numpy(), dtype=np.int64)], words[order].tolist()


def _genome_order(chromosomes: Sequence[str]) -> list[int]:
    """Return the place of each chromosome: 1 to 22, X, Y, MT, then other names in the order of the alphabet."""
    human = [*(str(number) for number in range(1, 23)), "X", "Y", "MT"]
    others = sorted(set(chromosomes) - set(human))
    place = {name: number for number, name in enumerate([*human, *others])}
    return [place[name] for name in chromosomes]


def _pairs(
    studies: Sequence[StudyEstimates], same_strand: bool
) -> tuple[_Integers, _Integers, npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return each row's pair of alleles as two numbers, whether the effect allele is the first, flipped, ambiguous."""
    columns = [one.effect for one in studies] + [one.other for one in studies] + [pa.array(list(_COMPLEMENT))]
    codes, words = _codes(columns)
    n_rows = sum(len(one) for one in studies)
    effect, other = codes[:n_rows], codes[n_rows : 2 * n_rows]
    number = {word: code for code, word in enumerate(words)}
    complement = np.array([number[_COMPLEMENT[word]] if word in _COMPLEMENT else -1 for word in words], dtype=np.int64)
    low, high = np.minimum(effect, other), np.maximum(effect, other)
    if same_strand:
        none = np.zeros(n_rows, dtype=bool)
        return low, high, effect == low, none, none
    both_bases = (complement[effect] >= 0) & (complement[other] >= 0)
    effect_c = np.where(both_bases, complement[effect], effect)
    other_c = np.where(both_bases, complement[other], other)
    low_c, high_c = np.minimum(effect_c, other_c), np.maximum(effect_c, other_c)
    ambiguous = both_bases & (low_c == low) & (high_c == high)
    flipped = both_bases & ~ambiguous & ((low_c < low) | ((low_c == low) & (high_c < high)))
    first = np.where(flipped, effect_c == low_c, effect == low)
    return np.where(flipped, low_c, low), np.where(flipped, high_c, high), first, flipped, ambiguous


def _mismatches(
    study: _Integers, variant: _Integers, present: npt.NDArray[np.bool_], place: _Integers, position: _Integers
) -> npt.NDArray[np.bool_]:
    n_studies, n_variants = present.shape
    if not n_variants:
        return np.zeros(0, dtype=bool)
    new = np.ones(n_variants, dtype=bool)
    new[1:] = (place[1:] != place[:-1]) | (position[1:] != position[:-1])
    site = np.cumsum(new) - 1  # variants are in the order of the genome
    alone = present.sum(axis=0) == 1
    at_site = np.zeros((n_studies, int(site[-1]) + 1), dtype=bool)
    shares = np.zeros_like(at_site)
    at_site[study, site[variant]] = True
    shared = ~alone[variant]
    shares[study[shared], site[variant[shared]]] = True
    own = present.argmax(axis=0)
    mismatch: npt.NDArray[np.bool_] = alone & (at_site.sum(axis=0)[site] > 1) & ~shares[own, site]
    return mismatch
