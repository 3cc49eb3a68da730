"""Which of Hail's reference genomes a store's positions are of, and what its contigs are called there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genomics_dc.errors import BuildMismatchError, InputError
from genomics_dc.reference import contigs as contig_names
from genomics_dc.store.read import StoreView

BUILDS = ("GRCh37", "GRCh38")
_SAME_BUILD = {
    "grch37": "GRCh37", "b37": "GRCh37", "hg19": "GRCh37", "hs37d5": "GRCh37",
    "grch38": "GRCh38", "hg38": "GRCh38",
}  # fmt: skip


def reference_genome(hail: Any, view: StoreView, lengths: Mapping[str, int | None], asked: Any) -> Any:
    """Return the Hail reference genome of a view: the one asked for, or the one that the store says.

    Parameters
    ----------
    lengths
        Bases of each contig, as the header of the store has them.
    asked
        "GRCh37", "GRCh38", a `hail.ReferenceGenome`, or None: then the build recorded in the store, the accessions of
        its contigs, or their lengths decide.

    Raises
    ------
    BuildMismatchError
        When the genome asked for contradicts what the store records or the length of one of its contigs.
    InputError
        When nothing says which build it is.
    """
    used = _used_contigs(view)
    recorded = build_named(view.assembly)
    if asked is not None:
        genome = hail.get_reference(asked) if isinstance(asked, str) else asked
        if recorded is not None and genome.name in BUILDS and recorded != genome.name:
            raise BuildMismatchError(
                f"{view.path} is of genome build {view.assembly}, not of {genome.name}; leave the build out"
            )
        _require_lengths(view, used, lengths, genome)
        return genome
    by_accession = {build for name in used if (build := contig_names.accession_assembly(name)) is not None}
    if recorded is None and len(by_accession) == 1:
        recorded = by_accession.pop()
    if recorded is not None:
        genome = hail.get_reference(recorded)
        _require_lengths(view, used, lengths, genome)
        return genome
    fitting = [
        genome
        for genome in map(hail.get_reference, BUILDS)
        if used and all(lengths.get(name) and _length_in(genome, name) == lengths[name] for name in used)
    ]
    if len(fitting) == 1:
        return fitting[0]
    raise InputError(
        f"{view.path} does not say which genome build it is of, nor do the lengths of its contigs; "
        "name it: reference_genome='GRCh37' or 'GRCh38', or a hail.ReferenceGenome"
    )


def build_named(text: str | None) -> str | None:
    """Return "GRCh37" or "GRCh38" for a name of it (hg19, b37, GRCh38.p14, …), None for any other."""
    return None if text is None else _SAME_BUILD.get(text.casefold().partition(".")[0])


def recoding(view: StoreView, genome: Any) -> dict[str, str]:
    """Return the name in `genome` of each contig on which the view has variants.

    Raises
    ------
    InputError
        When the genome has no such contig.
    """
    named = {}
    for name in _used_contigs(view):
        there = contig_names.resolve(name, genome.contigs)
        if there is None:
            raise InputError(
                f"contig {name} of {view.path} is not in Hail's {genome.name}; leave its variants out with "
                "view.region(…), or give reference_genome=hail.ReferenceGenome(…) that has it"
            )
        named[name] = there
    return named


def names_in_store(genome_contigs: Sequence[str], store_contigs: Sequence[str]) -> Mapping[str, str]:
    """Return what each contig of a genome is called in a store that has these contigs, for those that it has."""
    return {name: there for name in genome_contigs if (there := contig_names.resolve(name, store_contigs)) is not None}


def _used_contigs(view: StoreView) -> list[str]:
    return list(dict.fromkeys(view.sites().contig.tolist()))


def _length_in(genome: Any, name: str) -> int | None:
    there = contig_names.resolve(name, genome.contigs)
    return None if there is None else int(genome.lengths[there])


def _require_lengths(view: StoreView, used: Sequence[str], lengths: Mapping[str, int | None], genome: Any) -> None:
    for name in used:
        expected, found = _length_in(genome, name), lengths.get(name)
        if expected is not None and found and expected != found:
            raise BuildMismatchError(
                f"contig {name} of {view.path} has {found:,} bases, in {genome.name} it has {expected:,}: the data are "
                "of another genome build"
            )
