"""What the writer refuses, what it lets be changed, and how fast a store of many chunks opens."""

import json
import time

import numpy as np
import pytest

from genomics_dc.errors import StoreError
from genomics_dc.store import schema
from genomics_dc.store.access import StoreFiles
from genomics_dc.store.chunks import ArrayMeta, decode, encode
from genomics_dc.store.place import LocalPlace
from genomics_dc.store.seal import RECORD, make_seal, read_seal, seal_text
from genomics_dc.store.writer import StoreWriter, metadata_files
from tests.store.making import arrays_of, make_store

ATTRIBUTES = {schema.ATTRIBUTE_VCF_ZARR_VERSION: schema.VCF_ZARR_VERSION}


def depth(n_variants, dtype="int8", inner=(10, 5), outer=(20, 10), n_samples=12):
    return ArrayMeta("call_DP", (n_variants, n_samples), dtype, ("variants", "samples"), inner, outer)


def test_a_chunk_is_put_once_and_each_is_put(tmp_path):
    writer = StoreWriter(tmp_path / "s.vcz")
    array = writer.array(depth(15))
    array.put_array((0, 0), np.ones((10, 5), dtype=np.int8))
    with pytest.raises(ValueError, match=r"chunk \(0, 0\) is put twice"):
        array.put_array((0, 0), np.ones((10, 5), dtype=np.int8))
    with pytest.raises(ValueError, match=r"has no chunk \(0, 3\)"):
        array.put_array((0, 3), np.ones((10, 5), dtype=np.int8))
    with pytest.raises(ValueError, match=r"has no chunk \(0,\)"):
        array.put((0,), b"x")
    with pytest.raises(ValueError, match=r"chunk \(0, 1\) was not put"):
        array.get((0, 1))
    with pytest.raises(ValueError, match="call_DP has 6 chunks, 1 were written"):
        writer.close(ATTRIBUTES, operation="build", n_variants=15)


@pytest.mark.parametrize("outer", [(10, 5), (20, 10), (10, 15), (40, 15)])
def test_the_number_of_variants_is_settled_at_the_end(tmp_path, outer):
    values = np.arange(35 * 12).reshape(35, 12).astype(np.int16)
    writer = StoreWriter(tmp_path / "s.vcz")
    array = writer.array(depth(10, "int16", outer=outer))
    for row in range(4):
        for column in range(3):
            part = values[row * 10 : row * 10 + 10, column * 5 : column * 5 + 5]
            array.put_array((row, column), part)
            np.testing.assert_array_equal(
                decode(array.meta, array.get((row, column)))[: len(part), : part.shape[1]], part
            )
    seal = writer.close(ATTRIBUTES, operation="build", n_variants=35, n_samples=12)
    files = StoreFiles(tmp_path / "s.vcz")
    np.testing.assert_array_equal(files.array("call_DP").read(), values)
    there = [path for path in (tmp_path / "s.vcz").rglob("*") if path.is_file() and "manifest" not in path.name]
    assert seal.n_files == len(there)
    assert seal.n_bytes == sum(path.stat().st_size for path in there)


def test_an_array_can_be_begun_again_and_the_first_read_meanwhile(tmp_path):
    """As when a later record asks for a wider type."""
    writer = StoreWriter(tmp_path / "s.vcz")
    values = np.arange(120).reshape(10, 12)
    narrow = writer.array(depth(10))
    for column in range(3):
        narrow.put_array((0, column), values[:, column * 5 : column * 5 + 5].astype(np.int8))
    wide = writer.array(depth(10, "int32"))
    for column in range(3):
        part = decode(narrow.meta, narrow.get((0, column))).astype(np.int32)
        wide.put_array((0, column), part[:, : 5 if column < 2 else 2])
    narrow.discard()
    writer.array(ArrayMeta("call_GQ", (10,), "int8", ("variants",), (10,), (10,))).put((0,), b"never read")
    writer.remove("call_GQ")
    writer.close(ATTRIBUTES, operation="build", n_variants=10, n_samples=12)
    files = StoreFiles(tmp_path / "s.vcz")
    assert files.names == ("call_DP",)
    np.testing.assert_array_equal(files.array("call_DP").read(), values)
    assert sorted(path.name for path in (tmp_path / "s.vcz").iterdir()) == [
        "call_DP",
        "manifest.bin",
        "manifest.json",
        "zarr.json",
    ]


