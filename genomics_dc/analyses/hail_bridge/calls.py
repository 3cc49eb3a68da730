"""The calls of a store that Hail's type for calls does not hold whole, and the text that goes beside them.

A Hail call has at most two alleles, all of them called, and without phase the lower comes first. A half-call, the
missing allele of a haploid, a phased missing call and a call of three alleles are missing to it; 2/1 becomes 1/2.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.store import schema
from genomics_dc.store.read import StoreView

TEXT_KEY = "genotype_text"
"""The entry field, and FORMAT key, with the text of a call that `GT` does not hold whole; missing for all others."""
MISSING = b"./."
_HAPLOID = b"haploid"
"""For the missing call ".": a text of one dot would itself be missing."""
_CALLED = re.compile(rb"(\d+)(?:([/|])(\d+))?")


def odd_variants(view: StoreView) -> npt.NDArray[np.bool_]:
    """Return bool[V]: whether a variant has a call that Hail does not hold whole."""
    odd = np.zeros(view.n_variants, dtype=bool)
    if schema.CALL_GENOTYPE not in view.fields or not view.n_samples:
        return odd
    names = [schema.CALL_GENOTYPE]
    if schema.CALL_GENOTYPE_PHASED in view.fields:
        names.append(schema.CALL_GENOTYPE_PHASED)
    done = 0
    for block in view.blocks(*names):
        alleles = block[schema.CALL_GENOTYPE]
        phased = block.arrays.get(schema.CALL_GENOTYPE_PHASED)
        rows = np.arange(done, done + len(block))
        done += len(block)
        if alleles.shape[2] > 2:
            odd[rows] |= (alleles[:, :, 2:] != schema.ALLELE_FILL).any(axis=(1, 2))
        if alleles.shape[2] > 1:
            odd[rows] |= _reversed(alleles, phased)
        lacking = np.flatnonzero((alleles < 0).any(axis=(1, 2)))
        if lacking.size:
            odd[rows[lacking]] |= _incomplete(alleles[lacking], None if phased is None else phased[lacking])
    return odd


def _incomplete(alleles: npt.NDArray[np.int8], phased: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
    """Return bool[V]: whether a variant has a call with a missing allele other than "./."."""
    first = alleles[:, :, 0]
    second = alleles[:, :, 1] if alleles.shape[2] > 1 else np.full_like(first, schema.ALLELE_FILL)
    plain = (first == schema.ALLELE_MISSING) & (second == schema.ALLELE_MISSING)
    if phased is not None:
        plain &= ~phased
    lacks = (first < 0) | (second == schema.ALLELE_MISSING)
    return _in_any_sample(lacks & ~plain)


def _reversed(alleles: npt.NDArray[np.int8], phased: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
    """Return bool[V]: whether a variant has an unphased call whose higher allele comes first."""
    higher_first = (alleles[:, :, 0] > alleles[:, :, 1]) & (alleles[:, :, 1] >= 0)
    if phased is not None:
        higher_first &= ~phased
    return _in_any_sample(higher_first)


def _in_any_sample(odd: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return np.asarray(odd.any(axis=1), dtype=bool)


def with_text(columns: bytes) -> bytes:
    """Return FORMAT and the calls of a record with the key `genotype_text` after GT, if it has GT."""
    keys, *calls = columns.split(b"\t")
    key, colon, other_keys = keys.partition(b":")
    if key != schema.GENOTYPE_KEY.encode():
        return columns
    made = [b"%b:%b%b%b" % (key, TEXT_KEY.encode(), colon, other_keys)]
    for call in calls:
        genotype, colon, rest = call.partition(b":")
        made.append(b"%b:%b%b%b" % (*_pair(genotype), colon, rest))
    return b"\t".join(made)


def _pair(genotype: bytes) -> tuple[bytes, bytes]:
    """Return what Hail reads as GT, and the text beside it."""
    called = _CALLED.fullmatch(genotype)
    if called is None:
        return MISSING, {MISSING: b".", b".": _HAPLOID}.get(genotype, genotype)
    higher_first = called[2] == b"/" and int(called[1]) > int(called[3])
    return genotype, genotype if higher_first else b"."


def as_text(hail: Any, mt: Any) -> Any:
    """Return the expression of GT as VCF text, where `mt` has `genotype_text`: that, unless GT has been changed."""
    call, text = mt[schema.GENOTYPE_KEY], mt[TEXT_KEY]
    higher_first = text.matches(r"\d+/\d+", full_match=True)
    stands = hail.if_else(higher_first, hail.is_defined(call) & (hail.parse_call(text) == call), hail.is_missing(call))
    text = hail.if_else(text == _HAPLOID.decode(), ".", text)
    kept = hail.if_else(hail.coalesce(stands, False), text, hail.str(call))
    return hail.or_else(kept, MISSING.decode())
