"""Calls against a truth: recall, precision, genotype agreement, after both are normalised in the same way."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from genomics_dc import tools
from genomics_dc.errors import InputError

AlleleKey = tuple[str, int, str, str]


@dataclass(frozen=True)
class KindCounts:
    """Counts of one kind of variant (alleles after splitting).

    `genotypes_equal` counts found alleles whose copies (1 or 2) agree with the truth; `false_positives` are called
    alleles that the truth lacks. Ratios of nothing are None.
    """

    truth: int
    found: int
    genotypes_equal: int
    false_positives: int

    @property
    def recall(self) -> float | None:
        """Return found / truth."""
        return self.found / self.truth if self.truth else None

    @property
    def precision(self) -> float | None:
        """Return found / (found + false positives)."""
        called = self.found + self.false_positives
        return self.found / called if called else None

    @property
    def genotype_concordance(self) -> float | None:
        """Return the share of found alleles with the same genotype."""
        return self.genotypes_equal / self.found if self.found else None


@dataclass(frozen=True)
class Comparison:
    """SNVs and indels apart, with the alleles that were missed or are false, as contig:position:ref:alt (one-based)."""

    snv: KindCounts
    indel: KindCounts
    missed: tuple[str, ...]
    false: tuple[str, ...]
    genotype_differs: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values with the ratios."""
        kinds = {
            name: {
                **asdict(counts),
                "recall": counts.recall,
                "precision": counts.precision,
                "genotype_concordance": counts.genotype_concordance,
            }
            for name, counts in (("snv", self.snv), ("indel", self.indel))
        }
        return {**kinds, "missed": self.missed, "false": self.false, "genotype_differs": self.genotype_differs}

    def to_text(self) -> str:
        """Return a small table."""
        lines = ["kind\ttruth\tfound\tgenotype_equal\tfalse\trecall\tprecision"]
        for name, counts in (("SNV", self.snv), ("indel", self.indel)):
            ratios = [f"{value:.4f}" if value is not None else "NA" for value in (counts.recall, counts.precision)]
            numbers = [counts.truth, counts.found, counts.genotypes_equal, counts.false_positives]
            lines.append("\t".join([name, *map(str, numbers), *ratios]))
        return "\n".join(lines)


def compare_calls(
    truth: Path,
    calls: Path,
    *,
    fasta: Path,
    regions: Path | None = None,
    sample: str | None = None,
    truth_sample: str | None = None,
    passed_only: bool = False,
    contig_names: Mapping[str, str] | None = None,
) -> Comparison:
    """Compare one sample's calls with the truth, inside `regions` (BED, contig names of the calls) when given.

    Both are left-aligned against `fasta` and split, so that one allele written two ways is one allele. `contig_names`
    renames contigs of the truth. A site is inside a region by its position. A truth of several samples is read for
    `truth_sample`, by default for the sample of the same name.
    """
    if truth_sample is None and sample in _samples(truth):
        truth_sample = sample
    intervals = _read_intervals(regions) if regions else None
    wanted = _alleles(truth, fasta, truth_sample, passed_only=False, contig_names=contig_names)
    called = _alleles(calls, fasta, sample, passed_only=passed_only, contig_names=None)
    if intervals is not None:
        wanted = {key: copies for key, copies in wanted.items() if _inside(key, intervals)}
        called = {key: copies for key, copies in called.items() if _inside(key, intervals)}
    found = wanted.keys() & called.keys()
    differs = {key for key in found if wanted[key] is not None and wanted[key] != called[key]}

    def count(indel: bool) -> KindCounts:
        def of_kind(keys: set[AlleleKey]) -> int:
            return sum(_is_indel(key) is indel for key in keys)

        return KindCounts(
            of_kind(set(wanted)), of_kind(found), of_kind(found - differs), of_kind(called.keys() - wanted.keys())
        )

    return Comparison(
        count(indel=False),
        count(indel=True),
        _texts(wanted.keys() - found),
        _texts(called.keys() - found),
        _texts(differs),
    )


def _is_indel(key: AlleleKey) -> bool:
    return len(key[2]) != len(key[3])


def _texts(keys: set[AlleleKey]) -> tuple[str, ...]:
    return tuple(":".join(map(str, key)) for key in sorted(keys))


def _read_intervals(path: Path) -> dict[str, list[tuple[int, int]]]:
    intervals: dict[str, list[tuple[int, int]]] = {}
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith(("#", "track", "browser")):
            contig, start, end = line.split("\t")[:3]
            intervals.setdefault(contig, []).append((int(start), int(end)))
    return intervals


def _inside(key: AlleleKey, intervals: Mapping[str, list[tuple[int, int]]]) -> bool:
    return any(start <= key[1] - 1 < end for start, end in intervals.get(key[0], ()))


def _alleles(
    vcf: Path, fasta: Path, sample: str | None, *, passed_only: bool, contig_names: Mapping[str, str] | None
) -> dict[AlleleKey, int | None]:
    """Return allele to number of copies (None: at least one is missing) of what one sample carries, normalised."""
    import cyvcf2

    with tempfile.TemporaryDirectory() as folder:
        source = vcf
        if contig_names:
            names = Path(folder) / "names.txt"
            names.write_text("".join(f"{old} {new}\n" for old, new in contig_names.items()))
            source = Path(folder) / "renamed.vcf"
            tools.run(["bcftools", "annotate", "--no-version", "--rename-chrs", names, "-o", source, vcf])
        normal = Path(folder) / "normal.vcf"
        tools.run(["bcftools", "norm", "--no-version", "-c", "e", "-f", fasta, "-m", "-any", "-o", normal, source])
        reader = cyvcf2.VCF(str(normal))
        column = _column(vcf, list(reader.samples), sample)
        alleles: dict[AlleleKey, int | None] = {}
        for record in reader:
            if not record.ALT or (passed_only and record.FILTER is not None):
                continue
            row = record.genotype.array()[column][:-1]
            copies = int((row == 1).sum())
            if copies:
                key = (record.CHROM, record.POS, record.REF.upper(), record.ALT[0].upper())
                alleles[key] = None if (row == -1).any() else max(copies, alleles.get(key) or 0)
        return alleles


def _samples(vcf: Path) -> list[str]:
    import pysam

    with pysam.VariantFile(str(vcf)) as opened:
        return list(opened.header.samples)


def _column(vcf: Path, samples: list[str], sample: str | None) -> int:
    if sample is None:
        if len(samples) != 1:
            raise InputError(f"{vcf} holds {len(samples)} samples; say which one: {', '.join(samples[:8])}")
        return 0
    if sample not in samples:
        raise InputError(f"{vcf} has no sample {sample}; it holds {', '.join(samples[:8])}")
    return samples.index(sample)
