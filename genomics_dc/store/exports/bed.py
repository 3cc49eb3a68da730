"""PLINK 1's bed, bim and fam: one REF, one ALT, and how many copies of the ALT each sample carries.

Variants of several ALT alleles are refused, or split: then every ALT has a row of its own, in which all other alleles,
REF or not, count as REF (as `bcftools norm -m-` has it). Half-calls are missing, haploid calls homozygous, phase and
all other FORMAT fields are left out; a call of more than two alleles is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError
from genomics_dc.files import atomic_files
from genomics_dc.kernels.diploid import allele_dosage
from genomics_dc.kernels.genotypes import pack_dosage
from genomics_dc.store import schema
from genomics_dc.store.exports import people
from genomics_dc.store.exports.calls import ahead, batches, parts, require_calls
from genomics_dc.store.exports.exported import Exported, Progress
from genomics_dc.store.read import Sites, StoreView

MAGIC = bytes((0x6C, 0x1B, 0x01))
"""A bed file by variant."""


def _bed_of_packed() -> npt.NDArray[np.uint8]:
    """Return uint8[256]: a byte of four packed dosages as bed has them, counting ALT as the first allele.

    0, 1, 2 copies and missing are 3, 2, 0 and 1 there.
    """
    codes = np.array([3, 2, 0, 1], dtype=np.uint8)
    byte = np.arange(256, dtype=np.uint8)
    table = np.zeros(256, dtype=np.uint8)
    for place in range(4):
        table |= codes[(byte >> (2 * place)) & 3] << np.uint8(2 * place)
    return table


_BED_OF_PACKED = _bed_of_packed()


def export_bed(view: StoreView, output: Path, *, split_multiallelic: bool, force: bool, progress: Progress) -> Exported:
    """Write NAME.bed, NAME.bim and NAME.fam; see the module for what is lost and what is refused."""
    require_calls(view, "a bed")
    people.require_plain_ids(view.sample_ids, "a fam")
    sites = view.sites()
    several = np.flatnonzero(sites.n_alleles > 2)
    if several.size and not split_multiallelic:
        first = int(several[0])
        raise InputError(
            f"{several.size:,} of {len(sites):,} variants have several ALT alleles, the first at "
            f"{sites.contig[first]}:{sites.position[first]}, and a bed holds one; split them with "
            "--split-multiallelic, or export pgen"
        )
    n_rows = int(np.maximum(sites.n_alleles.astype(np.int64) - 1, 1).sum())
    base = output.with_suffix("")
    finals = [output, Path(f"{base}.bim"), Path(f"{base}.fam")]
    with atomic_files(finals, force=force) as (bed, bim, sample_file):
        done = 0
        with open(bed, "wb") as handle:
            handle.write(MAGIC)
            for packed in ahead(_packed_rows(view, several_alleles=bool(several.size))):
                rows = _BED_OF_PACKED[packed]
                if view.n_samples % 4:
                    rows[:, -1] &= (1 << (2 * (view.n_samples % 4))) - 1  # unused places hold 0 in a bed
                handle.write(rows.tobytes())
                done += len(rows)
                progress(f"Writing {view.n_samples:,} samples", done / n_rows)
        with open(bim, "w", encoding="utf-8", newline="\n") as lines:
            lines.writelines(_bim(sites))
        sample_file.write_text(people.fam(view.sample_ids), encoding="utf-8", newline="\n")
    lost = ["a bed holds neither phase nor half-calls nor haploid calls nor any other FORMAT field"]
    if several.size:
        lost.append(
            f"{several.size:,} variants of several ALT alleles were split into {n_rows - len(sites):,} more rows"
        )
    return Exported(tuple(finals), n_rows, view.n_samples, tuple(lost))


def _packed_rows(view: StoreView, *, several_alleles: bool) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield uint8[rows, ceil(S/4)], a row for each ALT allele, 2-bit copies of it."""
    ploidy = view.field_shape(schema.CALL_GENOTYPE)[2]
    if several_alleles or ploidy > 2:
        for batch in batches(view, "a bed"):  # refuses a call of three alleles
            n_rows = np.maximum(batch.n_alleles - 1, 1)
            variant = np.repeat(np.arange(len(batch)), n_rows)
            allele = np.arange(len(variant)) - np.repeat(np.cumsum(n_rows) - n_rows, n_rows) + 1
            step = max(1, len(batch))
            for start in range(0, len(variant), step):
                rows = slice(start, start + step)
                yield pack_dosage(allele_dosage(batch.arrays[schema.CALL_GENOTYPE][variant[rows]], allele[rows]))
    elif view.sample_numbers() is None:
        for block in view.blocks(schema.FIELD_PACKED):
            yield block[schema.FIELD_PACKED]
    else:
        for block in view.blocks(schema.FIELD_DOSAGE):
            for _, arrays in parts(block, view.n_samples):
                yield pack_dosage(arrays[schema.FIELD_DOSAGE])


def _bim(sites: Sites) -> Iterator[str]:
    for contig, position, name, ref, alt in zip(
        sites.contig, sites.position, sites.identifier, sites.ref, sites.alt, strict=True
    ):
        for one in alt.split(","):
            yield f"{contig}\t{name}\t0\t{position}\t{one}\t{ref}\n"
