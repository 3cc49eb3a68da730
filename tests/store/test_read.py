"""Views against the plain reading of the VCF by cyvcf2 and NumPy."""

import cyvcf2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genomics_dc.errors import InputError, StoreError, UsageError
from genomics_dc.kernels import genotypes
from genomics_dc.store import StoreView, build_store
from genomics_dc.store.place import LocalPlace
from tests.builders import random_records, write_vcf
from tests.store.conftest import N_SAMPLES, N_VARIANTS

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def plain(cohort_vcf):
    """The cohort as columns, read by another library straight from the VCF."""
    columns = {name: [] for name in ("contig", "position", "end", "id", "ref", "alt", "filter", "dosage", "depth")}
    for record in cyvcf2.VCF(str(cohort_vcf)):
        columns["contig"].append(record.CHROM)
        columns["position"].append(record.POS)
        columns["end"].append(record.POS - 1 + len(record.REF))
        columns["id"].append(record.ID or ".")
        columns["ref"].append(record.REF)
        columns["alt"].append(",".join(record.ALT))
        columns["filter"].append(";".join(record.FILTERS) or ".")
        columns["depth"].append(record.format("DP")[:, 0])
        row = []
        for *alleles, _ in record.genotypes:
            if -1 in alleles:
                row.append(-1)
            else:
                row.append(alleles.count(1) * (2 if len(alleles) == 1 else 1))
        columns["dosage"].append(row)
    return {name: np.array(values) for name, values in columns.items()}


@pytest.fixture(scope="module")
def view(cohort_store):
    return StoreView.open(cohort_store)


def test_a_whole_store(view, plain):
    assert (view.n_variants, view.n_samples) == (N_VARIANTS, N_SAMPLES)
    assert view.contigs == ("1", "2", "X")
    assert view.sample_ids.tolist() == [f"S{number}" for number in range(N_SAMPLES)]
    assert len(view.store_hash) == 64
    sites = view.sites()
    np.testing.assert_array_equal(sites.index, np.arange(N_VARIANTS))
    for name, expected in (("contig", "contig"), ("identifier", "id"), ("ref", "ref"), ("alt", "alt")):
        np.testing.assert_array_equal(getattr(sites, name), plain[expected])
    np.testing.assert_array_equal(sites.position, plain["position"])
    assert sites.position.dtype == np.int32
    np.testing.assert_array_equal(sites.filters, plain["filter"])
    assert [view.contigs[number] for number in view.contig_numbers()] == plain["contig"].tolist()
    some = view.variants(index=range(3, N_VARIANTS, 7))
    assert [some.contigs[number] for number in some.contig_numbers()] == plain["contig"][3::7].tolist()
    assert set(sites.n_alleles.tolist()) == {3}
    assert np.isnan(sites.quality[0])
    assert sites.quality[1] == 1
    assert sites.variant_id[0] == f"1:{sites.position[0]}:{sites.ref[0]}:C,G"
    assert sites.variant_id[1] == "rs1"
    np.testing.assert_array_equal(view.dosage(), plain["dosage"])
    assert "13 samples" in repr(view)


def test_blocks_follow_the_chunk_grid(view, plain):
    blocks = list(view.blocks("dosage", "call_DP", "variant_DP", "call_genotype"))
    assert [len(block) for block in blocks] == [1000, 1000, 300]
    np.testing.assert_array_equal(np.concatenate([block["call_DP"] for block in blocks]), plain["depth"])
    np.testing.assert_array_equal(np.concatenate([block.dosage for block in blocks]), plain["dosage"])
    np.testing.assert_array_equal(np.concatenate([block.variant_DP for block in blocks]), np.arange(N_VARIANTS))
    assert blocks[0].call_genotype.shape == (1000, N_SAMPLES, 2)
    assert blocks[0].dosage.dtype == np.int8
    with pytest.raises(AttributeError, match="not for call_AD"):
        _ = blocks[0].call_AD


def test_packed_blocks_unpack_to_the_dosages(view, plain):
    packed = np.concatenate([block.packed for block in view.blocks("packed")])
    np.testing.assert_array_equal(genotypes.unpack_dosage(packed, N_SAMPLES), plain["dosage"])
    with pytest.raises(UsageError, match="ask this view for dosage"):
        next(view.samples(["S1"]).blocks("packed"))


