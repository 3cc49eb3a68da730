"""`genomics-dc meta`: association results of several studies together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from genomics_dc.cli.options import ForceOption, JsonOption, OutputOption, listed
from genomics_dc.errors import UsageError
from genomics_dc.files import refuse_existing


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("meta")(meta)


def meta(
    studies: Annotated[
        list[Path],
        typer.Argument(help="Association results: GWAS-SSF as TSV (.gz too) or Parquet.", metavar="A.tsv B.tsv …"),
    ],
    output: OutputOption,
    names: Annotated[
        str | None, typer.Option("--names", help="What the studies are called, comma-separated.", metavar="A,B")
    ] = None,
    trait: Annotated[str | None, typer.Option("--trait", help="Which trait, where a study has several.")] = None,
    same_strand: Annotated[
        bool, typer.Option("--same-strand", help="All studies are on one strand: combine A/T and C/G variants too.")
    ] = False,
    genomic_control: Annotated[
        bool, typer.Option("--genomic-control", help="Correct each study by its own inflation factor first.")
    ] = False,
    plots: Annotated[
        Path | None, typer.Option("--plots", help="Folder for Manhattan, QQ and forest plots, SVG and PNG.")
    ] = None,
    forest: Annotated[
        str | None,
        typer.Option("--forest", help="Variants to draw, comma-separated; the strongest by default.", metavar="ID,ID"),
    ] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Combine association results: fixed and random effects, sample-size weighted Z, heterogeneity.

    Example: genomics-dc meta discovery.tsv.gz replication.parquet --output combined.parquet --plots plots/
    """
    from genomics_dc.analyses.meta import meta as run

    if output.suffix not in (".parquet", ".tsv"):
        raise UsageError(f"{output}: the name of a result ends with .parquet or .tsv")
    if forest is not None and plots is None:
        raise UsageError("forest plots need a folder; give --plots")
    refuse_existing(output, force=force)
    result = run(
        studies,
        names=None if names is None else listed(names),
        trait=trait,
        same_strand=same_strand,
        genomic_control=genomic_control,
    )
    drawn: list[Path] = []
    if plots is not None:
        from genomics_dc.plots import style

        strongest = [row["variant_id"] for row in result.top(1).to_pylist()]
        figures = {"manhattan": result.plot.manhattan(), "qq": result.plot.qq()}
        for number, name in enumerate(listed(forest) if forest is not None else strongest, start=1):
            figures[f"forest-{number}"] = result.plot.forest(name)
        drawn = style.save_all(figures, plots)
    result.write(output, force=force)
    inflation, statuses = result.lambda_gc(), result.status_counts()
    if as_json:
        found = {
            "output": str(output),
            "plots": [str(path) for path in drawn],
            "variants": len(result),
            "status": statuses,
            "lambda_gc": inflation if inflation == inflation else None,  # NaN is not JSON
            **{key: result.counts_by_study(key) for key in _COUNTS},
        }
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    lines = [f"{len(result):,} variants of {len(result.studies)} studies, lambda GC {inflation:.3f}"]
    lines += [
        f"strongest {row['variant_id']}, beta {row['beta']:.4g}, -log10 p {row['neg_log_10_p_value']:.4g}"
        for row in result.top(1).to_pylist()
    ]
    swapped, flipped = (result.counts_by_study(key) for key in _COUNTS[1:])
    lines += [
        f"{name}: {swapped[name]:,} effect alleles swapped, {flipped[name]:,} strands flipped"
        for name in result.studies
    ]
    lines.append(", ".join(f"{count:,} {name}" for name, count in statuses.items()))
    typer.echo("\n".join([*lines, f"written to {output}"]))


_COUNTS = ("variants", "effect_allele_swapped", "strand_flipped")
