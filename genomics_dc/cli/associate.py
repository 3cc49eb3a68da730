"""`genomics-dc associate`: traits against every variant of a store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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
    from genomics_dc.analyses.association import AssociationResult

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
        Literal["linear", "logistic", "firth"],
        typer.Option("--model", help="linear; logistic, with Firth where needed; or firth throughout."),
    ] = "linear",
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
    with counting_bar("variants") as tell:
        result = run(
            view,
            phenotypes,
            traits=listed(traits),
            covariates=covariates,
            covariate_names=None if covariate_names is None else listed(covariate_names),
            model=model,
            fit_all=fit_all,
            strict=strict,
            threads=threads,
            progress=tell,
        )
    if as_plink2:
        result.to_plink2(output, force=force)
    else:
        result.write(output, force=force)
    drawn = result.plot.save(plots) if plots is not None else []
    if page is not None:
        result.page(page, genes=genes, threads=threads, force=force)
    if gwas_ssf is not None:
        result.to_gwas_ssf(gwas_ssf, assembly=assembly, force=force)
    summary = _summary(result, output, drawn)
    if as_json:
        typer.echo(json.dumps(summary, ensure_ascii=False))
        return
    typer.echo(_report(result, summary))


def _summary(result: AssociationResult, output: Path, drawn: list[Path]) -> dict[str, object]:
    inflation = result.lambda_gc()
    return {
        "output": str(output),
        "plots": [str(path) for path in drawn],
        "variants": len(result) // len(result.traits),
        "samples": result.samples_by_trait,
        "model": result.model,
        "status": result.status_counts(),
        "rows_without_sample": result.provenance.parameters["rows_without_sample"],
        "samples_without_row": result.provenance.parameters["samples_without_row"],
        # NaN is not JSON
        "lambda_gc": {name: (value if value == value else None) for name, value in inflation.items()},
    }


def _report(result: AssociationResult, summary: dict[str, object]) -> str:
    """Return a few lines for a person: what was tested, the strongest variant of each trait, what was not tested."""
    traits = f"{len(result.traits):,} trait{'' if len(result.traits) == 1 else 's'}"
    lines = [f"{summary['variants']:,} variants, {traits}, {result.model} model"]
    inflation = summary["lambda_gc"]
    assert isinstance(inflation, dict)
    for name in result.traits[:20]:
        row = next(iter(result.top(1, trait=name).table.to_pylist()), None)
        best = (
            "no variant could be tested"
            if row is None
            else f"strongest {row['variant_id']}, beta {row['beta']:.4g}, -log10 p {row['neg_log_10_p_value']:.4g}"
        )
        lambda_gc = "not known" if inflation[name] is None else f"{inflation[name]:.3f}"
        lines.append(f"{name}: {result.samples_by_trait[name]:,} samples, lambda GC {lambda_gc}, {best}")
    if len(result.traits) > 20:
        lines.append(f"… and {len(result.traits) - 20:,} more traits")
    for key, words in (("rows_without_sample", "without a sample in the store"), ("samples_without_row", "")):
        counts = summary[key]
        assert isinstance(counts, dict)
        for table, count in counts.items():
            if count and words:
                lines.append(f"{count:,} rows of the {table} {words} were left aside")
            elif count:
                lines.append(f"{count:,} samples have no row in the {table} and took no part")
    statuses = result.status_counts()
    if "score" in statuses:
        lines.append(f"{statuses['score']:,} rows of p above 0.1 by the score test alone; --fit-all fits them too")
    untested = {name: count for name, count in statuses.items() if name not in ("ok", "firth", "score")}
    if untested:
        reasons = ", ".join(f"{count:,} {name}" for name, count in untested.items())
        lines.append(f"rows without a full estimate, kept with their status: {reasons}")
    return "\n".join([*lines, f"written to {summary['output']}"])
