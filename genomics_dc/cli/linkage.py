"""`genomics-dc ld-prune`, `ld`, `ld-score` and `clump`: linkage disequilibrium of a cohort."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

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
    OutputOption,
    RegionOption,
    StoreArgument,
    over_blocks,
    selected_view,
)
from genomics_dc.cli.progress import counting_bar
from genomics_dc.errors import UsageError
from genomics_dc.files import refuse_existing

WindowBpOption = Annotated[
    int | None, typer.Option("--window-bp", min=1, help="Largest distance of two variants, in bases.")
]
WindowVariantsOption = Annotated[
    int | None, typer.Option("--window-variants", min=1, help="Most variants in a window.")
]

_PRUNE_SUFFIX = ".prune.in"
_TABLES = (".parquet", ".tsv")


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("ld-prune")(over_blocks(ld_prune))
    app.command("ld")(over_blocks(ld))
    app.command("ld-score")(over_blocks(ld_score))
    app.command("clump")(over_blocks(clump))


def ld_prune(
    store: StoreArgument,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Ids kept: NAME.prune.in, .prune.out beside it; or .parquet, .tsv of all."),
    ],
    r2: Annotated[float, typer.Option("--r2", help="A pair above this is in linkage; 0 or more, below 1.")] = 0.2,
    window_bp: WindowBpOption = None,
    window_variants: WindowVariantsOption = None,
    step: Annotated[int, typer.Option("--step", min=1, help="By how many variants a window of variants moves.")] = 1,
    region: RegionOption = None,
    maf: MafOption = None,
    hwe: HweOption = None,
    missing: MissingOption = None,
    keep: KeepOption = None,
    extract: ExtractOption = None,
    threads: AllThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Leave out variants until no two in a window are in linkage: what `plink2 --indep-pairwise` keeps.

    The ids kept can be given to --extract of other commands. Without a window it is one of 500,000 bases.

    Example: genomics-dc ld-prune cohort.vcz --maf 0.05 --window-bp 500000 --r2 0.1 --output pruned.prune.in
    """
    from genomics_dc.analyses.linkage import prune

    as_plink2 = output.name.endswith(_PRUNE_SUFFIX)
    if not as_plink2 and output.suffix not in _TABLES:
        raise UsageError(f"{output}: the name of the output ends with .prune.in, .parquet or .tsv")
    refuse_existing(output, force=force)
    view = selected_view(store, region=region, keep=keep, extract=extract, maf=maf, hwe=hwe, missing=missing)
    if window_bp is None and window_variants is None:
        window_bp = 500_000
    with counting_bar("variants") as tell:
        result = prune(
            view,
            r2=r2,
            window_bp=window_bp,
            window_variants=window_variants,
            step=step,
            threads=threads,
            progress=tell,
        )
    if as_plink2:
        written = result.to_plink2(str(output).removesuffix(_PRUNE_SUFFIX), force=force)
    else:
        written = [result.write(output, force=force)]
    kept = int(result.kept.sum())
    if as_json:
        answer = {"output": [str(path) for path in written], "variants": len(result), "kept": kept}
        typer.echo(json.dumps(answer))
        return
    typer.echo(f"{kept:,} of {len(result):,} variants kept\nwritten to {', '.join(str(path) for path in written)}")


