"""Whether a store is what it was when it was built, and what its VCF says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from genomics_dc.errors import StoreError
from genomics_dc.provenance import JsonValue
from genomics_dc.store.access import StoreFiles
from genomics_dc.store.against import compare
from genomics_dc.store.check import Finding, check_content, check_files
from genomics_dc.store.remote import as_url, is_url


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
        n_compared, n_differing, record_findings = compare(root, [Path(vcf) for vcf in vcfs], progress)
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
