"""Which covariates a variant repeats, in words: the reason behind the status `collinear`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.association_groups import Group, Run
from genomics_dc.analyses.genotype_blocks import source_of
from genomics_dc.analyses.phenotypes import AlignedTraits
from genomics_dc.kernels.status import COLLINEAR

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

_SHOWN_MAX = 20


def collinear_notes(
    view: StoreView,
    store: StoreView,
    aligned: AlignedTraits,
    runs: Sequence[Run],
    groups: Sequence[tuple[str, Group]],
    status: npt.NDArray[np.int8],
) -> list[str]:
    """Return a sentence for each of the first variants that the covariates make up, and how many there are.

    `status` int8[T, V]; `groups` with the kind of contig that each is of.
    """
    pairs = [(trait, variant) for trait, row in enumerate(status) for variant in np.flatnonzero(row == COLLINEAR)]
    if not pairs or not aligned.covariate_names:
        return []
    lines: list[str] = []
    index = view.sites_index()
    for trait, variant in pairs[:_SHOWN_MAX]:
        kind = next(run.kind for run in runs if run.start <= variant < run.stop)
        group = next(group for of_kind, group in groups if of_kind == kind and trait in group.traits)
        one = view.variants(index=index[variant : variant + 1])
        source = source_of(one, store, "GT")
        g = source.dosage(next(source.blocks), group.rows)[0]
        there = ~np.isnan(g)
        names = _makers(g[there], aligned.covariates[group.rows][there], aligned.covariate_names)
        word = "covariate" if len(names) == 1 else "covariates"
        lines.append(
            f"variant {one.sites().variant_id[0]} is collinear with {word} {', '.join(names)} in the samples of trait "
            f"{aligned.trait_names[trait]}"
        )
    if len(pairs) > _SHOWN_MAX:
        lines.append(f"… {len(pairs):,} variants by trait are collinear with covariates in all")
    return lines


def _makers(g: npt.NDArray[np.float64], covariates: npt.NDArray[np.float64], names: Sequence[str]) -> list[str]:
    centred = covariates - covariates.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    usable = np.flatnonzero(length > 0)
    shares = np.linalg.lstsq(centred[:, usable] / length[usable], g - g.mean(), rcond=None)[0]
    largest = np.abs(shares).max(initial=0.0)
    return [names[j] for j, share in zip(usable.tolist(), shares.tolist(), strict=True) if abs(share) > 1e-4 * largest]
