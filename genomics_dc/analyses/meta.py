"""Meta-analysis: what several studies together say of each variant, and how far they agree.

Effects are combined by inverse variance (fixed), by DerSimonian and Laird (random), and by sample size (Stouffer's Z);
see `kernels.meta` for the formulas and their sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.genomic_control import inflation
from genomics_dc.analyses.study_estimates import Harmonised, StudyEstimates, harmonise, read_study, study_names
from genomics_dc.errors import InputError, UsageError
from genomics_dc.kernels.meta import Combined, combine
from genomics_dc.provenance import JsonValue, Provenance
from genomics_dc.results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STATUSES = ("ok", "one_study", "strand_ambiguous", "allele_mismatch", "no_estimate")
_OK, _ONE, _AMBIGUOUS, _MISMATCH, _NONE = range(5)


@dataclass(frozen=True, repr=False)
class MetaResult(Result):
    """One row per variant that any study has, in the order of the genome.

    In the columns of GWAS-SSF the fixed effect: `chromosome` (bare name), `base_pair_location` (one-based),
    `effect_allele`, `other_allele` (as the first study that has the variant has them), `beta`, `standard_error`,
    `effect_allele_frequency` (mean by samples), `p_value`, `neg_log_10_p_value`, `n` (sum), `variant_id`. Then
    `beta_random`, `standard_error_random`, `p_value_random`, `neg_log_10_p_value_random`; `z_sample_size`,
    `p_value_sample_size`, `neg_log_10_p_value_sample_size`; `cochran_q` with `heterogeneity_df`, `p_heterogeneity`,
    `neg_log_10_p_heterogeneity`; `i_squared` (0 to 1), `tau_squared`; `n_studies` combined; `direction`, a sign a
    study, ? where it has no estimate; `frequency_range` between studies; `status`.

    `status`: ok; one_study (its estimate stands alone); strand_ambiguous (A/T or C/G, and the strands may differ);
    allele_mismatch (another study has this position with other alleles); no_estimate. For the last three there is no
    combined estimate. `estimates` and `errors` float64[K, V] are each study's, on the effect allele of the row.
    """

    studies: tuple[str, ...] = ()
    estimates: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    errors: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))

    def status_counts(self) -> dict[str, int]:
        """Return how many variants have each status, for those that occur."""
        found = np.bincount(self._status, minlength=len(STATUSES)).tolist()
        return {name: count for name, count in zip(STATUSES, found, strict=True) if count}

    def counts_by_study(self, what: str) -> dict[str, int]:
        """Return, by study, one of the counts variants, effect_allele_swapped and strand_flipped."""
        counts = self.provenance.parameters[what]
        assert isinstance(counts, dict)
        return {name: int(str(count)) for name, count in counts.items()}

    def lambda_gc(self) -> float:
        """Return the genomic inflation factor of the fixed effect; NaN without an estimate."""
        beta, error = (np.asarray(self.table[name].to_numpy(), np.float64) for name in ("beta", "standard_error"))
        known = ~np.isnan(beta)
        return inflation((beta[known] / error[known]) ** 2)

    def top(self, n: int = 10) -> pa.Table:
        """Return the `n` rows of largest -log10 p of the fixed effect; ties stay in row order."""
        strength = self._strength
        order = np.argsort(-strength, kind="stable")
        return self.table.take(pa.array(order[~np.isnan(strength[order])][:n]))

    @property
    def plot(self) -> MetaPlots:
        """The plots: `.forest(variant_id)`, `.manhattan()`, `.qq()`."""
        return MetaPlots(self)

    @property
    def _strength(self) -> npt.NDArray[np.float64]:
        return np.asarray(self.table["neg_log_10_p_value"].to_numpy(), dtype=np.float64)

    @property
    def _status(self) -> npt.NDArray[np.int8]:
        codes = self.table["status"].combine_chunks()
        return np.asarray(codes.indices.to_numpy(), dtype=np.int8)


@dataclass(frozen=True, repr=False)
class MetaPlots:
    """The plots of a meta-analysis; each returns a matplotlib figure."""

    result: MetaResult

    def forest(self, variant_id: str) -> Figure:
        """Return each study's estimate of a variant with its 95% interval, and the two combined ones."""
        from genomics_dc.plots import forest

        found = np.flatnonzero(self.result.table["variant_id"].to_pandas().to_numpy() == variant_id)
        if len(found) != 1:
            times = "not" if not len(found) else f"{len(found)} times"
            raise UsageError(f"variant {variant_id} is {times} in this result; give the id of one of its rows")
        row = int(found[0])
        values = self.result.table.slice(row, 1).to_pylist()[0]
        return forest.forest(
            self.result.studies, self.result.estimates[:, row], self.result.errors[:, row], values, variant_id
        )

    def manhattan(self) -> Figure:
        """Return -log10 p of the fixed effect along the genome."""
        from genomics_dc.plots import association

        table = self.result.table
        return association.manhattan(
            table["chromosome"].to_pylist(),
            np.asarray(table["base_pair_location"].to_numpy(), dtype=np.int64),
            self.result._strength,
            table["variant_id"].to_pylist(),
            trait=f"{len(self.result.studies)} studies",
            n_samples=self._n_samples,
        )

    def qq(self) -> Figure:
        """Return observed against expected -log10 p of the fixed effect, with lambda GC."""
        from genomics_dc.plots import association

        return association.qq(
            self.result._strength,
            trait=f"{len(self.result.studies)} studies",
            lambda_gc=self.result.lambda_gc(),
            n_samples=self._n_samples,
        )

    @property
    def _n_samples(self) -> int:
        n = np.asarray(self.result.table["n"].to_numpy(), dtype=np.float64)
        return int(np.nanmax(n)) if np.isfinite(n).any() else 0