def ld(
    store: StoreArgument,
    output: OutputOption,
    r2_min: Annotated[float, typer.Option("--r2-min", help="List pairs of this r2 and above, 0 to 1.")] = 0.2,
    window_bp: WindowBpOption = 1_000_000,
    window_variants: WindowVariantsOption = None,
    d_prime: Annotated[bool, typer.Option("--d-prime", help="Give D and D' of the pairs too.")] = False,
    matrix: Annotated[
        str | None, typer.Option("--matrix", help="A square of r, r2, d or d_prime instead: OUTPUT ends with .npy.")
    ] = None,
    plots: Annotated[
        Path | None, typer.Option("--plots", help="With --matrix: folder for a heat map, SVG and PNG.")
    ] = None,
    region: RegionOption = None,
    maf: MafOption = None,
    hwe: HweOption = None,
    missing: MissingOption = None,
    keep: KeepOption = None,
    extract: ExtractOption = None,
    threads: AllThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Pairs of variants in linkage: r and r2 from genotype counts, D and D' from haplotype frequencies.

    Example: genomics-dc ld cohort.vcz --region 20:1,000,000-2,000,000 --r2-min 0.8 --d-prime --output pairs.parquet
    """
    from genomics_dc.analyses import linkage
    from genomics_dc.analyses.linkage_results import MEASURES

    if matrix is not None and matrix not in MEASURES:
        raise UsageError(f"--matrix must be one of {', '.join(MEASURES)}, not {matrix}")
    if output.suffix not in ((".npy",) if matrix else _TABLES):
        raise UsageError(f"{output}: the name of the output ends with {'.npy' if matrix else '.parquet or .tsv'}")
    if plots is not None and matrix is None:
        raise UsageError("--plots draws a matrix; give --matrix r2 too")
    refuse_existing(output, force=force)
    view = selected_view(store, region=region, keep=keep, extract=extract, maf=maf, hwe=hwe, missing=missing)
    with counting_bar("variants") as tell:
        if matrix is not None:
            square = linkage.ld_matrix(view, measure=matrix, window_bp=window_bp, threads=threads, progress=tell)
            square.write(output, force=force)
            drawn = square.plot.save(plots) if plots is not None else []
            answer = {"output": str(output), "plots": [str(path) for path in drawn], "variants": len(square)}
            sentence = f"a square of {len(square):,} variants ({matrix})"
        else:
            result = linkage.ld(
                view,
                r2_min=r2_min,
                window_bp=window_bp,
                window_variants=window_variants,
                d_prime=d_prime,
                threads=threads,
                progress=tell,
            )
            result.write(output, force=force)
            answer = {"output": str(output), "variants": view.n_variants, "pairs": len(result)}
            sentence = f"{len(result):,} pairs of {view.n_variants:,} variants with r2 of {r2_min:g} or more"
    typer.echo(json.dumps(answer) if as_json else f"{sentence}\nwritten to {output}")


def ld_score(
    store: StoreArgument,
    output: OutputOption,
    window_bp: WindowBpOption = 1_000_000,
    window_variants: WindowVariantsOption = None,
    region: RegionOption = None,
    maf: MafOption = None,
    hwe: HweOption = None,
    missing: MissingOption = None,
    keep: KeepOption = None,
    extract: ExtractOption = None,
    threads: AllThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """LD score of every variant: the sum over its window of r2, corrected for chance, itself included.

    Example: genomics-dc ld-score cohort.vcz --maf 0.01 --window-bp 1000000 --output scores.parquet
    """
    from genomics_dc.analyses.linkage import ld_scores

    if output.suffix not in _TABLES:
        raise UsageError(f"{output}: the name of a result ends with .parquet or .tsv")
    refuse_existing(output, force=force)
    view = selected_view(store, region=region, keep=keep, extract=extract, maf=maf, hwe=hwe, missing=missing)
    with counting_bar("variants") as tell:
        result = ld_scores(view, window_bp=window_bp, window_variants=window_variants, threads=threads, progress=tell)
    result.write(output, force=force)
    scored = len(result) - result.table["ld_score"].null_count
    if as_json:
        typer.echo(json.dumps({"output": str(output), "variants": len(result), "scored": scored}))
        return
    left = f"; {len(result) - scored:,} do not vary and have no score" if scored < len(result) else ""
    typer.echo(f"{scored:,} variants with an LD score{left}\nwritten to {output}")


def clump(
    store: StoreArgument,
    association: Annotated[
        Path,
        typer.Option(
            "--association", help="Result of `associate` (.parquet, .tsv) or of PLINK, with ids and p values."
        ),
    ],
    output: OutputOption,
    trait: Annotated[str | None, typer.Option("--trait", help="Which trait, where the result has more.")] = None,
    p1: Annotated[float, typer.Option("--p1", help="Largest p of an index variant.")] = 1e-4,
    p2: Annotated[float, typer.Option("--p2", help="List members with p below this.")] = 0.01,
    r2: Annotated[float, typer.Option("--r2", help="A variant joins above this r2; 0 or more, below 1.")] = 0.5,
    window_bp: Annotated[
        int, typer.Option("--window-bp", help="A variant joins nearer than this, in bases.")
    ] = 250_000,
    region: RegionOption = None,
    keep: KeepOption = None,
    threads: AllThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Clumps of an association result: the strongest variant of each locus and what is in linkage with it.

    Example: genomics-dc clump cohort.vcz --association hba1c.parquet --p1 5e-8 --r2 0.1 --output loci.tsv
    """
    from genomics_dc.analyses.clumping import clump as run
    from genomics_dc.results import Result

    if output.suffix not in _TABLES:
        raise UsageError(f"{output}: the name of a result ends with .parquet or .tsv")
    refuse_existing(output, force=force)
    view = selected_view(store, region=region, keep=keep)
    with counting_bar("variants") as tell:
        result = run(
            view,
            association,
            trait=trait,
            p1=p1,
            p2=p2,
            r2=r2,
            window_bp=window_bp,
            threads=threads,
            progress=tell,
        )
    if output.suffix == ".tsv":  # a list has no place in a TSV: PLINK's columns have
        Result(result.to_plink(), result.provenance).write(output, force=force)
    else:
        result.write(output, force=force)
    if as_json:
        answer = {"output": str(output), "clumps": len(result), "index_variants_not_in_the_store": result.unknown}
        typer.echo(json.dumps(answer))
        return
    lines = [f"{len(result):,} clumps"] if len(result) else [f"no variant has p of {p1:g} or less: no clump"]
    if result.unknown:
        lines.append(f"{result.unknown:,} variants with p of {p1:g} or less are not in this view and were left out")
    typer.echo("\n".join([*lines, f"written to {output}"]))
