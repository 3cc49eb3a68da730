"""The site-frequency spectrum: how many variants have how many copies of the rarer, or of the derived, allele."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from genomics_dc.analyses.alleles import Alleles, alleles_of
from genomics_dc.analyses.frequencies import group_parameters
from genomics_dc.analyses.group_tally import Progress, tally_groups
from genomics_dc.analyses.groups import ALL, read_groups
from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.errors import InputError, UsageError
from genomics_dc.results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from genomics_dc.provenance import JsonValue
    from genomics_dc.store.read import StoreView

_Integers = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]

_PAIRS_AT_ONCE = 1024


class SpectrumResult(Result):
    """One row per group and number of copies, from 0 on.

    `group`; `copies` of the rarer allele (folded) or the derived one; `variants`: how many have so many, a whole number
    unless the spectrum is projected. The provenance has, by group, `chromosomes` (the copies called that a variant must
    have, or the number projected to), `used` and `incomplete` variants; and how many were left out for several ALT
    alleles, for none, or because their ancestral allele is not known.
    """

    @property
    def chromosomes(self) -> dict[str, int]:
        """Copies that each group's spectrum counts among."""
        return self._numbers("chromosomes")

    @property
    def used(self) -> dict[str, int]:
        """Variants in each group's spectrum."""
        return self._numbers("used")

    @property
    def incomplete(self) -> dict[str, int]:
        """Variants with too few copies called, by group."""
        return self._numbers("incomplete")

    @property
    def folded(self) -> bool:
        """Whether the rarer allele is counted."""
        return bool(self.provenance.parameters["folded"])

    def of_group(self, name: str = ALL) -> _Floats:
        """Return the spectrum of a group: float64, one number for each count of copies from 0 on."""
        if name not in self.chromosomes:
            raise UsageError(f"{name} is not a group of this spectrum; it has {', '.join(self.chromosomes)}")
        return np.asarray(self.table.filter(pc.equal(self.table["group"], name))["variants"].to_numpy(), np.float64)

    @property
    def plot(self) -> SpectrumPlots:
        """The plot: `.spectrum()`."""
        return SpectrumPlots(self)

    def _numbers(self, name: str) -> dict[str, int]:
        values = self.provenance.parameters[name]
        assert isinstance(values, dict)
        return {key: int(str(value)) for key, value in values.items()}


@dataclass(frozen=True, repr=False)
class SpectrumPlots:
    """The plot of a spectrum."""

    result: SpectrumResult

    def spectrum(self) -> Figure:
        """Return the spectra of all groups, on logarithmic axes, with the neutral one."""
        from genomics_dc.plots import spectrum as drawing

        chromosomes = self.result.chromosomes
        values = {name: self.result.of_group(name) for name in chromosomes}
        return drawing.spectrum(values, chromosomes, folded=self.result.folded)

    def save(self, folder: Path | str) -> list[Path]:
        """Write the plot as SVG and PNG into `folder`, made if need be; return the paths."""
        from genomics_dc.plots import style

        return style.save_all({"spectrum": self.spectrum()}, folder)


