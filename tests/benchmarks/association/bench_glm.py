"""Linear regression paired with `plink2 --glm` on GEUVADIS: run by hand, prints ratios, asserts nothing about time.

    python tests/benchmarks/association/bench_glm.py [--traits 1,20] [--rounds 5] [--threads 2]

Each round runs, back to back on the same machine: the whole `plink2` command on its own .pgen; our whole command on a
store; and the call in a running Python, store read from disk and result written included. The median of each and the
ratio of the medians are printed; a ratio above 1 means that we are faster. Answers of the last round are compared too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from genomics_dc.analyses.view import open_store
from genomics_dc.store import build_store

DATA = Path(os.environ.get("GENOMICS_DC_SHARED_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))


def timed(call):
    """Seconds that `call` takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def command(*words):
    """Run a program, quietly; its failure is ours."""
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def compare(result, folder, traits):
    """Largest relative difference of beta, standard error and p from what plink2 printed."""
    worst = {"beta": 0.0, "standard error": 0.0, "p": 0.0}
    for name in traits:
        theirs = pd.read_csv(folder / f"plink.{name}.glm.linear", sep="\t")
        ours = result.of_trait(name).to_pandas()
        tested = theirs["P"].notna().to_numpy()
        sign = np.where(theirs["A1"] == ours["effect_allele"], 1, -1)
        for key, found, printed in (
            ("beta", ours["beta"] * sign, theirs["BETA"]),
            ("standard error", ours["standard_error"], theirs["SE"]),
            ("p", ours["p_value"], theirs["P"]),
        ):
            gap = np.abs(found[tested] / printed[tested] - 1)
            worst[key] = max(worst[key], float(gap[np.isfinite(gap)].max()))
    return worst


def main():
    """Print one table row per number of traits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traits", default="1,20", help="numbers of traits, comma-separated")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--store", type=Path, help="a store of the GEUVADIS VCF; built first when not given")
    options = parser.parse_args()
    source = DATA / "cohort_geuvadis_eqtl"
    phenotypes, covariates = source / "expression.tsv.gz", source / "covariates.tsv"
    genes = pd.read_csv(phenotypes, sep="\t", nrows=0).columns[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vcf = source / "geuvadis.358.chr22_16-27Mb.vcf.gz"
        store = options.store or folder / "g.vcz"
        if options.store is None:
            build_store(vcf, store)
        command("plink2", "--vcf", vcf, "--make-pgen", "--out", folder / "g")
        plain = folder / "expression.tsv"
        pd.read_csv(phenotypes, sep="\t").to_csv(plain, sep="\t", index=False)
        print(  # noqa: T201
            "traits  plink2 s  command s  in process s  plink2/command  plink2/in process  largest relative difference"
        )
        for count in map(int, options.traits.split(",")):
            traits = list(genes[:count])
            listed = ",".join(traits)
            seconds = {"plink2": [], "command": [], "call": []}
            results = []

            def theirs(listed=listed):
                words = ["--pheno", plain, "--pheno-name", listed, "--covar", covariates, "--glm", "hide-covar"]
                words += ["--vif", "1e9", "--threads", options.threads, "--out", folder / "plink"]
                command("plink2", "--pfile", folder / "g", *words)

            def whole(listed=listed):
                words = ["associate", store, "--phenotypes", plain, "--traits", listed, "--covariates", covariates]
                words += ["--threads", options.threads, "--output", folder / "r.parquet", "--force"]
                command(sys.executable, "-m", "genomics_dc.cli.main", *words)

            def call(traits=traits, results=results):
                view = open_store(store)
                found = view.associate(plain, traits=traits, covariates=covariates, threads=options.threads)
                found.write(folder / "r.parquet", force=True)
                results[:] = [found]

            call()  # compiled code is loaded once, as in a notebook
            for _ in range(options.rounds):
                seconds["plink2"].append(timed(theirs))
                seconds["command"].append(timed(whole))
                seconds["call"].append(timed(call))
            middle = {key: statistics.median(values) for key, values in seconds.items()}
            worst = compare(results[0], folder, traits)
            print(  # noqa: T201
                f"{count:6d} {middle['plink2']:9.2f} {middle['command']:10.2f} {middle['call']:13.2f} "
                f"{middle['plink2'] / middle['command']:15.2f} {middle['plink2'] / middle['call']:18.2f}  "
                + ", ".join(f"{key} {value:.1e}" for key, value in worst.items())
            )


if __name__ == "__main__":
    main()