@quick
@given(
    st.sampled_from(["1", "chr1", "2", "NC_000002.12"]),
    st.integers(0, 3600),
    st.integers(1, 2000),
    st.lists(st.integers(0, N_SAMPLES - 1), unique=True, max_size=6),
    st.booleans(),
)
def test_any_region_and_samples_equal_numpy(view, plain, contig, start, length, numbers, samples_first):
    bare = {"1": "1", "chr1": "1", "2": "2", "NC_000002.12": "2"}[contig]
    keep = (plain["contig"] == bare) & (plain["position"] - 1 < start + length) & (plain["end"] > start)
    ids = [f"S{number}" for number in numbers]
    if samples_first:
        chosen = view.samples(ids).region(contig, start, start + length)
    else:
        chosen = view.region(f"{contig}:{start + 1:,}-{start + length:,}").samples(ids)
    np.testing.assert_array_equal(chosen.sites().index, np.flatnonzero(keep))
    np.testing.assert_array_equal(chosen.dosage(), plain["dosage"][keep][:, numbers])
    depths = [block["call_DP"] for block in chosen.blocks("call_DP")]
    got = np.concatenate(depths) if depths else np.empty((0, len(numbers)))
    np.testing.assert_array_equal(got, plain["depth"][keep][:, numbers])


@quick
@given(
    st.lists(st.integers(0, N_SAMPLES - 1), unique=True, min_size=1),
    st.integers(0, 50).map(lambda percent: percent / 100),
    st.integers(0, 100).map(lambda percent: percent / 100),
    st.booleans(),
)
def test_frequency_and_missingness_are_of_the_views_samples(view, plain, numbers, maf, missing, all_samples):
    chosen = view if all_samples else view.samples([f"S{number}" for number in numbers])
    dosage = plain["dosage"] if all_samples else plain["dosage"][:, numbers]
    called = (dosage >= 0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        frequency = np.where(dosage > 0, dosage, 0).sum(axis=1) / (2 * called)
    keep = (called > 0) & (np.minimum(frequency, 1 - frequency) >= maf - 1e-12)
    keep &= (dosage < 0).mean(axis=1) <= missing + 1e-12
    got = chosen.variants(maf=maf, missing=missing).sites().index
    np.testing.assert_array_equal(got, np.flatnonzero(keep))


def test_hardy_weinberg_filter(view, plain):
    from genomics_dc.kernels.hwe import exact_p

    counts = [np.count_nonzero(plain["dosage"] == code, axis=1) for code in (0, 1, 2)]
    keep = exact_p(*counts) >= 0.05
    got = view.variants(hwe=0.05)
    np.testing.assert_array_equal(got.sites().index, np.flatnonzero(keep))
    assert 0 < got.n_variants < N_VARIANTS


def test_filters_extract_and_index(view, plain):
    np.testing.assert_array_equal(
        view.variants(filters="PASS").sites().index, np.flatnonzero(plain["filter"] == "PASS")
    )
    either = view.variants(filters=["q10", "s50"]).sites()
    assert set(either.filters) == {"q10", "q10;s50"}
    unnamed = view.sites().variant_id[0]
    assert view.variants(extract=["rs4", "rs1", "none", unnamed]).sites().index.tolist() == [0, 1, 4]
    assert view.variants(index=[7, 3, 7]).sites().index.tolist() == [3, 7]
    assert view.variants(index=np.array([], dtype=np.int64)).n_variants == 0
    assert view.variants(index=[3, 7]).region("2").n_variants == 0


def test_a_filter_stays_with_the_samples_it_was_asked_of(view, plain):
    keep = np.flatnonzero((plain["dosage"] < 0).mean(axis=1) <= 0.1)
    after = view.variants(missing=0.1).samples(["S3"])
    np.testing.assert_array_equal(after.sites().index, keep)
    np.testing.assert_array_equal(after.dosage(), plain["dosage"][keep][:, [3]])


def test_views_are_immutable_and_keep_their_type(cohort_store):
    class Mine(StoreView):
        """A view with methods of its own, as analyses have it."""

    whole = Mine.open(cohort_store)
    part = whole.region("1").samples(["S2", "S1"]).variants(maf=0.1)
    assert type(part) is Mine
    assert whole.n_variants == N_VARIANTS
    assert whole.n_samples == N_SAMPLES
    with pytest.raises(ValueError, match="read-only"):
        whole._shared.numbers("variant_position", np.arange(N_VARIANTS))[0] = 1


def test_no_sample_and_no_variant(view):
    nothing = view.samples([])
    assert nothing.dosage().shape == (N_VARIANTS, 0)
    empty = view.region("X")
    assert empty.n_variants == 0
    assert empty.dosage().shape == (0, N_SAMPLES)
    assert len(empty.sites()) == 0
    assert list(empty.blocks("call_DP")) == []


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda v: v.samples(["S1", "S99"]), InputError, r"1 of 2 samples are not in .*: S99"),
        (lambda v: v.samples(["S1", "S1"]), InputError, "sample S1 is asked for twice"),
        (lambda v: v.samples(["S1"]).samples(["S2"]), InputError, "S2"),
        (lambda v: v.region("9:1-2"), InputError, "contig 9 is not in"),
        (lambda v: v.region("1:100,001-100,002"), InputError, "contig 1 has 100,000 bases; check the genome build"),
        (lambda v: v.region("1", 5, 5), InputError, "end is after start"),
        (lambda v: v.variants(maf=0.6), UsageError, "maf must lie between 0 and 0.5"),
        (lambda v: v.variants(filters="nope"), InputError, "declares no FILTER nope"),
        (lambda v: v.variants(index=[N_VARIANTS]), UsageError, "index must lie in 0 to 2299"),
        (lambda v: v.variants(index=[0.5]), UsageError, "whole numbers"),
        (lambda v: next(v.blocks("call_XX")), StoreError, "has no array call_XX"),
        (lambda v: next(v.blocks("sample_id")), UsageError, "not an array over variants"),
    ],
)
def test_what_cannot_be_asked(view, ask, error, message):
    with pytest.raises(error, match=message):
        ask(view)


