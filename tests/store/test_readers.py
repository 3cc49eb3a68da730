"""Other programs read what the writer writes, with one inner chunk to a file and with many."""

import warnings

import numpy as np
import pytest
import zarr

from genomics_dc.store.access import StoreFiles
from tests.store.making import arrays_of, make_store

N_VARIANTS, N_SAMPLES = 450, 37
GRIDS = {
    "plain": {"inner": (100, 10), "outer": (100, 10)},
    "shards of samples": {"inner": (100, 10), "outer": (100, 30)},
    "shards of both": {"inner": (100, 10), "outer": (200, 20)},
    "one file": {"inner": (100, 10), "outer": (500, 40)},
}


@pytest.fixture(params=GRIDS, scope="module")
def store(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("readers") / "s.vcz"
    arrays = arrays_of(N_VARIANTS, N_SAMPLES)
    make_store(path, arrays, **GRIDS[request.param])
    return path, arrays


def same(found, values):
    found = np.asarray(found)
    if values.dtype.kind == "f":
        np.testing.assert_array_equal(found.view(f"u{values.itemsize}"), values.view(f"u{values.itemsize}"))
    elif values.dtype == object:
        assert found.astype(object).tolist() == values.tolist()
    else:
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(found, values)


def test_our_own_reader(store):
    path, arrays = store
    files = StoreFiles(path)
    choose = np.random.default_rng(3)
    for name, values in arrays.items():
        array = files.array(name)
        same(array.read(), values)
        same(array.rows(95, 310), values[95:310])
        same(array.rows(440, 9999), values[440:])
        same(array.rows(7, 7), values[7:7])
        if values.ndim > 1 and array.dimensions[1] == "samples":
            columns = choose.permutation(N_SAMPLES)[:9]
            same(array.rows(95, 310, columns), values[95:310][:, columns])
            same(array.rows(95, 310, columns[:0]), values[95:310][:, :0])
    with pytest.raises(IndexError, match="has a grid of"):
        files.array("call_DP").chunk(5, 0)


def test_zarr(store):
    path, arrays = store
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for group in (zarr.open_group(path, mode="r"), StoreFiles(path).group):
            for name, values in arrays.items():
                same(group[name][:], values)
            assert sorted(dict(group.arrays())) == sorted(name for name in StoreFiles(path).names if "/" not in name)


def test_xarray(store):
    import xarray

    path, arrays = store
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = xarray.open_zarr(path, consolidated=True, mask_and_scale=False)
        assert data.sizes["variants"] == N_VARIANTS
        assert data.sizes["samples"] == N_SAMPLES
        assert data.call_genotype.dims == ("variants", "samples", "ploidy")
        for name, values in arrays.items():
            if "/" not in name:
                same(data[name].values, values)
        checked = xarray.open_zarr(StoreFiles(path).group.store, consolidated=True, mask_and_scale=False)
        same(checked.call_DP[120:130, 5:30].values, arrays["call_DP"][120:130, 5:30])


def test_vcztools(store):
    import vcztools

    path, arrays = store
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with vcztools.VczReader(StoreFiles(path).group) as reader:
            chunks = list(reader.variant_chunks(fields=["call_genotype", "call_DP", "variant_position"]))
        same(np.concatenate([chunk["call_genotype"] for chunk in chunks]), arrays["call_genotype"])
        same(np.concatenate([chunk["call_DP"] for chunk in chunks]), arrays["call_DP"])
        with vcztools.VczReader(zarr.open_group(path, mode="r")) as reader:
            reader.set_sample_indexes(np.array([36, 3, 21]))
            chunks = list(reader.variant_chunks(fields=["call_genotype"]))
        same(np.concatenate([chunk["call_genotype"] for chunk in chunks]), arrays["call_genotype"][:, [36, 3, 21]])


def test_sgkit(store):
    path, arrays = store
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import sgkit

        data = sgkit.load_dataset(str(path))
        same(data.call_genotype.values, arrays["call_genotype"])
        data["call_genotype_mask"] = data.call_genotype < 0
        statistics = sgkit.variant_stats(data, merge=False)
    called = (arrays["call_genotype"] >= 0).all(axis=2)
    np.testing.assert_array_equal(statistics.variant_n_called.values, called.sum(axis=1))
    heterozygous = called & (arrays["call_genotype"].sum(axis=2) == 1)
    np.testing.assert_array_equal(statistics.variant_n_het.values, heterozygous.sum(axis=1))
