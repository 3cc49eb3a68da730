"""Association of traits with variants: one row per variant and trait, in the columns of GWAS-SSF.

Complete case, as PLINK 2 `--glm` has it: a sample without the trait or a covariate is left out of that trait, one
without a genotype out of that variant. Traits that are complete in the same samples are fitted together. A variant that
cannot be tested stays in the result with the reason in `status`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses import phenotypes as samples_by
from genomics_dc.analyses.genomic_control import CHI2_MEDIAN
from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.parallel import ordered_map
from genomics_dc.analyses.site_columns import site_columns
from genomics_dc.analyses.view import View
from genomics_dc.errors import InputError, UsageError
from genomics_dc.files import atomic_path, refuse_existing
from genomics_dc.kernels import linear, logistic
from genomics_dc.kernels.genotypes import pack_dosage
from genomics_dc.kernels.linear import DependentColumnError
from genomics_dc.kernels.status import STATUS_NAMES
from genomics_dc.results import Result, along, dataset

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from genomics_dc.analyses.top_hits import TopHits
    from genomics_dc.store.blocks import Block, Blocks
    from genomics_dc.store.read import StoreView

Model = Literal["linear", "logistic", "firth"]
MODELS: tuple[Model, ...] = ("linear", "logistic", "firth")

_RULES = {
    "linear": "least squares, t test",
    "logistic": "score test; where its p is at most 0.1 maximum likelihood and Wald test, Firth's penalised likelihood "
    "where cases and controls are separated or the maximum is not reached",
    "logistic, every variant": "maximum likelihood, Wald test; Firth's penalised likelihood where cases and controls "
    "are separated or the maximum is not reached",
    "firth": "Firth's penalised likelihood, Wald test",
}
# Variants that one task takes: small enough to share between threads, large enough to cost little. Each variant is
# fitted by itself, so this changes no number.
_VARIANTS_PER_TASK = {"linear": 1024, "logistic": 512, "firth": 128}
_SITE_COLUMNS = ("chromosome", "base_pair_location", "effect_allele", "other_allele")
_LN10 = 2.302585092994046
TESTS = ("ADD", "FIRTH", "SCORE")
_TEST_OF_STATUS = np.array([{"firth": 1, "score": 2}.get(name, 0) for name in STATUS_NAMES], dtype=np.int8)
# Twice the p that readers look for: near 0.05 the score and the Wald test differ by far less than this.
SCORE_P_MAX = 0.1
_FORBIDDEN_IN_NAMES = frozenset('/\\\0:*?"<>|')


@dataclass(frozen=True, repr=False)
class AssociationResult(Result):
    """One row per trait and variant, traits one after another, variants in store order.

    `chromosome`, `base_pair_location` (one-based), `effect_allele` (the first ALT), `other_allele` (REF; at a site of
    many alleles REF and the other ALTs, comma-separated, which are counted together), `beta` (log odds ratio in a
    logistic model), `standard_error`, `effect_allele_frequency` among the samples used, `p_value` (0 where it is below
    what a float holds), `neg_log_10_p_value` (right at any size), `n` samples used, `variant_id`, `trait`, `test` (ADD,
    FIRTH or SCORE), `status`: ok, firth, score, or why there is no estimate: separated, not_converged, monomorphic,
    too_few, collinear (with the covariates), exact_fit (no residual: the standard error is 0). What does not exist is
    null.

    SCORE: in a logistic model a variant whose score test has p above 0.1 is not fitted. Its p is the score test's, and
    `beta` and `standard_error` are the estimate after one Newton step from the fit without the variant.
    """

    source: View | None = None

    @property
    def traits(self) -> tuple[str, ...]:
        """The traits, in the order of the rows."""
        names = self.provenance.parameters["traits"]
        assert isinstance(names, list)
        return tuple(str(name) for name in names)

    @property
    def model(self) -> str:
        """One of linear, logistic, firth."""
        return str(self.provenance.parameters["model"])

    @property
    def samples_by_trait(self) -> dict[str, int]:
        """How many samples have each trait and all covariates."""
        counts = self.provenance.parameters["samples_by_trait"]
        assert isinstance(counts, dict)
        return {name: int(str(count)) for name, count in counts.items()}

    @property
    def plot(self) -> AssociationPlots:
        """Plots of one trait: `result.plot.manhattan()`, `result.plot.qq()`."""
        return AssociationPlots(self)

    def of_trait(self, trait: str | None = None) -> AssociationResult:
        """Return the rows of one trait; with one trait only, its name may be left out."""
        name = self._one_trait(trait)
        if len(self.traits) == 1:
            return self
        n_variants = int(str(self.provenance.parameters["n_variants"]))
        if len(self) == len(self.traits) * n_variants:
            return AssociationResult(
                self.table.slice(self.traits.index(name) * n_variants, n_variants), self.provenance, self.source
            )
        import pyarrow.compute as pc

        return AssociationResult(self.table.filter(pc.equal(self.table["trait"], name)), self.provenance, self.source)

    def top(self, n: int = 10, *, trait: str | None = None) -> AssociationResult:
        """Return the `n` rows of largest -log10 p, of one trait or of all; ties stay in row order."""
        chosen = self if trait is None else self.of_trait(trait)
        strength = chosen._column("neg_log_10_p_value")
        order = np.argsort(-strength, kind="stable")
        order = order[~np.isnan(strength[order])][:n]
        return AssociationResult(chosen.table.take(pa.array(order)), self.provenance, self.source)

    def status_counts(self) -> dict[str, int]:
        """Return how many rows have each status, for those that occur."""
        import pyarrow.compute as pc

        counted = {
            str(pair["values"]): int(pair["counts"])
            for pair in pc.value_counts(pc.cast(self.table["status"], pa.string())).to_pylist()
        }
        return {name: counted[name] for name in STATUS_NAMES if name in counted}

    def to_xarray(self) -> xr.Dataset:
        """Return estimates along `trait` and `variant`, alleles and places along `variant`.

        Rows that were chosen (`top`) are given along `row`, as they are.
        """
        n_variants = len(self) // max(len(self.traits), 1)
        if not n_variants or len(self) != len(self.traits) * int(str(self.provenance.parameters["n_variants"])):
            return super().to_xarray()
        columns = along(self.table, "variant")
        variables: dict[str, Any] = {}
        for name, (_, values) in columns.items():
            if name in _SITE_COLUMNS:
                variables[name] = ("variant", values[:n_variants])
            elif name not in ("variant_id", "trait"):
                variables[name] = (("trait", "variant"), values.reshape(len(self.traits), n_variants))
        ids = columns["variant_id"][1][:n_variants]
        return dataset(variables, {"variant": ids, "trait": list(self.traits)}, self.provenance)

    def lambda_gc(self) -> dict[str, float]:
        """Return the genomic inflation factor of each trait (Devlin and Roeder 1999, Biometrics 55:997).

        The median of the chi-squared statistics (one degree of freedom) that belong to the p values, over the median
        expected without association. NaN for a trait without a tested variant.
        """
        from scipy import stats

        found = {}
        for name in self.traits:
            strength = self.of_trait(name)._column("neg_log_10_p_value")
            strength = strength[~np.isnan(strength)]
            middle = float(np.median(strength)) if strength.size else np.nan
            found[name] = float(stats.chi2.isf(10.0**-middle, 1)) / CHI2_MEDIAN
        return found

    def genomic_control(self) -> AssociationResult:
        """Return the result with p under genomic control; see `analyses.genomic_control.genomic_control`."""
        from genomics_dc.analyses.genomic_control import genomic_control

        return genomic_control(self)

    def top_hits(self, **options: Any) -> TopHits:
        """Return the clumps of a trait with the genes nearest to them; see `analyses.top_hits.top_hits`."""
        from genomics_dc.analyses.top_hits import top_hits

        return top_hits(self, options.pop("view", self.source), **options)

    def page(self, path: Path | str, **options: Any) -> Path:
        """Write a page of plots and tables as one HTML file; see `analyses.association_page.write_page`."""
        from genomics_dc.analyses.association_page import write_page

        return write_page(self, path, **{"view": self.source, **options})

    def to_gwas_ssf(self, path: Path | str, **options: Any) -> list[Path]:
        """Write one trait as GWAS-SSF with its metadata; see `analyses.gwas_ssf.write_gwas_ssf`."""
        from genomics_dc.analyses.gwas_ssf import write_gwas_ssf

        known = None if self.source is None else self.source.assembly
        return write_gwas_ssf(self, path, **{"assembly": known, **options})

    def to_plink2(self, path: Path | str, *, force: bool = False) -> list[Path]:
        """Write PLINK 2's `--glm` columns, one file a trait; return the paths.

        With one trait, `path` is the file when it ends in `.linear`, `.logistic`, `.firth` or `.hybrid`. Otherwise it
        is a prefix and files are called `PREFIX.TRAIT.glm.linear` and so on. A1 is the ALT allele. P is printed from
        its logarithm, so that it may read 1.2e-400.
        """
        kind = {"linear": "linear", "logistic": "logistic.hybrid", "firth": "firth"}[self.model]
        whole = Path(path).suffix in {".linear", ".logistic", ".firth", ".hybrid"}
        if whole and len(self.traits) > 1:
            raise UsageError(f"{path} is one file, but there are {len(self.traits)} traits; give a prefix without .glm")
        targets = []
        for name in self.traits:
            if not whole and (_FORBIDDEN_IN_NAMES & set(name) or name.startswith((".", "-"))):
                raise UsageError(f"trait {name} cannot be part of a file name; rename it")
            targets.append(Path(path) if whole else Path(f"{path}.{name}.glm.{kind}"))
        for target in targets:
            refuse_existing(target, force=force)
        for name, target in zip(self.traits, targets, strict=True):
            with atomic_path(target, force=force) as temporary, open(temporary, "w", encoding="utf-8") as handle:
                handle.writelines(_plink2_lines(self.of_trait(name), self.model))
        return targets

    def _one_trait(self, trait: str | None) -> str:
        if trait is None:
            if len(self.traits) != 1:
                raise UsageError(f"name one of the traits {', '.join(self.traits[:5])}")
            return self.traits[0]
        if trait not in self.traits:
            raise UsageError(f"{trait} is not a trait of this result; it has {', '.join(self.traits[:5])}")
        return trait

    def _column(self, name: str) -> npt.NDArray[np.float64]:
        """Return a column as float64, NaN where null."""
        return np.asarray(self.table[name].to_numpy(), dtype=np.float64)


@dataclass(frozen=True, repr=False)
class AssociationPlots:
    """The plots of an association result; each returns a matplotlib figure."""

    result: AssociationResult

    def manhattan(self, trait: str | None = None, *, label_top: int = 3) -> Figure:
        """Return -log10 p along the genome of one trait, the strongest `label_top` loci named."""
        from genomics_dc.plots import association

        one = self.result.of_trait(trait)
        return association.manhattan(
            one.table["chromosome"].cast(pa.string()).to_pylist(),
            np.asarray(one.table["base_pair_location"].to_numpy(), dtype=np.int64),
            one._column("neg_log_10_p_value"),
            one.table["variant_id"].to_pylist(),
            trait=one._one_trait(trait),
            n_samples=one.samples_by_trait[one._one_trait(trait)],
            label_top=label_top,
        )

    def qq(self, trait: str | None = None) -> Figure:
        """Return observed against expected -log10 p of one trait, with lambda GC."""
        from genomics_dc.plots import association

        one = self.result.of_trait(trait)
        name = one._one_trait(trait)
        return association.qq(
            one._column("neg_log_10_p_value"),
            trait=name,
            lambda_gc=AssociationResult(one.table, one.provenance).lambda_gc()[name],
            n_samples=one.samples_by_trait[name],
        )

    def locus(self, variant_id: str, trait: str | None = None, **options: Any) -> Figure:
        """Return -log10 p around a variant, coloured by linkage with it, genes below; see `analyses.top_hits.locus`."""
        from genomics_dc.analyses.top_hits import locus

        view = options.pop("view", self.result.source)
        return locus(self.result, view, variant_id, trait=trait, **options).plot(trait=self.result._one_trait(trait))

    def save(self, folder: Path | str) -> list[Path]:
        """Write Manhattan and QQ plot of every trait as SVG and PNG into `folder`; return the paths."""
        from genomics_dc.plots import style

        out = Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        written: list[Path] = []
        for number, name in enumerate(self.result.traits, start=1):
            safe = "".join("_" if letter in _FORBIDDEN_IN_NAMES or letter.isspace() else letter for letter in name)
            stem = safe if safe == name else f"{safe}-{number}"  # two names must not become one file
            written += style.save(self.manhattan(name), out / f"manhattan.{stem}")
            written += style.save(self.qq(name), out / f"qq.{stem}")
        return written


@dataclass(frozen=True)
class _Group:
    """Traits that are complete in the same `n_samples` samples: `traits` are their numbers.

    The samples of `placed` have their places in the packed genotypes.
    """

    traits: tuple[int, ...]
    n_samples: int
    placed: linear.PlacedDesign | logistic.PlacedDesign


class _Estimates:
    """The columns of the result: [T, V], or [groups, V] where a group shares them; threads fill spans."""

    def __init__(self, n_traits: int, groups: Sequence[_Group], n_variants: int) -> None:
        self.beta = np.empty((n_traits, n_variants))
        self.error = np.empty((n_traits, n_variants))
        self.p = np.empty((n_traits, n_variants))
        self.strength = np.empty((n_traits, n_variants))
        self.status = np.empty((n_traits, n_variants), dtype=np.int8)
        self.n = np.empty((len(groups), n_variants), dtype=np.int32)
        self.frequency = np.empty((len(groups), n_variants))

    def put(self, number: int, group: _Group, span: slice, fitted: linear.LinearFit | logistic.LogisticFit) -> None:
        """Store what a group's fit says about the variants of `span`."""
        shape = (span.stop - span.start, len(group.traits))
        traits = list(group.traits)
        for target, values in (
            (self.beta, fitted.beta),
            (self.error, fitted.standard_error),
            (self.p, np.exp(-_LN10 * fitted.neg_log10_p)),
            (self.strength, fitted.neg_log10_p),
            (self.status, fitted.status),
        ):
            target[traits, span] = values.reshape(shape).T
        self.n[number, span] = fitted.n
        self.frequency[number, span] = fitted.frequency


