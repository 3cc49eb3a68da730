"""Whether a store is what it was when it was built, and what its VCF says."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from genomics_dc.errors import GenomicsError, StoreError
from genomics_dc.files import sha256_file
from genomics_dc.provenance import JsonValue
from genomics_dc.store import manifest, schema
from genomics_dc.store.access import StoreFiles, array_in, dimension_names, read, variant_rows
from genomics_dc.store.build import derive_block, row_ranges
from genomics_dc.store.read import StoreView
from genomics_dc.store.sources import ordered_spans, prepare_sources, quiet_htslib
from genomics_dc.store.text import differences, records

_MOST_RECORDS_SHOWN = 100


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    `kind`: "missing", "size", "checksum", "unexpected", "manifest", "decode", "derived", "record" or "samples".
    `chunk` is the chunk's place in the grid ("3.0"); `variants` the rows it touches, zero-based half-open.
    """

    kind: str
    message: str
    array: str | None = None
    chunk: str | None = None
    variants: tuple[int, int] | None = None


@dataclass(frozen=True)
class VerifyReport:
    """What was looked at, and what was found. `ok` when nothing was."""

    path: str
    store_hash: str | None
    deep: bool
    against: tuple[str, ...]
    n_files: int
    n_bytes: int
    n_records_compared: int
    n_records_differing: int
    findings: tuple[Finding, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def to_dict(self) -> dict[str, JsonValue]:
        """Return plain JSON values."""
        return {**asdict(self), "ok": self.ok}


def verify_store(
    path: Path | str,
    *,
    deep: bool = False,
    against: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None = None,
    progress: Callable[[str, float], None] = lambda _step, _share: None,
) -> VerifyReport:
    """Hold a store against its manifest, itself and its VCF; return what was found.

    Always: every file of the manifest is there with its size and SHA-256, no other file is, and the entries give the
    store hash. `deep`: every chunk is decoded, and the packed genotypes and counts are derived again and compared.
    `against`: every record and every INFO and FORMAT field is compared with those VCFs; see `text.differences` for
    what counts.

    Raises
    ------
    StoreError
        When there is no store at `path`.
    InputError
        When a VCF in `against` cannot be read.
    """
    root = Path(path)
    if not root.is_dir():
        raise StoreError(f"{root} is not there; give the folder of a store (NAME.vcz)")
    vcfs = [] if against is None else [against] if isinstance(against, (str, os.PathLike)) else list(against)
    try:
        seal: manifest.Seal | None = manifest.read_seal(root)
        entries = manifest.read(root)
    except StoreError as error:
        finding = Finding("manifest", str(error))
        return VerifyReport(str(root), None, deep, tuple(map(str, vcfs)), 0, 0, 0, 0, (finding,))
    assert seal is not None
    findings = list(_file_findings(root, entries, progress))
    if deep:
        findings += _deep_findings(root, entries, progress)
    n_compared = n_differing = 0
    if vcfs:
        n_compared, n_differing, record_findings = _compare(root, [Path(vcf) for vcf in vcfs], progress)
        findings += record_findings
    return VerifyReport(
        path=str(root),
        store_hash=seal.store_hash,
        deep=deep,
        against=tuple(str(vcf) for vcf in vcfs),
        n_files=len(entries),
        n_bytes=sum(entry.size_bytes for entry in entries.values()),
        n_records_compared=n_compared,
        n_records_differing=n_differing,
        findings=tuple(findings),
    )


def _finding(kind: str, key: str, root: Path, what: str) -> Finding:
    array, separator, grid = key.partition("/c/")
    if not separator:
        return Finding(kind, f"metadata file {key} {what}", array=os.path.dirname(key) or None)  # noqa: PTH120  (a key)
    rows = variant_rows(key, root)
    chunk = grid.replace("/", ".")
    where = "" if rows is None else f", variants {rows[0]:,} to {rows[1]:,},"
    return Finding(kind, f"array {array}, chunk {chunk}{where} {what}", array, chunk, rows)


def _file_findings(
    root: Path, entries: dict[str, manifest.Entry], progress: Callable[[str, float], None]
) -> Iterator[Finding]:
    total = sum(entry.size_bytes for entry in entries.values()) or 1
    done = 0
    for key in sorted(entries):
        progress("Checking files", done / total)
        entry, path = entries[key], root / key
        done += entry.size_bytes
        try:
            size = path.stat().st_size
            if size != entry.size_bytes:
                yield _finding("size", key, root, f"has {size} bytes, not {entry.size_bytes}")
            elif sha256_file(path) != entry.sha256:
                yield _finding("checksum", key, root, "is damaged: its SHA-256 differs")
        except FileNotFoundError:
            yield _finding("missing", key, root, "is missing")
        except OSError as error:
            yield _finding("missing", key, root, f"cannot be read: {error.strerror}")
    for folder, _, files in os.walk(root):
        for name in files:
            key = (Path(folder) / name).relative_to(root).as_posix()
            if key not in entries and key != schema.MANIFEST_NAME:
                yield _finding("unexpected", key, root, "is not in the manifest")


def _deep_findings(
    root: Path, entries: dict[str, manifest.Entry], progress: Callable[[str, float], None]
) -> list[Finding]:
    """Decode every chunk and derive again what we derived."""
    found: list[Finding] = []
    try:
        files = StoreFiles(root)
        names = sorted({key.partition("/c/")[0] for key in entries if "/c/" in key})
        arrays = {name: files.array(name) for name in names}
    except GenomicsError as error:
        return [Finding("decode", f"the metadata cannot be read: {error}")]
    for number, (name, array) in enumerate(arrays.items()):
        progress(f"Decoding {name}", number / len(arrays))
        for start, stop in row_ranges(array.shape[0], array.chunks[0]):
            try:
                read(array, start, stop)
            except (GenomicsError, ValueError, RuntimeError, OSError) as error:
                chunk = str(start // array.chunks[0])
                rows = (start, stop) if dimension_names(array)[:1] == (schema.DIM_VARIANTS,) else None
                found.append(Finding("decode", f"array {name}, rows {start:,} to {stop:,}: {error}", name, chunk, rows))
    if schema.CALL_GENOTYPE in arrays:
        found += _derived_findings(files)
    return found


def _derived_findings(files: StoreFiles) -> Iterator[Finding]:
    try:
        packed = files.array(schema.PACKED_DOSAGE)
        counts = files.array(schema.VARIANT_COUNTS)
    except StoreError as error:
        yield Finding("derived", str(error))
        return
    genotype = array_in(files.group, schema.CALL_GENOTYPE)
    for start, stop in row_ranges(genotype.shape[0], packed.chunks[0]):
        try:
            expected_packed, expected_counts = derive_block(genotype, start, stop)
            stored_packed, stored_counts = read(packed, start, stop), read(counts, start, stop)
        except (GenomicsError, ValueError, RuntimeError, OSError):
            continue  # told already, where it was decoded
        chunk = str(start // packed.chunks[0])
        for name, expected, stored in (
            (schema.PACKED_DOSAGE, expected_packed, stored_packed),
            (schema.VARIANT_COUNTS, expected_counts, stored_counts),
        ):
            wrong = np.flatnonzero((expected != stored).any(axis=1))
            if wrong.size:
                rows = (start + int(wrong[0]), start + int(wrong[-1]) + 1)
                what = f"differs from {schema.CALL_GENOTYPE} in {wrong.size} variants, {rows[0]:,} to {rows[1]:,}"
                yield Finding("derived", f"array {name}, chunk {chunk} {what}", name, chunk, rows)


def _compare(
    root: Path, vcfs: Sequence[Path], progress: Callable[[str, float], None]
) -> tuple[int, int, list[Finding]]:
    """Return (records compared, records differing, findings) of the store against its VCFs."""
    found: list[Finding] = []
    n_compared = n_differing = 0
    try:
        view = StoreView.open(root)
        total = view.n_variants
        samples = [str(name) for name in view.sample_ids]
    except GenomicsError as error:
        return 0, 0, [Finding("decode", str(error))]
    # Scratch beside the VCF might be read-only; the system's temporary folder holds only indexes.
    with tempfile.TemporaryDirectory(prefix="genomics-dc-verify-") as scratch:
        sources = prepare_sources(vcfs, Path(scratch))
        if list(sources[0].header.samples) != samples:
            found.append(Finding("samples", f"{sources[0].path} and the store have other samples, or another order"))
            return 0, 0, found
        stored = records(view)
        try:
            for row, (where, line) in enumerate(_vcf_records(sources)):
                if row % 1000 == 0:
                    progress("Comparing records", row / max(total, 1))
                mine = next(stored, None)
                if mine is None:
                    what = f"the store ends after {row:,} records; {where} is the next in the VCF"
                    found.append(Finding("record", what, variants=(row, row)))
                    n_differing += 1
                    break
                n_compared += 1
                told = differences(line, mine, samples)
                if told:
                    n_differing += 1
                    if n_differing <= _MOST_RECORDS_SHOWN:
                        shown = "; ".join(told[:5]) + ("; …" if len(told) > 5 else "")
                        found.append(Finding("record", f"{where} (VCF and store): {shown}", variants=(row, row + 1)))
            extra = sum(1 for _ in islice(stored, 1))
            if extra:
                what = f"the store has {total:,} records, the VCF {n_compared:,}"
                found.append(Finding("record", what, variants=(n_compared, total)))
                n_differing += 1
        except (GenomicsError, RuntimeError, ValueError) as error:
            found.append(Finding("decode", str(error), variants=(n_compared, total)))
    return n_compared, n_differing, found


def _vcf_records(sources: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Yield (place, record text) as bcftools would print it, in store order."""
    import pysam

    with quiet_htslib():
        for source, span in ordered_spans(sources):
            with pysam.VariantFile(str(source.indexed_path)) as opened:
                for record in opened.fetch(span.contig):
                    yield f"{source.path.name} {record.chrom}:{record.pos:,}", str(record).rstrip("\n")
