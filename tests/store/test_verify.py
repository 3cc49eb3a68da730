"""Damage of every kind is found by `verify` and by reading, and named."""

import json
import random
import shutil

import numpy as np
import pytest
import zarr

from genomics_dc.errors import InputError, StoreError
from genomics_dc.store import StoreView, build_store, verify_store
from genomics_dc.store.access import StoreFiles
from genomics_dc.store.writer import StoreWriter
from tests.builders import random_records, write_vcf
from tests.store.conftest import N_SAMPLES, N_VARIANTS

CHUNK = "call_DP/c/1/0"


def read_everything(path):
    view = StoreView.open(path)
    view.variants(maf=0.0).sites()
    for _ in view.blocks("packed", *(name for name in view.fields if name not in ("packed", "dosage"))):
        pass


def test_an_intact_store_has_no_findings(cohort_store, cohort_vcf):
    report = verify_store(cohort_store, deep=True, against=cohort_vcf)
    assert report.ok
    assert report.n_records_compared == N_VARIANTS
    assert report.n_records_differing == 0
    assert report.store_hash == StoreView.open(cohort_store).store_hash
    assert report.n_bytes > 10_000
    read_everything(cohort_store)


def flip(path, position=-20):
    data = bytearray(path.read_bytes())
    data[position] ^= 0x10
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "kind", "message"),
    [
        (flip, "checksum", "is damaged"),
        (lambda path: flip(path, -1), "checksum", "is damaged"),
        (lambda path: path.unlink(), "missing", "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-7]), "size", "bytes"),
        (lambda path: path.write_bytes(b""), "size", "has 0 bytes"),
        (lambda path: path.write_bytes(bytes(path.stat().st_size)), "checksum", "is damaged"),
        (lambda path: path.write_bytes(path.with_name("0").parent.parent.joinpath("0/0").read_bytes()), None, ""),
    ],
)
@pytest.mark.parametrize("deep", [False, True])
def test_a_damaged_chunk_is_found_and_named(store_copy, damage, kind, message, deep):
    damage(store_copy / CHUNK)
    report = verify_store(store_copy, deep=deep)
    assert not report.ok
    first = report.findings[0]
    assert kind is None or first.kind == kind
    assert (first.array, first.chunk, first.variants) == ("call_DP", "1.0", (1000, 2000))
    assert first.samples == (0, N_SAMPLES)
    assert message in first.message
    assert "array call_DP, chunk 1.0, variants 1,000 to 2,000" in first.message
    with pytest.raises(StoreError, match=r"array call_DP, chunk 1\.0, variants 1,000 to 2,000,? .*; restore the store"):
        for _ in StoreView.open(store_copy).blocks("call_DP"):
            pass
    # the undamaged part can still be read
    assert len(next(StoreView.open(store_copy).blocks("call_DP"))) == 1000


@pytest.mark.parametrize(
    "chunk", ["derived/packed_dosage/c/1/0", "derived/variant_counts/c/0/0", "variant_position/c/2"]
)
def test_damage_in_what_filters_read(store_copy, chunk):
    flip(store_copy / chunk)
    view = StoreView.open(store_copy).region("2:1-90,000").variants(maf=0.01)
    with pytest.raises(StoreError, match="is damaged"):
        view.dosage()


def test_no_flipped_bit_is_silent(cohort_store, tmp_path):
    """One bit of each of 16 files, at random: found by verify, and by reading when the file is a chunk or metadata."""
    choose = random.Random(5)
    files = sorted(path for path in cohort_store.rglob("*") if path.is_file())
    for path in choose.sample(files, 16):
        broken = tmp_path / "broken.vcz"
        shutil.copytree(cohort_store, broken)
        target = broken / path.relative_to(cohort_store)
        data = bytearray(target.read_bytes())
        data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
        target.write_bytes(data)
        assert not verify_store(broken).ok, path
        if "/c/" in path.as_posix() and path.relative_to(cohort_store).parts[0].startswith(("call_", "derived")):
            with pytest.raises(StoreError):
                read_everything(broken)
        shutil.rmtree(broken)


def test_other_readers_notice_a_flipped_bit_too(store_copy):
    """The checksum codec is for those who know nothing of the manifest."""
    for chunk in sorted(store_copy.glob("call_genotype/c/*/0/0")):
        flip(chunk)
        group = zarr.open_group(store_copy, mode="r")
        start = int(chunk.parent.parent.name) * 1000
        with pytest.raises(ValueError, match="checksum"):
            group["call_genotype"][start : start + 1]


def test_a_lost_chunk_is_missing_to_other_readers_and_never_reference(store_copy):
    for name in ("call_genotype/c/1/0/0", "call_DP/c/1/0"):
        (store_copy / name).unlink()
    group = zarr.open_group(store_copy, mode="r")
    assert set(np.unique(group["call_genotype"][1000:2000])) == {-1}
    assert set(np.unique(group["call_DP"][1000:2000])) == {-1}


