"""A cohort with families, both sexes, X and Y: written as a VCF with PLINK's own files beside it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np


class SexedCohort(NamedTuple):
    """Paths of the VCF and of the tables by sample; `males` bool[S]; `trios` int[T, 3]: child, father, mother."""

    vcf: Path
    fam: Path
    sex: Path
    pedigree: Path
    batches: Path
    phenotypes: Path
    males: np.ndarray
    trios: np.ndarray


def write_sexed_cohort(
    folder: Path,
    *,
    n_founders: int = 80,
    n_trios: int = 20,
    n_autosomal: int = 300,
    n_x: int = 200,
    seed: int = 1,
    het_males: bool = True,
) -> SexedCohort:
    """Write a cohort of founders and children: some calls are missing, some wrong, `het_males` on X too."""
    rng = np.random.default_rng(seed)
    n = n_founders + n_trios
    males = rng.random(n) < 0.5
    fathers = np.flatnonzero(males[:n_founders])
    mothers = np.flatnonzero(~males[:n_founders])
    trios = np.array([[n_founders + t, rng.choice(fathers), rng.choice(mothers)] for t in range(n_trios)])
    trios[-1, 1:] = trios[-2, 1:]  # two children of one couple
    case = rng.random(n) < 0.5
    names = [f"S{number:04d}" for number in range(n)]
    lines = [
        "##fileformat=VCFv4.2",
        *(f"##contig=<ID={name},length=150000000>" for name in ("1", "X", "Y")),
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names]),
    ]
    plan = [("1", 10_000)] * n_autosomal + [("X", 20_000_000)] * n_x + [("Y", 8_000_000)] * 10
    for number, (contig, first) in enumerate(plan):
        share = rng.uniform(0.02, 0.98)
        alleles = (rng.random((n, 2)) < share).astype(int)
        if contig == "X":
            alleles[males, 1] = alleles[males, 0]
        for child, father, mother in trios:
            from_mother = alleles[mother, rng.integers(2)]
            from_father = alleles[father, rng.integers(2)]
            alleles[child] = (from_father, from_mother)
            if contig == "X" and males[child]:
                alleles[child] = from_mother
        wrong = rng.random(n) < 0.02
        alleles[wrong, 0] = 1 - alleles[wrong, 0]
        if contig == "X" and not het_males:
            alleles[males, 1] = alleles[males, 0]
        lost = rng.random(n) < np.where(case & (number % 7 == 0), 0.3, 0.03)
        if contig == "Y":
            alleles[:, 1] = alleles[:, 0]
            lost = lost | (~males & (rng.random(n) < 0.95))
        calls = [
            "./." if gone else f"{min(pair)}/{max(pair)}" for pair, gone in zip(alleles.tolist(), lost, strict=True)
        ]
        lines.append(
            "\t".join([contig, str(first + 100 * number), f"v{number}", "A", "G", ".", ".", ".", "GT", *calls])
        )
    vcf = folder / "sexed.vcf"
    vcf.write_text("\n".join(lines) + "\n")
    parents = {int(child): (names[father], names[mother]) for child, father, mother in trios}
    rows = [(name, *parents.get(number, ("0", "0")), 1 if males[number] else 2) for number, name in enumerate(names)]
    (folder / "sexed.fam").write_text("".join(f"F {name} {f} {m} {s} -9\n" for name, f, m, s in rows))
    (folder / "sex.tsv").write_text("sample_id\tsex\n" + "".join(f"{name}\t{s}\n" for name, _, _, s in rows))
    (folder / "pedigree.tsv").write_text(
        "sample_id\tfather\tmother\n" + "".join(f"{name}\t{f}\t{m}\n" for name, f, m, _ in rows)
    )
    batch = rng.integers(0, 3, n)
    (folder / "batches.tsv").write_text(
        "sample_id\tbatch\n" + "".join(f"{name}\tB{b}\n" for name, b in zip(names, batch, strict=True))
    )
    (folder / "phenotypes.tsv").write_text(
        "sample_id\tcc\n" + "".join(f"{name}\t{1 + c}\n" for name, c in zip(names, case.tolist(), strict=True))
    )
    return SexedCohort(
        vcf,
        *(folder / name for name in ("sexed.fam", "sex.tsv", "pedigree.tsv", "batches.tsv", "phenotypes.tsv")),
        males,
        trios,
    )
