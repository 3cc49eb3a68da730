"""Reference blocks out of a sample's gVCF, or out of a BED of the bases that could be judged.

What a record says is what `calls.reference_proof` takes from it: the least depth it tells (DP, MIN_DP, MinDP), and by
how much its likelihoods put 0/0 before any other genotype; a GQ below that margin counts instead of it. A record with
any other genotype proves nothing, and neither does what lies under it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError
from genomics_dc.kernels.reference_blocks import Blocks, make_blocks
from genomics_dc.kernels.vcf.calls import FLOAT, GENOTYPE, INT_MISSING, INTEGER, CallField, CallReader
from genomics_dc.kernels.vcf.info import read_info_integers, read_info_spans
from genomics_dc.kernels.vcf.sites import Sites, read_sites
from genomics_dc.kernels.vcf.text import Names
from genomics_dc.store.vcf.header import VcfHeader
from genomics_dc.store.vcf.source import REF, TextBatch, VcfSource

BED_QUALITY: Final = 99
"""A callable base was judged by another program; the store's quality threshold has nothing to add."""
DEFAULT_BED_DEPTH_READS: Final = 10
_BATCH_RECORDS: Final = 10_000
_LIKELIHOODS: Final = 15  # of five alleles; wider ones are read again
_LESS: Final = ord("<")


@dataclass(frozen=True)
class SampleBlocks:
    """The blocks of one sample by contig name, and the file that they are from."""

    sample: str
    path: Path
    blocks: Mapping[str, Blocks]


@dataclass(frozen=True)
class _Records:
    """Columns of gVCF records, int64[R] each; start and end zero-based half-open; quality 0 where not 0/0."""

    contig: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    depth: npt.NDArray[np.int64]
    quality: npt.NDArray[np.int64]
    copies: npt.NDArray[np.int64]


def read_gvcf(path: Path, *, threads: int = 1) -> SampleBlocks:
    """Return the reference blocks of a gVCF of one sample (GATK, DeepVariant, bcftools, freebayes).

    Raises
    ------
    InputError
        When it is no VCF, has not one sample, or none of its records is a block.
    """
    source = VcfSource(path)
    header = source.header
    if len(header.samples) != 1:
        raise InputError(f"{path}: a gVCF holds one sample, this one holds {len(header.samples)}")
    contigs = Names.of(list(header.contigs))
    parts = [_batch(batch, header, contigs) for batch in source.batches(_BATCH_RECORDS, threads)]
    fields = ("contig", "start", "end", "depth", "quality", "copies")
    columns = {name: np.concatenate([getattr(part, name) for part in parts] or [_none()]) for name in fields}
    records = _Records(**columns)
    if not (records.quality > 0).any():
        raise InputError(
            f"{path} has no reference block: a gVCF has records with <NON_REF> or <*>, a genotype of 0/0, and DP or "
            "MIN_DP; give the gVCF that the caller wrote, not the called variants"
        )
    blocks = {}
    for number, name in enumerate(header.contigs):
        here = records.contig == number
        if here.any():
            blocks[name] = make_blocks(
                records.start[here],
                records.end[here],
                records.depth[here],
                records.quality[here],
                records.copies[here],
            )
    return SampleBlocks(header.samples[0], path, blocks)


def _none() -> npt.NDArray[np.int64]:
    return np.empty(0, dtype=np.int64)


def _batch(batch: TextBatch, header: VcfHeader, contigs: Names) -> _Records:
    sites = read_sites(batch.data, batch.columns, contigs, Names.of(list(header.filters)))
    if batch.problems.any() or (sites.contig < 0).any() or (sites.position < 0).any():
        row = int(np.flatnonzero((batch.problems != 0) | (sites.contig < 0) | (sites.position < 0))[0])
        if sites.contig[row] < 0 or sites.position[row] < 0:
            raise InputError(
                f"{batch.where(row)}: contig {batch.text(row, 0)} at {batch.text(row, 1)} is not in the header, or is "
                "no place; run `genomics-dc validate` on the file"
            )
    start = sites.position - 1
    ref_length = batch.columns[:, REF + 1] - 1 - batch.columns[:, REF]
    values = _Calls(batch, header, sites)
    info = _info(batch)
    end = start + ref_length
    told = info.get("END")
    if told is not None:
        end = np.where(told > start, told, end)
    depth = _least(values.get("DP"), values.get("MIN_DP"), info.get("MinDP"))
    copies, is_reference = values.genotype()
    quality = np.where(is_reference & (depth >= 0), values.quality(), 0)
    is_indel = values.has_indel(ref_length)
    # the record of an indel spans the base before it and what follows; as evidence for 0/0 it speaks of its own site
    end = np.where(is_indel & (quality > 0), start + 1, end)
    return _Records(sites.contig.astype(np.int64), start, end, np.maximum(depth, 0), quality, copies)


