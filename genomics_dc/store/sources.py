"""What must hold of a VCF before it may become a store."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from genomics_dc.errors import InputError


@dataclass(frozen=True)
class Header:
    """A VCF header: its text, and what it declares."""

    text: str
    samples: tuple[str, ...]
    contigs: tuple[str, ...]

    @property
    def assembly(self) -> str | None:
        """The genome build that the header names for its contigs, if it names one."""
        found = set(re.findall(r"##contig=<[^>]*\bassembly=\"?([^\",>]+)", self.text))
        return found.pop() if len(found) == 1 else None


@dataclass(frozen=True)
class Source:
    """One input file, checked: the user's path, and a link in scratch that has an index beside it."""

    path: Path
    indexed_path: Path
    header: Header
    n_records: int


def prepare_sources(
    paths: Sequence[Path],
    scratch: Path,
    *,
    reference: Path | None,
    workers: int,
    progress: Callable[[str, float], None],
) -> list[Source]:
    """Check every file, index it in `scratch`, and return them in genome order."""
    import pysam
    import pysam.bcftools

    sources = []
    for number, path in enumerate(paths):
        if not path.exists():
            raise InputError(f"{path} does not exist; give the path of a VCF or BCF file")
        link = scratch / f"source-{number:06d}.{'bcf' if path.suffix == '.bcf' else 'vcf.gz'}"
        link.symlink_to(path.resolve())
        pysam.bcftools.index("--csi", str(link), catch_stdout=False)
        with pysam.VariantFile(str(link)) as opened:
            header = Header(str(opened.header), tuple(opened.header.samples), tuple(opened.header.contigs))
        sources.append(Source(path, link, header, 0))
    return sources
