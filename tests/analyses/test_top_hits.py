"""Nearest genes, top hits, locus plots and the page: hand-worked, and what clumping and LD say by themselves."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

import genomics_dc as gdc
from genomics_dc.analyses.nearest_gene import GeneSpans, NearestGene
from genomics_dc.analyses.top_hits import locus
from genomics_dc.errors import InputError, OutputExistsError, UsageError
from genomics_dc.reference.genes import read_genes
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf

GFF = """##gff-version 3
chr20\tx\tgene\t1000200\t1000300\t.\t+\t.\tID=gene:G1;Name=FWD
chr20\tx\tmRNA\t1000200\t1000300\t.\t+\t.\tID=transcript:T1;Parent=gene:G1;biotype=protein_coding
chr20\tx\texon\t1000200\t1000300\t.\t+\t.\tParent=transcript:T1
chr20\tx\tCDS\t1000210\t1000239\t.\t+\t0\tParent=transcript:T1
chr20\tx\tgene\t1000280\t1000400\t.\t-\t.\tID=gene:G2;Name=REV
chr20\tx\tmRNA\t1000280\t1000350\t.\t-\t.\tID=transcript:T2;Parent=gene:G2;biotype=lncRNA
chr20\tx\texon\t1000280\t1000350\t.\t-\t.\tParent=transcript:T2
chr20\tx\tmRNA\t1000330\t1000400\t.\t-\t.\tID=transcript:T3;Parent=gene:G2;biotype=lncRNA
chr20\tx\texon\t1000330\t1000400\t.\t-\t.\tParent=transcript:T3
"""


@pytest.fixture(scope="module")
def genes(tmp_path_factory):
    path = tmp_path_factory.mktemp("gff") / "g.gff3"
    path.write_text(GFF)
    return path


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A cohort of which variant v40 makes the trait; v41 is its twin."""
    folder = tmp_path_factory.mktemp("hits")
    vcf = write_cohort_vcf(folder / "c.vcf", n_samples=300, n_variants=120, seed=12, missing_rate=0.0)
    lines = vcf.read_text().splitlines()
    row = next(k for k, line in enumerate(lines) if "\tv40\t" in line)
    random = np.random.default_rng(1)
    calls = random.choice(["0/0", "0/1", "1/1"], 300, p=[0.49, 0.42, 0.09])
    twin = np.where(random.random(300) < 0.2, "0/0", calls)
    for number, values in ((row, calls), (row + 1, twin)):
        cells = lines[number].split("\t")
        lines[number] = "\t".join([*cells[:9], *(f"{call}" for call in values)]).replace("GT:DP:GQ", "GT")
    vcf.write_text("\n".join(lines) + "\n")
    build_store(vcf, folder / "c.vcz")
    view = gdc.open_store(folder / "c.vcz")
    copies = np.array([call.count("1") for call in calls])
    ids = [str(name) for name in view.sample_ids]
    frame = pd.DataFrame({"IID": ids, "hba1c": copies + random.normal(size=300), "null": random.normal(size=300)})
    return view.associate(frame, traits=["hba1c", "null"]), frame


def test_distance_and_side_of_the_nearest_gene(genes):
    spans = GeneSpans(read_genes(genes))
    assert spans.nearest("20", 1000190) == NearestGene("FWD", 10, "upstream")
    assert spans.nearest("20", 1000200) == NearestGene("FWD", 0, "within")
    assert spans.nearest("chr20", 1000290) == NearestGene("FWD,REV", 0, "within")
    assert spans.nearest("20", 1000400) == NearestGene("REV", 0, "within")
    assert spans.nearest("20", 1000405) == NearestGene("REV", 5, "upstream")
    assert spans.nearest("21", 5) is None
    assert spans.columns([("20", 1), ("21", 1)])["gene_side"] == ["upstream", None]


def test_a_gene_on_the_other_strand_has_its_downstream_before_it(tmp_path):
    path = tmp_path / "g.gff3"
    path.write_text(GFF.replace("\t+\t", "\t-\t"))
    assert GeneSpans(read_genes(path)).nearest("20", 1000150) == NearestGene("FWD", 50, "downstream")


def test_top_hits_are_the_clumps_with_their_rows(scan, genes):
    result, _ = scan
    hits = result.top_hits(trait="hba1c", genes=genes)
    first = hits.table.to_pylist()[0]
    one = result.of_trait("hba1c").top(1).table.to_pylist()[0]
    assert first["variant_id"] == "v40"
    assert {name: first[name] for name in one} == one
    assert first["clumped"] >= 1
    assert (first["nearest_gene"], first["gene_side"], first["gene_distance_bp"]) == ("REV", "within", 0)
    clumps = result.source.clump(result.of_trait("hba1c").table, p1=1e-5, p2=0.01, r2=0.1)
    assert hits.table["variant_id"].to_pylist() == clumps.table["variant_id"].to_pylist()
    assert hits.provenance.parameters["trait"] == "hba1c"
    assert result.top_hits(trait="hba1c").table["nearest_gene"].to_pylist()[0] is None


