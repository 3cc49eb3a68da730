"""Counts of a grown store are made of every record, whichever of AC, AN and AF a record had."""

import numpy as np

from genomics_dc.store import build_store, drop_samples
from genomics_dc.store.access import StoreFiles

HEADER = """\
##fileformat=VCFv4.2
##contig=<ID=1,length=1000>
##INFO=<ID=AC,Number=A,Type=Integer,Description="count">
##INFO=<ID=AN,Number=1,Type=Integer,Description="number">
##INFO=<ID=AF,Number=A,Type=Float,Description="frequency">
##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	a	b	c
"""


def test_a_record_that_lacks_one_field_does_not_shift_the_others(tmp_path):
    rows = [
        ("AC=1;AF=0.25", "0/1", "0/0", "./."),
        ("AC=3;AN=6;AF=0.5", "1/1", "0/0", "0/1"),
        ("AN=6", "0/0", "1/1", "0/1"),
    ]
    lines = [
        "\t".join(["1", str(10 + place), ".", "A", "C", ".", ".", info, "GT", *calls])
        for place, (info, *calls) in enumerate(rows)
    ]
    vcf = tmp_path / "x.vcf"
    vcf.write_text(HEADER + "\n".join(lines) + "\n")
    store = tmp_path / "x.vcz"
    build_store(vcf, store)
    drop_samples(store, ["a"])
    files = StoreFiles(store)
    assert files.array("variant_AC").read()[:, 0].tolist() == [0, 1, -1]
    assert files.array("variant_AN").read().tolist() == [-1, 4, 4]
    frequency = files.array("variant_AF").read()[:, 0]
    assert frequency[:2].tolist() == [0.0, 0.25]
    assert np.isnan(frequency[2])
