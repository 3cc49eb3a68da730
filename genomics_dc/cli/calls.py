"""`genomics-dc calls`: the steps between reads and a joint VCF that are ours, each also usable alone."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from genomics_dc.cli.options import ForceOption, JsonOption, OutputOption
from genomics_dc.errors import UsageError

group = typer.Typer(no_args_is_help=True, help="Callable regions, proof of 0/0, identity, comparison with a truth.")

GvcfOption = Annotated[list[str], typer.Option("--gvcf", help="SAMPLE=FILE, once per sample.", metavar="S=FILE")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="calls")


def _say(summary: Any, *, as_json: bool, sentence: str) -> None:
    if as_json:
        print(json.dumps(asdict(summary)))  # noqa: T201 - the command's result
    else:
        print(sentence, file=sys.stderr)  # noqa: T201 - talk goes to stderr


def _named_files(words: list[str]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for word in words:
        name, separator, path = word.partition("=")
        if not separator or not name or not path:
            raise UsageError(f"--gvcf {word}: expected SAMPLE=FILE")
        if name in files:
            raise UsageError(f"--gvcf {word}: sample {name} is given twice")
        files[name] = Path(path)
    return files


@group.command(
    "prove-reference",
    epilog="Example: genomics-dc calls prove-reference joint.vcf.gz --gvcf P1=P1.g.vcf.gz -o proven.vcf.gz",
)
def prove_reference_command(
    joint: Annotated[Path, typer.Argument(help="Joint VCF, sorted.", exists=True, dir_okay=False)],
    gvcf: GvcfOption,
    output: OutputOption,
    depth_min: Annotated[int, typer.Option("--depth-min", min=1, help="Reads a 0/0 needs at every base.")] = 8,
    quality_min: Annotated[int, typer.Option("--quality-min", min=0, help="Phred margin of 0/0 over the next.")] = 20,
    region_bed: Annotated[
        Path | None, typer.Option("--region-bed", help="Read the gVCFs in these regions only.")
    ] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Turn every 0/0 that the sample's own gVCF does not prove into ./. (missing)."""
    from genomics_dc.calls.reference_proof import prove_reference

    summary = prove_reference(
        joint,
        _named_files(gvcf),
        output,
        depth_min_reads=depth_min,
        quality_min=quality_min,
        region_bed=region_bed,
        force=force,
    )
    sentence = (
        f"{summary.not_proven:,} of {summary.reference_genotypes:,} genotypes 0/0 were not proven and are ./. now"
    )
    _say(summary, as_json=as_json, sentence=sentence)