def test_what_cannot_be_clumped_is_one_sentence(scan, tmp_path):
    result, _ = scan
    with pytest.raises(UsageError, match="name one of the traits"):
        result.top_hits()
    with pytest.raises(UsageError, match="clumps need linkage"):
        result.top_hits(view=None, trait="hba1c")
    build_store(write_cohort_vcf(tmp_path / "o.vcf", n_variants=5), tmp_path / "o.vcz")
    with pytest.raises(InputError, match="made from another store"):
        result.top_hits(view=gdc.open_store(tmp_path / "o.vcz"), trait="hba1c")


def test_a_locus_has_the_linkage_that_the_matrix_has(scan, genes):
    result, _ = scan
    found = locus(result, result.source, "v40", trait="hba1c", genes=genes, window_bp=300)
    ids = result.source.sites().variant_id
    place = result.source.sites().position
    near = np.flatnonzero(np.abs(place - place[40]) <= 300)
    assert found.position.tolist() == place[near].tolist()
    assert found.position[found.lead] == place[40]
    matrix = result.source.variants(extract=ids[near]).ld_matrix().values
    np.testing.assert_array_equal(found.r2, matrix[near.tolist().index(40)])
    assert [one.gene for one in found.transcripts] == ["FWD", "REV"]
    without = locus(result, None, "v40", trait="hba1c", window_bp=300)
    assert np.isnan(without.r2).all()
    assert without.transcripts == ()
    with pytest.raises(InputError, match="variant rs0 stands 0 times in the result"):
        locus(result, None, "rs0", trait="hba1c")


def test_locus_plots_with_and_without_genes_and_linkage(scan, genes):
    result, _ = scan
    assert len(result.plot.locus("v40", "hba1c", genes=genes, window_bp=1000).axes) == 2
    assert len(result.plot.locus("v40", "hba1c", view=None).axes) == 1


def test_the_page_holds_everything_and_nobody(scan, genes, tmp_path):
    result, frame = scan
    path = result.page(tmp_path / "p.html", genes=genes)
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=\"(?!data:|#)", text)  # nothing from elsewhere
    assert "<script" not in text
    assert text.count("data:image/svg+xml") >= 5
    for words in ("hba1c", "null", "v40", "REV", "What was asked", result.provenance.store_hash, "an intercept only"):
        assert words in text
    assert not any(name in text for name in frame["IID"])
    assert result.page(tmp_path / "q.html", genes=genes, threads=2).read_bytes() == path.read_bytes()
    with pytest.raises(OutputExistsError):
        result.page(path)
    with pytest.raises(UsageError, match=r"ends with \.html"):
        result.page(tmp_path / "p.pdf")


def test_a_page_without_a_store_or_with_ids_that_stand_twice(scan, tmp_path):
    result, _ = scan
    text = result.of_trait("hba1c").page(tmp_path / "a.html", view=None).read_text(encoding="utf-8")
    assert "Without the store there is no linkage" in text


def test_of_many_traits_the_strongest_are_drawn(scan, tmp_path, monkeypatch):
    result, _ = scan
    monkeypatch.setattr("genomics_dc.analyses.association_page._TRAITS_MAX", 1)
    text = result.page(tmp_path / "a.html").read_text(encoding="utf-8")
    assert "2 traits were tested; the 1 with the smallest p are here" in text
    assert 'id="trait-1"' in text
    assert 'id="trait-2"' not in text


def test_the_command_writes_page_and_ssf(scan, genes, tmp_path):
    from typer.testing import CliRunner

    from genomics_dc.cli.main import app

    result, frame = scan
    frame.to_csv(tmp_path / "p.tsv", sep="\t", index=False)
    words = ["associate", result.source.path, "--phenotypes", tmp_path / "p.tsv", "--output", tmp_path / "r.parquet"]
    more = [
        "--page",
        tmp_path / "r.html",
        "--genes",
        genes,
        "--gwas-ssf",
        tmp_path / "r.tsv.gz",
        "--assembly",
        "GRCh38",
    ]
    done = CliRunner().invoke(app, [str(word) for word in (*words, *more, "--traits", "hba1c", "--json")])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["variants"] == 120
    assert (tmp_path / "r.html").stat().st_size > 10_000
    assert (tmp_path / "r.tsv.gz-meta.yaml").exists()
    gc = ["--traits", "hba1c", "--force", "--genomic-control"]
    assert CliRunner().invoke(app, [str(word) for word in (*words, *gc)]).exit_code == 0
    assert pd.read_parquet(tmp_path / "r.parquet")["p_value_gc"].notna().sum() > 100
    again = CliRunner().invoke(app, [str(word) for word in (*words, *more, "--traits", "hba1c,null", "--force")])
    assert isinstance(again.exception, UsageError)
