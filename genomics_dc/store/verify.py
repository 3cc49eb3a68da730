"""Whether a store is what it was when it was built, and what its VCF says."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from genomics_dc.errors import GenomicsError, StoreError
from genomics_dc.provenance import JsonValue
from genomics_dc.store.access import StoreFiles
from genomics_dc.store.check import Finding, check_content, check_files
from genomics_dc.store.differences import differences
from genomics_dc.store.read import StoreView
from genomics_dc.store.remote import as_url, is_url
from genomics_dc.store.sources import ordered_spans, prepare_sources, quiet_htslib
from genomics_dc.store.text import records

_MOST_RECORDS_SHOWN = 100


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

    Always: every file is there with its size, every chunk and every shard's index has its hash, no other file is there,
    and the hashes give the store hash. `deep`: every chunk is decoded, and the packed genotypes and counts are derived
    again and compared.
    `against`: every record and every INFO and FORMAT field is compared with those VCFs; see `differences` for
    what counts.

    Raises
    ------
    StoreError
        When there is no store at `path`.
    InputError
        When a VCF in `against` cannot be read.
    """
    root = Path(path)
    shown = as_url(path) if is_url(path) else str(root)
    if not is_url(path) and not root.is_dir():
        raise StoreError(f"{root} is not there; give the folder of a store (NAME.vcz)")
    vcfs = [] if against is None else [against] if isinstance(against, (str, os.PathLike)) else list(against)
    try:
        files = StoreFiles(root)
    except StoreError as error:
        finding = Finding("manifest", str(error))
        return VerifyReport(shown, None, deep, tuple(map(str, vcfs)), 0, 0, 0, 0, (finding,))
    findings = list(check_files(files, progress))
    if deep:
        findings += check_content(files, progress)
    n_compared = n_differing = 0
    if vcfs:
        n_compared, n_differing, record_findings = _compare(root, [Path(vcf) for vcf in vcfs], progress)
        findings += record_findings
    return VerifyReport(
        path=shown,
        store_hash=files.seal.store_hash,
        deep=deep,
        against=tuple(str(vcf) for vcf in vcfs),
        n_files=files.seal.n_files,
        n_bytes=files.seal.n_bytes,
        n_records_compared=n_compared,
        n_records_differing=n_differing,
        findings=tuple(findings),
    )


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
