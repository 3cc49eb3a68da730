"""Make `logistic_hail.tsv`: what Hail answers on its own test data; needs hail and a JDK.

    python tests/golden/make_logistic_hail.py SHARED_DATA

`regressionLogisticEpacts`: 2,535 people of the 1000 Genomes, five sites of chromosome 22; is_case against genotype, sex
and two principal components, by Hail's Wald, Firth and score tests; and linear regression of the same trait.
"""

from __future__ import annotations

import sys
from pathlib import Path

import hail as hl
import pandas as pd

HERE = Path(__file__).resolve().parent


def main():
    """Write the file."""
    folder = Path(sys.argv[1]) / "assoc_hail_golden"
    hl.init(quiet=True, master="local[1]", log="/dev/null")
    people = hl.import_fam(str(folder / "regressionLogisticEpacts.fam"))
    components = hl.import_table(str(folder / "regressionLogisticEpacts.cov"), impute=True, key="IND_ID")
    data = hl.import_vcf(str(folder / "regressionLogisticEpacts.vcf"), reference_genome="GRCh37")
    data = data.annotate_cols(**people[data.s], pc=components[data.s])
    covariates = [1.0, hl.float(data.is_female), data.pc.PC1, data.pc.PC2]
    y, x = hl.float(data.is_case), data.GT.n_alt_alleles()
    found = []
    for test in ("wald", "firth", "score"):
        table = hl.logistic_regression_rows(test, y=y, x=x, covariates=covariates, max_iterations=100, tolerance=1e-10)
        fields = {"beta": table.beta if test != "score" else hl.missing("float64"), "p_value": table.p_value}
        found += [[row.locus.position, test, row.beta, row.p_value] for row in table.select(**fields).collect()]
    table = hl.linear_regression_rows(y=y, x=x, covariates=covariates)
    found += [[row.locus.position, "linear", row.beta, row.p_value] for row in table.collect()]
    pd.DataFrame(found, columns=["position", "test", "beta", "p_value"]).to_csv(
        HERE / "logistic_hail.tsv", sep="\t", index=False, na_rep="NA"
    )


if __name__ == "__main__":
    main()
