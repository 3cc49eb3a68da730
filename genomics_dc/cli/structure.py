"""`genomics-dc pca`, `fst` and `ancestry`: the structure of a cohort."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genomics_dc.cli.options import (
    AllThreadsOption,
    ExtractOption,
    ForceOption,
    GroupColumnOption,
    HweOption,
    JsonOption,
    KeepOption,
    MafOption,
    MissingOption,
    OutputOption,
    RegionOption,
    StoreArgument,
    StrictIdsOption,
    ThresholdsOption,
    ids_of,
    over_blocks,
    selected_view,
    table_name,
)
from genomics_dc.cli.progress import progress_bar
from genomics_dc.errors import UsageError
from genomics_dc.files import refuse_existing

if TYPE_CHECKING:
    from genomics_dc.analyses.view import View

ComponentsOption = Annotated[int, typer.Option("-k", "--components", min=1, help="Components to find.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of the random start.")]


def register(app: typer.Typer) -> None:
    """Add `pca`, `fst` and `ancestry`."""
    app.command("pca")(over_blocks(pca))
    app.command("fst")(over_blocks(fst))
    app.command("ancestry")(over_blocks(ancestry))


def pca(
    store: StoreArgument,
    output: OutputOption,
    components: ComponentsOption = 10,
    seed: SeedOption = 1,
    exact: Annotated[
        bool, typer.Option("--exact", help="By the whole relationship matrix: for some thousands of samples.")
    ] = False,
    loadings: Annotated[
        bool, typer.Option("--loadings", help="Write loadings beside the output, for --project of other samples.")
    ] = False,
    project: Annotated[
        Path | None,
        typer.Option("--project", help="Place the samples on the components of these loadings.", metavar="LOADINGS"),
    ] = None,
    unrelated: Annotated[
        bool, typer.Option("--unrelated", help="Find components in samples without relatives, place the others.")
    ] = False,
    unrelated_ids: Annotated[
        Path | None, typer.Option("--unrelated-ids", help="The same, in the samples of this file, one id a line.")
    ] = None,
    region: RegionOption = None,
    maf: MafOption = None,
    hwe: HweOption = None,
    missing: MissingOption = None,
    keep: KeepOption = None,
    extract: ExtractOption = None,
    plots: Annotated[
        Path | None, typer.Option("--plots", help="Folder for scatter and scree plots, SVG and PNG.")
    ] = None,
    groups: Annotated[
        Path | None, typer.Option("--groups", help="Table of sample and group, to colour the plots.")
    ] = None,
    group_column: GroupColumnOption = None,
    threads: AllThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Principal components of the samples, as a table that `associate --covariates` takes; eigenvalues beside it.

    Example: genomics-dc pca cohort.vcz --maf 0.05 -k 10 --output pcs.tsv --plots plots/
    Example: genomics-dc pca new.vcz --project pcs.tsv.loadings.parquet --output new.tsv
    """
    table_name(output)
    refuse_existing(output, force=force)
    if project is not None and (exact or loadings or unrelated or unrelated_ids or plots):
        raise UsageError("--project places samples on components that are there: it finds none, and draws none")
    view = selected_view(store, region=region, keep=keep, extract=extract, maf=maf, hwe=hwe, missing=missing)
    if project is not None:
        _project(view, project, output, threads=threads, force=force, as_json=as_json)
        return
    with progress_bar("components") as tell:
        result = view.pca(
            components,
            seed=seed,
            exact=exact,
            loadings=loadings,
            unrelated=unrelated if unrelated_ids is None else ids_of(unrelated_ids),
            threads=threads,
            progress=tell,
        )
    result.write(output, force=force)
    drawn: list[Path] = []
    if plots is not None:
        named = None
        if groups is not None:
            from genomics_dc.analyses.partition import partition_of

            named = partition_of(view, groups, column=group_column).of_samples(view)
        drawn = result.plot.save(plots, groups=named)
    if as_json:
        answer = {
            "output": str(output),
            "plots": [str(path) for path in drawn],
            "samples": len(result),
            "projected": len(result.projected),
            "variants_used": result.n_variants,
            "angle": result.angle,
            "eigenvalues": result.eigenvalues.tolist(),
            "shares": result.shares.tolist(),
        }
        typer.echo(json.dumps(answer))
        return
    shares = ", ".join(f"{share:.2%}" for share in result.shares)
    lines = [f"{len(result):,} samples, {result.n_variants:,} variants that vary; shares of variance: {shares}"]
    if result.projected:
        lines.append(f"{len(result.projected):,} samples with relatives were placed on the components of the others")
    typer.echo("\n".join([*lines, f"written to {output}"]))


def _project(view: View, loadings: Path, output: Path, *, threads: int | None, force: bool, as_json: bool) -> None:
    result = view.project(loadings, threads=threads)
    result.write(output, force=force)
    if as_json:
        answer = {
            "output": str(output),
            "samples": len(result),
            "variants_used": result.n_variants,
            "variants_of_loadings": result.n_loadings,
            "variants_swapped": result.n_swapped,
        }
        typer.echo(json.dumps(answer))
        return
    typer.echo(
        f"{len(result):,} samples placed by {result.n_variants:,} of {result.n_loadings:,} variants, "
        f"{result.n_swapped:,} of them with REF and ALT the other way round\nwritten to {output}"
    )


