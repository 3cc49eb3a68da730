"""PLINK 2's pgen, pvar and psam.

A pgen holds calls of one or two alleles, phase, and up to 254 ALT alleles; it cannot hold a half-call (it becomes
missing), that a call was haploid (it becomes homozygous), the phase of a homozygous call, more than two alleles a
person (refused), or any other FORMAT field (DP, AD, GQ, PL, PS).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from genomics_dc.errors import GenomicsError, InputError, ResourceError
from genomics_dc.files import atomic_files
from genomics_dc.store import schema
from genomics_dc.store.export import export_vcf
from genomics_dc.store.exports import people
from genomics_dc.store.exports.calls import batches, has_phase, require_calls
from genomics_dc.store.exports.exported import Exported, Progress
from genomics_dc.store.read import StoreView

_ALLELES_MAX = 255


def export_pgen(view: StoreView, output: Path, *, compress_sites: bool, force: bool, progress: Progress) -> Exported:
    """Write NAME.pgen, NAME.pvar (or .pvar.zst) and NAME.psam; see the module for what is lost."""
    require_calls(view, "a pgen")
    people.require_plain_ids(view.sample_ids, "a psam")
    base = output.with_suffix("")
    finals = [output, Path(f"{base}.pvar{'.zst' if compress_sites else ''}"), Path(f"{base}.psam")]
    with atomic_files(finals, force=force) as (pgen, pvar, sample_file):
        n_half, n_haploid = _write_calls(view, pgen, output, progress)
        progress("Writing sites", 1.0)
        _write_sites(view, pvar, compress=compress_sites)
        sample_file.write_text(people.psam(view.sample_ids), encoding="utf-8", newline="\n")
    return Exported(tuple(finals), view.n_variants, view.n_samples, _lost(view, n_half, n_haploid))


def _write_calls(view: StoreView, path: Path, final: Path, progress: Progress) -> tuple[int, int]:
    n_variants, n_samples = view.n_variants, view.n_samples
    n_half = n_haploid = done = 0
    with _writer(view, path, final) as writer:
        for batch in batches(view, "a pgen"):
            n_alleles = np.maximum(batch.n_alleles, 2)
            if n_alleles.max() > _ALLELES_MAX:
                raise InputError(
                    f"a variant has {n_alleles.max() - 1} ALT alleles, and a pgen holds at most {_ALLELES_MAX - 1}; "
                    "leave it out with --extract or --region, or export VCF"
                )
            calls = batch.calls
            if has_phase(view):
                writer.append_partially_phased_batch(calls.alleles, calls.phased.view(np.uint8), n_alleles)
            else:
                writer.append_alleles_batch(calls.alleles, False, n_alleles)
            n_half += calls.n_half
            n_haploid += calls.n_haploid
            done += len(batch)
            progress(f"Writing {n_samples:,} samples", done / n_variants)
    return n_half, n_haploid


@contextmanager
def _writer(view: StoreView, path: Path, final: Path) -> Iterator[Any]:
    """Give pgenlib's writer, closed at the end; what it cannot write becomes a ResourceError."""
    import pgenlib

    # Above two alleles pgenlib needs a second pass over a temporary file, so it is told no more than it must know.
    width = view.field_shape(schema.VARIANT_ALLELE)[1]
    try:
        writer = pgenlib.PgenWriter(
            str(path).encode(),
            view.n_samples,
            variant_ct=view.n_variants,
            nonref_flags=False,
            allele_ct_limit=min(max(width, 2), _ALLELES_MAX),
            hardcall_phase_present=has_phase(view),
        )
        yield writer
        writer.close()
    except RuntimeError as error:
        if isinstance(error, GenomicsError):
            raise
        raise ResourceError(
            f"{final} was not written ({error}): most often the disk is full; free some space or choose another "
            "output folder; nothing was left behind"
        ) from error
    finally:
        path.with_name(f"{path.name}.tmp").unlink(missing_ok=True)  # of the second pass, where it was cut short


def _write_sites(view: StoreView, path: Path, *, compress: bool) -> None:
    # A pvar is a VCF without samples: the same header, the same INFO.
    sites = view.samples([])
    if not compress:
        path.unlink(missing_ok=True)
        plain = path.with_name(path.name + ".vcf")
        export_vcf(sites, plain)
        plain.replace(path)
        return
    import pyarrow as pa

    plain = path.with_name("sites.vcf")
    export_vcf(sites, plain)
    with open(plain, "rb") as source, pa.CompressedOutputStream(str(path), "zstd") as compressed:
        while data := source.read(1 << 20):
            compressed.write(data)
    plain.unlink()


def _lost(view: StoreView, n_half: int, n_haploid: int) -> tuple[str, ...]:
    told = []
    if n_half:
        told.append(f"{n_half:,} half-calls (one allele of two missing) are missing in the pgen")
    if n_haploid:
        told.append(f"{n_haploid:,} haploid calls stand as homozygous in the pgen")
    others = sorted(
        name.removeprefix(schema.CALL_PREFIX)
        for name in view.fields
        if name.startswith(schema.CALL_PREFIX) and not name.startswith(schema.CALL_GENOTYPE)
    )
    if others:
        told.append(f"FORMAT fields that a pgen cannot hold were left out: {', '.join(others)}")
    return tuple(told)
