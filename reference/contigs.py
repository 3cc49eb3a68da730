"""Contig names: which of them mean the same sequence. Nowhere else in the project are aliases resolved.

Human chromosomes go by the bare name (1..22, X, Y, MT) in GRCh37 of 1000 Genomes and Ensembl, with "chr" in UCSC and
GRCh38 releases, and by RefSeq and GenBank accessions at NCBI. Accessions carry their assembly in the version number;
they are from the assembly reports GCF_000001405.25 (GRCh37.p13) and GCF_000001405.40 (GRCh38.p14).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from genomics_dc.errors import InputError

# RefSeq NC_0000NN.V: (version in GRCh37, version in GRCh38), from the two assembly reports named above.
_REFSEQ_VERSIONS = {
    "1": (10, 11), "2": (11, 12), "3": (11, 12), "4": (11, 12), "5": (9, 10), "6": (11, 12), "7": (13, 14),
    "8": (10, 11), "9": (11, 12), "10": (10, 11), "11": (9, 10), "12": (11, 12), "13": (10, 11), "14": (8, 9),
    "15": (9, 10), "16": (9, 10), "17": (10, 11), "18": (9, 10), "19": (9, 10), "20": (10, 11), "21": (8, 9),
    "22": (10, 11), "X": (10, 11), "Y": (9, 10),
}  # fmt: skip
_REFSEQ_NUMBER = {**{str(n): n for n in range(1, 23)}, "X": 23, "Y": 24}
_CHROMOSOME_OF_NUMBER = {number: name for name, number in _REFSEQ_NUMBER.items()}
_REFSEQ_PATTERN = re.compile(r"NC_(\d{6})\.(\d+)")
# Pseudoautosomal regions of X, zero-based half-open: Genome Reference Consortium, GRCh37 and GRCh38
# (https://www.ncbi.nlm.nih.gov/grc/human).
_PSEUDOAUTOSOMAL_X = {
    "GRCh37": ((60_000, 2_699_520), (154_931_043, 155_260_560)),
    "GRCh38": ((10_000, 2_781_479), (155_701_382, 156_030_895)),
}
# The mitochondrial sequence of both assemblies as released by NCBI and Ensembl (revised Cambridge reference sequence).
_MITOCHONDRION = "NC_012920.1"


def canonical(contig: str) -> str:
    """Return the bare name of a human chromosome ("20" for "chr20" and "NC_000020.10"), or the name itself.

    Only for comparing names: two builds' accessions of one chromosome come out equal, so a build is never judged by it.
    """
    match = _REFSEQ_PATTERN.fullmatch(contig)
    if match:
        if contig == _MITOCHONDRION:
            return "MT"
        name = _CHROMOSOME_OF_NUMBER.get(int(match[1]))
        if name is not None and int(match[2]) in _REFSEQ_VERSIONS[name]:
            return name
        return contig
    bare = contig[3:] if contig[:3].lower() == "chr" else contig
    if bare in {"M", "MT"}:
        return "MT"
    if bare.upper() in _REFSEQ_NUMBER:
        return bare.upper()
    return contig


def accession_assembly(contig: str) -> str | None:
    """Return "GRCh37" or "GRCh38" when `contig` is a RefSeq accession of one of their chromosomes, otherwise None."""
    match = _REFSEQ_PATTERN.fullmatch(contig)
    if match is None:
        return None
    name = _CHROMOSOME_OF_NUMBER.get(int(match[1]))
    if name is None:
        return None
    grch37, grch38 = _REFSEQ_VERSIONS[name]
    return {grch37: "GRCh37", grch38: "GRCh38"}.get(int(match[2]))


def pseudoautosomal_x(assembly: str | None) -> tuple[tuple[int, int], ...]:
    """Return the regions of X that X and Y share, zero-based half-open; none when the assembly is not known.

    `assembly` may say more than the name ("GRCh38.p14").
    """
    return next((spans for build, spans in _PSEUDOAUTOSOMAL_X.items() if build in (assembly or "")), ())


def resolve(contig: str, known: Iterable[str]) -> str | None:
    """Return the name in `known` that means the same sequence as `contig`, or None.

    The exact name wins; otherwise an alias. Raises InputError when two names in `known` are aliases of it.
    """
    names = list(known)
    if contig in names:
        return contig
    wanted = canonical(contig)
    found = [name for name in names if canonical(name) == wanted]
    if len(found) > 1:
        raise InputError(f"contig {contig} could mean any of {', '.join(found)}; give the exact name")
    return found[0] if found else None


def require(contig: str, known: Sequence[str], *, where: str) -> str:
    """Return `resolve(contig, known)`; raise InputError naming `where` and some known contigs when there is none."""
    name = resolve(contig, known)
    if name is None:
        shown = ", ".join(list(known)[:8]) + (", …" if len(known) > 8 else "")
        raise InputError(f"contig {contig} is not in {where}; it has {shown or 'no contigs'}")
    return name


_REGION_PATTERN = re.compile(r"(?P<start>\d[\d,]*)(?:-(?P<end>\d[\d,]*)?)?")


def parse_region(text: str, known: Sequence[str], *, where: str) -> tuple[str, int, int | None]:
    """Return (contig, start, end) of a region string, zero-based half-open; end None means to the end of the contig.

    The string is one-based inclusive, as samtools has it: "20", "chr20:1,000-2,000", "20:1000-" (to the end),
    "20:1000" (from there to the end). A name that itself holds a colon ("HLA:01") is tried whole first.

    Raises
    ------
    InputError
        When the contig is not in `known`, or the numbers are not a region.
    """
    text = text.strip()
    whole = resolve(text, known)
    if whole is not None:
        return whole, 0, None
    name, colon, numbers = text.rpartition(":")
    if not colon:
        return require(text, known, where=where), 0, None
    match = _REGION_PATTERN.fullmatch(numbers)
    if match is None:
        raise InputError(f"region {text!r} should look like 20, 20:1,000-2,000 or 20:1,000- (one-based, inclusive)")
    contig = require(name, known, where=where)
    start = int(match["start"].replace(",", ""))
    end = int(match["end"].replace(",", "")) if match["end"] else None
    if start < 1 or (end is not None and end < start):
        raise InputError(f"region {text!r}: positions count from 1 and the end is not before the start")
    return contig, start - 1, end