@group.command("callable", epilog="Example: genomics-dc calls callable P1.bam --regions genes.bed -o P1.callable.bed")
def callable_command(
    alignment: Annotated[Path, typer.Argument(help="Sorted, indexed BAM.", exists=True, dir_okay=False)],
    output: OutputOption,
    regions: Annotated[Path, typer.Option("--regions", help="BED of the bases to look at.", exists=True)],
    depth_min: Annotated[int, typer.Option("--depth-min", min=1, help="Reads a callable base needs.")] = 10,
    mapping_quality_min: Annotated[int, typer.Option("--mapping-quality-min", min=0, help="Of a read.")] = 20,
    base_quality_min: Annotated[int, typer.Option("--base-quality-min", min=0, help="Of a base.")] = 10,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the bases of a sample that can be judged, as BED (zero-based)."""
    from genomics_dc.calls.callable import callable_regions

    summary = callable_regions(
        alignment,
        output,
        regions=regions,
        depth_min_reads=depth_min,
        mapping_quality_min=mapping_quality_min,
        base_quality_min=base_quality_min,
        force=force,
    )
    sentence = f"{summary.callable_bases:,} of {summary.region_bases:,} bases callable"
    sentence += f", mean depth {summary.depth_mean_reads:.1f}"
    _say(summary, as_json=as_json, sentence=sentence)


@group.command("check-reads", epilog="Example: genomics-dc calls check-reads P1_R1.fastq.gz P1_R2.fastq.gz")
def check_reads_command(
    fastq_1: Annotated[Path, typer.Argument(help="First mates.", exists=True, dir_okay=False)],
    fastq_2: Annotated[Path, typer.Argument(help="Second mates.", exists=True, dir_okay=False)],
    as_json: JsonOption = False,
) -> None:
    """Read a pair of FASTQ files to the end: whole, of equal count, mates of each other, not swapped."""
    from genomics_dc.calls.reads import check_pair

    summary = check_pair(fastq_1, fastq_2)
    _say(summary, as_json=as_json, sentence=f"{summary.pairs:,} pairs, {summary.bases:,} bases")


@group.command("windows", epilog="Example: genomics-dc calls windows configs/example.yaml --output windows")
def windows_command(
    config: Annotated[Path, typer.Argument(help="Configuration of a run.", exists=True, dir_okay=False)],
    output: OutputOption,
) -> None:
    """Write the windows that calling is scattered over, one BED file each, and regions.bed with all of them."""
    from genomics_dc.calls.windows import write_windows
    from genomics_dc.config import load_run_config

    write_windows(load_run_config(config, check_files=False), output)


@group.command("identity", epilog="Example: genomics-dc calls identity family.yaml --directory family -o identity.json")
def identity_command(
    config: Annotated[Path, typer.Argument(help="Configuration of a run.", exists=True, dir_okay=False)],
    directory: Annotated[Path, typer.Option("--directory", help="Output folder of the run (gvcf/, reads/qc/).")],
    output: OutputOption,
    force: ForceOption = False,
) -> None:
    """Ask of each sample whether it is who the sheet says: sex, kinship, the same person twice, contamination."""
    from genomics_dc.calls.identity import check_run, write_checks
    from genomics_dc.config import load_run_config

    checks = check_run(load_run_config(config, check_files=False), directory)
    write_checks(checks, output, force=force)
    for check in checks:
        if check.status in ("finding", "accepted"):
            samples = " and ".join(check.samples)
            print(f"{check.status.upper()} {check.check} {samples}: {check.detail}", file=sys.stderr)  # noqa: T201


@group.command("blocked", epilog="Example: genomics-dc calls blocked findings/P1.acmg.json")
def blocked_command(
    findings: Annotated[Path, typer.Argument(help="Findings of one sample.", exists=True, dir_okay=False)],
) -> None:
    """Print what blocks a sample's report and exit with 3; exit with 0 in silence when nothing does."""
    from genomics_dc.calls.identity import blocking_sentences

    sentences = blocking_sentences(findings)
    if sentences:
        print("\n".join(sentences))  # noqa: T201 - the command's result
        raise typer.Exit(3)


@group.command(
    "compare",
    epilog="Example: genomics-dc calls compare --truth T.vcf.gz --calls C.vcf.gz --regions confident.bed --fasta F.fa",
)
def compare_command(
    truth: Annotated[Path, typer.Option("--truth", help="VCF of what is there.", exists=True, dir_okay=False)],
    calls: Annotated[Path, typer.Option("--calls", help="VCF of what was called.", exists=True, dir_okay=False)],
    fasta: Annotated[Path, typer.Option("--fasta", help="The reference, for normalisation.", exists=True)],
    regions: Annotated[Path | None, typer.Option("--regions", help="BED inside which to compare.")] = None,
    sample: Annotated[
        str | None, typer.Option("--sample", help="Sample in the calls; needed when there are more.")
    ] = None,
    truth_sample: Annotated[str | None, typer.Option("--truth-sample", help="Sample in the truth.")] = None,
    passed_only: Annotated[bool, typer.Option("--pass", help="Only calls whose FILTER is PASS or empty.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write JSON here, too.")] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Recall, precision and genotype agreement of calls against a truth, SNVs and indels apart."""
    from genomics_dc.calls.compare import compare_calls
    from genomics_dc.files import write_text

    result = compare_calls(
        truth, calls, fasta=fasta, regions=regions, sample=sample, truth_sample=truth_sample, passed_only=passed_only
    )
    text = json.dumps(result.to_dict(), indent=2)
    if output is not None:
        write_text(output, text + "\n", force=force)
    print(text if as_json else result.to_text())  # noqa: T201 - the command's result


@group.command(
    "multiqc-table", epilog="Example: genomics-dc calls multiqc-table identity.json --output identity_mqc.json"
)
def multiqc_table_command(
    identity: Annotated[Path, typer.Argument(help="identity.json of a run.", exists=True)],
    output: OutputOption,
    force: ForceOption = False,
) -> None:
    """Write the identity checks as a table that MultiQC shows beside the others."""
    from genomics_dc.calls.identity import write_multiqc_table

    write_multiqc_table(identity, output, force=force)
