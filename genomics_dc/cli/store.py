"""`genomics-dc store`: build, info, verify, query, export, publish."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genomics_dc.cli import store_growth
from genomics_dc.cli.options import (
    BuildMemoryOption,
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
    bytes_of,
    narrowed,
    selected_view,
)
from genomics_dc.cli.progress import progress_bar
from genomics_dc.errors import FindingsError, UsageError

if TYPE_CHECKING:
    from genomics_dc.store import StoreView

VcfArgument = Annotated[
    list[Path], typer.Argument(help="One joint VCF or BCF, or several that split it by region.", metavar="VCF...")
]
ReferenceOption = Annotated[
    Path | None, typer.Option("--reference", help="FASTA with index; REF of every record is held against its bases.")
]
AssemblyOption = Annotated[
    str | None, typer.Option("--assembly", help="Genome build to record, such as GRCh37; else what the header names.")
]
WorkersOption = Annotated[int, typer.Option("--threads", "--workers", min=1, help="Threads to use.")]
PlanOption = Annotated[
    Path | None, typer.Option("--plan", help="A plan that `store plan --json` printed, perhaps edited.")
]
LenientOption = Annotated[
    bool, typer.Option("--lenient", help="Mend what breaks the specification where that is possible, and say what.")
]
InfoOrderOption = Annotated[bool, typer.Option("--keep-info-order", help="Remember the order of INFO and FORMAT keys.")]
LocalAllelesOption = Annotated[
    bool,
    typer.Option("--local-alleles", help="Keep AD and PL only of alleles that a call carries (LAA, LAD, LPL)."),
]
SamplesOption = Annotated[
    str | None, typer.Option("--samples", "-s", help="Sample ids to print, with commas between, in this order.")
]
FormatOption = Annotated[
    str, typer.Option("--format", "-f", help=r"What to print, as in bcftools query: '%CHROM\t%POS[\t%GT]\n'.")
]
DeepOption = Annotated[bool, typer.Option("--deep", help="Decode every chunk and derive the packed genotypes again.")]
AgainstOption = Annotated[
    list[Path] | None, typer.Option("--against", help="Compare every record and field with this VCF; may be repeated.")
]
SplitOption = Annotated[
    bool, typer.Option("--split-multiallelic", help="For .bed: a row for each ALT allele; all others count as REF.")
]
CompressSitesOption = Annotated[bool, typer.Option("--pvar-zst", help="For .pgen: write NAME.pvar.zst.")]
IncludeOption = Annotated[
    str | None, typer.Option("--include", "-i", help="Only variants for which this holds, as in bcftools: 'QUAL>30'.")
]
ExcludeOption = Annotated[
    str | None, typer.Option("--exclude", "-e", help="Only variants for which this does not hold.")
]
UrlArgument = Annotated[str, typer.Argument(help="Where in an object store, such as s3://bucket/cohort.vcz.")]
ListOption = Annotated[bool, typer.Option("--list-samples", "-l", help="Print the sample ids, one a line, and stop.")]

store_app = typer.Typer(name="store", help="Build, check and read VCF Zarr stores.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `store` and its commands."""
    store_growth.register(store_app)
    app.add_typer(store_app)