def meta(
    studies: Sequence[Any],
    *,
    names: Sequence[str] | None = None,
    trait: str | None = None,
    same_strand: bool = False,
    genomic_control: bool = False,
) -> MetaResult:
    """Return the meta-analysis of two studies or more.

    Parameters
    ----------
    studies
        Results of `associate`, tables, or GWAS-SSF files (TSV, plain or .gz, or Parquet): see
        `analyses.study_estimates.read_study`.
    names
        What the studies are called; by default the names of their files.
    trait
        Which trait, where a study has more than one.
    same_strand
        All studies are on one strand, as GWAS-SSF asks. Else single bases may be those of the other strand, and A/T and
        C/G variants are not combined.
    genomic_control
        Multiply each study's standard errors by the root of its own inflation factor where that is above 1.

    Raises
    ------
    UsageError, InputError
        Fewer than two studies, a missing column, a cell that is no number, a variant that a study has twice.

    Examples
    --------
    >>> halves = [view.samples(view.sample_ids[k::2]) for k in (0, 1)]
    >>> scans = [half.associate("traits.tsv", traits=["hba1c"]) for half in halves]
    >>> found = meta(scans, names=["discovery", "replication"], same_strand=True)
    >>> found.studies
    ('discovery', 'replication')
    """
    if len(studies) < 2:
        raise UsageError(f"a meta-analysis needs two studies or more, not {len(studies)}")
    called = study_names(studies, names)
    read = [read_study(one, name=name, trait=trait) for one, name in zip(studies, called, strict=True)]
    for one in read:
        if not len(one):
            raise InputError(f"{one.name} has no variant; leave it out or give its results")
    if genomic_control:
        read = [one.controlled() for one in read]
    found = harmonise(read, same_strand=same_strand)
    kept = ~(found.mismatch | (found.ambiguous & (found.present.sum(axis=0) > 1)))
    beta = np.where(kept, found.beta, np.nan)
    combined = combine(beta, found.error, found.n)
    status = np.select(
        [found.mismatch, ~kept, combined.n_studies == 0, combined.n_studies == 1],
        [_MISMATCH, _AMBIGUOUS, _NONE, _ONE],
        _OK,
    ).astype(np.int8)
    provenance = Provenance(
        "meta",
        parameters={
            "studies": list[JsonValue](called),
            "trait": trait,
            "same_strand": same_strand,
            "genomic_control": genomic_control,
            "inflation_removed": {one.name: one.inflation for one in read},
            "variants": {one.name: len(one) for one in read},
            "effect_allele_swapped": dict(zip(called, found.swapped.tolist(), strict=True)),
            "strand_flipped": dict(zip(called, found.flipped.tolist(), strict=True)),
        },
        inputs={role: digest for one in read for role, digest in one.inputs.items()},
    )
    usable = (found.error > 0) & np.isfinite(found.beta)
    estimates, errors = np.where(usable, found.beta, np.nan), np.where(usable, found.error, np.nan)
    return MetaResult(_table(read, found, combined, status, estimates), provenance, tuple(called), estimates, errors)


