"""Where to call: the regions of a run, cut into windows that are called side by side. Zero-based half-open."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from genomics_dc.config import Problem, ProblemsError, RunConfig
from genomics_dc.errors import InputError
from genomics_dc.files import write_text

Interval = tuple[str, int, int]
_REGION = re.compile(r"(?P<contig>[^\s:]+)(?::(?P<first>[\d,]+)-(?P<last>[\d,]+))?")


def contig_lengths(fasta: Path, *, cache: Path | None = None) -> dict[str, int]:
    """Return name to length in bp of every contig, in the order of the FASTA file.

    They are read from the .fai beside it, else from `cache`, else by reading the bases once (and `cache` is written).
    """
    for index in (Path(f"{fasta}.fai"), cache):
        if index is not None and index.is_file() and index.stat().st_mtime >= fasta.stat().st_mtime:
            rows = (line.split("\t") for line in index.read_text().splitlines())
            return {row[0]: int(row[1]) for row in rows}
    lengths: dict[str, int] = {}
    name = ""
    with gzip.open(fasta, "rb") if fasta.suffix == ".gz" else open(fasta, "rb") as handle:
        for line in handle:
            if line.startswith(b">"):
                name = line[1:].split()[0].decode() if line[1:].split() else ""
                if not name or name in lengths:
                    raise InputError(
                        f"{fasta}: a contig without a name, or twice the same ({name!r}); mend the FASTA file"
                    )
                lengths[name] = 0
            elif name:
                lengths[name] += len(line.strip())
            elif line.strip():
                raise InputError(f"{fasta} is not FASTA: its first line does not begin with >")
    if not lengths:
        raise InputError(f"{fasta} holds no contig")
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_text(cache, "".join(f"{contig}\t{length}\n" for contig, length in lengths.items()), force=True)
    return lengths


def run_regions(run: RunConfig) -> list[Interval]:
    """Return the intervals to call: sorted by contig order and start, merged; whole contigs when none are configured.

    Raises ProblemsError that names every region outside the reference.
    """
    fasta = run.resolve(run.settings["reference"]["fasta"])
    lengths = contig_lengths(fasta, cache=run.output / ".genomics-dc" / "contigs.tsv")
    configured = run.settings["regions"]
    if configured is None:
        return [(contig, 0, length) for contig, length in lengths.items() if length > 0]
    texts = [configured] if isinstance(configured, str) else list(configured)
    intervals: list[Interval] = []
    problems: list[Problem] = []
    for text in texts:
        path = run.resolve(text)
        named = _read_bed(path, lengths) if path.is_file() else [(0, *_parse_region(text, lengths))]
        for line, contig, start, end, problem in named:
            if problem:
                shown, key = (str(path), "") if line else (str(run.path), "regions")
                problems.append(Problem(shown, line, key, problem))
            else:
                intervals.append((contig, start, end))
    if problems:
        raise ProblemsError(problems)
    return _merged(intervals, lengths)


def _parse_region(text: str, lengths: Mapping[str, int]) -> tuple[str, int, int, str | None]:
    """Return contig, start, end and what is wrong, of a one-based inclusive region such as 20:1,000-2,000."""
    found = _REGION.fullmatch(text)
    if found is None:
        return "", 0, 0, f"{text!r} is neither a region such as 20:1,000-2,000 nor a BED file that is there"
    contig = found["contig"]
    first = int((found["first"] or "1").replace(",", ""))
    last = int((found["last"] or str(lengths.get(contig, 0))).replace(",", ""))
    return contig, first - 1, last, _outside(contig, first - 1, last, lengths, text)


def _outside(contig: str, start: int, end: int, lengths: Mapping[str, int], text: str) -> str | None:
    if contig not in lengths:
        names = ", ".join(list(lengths)[:5]) + (", ..." if len(lengths) > 5 else "")
        return f"{text}: the reference has no contig {contig}; its contigs are {names}"
    if not 0 <= start < end <= lengths[contig]:
        return f"{text}: outside {contig}, which has {lengths[contig]:,} bp"
    return None


def _read_bed(path: Path, lengths: Mapping[str, int]) -> list[tuple[int, str, int, int, str | None]]:
    rows: list[tuple[int, str, int, int, str | None]] = []
    with gzip.open(path, "rt") if path.suffix == ".gz" else open(path) as handle:
        for number, text in enumerate(handle, 1):
            if not text.strip() or text.startswith(("#", "track", "browser")):
                continue
            cells = text.rstrip("\r\n").split("\t")
            if len(cells) < 3 or not (cells[1].isdigit() and cells[2].isdigit()):
                rows.append((number, "", 0, 0, "expected contig, start and end separated by tabs"))
                continue
            contig, start, end = cells[0], int(cells[1]), int(cells[2])
            rows.append((number, contig, start, end, _outside(contig, start, end, lengths, f"{contig}:{start}-{end}")))
    return rows


def _merged(intervals: Sequence[Interval], lengths: Mapping[str, int]) -> list[Interval]:
    order = {contig: rank for rank, contig in enumerate(lengths)}
    merged: list[Interval] = []
    for contig, start, end in sorted(intervals, key=lambda one: (order[one[0]], one[1], one[2])):
        if merged and merged[-1][0] == contig and start <= merged[-1][2]:
            merged[-1] = (contig, merged[-1][1], max(end, merged[-1][2]))
        else:
            merged.append((contig, start, end))
    return merged


def cut_windows(intervals: Sequence[Interval], window_bp: int) -> list[list[Interval]]:
    """Cut intervals into windows of at most `window_bp` bases each; small neighbours share a window."""
    windows: list[list[Interval]] = []
    room = 0
    for contig, start, end in intervals:
        while start < end:
            if room == 0:
                windows.append([])
                room = window_bp
            taken = min(room, end - start)
            windows[-1].append((contig, start, start + taken))
            start += taken
            room -= taken
    return windows


def run_windows(run: RunConfig) -> dict[str, list[Interval]]:
    """Return the windows of a run by name (w0001 ...), in the order of the genome."""
    windows = cut_windows(run_regions(run), run.settings["calling"]["scatter_window_bp"])
    digits = max(4, len(str(len(windows))))
    return {f"w{number:0{digits}}": window for number, window in enumerate(windows, 1)}


def write_windows(run: RunConfig, directory: Path) -> None:
    """Write one BED file (zero-based half-open) per window into `directory`, and all of them as regions.bed."""
    directory.mkdir(parents=True, exist_ok=True)
    windows = run_windows(run)
    for name, window in windows.items():
        write_text(directory / f"{name}.bed", _bed(window), force=True)
    write_text(directory / "regions.bed", _bed(run_regions(run)), force=True)


def _bed(intervals: Sequence[Interval]) -> str:
    return "".join(f"{contig}\t{start}\t{end}\n" for contig, start, end in intervals)
