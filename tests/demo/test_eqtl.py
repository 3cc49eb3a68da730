"""The cis scan against the plain definition of each of its numbers."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genomics_dc.demo import eqtl
from genomics_dc.errors import InputError

RNG = np.random.default_rng(20)


def write_bed(path: Path, values: np.ndarray, starts: list[int], contigs: list[str]) -> Path:
    samples = [f"S{i}" for i in range(values.shape[1])]
    with gzip.open(path, "wt") as handle:
        handle.write("\t".join(["#chr", "start", "end", "gene", "length", "strand", *samples]) + "\n")
        for number, row in enumerate(values):
            cells = [contigs[number], str(starts[number]), str(starts[number] + 1), f"G{number}", "100", "+"]
            handle.write("\t".join([*cells, *(f"{value:.6f}" for value in row)]) + "\n")
    return path


def test_reads_expression(tmp_path: Path) -> None:
    values = RNG.normal(size=(3, 4))
    found = eqtl.read_expression(write_bed(tmp_path / "e.bed.gz", values, [10, 20, 30], ["chr1"] * 3))
    assert found.genes == ("G0", "G1", "G2")
    assert found.start_bp.tolist() == [11, 21, 31], "BED is zero-based, the result one-based"
    assert found.sample_ids == ("S0", "S1", "S2", "S3")
    np.testing.assert_allclose(found.values, values.T, atol=1e-6)


def test_refuses_two_contigs_and_text(tmp_path: Path) -> None:
    values = RNG.normal(size=(2, 3))
    with pytest.raises(InputError, match="one contig is expected"):
        eqtl.read_expression(write_bed(tmp_path / "e.bed.gz", values, [1, 2], ["chr1", "chr2"]))
    path = write_bed(tmp_path / "f.bed.gz", values, [1, 2], ["chr1", "chr1"])
    text = gzip.decompress(path.read_bytes()).decode().replace(f"{values[1, 2]:.6f}", "high")
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(InputError, match="not a number"):
        eqtl.read_expression(path)


def test_covariates_follow_the_samples(tmp_path: Path) -> None:
    path = tmp_path / "c.txt.gz"
    path.write_bytes(gzip.compress(b"SampleID A B C\n/data/x/PC1 1 2 3\n/data/x/PC2 4 5 6\n"))
    names, values = eqtl.read_covariates(path, ("C", "A"))
    assert names == ("PC1", "PC2")
    assert values.tolist() == [[3, 6], [1, 4]]
    with pytest.raises(InputError, match="no covariates for sample D"):
        eqtl.read_covariates(path, ("A", "D"))


def test_normal_scores_keep_order_and_have_no_tail() -> None:
    scores = eqtl.normal_scores(np.array([[1.0], [1000.0], [2.0], [3.0]]))[:, 0]
    assert np.argsort(scores).tolist() == [0, 2, 3, 1]
    assert scores.sum() == pytest.approx(0, abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_q_values_by_definition(p_values: list[float]) -> None:
    """Benjamini and Hochberg: the smallest rate at which each hypothesis is rejected."""
    p = np.array(p_values)
    order = np.sort(p)
    expected = [min(min(1.0, order[k] * len(p) / (k + 1)) for k in range(len(p)) if order[k] >= one) for one in p]
    np.testing.assert_allclose(eqtl.benjamini_hochberg(p), expected, rtol=1e-12)


def test_scan_agrees_with_least_squares_one_by_one(tmp_path: Path) -> None:
    from genomics_dc.analyses.view import open_store
    from genomics_dc.store import build_store

    n_samples, n_variants = 40, 60
    dosage = RNG.integers(0, 3, size=(n_variants, n_samples))
    dosage[5, 3] = -1
    positions = np.arange(n_variants) * 50_000 + 1
    text = {0: "0/0", 1: "0/1", 2: "1/1", -1: "./."}
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=1,length=249250621>"]
    lines += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    samples = [f"S{i}" for i in range(n_samples)]
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]))
    for position, row in zip(positions, dosage, strict=True):
        cells = ["1", str(position), ".", "A", "G", ".", "PASS", ".", "GT", *(text[int(one)] for one in row)]
        lines.append("\t".join(cells))
    vcf = tmp_path / "c.vcf"
    vcf.write_text("\n".join(lines) + "\n")
    build_store(vcf, tmp_path / "c.vcz", workers=1)
    expression = eqtl.Expression(
        ("G0", "G1"),
        "1",
        np.array([1_000_001, 2_900_000]),
        ("+", "-"),
        tuple(reversed(samples)),
        RNG.normal(size=(n_samples, 2)),
    )
    covariates = RNG.normal(size=(n_samples, 3))
    scan = eqtl.cis_scan(
        open_store(tmp_path / "c.vcz"), expression, covariates, inputs={"vcf": vcf}, reported_neg_log10_p=0.0
    )
    traits = eqtl.normal_scores(expression.values)
    rows = {(row["gene"], row["base_pair_location"]): row for row in scan.associations.table.to_pylist()}
    expected_pairs = 0
    for gene, start in enumerate(expression.start_bp):
        for number, position in enumerate(positions):
            if abs(int(position) - int(start)) > eqtl.CIS_WINDOW_BP:
                assert (f"G{gene}", position) not in rows
                continue
            expected_pairs += 1
            x = dosage[number, ::-1].astype(float)
            kept = x >= 0
            design = np.column_stack([np.ones(kept.sum()), covariates[kept], x[kept]])
            beta = np.linalg.lstsq(design, traits[kept, gene], rcond=None)[0]
            residual = traits[kept, gene] - design @ beta
            variance = residual @ residual / (kept.sum() - design.shape[1])
            error = np.sqrt(variance * np.linalg.inv(design.T @ design)[-1, -1])
            row = rows[f"G{gene}", int(position)]
            assert row["beta"] == pytest.approx(beta[-1], rel=1e-9)
            assert row["standard_error"] == pytest.approx(error, rel=1e-9)
            assert row["n"] == kept.sum()
    assert len(rows) == expected_pairs == len(scan.neg_log10_p)
    for gene in scan.genes.table.to_pylist():
        own = [row for row in rows.values() if row["gene"] == gene["gene"]]
        assert gene["n_variants"] == len(own)
        assert gene["neg_log_10_p_value"] == max(row["neg_log_10_p_value"] for row in own)
        assert gene["gene_p_value"] == pytest.approx(min(1, 10 ** -gene["neg_log_10_p_value"] * len(own)))
