"""A store as text: the records of a VCF, and lines of any other form, printed by threads in store order.

The header is the one of the source VCF, word for word: VCF Zarr itself keeps neither Number and Type nor the order and
extra keys of header lines. Floats are printed as htslib prints them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels.vcf.records import Buffers, Lines
from genomics_dc.store.ordered import default_threads, ordered
from genomics_dc.store.printed import Contents, Page, Step, needed_arrays
from genomics_dc.store.query_format import LINE_FEED, parse_format, record_steps
from genomics_dc.store.vcf.header import meta_lines

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

_MEMORY_BYTES = 512 << 20
_BYTES_OF_A_CALL = 8
_PART_BYTES = 64 << 20  # a block of more is printed in parts


def header(view: StoreView) -> str:
    """Return the header of the source VCF with the samples of the view, ending in a line feed."""
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    if view.n_samples:
        columns += ["FORMAT", *view.sample_ids]
    return meta_lines(view.vcf_header()) + "\t".join(columns) + "\n"


def records(view: StoreView) -> Iterator[str]:
    """Yield the VCF text of each record, without the line feed, in store order."""
    for lines in text_blocks(view, record_steps(samples=view.n_samples > 0)):
        text = lines.data.tobytes()
        start = 0
        for end in lines.end.tolist():
            yield text[start:end].decode()
            start = end


def record_blocks(view: StoreView, *, threads: int | None = None) -> Iterator[Lines]:
    """Yield the VCF text of the records, each with its line feed, some megabytes at a time, in store order."""
    return text_blocks(view, [*record_steps(samples=view.n_samples > 0), LINE_FEED], threads=threads)


def query_blocks(view: StoreView, query_format: str, *, threads: int | None = None) -> Iterator[Lines]:
    """Yield one line per variant as `bcftools query -f` prints it; see `query_format`.

    Raises
    ------
    UsageError, InputError
        At once, when the format is not understood or the store lacks a tag.
    """
    return text_blocks(view, parse_format(query_format, Contents(view)), threads=threads, short=True)


def text_blocks(
    view: StoreView, steps: Sequence[Step], *, threads: int | None = None, short: bool = False
) -> Iterator[Lines]:
    """Yield what the steps print of every record of a view, in store order, some megabytes at a time.

    `first` and `stop` of the lines count the records of the view; their text stands until the next are asked for.
    Threads read and print the blocks that come next, as many as half a gigabyte holds. `short`: a vector of which every
    place is missing is printed as one ".", which is what a record has that lacks the field.
    """
    rows = view.sites_index()
    if not len(rows):
        return
    contents = Contents(view)
    loader = view.loader(*needed_arrays(contents, steps))
    threads = threads or default_threads()
    # the arrays, the numbers made of them, and the text
    row_bytes = 3 * loader.row_bytes(view.n_samples) + _BYTES_OF_A_CALL * view.n_samples
    loader.share(max(1, _PART_BYTES // max(row_bytes, 1)))
    ahead = min(2 * threads, _MEMORY_BYTES // (row_bytes * loader.step))

    buffers = Buffers()

    def lines_of(part: npt.NDArray[np.int64]) -> list[Lines]:
        return Page(contents, part, loader.load(part), short=short).lines(steps, buffers)

    done = 0
    for part in ordered(lines_of, loader.parts(rows), threads=threads, ahead=ahead):
        for lines in part:
            yield replace(lines, first=lines.first + done, stop=lines.stop + done)
            buffers.give_back(lines)
        done += part[-1].stop
