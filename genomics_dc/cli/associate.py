"""`genomics-dc associate`: traits against every variant of a store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from genomics_dc.cli.options import (
    AllThreadsOption,
    ExtractOption,
    ForceOption,
    HweOption,
    JsonOption,
    KeepOption,
    MafOption,
    MissingOption,
    RegionOption,
    StoreArgument,
    listed,
    over_blocks,
    selected_view,
)
from genomics_dc.cli.progress import counting_bar
from genomics_dc.errors import UsageError
from genomics_dc.files import refuse_existing

if TYPE_CHECKING:
    from genomics_dc.analyses.association_result import AssociationFile

_PLINK2_SUFFIXES = frozenset({".linear", ".logistic", ".firth", ".hybrid"})


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("associate")(over_blocks(associate))


def associate(
    store: StoreArgument,
    phenotypes: Annotated[
        Path, typer.Option("--phenotypes", help="Table with a header; first column IID, #IID or sample_id.")
    ],
    traits: Annotated[str, typer.Option("--traits", help="Columns to test, comma-separated.", metavar="A,B")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Result: .parquet or .tsv, or .glm.linear (.hybrid) as PLINK 2 writes it."),
    ],
    covariates: Annotated[
        Path | None, typer.Option("--covariates", help="Table of covariates; all its columns are used.")
    ] = None,
    covariate_names: Annotated[
        str | None,
        typer.Option("--covariate-names", help="Use only these columns, comma-separated.", metavar="X,Y"),
    ] = None,
    model: Annotated[
        Literal["linear", "logistic", "firth", "spa"],
        typer.Option("--model", help="linear; logistic, with Firth where needed; firth throughout; spa for few cases."),
    ] = "linear",
    coding: Annotated[
        Literal["additive", "dominant", "recessive", "genotypic", "hethom"],
        typer.Option("--coding", help="What is tested of a genotype; the last two by two rows and their joint test."),
    ] = "additive",
    interaction: Annotated[
        str | None,
        typer.Option("--interaction", help="Covariates whose product with the genotype is tested too.", metavar="X,Y"),
    ] = None,
    condition: Annotated[
        str | None,
        typer.Option("--condition", help="Variants whose dosages become covariates.", metavar="RS1,RS2"),
    ] = None,
    dosage: Annotated[
        Literal["GT", "DS", "GP"], typer.Option("--dosage", help="Genotypes, or the field with imputed dosages.")
    ] = "GT",
    sex: Annotated[
        str | None, typer.Option("--sex", help="Column with the sex, for X and Y; one called sex by default.")
    ] = None,
    xchr_model: Annotated[
        int,
        typer.Option("--xchr-model", min=0, max=2, help="Males of X as 0 or 2 (2), 0 or 1 (1), or X left out (0)."),
    ] = 2,
    permutations: Annotated[
        int | None,
        typer.Option("--permutations", min=1, help="Linear model: permute each trait so often, for p of the scan."),
    ] = None,
    adaptive: Annotated[
        bool, typer.Option("--adaptive", help="Stop permuting at a variant once ten permutations did as well.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Decides the permutations.")] = 1,
    fit_all: Annotated[
        bool,
        typer.Option("--fit-all", help="Logistic: fit every variant, also where the score test has p above 0.1."),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse tables whose sample ids and the store's do not all meet.")
    ] = False,
    region: RegionOption = None,
    maf: MafOption = None,
    hwe: HweOption = None,
    missing: MissingOption = None,
    keep: KeepOption = None,
    extract: ExtractOption = None,
    plots: Annotated[
        Path | None, typer.Option("--plots", help="Folder for Manhattan and QQ plots, SVG and PNG.")
    ] = None,
    genomic_control: Annotated[
        bool, typer.Option("--genomic-control", help="Add p under genomic control: each trait by its own inflation.")
    ] = False,
    page: Annotated[
        Path | None, typer.Option("--page", help="One HTML page with plots, loci, reasons and provenance.")
    ] = None,
    genes: Annotated[
        Path | None, typer.Option("--genes", help="Gene models, GFF3: nearest genes and tracks on the page.")
    ] = None,
    gwas_ssf: Annotated[
        Path | None,
        typer.Option("--gwas-ssf", help="One trait as the GWAS Catalog takes it, with its metadata (.tsv.gz)."),
    ] = None,
    assembly: Annotated[
        str | None, typer.Option("--assembly", help="Genome build for --gwas-ssf; that of the store by default.")
    ] = None,
    threads: AllThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Test every variant against every trait, with covariates: one row per trait and variant.

    Example: genomics-dc associate cohort.vcz --phenotypes traits.tsv --traits hba1c,bmi --covariates pcs.tsv
    --maf 0.01 --output hba1c.parquet --page hba1c.html --genes genes.gff3
    """
    from genomics_dc.analyses.association import associate as run
    from genomics_dc.analyses.association import associate_to_file

    as_plink2 = output.suffix in _PLINK2_SUFFIXES
    if not as_plink2 and output.suffix not in {".parquet", ".tsv"}:
        raise UsageError(f"{output}: the name of a result ends with .parquet, .tsv or, as PLINK 2 has it, .glm.linear")
    for target in (output, page, gwas_ssf):
        if target is not None:
            refuse_existing(target, force=force)
    view = selected_view(store, region=region, keep=keep, extract=extract, maf=maf, hwe=hwe, missing=missing)
    if gwas_ssf is not None:
        from genomics_dc.analyses.gwas_ssf import check_target

        assembly = check_target(gwas_ssf, listed(traits), assembly or view.assembly)
    options: dict[str, Any] = {
        "traits": listed(traits),
        "covariates": covariates,
        "covariate_names": None if covariate_names is None else listed(covariate_names),
        "model": model,
        "coding": coding,
        "interaction": listed(interaction or ""),
        "condition": listed(condition or ""),
        "dosage": dosage,
        "sex": sex,
        "xchr_model": xchr_model,
        "permutations": permutations,
        "adaptive": adaptive,
        "seed": seed,
        "fit_all": fit_all,
        "strict": strict,
        "threads": threads,
    }
    with counting_bar("variants") as tell:
        if output.suffix == ".parquet" and not genomic_control:
            found = associate_to_file(view, phenotypes, output, force=force, progress=tell, **options)
            wanted = plots is not None or page is not None or gwas_ssf is not None
            result = found.read() if wanted else None
        else:
            result = run(view, phenotypes, progress=tell, **options)
            result = result.genomic_control() if genomic_control else result
            if as_plink2:
                result.to_plink2(output, force=force)
            else:
                result.write(output, force=force)
            found = result.described(output)
    drawn = result.plot.save(plots) if plots is not None and result is not None else []
    if page is not None and result is not None:
        result.page(page, view=view, genes=genes, threads=threads, force=force)
    if gwas_ssf is not None and result is not None:
        result.to_gwas_ssf(gwas_ssf, assembly=assembly, force=force)
    summary = _summary(found, drawn)
    if as_json:
        typer.echo(json.dumps(summary, ensure_ascii=False))
        return
    typer.echo(_report(found, summary))


