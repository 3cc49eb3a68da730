"""A Hail MatrixTable as a store."""

from __future__ import annotations

import gzip
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genomics_dc.analyses.hail_bridge import session
from genomics_dc.analyses.hail_bridge.fields import QUALITY, Kept, kept_fields
from genomics_dc.analyses.hail_bridge.genome import BUILDS, build_named, names_in_store
from genomics_dc.analyses.hail_bridge.numbers import INFO_COLUMN, QUALITY_COLUMN
from genomics_dc.analyses.hail_bridge.outward import GLOBALS, ROW
from genomics_dc.errors import BuildMismatchError, InputError
from genomics_dc.files import explain_os_errors, refuse_existing
from genomics_dc.store.build import DEFAULT_MEMORY_BYTES, build_store
from genomics_dc.store.ordered import default_threads
from genomics_dc.store.vcf.bgzf_writer import BgzfWriter
from genomics_dc.store.vcf.header import parse_header

if TYPE_CHECKING:
    from genomics_dc.store.info import StoreInfo

_FAST_LEVEL = 1
_ROW_IS, _QUALITY_IS = f"{ROW}=".encode(), f"{QUALITY}=".encode()


def from_hail(
    mt: Any,
    output: Path | str | os.PathLike[str],
    *,
    reference: Path | str | os.PathLike[str] | None = None,
    force: bool = False,
    workers: int = 2,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    note: Callable[[str], None] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> StoreInfo:
    """Build a store from a MatrixTable; return what it holds.

    What `to_hail` wrote comes back as it was, in its old order, under its old header. Of any other MatrixTable are
    kept: `locus` and `alleles`, `rsid`, `qual`, `filters`, every field of `info`, and every entry field, where its
    type is one of VCF's (whole numbers of 32 bits, floats, text, calls, flags in `info`, and arrays of those).

    Parameters
    ----------
    mt
        A MatrixTable or the path of one (NAME.mt), keyed by `locus` and `alleles`, with the sample id as its only
        column key.
    output
        Where the store will stand, by custom NAME.vcz.
    reference
        FASTA of the genome build; REF of every record is then held against its bases.
    force, workers, memory_bytes
        As of `build_store`.
    note
        Called with a sentence for each field that a store cannot keep.
    progress
        Told of each step and the share done.

    Raises
    ------
    InputError
        When the MatrixTable is not keyed so, or its calls or ids break VCF's rules.
    BuildMismatchError
        When REF disagrees with `reference`, or the locus is of another build than the store that it came from.
    OutputExistsError
        When `output` exists and `force` is false.
    MissingExtraError, ToolError
        When Hail or Java is absent.

    Examples
    --------
    >>> from_hail("cohort.mt", "cohort.vcz", note=print)  # doctest: +SKIP
    """
    tell = progress or (lambda _step, _share: None)
    final = Path(output)
    refuse_existing(final, force=force)
    hail = session.started()
    if isinstance(mt, (str, os.PathLike)):
        mt = _read(hail, Path(mt))
    _require_keys(hail, mt)
    genome = mt.locus.dtype.reference_genome
    origin = hail.eval(mt.index_globals()[GLOBALS]) if GLOBALS in mt.globals else {}
    came_from = build_named(origin.get("assembly"))
    if came_from is not None and genome.name in BUILDS and came_from != genome.name:
        raise BuildMismatchError(
            f"the MatrixTable came from a store of genome build {origin['assembly']}, and its locus is of "
            f"{genome.name}; drop the global {GLOBALS} if it was lifted over"
        )
    old_header = str(origin.get("vcf_header") or "")
    kept = kept_fields(hail, mt, old_header)
    for sentence in kept.left_out:
        (note or _ignore)(sentence)
    with (
        explain_os_errors(final),
        tempfile.TemporaryDirectory(prefix=".from-hail-", dir=final.parent) as scratch,
    ):
        shards, text = Path(scratch) / "shards.vcf.bgz", Path(scratch) / "cohort.vcf.gz"
        tell("Hail writes", 0.0)
        with session.explained(hail, "writing the MatrixTable as VCF"):
            hail.export_vcf(kept.table, session.url(shards), parallel="separate_header")
            _join(hail, kept, shards, text, old_header)
        tell("Building", 0.5)
        return build_store(
            text,
            final,
            reference=reference,
            assembly=origin.get("assembly") or genome.name,
            force=force,
            workers=workers,
            memory_bytes=memory_bytes,
            note=note,
            progress=lambda step, share: tell(step, 0.5 + share / 2),
        )


def _ignore(_words: str) -> None:
    """Tell nobody."""


def _read(hail: Any, path: Path) -> Any:
    if not (path / "metadata.json.gz").is_file():
        raise InputError(
            f"{path} is not a Hail MatrixTable; give the folder that `hail export` or Hail wrote (NAME.mt)"
        )
    return hail.read_matrix_table(session.url(path))


def _require_keys(hail: Any, mt: Any) -> None:
    row_key, column_key = dict(mt.row_key.dtype), dict(mt.col_key.dtype)
    good = (
        list(row_key) == ["locus", "alleles"]
        and isinstance(row_key["locus"], hail.tlocus)
        and row_key["alleles"] == hail.tarray(hail.tstr)
        and list(column_key.values()) == [hail.tstr]
    )
    if not good:
        raise InputError(
            f"a store needs a MatrixTable with rows keyed by locus and alleles, and columns by one id; this one has "
            f"rows keyed by {', '.join(row_key) or 'nothing'} and columns by {', '.join(column_key) or 'nothing'}"
        )


def _join(hail: Any, kept: Kept, shards: Path, path: Path, old_header: str) -> None:
    """Write Hail's shards as one VCF under the header of the store, records of one position in their old order."""
    table = kept.table
    genome = table.locus.dtype.reference_genome
    old = parse_header(old_header.encode(), "the header of the MatrixTable").contigs if old_header else {}
    names = {name.encode(): there.encode() for name, there in names_in_store(genome.contigs, list(old)).items()}
    samples = table.col_key[0].collect()
    filters = (
        table.aggregate_rows(hail.agg.explode(hail.agg.collect_as_set, table.filters))
        if "filters" in table.row
        else set()
    )
    head = kept.header(samples, filters, {} if old else {name: genome.lengths[name] for name in genome.contigs})
    with open(path, "wb") as handle, BgzfWriter(handle, threads=default_threads(), level=_FAST_LEVEL) as packed:
        packed.write(head.encode())
        for line in _records(shards, names):
            packed.write(line)


def _records(shards: Path, names: Mapping[bytes, bytes]) -> Iterator[bytes]:
    """Yield the records with the store's contig names; those of one position by their row in the store."""
    held: list[tuple[int, bytes]] = []
    place: list[bytes] = []
    for line in _lines(shards):
        columns = line.split(b"\t", INFO_COLUMN + 1)
        row, columns[QUALITY_COLUMN], columns[INFO_COLUMN] = _carried(columns[INFO_COLUMN])
        columns[0] = names.get(columns[0], columns[0])
        if columns[:2] != place:
            yield from _in_order(held)
            held, place = [], columns[:2]
        held.append((row, b"\t".join(columns)))
    yield from _in_order(held)


def _in_order(records: list[tuple[int, bytes]]) -> Iterator[bytes]:
    for _, text in sorted(records, key=lambda one: one[0]):
        yield text


def _lines(shards: Path) -> Iterator[bytes]:
    for part in sorted(shards.glob("part-*.bgz")):
        with gzip.open(part, "rb") as handle:
            yield from handle


def _carried(info: bytes) -> tuple[int, bytes, bytes]:
    """Return the row in the store (0 where there is none), QUAL, and INFO without those two."""
    row, quality, others = 0, b".", []
    for item in info.split(b";"):
        if item.startswith(_ROW_IS):
            row = int(item[len(_ROW_IS) :])
        elif item.startswith(_QUALITY_IS):
            quality = item[len(_QUALITY_IS) :]
        else:
            others.append(item)
    return row, quality, b";".join(others) or b"."
