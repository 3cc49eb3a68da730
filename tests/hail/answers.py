"""What Hail says: one pandas frame for each question, rows in Hail's order. Needs Hail."""

from __future__ import annotations

import hail as hl
import pandas as pd

from tests.hail.cohorts import CASE, COMPONENTS, COVARIATES, TRAITS

SITE = ["position", "ref", "alt"]


def frame(table) -> pd.DataFrame:
    """The rows of a table without going through Spark's own frames."""
    return pd.DataFrame([dict(row) for row in table.collect()])


def sites(table):
    """The expressions of one variant's place; where several ALT alleles are, joined by commas."""
    return {
        "position": table.locus.position,
        "ref": table.alleles[0],
        "alt": hl.delimit(table.alleles[1:], ","),
    }


def variant_qc(mt) -> pd.DataFrame:
    """Counts, frequencies and Hardy-Weinberg of each variant."""
    rows = hl.variant_qc(mt).rows()
    qc = rows.variant_qc
    return frame(
        rows.select(
            **sites(rows),
            AC=hl.delimit(qc.AC[1:].map(hl.str), ","),
            AN=qc.AN,
            AF=hl.sum(qc.AF[1:]),
            hom_ref=qc.homozygote_count[0],
            n_called=qc.n_called,
            n_not_called=qc.n_not_called,
            call_rate=qc.call_rate,
            p_value_hwe=qc.p_value_hwe,
        )
        .key_by()
        .drop("locus", "alleles")
    )


def sample_qc(mt) -> pd.DataFrame:
    """What each sample carries.

    Hail's own numbers of transitions, insertions and so on count both copies of a homozygous call; `carried_*` are
    asked of its functions with a call counted once for each ALT allele in it, as PLINK 2 and we count.
    """
    carried = hl.set([mt.GT[0], mt.GT[1]]).filter(lambda allele: allele > 0)
    kinds = {
        "transitions": hl.is_transition,
        "transversions": hl.is_transversion,
        "insertions": hl.is_insertion,
        "deletions": hl.is_deletion,
    }
    mt = mt.annotate_cols(
        **{
            f"carried_{name}": hl.agg.sum(hl.len(carried.filter(lambda a, of=of: of(mt.alleles[0], mt.alleles[a]))))
            for name, of in kinds.items()
        }
    )
    columns = hl.sample_qc(mt).cols()
    qc = columns.sample_qc
    wanted = {
        name: qc[name]
        for name in (
            *("n_called", "n_not_called", "call_rate", "n_hom_ref", "n_het", "n_hom_var", "n_singleton"),
            "r_het_hom_var",
        )
    }
    wanted |= {f"carried_{name}": columns[f"carried_{name}"] for name in kinds}
    wanted |= {f"{name}_mean": qc[f"{name}_stats"].mean for name in ("dp", "gq") if f"{name}_stats" in qc}
    return frame(columns.select(**wanted))


def with_phenotypes(mt, table: pd.DataFrame):
    """The traits and covariates as the column field `pheno`."""
    names = [*TRAITS, CASE, *COVARIATES]
    rows = [
        {"s": row["sample_id"], **{name: None if pd.isna(row[name]) else float(row[name]) for name in names}}
        for row in table.to_dict("records")
    ]
    schema = hl.tstruct(s=hl.tstr, **dict.fromkeys(names, hl.tfloat64))
    return mt.annotate_cols(pheno=hl.Table.parallelize(rows, schema, key="s")[mt.s])


def linear(mt) -> pd.DataFrame:
    """Least squares of each trait; every trait over the people who have it."""
    covariates = [1.0, *(mt.pheno[name] for name in COVARIATES)]
    found = hl.linear_regression_rows(
        y=[[mt.pheno[name]] for name in TRAITS], x=mt.GT.n_alt_alleles(), covariates=covariates
    )
    parts = []
    for number, name in enumerate(TRAITS):
        parts.append(
            frame(
                found.select(
                    **sites(found),
                    trait=name,
                    n=found.n[number],
                    beta=found.beta[number][0],
                    standard_error=found.standard_error[number][0],
                    p_value=found.p_value[number][0],
                )
                .key_by()
                .drop("locus", "alleles")
            )
        )
    return pd.concat(parts, ignore_index=True)


def logistic(mt) -> pd.DataFrame:
    """Wald's test of the case status."""
    covariates = [1.0, *(mt.pheno[name] for name in COVARIATES)]
    found = hl.logistic_regression_rows(
        test="wald", y=mt.pheno[CASE], x=mt.GT.n_alt_alleles(), covariates=covariates, tolerance=1e-10
    )
    return frame(
        found.select(
            **sites(found),
            beta=found.beta,
            standard_error=found.standard_error,
            p_value=found.p_value,
            converged=found.fit.converged,
        )
        .key_by()
        .drop("locus", "alleles")
    )


def pca(mt) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Eigenvalues, and the scores of each sample."""
    values, scores, _ = hl.hwe_normalized_pca(mt.GT, k=COMPONENTS)
    rows = [{"s": row.s, **{f"PC{j + 1}": value for j, value in enumerate(row.scores)}} for row in scores.collect()]
    return pd.DataFrame({"eigenvalue": values}), pd.DataFrame(rows)


def king(mt) -> pd.DataFrame:
    """Kinship of each pair, once."""
    pairs = hl.king(mt.GT).entries()
    return frame(pairs.filter(pairs.s_1 < pairs.s).key_by().select("s_1", "s", "phi"))
