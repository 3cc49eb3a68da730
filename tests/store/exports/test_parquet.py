"""Parquet in long form against the VCF's own text."""

import pyarrow.parquet as pq
import pysam

from genomics_dc.results import PROVENANCE_KEY
from genomics_dc.store import StoreView, build_store, export_view
from genomics_dc.store.exports import parquet
from tests.builders import write_vcf


def plain_rows(vcf):
    """Every call of a VCF as the long form should have it, read as text."""
    with pysam.BGZFile(str(vcf)) as handle:
        lines = [line.decode() for line in handle]
    names = None
    for line in lines:
        if line.startswith("#CHROM"):
            names = line.split("\t")[9:]
        if line.startswith("#"):
            continue
        contig, position, name, ref, alt, quality, filters, _, _, *calls = line.split("\t")
        for sample, call in zip(names, calls, strict=True):
            gt, dp, ad, gq, ft = call.split(":")
            alleles = gt.replace("|", "/").split("/")
            missing = "." in alleles
            yield {
                "contig": contig,
                "position": int(position),
                "variant_id": None if name == "." else name,
                "ref": ref,
                "alt": None if alt == "." else alt,
                "quality": float(quality),
                "filters": filters,
                "sample_id": sample,
                "genotype": gt if gt.strip("./|") else None,
                "phased": "|" in gt,
                "dosage": None if missing else alleles.count("1") * (2 if len(alleles) == 1 else 1),
                "AD": None if ad == "." else [int(depth) for depth in ad.split(",")],
                "DP": int(dp),
                "FT": ft,
                "GQ": float(gq),
            }


def test_every_call_is_a_row(many_alleles, tmp_path, monkeypatch):
    vcf, view = many_alleles
    monkeypatch.setattr(parquet, "_ROWS_PER_GROUP", 13 * 70)
    written = export_view(view, tmp_path / "x.parquet")
    assert written.n_variants == 300
    table = pq.read_table(tmp_path / "x.parquet")
    expected = list(plain_rows(vcf))
    assert table.num_rows == len(expected) == 300 * 13
    got = table.to_pylist()
    for row in got:
        # one that has no phase in the VCF may be told as phased where it has one allele or none
        row["phased"] = row["phased"] and "|" in (row["genotype"] or "")
    for row in expected:
        row["phased"] = row["phased"] and row["genotype"] is not None
    assert [set(row) for row in got[:1]] == [set(row) for row in expected[:1]]
    assert got == expected
    groups = pq.ParquetFile(tmp_path / "x.parquet").metadata
    assert groups.num_row_groups == 5
    assert groups.row_group(0).column(0).compression == "ZSTD"
    assert view.store_hash.encode() in table.schema.metadata[PROVENANCE_KEY]


def test_a_slice_and_the_same_bytes_again(many_alleles, tmp_path):
    _, view = many_alleles
    chosen = view.region("2").samples(["S3", "S1"]).variants(filters="PASS")
    export_view(chosen, tmp_path / "x.parquet")
    export_view(chosen, tmp_path / "y.parquet")
    assert (tmp_path / "x.parquet").read_bytes() == (tmp_path / "y.parquet").read_bytes()
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.num_rows == 2 * chosen.n_variants > 0
    assert table["sample_id"].to_pylist()[:2] == ["S3", "S1"]
    assert set(table["contig"].to_pylist()) == {"2"}


def test_no_variants_and_no_samples(two_alleles, tmp_path):
    _, view = two_alleles
    export_view(view.variants(index=[]), tmp_path / "a.parquet")
    export_view(view.samples([]), tmp_path / "b.parquet")
    vcf = write_vcf(tmp_path / "in.vcf", ["1 10 . A G . . ."], samples=())
    build_store(vcf, tmp_path / "in.vcz")
    export_view(StoreView.open(tmp_path / "in.vcz"), tmp_path / "c.parquet")
    for name in "abc":
        table = pq.read_table(tmp_path / f"{name}.parquet")
        assert table.num_rows == 0
        assert "sample_id" in table.column_names