def associate(
    view: StoreView,
    phenotypes: Any,
    *,
    traits: Sequence[str] | None,
    covariates: Any = None,
    covariate_names: Sequence[str] | None = None,
    model: Model = "linear",
    fit_all: bool = False,
    strict: bool = False,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> AssociationResult:
    """Test every variant of a view against every trait.

    Parameters
    ----------
    view
        Variants and samples; the numbers do not depend on how its chunks lie.
    phenotypes, covariates
        Path to a table, pandas or polars frame, or Arrow table: see `analyses.phenotypes`. An intercept is always in.
    traits
        Columns of `phenotypes`; None takes all.
    covariate_names
        Columns of `covariates` (of `phenotypes` where no covariates are given); None takes all of `covariates`.
    model
        "linear"; "logistic" (0 and 1, or 1 and 2), with Firth's answer where the plain one has no maximum; "firth".
    fit_all
        Fit the logistic model to every variant, also where the score test has p above 0.1.
    strict
        Refuse tables with a row for which the store has no sample, or without a row for a sample of the view. Otherwise
        such rows are left aside, such samples take no part, and the provenance has the counts.
    threads
        All processors when None. The result has the same bytes for any number.
    progress
        Called with (variants done, variants of all).

    Raises
    ------
    InputError, UsageError
        As one sentence: an unknown or duplicated sample, a trait that is absent, constant, missing everywhere or not of
        the model, text among numbers, dependent covariates, more covariates than samples, a view without variants.

    Examples
    --------
    >>> view = open_store("cohort.vcz").variants(maf=0.01)
    >>> gwas = view.associate("traits.tsv", traits=["hba1c", "bmi"], covariates="covariates.tsv")
    >>> gwas.top(5).to_pandas()[["trait", "variant_id", "beta", "p_value"]]
    """
    if model not in MODELS:
        raise UsageError(f"model must be one of {', '.join(MODELS)}, not {model}")
    if not view.n_samples:
        raise InputError(f"no sample is left in the view of {view.path}; nothing can be tested")
    store = type(view).open(view.path)
    aligned = samples_by.align(
        [str(name) for name in view.sample_ids],
        [str(name) for name in store.sample_ids],
        phenotypes,
        traits=traits,
        covariates=covariates,
        covariate_names=covariate_names,
        strict=strict,
    )
    n_variants = view.n_variants
    if not n_variants:
        raise InputError(f"no variant of {view.path} is left after region and filters; loosen them")
    blocks, field, columns, n_columns = _packed(view, store)
    score_p_max = SCORE_P_MAX if model == "logistic" and not fit_all else None
    groups = _groups(aligned, model, columns, n_columns)
    estimates = _Estimates(len(aligned.trait_names), groups, n_variants)

    rows = view.sites_index()

    def keep(fitted: _Fitted) -> int:
        start = int(np.searchsorted(rows, fitted.first_row))
        for number, (group, fit) in enumerate(zip(groups, fitted.fits, strict=True)):
            estimates.put(number, group, slice(start, start + len(fit.n)), fit)
        return start + len(fitted.fits[0].n)

    workers = threads or len(os.sched_getaffinity(0))
    fit = partial(_fitted, field, [group.placed for group in groups], model, score_p_max)
    for done in ordered_map(fit, blocks.cut(_VARIANTS_PER_TASK[model]), threads=workers, then=keep):
        if progress is not None:
            progress(done, n_variants)
    sizes = {aligned.trait_names[t]: group.n_samples for group in groups for t in group.traits}
    provenance = provenance_of(
        "associate",
        view,
        {
            "model": model,
            "rule": _RULES["logistic, every variant" if model == "logistic" and fit_all else model],
            "traits": list(aligned.trait_names),
            "covariates": list(aligned.covariate_names),
            "samples_by_trait": {name: sizes[name] for name in aligned.trait_names},
            "rows_without_sample": dict(aligned.unknown),
            "samples_without_row": dict(aligned.absent),
        },
        inputs=aligned.inputs,
    )
    source = view if isinstance(view, View) else None
    return AssociationResult(_table(site_columns(view), aligned.trait_names, groups, estimates), provenance, source)


@dataclass(frozen=True)
class _Fitted:
    """The fit of each group over some variants, of which the first is row `first_row` of the store."""

    first_row: int
    fits: list[linear.LinearFit | logistic.LogisticFit]


def _fitted(
    field: str,
    designs: Sequence[linear.PlacedDesign | logistic.PlacedDesign],
    model: Model,
    score_p_max: float | None,
    block: Block,
) -> _Fitted:
    """Return the fits of a block; on a cluster this runs on a worker."""
    packed = block[field] if field == "packed" else pack_dosage(block[field])
    fits: list[linear.LinearFit | logistic.LogisticFit] = [
        linear.fit_packed(packed, placed)
        if isinstance(placed, linear.PlacedDesign)
        else logistic.fit_packed(packed, placed, always_firth=model == "firth", score_p_max=score_p_max)
        for placed in designs
    ]
    return _Fitted(int(block.index[0]), fits)


def _packed(view: StoreView, store: StoreView) -> tuple[Blocks, str, npt.NDArray[np.int64], int]:
    """Return blocks and the field of genotypes, the column of each sample of the view, and how many columns there are.

    The genotypes are those of all samples of the store: to read them whole is faster than to choose. Only where the
    store hides samples are the view's packed anew.
    """
    numbers = view.sample_numbers()
    if store.sample_numbers() is not None:
        return view.blocks("dosage"), "dosage", np.arange(view.n_samples, dtype=np.int64), view.n_samples
    whole = view if numbers is None else store.variants(index=view.sites_index())
    columns = np.arange(store.n_samples, dtype=np.int64) if numbers is None else numbers
    return whole.blocks("packed"), "packed", columns, store.n_samples


def _groups(
    aligned: samples_by.AlignedTraits, model: Model, columns: npt.NDArray[np.int64], n_columns: int
) -> list[_Group]:
    """Return the traits grouped by the samples that are complete, each group with its design in its place.

    Sample i of `aligned` stands in column columns[i] of `n_columns` of the packed genotypes.
    """
    by_samples: dict[bytes, tuple[npt.NDArray[np.int64], list[int]]] = {}
    for trait in range(len(aligned.trait_names)):
        rows = samples_by.complete_samples(aligned, trait)
        # A logistic fit takes one trait at a time.
        key = rows.tobytes() + (b"" if model == "linear" else trait.to_bytes(8, "little"))
        by_samples.setdefault(key, (rows, []))[1].append(trait)
    return [
        _Group(tuple(traits), len(rows), _placed(aligned, rows, traits, model, columns[rows], n_columns))
        for rows, traits in by_samples.values()
    ]


def _placed(
    aligned: samples_by.AlignedTraits,
    rows: npt.NDArray[np.int64],
    traits: list[int],
    model: Model,
    columns: npt.NDArray[np.int64],
    n_columns: int,
) -> linear.PlacedDesign | logistic.PlacedDesign:
    values = aligned.traits[rows][:, traits]
    covariates = aligned.covariates[rows]
    names = [aligned.trait_names[t] for t in traits]
    try:
        if model == "linear":
            return linear.place(linear.design(values, covariates), columns, n_columns)
        cases = samples_by.case_control(values[:, 0], names[0], aligned.source)
        return logistic.place(logistic.design(cases, covariates), columns, n_columns)
    except DependentColumnError as error:
        guilty, labels = (values, names) if error.kind == "trait" else (covariates, list(aligned.covariate_names))
        raise samples_by.explain_dependent(error, guilty, labels, covariates, aligned.covariate_names) from None
    except logistic.SeparatedTraitError:
        raise _explain_separated(names[0], values[:, 0], covariates, aligned) from None


def _explain_separated(
    trait: str,
    values: npt.NDArray[np.float64],
    covariates: npt.NDArray[np.float64],
    aligned: samples_by.AlignedTraits,
) -> InputError:
    cases, controls = covariates[values == values.max()], covariates[values == values.min()]
    apart = (cases.min(axis=0) >= controls.max(axis=0)) | (cases.max(axis=0) <= controls.min(axis=0))
    guilty = [aligned.covariate_names[j] for j in np.flatnonzero(apart)] or list(aligned.covariate_names)
    word = "covariate" if len(guilty) == 1 else "covariates"
    alone = "alone tells" if len(guilty) == 1 else "tell"
    return InputError(
        f"{word} {', '.join(guilty)} {alone} cases from controls of trait {trait} (collinear with the trait); "
        "leave it out, or no variant can be tested"
    )


def _table(
    shared: dict[str, pa.ChunkedArray], trait_names: Sequence[str], groups: Sequence[_Group], estimates: _Estimates
) -> pa.Table:
    """Return the result table: a chunk a trait, and the site columns shared between the chunks without a copy."""
    n_traits, n_variants = estimates.beta.shape
    group_of = {trait: number for number, group in enumerate(groups) for trait in group.traits}
    n_of_group = [pa.array(row) for row in estimates.n]
    frequency_of_group = [_floats(row) for row in estimates.frequency]
    tests = pa.array(TESTS, pa.string())
    statuses = pa.array(STATUS_NAMES, pa.string())
    names = pa.array(list(trait_names), pa.string())
    additive = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n_variants, dtype=np.int8)), tests)

    def each(make: Callable[[int], pa.Array]) -> pa.ChunkedArray:
        return pa.chunked_array([make(trait) for trait in range(n_traits)])

    def same(name: str) -> pa.ChunkedArray:
        return pa.chunked_array(shared[name].chunks * n_traits)

    def test_of(trait: int) -> pa.Array:
        codes = _TEST_OF_STATUS[estimates.status[trait]]
        return pa.DictionaryArray.from_arrays(pa.array(codes), tests) if codes.any() else additive

    def trait_of(trait: int) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(np.full(n_variants, trait, dtype=np.int32)), names)

    return pa.table(
        {
            "chromosome": same("chromosome"),
            "base_pair_location": same("base_pair_location"),
            "effect_allele": same("effect_allele"),
            "other_allele": same("other_allele"),
            "beta": each(lambda t: _floats(estimates.beta[t])),
            "standard_error": each(lambda t: _floats(estimates.error[t])),
            "effect_allele_frequency": each(lambda t: frequency_of_group[group_of[t]]),
            "p_value": each(lambda t: _floats(estimates.p[t])),
            "neg_log_10_p_value": each(lambda t: _floats(estimates.strength[t])),
            "n": each(lambda t: n_of_group[group_of[t]]),
            "variant_id": same("variant_id"),
            "trait": each(trait_of),
            "test": each(test_of),
            "status": each(lambda t: pa.DictionaryArray.from_arrays(pa.array(estimates.status[t]), statuses)),
        }
    )


