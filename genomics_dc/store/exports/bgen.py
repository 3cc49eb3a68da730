"""BGEN 1.2 (layout 2, zlib), its index and its sample file.

Hard calls are written as probabilities of 1 and 0 in eight bits; where the store has FORMAT/GP, its probabilities in
sixteen bits. A variant whose heterozygous calls are all phased is written by haplotype, any other by genotype. Haploid
calls and any number of ALT alleles are kept; a half-call becomes missing, and no other FORMAT field is kept.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError, ResourceError
from genomics_dc.files import atomic_files
from genomics_dc.kernels.diploid import call_probabilities
from genomics_dc.store import schema
from genomics_dc.store.exports import people
from genomics_dc.store.exports.calls import batches, require_calls
from genomics_dc.store.exports.exported import Exported, Progress
from genomics_dc.store.read import Sites, StoreView

_PROBABILITIES = schema.CALL_PREFIX + "GP"
_BITS_OF_CALLS = 8
_BITS_OF_PROBABILITIES = 16
_SUM_TOLERANCE = 0.02
"""GP is written with few digits: three of 0.333 sum to 0.999."""
_ROW_BYTES_MAX = 1 << 30


def export_bgen(view: StoreView, output: Path, *, force: bool, progress: Progress) -> Exported:
    """Write NAME.bgen, NAME.bgen.bgi (bgenix's index) and NAME.sample; see the module for what is lost."""
    from bgen import BgenWriter

    require_calls(view, "a bgen")
    people.require_plain_ids(view.sample_ids, "a sample file")
    finals = [output, Path(f"{output}.bgi"), Path(f"{output.with_suffix('')}.sample")]
    sites = view.sites()
    has_probabilities = _PROBABILITIES in view.fields
    with atomic_files(finals, force=force) as (bgen, index, sample_file):
        sample_file.write_text(people.oxford(view.sample_ids), encoding="utf-8", newline="\n")
        ids = [str(name) for name in view.sample_ids]
        n_half = n_mixed = row = 0
        try:
            with BgenWriter(str(bgen), view.n_samples, samples=ids, compression="zlib") as writer:
                for batch in batches(view, "a bgen", *([_PROBABILITIES] if has_probabilities else [])):
                    n_half += batch.calls.n_half
                    for v in range(len(batch)):
                        n_mixed += _add(writer, sites, row, batch, v)
                        row += 1
                    progress(f"Writing {view.n_samples:,} samples", row / len(sites))
        except sqlite3.Error as error:
            raise ResourceError(f"{output} was not written: its index failed ({error}); is the disk full?") from error
        _require_whole(bgen, index, output)
    lost = []
    if n_half:
        lost.append(f"{n_half:,} half-calls (one allele of two missing) are missing in the bgen")
    if n_mixed:
        lost.append(f"{n_mixed:,} variants with phased and unphased calls side by side were written without phase")
    return Exported(tuple(finals), row, view.n_samples, tuple(lost))


def _add(writer: Any, sites: Sites, row: int, batch: Any, v: int) -> bool:
    """Write one variant; return whether phase was lost."""
    calls = batch.calls
    alleles, ploidy = calls.alleles[v], calls.ploidy[v]
    n_alleles = max(int(batch.n_alleles[v]), 2)
    columns = n_alleles * (n_alleles + 1) // 2
    if columns * len(ploidy) * 8 > _ROW_BYTES_MAX:
        raise InputError(
            f"{_where(sites, row)} has {n_alleles - 1} ALT alleles, which make {columns:,} genotypes a sample: too "
            "many for a bgen; leave the variant out with --extract or --region, or export pgen"
        )
    different = (ploidy == 2) & (alleles[0::2] != alleles[1::2])
    n_phased = int(np.count_nonzero(calls.phased[v]))
    by_haplotype = 0 < n_phased == int(np.count_nonzero(different))
    probability = None
    if _PROBABILITIES in batch.arrays:
        probability = _given(batch.arrays[_PROBABILITIES][v], ploidy, n_alleles, sites, row)
    bits = _BITS_OF_CALLS if probability is None else _BITS_OF_PROBABILITIES
    if probability is None:
        probability = call_probabilities(alleles, ploidy, n_alleles, by_haplotype=by_haplotype)
    else:
        by_haplotype = False
    if (ploidy == 1).all():  # the genotypes of one copy are the alleles
        probability = probability[:, :n_alleles]
    names = [str(sites.ref[row]), *str(sites.alt[row]).split(",")]
    writer.add_variant(
        varid=f"{sites.contig[row]}:{sites.position[row]}:{sites.ref[row]}:{sites.alt[row]}",
        rsid=str(sites.identifier[row]),
        chrom=str(sites.contig[row]),
        pos=int(sites.position[row]),
        alleles=names,
        genotypes=probability,
        ploidy=ploidy,
        phased=by_haplotype,
        bit_depth=bits,
    )
    return n_phased > 0 and not by_haplotype


def _given(
    values: npt.NDArray[np.floating[Any]], ploidy: npt.NDArray[np.uint8], n_alleles: int, sites: Sites, row: int
) -> npt.NDArray[np.float64] | None:
    """Return FORMAT/GP of one variant as float64[S, G], NaN where missing, or None when no sample has it."""
    n_columns = n_alleles * (n_alleles + 1) // 2
    given = np.full((len(ploidy), n_columns), np.nan)
    shared = min(n_columns, values.shape[1])
    given[:, :shared] = values[:, :shared]
    haploid = ploidy == 1
    used = np.where(haploid[:, None], np.arange(n_columns) < n_alleles, True)
    present = ~np.isnan(np.where(used, given, 0)).any(axis=1)
    if not present.any():
        return None
    total = np.where(used, given, 0)[present].sum(axis=1)
    if given[present][used[present]].min() < 0 or np.abs(total - 1).max() > _SUM_TOLERANCE:
        raise InputError(
            f"FORMAT/GP at {_where(sites, row)} does not sum to 1 (before VCF 4.3 it could hold other units); export "
            "VCF and convert it, or drop GP when the store is built"
        )
    given[~present] = np.nan
    given[present] = np.where(used[present], given[present] / total[:, None], np.nan)
    return given


def _where(sites: Sites, row: int) -> str:
    return f"{sites.contig[row]}:{sites.position[row]}"


def _require_whole(bgen: Path, index: Path, final: Path) -> None:
    """Raise ResourceError unless the file reaches to the end of its last variant: the writer does not tell.

    The index gets the name under which its file will stand.
    """
    with closing(sqlite3.connect(index)) as connection:
        (end,) = connection.execute("SELECT max(file_start_position + size_in_bytes) FROM Variant").fetchone()
        connection.execute("UPDATE Metadata SET filename = ?", (str(final),))
        connection.commit()
    if end != bgen.stat().st_size:
        raise ResourceError(
            f"{final} was not written: the disk is full; free some space or choose another output folder; nothing was "
            "left behind"
        )
