"""Every name, dimension, type, fill and codec of a store. Nobody else writes these strings.

A store is a VCF Zarr group (specification 0.4 or newer; https://github.com/sgkit-dev/vcf-zarr-spec) in Zarr format 3.
The standard arrays stand at the root, so that vcztools, bio2zarr, sgkit and xarray open it unchanged. What kernels read
stands in the group `derived`. `manifest.json` and `manifest.bin` hold the hash of every chunk and of all metadata.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

FORMAT_VERSION: Final = 2
"""Version of our own part (attributes, derived group, manifest). A reader refuses a version that it does not know."""
VCF_ZARR_VERSION: Final = "0.4"

ATTRIBUTE_VCF_ZARR_VERSION: Final = "vcf_zarr_version"
ATTRIBUTE_SOURCE: Final = "source"
ATTRIBUTE_META_INFORMATION: Final = "vcf_meta_information"
ATTRIBUTE_OWN: Final = "genomics_dc"
ATTRIBUTE_DESCRIPTION: Final = "description"
OWN_FORMAT_VERSION: Final = "format_version"
OWN_ASSEMBLY: Final = "assembly"
OWN_HEADER: Final = "vcf_header"
OWN_EVERY_RECORD_HAS_GENOTYPE: Final = "every_record_has_genotype"
OWN_WITHDRAWN: Final = "withdrawn"
"""There while people are being dropped whose columns have no name any more, but are not yet written away."""

MANIFEST_NAME: Final = "manifest.json"
CHUNK_TABLE_NAME: Final = "manifest.bin"
METADATA_NAME: Final = "zarr.json"

DIM_VARIANTS: Final = "variants"
DIM_SAMPLES: Final = "samples"
DIM_PACKED: Final = "sample_bytes"
DIM_COUNTS: Final = "genotype_classes"

SAMPLE_ID: Final = "sample_id"
CONTIG_ID: Final = "contig_id"
CONTIG_LENGTH: Final = "contig_length"
FILTER_ID: Final = "filter_id"
FILTER_DESCRIPTION: Final = "filter_description"
REGION_INDEX: Final = "region_index"
VARIANT_CONTIG: Final = "variant_contig"
VARIANT_POSITION: Final = "variant_position"
VARIANT_LENGTH: Final = "variant_length"
VARIANT_ALLELE: Final = "variant_allele"
VARIANT_ID: Final = "variant_id"
VARIANT_ID_MASK: Final = "variant_id_mask"
VARIANT_QUALITY: Final = "variant_quality"
VARIANT_FILTER: Final = "variant_filter"
CALL_GENOTYPE: Final = "call_genotype"
CALL_GENOTYPE_PHASED: Final = "call_genotype_phased"
CALL_GENOTYPE_MASK: Final = "call_genotype_mask"

DERIVED_GROUP: Final = "derived"
PACKED_DOSAGE: Final = "derived/packed_dosage"
VARIANT_COUNTS: Final = "derived/variant_counts"
SAMPLE_COUNTS: Final = "derived/sample_counts"
GENOTYPE_CLASSES: Final = ("hom_ref", "het", "hom_alt", "missing")
"""The columns of the two arrays of counts: copies of the first ALT allele."""
GENOTYPE_JOINS: Final = "derived/genotype_joins"
"""There where a call mixes `/` and `|`, or begins with one of them, which call_genotype_phased cannot say."""
INFO_ORDER: Final = "derived/info_order"
INFO_ORDERS: Final = "derived/info_orders"
FORMAT_ORDER: Final = "derived/format_order"
FORMAT_ORDERS: Final = "derived/format_orders"

FIELD_DOSAGE: Final = "dosage"
FIELD_PACKED: Final = "packed"

VARIANT_PREFIX: Final = "variant_"
CALL_PREFIX: Final = "call_"

VARIANTS_PER_CHUNK: Final = 1_000
SAMPLES_PER_CHUNK: Final = 1_000
VARIANTS_PER_PACKED_CHUNK: Final = 4_000

STORED_DTYPE: Final = {VARIANT_POSITION: "i4", VARIANT_LENGTH: "i4"}
"""Types that do not depend on the values: a position is int32 also in a store of the first hundred bases."""

REGION_INDEX_DIMENSIONS: Final = ("region_index_values", "region_index_fields")
REGION_INDEX_COLUMNS: Final = ("chunk", "contig", "first", "last", "greatest_end", "n_records")

HTSLIB_INT_MISSING: Final = -(2**31)
HTSLIB_INT_FILL: Final = -(2**31) + 1

STRING_DTYPE: Final = "string"

GENOTYPE_KEY: Final = "GT"

ZSTD_LEVEL: Final = 1
"""Of strings, and of numbers where `compression` says zstd."""

_SMALL_CHUNK_BYTES: Final = 1 << 15

BLOSC_BLOCK_BYTES: Final = 1 << 20
"""What Blosc compresses at once. Its own choice (32 to 64 KiB) makes genotypes a half larger: 5 MB of 2,504 people
become 195 kB at 0.9 GB/s and are read at 0.8; in blocks of a MiB 127 kB at 1.4 and 1.2. Other arrays lose nothing."""

INT_MISSING: Final = -1
INT_FILL: Final = -2
ALLELE_MISSING: Final = -1
ALLELE_FILL: Final = -2


@dataclass(frozen=True)
class ArraySpec:
    """An array of ours: its path in the store, its dimensions, and what it holds."""

    path: str
    dtype: str
    dimensions: tuple[str, ...]
    description: str


DERIVED_ARRAYS: Final = (
    ArraySpec(
        PACKED_DOSAGE,
        "uint8",
        (DIM_VARIANTS, DIM_PACKED),
        "Copies of the first ALT allele, two bits a sample, little end first: 0, 1, 2; 3 is missing",
    ),
    ArraySpec(
        VARIANT_COUNTS,
        "int32",
        (DIM_VARIANTS, DIM_COUNTS),
        "Samples with 0, 1, 2 copies of the first ALT allele, and with no call",
    ),
)
JOINS_ARRAY: Final = ArraySpec(
    GENOTYPE_JOINS,
    "uint16",
    (DIM_VARIANTS, DIM_SAMPLES),
    "0 where call_genotype_phased says all; else bit p: | stands before copy p, bit 0: the first is phased, "
    "bit 15: / or | stands before it",
)


def float_sentinels(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """Return VCF Zarr's "missing" and "fill" of float32 or float64: NaNs that differ in their last bits."""
    if dtype.itemsize == 4:
        bits = np.array([0x7F800001, 0x7F800002], dtype=np.uint32).view(np.float32)
    else:
        bits = np.array([0x7FF0000000000001, 0x7FF0000000000002], dtype=np.uint64).view(np.float64)
    return bits[0], bits[1]


