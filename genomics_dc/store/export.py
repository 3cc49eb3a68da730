"""A store, or a view of it, given back as VCF or BCF, and printed by a format."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

from genomics_dc.errors import InputError, UsageError
from genomics_dc.files import atomic_path, refuse_existing
from genomics_dc.store.read import StoreView
from genomics_dc.store.text import header, records, write_query

_RECORDS_PER_WRITE = 1_000


def export_vcf(view: StoreView, output: Path | str | os.PathLike[str], *, force: bool = False) -> int:
    """Write a view as VCF (.vcf), BGZF-compressed VCF (.vcf.gz) or BCF (.bcf); return the records written.

    Compressed files get a CSI index beside them. The header is that of the source VCF. Records equal the source's;
    INFO and FORMAT keys (but GT, which is first) come in alphabetical order. INFO of a view of some samples is that of
    the source: AC and AN are not counted anew.
    """
    import pysam
    import pysam.bcftools

    final = Path(output)
    kind = next((suffix for suffix in (".vcf.gz", ".vcf", ".bcf") if final.name.endswith(suffix)), None)
    if kind is None:
        raise UsageError(f"{final} should end in .vcf, .vcf.gz or .bcf: the ending chooses the format")
    index = Path(f"{final}.csi")
    if kind != ".vcf":
        refuse_existing(index, force=force)
    with atomic_path(final, force=force) as temporary:
        if kind == ".vcf":
            with open(temporary, "w", encoding="utf-8", newline="\n") as plain:
                return _write(view, plain)
        text = temporary if kind == ".vcf.gz" else temporary.with_name(temporary.name + ".vcf.gz")
        try:
            with pysam.BGZFile(str(text), "wb", None) as compressed:
                n_records = _write(view, _Encoded(compressed))
            if kind == ".bcf":
                made = pysam.bcftools.view("--no-version", "-Ob", "-o", str(temporary), str(text), catch_stdout=False)
                assert made is None or made == ""
        finally:
            if text != temporary:
                text.unlink(missing_ok=True)
        with atomic_path(index, force=force) as temporary_index:
            pysam.bcftools.index("--csi", "--force", "-o", str(temporary_index), str(temporary), catch_stdout=False)
    return n_records


class _Encoded:
    """A text face for a BGZF file."""

    def __init__(self, handle: object) -> None:
        self._handle = handle

    def write(self, text: str) -> int:
        self._handle.write(text.encode("utf-8"))  # type: ignore[attr-defined]
        return len(text)


def _write(view: StoreView, output: TextIO | _Encoded) -> int:
    output.write(header(view))
    n_records = 0
    waiting: list[str] = []
    for record in records(view):
        waiting.append(record)
        n_records += 1
        if len(waiting) == _RECORDS_PER_WRITE:
            output.write("\n".join(waiting) + "\n")
            waiting.clear()
    if waiting:
        output.write("\n".join(waiting) + "\n")
    return n_records


def query(
    path: Path | str | os.PathLike[str],
    output: TextIO,
    *,
    query_format: str,
    region: str | None = None,
    samples: list[str] | None = None,
) -> None:
    """Write one line per variant of a store as `bcftools query -r region -s samples -f query_format` does."""
    view = StoreView.open(path)
    if region is not None:
        view = view.region(region)
    if samples is not None:
        if not samples:
            raise InputError("no sample is named; leave the option out to have all")
        view = view.samples(samples)
    write_query(view, query_format, output)
