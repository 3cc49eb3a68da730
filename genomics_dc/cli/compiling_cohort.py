"""A small cohort of every kind of record: what the kernels meet when they are compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

_SAMPLES: Final = 48
_MEN: Final = 24
_HEADER: Final = """##fileformat=VCFv4.3
##contig=<ID=20,length=64444167>
##contig=<ID=21,length=46709983>
##contig=<ID=X,length=156040895>
##FILTER=<ID=PASS,Description="All filters passed">
##FILTER=<ID=low,Description="Low quality">
##INFO=<ID=AC,Number=A,Type=Integer,Description="Copies of each ALT allele">
##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency of each ALT allele">
##INFO=<ID=DB,Number=0,Type=Flag,Description="Known">
##INFO=<ID=SRC,Number=.,Type=String,Description="Source">
##INFO=<ID=END,Number=1,Type=Integer,Description="Last base">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads of each allele">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Reads">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">
##FORMAT=<ID=DS,Number=A,Type=Float,Description="Dosage">
##FORMAT=<ID=FT,Number=1,Type=String,Description="Filter">
"""


def write_cohort(folder: Path) -> None:
    """Write VCFs, tables of traits and covariates, and a list of samples, under the names that the commands use."""
    rng = np.random.default_rng(7)
    names = [f"S{number:04d}" for number in range(_SAMPLES)]
    records = [_record(rng, "20", 10_000 + 40 * row, row) for row in range(400)]
    records += [_record(rng, "21", 10_000 + 40 * row, 1000 + row, n_alts=2 + row % 2) for row in range(40)]
    records += [_record(rng, "X", 5_000_000 + 40 * row, 2000 + row, haploid=_MEN) for row in range(60)]
    _write(folder / "whole.vcf", names, records)
    first, second = records[:420], records[420:]
    _write(folder / "north.vcf", names[:8], [(fields, calls[:8]) for fields, calls in first])
    _write(folder / "later.vcf", names[:8], [(fields, calls[:8]) for fields, calls in second])
    _write(folder / "south.vcf", names[10:18], [(fields, calls[10:18]) for fields, calls in first])
    _write(folder / "new.vcf", names[9:10], [(fields, calls[9:10]) for fields, calls in first[::2]])
    _write(folder / "S0009.g.vcf", names[9:10], _reference_blocks())
    (folder / "keep.txt").write_text("".join(f"{name}\n" for name in names[:40][::-1]))
    height = rng.normal(size=_SAMPLES)
    lines = ["sample_id\theight\tweight\tsame\tcase"]
    for row, name in enumerate(names):
        weight = "NA" if row % 9 == 4 else f"{rng.normal():.4f}"
        lines.append(f"{name}\t{height[row]:.4f}\t{weight}\t{rng.normal():.4f}\t{int(rng.random() < 0.4)}")
    (folder / "traits.tsv").write_text("\n".join(lines) + "\n")
    _write_consequences(folder / "genes.parquet", [fields for fields, _ in records])
    lines = ["sample_id\tage\tbatch\tgroup"]
    lines += [f"{name}\t{rng.normal():.4f}\t{row % 2}\t{row % 3}" for row, name in enumerate(names)]
    (folder / "more.tsv").write_text("\n".join(lines) + "\n")
    lines = ["sample_id\tgroup", *(f"{name}\t{'north' if row % 2 else 'south'}" for row, name in enumerate(names))]
    (folder / "groups.tsv").write_text("\n".join(lines) + "\n")
    # those with one copy on X are men; the first ten are children of the next and of the last
    lines = [
        f"family\t{name}\t{names[-1 - row] if row < 10 else 0}\t{names[10 + row] if row < 10 else 0}\t"
        f"{1 if row >= _SAMPLES - _MEN else 2}"
        for row, name in enumerate(names)
    ]
    (folder / "cohort.fam").write_text("\n".join(lines) + "\n")


def _record(
    rng: np.random.Generator, contig: str, position: int, number: int, *, n_alts: int = 1, haploid: int = 0
) -> tuple[list[str], list[str]]:
    """Return the fixed fields and the calls of one record; the last `haploid` samples have one copy."""
    bases = [str(base) for base in rng.permutation(list("ACGT"))]
    ref, alts = bases[0], bases[1 : 1 + n_alts]
    if number % 7 == 3:
        alts[-1] = ref + bases[3]
    if number % 11 == 5:
        ref, alts = ref + bases[2], [bases[0], *alts[1:]]
    share = float(rng.choice([0.02, 0.1, 0.3, 0.5]))
    calls = []
    copies = np.zeros(n_alts, dtype=int)
    n_called = 0
    for sample in range(_SAMPLES):
        ploidy = 1 if sample >= _SAMPLES - haploid else 2
        alleles = [int(rng.integers(1, n_alts + 1)) if rng.random() < share else 0 for _ in range(ploidy)]
        if rng.random() < 0.04:
            calls.append("./.:.:.:.:.:.:." if ploidy == 2 else ".:.:.:.:.:.:.")
            continue
        for allele in alleles:
            n_called += 1
            if allele:
                copies[allele - 1] += 1
        reads = rng.poisson(12, n_alts + 1)
        n_likelihoods = (n_alts + 1) * (n_alts + 2) // 2 if ploidy == 2 else n_alts + 1
        likelihoods = ",".join(str(value) for value in rng.integers(0, 400, n_likelihoods))
        dosages = ",".join(f"{alleles.count(allele + 1):.2f}" for allele in range(n_alts))
        text = ("|" if sample % 5 == 1 else "/").join(map(str, alleles))
        depth = ",".join(map(str, reads))
        word = "PASS" if sample % 3 else "low"
        calls.append(f"{text}:{depth}:{reads.sum()}:{int(rng.integers(10, 99))}:{likelihoods}:{dosages}:{word}")
    frequency = ",".join(f"{value / max(n_called, 1):.4f}" for value in copies)
    info = f"AC={','.join(map(str, copies))};AF={frequency};SRC=a{number % 3},b" + (";DB" if number % 2 else "")
    quality, verdict = f"{rng.uniform(5, 99):.1f}", "low" if number % 13 == 0 else "PASS"
    name = f"rs{number}" if number % 4 else "."
    return [contig, str(position), name, ref, ",".join(alts), quality, verdict, info, "GT:AD:DP:GQ:PL:DS:FT"], calls


def _reference_blocks() -> list[tuple[list[str], list[str]]]:
    return [
        ([contig, "1", ".", "N", "<NON_REF>", ".", ".", f"END={length}", "GT:DP:GQ"], ["0/0:30:80"])
        for contig, length in (("20", 64_000_000), ("21", 46_000_000))
    ]


def _write_consequences(path: Path, records: list[list[str]]) -> None:
    """Write a table as `annotate` makes it: every first ALT allele does something to a gene."""
    import pyarrow as pa
    from pyarrow import parquet

    table = {
        "contig": [fields[0] for fields in records],
        "position": [int(fields[1]) for fields in records],
        "ref": [fields[3] for fields in records],
        "alt": [fields[4].split(",")[0] for fields in records],
        "gene": [f"G{row // 20}" for row in range(len(records))],
        "so_terms": [["missense_variant"]] * len(records),
    }
    parquet.write_table(pa.table(table), path)


def _write(path: Path, names: list[str], records: list[tuple[list[str], list[str]]]) -> None:
    lines = ["\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names])]
    lines += ["\t".join([*fields, *calls]) for fields, calls in records]
    path.write_text(_HEADER + "\n".join(lines) + "\n")