def _floats(values: npt.NDArray[np.float64]) -> pa.Array:
    """Return an Arrow array in which NaN, no estimate, is null."""
    return pa.array(values, from_pandas=True)


def _plink2_lines(one: AssociationResult, model: str) -> Iterator[str]:
    """Yield header and rows as PLINK 2 `--glm` writes them, numbers to 6 digits."""
    mixed = model == "logistic"
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "A1", *(["FIRTH?"] if mixed else []), "TEST", "OBS_CT"]
    columns += ["BETA", "SE", "T_STAT", "P"] if model == "linear" else ["OR", "LOG(OR)_SE", "Z_STAT", "P"]
    yield "\t".join([*columns, "ERRCODE"]) + "\n"
    table = one.table
    beta, error = one._column("beta"), one._column("standard_error")
    strength = one._column("neg_log_10_p_value")
    text = {
        name: table[name].cast(pa.string()).to_pylist()
        for name in ("chromosome", "variant_id", "other_allele", "effect_allele", "test", "status", "n")
    }
    places = table["base_pair_location"].to_pylist()
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = beta / error
        shown = beta if model == "linear" else np.exp(beta)
    for row in range(table.num_rows):
        firth = text["test"][row] == "FIRTH"
        alt = text["effect_allele"][row] or "."
        tested = not np.isnan(beta[row])
        cells = [
            text["chromosome"][row],
            str(places[row]),
            text["variant_id"][row],
            text["other_allele"][row],
            alt,
            alt,
        ]
        cells += [("Y" if firth else "N")] if mixed else []
        cells += ["SCORE" if text["test"][row] == "SCORE" else "ADD", text["n"][row]]
        cells += [_digits(shown[row]), _digits(error[row]), _digits(ratio[row]), _p_text(strength[row])]
        yield "\t".join([*cells, "." if tested else text["status"][row].upper()]) + "\n"


def _digits(value: float) -> str:
    return "NA" if np.isnan(value) else f"{value:.6g}"


def _p_text(strength: float) -> str:
    """Return p to 6 digits from -log10 p, also where p is too small for a float."""
    if np.isnan(strength):
        return "NA"
    if np.isinf(strength):
        return "0"
    if strength < 300:
        return f"{10.0**-strength:.6g}"
    exponent = int(np.ceil(strength))
    mantissa = 10.0 ** (exponent - strength)
    return f"{mantissa:.6g}e-{exponent}"