def fill_value(name: str, dtype: np.dtype[Any]) -> Any:
    """Return what a chunk that is not there reads as: missing, never a value and never the reference allele."""
    if name == PACKED_DOSAGE:
        return 0xFF  # four missing genotypes
    if dtype.kind == "b":
        return name == CALL_GENOTYPE_MASK
    if dtype.kind in "i":
        return -1
    if dtype.kind == "u":
        return 0
    if dtype.kind == "f":
        return float_sentinels(dtype)[0]
    return ""


def chunk_shape(name: str, shape: tuple[int, ...], dimensions: tuple[str, ...]) -> tuple[int, ...]:
    """Return the chunk shape of an array: by variant, then by sample, other dimensions whole."""
    if not dimensions:
        return tuple(max(size, 1) for size in shape)
    sizes = []
    for size, dimension in zip(shape, dimensions, strict=True):
        if dimension == DIM_VARIANTS:
            limit = VARIANTS_PER_PACKED_CHUNK if name in (PACKED_DOSAGE, VARIANT_COUNTS) else VARIANTS_PER_CHUNK
        elif dimension == DIM_SAMPLES:
            limit = SAMPLES_PER_CHUNK
        else:
            limit = size
        sizes.append(max(1, min(size, limit)))
    return tuple(sizes)


def compression(name: str, dtype: np.dtype[Any], n_bytes: int) -> tuple[str, int, str]:
    """Return Blosc's compressor, level and shuffle for an array of numbers in chunks of `n_bytes`.

    Measured on chunks of 1,000 variants. Genotypes of 2,504 people (5 MB): bit-shuffled zstd 1 gives 190 kB in 8 ms,
    not shuffled 318 kB, level 3 160 kB in 9 ms. FORMAT numbers of 500 people: not shuffled, zstd 1 gives 847 kB for PL,
    283 kB for DP and 291 kB for GQ; bit-shuffled 1,544, 376 and 427 kB. Packed genotypes are read again and again: lz4
    gives them back at 3.9 GB/s, zstd at 0.7 GB/s, for 1.7 times the bytes. Columns of sites are small either way, and
    zstd's preparation takes longer than its work: positions (4 kB) are read in 31 us with it and in 4 with lz4, written
    in 46 and 8, for 9 % more bytes.
    """
    if name == PACKED_DOSAGE:
        return "lz4", 1, "noshuffle"
    if n_bytes <= _SMALL_CHUNK_BYTES:
        return "lz4", 1, "bitshuffle"
    of_numbers = name.startswith(CALL_PREFIX) and dtype.kind != "b" and not name.startswith(CALL_GENOTYPE)
    return "zstd", ZSTD_LEVEL, "noshuffle" if of_numbers and dtype.kind in "iu" else "bitshuffle"
