"""GWAS-SSF: what the standard asks of rows, columns and metadata, by its own rules; and by `gwas-ssf` where it is."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml

from genomics_dc.analyses.association_result import AssociationResult
from genomics_dc.errors import InputError, OutputExistsError, UsageError
from genomics_dc.provenance import Provenance

MANDATORY = [
    "chromosome", "base_pair_location", "effect_allele", "other_allele", "beta", "standard_error",
    "effect_allele_frequency", "p_value",
]  # fmt: skip


def result_of(rows, *, model="linear"):
    """A result of one trait: rows of (chromosome, position, effect, other, beta, se, frequency, -log10 p, id)."""
    names = ["chromosome", "base_pair_location", "effect_allele", "other_allele", "beta", "standard_error"]
    names += ["effect_allele_frequency", "neg_log_10_p_value", "variant_id"]
    table = pa.Table.from_pandas(pd.DataFrame(rows, columns=names), preserve_index=False)
    n = len(table)
    table = table.append_column("n", pa.array([500] * n, pa.int32())).append_column("trait", pa.array(["bmi"] * n))
    table = table.append_column("p_value", pa.array([0.5] * n))
    parameters = {
        "traits": ["bmi"],
        "model": model,
        "tests": ["ADD"],
        "notes": [],
        "n_variants": n,
        "samples_by_trait": {"bmi": 500},
        "covariates": ["age"],
    }
    return AssociationResult(table, Provenance("associate", parameters=parameters))


ROWS = [
    ("X", 50, "A", "G", 0.1, 0.05, 0.2, 3.0, "rs9"),
    ("chr2", 70, "T", "C", -0.1, 0.05, 0.4, 400.5, "2:70:C:T"),
    ("2", 20, "A", "G", None, None, 0.0, None, "rs1"),
    ("2", 10, "GA", "G", 0.3, 0.05, 0.6, 7.25, "rs2"),
    ("2", 30, "<DEL>", "G", 0.3, 0.05, 0.6, 7.25, "rs3"),
    ("2", 40, "A", "G,T", 0.3, 0.05, 0.6, 7.25, "rs4"),
    ("GL000191.1", 40, "A", "G", 0.3, 0.05, 0.6, 7.25, "rs5"),
]


def test_rows_columns_and_order(tmp_path):
    written = result_of(ROWS).to_gwas_ssf(tmp_path / "bmi.tsv", assembly="GRCh38")
    assert [path.name for path in written] == ["bmi.tsv", "bmi.tsv-meta.yaml"]
    table = pd.read_csv(written[0], sep="\t", dtype=str, keep_default_na=False)
    assert table.columns.tolist() == [*MANDATORY, "variant_id", "rsid", "n"]
    assert table["chromosome"].tolist() == ["2", "2", "23"]
    assert table["base_pair_location"].tolist() == ["10", "70", "50"]
    assert table["variant_id"].tolist() == ["2_10_G_GA", "2_70_C_T", "23_50_G_A"]
    assert table["rsid"].tolist() == ["rs2", "#NA", "rs9"]
    assert table["p_value"].tolist()[1] == "3.16227766e-401"
    assert float(table["p_value"][0]) == pytest.approx(10**-7.25, rel=1e-15)


def test_metadata(tmp_path):
    data, beside = result_of(ROWS, model="logistic").to_gwas_ssf(
        tmp_path / "bmi.tsv.gz",
        assembly="GRCh38",
        modified=date(2026, 1, 2),
        metadata={"trait_description": ["body mass index"], "sex": "combined"},
    )
    facts = yaml.safe_load(beside.read_text())
    assert facts["data_file_md5sum"] == hashlib.md5(data.read_bytes()).hexdigest()
    assert facts["data_file_name"] == "bmi.tsv.gz"
    assert facts["date_metadata_last_modified"] == date(2026, 1, 2)
    assert facts["trait_description"] == ["body mass index"]
    assert facts["file_type"] == "GWAS-SSF v1.0"
    assert facts["samples"] == [{"sample_size": 500, "case_control_study": True}]
    assert facts["adjusted_covariates"] == ["age"]
    assert facts["author_notes"] == (
        "rows left out: 1 without an estimate, 2 with alleles that are no bases, 1 on other contigs"
    )
    again = result_of(ROWS, model="logistic").to_gwas_ssf(tmp_path / "again.tsv.gz", assembly="GRCh38")[0]
    assert again.read_bytes() == data.read_bytes()
    assert gzip.decompress(data.read_bytes()).startswith(b"chromosome\t")


def test_what_cannot_be_written_is_one_sentence(tmp_path):
    result = result_of(ROWS)
    with pytest.raises(UsageError, match=r"ends with \.tsv or \.tsv\.gz"):
        result.to_gwas_ssf(tmp_path / "x.parquet", assembly="GRCh38")
    with pytest.raises(InputError, match="names the genome build, and the store does not say it"):
        result.to_gwas_ssf(tmp_path / "x.tsv")
    with pytest.raises(InputError, match="GWAS-SSF has nothing to hold"):
        result_of(ROWS[2:3]).to_gwas_ssf(tmp_path / "x.tsv", assembly="GRCh38")
    (tmp_path / "x.tsv-meta.yaml").write_text("")
    with pytest.raises(OutputExistsError):
        result.to_gwas_ssf(tmp_path / "x.tsv", assembly="GRCh38")
    assert not (tmp_path / "x.tsv").exists()


def test_the_validator_of_the_gwas_catalog(program, tmp_path):
    validate = program("gwas-ssf")
    random = np.random.default_rng(2)
    rows = [
        (
            str(chromosome) if chromosome < 23 else "X",
            100 * k,
            "A",
            "G",
            random.normal(),
            0.1,
            0.3,
            random.uniform(0, 500),
            f"rs{k}",
        )
        for chromosome in range(1, 24)
        for k in range(1, 20)
    ]
    data, _ = result_of(rows).to_gwas_ssf(tmp_path / "bmi.tsv.gz", assembly="GRCh38")
    done = subprocess.run([validate, "validate", str(data), "-m", "0"], capture_output=True, text=True, check=False)
    assert "Validation status: True" in done.stdout, done.stdout