def _summary(found: AssociationFile, drawn: list[Path]) -> dict[str, Any]:
    parameters = found.provenance.parameters
    return {
        "output": str(found.path),
        "plots": [str(path) for path in drawn],
        "variants": parameters["n_variants"],
        "samples": parameters["samples_by_trait"],
        "model": parameters["model"],
        "tests": parameters["tests"],
        "status": dict(found.status_counts),
        "notes": parameters["notes"],
        "rows_without_sample": parameters["rows_without_sample"],
        "samples_without_row": parameters["samples_without_row"],
        # NaN is not JSON
        "lambda_gc": {name: (value if value == value else None) for name, value in found.lambda_gc.items()},
    }


def _report(found: AssociationFile, summary: dict[str, Any]) -> str:
    """Return a few lines for a person: what was tested, the strongest variant of each trait, what was not tested."""
    inflation: dict[str, float | None] = summary["lambda_gc"]
    traits = f"{len(inflation):,} trait{'' if len(inflation) == 1 else 's'}"
    lines = [f"{summary['variants']:,} variants, {traits}, {summary['model']} model"]
    for name, value in list(inflation.items())[:20]:
        row = found.strongest[name]
        beta = "" if row is None or row["beta"] is None else f"beta {row['beta']:.4g}, "
        best = (
            "no variant could be tested"
            if row is None
            else f"strongest {row['variant_id']}, {beta}-log10 p {row['neg_log_10_p_value']:.4g}"
        )
        lambda_gc = "not known" if value is None else f"{value:.3f}"
        lines.append(f"{name}: {summary['samples'][name]:,} samples, lambda GC {lambda_gc}, {best}")
    if len(inflation) > 20:
        lines.append(f"… and {len(inflation) - 20:,} more traits")
    for key, words in (("rows_without_sample", "without a sample in the store"), ("samples_without_row", "")):
        for table, count in summary[key].items():
            if count and words:
                lines.append(f"{count:,} rows of the {table} {words} were left aside")
            elif count:
                lines.append(f"{count:,} samples have no row in the {table} and took no part")
    statuses: dict[str, int] = summary["status"]
    if "score" in statuses and summary["model"] == "logistic":
        lines.append(f"{statuses['score']:,} rows of p above 0.1 by the score test alone; --fit-all fits them too")
    untested = {name: count for name, count in statuses.items() if name not in ("ok", "firth", "score", "spa")}
    if untested:
        reasons = ", ".join(f"{count:,} {name}" for name, count in untested.items())
        lines.append(f"rows without a full estimate, kept with their status: {reasons}")
    return "\n".join([*lines, *summary["notes"], f"written to {summary['output']}"])