def test_what_is_not_a_store(tmp_path):
    with pytest.raises(StoreError, match=r"has no manifest\.json"):
        StoreView.open(tmp_path)
    with pytest.raises(StoreError, match=r"none\.vcz is not there"):
        StoreView.open(tmp_path / "none.vcz")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is not there"):
        StoreView.open(tmp_path / "file")


def test_a_view_travels_to_another_process(view):
    import pickle

    part = pickle.loads(pickle.dumps(view.region("1:1-500").samples(["S4", "S2"]).variants(missing=0.2)))
    np.testing.assert_array_equal(
        part.dosage(), view.region("1:1-500").variants().samples(["S4", "S2"]).variants(missing=0.2).dosage()
    )


def test_an_opened_store_is_closed_with_its_last_view(cohort_store):
    import gc
    import os

    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(50):
        StoreView.open(cohort_store).region("1").dosage()
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) < before + 10  # noqa: PTH208


def test_a_vcf_without_samples(tmp_path):
    vcf = write_vcf(tmp_path / "in.vcf", ["1 10 . A G 5 PASS DP=3", "1 11 . A G . . ."], samples=())
    build_store(vcf, tmp_path / "out.vcz")
    sites_only = StoreView.open(tmp_path / "out.vcz")
    assert (sites_only.n_variants, sites_only.n_samples) == (2, 0)
    assert sites_only.sites().filters.tolist() == ["PASS", "."]


def test_opening_is_quick_and_reads_one_chunk_for_a_small_region(cohort_store, monkeypatch):
    import time

    StoreView.open(cohort_store).assembly  # noqa: B018  (brings in what is imported at first use)
    started = time.perf_counter()
    opened = StoreView.open(cohort_store)
    assert opened.n_samples == N_SAMPLES
    assert time.perf_counter() - started < 0.5  # 14 ms alone on two cores; other tests may run beside this one
    read = spy_on_reads(monkeypatch)
    opened.region("2:3,600-3,601").samples(["S1"]).dosage()
    chunks = [key for key in read if "/c/" in key and key.startswith("derived")]
    assert chunks == ["derived/packed_dosage/c/1/0"]


def spy_on_reads(monkeypatch) -> list[str]:
    """Return a list that grows by the key of each file that is read from now on."""
    told = []
    read = LocalPlace.read

    def spy(self, key, *where):
        told.append(key)
        return read(self, key, *where)

    monkeypatch.setattr(LocalPlace, "read", spy)
    return told


def test_sample_chunks_without_a_wanted_sample_are_not_read(tmp_path, monkeypatch):
    from genomics_dc.store import schema

    monkeypatch.setattr(schema, "SAMPLES_PER_CHUNK", 4)
    vcf = write_vcf(tmp_path / "in.vcf", random_records(30, 10), samples=[f"S{j}" for j in range(10)])
    build_store(vcf, tmp_path / "out.vcz")
    opened = StoreView.open(tmp_path / "out.vcz")
    whole = next(opened.blocks("call_DP"))["call_DP"]
    read = spy_on_reads(monkeypatch)
    part = next(opened.samples(["S9", "S0"]).blocks("call_DP"))["call_DP"]
    np.testing.assert_array_equal(part, whole[:, [9, 0]])
    assert [key for key in read if key.startswith("call_DP/c")] == ["call_DP/c/0/0"] * 2  # of the three in the file
