"""Every kernel compiled once, by running every command on a cohort that is made for it."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

FIRST: Final = (
    "store build whole.vcf --output cohort.vcz --threads 2",
    "store build north.vcf --output north.vcz",
    "store build south.vcf --output south.vcz",
)
GROUPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "validate whole.vcf",
        "store export cohort.vcz --output all.vcf.gz",
        "validate all.vcf.gz",
        "store build all.vcf.gz --output again.vcz --local-alleles",
        "store verify cohort.vcz --deep --against all.vcf.gz",
        "store export cohort.vcz --output all.bcf",
        "validate all.bcf",
        "store build all.bcf --output from_bcf.vcz",
        "store export again.vcz --output local.vcf.gz",
        "store query cohort.vcz -f '%CHROM %POS %INFO/AC[ %GT %AD %GQ]\\n' -i 'QUAL>20 && AC>1'",
        "store query cohort.vcz -f '%POS[ %SAMPLE=%PL]\\n' --samples S0003,S0001",
        "store export cohort.vcz --output some.vcf.gz --keep keep.txt --maf 0.05 --hwe 1e-6 --missing 0.2",
    ),
    (
        "store export cohort.vcz --output all.pgen --force",
        "store export cohort.vcz --output all.bed --split-multiallelic --force",
        "store export cohort.vcz --output some.bed --split-multiallelic --keep keep.txt",
        "store export cohort.vcz --output all.bgen",
        "store export cohort.vcz --output all.parquet",
        "store merge north.vcz south.vcz --output both.vcz",
        "store append north.vcz later.vcf",
        "store append south.vcz new.vcf --gvcf S0009.g.vcf",
        "store drop-samples both.vcz --samples S0001",
    ),
    (
        "qc cohort.vcz --output qc --threads 2",
        "qc cohort.vcz --output qc_some --keep keep.txt --maf 0.02",
        "qc cohort.vcz --output qc_all --sex cohort.fam --pedigree cohort.fam --batches more.tsv --groups more.tsv "
        "--phenotypes traits.tsv --trait case",
        "kinship cohort.vcz --output kinship.tsv --threads 2",
        "kinship cohort.vcz --output kinship_some.tsv --keep keep.txt",
        "ld-prune cohort.vcz --output pruned.prune.in",
        "ld-prune cohort.vcz --output pruned_some.prune.in --keep keep.txt --window-variants 50",
        "pca cohort.vcz --output pcs.tsv -k 4 --extract pruned.prune.in",
        "pca cohort.vcz --output pcs_some.tsv -k 4 --keep keep.txt",
        "pca cohort.vcz --output pcs_related.tsv -k 3 --unrelated",
        "grm cohort.vcz --output relations",
        "fst cohort.vcz --groups groups.tsv --output fst.tsv",
        "ancestry cohort.vcz --reference cohort.vcz --groups groups.tsv --output ancestry.tsv",
        "ld cohort.vcz --output pairs.tsv --d-prime",
        "ld-score cohort.vcz --output scores.tsv",
        "frequencies cohort.vcz --groups more.tsv --by batch --output frequencies.parquet",
        "spectrum cohort.vcz --groups more.tsv --by batch --output spectrum.tsv",
        "spectrum cohort.vcz --groups more.tsv --by batch --project 10 --output projected.tsv",
        "private cohort.vcz --groups more.tsv --by batch --output private",
    ),
    (
        "associate cohort.vcz --phenotypes traits.tsv --traits height,weight -o linear.parquet "
        "--covariates more.tsv --covariate-names age,batch",
        "associate cohort.vcz --phenotypes traits.tsv --traits height -o some.tsv --keep keep.txt",
        "associate cohort.vcz --phenotypes traits.tsv --traits height,same -o two.tsv",
        "associate cohort.vcz --phenotypes traits.tsv --traits case --model logistic -o l.tsv "
        "--covariates more.tsv --covariate-names age,batch",
        "associate cohort.vcz --phenotypes traits.tsv --traits case --model logistic --fit-all -o all.tsv",
        "associate cohort.vcz --phenotypes traits.tsv --traits case --model firth -o firth.tsv",
        "associate cohort.vcz --phenotypes traits.tsv --traits height -o other.tsv",
        "meta some.tsv other.tsv --output meta.tsv",
        "clump cohort.vcz --association some.tsv --p1 0.5 --p2 0.9 --output clumps.tsv",
        "gene-counts cohort.vcz --annotation genes.parquet --phenotypes traits.tsv --trait case -o genes.tsv",
    ),
    (
        "associate cohort.vcz --phenotypes traits.tsv --traits height --coding genotypic -o genotypic.tsv",
        "associate cohort.vcz --phenotypes traits.tsv --traits case --model logistic --coding genotypic -o terms.tsv",
        "associate cohort.vcz --phenotypes traits.tsv --traits height -o interaction.tsv "
        "--covariates more.tsv --covariate-names age --interaction age",
        "associate cohort.vcz --phenotypes traits.tsv --traits case --model logistic -o odds.tsv "
        "--covariates more.tsv --covariate-names age --interaction age",
        "associate cohort.vcz --phenotypes traits.tsv --traits height --dosage DS -o dosage.tsv",
        "associate cohort.vcz --phenotypes traits.tsv --traits case --model logistic --dosage DS -o dosages.tsv",
        "associate cohort.vcz --phenotypes traits.tsv --traits case --model spa -o spa.tsv",
        "associate cohort.vcz --phenotypes traits.tsv --traits height --permutations 20 -o permuted.tsv",
        "associate cohort.vcz --phenotypes traits.tsv --traits height --permutations 20 --adaptive -o adaptive.tsv",
    ),
)


def compile_everything(tell: Callable[[str, float], None] | None = None) -> tuple[float, list[str]]:
    """Run every command on a small cohort, on all processors; return seconds, and a sentence for each that failed.

    What was compiled before is not compiled again, and the machine code stays for every later process. When another
    process is at it, this one waits, and does nothing where all is done then.
    """
    from genomics_dc.cli.compiling_cohort import write_cohort
    from genomics_dc.kernels._cache import folders, is_complete, mark_complete
    from genomics_dc.kernels._first import nobody_waits

    nobody_waits()
    say = tell or (lambda _step, _share: None)
    start = time.monotonic()
    with _alone(folders()[1]) as waited, tempfile.TemporaryDirectory(prefix="genomics_dc_compile_") as folder:
        if waited and is_complete():
            return time.monotonic() - start, []
        write_cohort(Path(folder))
        say("compiling kernels", 0.0)
        # In other processes, all of it: who calls may hold Numba's lock, which threads of this one would wait for.
        with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("spawn")) as pool:
            failed = pool.submit(run_lines, FIRST, Path(folder)).result()
            jobs = [pool.submit(run_lines, lines, Path(folder)) for lines in GROUPS]
            for number, job in enumerate(jobs, start=1):
                failed += job.result()
                say("compiling kernels", number / len(jobs))
    mark_complete()
    return time.monotonic() - start, failed


@contextlib.contextmanager
def _alone(folder: Path | None) -> Iterator[bool]:
    """Hold off other processes that would compile into `folder`; give whether this one had to wait."""
    if folder is None:
        yield False
        return
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "wb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            waited = False
        except BlockingIOError:
            fcntl.flock(handle, fcntl.LOCK_EX)
            waited = True
        yield waited


def run_lines(lines: Sequence[str], folder: Path) -> list[str]:
    """Run command lines in a folder, in this process; return a sentence for each that failed."""
    from genomics_dc.cli.main import app
    from genomics_dc.errors import GenomicsError

    failed = []
    with contextlib.chdir(folder):
        for line in lines:
            quiet = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
            try:
                with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
                    code = app(shlex.split(line), standalone_mode=False)
                if code:
                    failed.append(f"genomics-dc {line}: exit status {code}")
            except GenomicsError as error:
                failed.append(f"genomics-dc {line}: {error}")
    return failed


def compile_before_first_use() -> None:
    """Say that the first command compiles, and compile for all of them, in other processes."""
    print(  # noqa: T201
        "genomics-dc: compiling for this processor, once for all commands; this takes a minute or two",
        file=sys.stderr,
        flush=True,
    )
    compile_everything()