def _table(
    studies: Sequence[StudyEstimates],
    found: Harmonised,
    combined: Combined,
    status: npt.NDArray[np.int8],
    estimates: npt.NDArray[np.float64],
) -> pa.Table:
    rows = pa.array(found.row)

    def joined(columns: Sequence[Any]) -> pa.Array:
        return pa.chunked_array(columns).combine_chunks().take(rows)

    known = ~np.isnan(estimates)
    n = np.where(known, found.n, 0.0)
    n_total = np.where(known.any(axis=0), n.sum(axis=0), np.nan)
    with_frequency = known & ~np.isnan(found.frequency)
    weight = np.where(with_frequency, np.where(np.isnan(found.n).any(axis=0), 1.0, found.n), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        frequency = (np.nan_to_num(found.frequency) * weight).sum(axis=0) / weight.sum(axis=0)
        q_df = np.where(np.isnan(combined.q), np.nan, combined.n_studies - 1.0)
    lowest = np.where(with_frequency, found.frequency, np.inf).min(axis=0)
    highest = np.where(with_frequency, found.frequency, -np.inf).max(axis=0)
    spread = np.where(with_frequency.sum(axis=0) > 1, highest - lowest, np.nan)
    position = np.concatenate([one.position for one in studies])[found.row]
    return pa.table(
        {
            "chromosome": joined([one.chromosome for one in studies]),
            "base_pair_location": pa.array(position),
            "effect_allele": joined([one.effect for one in studies]),
            "other_allele": joined([one.other for one in studies]),
            "beta": _floats(combined.beta),
            "standard_error": _floats(combined.standard_error),
            "effect_allele_frequency": _floats(frequency),
            "p_value": _floats(10.0**-combined.neg_log10_p),
            "neg_log_10_p_value": _floats(combined.neg_log10_p),
            "n": pa.array(n_total, from_pandas=True).cast(pa.int64()),
            "variant_id": _ids(studies, found, position),
            "beta_random": _floats(combined.beta_random),
            "standard_error_random": _floats(combined.standard_error_random),
            "p_value_random": _floats(10.0**-combined.neg_log10_p_random),
            "neg_log_10_p_value_random": _floats(combined.neg_log10_p_random),
            "z_sample_size": _floats(combined.z_weighted),
            "p_value_sample_size": _floats(10.0**-combined.neg_log10_p_weighted),
            "neg_log_10_p_value_sample_size": _floats(combined.neg_log10_p_weighted),
            "cochran_q": _floats(combined.q),
            "heterogeneity_df": pa.array(q_df, from_pandas=True).cast(pa.int32()),
            "p_heterogeneity": _floats(10.0**-combined.neg_log10_p_q),
            "neg_log_10_p_heterogeneity": _floats(combined.neg_log10_p_q),
            "i_squared": _floats(combined.i2),
            "tau_squared": _floats(combined.tau2),
            "n_studies": pa.array(combined.n_studies),
            "direction": _directions(estimates),
            "frequency_range": _floats(spread),
            "status": pa.DictionaryArray.from_arrays(pa.array(status), pa.array(STATUSES)),
        }
    )


def _floats(values: npt.NDArray[np.float64]) -> pa.Array:
    return pa.array(values, from_pandas=True)


def _ids(studies: Sequence[StudyEstimates], found: Harmonised, position: npt.NDArray[np.int64]) -> pa.Array:
    """Return the first study's id of each variant, chromosome:position:other:effect where it has none."""
    import pyarrow.compute as pc

    rows = pa.array(found.row)

    def text(columns: Sequence[pa.Array]) -> pa.Array:
        return pa.chunked_array(list(columns), pa.string()).combine_chunks().take(rows)

    place = [text([one.chromosome for one in studies]), pa.array(position).cast(pa.string())]
    made = pc.binary_join_element_wise(
        *place, text([one.other for one in studies]), text([one.effect for one in studies]), ":"
    )
    return pc.coalesce(text([one.variant_id for one in studies]), made)


def _directions(estimates: npt.NDArray[np.float64]) -> pa.Array:
    """Return a sign a study: + - 0, or ? where it has no estimate."""
    n_studies, n_variants = estimates.shape
    letters = np.full((n_variants, n_studies), ord("?"), dtype=np.uint8)
    for sign, letter in ((1.0, "+"), (-1.0, "-"), (0.0, "0")):
        letters[sign == np.sign(estimates).T] = ord(letter)
    offsets = np.arange(n_variants + 1, dtype=np.int64) * n_studies
    words = pa.LargeStringArray.from_buffers(n_variants, pa.py_buffer(offsets), pa.py_buffer(letters.tobytes()))
    return words.cast(pa.string())
