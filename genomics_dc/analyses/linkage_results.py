"""What the analyses of linkage give: frozen tables, a square, and how other programs want them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.errors import UsageError
from genomics_dc.files import atomic_path, refuse_existing, write_text
from genomics_dc.results import Result, along, dataset, described_html

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from genomics_dc.analyses.view import View

Measure = Literal["r", "r2", "d", "d_prime"]
MEASURES: tuple[Measure, ...] = ("r", "r2", "d", "d_prime")


@dataclass(frozen=True, repr=False)
class PruneResult(Result):
    """One row per variant: `chromosome`, `base_pair_location` (one-based), `variant_id`, `kept`."""

    source: View | None = None

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """bool[V]: the variants that stay."""
        return np.asarray(self.table["kept"].to_numpy())

    def view(self) -> View:
        """Return the view of the variants that stay."""
        assert self.source is not None
        return self.source.variants(index=self.source.sites_index()[self.kept])

    def to_plink2(self, prefix: Path | str, *, force: bool = False) -> list[Path]:
        """Write `PREFIX.prune.in` and `PREFIX.prune.out`, ids one a line, as PLINK 2 does; return the paths."""
        paths = [Path(f"{prefix}.prune.in"), Path(f"{prefix}.prune.out")]
        for path in paths:
            refuse_existing(path, force=force)
        ids = self.table["variant_id"]
        for path, mask in zip(paths, (self.kept, ~self.kept), strict=True):
            lines = ids.filter(pa.array(mask)).to_pylist()
            write_text(path, "".join(f"{name}\n" for name in lines), force=force)
        return paths


@dataclass(frozen=True, repr=False)
class LDResult(Result):
    """One row per pair of variants in linkage, ordered by the first, then the second.

    `chromosome`, `base_pair_location_1`, `variant_id_1`, `base_pair_location_2`, `variant_id_2`, `n` samples called at
    both, `r` (positive where the first ALT alleles go together), `r2`, and, when asked for, `d` and `d_prime` (0 to 1).
    """

    def to_plink(self) -> pa.Table:
        """Return the columns of `plink --r2` (1.9), by its names."""
        names = {
            "chromosome": "CHR_A",
            "base_pair_location_1": "BP_A",
            "variant_id_1": "SNP_A",
            "chr_b": "CHR_B",
            "base_pair_location_2": "BP_B",
            "variant_id_2": "SNP_B",
            "r2": "R2",
            "d_prime": "DP",
        }
        table = self.table.append_column("chr_b", self.table["chromosome"])
        kept = [name for name in names if name in table.column_names]
        return table.select(kept).rename_columns([names[name] for name in kept])


@dataclass(frozen=True, repr=False)
class LDMatrix(Result):
    """A square of one measure; the table has one row per variant, `values` float64[V, V] the pairs.

    NaN where a pair has no value (one of the two does not vary, or it lies outside the window).
    """

    values: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    measure: Measure = "r2"

    def __repr__(self) -> str:
        return f"LDMatrix({len(self.values):,} x {len(self.values):,} variants, {self.measure})"

    @property
    def plot(self) -> LDPlots:
        """The plot: `.heatmap()`."""
        return LDPlots(self)

    def _repr_html_(self) -> str:
        square = f"{len(self.values):,} x {len(self.values):,} variants"
        return described_html(self, {"square": square, "measure": self.measure, **self.facts()})

    def to_xarray(self) -> xr.Dataset:
        """Return the square along `variant` and `other_variant`, with place and id of each variant along `variant`."""
        ids = self.table["variant_id"].to_pylist()
        variables: dict[str, Any] = {**along(self.table, "variant")}
        variables[self.measure] = (("variant", "other_variant"), self.values)
        return dataset(variables, {"variant": ids, "other_variant": ids}, self.provenance)

    def write(self, path: Path | str, *, force: bool = False, threads: int | None = None) -> Path:
        """Write the square as NumPy's .npy and, beside it, `<path>.variants.tsv`; return `path`."""
        target = Path(path)
        if target.suffix != ".npy":
            raise UsageError(f"{target}: the name of a matrix ends with .npy")
        beside = Path(f"{target}.variants.tsv")
        refuse_existing(target, force=force)
        refuse_existing(beside, force=force)
        with atomic_path(target, force=force) as temporary, open(temporary, "wb") as handle:
            np.save(handle, self.values)
        super().write(beside, force=force, threads=threads)
        return target


@dataclass(frozen=True, repr=False)
class LDPlots:
    """The plots of a matrix of linkage."""

    result: LDMatrix

    def heatmap(self) -> Figure:
        """Return the upper triangle, coloured by the measure."""
        from genomics_dc.plots import linkage

        table = self.result.table
        return linkage.heatmap(
            self.result.values,
            np.asarray(table["base_pair_location"].to_numpy()),
            measure=self.result.measure,
            chromosomes=sorted(set(table["chromosome"].to_pylist())),
        )

    def save(self, folder: Path | str) -> list[Path]:
        """Write the heat map as SVG and PNG into `folder`, made if need be; return the paths."""
        from genomics_dc.plots import style

        out = Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        return [*style.save(self.heatmap(), out / f"ld_{self.result.measure}")]


@dataclass(frozen=True, repr=False)
class LDScoreResult(Result):
    """One row per variant: `chromosome`, `base_pair_location`, `variant_id`, `n_window`, `ld_score`, `status`.

    `n_window` counts the variants of the window, itself included; `ld_score` is null where `status` is monomorphic.
    """

    def to_ldsc(self) -> pa.Table:
        """Return the columns of LDSC's `.l2.ldscore` files: CHR, SNP, BP, L2; variants without a score are left out."""
        table = self.table.filter(self.table["ld_score"].is_valid())
        names = {"chromosome": "CHR", "variant_id": "SNP", "base_pair_location": "BP", "ld_score": "L2"}
        return table.select(list(names)).rename_columns(list(names.values()))
