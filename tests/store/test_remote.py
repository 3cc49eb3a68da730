"""Stores in an object store: published by one conditional write, read by range. The service is moto's S3."""

import json
import shutil
from datetime import timedelta

import numpy as np
import pytest

from genomics_dc.errors import OutputExistsError, ResourceError, StoreError
from genomics_dc.store import StoreView, store_info, verify_store
from genomics_dc.store.access import StoreFiles
from genomics_dc.store.remote import ObjectPlace, as_url, is_url, publish_store, sweep_remote
from tests.store.making import arrays_of, make_store

N_VARIANTS, N_SAMPLES = 450, 30
INNER, OUTER = (100, 10), (200, 20)


@pytest.fixture(scope="module")
def service():
    import logging

    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(service, monkeypatch, request):
    import boto3

    for name, value in {
        "AWS_ENDPOINT_URL": service,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    made = boto3.resource("s3").create_bucket(Bucket=f"bucket-{abs(hash(request.node.name)) % 10**9}")
    yield made
    made.objects.all().delete()
    made.delete()


@pytest.fixture
def url(bucket):
    return f"s3://{bucket.name}/some/where/cohort.vcz"


@pytest.fixture
def local(tmp_path):
    make_store(tmp_path / "cohort.vcz", arrays_of(N_VARIANTS, N_SAMPLES), inner=INNER, outer=OUTER)
    return tmp_path / "cohort.vcz"


def grown(tmp_path, local, name="grown.vcz", seed=2):
    arrays = arrays_of(N_VARIANTS, N_SAMPLES)
    arrays["call_DP"] = arrays_of(N_VARIANTS, N_SAMPLES, seed=seed)["call_DP"]
    before = StoreFiles(local).seal
    make_store(tmp_path / name, arrays, inner=INNER, outer=OUTER, before=before, operation="change")
    return tmp_path / name


def keys(bucket):
    return sorted(one.key for one in bucket.objects.all())


def test_addresses():
    assert is_url("s3://bucket/x.vcz")
    assert not is_url("x.vcz")
    assert not is_url("/s3:/x.vcz")
    from pathlib import Path

    assert as_url(Path("s3://bucket/some/x.vcz/")) == "s3://bucket/some/x.vcz"


def test_what_is_published_reads_as_it_was(local, url):
    publish_store(local, url)
    here, there = StoreFiles(local), StoreFiles(url)
    assert here.seal == there.seal
    for name in here.names:
        np.testing.assert_array_equal(here.array(name).read(), there.array(name).read(), err_msg=name)
    view = StoreView.open(url)
    assert view.n_variants == N_VARIANTS
    assert view.region("1:1001-2000").samples(["S3", "S25"]).dosage().tolist() == (
        StoreView.open(local).region("1:1001-2000").samples(["S3", "S25"]).dosage().tolist()
    )
    assert verify_store(url, deep=True).ok
    assert store_info(url).path == url
    assert there.group["call_genotype"].shape == (N_VARIANTS, N_SAMPLES, 2)
    np.testing.assert_array_equal(there.group["call_DP"][:], here.array("call_DP").read())


def test_only_the_ranges_that_are_needed_are_read(local, url, monkeypatch):
    publish_store(local, url)
    told = []
    read = ObjectPlace.read

    def spy(self, key, start=0, length=None):
        told.append((key, length))
        return read(self, key, start, length)

    monkeypatch.setattr(ObjectPlace, "read", spy)
    there = StoreFiles(url)
    assert told == [("manifest.json", None)]
    there.array("call_DP").chunk(3, 1)
    assert [key for key, _ in told] == ["manifest.json", "zarr.json", "manifest.bin", "call_DP/c/1/0"]
    assert told[-1][1] == len(StoreFiles(local).array("call_DP").encoded(3, 1))


def test_a_change_travels_alone_and_the_generation_before_stays(tmp_path, local, url, bucket, monkeypatch):
    import obstore

    publish_store(local, url)
    reader = StoreFiles(url)
    sent = []
    put = obstore.put
    monkeypatch.setattr(obstore, "put", lambda objects, key, *a, **k: (sent.append(key), put(objects, key, *a, **k))[1])
    after = grown(tmp_path, local)
    publish_store(after, url)
    changed = {key.split("/")[2] for key in sent if key != "current.json"}
    assert changed == {"call_DP", "manifest.bin", "manifest.json"}
    assert not any(key.endswith("zarr.json") for key in sent)
    assert StoreFiles(url).seal == StoreFiles(after).seal
    np.testing.assert_array_equal(reader.array("call_DP").read(), StoreFiles(local).array("call_DP").read())
    assert verify_store(url).ok

    assert sweep_remote(url, keep=1) == []
    assert sweep_remote(url) == [0]
    assert {key.split("/")[4].split("-")[0] for key in keys(bucket) if "/generations/" in key} == {"1"}
    assert verify_store(url).ok
    with pytest.raises(StoreError, match="was replaced by another store while it was open; open it again"):
        reader.array("call_genotype").read()


def test_publishing_again_does_nothing(local, url, bucket):
    publish_store(local, url)
    before = {one.key: one.last_modified for one in bucket.objects.all()}
    publish_store(local, url)
    assert {one.key: one.last_modified for one in bucket.objects.all()} == before


def test_another_store_is_not_replaced_by_accident(tmp_path, local, url):
    publish_store(local, url)
    make_store(tmp_path / "other.vcz", arrays_of(100, N_SAMPLES, seed=9), inner=INNER, outer=OUTER)
    with pytest.raises(OutputExistsError, match="exists already; choose another address, or give --force"):
        publish_store(tmp_path / "other.vcz", url)
    publish_store(tmp_path / "other.vcz", url, force=True)
    assert StoreFiles(url).array("call_DP").shape[0] == 100


@pytest.mark.parametrize("first", [True, False])
def test_of_two_writers_one_is_refused(tmp_path, local, url, bucket, monkeypatch, first):
    """The other publishes between this one's first look and its last step."""
    from genomics_dc.store import remote

    if not first:
        publish_store(local, url)
    one, other = grown(tmp_path, local, "one.vcz", 2), grown(tmp_path, local, "other.vcz", 3)
    check = remote._check_sizes

    def meanwhile(*words):
        monkeypatch.setattr(remote, "_check_sizes", check)
        publish_store(other, url)
        check(*words)

    monkeypatch.setattr(remote, "_check_sizes", meanwhile)
    with pytest.raises(StoreError, match="generation 1 of another writer was published meanwhile; nothing was changed"):
        publish_store(one, url)
    assert StoreFiles(url).seal == StoreFiles(other).seal
    assert verify_store(url).ok
    folders = {key.split("/")[4] for key in keys(bucket) if "/generations/" in key}
    assert len([name for name in folders if name.startswith("1-")]) == 1


def test_damage_is_found_and_named(local, url, bucket):
    publish_store(local, url)
    key = next(key for key in keys(bucket) if key.endswith("call_DP/c/1/0"))
    data = bytearray(bucket.Object(key).get()["Body"].read())
    for broken, kind in ((b"", "size"), (bytes(data[:-9]), "size"), (None, "missing"), (flip(data), "checksum")):
        if broken is None:
            bucket.Object(key).delete()
        else:
            bucket.put_object(Key=key, Body=broken)
        found = verify_store(url).findings
        assert found
        assert found[0].kind == kind
        assert found[0].variants[0] >= 200
        if broken is None or not broken:
            with pytest.raises(StoreError, match=r"array call_DP, chunk 3\.1, variants 300 to 400, samples 10 to 20"):
                StoreFiles(url).array("call_DP").chunk(3, 1)


def flip(data):
    return bytes([data[0] ^ 1, *data[1:]])


def test_what_is_damaged_here_is_not_published(local, url, bucket):
    path = local / "call_DP/c/1/0"
    path.write_bytes(flip(path.read_bytes()))
    with pytest.raises(StoreError, match=r"array call_DP, chunk 2\.0, .* is damaged"):
        publish_store(local, url)
    assert not any(key.endswith("current.json") for key in keys(bucket))
    shutil.rmtree(local)


def test_what_is_not_there_is_said_in_one_sentence(url, service, monkeypatch, bucket):
    with pytest.raises(StoreError, match=r"s3://.*/some/where/cohort\.vcz is not there; give the address of a store"):
        StoreView.open(url)
    with pytest.raises(StoreError, match="is not there"):
        sweep_remote(url)
    bucket.put_object(Key="some/where/cohort.vcz/current.json", Body=json.dumps({"generation": 1}).encode())
    with pytest.raises(StoreError, match=r"current\.json is damaged"):
        StoreView.open(url)


def test_an_object_store_that_does_not_answer(url, monkeypatch):
    from genomics_dc.store import remote

    monkeypatch.setattr(remote, "RETRY", {"max_retries": 0, "retry_timeout": timedelta(seconds=1)})
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ResourceError, match="the object store does not answer as it should") as caught:
        StoreView.open(url)
    assert "secret" not in str(caught.value)
