"""The variants of a view as Arrow columns in the names of GWAS-SSF, made from the store's bytes.

A Python string for each variant would take longer than to test it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from genomics_dc.kernels.vcf.records import Strings
    from genomics_dc.store.read import StoreView

_FIELDS = ("variant_contig", "variant_position", "variant_id", "variant_allele")
_MISSING = "."
# More text than this goes into a chunk of its own: Arrow counts the bytes of a chunk in 31 bits.
_TEXT_BYTES_MAX = 1 << 30


def site_columns(view: StoreView) -> dict[str, pa.ChunkedArray]:
    """Return chromosome, base_pair_location, effect_allele, other_allele and variant_id, V rows each.

    `effect_allele` is the first ALT, null where there is none; `other_allele` is REF, and at a site of many alleles REF
    and the other ALTs, comma-separated. `variant_id` is the ID column, or contig:position:ref:alt where that is
    missing. Chromosome and alleles are dictionary-encoded; the position is one-based.
    """
    loader = view.loader(*_FIELDS)
    bands = [loader.load(rows) for rows in loader.parts(view.sites_index())]
    parts: list[dict[str, pa.Array]] = []
    waiting: list[dict[str, Any]] = []
    size = 0
    for band in bands:
        text = _n_bytes(band["variant_id"]) + _n_bytes(band["variant_allele"])
        if waiting and size + text > _TEXT_BYTES_MAX:
            parts.append(_columns(waiting, view.contigs))
            waiting, size = [], 0
        waiting.append(band)
        size += text
    if waiting:
        parts.append(_columns(waiting, view.contigs))
    return {name: pa.chunked_array([part[name] for part in parts]) for name in parts[0]} if parts else {}


def _n_bytes(words: Any) -> int:
    return int((words.end - words.start).sum())


def _columns(bands: list[dict[str, Any]], contigs: tuple[str, ...]) -> dict[str, pa.Array]:
    numbers = np.concatenate([band["variant_contig"] for band in bands]).astype(np.int32)
    used, codes = np.unique(numbers, return_inverse=True)
    chromosome = pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32)), pa.array([contigs[number] for number in used.tolist()], pa.string())
    )
    position = pa.array(np.concatenate([band["variant_position"] for band in bands]).astype(np.int64))
    width = bands[0]["variant_allele"].shape[1]
    allele = [_text([band["variant_allele"][:, j] for band in bands]) for j in range(width)]
    ref = allele[0]
    alt = allele[1] if width > 1 else pa.array([""] * len(ref), pa.string())
    effect = pc.if_else(pc.equal(alt, ""), pa.scalar(None, pa.string()), alt)
    other = ref
    for more in allele[2:]:
        other = pc.if_else(pc.equal(more, ""), other, pc.binary_join_element_wise(other, more, ","))
    identifier = _text([band["variant_id"] for band in bands])
    unnamed = pc.equal(identifier, _MISSING)
    if pc.any(unnamed).as_py():
        alts = pc.if_else(pc.equal(alt, ""), _MISSING, alt)
        for more in allele[2:]:
            alts = pc.if_else(pc.equal(more, ""), alts, pc.binary_join_element_wise(alts, more, ","))
        place = (chromosome.cast(pa.string()), position.cast(pa.string()), ref, alts)
        identifier = pc.if_else(unnamed, pc.binary_join_element_wise(*place, ":"), identifier)
    return {
        "chromosome": chromosome,
        "base_pair_location": position,
        "effect_allele": effect.dictionary_encode(),
        "other_allele": other.dictionary_encode(),
        "variant_id": identifier,
    }


def _text(parts: list[Strings]) -> pa.Array:
    """Return strings that lie apart in their buffers as one Arrow array."""
    lengths = [part.end - part.start for part in parts]
    offsets = np.zeros(sum(length.size for length in lengths) + 1, dtype=np.int32)
    np.cumsum(np.concatenate(lengths), out=offsets[1:])
    data = np.concatenate([_gathered(part, length) for part, length in zip(parts, lengths, strict=True)])
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))


def _gathered(words: Strings, length: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    ends = np.cumsum(length)
    total = int(ends[-1]) if ends.size else 0
    bytes_in_row: npt.NDArray[np.uint8] = words.data[
        np.arange(total) + np.repeat(words.start - (ends - length), length)
    ]
    return bytes_in_row
