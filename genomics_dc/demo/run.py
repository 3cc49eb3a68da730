"""The whole demo: three parts, side by side where there are cores, then one page that links everything."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from genomics_dc.demo import cohorts, page, parts
from genomics_dc.demo.display import TerminalDisplay
from genomics_dc.demo.family import CHILD
from genomics_dc.demo.sources import CLINVAR, DEBIAN_FILES, require_sources, source
from genomics_dc.demo.stages import Runner, Stage, held_folder
from genomics_dc.files import sha256_file, write_text
from genomics_dc.provenance import JsonValue, software_version
from genomics_dc.tools import PROGRAMS, require

DEFAULT_FOLDER = Path("genomics-dc-demo")
# What makes reference and reads: nothing outside this folder.
_DATA_CODE = ("demo",)
_PROGRAMS = ("bwa", "samtools", "bcftools", "bgzip", "tabix", "fastp", "dwgsim")


def run_demo(folder: Path | str = DEFAULT_FOLDER, *, fresh: bool = False, cores: int = 2) -> Path:
    """Run the demo in `folder`, doing only what is not done yet; return the path of its summary page.

    Raises InputError that names the Debian packages of missing data, ToolError those of missing programs, ResourceError
    when the folder cannot be used, FindingsError when a planted genotype comes back wrong.
    """
    require_sources()
    versions = require(*(name for name in _PROGRAMS if name in PROGRAMS))
    target = Path(folder).resolve()
    begun = time.monotonic()
    with held_folder(target, fresh=fresh):
        lanes = _lanes(parts.Paths(target), cores, versions)
        display = TerminalDisplay(sum(map(len, lanes)))
        runner = Runner(target, display)
        with display.shown():
            runner.run_lanes(lanes, side_by_side=cores > 1)
        titles = {stage.name: stage.title for lane in lanes for stage in lane}
        summary = _summary(runner, titles, time.monotonic() - begun, cores, versions)
        write_text(target / "summary.json", json.dumps(summary, indent=1, ensure_ascii=False) + "\n", force=True)
        write_text(target / "index.html", page.render(target, summary), force=True)
    return target / "index.html"


def _lanes(paths: parts.Paths, cores: int, versions: Mapping[str, str]) -> list[list[Stage]]:
    """Return two lanes that share nothing: the family, and everything else."""
    packages = {name: sha256_file(file.path) for name, file in DEBIAN_FILES.items()}
    tools = {name: versions.get(name, "") for name in _PROGRAMS}
    people = {name: packages[name] for name in ("phased people", "unphased people")}
    family = [
        Stage(
            "reference",
            "family: chromosome 20, indexed",
            partial(parts.make_reference, paths),
            ("reference",),
            {
                **people,
                "chromosome": packages["chromosome 20"],
                "clinvar": sha256_file(CLINVAR),
                "genes": sha256_file(parts.GENES),
                **tools,
            },
            code=_DATA_CODE,
        ),
        Stage(
            "reads",
            "family: haplotypes and 30x reads",
            partial(parts.make_family, paths, threads=cores),
            ("family/fastq", "family/truth.vcf.gz", "family/samples.tsv", "family/family.yaml", "family/windows.bed"),
            {**people, **tools},
            ("reference",),
            code=_DATA_CODE,
        ),
        Stage(
            "family",
            "family: reads to findings",
            lambda tell: _workflow(paths.family / "family.yaml", paths.family_run, tell, cores),
            (
                "family/run/calls/joint.vcf.gz",
                "family/run/store/cohort.vcz",
                f"family/run/findings/{CHILD}.{parts.PANEL}.json",
                "family/run/multiqc/multiqc_report.html",
            ),
            tools,
            ("reads",),
            resumes="family/run",
        ),
        Stage(
            "judge",
            "family: calls against what was planted",
            partial(parts.judge_family, paths),
            ("family/judged.json",),
            {},
            ("family",),
        ),
        Stage(
            "registry",
            "family: registry of six made-up people",
            partial(parts.make_registry, paths),
            ("family/centre/centre.yaml", "family/centre/people.tsv"),
            {},
            ("family",),
        ),
        Stage(
            "report",
            "family: report about the child",
            partial(parts.write_report, paths),
            ("family/report",),
            {},
            ("family", "registry"),
        ),
    ]
    others = [
        Stage(
            "real-reads-data",
            "real reads: three people of the 1000 Genomes Project",
            partial(parts.prepare_real_reads, paths),
            ("real-reads/samples.tsv", "real-reads/real-reads.yaml", "real-reads/reference.fa"),
            {name: digest for name, digest in packages.items() if "reads" in name},
        ),
        Stage(
            "people",
            "cohort: 503 people, merged and stored",
            lambda tell: _people(paths, tell),
            ("cohort/people.vcf.gz", "cohort/people.vcz"),
            {**people, **tools},
        ),
        Stage(
            "describe",
            "cohort: quality, structure, relatedness",
            lambda tell: cohorts.describe(paths.cohort / "people.vcz", paths.cohort / "people", threads=1, tell=tell),
            ("cohort/people",),
            {},
            ("people",),
        ),
        Stage(
            "geuvadis",
            "expression: 358 people, stored",
            lambda tell: _geuvadis(paths, tell),
            ("cohort/geuvadis.vcf.gz", "cohort/geuvadis.vcz", "cohort/geuvadis-data"),
            {"archive": packages["GEUVADIS"], **tools},
        ),
        Stage(
            "eqtl",
            "expression: cis eQTL scan",
            lambda tell: cohorts.scan_expression(
                paths.cohort / "geuvadis-data", paths.cohort / "geuvadis.vcz", paths.cohort / "eqtl", tell=tell
            ),
            ("cohort/eqtl",),
            {},
            ("geuvadis",),
        ),
        Stage(
            "real-reads",
            "real reads: joint call and store",
            lambda tell: _workflow(paths.real / "real-reads.yaml", paths.real / "run", tell, cores),
            ("real-reads/run/calls/joint.vcf.gz", "real-reads/run/store/cohort.vcz"),
            tools,
            ("real-reads-data",),
            resumes="real-reads/run",
        ),
    ]
    return [family, others]


def _workflow(config: Path, output: Path, tell: parts.Tell, cores: int) -> dict[str, JsonValue]:
    parts.run_workflow(config, tell, cores=cores)
    return parts.store_figures(output / "store" / "cohort.vcz")


def _people(paths: parts.Paths, tell: parts.Tell) -> dict[str, JsonValue]:
    paths.cohort.mkdir(exist_ok=True)
    vcf = paths.cohort / "people.vcf.gz"
    tell("merging")
    cohorts.merge_people(source("phased people"), source("unphased people"), parts.CONTIG_LENGTH, vcf)
    return cohorts.build(vcf, paths.cohort / "people.vcz", workers=1, tell=tell)


def _geuvadis(paths: parts.Paths, tell: parts.Tell) -> dict[str, JsonValue]:
    paths.cohort.mkdir(exist_ok=True)
    data, vcf = paths.cohort / "geuvadis-data", paths.cohort / "geuvadis.vcf.gz"
    tell("unpacking")
    cohorts.unpack_geuvadis(source("GEUVADIS"), data)
    tell("one clean header")
    cohorts.clean_geuvadis(data / cohorts.GEUVADIS_FILES["genotypes"], vcf)
    return cohorts.build(vcf, paths.cohort / "geuvadis.vcz", workers=2, tell=tell)


def _summary(
    runner: Runner, titles: Mapping[str, str], elapsed_s: float, cores: int, versions: Mapping[str, str]
) -> dict[str, JsonValue]:
    """Return every figure, and the time by stage: the only place, with the page, where a clock shows."""
    figures: dict[str, JsonValue] = {name: dict(done.figures) for name, done in runner.done.items()}
    seconds: list[JsonValue] = [
        {
            "stage": name,
            "title": title,
            "elapsed_s": round(runner.done[name].elapsed_s, 1),
            "done_in_this_run": runner.done[name].redone,
        }
        for name, title in titles.items()
    ]
    return {
        "software": f"genomics_dc {software_version()}",
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "elapsed_s": round(elapsed_s, 1),
        "cores": cores,
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "tools": dict(sorted(versions.items())),
        "figures": figures,
        "seconds_by_stage": seconds,
    }
