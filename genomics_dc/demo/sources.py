"""The data that the demo takes from Debian packages, and the files it brings itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from genomics_dc.errors import InputError


@dataclass(frozen=True)
class DebianFile:
    """A data file of a Debian 12 package."""

    package: str
    path: Path


DEBIAN_FILES: dict[str, DebianFile] = {
    "chromosome 20": DebianFile("vt-examples", Path("/usr/share/doc/vt/examples/ref/20.fa.gz")),
    "phased people": DebianFile("shapeit4-example", Path("/usr/share/doc/shapeit4/examples/test/reference.vcf.gz")),
    "unphased people": DebianFile("shapeit4-example", Path("/usr/share/doc/shapeit4/examples/test/unphased.vcf.gz")),
    "GEUVADIS": DebianFile("qtltools-example", Path("/usr/share/doc/qtltools/examples/examples.tar.xz")),
    "reads of HG00100": DebianFile("samtools-test", Path("/usr/share/samtools/test/mpileup/mpileup.1.bam")),
    "reads of HG00101": DebianFile("samtools-test", Path("/usr/share/samtools/test/mpileup/mpileup.2.bam")),
    "reads of HG00102": DebianFile("samtools-test", Path("/usr/share/samtools/test/mpileup/mpileup.3.bam")),
    "reference of the reads": DebianFile("samtools-test", Path("/usr/share/samtools/test/mpileup/mpileup.ref.fa")),
}

DATA = Path(__file__).parent / "data"
CLINVAR = DATA / "clinvar-2016-09.chr20.vcf"


def source(name: str) -> Path:
    """Return the path of a Debian data file; InputError names the package to install when it is absent."""
    file = DEBIAN_FILES[name]
    if not file.path.is_file():
        raise InputError(
            f"{file.path} is missing: install the Debian package {file.package} (`apt-get install {file.package}`)"
        )
    return file.path


def require_sources() -> None:
    """Raise InputError that names every missing package at once."""
    packages = sorted({file.package for file in DEBIAN_FILES.values() if not file.path.is_file()})
    if packages:
        raise InputError(
            f"the demo's data are not installed: `apt-get install {' '.join(packages)}` brings them, then run again"
        )