def spectrum(
    view: StoreView,
    *,
    groups: Any = None,
    by: Sequence[str] | str | None = None,
    strict: bool = False,
    folded: bool = True,
    project: int | None = None,
    ancestral: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> SpectrumResult:
    """Return the spectrum over all samples of a view and in groups of them, of variants with one ALT allele.

    Parameters
    ----------
    groups, by, strict
        See `analyses.groups.read_groups`.
    folded
        Count the rarer allele; else the derived one.
    project
        Give what a smaller sample would have, so many chromosomes of each group: a variant with `n` copies called, `k`
        of them derived, adds the hypergeometric probability of each count. A variant needs `project` copies called.
        Without it a variant needs all the copies that any variant of the group has.
    ancestral
        An INFO field with the ancestral allele, such as AA, for a spectrum that is not folded; text after a `|` is left
        aside, and a variant where it is neither REF nor ALT is left out. Without it REF counts as ancestral.
    threads, progress
        All processors when None; called with variants done and in all.

    Raises
    ------
    InputError, UsageError
        As `frequencies`; also no such field, and more chromosomes than a group has.

    Examples
    --------
    >>> view.spectrum(groups="traits.tsv", by="case", project=40).chromosomes
    {'all': 40, '0': 40, '1': 40}
    """
    if project is not None and project < 2:
        raise UsageError(f"a spectrum is projected to 2 chromosomes or more, not {project}")
    if folded and ancestral is not None:
        raise UsageError("a folded spectrum needs no ancestral allele; leave it out, or ask for the unfolded one")
    grouped = read_groups(view, groups, by=by, strict=strict)
    if not view.n_variants:
        raise InputError(f"this view of {view.path} has no variant; loosen region and filters")
    alleles = alleles_of(view, words=ancestral is not None)
    two = alleles.n_alleles[alleles.site] == 2
    turned = np.zeros(len(alleles), dtype=bool)
    unpolarised = 0
    if ancestral is not None:
        known, turned = _polarised(view, alleles, ancestral)
        unpolarised = int((two & ~known).sum())
        two &= known
    tally = tally_groups(view, alleles, grouped.members, threads=threads, progress=progress)
    names, copies, variants = [], [], []
    chromosomes: dict[str, JsonValue] = {}
    used: dict[str, JsonValue] = {}
    incomplete: dict[str, JsonValue] = {}
    for g, name in enumerate(grouped.everyone_first):
        called = tally.allele_number[two, g].astype(np.int64)
        derived = tally.allele_count[two, g].astype(np.int64)
        derived = np.where(turned[two], called - derived, derived)
        most = int(called.max(initial=0))
        if project is not None and project > most:
            raise UsageError(f"group {name} has {most:,} chromosomes called at most; project to so many or fewer")
        enough = called >= (most if project is None else project)
        values = (
            np.bincount(derived[enough], minlength=most + 1).astype(np.float64)
            if project is None
            else projected(called[enough], derived[enough], project)
        )
        values = fold(values) if folded else values
        names += [name] * len(values)
        copies.append(np.arange(len(values)))
        variants.append(values)
        chromosomes[name], used[name] = most if project is None else project, int(enough.sum())
        incomplete[name] = int((~enough).sum())
    table = pa.table(
        {
            "group": pa.array(names, pa.string()),
            "copies": pa.array(np.concatenate(copies)),
            "variants": pa.array(np.concatenate(variants)),
        }
    )
    parameters: dict[str, JsonValue] = {
        **group_parameters(grouped),
        "folded": folded,
        "project": project,
        "ancestral": "REF" if ancestral is None and not folded else ancestral,
        "chromosomes": chromosomes,
        "used": used,
        "incomplete": incomplete,
        "several_alt_alleles": int((alleles.n_alleles > 2).sum()),
        "no_alt_allele": int((alleles.n_alleles < 2).sum()),
        "ancestral_unknown": unpolarised,
    }
    return SpectrumResult(table, provenance_of("spectrum", view, parameters, inputs=grouped.inputs))


def fold(spectrum: _Floats) -> _Floats:
    """Return the folded spectrum of one that counts the derived allele: copies i and n - i together.

    Examples
    --------
    >>> import numpy as np
    >>> fold(np.array([1.0, 4.0, 2.0, 1.0, 0.0])).tolist()
    [1.0, 5.0, 2.0]
    """
    n = len(spectrum) - 1
    rarer = np.minimum(np.arange(n + 1), n - np.arange(n + 1))
    folded: _Floats = np.bincount(rarer, weights=spectrum, minlength=n // 2 + 1).astype(np.float64)
    return folded


def projected(called: _Integers, derived: _Integers, size: int) -> _Floats:
    """Return the spectrum that `size` of the called copies have in the mean, float64[size + 1].

    Marth et al. 2004, Genetics 166:351. Variants of the same counts are added up first, in the order of their counts,
    so that the sum is the same in any order of variants.
    """
    from scipy.special import gammaln

    pairs, times = np.unique(np.stack([called, derived], axis=1), axis=0, return_counts=True)
    ln_factorial = gammaln(np.arange(int(called.max(initial=0)) + 1) + 1.0)

    def ln_choose(n: _Integers, k: _Integers) -> _Floats:
        inside = (k >= 0) & (k <= n)
        k = np.where(inside, k, 0)
        return np.where(inside, ln_factorial[n] - ln_factorial[k] - ln_factorial[n - k], -np.inf)

    copies = np.arange(size + 1)
    total = np.zeros(size + 1)
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        n, k = pairs[start : start + _PAIRS_AT_ONCE].T[:, :, None]
        share = np.exp(ln_choose(k, copies) + ln_choose(n - k, size - copies) - ln_choose(n, np.full_like(n, size)))
        total += (times[start : start + _PAIRS_AT_ONCE, None] * share).sum(axis=0)
    return total


def _polarised(view: StoreView, alleles: Alleles, name: str) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return, bool[R], whether the ancestral allele is REF or ALT, and whether it is ALT."""
    field = f"variant_{name}"
    if field not in view.fields:
        raise InputError(f"{view.path} has no INFO field {name}; give the one that holds the ancestral allele")
    words = [
        str(word[0] if getattr(word, "ndim", 0) else word).split("|")[0].strip().upper()
        for block in view.blocks(field)
        for word in block[field]
    ]
    ancestor = np.array(words, dtype=object)[alleles.site]
    ref = np.array(alleles.columns["ref"].to_pylist(), dtype=object)
    alt = np.array(alleles.columns["alt"].to_pylist(), dtype=object)
    return (ancestor == ref) | (ancestor == alt), ancestor == alt
