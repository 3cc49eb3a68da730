"""Small stores written array by array, without a VCF: for tests of the format itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from genomics_dc.store import schema
from genomics_dc.store.chunks import ArrayMeta
from genomics_dc.store.derived import derive_block
from genomics_dc.store.seal import Seal
from genomics_dc.store.writer import StoreWriter

HEADER = (
    "##fileformat=VCFv4.3\n##contig=<ID=1,length=1000000>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
)


def arrays_of(n_variants: int, n_samples: int, seed: int = 1) -> dict[str, Any]:
    """Return values of every array that a reader of VCF Zarr wants, by name."""
    rng = np.random.default_rng(seed)
    genotype = rng.choice([-1, 0, 1], p=[0.02, 0.78, 0.2], size=(n_variants, n_samples, 2)).astype(np.int8)
    allele = np.empty((n_variants, 2), dtype=object)
    allele[:] = ["A", "G"]
    identifier = np.array([f"rs{row}" if row % 3 else "." for row in range(n_variants)], dtype=object)
    depth = rng.integers(0, 60, size=(n_variants, n_samples)).astype(np.int8)
    depth[rng.random(depth.shape) < 0.05] = -1
    quality = rng.random(n_variants).astype(np.float32)
    quality[::7] = schema.float_sentinels(quality.dtype)[0]
    position = np.arange(1, n_variants + 1, dtype=np.int32) * 10
    packed, counts = derive_block(genotype)
    return {
        "call_genotype": genotype,
        "call_genotype_phased": rng.random((n_variants, n_samples)) < 0.5,
        "call_DP": depth,
        "variant_contig": np.zeros(n_variants, dtype=np.int8),
        "variant_position": position,
        "variant_length": np.ones(n_variants, dtype=np.int32),
        "variant_allele": allele,
        "variant_id": identifier,
        "variant_id_mask": identifier == ".",
        "variant_quality": quality,
        "variant_filter": np.ones((n_variants, 1), dtype=bool),
        schema.PACKED_DOSAGE: packed,
        schema.VARIANT_COUNTS: counts,
    }


_DIMENSIONS = {
    "call_genotype": ("variants", "samples", "ploidy"),
    "call_genotype_phased": ("variants", "samples"),
    "call_DP": ("variants", "samples"),
    "variant_allele": ("variants", "alleles"),
    "variant_filter": ("variants", "filters"),
    schema.PACKED_DOSAGE: ("variants", schema.DIM_PACKED),
    schema.VARIANT_COUNTS: ("variants", schema.DIM_COUNTS),
}


def metas_of(arrays: dict[str, Any], *, inner: tuple[int, int], outer: tuple[int, int]) -> dict[str, ArrayMeta]:
    """Return how each array stands; `inner` and `outer` are variants and samples of the two chunks."""
    metas = {}
    for name, values in arrays.items():
        dimensions = _DIMENSIONS.get(name, ("variants",))
        small, large = list(values.shape), list(values.shape)
        small[0], large[0] = inner[0], outer[0]
        if dimensions[1:2] == ("samples",):
            small[1], large[1] = inner[1], outer[1]
        dtype = "string" if values.dtype == object else values.dtype
        metas[name] = ArrayMeta(name, values.shape, dtype, dimensions, tuple(small), tuple(large))
    return metas


def make_store(
    path: Path,
    arrays: dict[str, Any],
    *,
    inner: tuple[int, int] = (100, 10),
    outer: tuple[int, int] = (100, 10),
    before: Seal | None = None,
    operation: str = "build",
) -> Seal:
    """Write arrays as a store that every reader of VCF Zarr opens; return its seal."""
    n_variants, n_samples = arrays["call_DP"].shape
    writer = StoreWriter(path)
    for name, meta in metas_of(arrays, inner=inner, outer=outer).items():
        writer.put_whole(meta, arrays[name])
    return finish(writer, n_variants, n_samples, inner=inner, outer=outer, before=before, operation=operation)


def finish(
    writer: StoreWriter,
    n_variants: int,
    n_samples: int,
    *,
    inner: tuple[int, int],
    outer: tuple[int, int],
    before: Seal | None = None,
    operation: str = "build",
) -> Seal:
    """Write the arrays that are not over variants, and the seal."""
    writer.put_strings("sample_id", [f"S{j}" for j in range(n_samples)], ("samples",), chunk=outer[1])
    writer.put_strings("contig_id", ["1"], ("contigs",))
    writer.put_small("contig_length", np.array([1_000_000], dtype=np.int64), ("contigs",))
    writer.put_strings("filter_id", ["PASS"], ("filters",))
    rows = []
    for chunk, start in enumerate(range(0, n_variants, outer[0])):
        stop = min(start + outer[0], n_variants)
        rows.append((chunk, 0, start * 10 + 10, stop * 10, stop * 10, stop - start))
    index = np.array(rows, dtype=np.int32).reshape(-1, 6)
    writer.put_small(schema.REGION_INDEX, index, schema.REGION_INDEX_DIMENSIONS)
    attributes = {
        schema.ATTRIBUTE_VCF_ZARR_VERSION: schema.VCF_ZARR_VERSION,
        schema.ATTRIBUTE_SOURCE: "genomics_dc",
        schema.ATTRIBUTE_META_INFORMATION: [["fileformat", "VCFv4.3"]],
        schema.ATTRIBUTE_OWN: {
            schema.OWN_FORMAT_VERSION: schema.FORMAT_VERSION,
            schema.OWN_ASSEMBLY: None,
            schema.OWN_HEADER: HEADER,
            schema.OWN_EVERY_RECORD_HAS_GENOTYPE: True,
        },
    }
    return writer.close(attributes, operation=operation, n_variants=n_variants, before=before)
