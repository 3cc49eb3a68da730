"""A store, or a view of it, given back as VCF or BCF, and printed by a format."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE
from tempfile import TemporaryFile
from typing import IO, BinaryIO

import numpy as np

from genomics_dc.errors import InputError, UsageError
from genomics_dc.files import atomic_path, refuse_existing
from genomics_dc.store.ordered import default_threads
from genomics_dc.store.query_lines import query
from genomics_dc.store.read import StoreView
from genomics_dc.store.text import header, record_blocks
from genomics_dc.store.vcf.bgzf_writer import BgzfWriter
from genomics_dc.store.vcf.csi import csi_index

__all__ = ["export_vcf", "query"]

# htslib, in a process of its own: it keeps Python's lock while it works.
_TO_BCF = (
    sys.executable,
    "-c",
    "import pysam.bcftools; pysam.bcftools.view('--no-version', '-Ob', '-', catch_stdout=False)",
)


def export_vcf(view: StoreView, output: Path | str | os.PathLike[str], *, force: bool = False) -> int:
    """Write a view as VCF (.vcf), BGZF-compressed VCF (.vcf.gz) or BCF (.bcf); return the records written.

    Compressed files get a CSI index beside them. The header is that of the source VCF. Records equal the source's;
    INFO and FORMAT keys (but GT, which is first) come in alphabetical order, or in that of the source where the store
    remembers it. INFO of a view of some samples is that of the source: AC and AN are not counted anew.
    """
    final = Path(output)
    kind = next((suffix for suffix in (".vcf.gz", ".vcf", ".bcf") if final.name.endswith(suffix)), None)
    if kind is None:
        raise UsageError(f"{final} should end in .vcf, .vcf.gz or .bcf: the ending chooses the format")
    index = Path(f"{final}.csi")
    if kind != ".vcf":
        refuse_existing(index, force=force)
    with atomic_path(final, force=force) as temporary:
        if kind == ".vcf":
            with open(temporary, "wb") as plain:
                return _write(view, plain.write)
        with atomic_path(index, force=force) as temporary_index:
            if kind == ".vcf.gz":
                return _write_compressed(view, temporary, temporary_index)
            return _write_bcf(view, temporary, temporary_index)


def _write(view: StoreView, write: Callable[[bytes | memoryview], object]) -> int:
    write(header(view).encode())
    n_records = 0
    for lines in record_blocks(view):
        write(lines.text)
        n_records = lines.stop
    return n_records


def _write_compressed(view: StoreView, path: Path, index: Path) -> int:
    """Write BGZF and its index: where the records stand is known while they are written."""
    head = header(view).encode()
    ends = [np.array([len(head)], dtype=np.int64)]
    threads = default_threads()
    with open(path, "wb") as handle, BgzfWriter(handle, threads=threads) as packed:
        packed.write(head)
        at = len(head)
        for lines in record_blocks(view):
            packed.write(lines.text)
            ends.append(lines.end + at)
            at += len(lines.data)
        packed.close()
        offsets = packed.offsets(np.concatenate(ends))
    contig, start, end = view.extents()
    table = csi_index(view.contigs, contig, start, end, offsets[:-1], offsets[1:])
    with open(index, "wb") as handle, BgzfWriter(handle, threads=1) as packed:
        packed.write(table)
    return len(start)


def _write_bcf(view: StoreView, path: Path, index: Path) -> int:
    import pysam.bcftools

    with (
        open(path, "wb") as handle,
        ThreadPoolExecutor(1, thread_name_prefix="bcf") as pool,
        TemporaryFile() as said,
        subprocess.Popen(_TO_BCF, stdin=PIPE, stdout=PIPE, stderr=said) as child,
    ):
        assert child.stdin is not None
        assert child.stdout is not None
        # a full disk is told by this process, which writes the file, and not by htslib
        copied = pool.submit(_copy, child.stdout, handle)
        try:
            n_records = _write(view, child.stdin.write)
            child.stdin.close()
        except BrokenPipeError:
            n_records = -1
            with suppress(BrokenPipeError):
                child.stdin.close()
        except BaseException:
            child.kill()
            raise
        copied.result()
        child.wait()
        said.seek(0)
        words = said.read().decode(errors="replace").strip()
    if child.returncode or n_records < 0:
        told = words.partition("\n")[0][:500] or f"htslib ended with status {child.returncode}"
        raise InputError(f"{view.path} cannot be written as BCF, write VCF instead; htslib says: {told}")
    pysam.bcftools.index("--csi", "--force", "-o", str(index), str(path), catch_stdout=False)
    return n_records


def _copy(source: IO[bytes], target: BinaryIO) -> None:
    with source:  # whoever writes into it is told when this ends early
        shutil.copyfileobj(source, target, 1 << 20)
