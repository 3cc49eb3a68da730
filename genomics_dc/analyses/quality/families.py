"""Mendelian errors by trio and by family, and call rates by batch, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from genomics_dc.analyses.quality.arithmetic import nullable, ratio
from genomics_dc.results import Result

if TYPE_CHECKING:
    from genomics_dc.analyses.quality.counting import Tally
    from genomics_dc.analyses.quality.facts import SampleFacts
    from genomics_dc.provenance import Provenance
    from genomics_dc.store.read import StoreView


class QCTrios(Result):
    """One row per trio.

    `sample_id`, `father`, `mother`, `family` (a number that children of the same parents share), `complete` (autosomal
    and X variants where all three are called), `errors`, `error_rate` = errors / complete.

    An error can stand where one parent is missing, so `errors` may count variants that `complete` does not.
    """


class QCFamilies(Result):
    """One row per pair of parents.

    `family`, `father`, `mother`, `children`, and over all children `errors` and `error_rate`.
    """


class QCBatches(Result):
    """One row per batch.

    `batch`, `samples`, `call_rate`, `call_rate_min` of its worst sample, `het_rate`, `failing` samples.
    """


def trio_table(view: StoreView, facts: SampleFacts, tally: Tally, provenance: Provenance) -> QCTrios:
    """Return the trios of a view, in the order of its samples."""
    ids = np.array([str(name) for name in view.sample_ids], dtype=object)
    trios = facts.trios if facts.trios is not None else np.zeros((0, 3), dtype=np.int64)
    _, first, family = np.unique(trios[:, 1:], axis=0, return_index=True, return_inverse=True)
    # numbered as they come, not as their samples are numbered
    order = np.argsort(np.argsort(first))
    table = pa.table(
        {
            "sample_id": pa.array(ids[trios[:, 0]], pa.string()),
            "father": pa.array(ids[trios[:, 1]], pa.string()),
            "mother": pa.array(ids[trios[:, 2]], pa.string()),
            "family": pa.array(order[family.reshape(-1)] + 1 if len(trios) else [], pa.int32()),
            "complete": pa.array(tally.trio_complete, pa.int64()),
            "errors": pa.array(tally.trio_errors, pa.int64()),
            "error_rate": nullable(ratio(tally.trio_errors, tally.trio_complete)),
        }
    )
    return QCTrios(table, provenance)


def family_table(trios: QCTrios) -> QCFamilies:
    """Return the trios of the same parents together."""
    grouped = trios.table.group_by(["family", "father", "mother"], use_threads=False).aggregate(
        [("sample_id", "count"), ("errors", "sum"), ("complete", "sum")]
    )
    grouped = grouped.sort_by("family")
    errors = grouped["errors_sum"].combine_chunks()
    rate = ratio(errors.to_numpy(zero_copy_only=False), grouped["complete_sum"].to_numpy())
    table = pa.table(
        {
            "family": grouped["family"],
            "father": grouped["father"],
            "mother": grouped["mother"],
            "children": grouped["sample_id_count"],
            "errors": errors,
            "error_rate": nullable(rate),
        }
    )
    return QCFamilies(table, trios.provenance)


def batch_table(facts: SampleFacts, samples: pa.Table, passing: np.ndarray, provenance: Provenance) -> QCBatches:
    """Return what the samples of each batch have in common; `passing` bool[S] are those that pass all thresholds."""
    batch = facts.batch if facts.batch is not None else np.full(len(passing), -1)
    called, missing, het = (samples[name].to_numpy() for name in ("called", "missing", "het"))
    rows = []
    for number, name in enumerate(facts.batch_names):
        members = batch == number
        genotypes = int((called + missing)[members].sum())
        rates = ratio(called[members], (called + missing)[members])
        known = rates[np.isfinite(rates)]
        rows.append(
            {
                "batch": name,
                "samples": int(members.sum()),
                "call_rate": int(called[members].sum()) / genotypes if genotypes else None,
                "call_rate_min": float(known.min()) if known.size else None,
                "het_rate": int(het[members].sum()) / int(called[members].sum()) if called[members].sum() else None,
                "failing": int((~passing[members]).sum()),
            }
        )
    schema = pa.schema(
        [
            ("batch", pa.string()),
            ("samples", pa.int64()),
            ("call_rate", pa.float64()),
            ("call_rate_min", pa.float64()),
            ("het_rate", pa.float64()),
            ("failing", pa.int64()),
        ]
    )
    return QCBatches(pa.Table.from_pylist(rows, schema=schema), provenance)