def fst(
    store: StoreArgument,
    output: OutputOption,
    groups: Annotated[Path, typer.Option("--groups", help="Table of sample and group.")],
    group_column: GroupColumnOption = None,
    method: Annotated[str, typer.Option("--method", help="hudson or wc (Weir and Cockerham).")] = "hudson",
    block_variants: Annotated[
        int, typer.Option("--block-variants", min=1, help="Variants of a block of the jackknife.")
    ] = 1000,
    variants_output: Annotated[
        Path | None, typer.Option("--variants-output", help="Write the index of each variant (.parquet or .tsv).")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the plot under this name, as .svg and .png.", metavar="STEM")
    ] = None,
    strict: StrictIdsOption = False,
    region: RegionOption = None,
    keep: KeepOption = None,
    extract: ExtractOption = None,
    maf: MafOption = None,
    hwe: HweOption = None,
    missing: MissingOption = None,
    threads: AllThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Fixation index of all pairs of groups, with standard errors by a block jackknife.

    Example: genomics-dc fst cohort.vcz --groups populations.tsv --output fst.tsv --plot fst
    """
    from genomics_dc.analyses.fst import fst as fst_of

    for path in (output, variants_output):
        if path is not None:
            table_name(path)
            refuse_existing(path, force=force)
    view = selected_view(store, region=region, keep=keep, extract=extract, maf=maf, hwe=hwe, missing=missing)
    with progress_bar() as tell:
        result = fst_of(
            view,
            groups,
            column=group_column,
            method=method,  # type: ignore[arg-type]  # the library refuses another word
            block_variants=block_variants,
            by_variant=variants_output is not None,
            strict=strict,
            threads=threads,
            progress=tell,
        )
    result.write(output, force=force)
    if variants_output is not None and result.variants is not None:
        result.variants.write(variants_output, force=force)
    if plot is not None:
        from genomics_dc.plots import style

        style.save(result.plot.heatmap(), plot)
    rows = result.table.to_pylist()
    if as_json:
        overall = None if result.overall is None else dict(zip(("fst", "standard_error"), result.overall, strict=True))
        typer.echo(json.dumps({"output": str(output), "pairs": rows, "overall": overall, "note": result.note}))
        return
    lines = [
        f"{row['group_1']} and {row['group_2']}: "
        + ("no variant varies" if row["fst"] is None else f"{row['fst']:.5f}{_error(row['standard_error'])}")
        for row in rows
    ]
    if result.overall is not None:
        lines.append(f"all groups: {result.overall[0]:.5f}")
    lines += [result.note] if result.note else []
    typer.echo("\n".join([*lines, f"written to {output}"]))


def _error(error: float | None) -> str:
    return "" if error is None else f" (standard error {error:.5f})"


def ancestry(
    store: StoreArgument,
    output: OutputOption,
    reference: Annotated[Path, typer.Option("--reference", help="Store of samples whose groups are known.")],
    groups: Annotated[Path, typer.Option("--groups", help="Table of the reference's samples and groups.")],
    group_column: GroupColumnOption = None,
    components: ComponentsOption = 10,
    seed: SeedOption = 1,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the plot under this name, as .svg and .png.", metavar="STEM")
    ] = None,
    thresholds: ThresholdsOption = None,
    strict: StrictIdsOption = False,
    region: RegionOption = None,
    keep: KeepOption = None,
    extract: ExtractOption = None,
    maf: MafOption = None,
    hwe: HweOption = None,
    missing: MissingOption = None,
    threads: AllThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Nearest reference group of each sample, with its probability; "uncertain" below the thresholds.

    --region, --extract, --maf, --hwe and --missing choose variants of the reference, --keep samples of the store.

    Example: genomics-dc ancestry new.vcz --reference 1kg.vcz --groups 1kg.tsv --maf 0.05 --output ancestry.tsv
    """
    from genomics_dc.analyses.ancestry import ancestry as ancestry_of

    table_name(output)
    refuse_existing(output, force=force)
    known = selected_view(reference, region=region, extract=extract, maf=maf, hwe=hwe, missing=missing)
    with progress_bar() as tell:
        result = ancestry_of(
            selected_view(store, keep=keep),
            known,
            groups,
            column=group_column,
            k=components,
            seed=seed,
            strict=strict,
            thresholds=thresholds,
            threads=threads,
            progress=tell,
        )
    result.write(output, force=force)
    if plot is not None:
        from genomics_dc.plots import style

        style.save(result.plot.bars(), plot)
    counts = result.counts()
    if as_json:
        typer.echo(json.dumps({"output": str(output), "samples": len(result), **counts, "note": result.note}))
        return
    named = ", ".join(f"{number:,} {name}" for name, number in counts.items())
    typer.echo(f"{len(result):,} samples: {named}\n{result.note}\nwritten to {output}")
