"""FASTQ pairs looked at read by read: whole, of equal count, mates of each other, first mates first."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path

import pysam
import pysam.utils

from genomics_dc.config import Problem, RunConfig, Unit
from genomics_dc.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"
_FIRST_LOOK_READS = 2000
_KNOWN_OTHER_FORMATS = ((b"BAM\x01", "BAM"), (b"CRAM", "CRAM"), (b"@HD\t", "SAM"), (b"@SQ\t", "SAM"), (b">", "FASTA"))


@dataclass(frozen=True)
class PairSummary:
    """What a pair of FASTQ files holds."""

    pairs: int
    bases: int


def check_pair(fastq_1: Path, fastq_2: Path, *, reads_max: int | None = None) -> PairSummary:
    """Read two FASTQ files side by side, to the end or to `reads_max` pairs, and return what they hold.

    Raises InputError at the first thing wrong: not FASTQ, truncated, unequal counts, other names, mates swapped.
    """
    for path in (fastq_1, fastq_2):
        _refuse_other_formats(path)
    pairs = bases = 0
    first, second = _reads(fastq_1), _reads(fastq_2)
    for one, two in islice(zip_longest(first, second), reads_max):
        pairs += 1
        if one is None or two is None:
            short, long = (fastq_1, fastq_2) if one is None else (fastq_2, fastq_1)
            raise InputError(
                f"{short} ends after {pairs - 1:,} reads but {long} goes on; the mates must be of equal count, "
                "so fetch or demultiplex both files again"
            )
        name_1, mate_1 = _name_and_mate(one)
        name_2, mate_2 = _name_and_mate(two)
        if name_1 != name_2:
            raise InputError(
                f"read {pairs:,} is {name_1} in {fastq_1} but {name_2} in {fastq_2}; these files are not mates of each "
                "other, or not in the same order"
            )
        if mate_1 == "2" or mate_2 == "1":
            raise InputError(
                f"read {pairs:,} of {fastq_1} says it is mate {mate_1 or '?'}, and of {fastq_2} mate {mate_2 or '?'}; "
                "the two files are swapped, so exchange fastq_1 and fastq_2"
            )
        bases += len(one.sequence or "") + len(two.sequence or "")
    if pairs == 0:
        raise InputError(f"{fastq_1} holds no read")
    return PairSummary(pairs, bases)


def _refuse_other_formats(path: Path) -> None:
    """Raise InputError when a file that should be FASTQ plainly is something else."""
    with open(path, "rb") as handle:
        head = handle.read(4)
    if head[:2] == _GZIP_MAGIC:
        try:
            with gzip.open(path, "rb") as packed:
                head = packed.read(4)
        except (EOFError, zlib.error, OSError):
            raise InputError(
                f"{path} is not a whole gzip file: it is damaged or truncated near its start; fetch it again"
            ) from None
    for magic, kind in _KNOWN_OTHER_FORMATS:
        if head.startswith(magic):
            mend = "; put it in the column alignment" if kind in ("BAM", "CRAM") else ""
            raise InputError(f"{path} is {kind}, not FASTQ{mend}")
    if not head.startswith(b"@"):
        raise InputError(f"{path} is not FASTQ: a FASTQ file begins with @, this one with {head[:1]!r}")


def _reads(path: Path) -> Iterator[pysam.FastxRecord]:
    """Yield the reads; raise InputError where the file is cut or damaged."""
    count = 0
    try:
        with pysam.FastxFile(str(path), persist=False) as handle:
            for read in handle:
                if read.quality is None or len(read.quality) != len(read.sequence or ""):
                    raise ValueError("bases and qualities of different length")
                count += 1
                yield read
    except (OSError, ValueError):
        raise InputError(
            f"{path} is cut or damaged after read {count:,}; fetch the file again and compare its checksum"
        ) from None


def _name_and_mate(read: pysam.FastxRecord) -> tuple[str, str | None]:
    """Return the read's name without its mate mark, and the mark ("1", "2") from /1 or the Casava comment, if any."""
    name = str(read.name)
    if name[-2:] in ("/1", "/2"):
        return name[:-2], name[-1]
    comment: str = read.comment or ""
    return name, comment[0] if comment[:2] in ("1:", "2:") else None


def first_look(run: RunConfig) -> list[Problem]:
    """Return what is plainly wrong with the read files of a run, from the first reads and the last bytes of each.

    The whole of each file is read later, when it is trimmed.
    """
    problems = []
    for unit in run.units.values():
        try:
            if unit.fastq:
                check_pair(*unit.fastq, reads_max=_FIRST_LOOK_READS)
            elif unit.alignment:
                _look_at_alignment(unit)
        except InputError as error:
            column = "columns fastq_1, fastq_2" if unit.fastq else "column 'alignment'"
            problems.append(Problem(str(run.sheet), unit.line, column, str(error)))
    return problems


def _look_at_alignment(unit: Unit) -> None:
    """Raise InputError when an alignment file is truncated, unreadable, or of another sample."""
    path = str(unit.alignment)
    try:
        pysam.quickcheck(path)
    except pysam.utils.SamtoolsError:
        raise InputError(
            f"{path} is truncated or not BAM or CRAM (no end-of-file mark); fetch the file again"
        ) from None
    with pysam.AlignmentFile(path, check_sq=False) as handle:
        names = {group.get("SM") for group in handle.header.to_dict().get("RG", [])} - {None}
    if len(names) > 1:
        raise InputError(f"{path} holds reads of {len(names)} samples; split it by read group first")
    if names and names != {unit.sample}:
        raise InputError(
            f"{path}: its read groups name another sample than {unit.sample}; give that id, or mend its header"
        )