def test_metadata_manifest_and_strangers(store_copy):
    flip(store_copy / "zarr.json", 200)
    assert verify_store(store_copy).findings[0].message == "metadata file zarr.json is damaged: its SHA-256 differs"
    with pytest.raises(StoreError, match=r"metadata file zarr\.json is damaged"):
        StoreView.open(store_copy).assembly  # noqa: B018
    flip(store_copy / "zarr.json", 200)
    assert verify_store(store_copy).ok

    (store_copy / "call_DP" / "c" / "7").write_bytes(b"stray")
    assert [finding.kind for finding in verify_store(store_copy).findings] == ["unexpected"]
    (store_copy / "call_DP" / "c" / "7").unlink()

    flip(store_copy / "manifest.bin", 2000)
    assert "manifest" in {finding.kind for finding in verify_store(store_copy).findings}
    with pytest.raises(StoreError, match=r"manifest\.bin is damaged where it lists chunks of array"):
        read_everything(store_copy)
    flip(store_copy / "manifest.bin", 2000)
    assert verify_store(store_copy).ok

    flip(store_copy / "manifest.json", 3000)
    report = verify_store(store_copy)
    assert [finding.kind for finding in report.findings] == ["manifest"]
    assert report.store_hash is None
    with pytest.raises(StoreError, match="is damaged"):
        StoreView.open(store_copy)
    (store_copy / "manifest.json").unlink()
    assert not verify_store(store_copy).ok


def test_a_store_of_another_format_version_is_refused(store_copy):
    path = store_copy / "manifest.json"
    path.write_text(path.read_text().replace('"format_version": 2', '"format_version": 9', 1))
    with pytest.raises(StoreError, match="has store format 9; this software reads format 2"):
        StoreView.open(store_copy)
    path.write_text('{"format_version": 1, "store_hash": "0", "metadata_sha256": "0", "n_files": 0, "files": {\n}}\n')
    with pytest.raises(StoreError, match="has store format 1; this software reads format 2: build the store again"):
        StoreView.open(store_copy)


def rewrite(path, changes):
    """What a careless tool does: change the data, and make the manifest fit. `changes` has a function by array."""
    files = StoreFiles(path)
    copy = path.with_name("rewritten.vcz")
    writer = StoreWriter(copy)
    for name in files.names:
        array = files.array(name)
        values = array.read()
        if name in changes:
            changes[name](values)
        writer.put_whole(array.meta, values)
    writer.close(files.attributes, operation="tamper", n_variants=N_VARIANTS)
    shutil.rmtree(path)
    copy.rename(path)


def test_deep_finds_derived_arrays_that_no_longer_fit(store_copy):
    def one_call(packed):
        packed[1500, 0] ^= 1

    def one_count(counts):
        counts[2299] += 1

    rewrite(store_copy, {"derived/packed_dosage": one_call, "derived/variant_counts": one_count})
    assert verify_store(store_copy).ok
    found = verify_store(store_copy, deep=True).findings
    assert [(finding.kind, finding.array, finding.variants) for finding in found] == [
        ("derived", "derived/packed_dosage", (1500, 1501)),
        ("derived", "derived/variant_counts", (2299, 2300)),
    ]


def test_against_finds_every_changed_value(store_copy, cohort_vcf):
    def depth(values):
        values[100, 3] = 61

    def genotype(values):
        values[200, 0] = [1, 1] if values[200, 0].tolist() != [1, 1] else [0, 0]

    def frequency(values):
        values[300, 1] = 0.1001

    def identifier(values):
        values[301] = "rs0"

    rewrite(
        store_copy,
        {"call_DP": depth, "call_genotype": genotype, "variant_AF": frequency, "variant_id": identifier},
    )
    report = verify_store(store_copy, against=cohort_vcf)
    assert report.n_records_compared == N_VARIANTS
    assert report.n_records_differing == 4
    assert [finding.variants for finding in report.findings] == [(100, 101), (200, 201), (300, 301), (301, 302)]
    assert "FORMAT/DP of sample S3" in report.findings[0].message
    assert "FORMAT/GT of sample S0" in report.findings[1].message
    assert "INFO/AF" in report.findings[2].message
    assert "ID rs301 and rs0" in report.findings[3].message


def test_against_another_vcf(cohort_store, tmp_path):
    samples = [f"S{number}" for number in range(N_SAMPLES)]
    records = random_records(N_VARIANTS, N_SAMPLES)
    fewer = write_vcf(tmp_path / "fewer.vcf.gz", records[:-2], samples=samples)
    report = verify_store(cohort_store, against=fewer)
    assert report.findings[-1].message == "the store has 2,300 records, the VCF 2,298"
    more = write_vcf(
        tmp_path / "more.vcf.gz", [*records, "X 5 . A G . . . GT " + " ".join(["0"] * 13)], samples=samples
    )
    report = verify_store(cohort_store, against=[more])
    assert "the store ends after 2,300 records; more.vcf.gz X:5" in report.findings[-1].message
    renamed = write_vcf(tmp_path / "renamed.vcf.gz", records, samples=[f"T{number}" for number in range(N_SAMPLES)])
    assert [finding.kind for finding in verify_store(cohort_store, against=renamed).findings] == ["samples"]
    with pytest.raises(InputError, match="does not exist"):
        verify_store(cohort_store, against=tmp_path / "none.vcf.gz")
    with pytest.raises(StoreError, match="is not there"):
        verify_store(tmp_path / "none.vcz")


def test_the_report_is_plain_json(store_copy):
    (store_copy / CHUNK).unlink()
    told = json.loads(json.dumps(verify_store(store_copy).to_dict()))
    assert told["ok"] is False
    assert told["findings"][0]["variants"] == [1000, 2000]


def test_the_store_hash_is_over_every_genotype(tmp_path):
    samples = ["S1", "S2"]
    one = build_store(
        write_vcf(tmp_path / "a.vcf", ["1 10 . A G . . . GT 0/0 0/1"], samples=samples), tmp_path / "a.vcz"
    )
    two = build_store(
        write_vcf(tmp_path / "b.vcf", ["1 10 . A G . . . GT 0/0 1/1"], samples=samples), tmp_path / "b.vcz"
    )
    assert one.store_hash != two.store_hash
