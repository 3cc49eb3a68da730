"""Private alleles, singletons and doubletons: hand-worked, and the definition over random genotypes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import genomics_dc as gdc
from genomics_dc.errors import InputError
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf, write_vcf


def open_records(folder, records, samples):
    build_store(write_vcf(folder / "p.vcf", records, samples=samples), folder / "p.vcz", force=True)
    return gdc.open_store(folder / "p.vcz")


def test_by_hand(tmp_path):
    records = [
        "1 10 . A G . . . GT 0/1 0/0 0/0 0/0",  # a singleton of S1
        "1 20 . A G . . . GT 1/1 0/0 0/0 0/0",  # both copies in S1: private, a doubleton, shared by nobody
        "1 30 . A G . . . GT 0/1 0/0 0/1 ./.",  # a doubleton of S1 and S3
        "1 40 . A C,G . . . GT 0/1 0/2 0/2 0/0",  # a singleton of S1; a doubleton of S2 and S3
        "1 50 . A G . . . GT 0/1 0/1 0/1 0/0",  # neither
        "X 60 . A G . . . GT 0/0 0/0 0/0 1",  # one copy in a haploid sample
    ]
    view = open_records(tmp_path, records, ("S1", "S2", "S3", "S4"))
    found = view.private_alleles(groups={"x": ["S1", "S2"], "y": ["S3", "S4"]})
    samples = found.samples.to_pandas().set_index("sample_id")
    assert samples["private"].tolist() == [3, 0, 0, 1]
    assert samples["singletons"].tolist() == [2, 0, 0, 1]
    assert samples["doubletons"].tolist() == [2, 1, 2, 0]
    groups = found.groups.to_pandas().set_index("group")
    assert groups.loc["all"].tolist() == [4, 7, 7, 3, 3]
    assert groups.loc["x"].tolist() == [2, 6, 3, 2, 1]
    assert groups.loc["y"].tolist() == [2, 4, 1, 1, 0]
    assert found.sharing.to_pandas().to_numpy().tolist() == [["x", "x", 0], ["x", "y", 2], ["y", "y", 0]]
    assert "S1" not in repr(found)


@given(seed=st.integers(0, 2**32 - 1), n_samples=st.integers(2, 40))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_definition_for_any_genotypes_and_overlapping_groups(tmp_path, seed, n_samples):
    random = np.random.default_rng(seed)
    vcf = write_cohort_vcf(tmp_path / "c.vcf", n_samples=n_samples, n_variants=40, seed=seed % 1000)
    build_store(vcf, tmp_path / "c.vcz", force=True)
    view = gdc.open_store(tmp_path / "c.vcz")
    ids = [str(name) for name in view.sample_ids]
    inside = random.random((2, n_samples)) < 0.6
    inside[:, 0] = True
    groups = {name: [ids[s] for s in np.flatnonzero(inside[g])] for g, name in enumerate("ab")}
    found = view.private_alleles(groups=groups)
    dosage = np.maximum(view.dosage(), 0).astype(int)
    copies = dosage.sum(axis=1)
    assert found.samples.table["private"].to_pylist() == [
        int(((dosage[:, s] > 0) & ((dosage > 0).sum(axis=1) == 1) & (copies <= 2)).sum()) for s in range(n_samples)
    ]
    assert found.samples.table["doubletons"].to_pylist() == (dosage[copies == 2] > 0).sum(axis=0).tolist()
    sharing = []
    for i, j in ((0, 0), (0, 1), (1, 1)):
        number = 0
        for row in dosage[copies == 2]:
            carriers = np.flatnonzero(row)
            if len(carriers) == 2:
                one, other = carriers
                number += (inside[i, one] and inside[j, other]) or (inside[j, one] and inside[i, other])
        sharing.append(int(number))
    assert found.sharing.table["doubletons"].to_pylist() == sharing
    within = inside[0]
    assert found.groups.table["private"].to_pylist()[1] == int(
        ((dosage[:, within].sum(axis=1) == copies) & (copies > 0)).sum()
    )


def test_a_part_of_the_samples_counts_among_itself(tmp_path):
    records = ["1 10 . A G . . . GT 0/1 0/1 0/0", "1 20 . A G . . . GT 0/1 0/0 0/1"]
    view = open_records(tmp_path, records, ("S1", "S2", "S3")).samples(["S3", "S1"])
    found = view.private_alleles()
    assert found.samples.table.to_pylist() == [
        {"sample_id": "S3", "private": 0, "singletons": 0, "doubletons": 1},
        {"sample_id": "S1", "private": 1, "singletons": 1, "doubletons": 1},
    ]
    assert found.sharing.table.to_pylist() == [{"group_1": "all", "group_2": "all", "doubletons": 1}]


def test_threads_change_nothing_and_files_are_written(tmp_path):
    build_store(write_cohort_vcf(tmp_path / "c.vcf", n_variants=50, many_alleles=5), tmp_path / "c.vcz")
    view = gdc.open_store(tmp_path / "c.vcz")
    one, other = view.private_alleles(threads=1), view.private_alleles(threads=3)
    assert one.samples.table.equals(other.samples.table)
    out = one.write(tmp_path / "out")
    assert sorted(path.name for path in out.iterdir() if not path.name.endswith(".json")) == [
        "groups.tsv", "samples.tsv", "sharing.tsv",
    ]  # fmt: skip
    with pytest.raises(InputError, match="has no variant"):
        view.variants(extract=["none"]).private_alleles()
