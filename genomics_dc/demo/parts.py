"""The work of each stage: every function makes files below the demo's folder and returns the figures to print."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genomics_dc.demo import cohorts, family, registry
from genomics_dc.demo.sources import CLINVAR, source
from genomics_dc.errors import FindingsError, ToolError
from genomics_dc.files import atomic_directory, atomic_path, write_text
from genomics_dc.provenance import JsonValue
from genomics_dc.tools import run

Tell = Callable[[str], None]
PANEL = "demo-chr20"
CONTIG_LENGTH = 63_025_520
GENES = Path(__file__).resolve().parents[1] / "reference" / "data" / "grch37-chr20.gff3"
RECALL_SNV_MIN, PRECISION_SNV_MIN = 0.98, 0.99
LANGUAGES = ("zh-CN", "en")
INDICATION = "肌张力障碍、步态异常 Dystonia, gait disturbance（虚构 made up）"
REAL_PEOPLE = ("HG00100", "HG00101", "HG00102")

_FAMILY_CONFIG = f"""\
# The demo's family: reads of six people to a report about the child. `genomics-dc run family.yaml` runs it again.
assembly: GRCh37
reference:
  fasta: ../reference/20.fa
  genes: ../reference/genes.gff3
samples: samples.tsv
output: run
regions: windows.bed
calling:
  scatter_window_bp: 1000000
filters:
  - name: low_quality
    expression: QUAL < 20
    description: Site quality under 20
  - name: low_mapping_quality
    expression: INFO/MQ < 30
    description: Mean mapping quality of the reads under 30
annotation:
  clinvar: ../reference/clinvar.vcf.gz
  frequencies: ../reference/frequencies.vcf.gz
screening:
  panels: [{PANEL}]
  callable_fraction_min: 0.95
  samples: [{family.CHILD}]
reports:
  languages: [zh-CN, en]
"""

_REAL_CONFIG = """\
# Three people of the 1000 Genomes Project, low coverage, on the first 4,200 bases of chromosome 17 that a read covers.
assembly: GRCh37-chr17-slice
reference:
  fasta: reference.fa
samples: samples.tsv
output: run
callable:
  depth_min_reads: 4            # at 5x to 12x hardly a base would reach the usual 10 reads
calling:
  reference_depth_min_reads: 3
  reference_quality_min: 9      # three clean reads: 3 phred each for a heterozygote that shows one allele only
filters:
  - name: low_quality
    expression: QUAL < 20
    description: Site quality under 20
"""


@dataclass(frozen=True)
class Paths:
    """Where things are below the demo's folder."""

    folder: Path

    @property
    def reference(self) -> Path:
        """Return the folder of the genome, gene models and knowledge files."""
        return self.folder / "reference"

    @property
    def family(self) -> Path:
        """Return the folder of the family: what was planted, reads, configuration, registry, report."""
        return self.folder / "family"

    @property
    def family_run(self) -> Path:
        """Return the output folder of the family's run."""
        return self.family / "run"

    @property
    def real(self) -> Path:
        """Return the folder of the real reads; their run is in its folder `run`."""
        return self.folder / "real-reads"

    @property
    def cohort(self) -> Path:
        """Return the folder of the cohort part."""
        return self.folder / "cohort"


def make_reference(paths: Paths, tell: Tell) -> dict[str, JsonValue]:
    """Unpack chromosome 20 and index it; put gene models, ClinVar records and frequencies beside it."""
    with atomic_directory(paths.reference, force=True) as staging:
        tell("unpacking chromosome 20")
        fasta = staging / "20.fa"
        with gzip.open(source("chromosome 20")) as packed, fasta.open("wb") as plain:
            shutil.copyfileobj(packed, plain, 1 << 20)
        run(["samtools", "faidx", fasta])
        shutil.copyfile(GENES, staging / "genes.gff3")
        packed_vcf = run(["bgzip", "--stdout", CLINVAR]).stdout
        (staging / "clinvar.vcf.gz").write_bytes(packed_vcf)
        run(["bcftools", "index", "--csi", staging / "clinvar.vcf.gz"])
        tell("frequencies of 503 people")
        _write_frequencies(staging)
        tell("bwa index of chromosome 20 (about a minute)")
        # Ended by the kernel when this program is killed: a minute of work for nobody would go on otherwise.
        run(["setpriv", "--pdeathsig", "KILL", "bwa", "index", fasta])
        genes = sum(line.split("\t")[2:3] == ["gene"] for line in GENES.read_text().splitlines())
        records = sum(not line.startswith("#") for line in CLINVAR.read_text().splitlines())
    return {"bases": CONTIG_LENGTH, "genes": genes, "clinvar_records": records}