def _least(*columns: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
    """Return the least of what is told, -1 where nothing is."""
    told = [column for column in columns if column is not None]
    if not told:
        return np.full(0, -1, dtype=np.int64)
    stacked = np.stack(told)
    least = np.where(stacked < 0, np.iinfo(np.int64).max, stacked).min(axis=0)
    return np.where((stacked < 0).all(axis=0), -1, least)


def _info(batch: TextBatch) -> dict[str, npt.NDArray[np.int64]]:
    """Return END and MinDP, -1 where absent; a key that the header does not declare is looked for all the same."""
    keys = ["END", "MinDP"]
    spans = read_info_spans(batch.data, batch.columns, Names.of(keys))
    found = {}
    for number, key in enumerate(keys):
        read = read_info_integers(batch.data, np.ascontiguousarray(spans.span[:, number]), 1)
        value = read.values[:, 0].astype(np.int64)
        found[key] = np.where((read.count == 1) & (value >= 0), value, -1)
    return found


class _Calls:
    """The call of one sample in a batch of records."""

    def __init__(self, batch: TextBatch, header: VcfHeader, sites: Sites) -> None:
        self._n = len(batch)
        self._batch = batch
        self._sites = sites
        kinds = {"Integer": INTEGER, "Float": FLOAT}
        declared = {key: header.format[key].type for key in ("DP", "MIN_DP", "GQ", "PL", "GL") if key in header.format}
        widths = {"PL": _LIKELIHOODS, "GL": _LIKELIHOODS}
        ploidy = 2
        while True:
            fields = [CallField("GT", GENOTYPE, ploidy)] if "GT" in header.format else []
            fields += [
                CallField(key, kinds[kind], widths.get(key, 1)) for key, kind in declared.items() if kind in kinds
            ]
            calls = CallReader(fields, 1, genotype_dtype=np.int16, reuse=False).read(
                batch.data, batch.line_end, batch.columns, sites.n_alleles
            )
            wider = {key: seen.width for key, seen in calls.seen.items() if key in widths and seen.width > widths[key]}
            more = calls.genotype_seen.ploidy if calls.genotype_seen is not None else ploidy
            if not wider and more <= ploidy:
                break
            widths |= wider
            ploidy = max(ploidy, more)
        self._calls = calls

    def get(self, key: str) -> npt.NDArray[np.int64] | None:
        """Return a field of one number, int64[R], -1 where missing; None when it is not declared."""
        values = self._calls.values.get(key)
        if values is None:
            return np.full(self._n, -1, dtype=np.int64) if key == "DP" else None
        first = values[:, 0, 0]
        if first.dtype.kind == "f":
            return np.where(np.isnan(first), -1, np.nan_to_num(first)).astype(np.int64)
        return np.where(first >= 0, first, -1).astype(np.int64)

    def genotype(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Return int64[R], the copies, and bool[R], whether all of them are the reference."""
        genotype = self._calls.genotype
        if genotype is None:
            return np.full(self._n, 2, dtype=np.int64), np.ones(self._n, dtype=np.bool_)
        alleles = genotype[:, 0, :]
        copies = (alleles >= 0).sum(axis=1)
        is_reference = ((alleles == 0) | (alleles == -2)).all(axis=1) & (copies > 0)
        return copies.astype(np.int64), is_reference

    def quality(self) -> npt.NDArray[np.int64]:
        """Return int64[R]: by how much 0/0 comes first, 0 where it does not or nothing is told."""
        margin = self._margin()
        told = self.get("GQ")
        if told is None:
            return np.maximum(margin, 0)
        return np.where(margin < 0, np.maximum(told, 0), np.where(told < 0, margin, np.minimum(margin, told)))

    def _margin(self) -> npt.NDArray[np.int64]:
        """Return int64[R]: the phred-scaled likelihoods' margin, -1 where there are none."""
        for key in ("PL", "GL"):
            values = self._calls.values.get(key)
            if values is None:
                continue
            row = values[:, 0, :].astype(np.float64)
            known = ~np.isnan(row) if values.dtype.kind == "f" else values[:, 0, :] > INT_MISSING + 1
            if key == "GL":
                row = -10.0 * row
            other = np.where(known, row, np.inf)[:, 1:].min(axis=1, initial=np.inf)
            there = known[:, 0] & np.isfinite(other)
            margin = np.where(there, other - np.where(known[:, 0], row[:, 0], 0.0), -1.0)
            return np.where(there, np.maximum(margin, 0), -1).astype(np.int64)
        return np.full(self._n, -1, dtype=np.int64)

    def has_indel(self, ref_length: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return bool[R]: an ALT with letters of its own has another length than REF."""
        allele, first = self._sites.allele, self._sites.allele_first
        row = np.repeat(np.arange(self._n), np.diff(first))
        lettered = self._batch.data[allele[:, 0]] != _LESS
        differs = lettered & (allele[:, 1] - allele[:, 0] != ref_length[row])
        found = np.zeros(self._n, dtype=np.bool_)
        found[row[differs]] = True
        return found


def read_callable_bed(
    path: Path, sample: str, *, depth_reads: int = DEFAULT_BED_DEPTH_READS, copies: int = 2
) -> SampleBlocks:
    """Return the bases that a BED (zero-based half-open; three columns or more) says could be judged in a sample.

    Parameters
    ----------
    depth_reads
        The reads that each of these bases has at least: the threshold that the BED was made with.
    copies
        Alleles of a genotype there.

    Raises
    ------
    InputError
        Naming file and line, when one has no contig, start and end.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; give a BED file") from None
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise InputError(f"{path} is not a BED file: {error}") from None
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith(("#", "track", "browser")):
            continue
        fields = line.split("\t")
        if len(fields) < 3 or not (fields[1].isdigit() and fields[2].isdigit()) or int(fields[1]) > int(fields[2]):
            raise InputError(f"{path}, line {number}: a BED line has contig, start and end with tabs between")
        found.setdefault(fields[0], []).append((int(fields[1]), int(fields[2])))
    blocks = {}
    for contig, intervals in found.items():
        columns = np.array(intervals, dtype=np.int64)
        same: Any = np.ones(len(columns), dtype=np.int64)
        blocks[contig] = make_blocks(
            columns[:, 0], columns[:, 1], same * depth_reads, same * BED_QUALITY, same * copies
        )
    return SampleBlocks(sample, path, blocks)