def test_arrays_without_elements(tmp_path):
    arrays = {name: values[:0] for name, values in arrays_of(10, 6).items()}
    make_store(tmp_path / "s.vcz", arrays, inner=(10, 5), outer=(10, 5))
    files = StoreFiles(tmp_path / "s.vcz")
    assert files.array("call_genotype").read().shape == (0, 6, 2)
    assert files.array("variant_allele").read().shape == (0, 2)
    assert files.group["call_genotype"].shape == (0, 6, 2)


def test_the_seal_is_over_all_of_it(tmp_path):
    """Any byte of the seal, changed, is noticed; what it says comes back."""
    seal = make_store(tmp_path / "s.vcz", arrays_of(30, 6), inner=(10, 5), outer=(20, 10))
    path = tmp_path / "s.vcz" / "manifest.json"
    place = LocalPlace(tmp_path / "s.vcz")
    assert read_seal(place) == seal
    text = path.read_bytes()
    choose = np.random.default_rng(2)
    for at in choose.choice(len(text), 300, replace=False).tolist():
        broken = bytearray(text)
        broken[at] ^= 1 << int(choose.integers(8))
        path.write_bytes(broken)
        try:
            assert read_seal(place) == seal  # a blank between two values is no value
        except StoreError:
            continue
        assert json.loads(broken) == json.loads(text)
    path.write_bytes(b"")
    with pytest.raises(StoreError, match="is damaged"):
        read_seal(place)


def test_a_store_of_100_000_chunks_opens_in_under_50_ms(tmp_path):
    """Seal, manifest and metadata as such a store has them; no chunk is read to open it."""
    folder = tmp_path / "s.vcz"
    meta = ArrayMeta("call_DP", (1_000_000, 100_000), "int8", ("variants", "samples"), (1000, 1000), (1000, 10_000))
    assert meta.n_chunks == 100_000
    records = np.zeros(meta.n_chunks, dtype=RECORD)
    records["n_bytes"] = 1000
    records["sha256"] = np.frombuffer(np.random.default_rng(1).bytes(32 * meta.n_chunks), dtype="V32")
    metadata = metadata_files(ATTRIBUTES, {"call_DP": meta})
    seal, table = make_seal(metadata, {"call_DP": records.tobytes()}, n_files=1, n_bytes=1, generation=0)
    for key, data in {**metadata, "manifest.bin": table, "manifest.json": seal_text(seal).encode()}.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)

    def opened():
        started = time.perf_counter()
        files = StoreFiles(folder)
        assert files.array("call_DP").shape == (1_000_000, 100_000)
        assert files.table.record("call_DP", 77_777)[1] == 1000
        return time.perf_counter() - started

    assert min(opened() for _ in range(5)) < 0.05  # 1 ms alone on two cores; other tests may run beside this one


def test_a_damaged_page_of_the_manifest_hides_no_other(tmp_path):
    arrays = arrays_of(600, 2)
    arrays["call_DP"][:] = 1
    make_store(tmp_path / "s.vcz", arrays, inner=(1, 2), outer=(300, 2))
    path = tmp_path / "s.vcz" / "manifest.bin"
    data = bytearray(path.read_bytes())
    data[300 * RECORD.itemsize + 20] ^= 4  # call_DP is the first array; its second page has rows 256 to 512
    path.write_bytes(data)
    array = StoreFiles(tmp_path / "s.vcz").array("call_DP")
    assert array.rows(0, 256).all()
    assert array.rows(512, 600).all()
    with pytest.raises(StoreError, match=r"manifest\.bin is damaged where it lists chunks of array call_DP"):
        array.rows(300, 301)


def test_a_chunk_of_another_place_is_not_taken(tmp_path):
    """Files of two chunks swapped: each is whole, and each is refused."""
    arrays = arrays_of(40, 4)
    make_store(tmp_path / "s.vcz", arrays, inner=(10, 4), outer=(10, 4))
    one, two = tmp_path / "s.vcz/call_DP/c/1/0", tmp_path / "s.vcz/call_DP/c/2/0"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    array = StoreFiles(tmp_path / "s.vcz").array("call_DP")
    for coords in ((1, 0), (2, 0)):
        with pytest.raises(StoreError, match=r"array call_DP, chunk [12]\.0, variants [12]0 to [23]0, samples 0 to 4"):
            array.chunk(*coords)
    assert encode(array.meta, arrays["call_DP"][:10]) == array.encoded(0, 0)