def _write_frequencies(folder: Path) -> None:
    """Write sites and allele counts of the 503 people: all of the 1000 Genomes Project's European super-population."""
    people, bare = folder / "people.vcf.gz", folder / "bare.vcf.gz"
    cohorts.merge_people(source("phased people"), source("unphased people"), CONTIG_LENGTH, people)
    counted = folder / "counted.vcf.gz"
    tags = ["--", "-t", "AC,AN,AF"]
    run(["bcftools", "+fill-tags", "--no-version", people, "-Oz", "-o", counted, *tags])
    run(["bcftools", "view", "--no-version", "--drop-genotypes", "-Oz", "-o", bare, counted])
    header = run(["bcftools", "view", "--no-version", "-h", bare]).stdout.decode()
    first, rest = header.split("\n", 1)
    header_file = folder / "header.txt"
    header_file.write_text(f"{first}\n##source=1000 Genomes Project phase 3, 503 people (EUR)\n{rest}")
    run(["bcftools", "reheader", "--header", header_file, "--output", folder / "frequencies.vcf.gz", bare])
    run(["bcftools", "index", "--csi", folder / "frequencies.vcf.gz"])
    for path in (people, folder / "people.vcf.gz.csi", bare, counted, header_file):
        path.unlink()


def make_family(paths: Paths, tell: Tell, *, threads: int) -> dict[str, JsonValue]:
    """Simulate the reads of the family, and write the run's configuration."""
    tell("30x reads of six people")
    paths.family.mkdir(exist_ok=True)
    made = family.simulate(paths.reference / "20.fa", source("phased people"), paths.family, threads=threads)
    write_text(paths.family / "family.yaml", _FAMILY_CONFIG, force=True)
    return {
        "people": len(family.PEOPLE),
        "windows_bp": sum(window.end - window.start for window in family.WINDOWS),
        "windows_with_reads_bp": sum(window.end - window.start for window in family.WINDOWS if window.reads),
        "planted_sites": made.n_sites,
        "depth_reads": family.DEPTH_READS,
    }


def judge_family(paths: Paths, tell: Tell) -> dict[str, JsonValue]:
    """Compare the calls of each person with what was planted, inside that person's callable bases.

    Raises FindingsError when the child's planted genotype, or what the findings say of the gene without reads, is
    wrong: then the demo must not look as if all were well.
    """
    from genomics_dc.calls.compare import KindCounts, compare_calls

    calls, truth = paths.family_run / "calls" / "joint.vcf.gz", paths.family / "truth.vcf.gz"
    people: dict[str, Any] = {}
    sums = {"snv": KindCounts(0, 0, 0, 0), "indel": KindCounts(0, 0, 0, 0)}
    for person in family.PEOPLE:
        tell(person.sample_id)
        found = compare_calls(
            truth,
            calls,
            fasta=paths.reference / "20.fa",
            regions=paths.family_run / "callable" / f"{person.sample_id}.bed",
            sample=person.sample_id,
            truth_sample=person.sample_id,
            passed_only=True,
        )
        people[person.sample_id] = found.to_dict()
        for kind, counts in (("snv", found.snv), ("indel", found.indel)):
            sums[kind] = _add(sums[kind], counts)
    everyone: dict[str, JsonValue] = {
        kind: {
            "truth": counts.truth,
            "found": counts.found,
            "false": counts.false_positives,
            "genotype_concordance": counts.genotype_concordance,
            "recall": counts.recall,
            "precision": counts.precision,
        }
        for kind, counts in sums.items()
    }
    document = {"all": everyone, "by_person": people}
    write_text(paths.family / "judged.json", json.dumps(document, indent=1, sort_keys=True) + "\n", force=True)
    planted = _called_genotypes(calls, family.PLANTED, [family.CHILD, family.FATHER, family.MOTHER])
    not_read = _called_genotypes(calls, family.PLANTED_WITHOUT_READS, [family.CHILD])
    not_assessed = _not_assessed(paths.family_run / "findings" / f"{family.CHILD}.{PANEL}.json")
    _require_truth(planted, not_read, not_assessed)
    return {
        "calls": everyone,
        "planted_genotypes": planted,
        "not_assessed": not_assessed,
        "recall_snv_min": RECALL_SNV_MIN,
        "precision_snv_min": PRECISION_SNV_MIN,
    }


def _add(first: Any, second: Any) -> Any:
    return type(first)(
        first.truth + second.truth,
        first.found + second.found,
        first.genotypes_equal + second.genotypes_equal,
        first.false_positives + second.false_positives,
    )


def _called_genotypes(calls: Path, variant: family.PlantedVariant, samples: Sequence[str]) -> dict[str, JsonValue]:
    """Return each sample's genotype text of a planted allele; "no record" where the site is not in the calls."""
    region = f"{family.CONTIG}:{variant.position}"
    text = "%POS\t%REF\t%ALT[\t%GT]\n"
    done = run(["bcftools", "query", "-s", ",".join(samples), "-r", region, "-f", text, calls]).stdout.decode()
    for line in done.splitlines():
        position, ref, alt, *genotypes = line.split("\t")
        if (int(position), ref, alt) == (variant.position, variant.ref, variant.alt):
            return dict(zip(samples, genotypes, strict=True))
    return dict.fromkeys(samples, "no record")


def _not_assessed(findings: Path) -> list[JsonValue]:
    from genomics_dc.screening.model import Findings

    found = Findings.model_validate_json(findings.read_bytes())
    return [gene.gene for gene in found.coverage if not gene.assessed]


