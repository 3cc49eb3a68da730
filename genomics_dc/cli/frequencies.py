"""`genomics-dc frequencies`, `spectrum`, `private`, `consequence-counts` and `gene-counts`: what a cohort carries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    listed,
    over_blocks,
    selected_view,
)
from genomics_dc.cli.progress import counting_bar
from genomics_dc.errors import UsageError
from genomics_dc.files import refuse_existing

if TYPE_CHECKING:
    from genomics_dc.provenance import Provenance

GroupsOption = Annotated[
    Path | None, typer.Option("--groups", help="Table by sample; a column says to which group each belongs.")
]
ByOption = Annotated[
    str | None, typer.Option("--by", help="Columns of --groups, comma-separated; all by default.", metavar="A,B")
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Refuse a table whose sample ids and the store's do not all meet.")
]
PlotsOption = Annotated[Path | None, typer.Option("--plots", help="Folder for the plots, SVG and PNG.")]
AnnotationOption = Annotated[
    Path, typer.Option("--annotation", help="Folder that `genomics-dc annotate` made, or its consequences.parquet.")
]
CanonicalOption = Annotated[bool, typer.Option("--canonical", help="Look at each gene's canonical transcript only.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("frequencies")(over_blocks(frequencies))
    app.command("spectrum")(over_blocks(spectrum))
    app.command("private")(over_blocks(private))
    app.command("consequence-counts")(over_blocks(consequence_counts))
    app.command("gene-counts")(over_blocks(gene_counts))


def frequencies(
    store: StoreArgument,
    output: OutputOption,
    groups: GroupsOption = None,
    by: ByOption = None,
    strict: StrictOption = False,
    region: RegionOption = None,
    keep: KeepOption = None,
    extract: ExtractOption = None,
    maf: MafOption = None,
    hwe: HweOption = None,
    missing: MissingOption = None,
    plots: PlotsOption = None,
    threads: AllThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Allele counts and frequencies of every ALT allele, over all samples and in groups of them.

    Example: genomics-dc frequencies cohort.vcz --groups samples.tsv --by super_pop --output frequencies.parquet
    """
    from genomics_dc.analyses.frequencies import frequencies as run

    _refuse(output, force)
    view = selected_view(store, region=region, keep=keep, extract=extract, maf=maf, hwe=hwe, missing=missing)
    with counting_bar("variants") as tell:
        result = run(view, groups=groups, by=_columns(by), strict=strict, threads=threads, progress=tell)
    result.write(output, force=force)
    drawn = result.plot.save(plots) if plots is not None else []
    lines = [f"{len(result):,} ALT alleles", *_group_lines(result.provenance)]
    _tell(as_json, output, drawn, {"alleles": len(result), **_of_groups(result.provenance)}, lines)


