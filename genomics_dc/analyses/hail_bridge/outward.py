"""A view as a Hail MatrixTable."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from genomics_dc.analyses.hail_bridge import calls, session
from genomics_dc.analyses.hail_bridge.genome import recoding
from genomics_dc.analyses.hail_bridge.genome import reference_genome as find_genome
from genomics_dc.analyses.hail_bridge.numbers import INFO_COLUMN, with_java_floats
from genomics_dc.errors import InputError, UsageError
from genomics_dc.files import atomic_directory, refuse_existing
from genomics_dc.store.ordered import default_threads
from genomics_dc.store.read import StoreView
from genomics_dc.store.text import header, record_blocks
from genomics_dc.store.vcf.bgzf_writer import BgzfWriter
from genomics_dc.store.vcf.header import FIXED_COLUMNS, Field, VcfHeader, parse_header

ROW = "store_row"
"""The row field, and the INFO key on the way, with the row in the store: the order of records at one position."""
GLOBALS = "genomics_dc"
"""The global struct that says where a MatrixTable came from: `store_hash`, `assembly`, `vcf_header`."""
_NO_QUALITY = -10.0
_COUNTED_BY_HAIL = {"A", "R", "G"}
_FAST_LEVEL = 1
_PARTITION_CALLS = 25_000_000


def to_hail(
    view: StoreView,
    output: Path | str | os.PathLike[str] | None = None,
    *,
    reference_genome: Any = None,
    force: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> Any:
    """Write a view as a MatrixTable and return it, read from there.

    Row fields: `locus`, `alleles` (the key), `rsid`, `qual`, `filters` (empty where all passed, missing where none was
    applied), `info` with every declared INFO field, and `store_row`, the row in the store. Entries: `GT` and every
    declared FORMAT field; `genotype_text` where the view has calls that `GT` cannot hold (see `hail_bridge`). Column
    field: `s`. The global `genomics_dc` holds `store_hash`, `assembly` and `vcf_header`.

    Parameters
    ----------
    view
        Variants and samples; at least one of each.
    output
        NAME.mt, in a folder that the workers of Hail's cluster see as well; a temporary place of Hail's when None.
    reference_genome
        "GRCh37", "GRCh38" or a `hail.ReferenceGenome`; when None, what the store records, or the lengths of its
        contigs, decide. Contig names are those of the genome (chr20 for 20 in GRCh38).
    force
        Replace an output that is there.
    progress
        Told what is being done and the share done, 0 to 1.

    Raises
    ------
    BuildMismatchError
        When the data are of another genome build than `reference_genome`.
    InputError
        When the view is empty, or a contig is not in the reference genome.
    MissingExtraError, ToolError
        When Hail or Java is absent.

    Examples
    --------
    >>> mt = to_hail(open_store("cohort.vcz"), "cohort.mt")  # doctest: +SKIP
    >>> mt.aggregate_entries(hl.agg.call_stats(mt.GT, 2).AF)  # doctest: +SKIP
    """
    tell = progress or (lambda _step, _share: None)
    if output is not None:
        final = Path(output)
        if final.suffix != ".mt":
            raise UsageError(f"{final} should end in .mt, as Hail's tables do")
        refuse_existing(final, force=force)
    hail = session.started()
    if not view.n_samples or not view.n_variants:
        what = "samples" if not view.n_samples else "variants"
        raise InputError(f"the view of {view.path} has no {what}; widen it before it goes to Hail")
    declared = parse_header(header(view).encode(), str(view.path))
    genome = find_genome(hail, view, declared.contigs, reference_genome)
    if output is None:
        final = Path(hail.utils.new_local_temp_dir()) / "view.mt"
    with atomic_directory(final, force=force) as staging:
        with tempfile.TemporaryDirectory(prefix=".to-hail-", dir=final.parent) as scratch:
            text = Path(scratch) / "view.vcf.bgz"
            _write(view, declared, text, tell)
            tell("Hail reads", 0.5)
            with session.explained(hail, f"reading the records of {view.path}"):
                _import(hail, text, view, declared, genome).write(session.url(staging), overwrite=True)
        n_rows = hail.read_matrix_table(session.url(staging)).count_rows()
        if n_rows != view.n_variants:
            raise InputError(
                f"Hail took {n_rows:,} of the {view.n_variants:,} records of {view.path}; it leaves out those whose "
                "alleles it does not know: nothing was written"
            )
    tell("Done", 1.0)
    return hail.read_matrix_table(session.url(final))


def _write(view: StoreView, declared: VcfHeader, path: Path, tell: Callable[[str, float], None]) -> None:
    """Write the view as BGZF, with `store_row` in INFO, and the calls that Hail cannot hold as text."""
    odd = calls.odd_variants(view)
    with open(path, "wb") as handle, BgzfWriter(handle, threads=default_threads(), level=_FAST_LEVEL) as packed:
        packed.write(_header(view, declared, with_text=bool(odd.any())).encode())
        rows = view.sites_index().tolist()
        floats = tuple(
            {name.encode() for name, one in fields.items() if one.type == "Float"}
            for fields in (declared.info, declared.format)
        )
        for number, line in enumerate(_lines(view)):
            columns = line.split(b"\t", INFO_COLUMN + 1)
            with_java_floats(columns, *floats)
            info = columns[INFO_COLUMN]
            key = b"%b=%d" % (ROW.encode(), rows[number])
            columns[INFO_COLUMN] = key if info == b"." else key + b";" + info
            if odd[number]:
                columns[-1] = calls.with_text(columns[-1])
            packed.write(b"\t".join(columns))
            packed.write(b"\n")
            if number % 1000 == 0:
                tell("Writing for Hail", 0.5 * number / len(rows))


def _lines(view: StoreView) -> Iterator[bytes]:
    """Yield each record without its line feed."""
    for block in record_blocks(view):
        text = block.data.tobytes()
        start = 0
        for end in block.end.tolist():
            yield text[start : end - 1]
            start = end


def _header(view: StoreView, declared: VcfHeader, *, with_text: bool) -> str:
    """Return a header of what Hail needs: each field with a Number that its reader knows."""
    lines = ["##fileformat=VCFv4.2", _line("INFO", Field(ROW, "1", "Integer", "row in the store"))]
    lines += [_line("INFO", one) for one in declared.info.values()]
    lines += [_line("FORMAT", one) for one in declared.format.values()]
    if with_text:
        lines.append(_line("FORMAT", Field(calls.TEXT_KEY, "1", "String", "call that GT cannot hold")))
    lines.append("\t".join([*FIXED_COLUMNS, "FORMAT", *view.sample_ids]))
    return "\n".join(lines) + "\n"


def _line(kind: str, field: Field) -> str:
    number = field.number if field.number.isdigit() or field.number in _COUNTED_BY_HAIL else "."
    return f'##{kind}=<ID={field.name},Number={number},Type={field.type},Description="">'


def _import(hail: Any, text: Path, view: StoreView, declared: VcfHeader, genome: Any) -> Any:
    mt = hail.import_vcf(
        session.url(text),
        reference_genome=genome,
        contig_recoding=recoding(view, genome),
        array_elements_required=False,
        call_fields=[],  # PGT is text as any other field
        min_partitions=max(1, view.n_variants * view.n_samples // _PARTITION_CALLS),
    )
    quality = hail.or_missing(mt.qual != _NO_QUALITY, mt.qual)
    mt = mt.annotate_rows(**{ROW: mt.info[ROW]}, qual=quality, info=mt.info.drop(ROW))
    origin = hail.struct(
        store_hash=view.store_hash,
        assembly=hail.missing(hail.tstr) if view.assembly is None else hail.str(view.assembly),
        vcf_header=declared.text,
    )
    return mt.annotate_globals(**{GLOBALS: origin})
