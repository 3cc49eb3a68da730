"""Columns of sites: what the VCF says, however many chunks are read in one go or bytes a column may have."""

from __future__ import annotations

import numpy as np
import pysam
import pytest

from genomics_dc.analyses import site_columns as sites
from genomics_dc.analyses.view import open_store
from genomics_dc.store import build_store

HEADER = """##fileformat=VCFv4.2
##contig=<ID=2,length=242193529>
##contig=<ID=7,length=159345973>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb
"""
N_VARIANTS = 5200


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Six chunks on two contigs, with and without ids, none, one or many ALT alleles."""
    rng = np.random.default_rng(5)
    alts = [".", "A", "AT", "C,G", "<DEL>", "AT,A,G"]
    lines = []
    for number in range(N_VARIANTS):
        contig = "2" if number < 3100 else "7"
        name = f"rs{number}" if rng.random() < 0.5 else "."
        alt = alts[rng.integers(len(alts))]
        lines.append(f"{contig}\t{10 * number + 5}\t{name}\tT\t{alt}\t.\t.\t.\tGT\t0/0\t0/0")
    folder = tmp_path_factory.mktemp("sites")
    (folder / "v.vcf").write_text(HEADER + "\n".join(lines) + "\n")
    build_store(folder / "v.vcf", folder / "v.vcz")
    with pysam.VariantFile(str(folder / "v.vcf")) as records:
        rows = [(r.contig, r.pos, r.id, r.ref, list(r.alts or ())) for r in records]
    return open_store(folder / "v.vcz"), rows


def expected(rows):
    """The definition, by variant: chromosome, position, id or place, REF, ALT, effect allele, other allele."""
    for contig, position, name, ref, alts in rows:
        made = name or f"{contig}:{position}:{ref}:{','.join(alts) or '.'}"
        effect = alts[0] if alts else None
        yield contig, position, made, ref, ",".join(alts) or None, effect, ",".join([ref, *alts[1:]])


def columns(table, *names):
    return zip(*(table[name].to_pylist() for name in names), strict=True)


@pytest.mark.parametrize(("at_once", "text_max"), [(32, 1 << 30), (1, 1 << 30), (2, 1), (4, 60_000)])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("chosen", ["all", "some", "few"])
def test_columns_are_those_of_the_file(written, monkeypatch, at_once, text_max, threads, chosen):
    view, rows = written
    index = {
        "all": np.arange(N_VARIANTS),
        "some": np.flatnonzero(np.random.default_rng(6).random(N_VARIANTS) < 0.3),
        "few": np.array([0, 999, 1000, 4100, N_VARIANTS - 1]),
    }[chosen]
    if chosen != "all":
        view = view.variants(index=index)
    monkeypatch.setattr(sites, "CHUNKS_AT_ONCE", at_once)
    monkeypatch.setattr(sites, "_TEXT_BYTES_MAX", text_max)
    wanted = list(expected([rows[row] for row in index]))
    found = sites.variant_columns(view, threads=threads)
    names = ("chromosome", "base_pair_location", "variant_id", "ref", "alt")
    assert list(columns(found.columns, *names)) == [row[:5] for row in wanted]
    assert found.n_alleles.tolist() == [1 + len(rows[row][4]) for row in index]
    assert found.position.tolist() == [rows[row][1] for row in index]
    assert [view.contigs[number] for number in found.contig] == [rows[row][0] for row in index]
    ssf = sites.site_columns(view, threads=threads)
    names = ("chromosome", "base_pair_location", "variant_id", "effect_allele", "other_allele")
    assert list(columns(ssf, *names)) == [(*row[:3], *row[5:]) for row in wanted]


def test_counts_alone_need_no_words(written):
    view, rows = written
    found = sites.variant_columns(view, words=False, position=False)
    assert found.columns == {}
    assert found.position is None
    assert len(found) == len(rows)
