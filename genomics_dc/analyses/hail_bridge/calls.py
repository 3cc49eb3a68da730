"""The calls of a store for which Hail has none, and what stands in the VCF that it reads instead.

A Hail call has at most two alleles, all of them called. Half-calls, the missing allele of a haploid, phased missing
calls, and calls of three alleles are missing to it; their text goes beside them.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from genomics_dc.store import schema
from genomics_dc.store.read import StoreView

TEXT_KEY = "genotype_text"
"""The entry field, and the FORMAT key, with the text of a call that `GT` cannot hold; missing for all others."""
MISSING = b"./."
_IN_HAIL = re.compile(rb"\./\.|\d+(?:[/|]\d+)?")


def odd_variants(view: StoreView) -> npt.NDArray[np.bool_]:
    """Return bool[V]: whether a variant has a call that Hail cannot hold."""
    odd = np.zeros(view.n_variants, dtype=bool)
    if schema.CALL_GENOTYPE not in view.fields or not view.n_samples:
        return odd
    names = [schema.CALL_GENOTYPE]
    if schema.CALL_GENOTYPE_PHASED in view.fields:
        names.append(schema.CALL_GENOTYPE_PHASED)
    done = 0
    for block in view.blocks(*names):
        alleles = block[schema.CALL_GENOTYPE]
        rows = np.arange(done, done + len(block))
        done += len(block)
        if alleles.shape[2] > 2:
            odd[rows] |= (alleles[:, :, 2:] != schema.ALLELE_FILL).any(axis=(1, 2))
        lacking = np.flatnonzero((alleles < 0).any(axis=(1, 2)))
        if lacking.size:
            phased = block.arrays.get(schema.CALL_GENOTYPE_PHASED)
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
    return (lacks & ~plain).any(axis=1)


def with_text(columns: bytes) -> bytes:
    """Return FORMAT and the calls of a record with the key `genotype_text` after GT, if it has GT."""
    keys, *calls = columns.split(b"\t")
    key, colon, other_keys = keys.partition(b":")
    if key != schema.GENOTYPE_KEY.encode():
        return columns
    made = [b"%b:%b%b%b" % (key, TEXT_KEY.encode(), colon, other_keys)]
    for call in calls:
        genotype, colon, rest = call.partition(b":")
        pair = (genotype, b".") if _IN_HAIL.fullmatch(genotype) else (MISSING, genotype)
        made.append(b"%b:%b%b%b" % (*pair, colon, rest))
    return b"\t".join(made)