def _require_truth(
    planted: dict[str, JsonValue], not_read: dict[str, JsonValue], not_assessed: list[JsonValue]
) -> None:
    wanted = {family.CHILD: "1/1", family.FATHER: "0/1", family.MOTHER: "0/1"}
    site = f"{family.CONTIG}:{family.PLANTED.position}"
    wrong = [
        f"{sample} is {planted[sample]} at {site}, {genotype} was planted"
        for sample, genotype in wanted.items()
        if str(planted[sample]).replace("|", "/") != genotype
    ]
    if not_read[family.CHILD] not in ("no record", "./."):
        wrong.append(f"{family.CHILD} has genotype {not_read[family.CHILD]} where there are no reads")
    if family.PLANTED_WITHOUT_READS.gene not in not_assessed:
        wrong.append(f"{family.PLANTED_WITHOUT_READS.gene} has no reads, and the findings do not say so")
    if wrong:
        raise FindingsError(f"the demo found what must not be: {'; '.join(wrong)}")


def make_registry(paths: Paths, tell: Tell) -> dict[str, JsonValue]:
    """Make the registry of the six made-up people, linked to the family's store."""
    tell("people, samples, consents")
    store, genes = paths.family_run / "store" / "cohort.vcz", paths.reference / "genes.gff3"
    return dict(registry.make_centre(paths.family / "centre", store, genes))


def write_report(paths: Paths, tell: Tell) -> dict[str, JsonValue]:
    """Write the child's report for the treating clinician: screened and identified through the registry."""
    from genomics_dc.centre import open_centre
    from genomics_dc.reports.model import with_centre
    from genomics_dc.reports.render import Reports

    (child,) = [person for person in registry.DEMO_PEOPLE if person.sample_id == family.CHILD]
    with open_centre(paths.family / "centre" / "centre.yaml", purpose=registry.CLINICAL_CARE) as centre:
        screened = centre.person(registry.person_id(child)).screen([PANEL], affected=True)
        reports = screened.report(lang=LANGUAGES, indication=INDICATION)
    (found,) = screened.findings
    named = Reports(tuple(with_centre(model, "genomics_dc demo centre") for model in reports.models), LANGUAGES)
    with atomic_directory(paths.family / "report", force=True) as staging:
        written = named.write(staging, force=True, progress=tell)
        names = sorted(path.relative_to(staging).as_posix() for one in written for path in one.paths)
    variants: list[JsonValue] = [
        {
            "gene": one.gene,
            "position": f"{one.contig}:{one.position:,} {one.ref}>{one.alt}",
            "protein": one.consequence.hgvs_p,
            "zygosity": one.zygosity,
            "segregation": one.segregation,
            "classification": one.classification.significance,
            "known": "; ".join(record.significance for record in one.known),
        }
        for one in found.variants
    ]
    return {"files": [*names], "variants": variants}


def prepare_real_reads(paths: Paths, tell: Tell) -> dict[str, JsonValue]:
    """Copy the real reads and their reference, and write the run's configuration."""
    tell(", ".join(REAL_PEOPLE))
    with atomic_directory(paths.real, force=True) as staging:
        shutil.copyfile(source("reference of the reads"), staging / "reference.fa")
        rows = ["sample\tlibrary\tlane\tfastq_1\tfastq_2\talignment\tsex\tfather\tmother"]
        for name in REAL_PEOPLE:
            _write_real_reads(source(f"reads of {name}"), staging / f"{name}.bam")
            rows.append(f"{name}\t{name}-lib1\tL001\t\t\t{name}.bam\t\t\t")
        (staging / "samples.tsv").write_text("\n".join(rows) + "\n")
        (staging / "real-reads.yaml").write_text(_REAL_CONFIG)
    return {"people": len(REAL_PEOPLE)}


def _write_real_reads(bam: Path, target: Path) -> None:
    """Copy an alignment; the packages' headers hold hundreds of lines of a pipeline of 2012, which stay as they are."""
    with atomic_path(target) as temporary:
        shutil.copyfile(bam, temporary)


def run_workflow(config: Path, tell: Tell, *, cores: int) -> None:
    """Run the workflow over one configuration; it goes on where an earlier run stopped.

    In a process of its own, which the kernel ends when this one is killed: this one has threads, and a fork of a
    process with threads may only start another program. Raises ToolError with the last words of a failed run.
    """
    command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "genomics_dc.cli.main"]
    command += ["run", str(config), "--cores", str(cores)]
    last: deque[str] = deque(maxlen=6)
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip():
                last.append(line.strip())
                tell(line.strip())
    if process.returncode != 0:
        raise ToolError(f"the run of {config.name} stopped: {' | '.join(last)}")


def store_figures(store: Path) -> dict[str, JsonValue]:
    """Return size and hash of a store."""
    from genomics_dc.store import store_info

    info = store_info(store)
    return {"people": info.n_samples, "variants": info.n_variants, "store_hash": info.store_hash}
