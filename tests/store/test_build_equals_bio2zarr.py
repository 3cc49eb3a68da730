"""Every array as bio2zarr makes it, on small hard files and on the real cohorts and conformance files of ../shared.

Four things differ, and are meant to. bio2zarr writes "missing" for "fill" in floats where another sample of the record
has more values, takes `X=.` in INFO for a key that is absent, has no value for an integer -1 or -2 (we keep the field
as float64), and says "not phased" of haploid calls in records where all are haploid.
"""

import logging
import warnings

import numpy as np
import pysam
import pytest
import zarr

from genomics_dc.errors import InputError
from genomics_dc.store import build_store
from tests.builders import random_records, write_vcf

bio2zarr_vcf = pytest.importorskip("bio2zarr.vcf")

REAL = [
    "cohort_1kg_chr20/1kg_phase3.2504.chr20_1.99-2.11Mb.vcf.gz",
    "cohort_small/sample.vcf.gz",
    "gvcf_ashkenazi_trio/Ashkenazim.vcf.gz",
    "gvcf_ashkenazi_trio/NA24385.g.vcf.gz",
    "reads_brca1_1kg/brca1_1kgPhase3_variants.vcf",
    "conformance_bcftools/norm_view_query_stats/view.vectors.vcf",
    "conformance_bcftools/norm_view_query_stats/view-a.vcf",
    "conformance_bcftools/norm_view_query_stats/query.vcf",
]


def by_bio2zarr(vcf, folder):
    """Return bio2zarr's group of a file that is compressed and indexed."""
    from bio2zarr import vcf as vcf2zarr

    logging.getLogger("bio2zarr").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vcf2zarr.convert([vcf], folder / "theirs.zarr", worker_processes=0)
    return zarr.open_group(folder / "theirs.zarr", mode="r")


def indexed(vcf, folder):
    copy = folder / "copy.vcf.gz"
    text = vcf.read_bytes()
    if text.startswith(b"\x1f\x8b"):
        copy.write_bytes(text)
    else:
        pysam.tabix_compress(str(vcf), str(copy), force=True)
    pysam.tabix_index(str(copy), preset="vcf", csi=True, force=True)
    return copy


def bits(values):
    if values.dtype.kind == "f":
        return values.view(f"u{values.dtype.itemsize}")
    return values.astype(object) if values.dtype.kind in "TUO" else values


def absent_as_missing(values, axes):
    """Return whether each place is one of a vector that is "missing" and then "fill" only."""
    if values.ndim <= axes:
        return np.zeros(values.shape, dtype=np.bool_)
    if values.dtype.kind == "f":
        missing, fill = (0x7F800001, 0x7F800002) if values.dtype.itemsize == 4 else (0, 0)
        shown = bits(values)
    else:
        missing, fill = (".", "") if values.dtype.kind in "TUO" else (-1, -2)
        shown = bits(values)
    whole = (shown[..., 0] == missing) & (shown[..., 1:] == fill).all(axis=-1)
    return np.broadcast_to(whole[..., None], values.shape)


def differences(theirs, mine):
    found = []
    for name in sorted(name for name, _ in theirs.arrays()):
        if name in ("region_index", "contig_length") or name not in mine:
            if name not in ("region_index", "contig_length"):
                found.append(f"{name} is not there")
            continue
        a, b = np.asarray(theirs[name][:]), np.asarray(mine[name][:])
        if b.dtype == np.float64 and a.dtype.kind == "i":
            continue  # integers -1 and -2 as values: bio2zarr has lost them
        if a.shape != b.shape or (a.dtype != b.dtype and a.dtype.kind not in "TUO" and name not in POSITIONS):
            found.append(f"{name}: {a.dtype}{a.shape}, {b.dtype}{b.shape}")
            continue
        differ = np.asarray(bits(a) != bits(b), dtype=np.bool_)
        if name == "call_genotype_phased":
            copies = np.asarray(theirs["call_genotype"][:])
            differ &= copies[:, :, 1] != -2 if copies.shape[2] > 1 else False
        elif a.dtype.kind == "f":
            differ &= ~(np.isnan(a) & np.isnan(b))
        if differ.any() and name.startswith(("variant_", "call_")):
            differ &= ~absent_as_missing(b, 2 if name.startswith("call_") else 1)
        if differ.any():
            where = tuple(np.argwhere(differ)[0])
            found.append(f"{name}{where}: {int(differ.sum())} differ")
    return found


POSITIONS = ("variant_position", "variant_length")


@pytest.mark.parametrize("name", REAL)
def test_real_files(shared_data, tmp_path, name):
    vcf = indexed(shared_data / name, tmp_path)
    build_store(vcf, tmp_path / "mine.vcz")
    assert differences(by_bio2zarr(vcf, tmp_path), zarr.open_group(tmp_path / "mine.vcz", mode="r")) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_files(tmp_path, seed):
    records = random_records(1400, 9, seed=seed)
    vcf = indexed(write_vcf(tmp_path / "in.vcf", records, samples=[f"S{j}" for j in range(9)]), tmp_path)
    build_store(vcf, tmp_path / "mine.vcz")
    assert differences(by_bio2zarr(vcf, tmp_path), zarr.open_group(tmp_path / "mine.vcz", mode="r")) == []


@pytest.mark.slow
def test_conformance_files_that_both_accept(shared_data, tmp_path):
    """Of the files that pass the specification, but those with undeclared names or empty lines, none differs."""
    compared = 0
    for vcf in sorted((shared_data / "conformance_vcf").glob("v4.*_passed/*.vcf")):
        folder = tmp_path / f"{compared}-{vcf.stem}"
        folder.mkdir()
        try:
            build_store(vcf, folder / "mine.vcz")
        except InputError as error:
            if "is not in the header" not in str(error) and "has no empty lines" not in str(error):
                raise
            continue
        try:
            theirs = by_bio2zarr(indexed(vcf, folder), folder)
        except Exception:  # bio2zarr and htslib raise anything
            continue
        assert differences(theirs, zarr.open_group(folder / "mine.vcz", mode="r")) == [], vcf
        compared += 1
    assert compared > 10
