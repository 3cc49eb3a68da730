# What all rules share: the checked configuration, the targets, the wildcards, the shell.
#
# Every job writes into a folder of its own under .stage and moves its outputs to their final names when all of them are
# whole: a killed job, or an orphan of a killed run, leaves nothing half-written under a final name. (Snakemake's `shadow`
# does the same, but starts a new Snakemake for every job: 1.5 s each, measured on 42 jobs.)
import re
import shlex
import sys
from pathlib import Path

from genomics_dc.calls.windows import run_windows
from genomics_dc.config import PLOIDY_ASSEMBLIES, load_run_config

if not workflow.configfiles:
    sys.exit("genomics_dc workflow: give --configfile CONFIG.yaml; configs/example.yaml explains every key")

CONFIG_FILE = Path(workflow.configfiles[0]).resolve()
RUN = load_run_config(CONFIG_FILE)
RUN.output.mkdir(parents=True, exist_ok=True)


workdir: str(RUN.output)


shell.executable("bash")
# The programs of this environment come first, so that plain `snakemake` finds genomics-dc without an activated environment.
STAGE = Path(workflow.current_basedir.get_path_or_uri(secret_free=False)).parent / "stage.sh"
shell.prefix(f"source {shlex.quote(str(STAGE))}; export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")

SAMPLES = list(RUN.samples)
WINDOWS = list(run_windows(RUN))
READS, CALLABLE, CALLING = (RUN.settings[key] for key in ("reads", "callable", "calling"))
GENES = RUN.settings["reference"]["genes"]
SCREENED = [(sample, panel) for panel in RUN.panels for sample in RUN.screened_samples]


def any_of(names):
    """Return a pattern that matches exactly the given names, so that a wildcard can be nothing else."""
    return "|".join(re.escape(name) for name in sorted(set(names))) or "(?!)"


wildcard_constraints:
    sample=any_of(SAMPLES),
    library=any_of(library for sample in RUN.samples.values() for library in sample.libraries),
    unit=any_of(RUN.units),
    window=any_of(WINDOWS),
    panel=any_of(RUN.panels),


def config_path(*keys):
    """Return an absolute path named in the configuration, or an empty list (no input) when the key is left out."""
    value = RUN.settings
    for key in keys:
        value = value[key] if value else None
    return str(RUN.resolve(value)) if value else []


def units_of(sample, library):
    """Return the names of the units of one library."""
    return [unit.name for unit in RUN.samples[sample].units if unit.library == library]


READS_TARGETS = [
    *expand("reads/{sample}.bam{suffix}", sample=SAMPLES, suffix=["", ".bai"]),
    *expand("reads/qc/{sample}.{kind}.txt", sample=SAMPLES, kind=["stats", "flagstat"]),
    *expand("callable/{sample}.bed", sample=SAMPLES),
]
CALLS_TARGETS = [
    *expand("gvcf/{sample}.g.vcf.gz{suffix}", sample=SAMPLES, suffix=["", ".csi"]),
    "identity/identity.json",
    "calls/joint.vcf.gz",
    "calls/joint.vcf.gz.csi",
    "calls/joint.stats.txt",
]
STORE_TARGETS = ["store/cohort.vcz/manifest.json"]
ANALYSES_TARGETS = [
    "qc",
    "multiqc/multiqc_report.html",
    *(["store/cohort.annotation"] if GENES else []),
    *(["associations/results.parquet"] if RUN.settings["association"] else []),
]
REPORTS_TARGETS = [
    path for sample, panel in SCREENED for path in (f"findings/{sample}.{panel}.json", f"reports/{sample}/{panel}")
]