def spectrum(
    store: StoreArgument,
    output: OutputOption,
    groups: GroupsOption = None,
    by: ByOption = None,
    strict: StrictOption = False,
    unfolded: Annotated[
        bool, typer.Option("--unfolded", help="Count the derived allele instead of the rarer one.")
    ] = False,
    ancestral: Annotated[
        str | None,
        typer.Option("--ancestral", help="INFO field of the ancestral allele, such as AA; REF by default."),
    ] = None,
    project: Annotated[
        int | None, typer.Option("--project", help="Give the spectrum of a smaller sample: so many chromosomes.")
    ] = None,
    region: RegionOption = None,
    keep: KeepOption = None,
    extract: ExtractOption = None,
    maf: MafOption = None,
    hwe: HweOption = None,
    missing: MissingOption = None,
    plots: PlotsOption = None,
    threads: AllThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Count how many variants have how many copies: the site-frequency spectrum of variants with one ALT allele.

    Example: genomics-dc spectrum cohort.vcz --groups samples.tsv --by super_pop --project 100 --output spectrum.tsv
    """
    from genomics_dc.analyses.spectrum import spectrum as run

    _refuse(output, force)
    view = selected_view(store, region=region, keep=keep, extract=extract, maf=maf, hwe=hwe, missing=missing)
    with counting_bar("variants") as tell:
        result = run(
            view,
            groups=groups,
            by=_columns(by),
            strict=strict,
            folded=not unfolded,
            ancestral=ancestral,
            project=project,
            threads=threads,
            progress=tell,
        )
    result.write(output, force=force)
    drawn = result.plot.save(plots) if plots is not None else []
    lines = [
        f"{name}: {result.used[name]:,} variants among {chromosomes:,} chromosomes"
        + (f", {result.incomplete[name]:,} with too few called left out" if result.incomplete[name] else "")
        for name, chromosomes in result.chromosomes.items()
    ]
    left_out = {
        "several ALT alleles": "several_alt_alleles",
        "no ALT allele": "no_alt_allele",
        "an unknown ancestral allele": "ancestral_unknown",
    }
    for words, key in left_out.items():
        if number := int(str(result.provenance.parameters[key])):
            lines.append(f"{number:,} variants with {words} left out")
    found = {"used": result.used, "chromosomes": result.chromosomes, "incomplete": result.incomplete}
    _tell(as_json, output, drawn, {**found, **_of_groups(result.provenance)}, lines)


def private(
    store: StoreArgument,
    output: OutputOption,
    groups: GroupsOption = None,
    by: ByOption = None,
    strict: StrictOption = False,
    region: RegionOption = None,
    keep: KeepOption = None,
    extract: ExtractOption = None,
    hwe: HweOption = None,
    missing: MissingOption = None,
    threads: AllThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Alleles that only one sample or group carries, singletons, and doubletons by the groups that share them.

    Writes groups.tsv, samples.tsv and sharing.tsv into the folder --output.

    Example: genomics-dc private cohort.vcz --groups samples.tsv --by super_pop --output private/
    """
    from genomics_dc.analyses.private_alleles import private_alleles as run

    refuse_existing(output, force=force)
    view = selected_view(store, region=region, keep=keep, extract=extract, hwe=hwe, missing=missing)
    with counting_bar("variants") as tell:
        result = run(view, groups=groups, by=_columns(by), strict=strict, threads=threads, progress=tell)
    result.write(output, force=force)
    rows = result.groups.table.to_pylist()
    lines = [
        f"{row['group']}: {row['samples']:,} samples, {row['seen']:,} alleles, {row['private']:,} of them in no other "
        f"group, {row['singletons']:,} singletons, {row['doubletons']:,} doubletons"
        for row in rows
    ]
    _tell(as_json, output, [], {"groups": rows}, lines)


def consequence_counts(
    store: StoreArgument,
    annotation: AnnotationOption,
    output: OutputOption,
    canonical: CanonicalOption = False,
    groups: GroupsOption = None,
    by: ByOption = None,
    strict: StrictOption = False,
    region: RegionOption = None,
    keep: KeepOption = None,
    extract: ExtractOption = None,
    plots: PlotsOption = None,
    threads: AllThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """How many alleles have which consequence, by kind of allele, frequency and group of samples.

    Example: genomics-dc consequence-counts cohort.vcz --annotation cohort.annotation --output consequences.tsv
    """
    from genomics_dc.analyses.consequence_counts import consequence_counts as run

    _refuse(output, force)
    view = selected_view(store, region=region, keep=keep, extract=extract)
    with counting_bar("variants") as tell:
        result = run(
            view,
            annotation,
            canonical=canonical,
            groups=groups,
            by=_columns(by),
            strict=strict,
            threads=threads,
            progress=tell,
        )
    result.write(output, force=force)
    drawn = result.plot.save(plots) if plots is not None else []
    rows = result.by_consequence().to_pylist()
    lines = [f"{row['alleles']:>9,} {row['consequence']} ({row['impact'].lower()})" for row in rows]
    found = {"consequences": {row["consequence"]: row["alleles"] for row in rows}}
    _tell(as_json, output, drawn, {**found, **_of_groups(result.provenance)}, lines)


def gene_counts(
    store: StoreArgument,
    annotation: AnnotationOption,
    phenotypes: Annotated[
        Path, typer.Option("--phenotypes", help="Table with a header; first column IID, #IID or sample_id.")
    ],
    trait: Annotated[str, typer.Option("--trait", help="Column of cases and controls: 0 and 1, or 1 and 2.")],
    output: OutputOption,
    consequences: Annotated[
        str,
        typer.Option("--consequences", help="Impacts or ontology terms that count, comma-separated.", metavar="A,B"),
    ] = "HIGH,MODERATE",
    maf: Annotated[
        float, typer.Option("--max-maf", help="Greatest frequency among cases and controls, itself included.")
    ] = 0.01,
    genes: Annotated[
        str | None, typer.Option("--genes", help="Only these genes, comma-separated.", metavar="A,B")
    ] = None,
    canonical: CanonicalOption = False,
    strict: StrictOption = False,
    region: RegionOption = None,
    keep: KeepOption = None,
    extract: ExtractOption = None,
    hwe: HweOption = None,
    missing: MissingOption = None,
    plots: PlotsOption = None,
    threads: AllThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Carriers of rare damaging alleles by gene, among cases and controls, with Fisher's exact test.

    Example: genomics-dc gene-counts cohort.vcz --annotation cohort.annotation --phenotypes traits.tsv --trait t2d
    --max-maf 0.001 --output genes.tsv
    """
    from genomics_dc.analyses.gene_counts import gene_counts as run

    _refuse(output, force)
    view = selected_view(store, region=region, keep=keep, extract=extract, hwe=hwe, missing=missing)
    with counting_bar("variants") as tell:
        result = run(
            view,
            annotation,
            phenotypes,
            trait=trait,
            consequences=listed(consequences),
            maf=maf,
            genes=None if genes is None else listed(genes),
            canonical=canonical,
            strict=strict,
            threads=threads,
            progress=tell,
        )
    result.write(output, force=force)
    drawn = result.plot.save(plots) if plots is not None else []
    parameters, statuses = result.provenance.parameters, result.status_counts()
    lines = [f"{parameters['cases']:,} cases, {parameters['controls']:,} controls, {len(result):,} genes"]
    for row in result.top(5).table.to_pylist():
        carriers = f"{row['carriers_cases']:,} of the cases and {row['carriers_controls']:,} of the controls carry"
        lines.append(f"{row['gene']}: {carriers}, -log10 p {row['neg_log_10_p_value']:.4g}")
    untested = {name: number for name, number in statuses.items() if name != "ok"}
    if untested:
        reasons = ", ".join(f"{number:,} {name}" for name, number in untested.items())
        lines.append(f"genes without a test, kept with their status: {reasons}")
    sizes = {key: parameters[key] for key in ("cases", "controls", "rows_without_sample", "samples_without_row")}
    _tell(as_json, output, drawn, {"genes": len(result), "status": statuses, **sizes}, lines)


def _refuse(output: Path, force: bool) -> None:
    if output.suffix not in (".parquet", ".tsv"):
        raise UsageError(f"{output}: the name of a result ends with .parquet or .tsv")
    refuse_existing(output, force=force)


def _columns(by: str | None) -> list[str] | None:
    return None if by is None else listed(by)


def _of_groups(provenance: Provenance) -> dict[str, Any]:
    keys = ("groups", "rows_without_sample", "samples_without_group")
    return {key: provenance.parameters[key] for key in keys}


def _group_lines(provenance: Provenance) -> list[str]:
    found = _of_groups(provenance)
    lines = [f"{name}: {size:,} samples" for name, size in found["groups"].items()]
    if found["rows_without_sample"]:
        lines.append(f"{found['rows_without_sample']:,} rows of the table of groups without a sample were left aside")
    if found["samples_without_group"]:
        lines.append(f"{found['samples_without_group']:,} samples belong to no group")
    return lines


def _tell(as_json: bool, output: Path, drawn: list[Path], found: Mapping[str, Any], lines: list[str]) -> None:
    if as_json:
        plots = {"plots": [str(path) for path in drawn]}
        typer.echo(json.dumps({"output": str(output), **plots, **found}, ensure_ascii=False))
        return
    typer.echo("\n".join([*lines, f"written to {output}"]))
