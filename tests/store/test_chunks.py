"""Chunks between memory and disk: what is encoded is decoded, bit for bit, and damage is never taken for values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from genomics_dc.errors import StoreError
from genomics_dc.kernels.vcf import vlen
from genomics_dc.store import chunks, schema
from genomics_dc.store.chunks import ArrayMeta, decode, decode_strings, encode, encode_strings

DTYPES = ["bool", "int8", "uint8", "int16", "int32", "int64", "float32", "float64"]
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


def meta_of(values, inner, name="call_X"):
    dimensions = ("variants", "samples", "x")[: values.ndim]
    dtype = "string" if values.dtype == object else values.dtype
    return ArrayMeta(name, values.shape, dtype, dimensions, inner, inner)


def bits(values):
    return np.ascontiguousarray(values).view(np.uint8).tobytes()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_numbers_come_back_bit_for_bit_and_padding_is_fill(data):
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    shape = data.draw(st.tuples(st.integers(1, 7), st.integers(1, 5)))
    values = data.draw(arrays_of.arrays(dtype, shape))
    inner = tuple(size + data.draw(st.integers(0, 3)) for size in shape)
    meta = meta_of(values, inner)
    whole = decode(meta, encode(meta, values))
    assert whole.dtype == dtype
    assert whole.shape == inner
    assert bits(whole[: shape[0], : shape[1]]) == bits(values)
    padding = np.ones(inner, dtype=bool)
    padding[: shape[0], : shape[1]] = False
    assert all(bits(one) == bits(np.asarray(meta.fill, dtype=dtype)) for one in whole[padding])


@pytest.mark.parametrize("name", ["call_genotype", "call_DP", "call_PL", "derived/packed_dosage", "variant_X"])
@pytest.mark.parametrize("constant", [False, True])
def test_the_same_values_give_the_same_bytes_in_every_thread(name, constant):
    from concurrent.futures import ThreadPoolExecutor

    dtype = np.uint8 if name.startswith("derived") else np.int16
    values = np.random.default_rng(1).integers(0, 1 if constant else 50, size=(700, 900)).astype(dtype)
    meta = meta_of(values, values.shape, name)
    expected = encode(meta, values)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: encode(meta, values), range(12))) == {expected}
    np.testing.assert_array_equal(decode(meta, expected), values)


def test_special_floats_keep_their_bits():
    missing, fill = schema.float_sentinels(np.dtype(np.float32))
    values = np.array([missing, fill, np.nan, np.inf, -np.inf, -0.0, 1e-45], dtype=np.float32)
    meta = meta_of(values, (9,), "variant_X")
    assert bits(decode(meta, encode(meta, values))[:7]) == bits(values)


@settings(max_examples=60, deadline=None)
@given(words=st.lists(WORDS, max_size=12), extra=st.integers(0, 3))
def test_text_comes_back(words, extra):
    values = np.empty(len(words), dtype=object)
    values[:] = words
    meta = meta_of(values, (max(len(words) + extra, 1),), "variant_X")
    encoded = encode(meta, values)
    assert decode(meta, encoded).tolist() == words + [""] * (meta.inner[0] - len(words))
    data, start, end = decode_strings(meta, encoded)
    whole = data.tobytes()
    assert [whole[a:b].decode() for a, b in zip(start, end, strict=True)][: len(words)] == words
    assert encode_strings(meta, data, start, end) == encoded  # spans of a buffer give the same bytes as strings


@given(words=st.lists(WORDS, max_size=12))
@settings(deadline=None)
def test_vlen_is_what_numcodecs_writes(words):
    from numcodecs.vlen import VLenUTF8

    values = np.empty(len(words), dtype=object)
    values[:] = words
    raw = [word.encode() for word in words]
    ends = np.cumsum([len(word) for word in raw], dtype=np.int64)
    starts = ends - np.array([len(word) for word in raw], dtype=np.int64)
    joined = vlen.join(np.frombuffer(b"".join(raw) or b"\0", dtype=np.uint8), starts, ends)
    assert joined.tobytes() == bytes(VLenUTF8().encode(values))


def test_text_that_does_not_fit_is_refused():
    good = vlen.join(np.frombuffer(b"abc", dtype=np.uint8), np.array([0, 1]), np.array([1, 3]))
    for bad in (good[:-1], good[:3], np.append(good, np.uint8(0)), good[[0, 1, 2, 3]]):
        with pytest.raises(ValueError, match="does not hold 2 texts"):
            vlen.split(bad, 2)
    huge = good.copy()
    huge[4:8] = 255
    with pytest.raises(ValueError, match="does not hold 2 texts"):
        vlen.split(huge, 2)
    with pytest.raises(ValueError, match="outside its buffer"):
        vlen.join(np.frombuffer(b"abc", dtype=np.uint8), np.array([1]), np.array([4]))


@pytest.mark.parametrize("kind", ["numbers", "text"])
def test_no_flipped_bit_is_decoded(kind):
    values = np.array(["ACGT", "A", ""], dtype=object) if kind == "text" else np.arange(30, dtype=np.int16)
    meta = meta_of(values, values.shape, "variant_X")
    encoded = encode(meta, values)
    for bit in range(8 * len(encoded)):
        broken = bytearray(encoded)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match="does not fit its CRC32C"):
            decode(meta, bytes(broken))
    for cut in (0, 3, len(encoded) - 1):
        with pytest.raises(ValueError, match="does not fit its CRC32C"):
            decode(meta, encoded[:cut])


def test_a_value_that_the_type_does_not_hold_is_refused():
    meta = ArrayMeta("call_DP", (2,), "int8", ("variants",), (2,), (2,))
    with pytest.raises(ValueError, match="holds int8, which does not hold every int16"):
        encode(meta, np.array([1, 300], dtype=np.int16))


def test_metadata_comes_back():
    for inner, outer in (((10, 4), (10, 4)), ((10, 4), (20, 8))):
        for dtype in [*DTYPES, "string"]:
            meta = ArrayMeta("call_X", (25, 7), dtype, ("variants", "samples"), inner, outer, description="Äx")
            assert ArrayMeta.from_metadata("call_X", meta.metadata()) == meta
    other = meta.metadata()
    other["codecs"] = [{"name": "bytes"}, {"name": "gzip", "configuration": {"level": 5}}]
    with pytest.raises(StoreError, match="array call_X is encoded in a way that this software does not write"):
        ArrayMeta.from_metadata("call_X", other)
    with pytest.raises(StoreError, match="is not described as stores of this software are"):
        ArrayMeta.from_metadata("call_X", {})
    with pytest.raises(ValueError, match="cannot hold whole chunks"):
        ArrayMeta("call_X", (25,), "int8", ("variants",), (10,), (15,))


@given(data=st.data())
@settings(deadline=None)
def test_every_chunk_lies_in_one_file(data):
    per = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 4)))
    shape = data.draw(st.tuples(st.integers(0, 40), st.integers(1, 30)))
    inner = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    outer = (inner[0] * per[0], inner[1] * per[1])
    meta = ArrayMeta("call_X", shape, "int8", ("variants", "samples"), inner, outer)
    held = [coords for file in meta.files() for coords in meta.chunks_of_file(file)]
    assert sorted(held) == list(np.ndindex(*meta.grid))
    assert [meta.number(coords) for coords in sorted(held)] == list(range(meta.n_chunks))
    covered = np.zeros(shape, dtype=int)
    for coords in held:
        covered[meta.extent(coords)] += 1
        key, slot = meta.file_of(coords)
        assert 0 <= slot < per[0] * per[1]
        assert key == meta.key(tuple(c // n for c, n in zip(coords, per, strict=True)))
    assert (covered == 1).all()


def test_the_checksum_goes_on():
    assert chunks.crc32c(b"123456789") == 0xE3069283
    assert chunks.crc32c(b"789", chunks.crc32c(b"123456")) == 0xE3069283
