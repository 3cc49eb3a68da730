"""The cohort part: 503 people with quality, structure and relatedness; 358 people with real expression."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genomics_dc.demo import eqtl
from genomics_dc.files import atomic_directory, atomic_path
from genomics_dc.provenance import JsonValue
from genomics_dc.tools import run

if TYPE_CHECKING:
    from genomics_dc.analyses.view import View

Tell = Callable[[str], None]
ASSEMBLY = "GRCh37"
CHROMOSOME_22_BASES = 51_304_566
COMPONENTS = 10
STRUCTURE_MAF_MIN = 0.05
TOP_GENES = 3
GEUVADIS_FILES = {
    "genotypes": "genotypes.chr22.vcf.gz",
    # htslib takes the contig from the index: the header does not name it.
    "index": "genotypes.chr22.vcf.gz.tbi",
    "expression": "genes.50percent.chr22.bed.gz",
    "covariates": "genes.covariates.pc50.txt.gz",
}

_HEADER = """##fileformat=VCFv4.2
##FILTER=<ID=PASS,Description="All filters passed">
##contig=<ID={contig},length={length},assembly=GRCh37>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
"""


def merge_people(phased: Path, unphased: Path, contig_length: int, output: Path) -> None:
    """Merge the 300 phased and 203 unphased people into one indexed VCF: genotypes alone, one clean header.

    INFO goes: its allele counts are of cohorts that these files are parts of.
    """
    with atomic_path(output, force=True) as temporary:
        merged = temporary.with_name(temporary.name + ".merged.vcf.gz")
        run(["bcftools", "merge", "--no-version", "-m", "none", "-Oz", "-o", merged, phased, unphased])
        _write_clean(merged, temporary, "20", contig_length, format_ids=("GT",))
        merged.unlink()
    run(["bcftools", "index", "--force", "--csi", output])


def clean_geuvadis(genotypes: Path, output: Path) -> None:
    """Write the GEUVADIS genotypes with one clean header and without INFO, indexed."""
    with atomic_path(output, force=True) as temporary:
        _write_clean(genotypes, temporary, "chr22", CHROMOSOME_22_BASES, format_ids=("GT",))
    run(["bcftools", "index", "--force", "--csi", output])


def _write_clean(source: Path, target: Path, contig: str, length: int, *, format_ids: tuple[str, ...]) -> None:
    samples = run(["bcftools", "query", "--list-samples", source]).stdout.decode().split()
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
    header = target.with_name(target.name + ".header")
    header.write_text(_HEADER.format(contig=contig, length=length) + "\t".join(columns) + "\n")
    stripped = target.with_name(target.name + ".stripped.vcf.gz")
    kept = "^" + ",".join(f"FORMAT/{name}" for name in format_ids)
    run(["bcftools", "annotate", "--no-version", "-x", f"INFO,{kept}", "-Oz", "-o", stripped, source])
    run(["bcftools", "reheader", "--header", header, "--output", target, stripped])
    stripped.unlink()
    header.unlink()


def build(vcf: Path, output: Path, *, workers: int, tell: Tell, reference: Path | None = None) -> dict[str, JsonValue]:
    """Build a store, replacing one that is there; return its size and hash."""
    from genomics_dc.store import build_store

    info = build_store(
        vcf,
        output,
        reference=reference,
        assembly=ASSEMBLY,
        force=True,
        workers=workers,
        progress=lambda step, share: tell(f"{step} {share:.0%}" if share else step),
    )
    return {
        "people": info.n_samples,
        "variants": info.n_variants,
        "store_hash": info.store_hash,
        "stored_bytes": info.stored_bytes,
    }


def describe(store: Path, folder: Path, *, threads: int, tell: Tell) -> dict[str, JsonValue]:
    """Write quality, principal components and kinship of a cohort below `folder`, tables and plots; return figures."""
    from genomics_dc.analyses.view import open_store
    from genomics_dc.plots import style

    view = open_store(store)
    with atomic_directory(folder, force=True) as staging:
        tell("quality")
        quality = view.qc(threads=threads)
        quality.write(staging / "qc")
        common = view.variants(maf=STRUCTURE_MAF_MIN)
        tell("principal components")
        components = common.pca(COMPONENTS, seed=1, threads=threads)
        components.write(staging / "pca.tsv")
        components.plot.save(staging / "plots")
        tell("relatedness")
        kinship = common.kinship(threads=threads)
        kinship.write(staging / "kinship.parquet")
        style.save(kinship.plot.kinship(), staging / "plots" / "kinship")
    summary: Mapping[str, JsonValue] = quality.summary
    return {
        "quality": dict(summary),
        "structure_variants": common.n_variants,
        "pairs": view.n_samples * (view.n_samples - 1) // 2,
        "duplicate_pairs": kinship.duplicates().num_rows,
    }


def unpack_geuvadis(archive: Path, folder: Path) -> None:
    """Take the genotypes, the measured expression and the covariates out of QTLtools' archive."""
    with atomic_directory(folder, force=True) as staging, tarfile.open(archive, "r:xz") as source:
        # Sorted so that the index is written after what it indexes.
        for member in sorted(source, key=lambda one: one.name):
            name = Path(member.name).name
            if member.isfile() and name in GEUVADIS_FILES.values():
                content = source.extractfile(member)
                assert content is not None
                (staging / name).write_bytes(content.read())


