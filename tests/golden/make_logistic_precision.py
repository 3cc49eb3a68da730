"""Make `logistic_precision.tsv` and `logistic_precision.answers.tsv`: needs plink2 and mpmath.

    python tests/golden/make_logistic_precision.py

Eight variants of 200 people with three covariates, tested by `plink2 --glm` and by Newton's method in 60 decimal digits
(mpmath), whose answer has 20 correct digits.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import mpmath
import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
N, VARIANTS = 200, 8


def newton(rows, cases):
    """Coefficient, standard error and p of the last column, as text of 20 digits."""
    size = rows.shape[1]
    x = mpmath.matrix(rows.tolist())
    beta = mpmath.zeros(size, 1)
    for _ in range(60):
        score, information = mpmath.zeros(size, 1), mpmath.zeros(size, size)
        for s in range(rows.shape[0]):
            p = 1 / (1 + mpmath.exp(-sum(x[s, i] * beta[i] for i in range(size))))
            for i in range(size):
                score[i] += x[s, i] * (cases[s] - p)
                for k in range(size):
                    information[i, k] += x[s, i] * x[s, k] * p * (1 - p)
        step = mpmath.lu_solve(information, score)
        beta += step
        if max(abs(value) for value in step) < mpmath.mpf(10) ** -45:
            break
    error = mpmath.sqrt((information**-1)[size - 1, size - 1])
    p = mpmath.erfc(abs(beta[size - 1]) / error / mpmath.sqrt(2))
    return [mpmath.nstr(value, 20) for value in (beta[size - 1], error, p)]


def main():
    """Write both files."""
    mpmath.mp.dps = 60
    rng = np.random.default_rng(20)
    people = pd.DataFrame({"age": rng.normal(50, 9, N).round(1), "pc1": rng.normal(size=N).round(3)})
    people["sex"] = rng.integers(1, 3, N)
    genotypes = rng.binomial(2, rng.uniform(0.1, 0.5, VARIANTS), (N, VARIANTS))
    eta = 0.8 * (genotypes[:, 0] - 0.7) - 0.9 * genotypes[:, 1] + 0.03 * (people["age"] - 50)
    people["case"] = (rng.random(N) < 1 / (1 + np.exp(-eta))).astype(int)
    names = [f"v{number}" for number in range(VARIANTS)]
    people[names] = genotypes
    people.insert(0, "#IID", [f"s{number}" for number in range(N)])
    people.to_csv(HERE / "logistic_precision.tsv", sep="\t", index=False)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        head = ["##fileformat=VCFv4.2", "##contig=<ID=1>", '##FORMAT=<ID=GT,Number=1,Type=String,Description="G">']
        head.append(
            "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *people["#IID"]])
        )
        calls = ("0/0", "0/1", "1/1")
        for number, variant in enumerate(names):
            cells = [calls[g] for g in people[variant]]
            head.append("\t".join(["1", str(100 + number), variant, "A", "C", ".", "PASS", ".", "GT", *cells]))
        (folder / "g.vcf").write_text("\n".join(head) + "\n")
        people[["#IID", "age", "pc1", "sex"]].to_csv(folder / "v.tsv", sep="\t", index=False)
        people[["#IID"]].assign(case=people["case"] + 1).to_csv(folder / "p.tsv", sep="\t", index=False)
        words = ["plink2", "--vcf", "g.vcf", "--pheno", "p.tsv", "--covar", "v.tsv", "--glm", "hide-covar", "omit-ref"]
        subprocess.run([*words, "--out", "o"], cwd=folder, check=True, capture_output=True)
        theirs = pd.read_csv(folder / "o.case.glm.logistic.hybrid", sep="\t", dtype=str).set_index("ID")
    rows = []
    for variant in names:
        x = people[["age", "pc1", "sex", variant]].to_numpy(dtype=float)
        exact = newton(np.column_stack([np.ones(N), x]), people["case"].tolist())
        one = theirs.loc[variant]
        rows.append([variant, one["OR"], one["LOG(OR)_SE"], one["P"], *exact])
    columns = ["variant", "plink2_or", "plink2_se", "plink2_p", "exact_beta", "exact_se", "exact_p"]
    pd.DataFrame(rows, columns=columns).to_csv(HERE / "logistic_precision.answers.tsv", sep="\t", index=False)


if __name__ == "__main__":
    main()
