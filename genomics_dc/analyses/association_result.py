"""What an association scan found: rows by trait and variant, plots, and files of other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.arrow_columns import codes_of, floats_of
from genomics_dc.analyses.association_plink2 import plink2_lines
from genomics_dc.analyses.genomic_control import CHI2_MEDIAN, chi2_of
from genomics_dc.errors import UsageError
from genomics_dc.files import atomic_path, refuse_existing
from genomics_dc.kernels.median import median
from genomics_dc.kernels.status import STATUS_NAMES
from genomics_dc.provenance import Provenance
from genomics_dc.results import Result, along, dataset

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from genomics_dc.analyses.top_hits import TopHits
    from genomics_dc.analyses.view import View

_FORBIDDEN_IN_NAMES = frozenset('/\\\0:*?"<>|')

_SITE_COLUMNS = ("chromosome", "base_pair_location", "effect_allele", "other_allele")


@dataclass(frozen=True, repr=False)
class AssociationResult(Result):
    """One row per trait, test and variant: traits one after another, in each the tests, variants in store order.

    `chromosome`, `base_pair_location` (one-based), `effect_allele` (the first ALT), `other_allele` (REF; at a site of
    many alleles REF and the other ALTs, comma-separated, which are counted together), `beta` (log odds ratio in a
    logistic model), `standard_error`, `effect_allele_frequency` among the samples used, `p_value` (0 where it is below
    what a float holds), `neg_log_10_p_value` (right at any size), `n` samples used, `variant_id`, `trait`, `test`,
    `status`: ok, firth, score, spa, or why there is no estimate: separated, not_converged, monomorphic, too_few,
    collinear (with the covariates), filtered (`notes` says by what), exact_fit (no residual: the standard error is 0).
    What does not exist is null.

    `test` is ADD, DOM, REC or HOM and HET by the coding, DOMDEV the deviation from additivity, GENO_2DF both together
    (no beta), ADDxage the interaction with a covariate. Where it is ADD in a logistic model, FIRTH and SCORE stand for
    the status.

    SCORE: in a logistic model a variant whose score test has p above 0.1 is not fitted. Its p is the score test's, and
    `beta` and `standard_error` are the estimate after one Newton step from the fit without the variant.

    With permutations, `p_permutation` is the share of permuted traits that this variant does as well with, and
    `p_max_t` (not when they are adaptive) the share in which any variant of the scan does: right for many tests.
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
        """One of linear, logistic, firth, spa."""
        return str(self.provenance.parameters["model"])

    @property
    def tests(self) -> tuple[str, ...]:
        """The tests of each trait, in the order of the rows; the first is the main one."""
        names = self.provenance.parameters["tests"]
        assert isinstance(names, list)
        return tuple(str(name) for name in names)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was left aside and why: variants filtered, covariates that a variant repeats."""
        lines = self.provenance.parameters["notes"]
        assert isinstance(lines, list)
        return tuple(str(line) for line in lines)

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
        n_rows = int(str(self.provenance.parameters["n_variants"])) * len(self.tests)
        if len(self) == len(self.traits) * n_rows:
            return AssociationResult(
                self.table.slice(self.traits.index(name) * n_rows, n_rows), self.provenance, self.source
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
        counted = dict.fromkeys(STATUS_NAMES, 0)
        for chunk in self.table["status"].chunks:
            names, codes = chunk.dictionary.to_pylist(), codes_of(chunk)
            if codes.size and (codes == codes[0]).all():  # most traits have one status
                counted[names[codes[0]]] += codes.size
                continue
            for name, count in zip(names, np.bincount(codes, minlength=len(names)), strict=True):
                counted[name] += int(count)
        return {name: count for name, count in counted.items() if count}

    def strongest(self) -> dict[str, Mapping[str, Any] | None]:
        """Return the row of largest -log10 p of each trait, None where nothing was tested."""
        found: dict[str, Mapping[str, Any] | None] = {}
        for name in self.traits:
            table = self.of_trait(name).table
            strength = floats_of(table["neg_log_10_p_value"])
            rows = np.flatnonzero(strength == np.fmax.reduce(strength))  # fmax passes over NaN
            found[name] = table.slice(int(rows[0]), 1).to_pylist()[0] if rows.size else None
        return found

    def described(self, path: Path) -> AssociationFile:
        """Return what a file with this result, written to `path`, holds."""
        return AssociationFile(
            path, self.provenance, len(self), self.status_counts(), self.lambda_gc(), self.strongest()
        )

    def to_xarray(self) -> xr.Dataset:
        """Return estimates along `trait` and `variant`, alleles and places along `variant`.

        Rows that were chosen (`top`), or of several tests a variant, are given along `row`, as they are.
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

    def lambda_gc(self, *, mapper: Callable[..., Iterable[Any]] = map) -> dict[str, float]:
        """Return each trait's genomic inflation factor, by its main test (Devlin and Roeder 1999, Biometrics 55:997).

        The median of the chi-squared statistics (one degree of freedom) that belong to the p values, over the median
        expected without association. NaN for a trait without a tested variant. `mapper` is a way to call a function on
        each of some columns: `map`, or threads.
        """
        middles = mapper(median, [self._main(name)._column("neg_log_10_p_value") for name in self.traits])
        return {name: chi2_of(middle) / CHI2_MEDIAN for name, middle in zip(self.traits, middles, strict=True)}

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
        kind = {"linear": "linear", "firth": "firth"}.get(self.model, "logistic.hybrid")
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
                handle.writelines(plink2_lines(self.of_trait(name).table, self.model, len(self.tests)))
        return targets

    def _main(self, trait: str | None = None) -> AssociationResult:
        """Return the rows of a trait's main test."""
        one = self.of_trait(trait)
        n_variants = int(str(self.provenance.parameters["n_variants"]))
        if len(self.tests) == 1 or len(one) != n_variants * len(self.tests):
            return one
        return AssociationResult(one.table.slice(0, n_variants), one.provenance, one.source)

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
        column = self.table[name]
        if pa.types.is_float64(column.type):
            return floats_of(column)
        return np.asarray(column.to_numpy(), dtype=np.float64)


@dataclass(frozen=True, repr=False)
class AssociationPlots:
    """The plots of an association result; each returns a matplotlib figure."""

    result: AssociationResult

    def manhattan(self, trait: str | None = None, *, label_top: int = 3) -> Figure:
        """Return -log10 p along the genome of one trait, the strongest `label_top` loci named."""
        from genomics_dc.plots import association

        one = self.result._main(trait)
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

        one = self.result._main(trait)
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
class AssociationFile:
    """What was written: the file, what made it, and of each trait its inflation and its strongest row."""

    path: Path
    provenance: Provenance
    n_rows: int
    status_counts: Mapping[str, int]
    lambda_gc: Mapping[str, float]
    strongest: Mapping[str, Mapping[str, Any] | None]

    def __repr__(self) -> str:
        return f"AssociationFile({self.path}: {self.n_rows:,} rows, {len(self.lambda_gc):,} traits)"

    def __len__(self) -> int:
        return self.n_rows

    def read(self) -> AssociationResult:
        """Return the whole result; its numbers must fit into memory."""
        from pyarrow import parquet

        return AssociationResult(parquet.read_table(self.path), self.provenance)
