"""Meta-analysis against `plink --meta-analysis` (1.9) on the same tables: equal to its printed digits."""

from __future__ import annotations

import subprocess

import numpy as np
import pandas as pd

from genomics_dc.analyses.meta import meta

# PLINK prints four significant digits: half a unit of the last is at most 5e-4 of the number.
PRINTED = {"rtol": 5.1e-4, "atol": 5.1e-5}


def test_plink_meta_analysis(program, tmp_path):
    random = np.random.default_rng(8)
    n_variants = 400
    bases = np.array(list("ACGT"))
    pairs = np.array([random.permutation(4)[:2] for _ in range(n_variants)])
    effects = random.normal(0, 0.1, n_variants)
    tables, names = [], []
    for number in range(4):
        turned = (random.random(n_variants) < 0.3) & (number > 0)
        first = bases[np.where(turned, pairs[:, 1], pairs[:, 0])]
        second = bases[np.where(turned, pairs[:, 0], pairs[:, 1])]
        error = random.uniform(0.03, 0.2, n_variants)
        beta = (effects + random.normal(0, 0.08, n_variants) + random.normal(0, 1, n_variants) * error) * np.where(
            turned, -1, 1
        )
        frame = pd.DataFrame(
            {
                "SNP": [f"rs{k}" for k in range(n_variants)],
                "CHR": 1 + np.arange(n_variants) // 200,
                "BP": 100 + 10 * np.arange(n_variants),
                "A1": first,
                "A2": second,
                "P": 10.0 ** -random.uniform(0.1, 3, n_variants),
                "BETA": beta,
                "SE": error,
                "NMISS": random.integers(500, 5000, n_variants),
            }
        )
        frame = frame[random.random(n_variants) < 0.9]
        frame.to_csv(tmp_path / f"s{number}.qassoc", sep=" ", index=False)
        names.append(f"s{number}.qassoc")
        tables.append(
            frame.rename(
                columns={
                    "SNP": "variant_id",
                    "CHR": "chromosome",
                    "BP": "base_pair_location",
                    "A1": "effect_allele",
                    "A2": "other_allele",
                    "BETA": "beta",
                    "SE": "standard_error",
                }
            )
        )
    words = ["--meta-analysis", *names, "+", "qt", "report-all", "--out", "m"]
    subprocess.run([program("plink1.9"), *words], cwd=tmp_path, check=True, capture_output=True)
    theirs = pd.read_csv(tmp_path / "m.meta", sep=r"\s+").set_index("SNP")
    theirs = theirs[theirs["N"] > 1]
    ours = meta(tables, same_strand=True).to_pandas().set_index("variant_id").loc[theirs.index]
    sign = np.where(ours["effect_allele"] == theirs["A1"], 1, -1)
    assert len(theirs) > 350
    assert (ours["n_studies"] == theirs["N"]).all()
    for column, printed in (
        (ours["p_value"], "P"),
        (ours["p_value_random"], "P(R)"),
        (ours["beta"] * sign, "BETA"),
        (ours["beta_random"] * sign, "BETA(R)"),
        (ours["p_heterogeneity"], "Q"),
    ):
        np.testing.assert_allclose(column, theirs[printed], err_msg=printed, **PRINTED)
    np.testing.assert_allclose(100 * ours["i_squared"], theirs["I"], atol=5.1e-3, rtol=5.1e-5)