def scan_expression(data: Path, store: Path, folder: Path, *, tell: Tell) -> dict[str, JsonValue]:
    """Scan GEUVADIS expression for cis eQTL; write tables and plots below `folder`, and return figures."""
    from genomics_dc.analyses.view import open_store
    from genomics_dc.plots import style

    inputs = {role: data / GEUVADIS_FILES[role] for role in ("expression", "covariates")}
    expression = eqtl.read_expression(inputs["expression"])
    names, covariates = eqtl.read_covariates(inputs["covariates"], expression.sample_ids)
    view = open_store(store)
    scan = eqtl.cis_scan(view, expression, covariates, inputs=inputs, tell=tell)
    table = scan.genes.table
    strength = np.nan_to_num(table["neg_log_10_p_value"].to_numpy(zero_copy_only=False).astype(float))
    top = [int(gene) for gene in np.argsort(-strength, kind="stable")[:10]]
    with atomic_directory(folder, force=True) as staging:
        scan.genes.write(staging / "genes.tsv")
        scan.genes.write(staging / "genes.parquet")
        scan.associations.write(staging / "associations.parquet")
        scores = eqtl.normal_scores(expression.values)
        _write_table(staging / "expression.tsv", expression.sample_ids, expression.genes, scores)
        _write_table(staging / "covariates.tsv", expression.sample_ids, names, covariates)
        style.save(eqtl.plot_scan(scan), staging / "genes_along_the_chromosome")
        style.save(eqtl.plot_quantiles(scan), staging / "qq")
        for gene in top[:TOP_GENES]:
            tell(f"gene {expression.genes[gene]}")
            _one_gene(view, expression, covariates, names, gene, staging)
    columns = ["gene", "variant_id", "base_pair_location", "effect_allele", "other_allele", "beta"]
    columns += ["effect_allele_frequency", "neg_log_10_p_value", "q_value", "n"]
    hits: list[JsonValue] = [{name: table[name][gene].as_py() for name in columns} for gene in top]
    return {
        "people": len(expression.sample_ids),
        "genes": len(expression.genes),
        "covariates": len(names),
        "tests": len(scan.neg_log10_p),
        "genes_with_eqtl": scan.n_significant,
        "false_discovery_rate": eqtl.FALSE_DISCOVERY_RATE,
        "window_bp": eqtl.CIS_WINDOW_BP,
        "top": hits,
    }


def _write_table(path: Path, sample_ids: Sequence[str], names: Sequence[str], values: eqtl.Floats) -> None:
    """Write one row a sample and one column a name, as `associate` takes them."""
    rows = ["\t".join(["sample_id", *names])]
    rows += [
        "\t".join([sample, *(f"{value:.9g}" for value in row)]) for sample, row in zip(sample_ids, values, strict=True)
    ]
    path.write_text("\n".join(rows) + "\n")


def _one_gene(
    view: View,
    expression: eqtl.Expression,
    covariates: eqtl.Floats,
    names: tuple[str, ...],
    gene: int,
    folder: Path,
) -> None:
    """Associate one gene with the whole chromosome by the public way, as a researcher would; write table and plots."""
    import pyarrow as pa

    from genomics_dc.plots import style

    name = expression.genes[gene]
    samples = pa.array(expression.sample_ids)
    scores = eqtl.normal_scores(expression.values[:, [gene]])[:, 0]
    phenotypes = pa.table({"sample_id": samples, name: pa.array(scores)})
    columns = {label: pa.array(covariates[:, at]) for at, label in enumerate(names)}
    result = view.samples(expression.sample_ids).associate(
        phenotypes, traits=[name], covariates=pa.table({"sample_id": samples, **columns}), model="linear"
    )
    result.write(folder / f"{name}.parquet")
    style.save(result.plot.manhattan(), folder / f"{name}.manhattan")
    style.save(result.plot.qq(), folder / f"{name}.qq")
