import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels.vcf.call_counts import ONE_OR_TWO, copy_counts, value_counts
from tests.kernels.vcf import plain_calls
from tests.kernels.vcf.test_calls import line

FORMATS = ("GT", "GT:AD", "AD:XAD", "GT:XAD:AD", "DP")
VALUES = (".", "1", "1,2", "1,2,3", ".,.", ".,2", "")
GENOTYPES = (".", "0", "./.", "0/1", "0|1/2", "|0/1", "/1", "10|11", "")


def plain_values(form, call, key):
    keys, values = form.split(":"), call.split(":")
    if key not in keys or keys.index(key) >= len(values):
        return 0
    value = values[keys.index(key)]
    return 0 if not value.strip(".,") else value.count(",") + 1


def plain_copies(form, call):
    if form.split(":")[0] != "GT":
        return 0
    genotype = call.split(":")[0]
    if genotype == ".":
        return ONE_OR_TWO
    return len(re.split("[/|]", genotype[1:])) if genotype else 0


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_counts_are_those_of_the_plain_definition(data):
    rows, calls = [], []
    n_samples = data.draw(st.integers(1, 4))
    for _ in range(data.draw(st.integers(1, 4))):
        form = data.draw(st.sampled_from(FORMATS))
        row = []
        for _ in range(n_samples):
            parts = [data.draw(st.sampled_from(GENOTYPES if key == "GT" else VALUES)) for key in form.split(":")]
            row.append(":".join(parts[: data.draw(st.integers(1, len(parts)))]))
        rows.append(line(form, *row))
        calls.append((form, row))
    text, line_end, columns = plain_calls.index(rows)
    for key in ("AD", "XAD", "A"):
        wanted = [[plain_values(form, call, key) for call in row] for form, row in calls]
        assert value_counts(text, line_end, columns, n_samples, key).tolist() == wanted
    copies = [[plain_copies(form, call) for call in row] for form, row in calls]
    assert copy_counts(text, line_end, columns, n_samples).tolist() == copies


def test_a_line_that_ends_early_counts_nothing():
    text, line_end, columns = plain_calls.index([line("GT:AD", "0/1:1,2"), b"1\t7\tx\tA\tC\t9\tq\tk"])
    assert value_counts(text, line_end, columns, 3, "AD").tolist() == [[2, 0, 0], [0, 0, 0]]
    assert copy_counts(text, line_end, columns, 3).dtype == np.int32