@store_app.command()
def build(
    vcfs: VcfArgument,
    output: OutputOption,
    reference: ReferenceOption = None,
    assembly: AssemblyOption = None,
    threads: WorkersOption = 2,
    memory: BuildMemoryOption = "1G",
    plan: PlanOption = None,
    lenient: LenientOption = False,
    keep_info_order: InfoOrderOption = False,
    local_alleles: LocalAllelesOption = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Build a store from a joint VCF.

    Example: genomics-dc store build joint.vcf.gz --output cohort.vcz --reference GRCh37.fa
    """
    from genomics_dc.store import build_store

    with progress_bar() as progress:
        built = build_store(
            vcfs,
            output,
            reference=reference,
            assembly=assembly,
            force=force,
            workers=threads,
            memory_bytes=bytes_of(memory),
            plan=plan,
            lenient=lenient,
            keep_info_order=keep_info_order,
            local_alleles=local_alleles,
            note=lambda words: typer.echo(f"note: {words}", err=True),
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(built.to_dict()))
    else:
        typer.echo(
            f"{built.path}: {built.n_variants:,} variants x {built.n_samples:,} samples, hash {built.store_hash}"
        )


@store_app.command()
def plan(
    vcfs: VcfArgument,
    threads: WorkersOption = 2,
    memory: BuildMemoryOption = "1G",
    lenient: LenientOption = False,
    keep_info_order: InfoOrderOption = False,
    local_alleles: LocalAllelesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print what a build would write: arrays, files, bytes, memory, scratch. --json can be edited for `build --plan`.

    Example: genomics-dc store plan joint.vcf.gz --json > plan.json
    """
    from genomics_dc.store.planning import plan_store

    with progress_bar() as progress:
        planned = plan_store(
            vcfs,
            threads=threads,
            memory_bytes=bytes_of(memory),
            lenient=lenient,
            keep_info_order=keep_info_order,
            local_alleles=local_alleles,
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(planned.to_dict(), indent=1))
        return
    rows = [
        ("variants", f"{planned.n_variants:,}"),
        ("samples", f"{planned.plan.n_samples:,}"),
        ("files", f"{planned.n_files:,}"),
        ("bytes", f"about {planned.n_bytes:,}"),
        ("memory", f"{planned.memory_bytes / 2**20:,.0f} MiB"),
        ("scratch", f"{planned.scratch_bytes:,} bytes"),
    ]
    for name, value in rows:
        typer.echo(f"{name:<10}{value}")
    typer.echo()
    typer.echo(f"{'array':<32}{'field':<20}{'type':<10}{'shape':<24}{'chunk':<22}{'files':>8}")
    for array in planned.arrays:
        shape, chunk = " x ".join(map(str, array.shape)), " x ".join(map(str, array.chunk))
        typer.echo(f"{array.name:<32}{array.field:<20}{array.dtype:<10}{shape:<24}{chunk:<22}{array.n_files:>8,}")


@store_app.command()
def info(store: StoreArgument, as_json: JsonOption = False) -> None:
    """Print what a store holds.

    Example: genomics-dc store info cohort.vcz
    """
    from genomics_dc.store import store_info

    held = store_info(store)
    if as_json:
        typer.echo(json.dumps(held.to_dict()))
        return
    rows = [
        ("store", held.path),
        ("hash", held.store_hash),
        ("format", str(held.format_version)),
        ("generation", str(held.generation)),
        ("assembly", held.assembly or "not recorded"),
        ("variants", f"{held.n_variants:,}"),
        ("samples", f"{held.n_samples:,}"),
        ("contigs", ", ".join(held.contigs[:8]) + (", …" if len(held.contigs) > 8 else "")),
        ("files", f"{held.n_files:,} ({held.stored_bytes:,} bytes)"),
    ]
    for name, value in rows:
        typer.echo(f"{name:<12}{value}")
    typer.echo()
    typer.echo(f"{'generation':<12}{'change':<14}{'variants':>14}{'samples':>12}  {'when':<27}{'software':<22}hash")
    for event in held.history:
        size = f"{event.n_variants:>14,}{event.n_samples:>12,}"
        what = f"{event.generation:<12}{event.operation:<14}{size}  {event.time_utc:<27}{event.software:<22}"
        typer.echo(f"{what}{event.store_hash[:16]}{f'  {event.note}' if event.note else ''}")
    typer.echo()
    typer.echo(f"{'array':<32}{'type':<14}{'shape':<22}{'chunk':<22}{'bytes':>14}")
    for array in held.arrays:
        shape, chunk = " x ".join(map(str, array.shape)), " x ".join(map(str, array.chunk_shape))
        typer.echo(f"{array.name:<32}{array.dtype:<14}{shape:<22}{chunk:<22}{array.stored_bytes:>14,}")


@store_app.command()
def verify(
    store: StoreArgument, deep: DeepOption = False, against: AgainstOption = None, as_json: JsonOption = False
) -> None:
    """Hold a store against its manifest, itself and its VCF; exit status 3 when anything is wrong.

    Example: genomics-dc store verify cohort.vcz --deep --against joint.vcf.gz
    """
    from genomics_dc.store import verify_store

    with progress_bar() as progress:
        report = verify_store(store, deep=deep, against=against, progress=progress)
    if as_json:
        typer.echo(json.dumps(report.to_dict()))
    else:
        for finding in report.findings:
            typer.echo(f"{finding.kind}: {finding.message}")
    if not report.ok:
        raise FindingsError(f"{store} has {len(report.findings)} findings; restore it from a copy, or build it again")
    if not as_json:
        compared = f", {report.n_records_compared:,} records compared" if report.against else ""
        typer.echo(f"{store}: {report.n_files:,} files, {report.n_bytes:,} bytes{compared}: no findings")


@store_app.command()
def publish(
    store: StoreArgument,
    url: UrlArgument,
    force: ForceOption = False,
) -> None:
    """Copy a store to an object store and make it the current one there, in one step.

    What has not changed since the last time does not travel. Where and as whom: AWS_ENDPOINT_URL, AWS_REGION,
    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.

    Example: genomics-dc store publish cohort.vcz s3://bucket/cohort.vcz
    """
    from genomics_dc.store.remote import publish_store

    with progress_bar() as progress:
        seal = publish_store(store, url, force=force, progress=progress)
    typer.echo(f"{url}: generation {seal.generation}, hash {seal.store_hash}")


@store_app.command()
def query(
    store: StoreArgument,
    query_format: FormatOption = r"%CHROM\t%POS\t%ID\t%REF\t%ALT\n",
    region: RegionOption = None,
    samples: SamplesOption = None,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    list_samples: ListOption = False,
) -> None:
    r"""Print variants by a format, as bcftools query does.

    Example: genomics-dc store query cohort.vcz -r 20:1,000-2,000 -f '%POS %REF %ALT[ %SAMPLE=%GT]\n'
    """
    from genomics_dc.store import StoreView
    from genomics_dc.store import query as write_lines

    if list_samples:
        for name in StoreView.open(store).sample_ids:
            typer.echo(name)
        return
    names = None if samples is None else [name for name in samples.split(",") if name]
    write_lines(
        store,
        sys.stdout,
        query_format=query_format,
        region=region,
        samples=names,
        include=include,
        exclude=exclude,
    )


@store_app.command()
def export(
    store: StoreArgument,
    output: OutputOption,
    region: RegionOption = None,
    samples: SamplesOption = None,
    keep: KeepOption = None,
    extract: ExtractOption = None,
    maf: MafOption = None,
    hwe: HweOption = None,
    missing: MissingOption = None,
    split_multiallelic: SplitOption = False,
    compress_sites: CompressSitesOption = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a store in another format, by the ending of the output.

    .vcf, .vcf.gz, .bcf; .pgen (with .pvar, .psam); .bed (with .bim, .fam; one ALT a variant); .bgen (1.2, with
    .sample); .parquet (one row per variant and sample). What the format cannot hold is said on stderr.

    Example: genomics-dc store export cohort.vcz --output chr20.pgen --region 20 --maf 0.01
    """
    from genomics_dc.store import export_view

    if samples is not None and keep is not None:
        raise UsageError("--samples and --keep both say which samples; give one of them")
    view: StoreView = selected_view(store, region=region, keep=keep)
    if samples is not None:
        view = view.samples([name for name in samples.split(",") if name])
    view = narrowed(view, extract=extract, maf=maf, hwe=hwe, missing=missing)
    with progress_bar() as progress:
        written = export_view(
            view,
            output,
            split_multiallelic=split_multiallelic,
            compress_sites=compress_sites,
            force=force,
            progress=progress,
        )
    for sentence in written.lost:
        typer.echo(f"note: {sentence}", err=True)
    if as_json:
        typer.echo(json.dumps(written.to_dict()))
        return
    names = ", ".join(str(path) for path in written.files)
    typer.echo(f"{names}: {written.n_variants:,} variants x {written.n_samples:,} samples", err=True)
