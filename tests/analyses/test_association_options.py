"""Permutations, dominance by hand, files of many traits, and bad input of every kind that a scan meets."""

from __future__ import annotations

import json
import math
import resource

import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from genomics_dc.analyses.association import AssociationResult, associate_to_file
from genomics_dc.analyses.view import open_store
from genomics_dc.errors import InputError, OutputExistsError, StoreError, UsageError
from genomics_dc.kernels import linear, tails
from genomics_dc.results import PROVENANCE_KEY
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf, write_vcf

N_SAMPLES = 60


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    vcf = write_cohort_vcf(folder / "c.vcf", n_samples=N_SAMPLES, n_variants=60, seed=3)
    build_store(vcf, folder / "c.vcz")
    return open_store(folder / "c.vcz")


@pytest.fixture(scope="module")
def people(view):
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"IID": [str(name) for name in view.sample_ids]})
    frame["age"] = rng.normal(50, 10, N_SAMPLES).round()
    frame["height"] = rng.normal(size=N_SAMPLES) + 0.02 * frame["age"]
    frame["weight"] = rng.normal(size=N_SAMPLES)
    frame["case"] = (rng.random(N_SAMPLES) < 0.4).astype(int)
    frame.loc[[5, 6, 7], "weight"] = np.nan
    return frame


def made(folder, records, samples, **options):
    vcf = write_vcf(folder / "x.vcf", records, samples=samples, contigs=[("1", 10_000), ("X", 10_000)], **options)
    build_store(vcf, folder / "x.vcz")
    return open_store(folder / "x.vcz")


def test_permutations_are_their_definition(view, people):
    options = {"traits": ["height", "weight"], "covariate_names": ["age"]}
    result = view.associate(people, permutations=70, seed=5, **options)
    table = result.to_pandas()
    dosage = view.dosage()
    for trait in options["traits"]:
        keep = people[trait].notna().to_numpy()
        prepared = linear.design(people.loc[keep, [trait]].to_numpy(), people.loc[keep, ["age"]].to_numpy())
        rest = prepared.residuals[:, 0]
        columns = [rest[np.random.default_rng([5, k]).permutation(rest.size)] for k in range(70)]
        again = linear.fit(dosage[:, keep], linear.design(np.array(columns).T, people.loc[keep, ["age"]].to_numpy()))
        rows = table[table["trait"] == trait]
        observed = rows["neg_log_10_p_value"].to_numpy()
        tested = ~np.isnan(observed)
        as_good = (again.neg_log10_p >= observed[:, None] - 1e-9).sum(axis=1)
        best = np.nanmax(again.neg_log10_p, axis=0)
        of_best = (best[None] >= observed[:, None] - 1e-9).sum(axis=1)
        assert rows["p_permutation"][tested].tolist() == pytest.approx(((1 + as_good) / 71)[tested])
        assert rows["p_max_t"][tested].tolist() == pytest.approx(((1 + of_best) / 71)[tested])
        assert rows["p_permutation"][~tested].isna().all()
    assert "70, of what the covariates leave" in str(result.provenance.parameters["permutations"])
    assert result.provenance.seed == 5


def test_permutations_hang_on_the_seed_alone(view, people, tmp_path):
    options = {"traits": ["height"], "covariate_names": ["age"], "permutations": 130}
    first = view.associate(people, threads=1, seed=1, **options)
    second = view.associate(people, threads=3, seed=1, **options)
    assert first.table.equals(second.table)
    assert not first.table.equals(view.associate(people, seed=2, **options).table)
    adaptive = view.associate(people, threads=2, adaptive=True, **options).to_pandas()
    assert "p_max_t" not in adaptive
    common = adaptive["p_value"] > 0.5
    assert (adaptive["p_permutation"][common] > 0.2).all()  # ten soon did as well
    assert adaptive["p_permutation"].dropna().between(1 / 131, 1).all()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"permutations": 0}, UsageError, "must be 1 or more"),
        ({"permutations": 5, "model": "logistic", "traits": ["case"]}, UsageError, "permutations are of the linear"),
        ({"coding": "additiv"}, UsageError, "coding must be one of additive, dominant"),
        ({"dosage": "HD"}, UsageError, "dosage must be one of GT, DS, GP"),
        ({"dosage": "DS"}, InputError, "has no DS of its samples; it has"),
        ({"xchr_model": 3}, UsageError, "xchr_model must be 0, 1 or 2"),
        ({"interaction": ["age"]}, UsageError, "interaction with age needs it among the covariates; they are none"),
        ({"interaction": ["age"], "coding": "hethom", "covariate_names": ["age"]}, UsageError, "coding of one term"),
        ({"model": "spa", "coding": "genotypic", "traits": ["case"]}, UsageError, "saddlepoint is of the score test"),
        ({"condition": ["v1", "nothing"]}, InputError, "variant nothing of the condition is not in"),
        ({"sex": "gender"}, InputError, "there is no column gender with the sex"),
        ({"sex": "age"}, InputError, "must hold the sex as M and F"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(view, people, options, error, words):
    with pytest.raises(error, match=words) as caught:
        view.associate(people, **{"traits": ["height"], **options})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("coding", ["dominant", "recessive"])
def test_codings_by_the_additive_model_of_recoded_people(view, people, coding):
    """A dominant effect is the additive one where two copies count as one."""
    found = view.associate(people, traits=["height"], coding=coding).to_pandas()
    dosage = view.dosage()
    recoded = {"dominant": np.minimum(dosage, 1), "recessive": np.where(dosage > 0, dosage - 1, dosage)}[coding]
    fitted = linear.fit(recoded.astype(np.int8), linear.design(people[["height"]].to_numpy(), np.empty((60, 0))))
    np.testing.assert_allclose(found["beta"], fitted.beta[:, 0], rtol=1e-10)
    np.testing.assert_allclose(found["neg_log_10_p_value"], fitted.neg_log10_p[:, 0], rtol=1e-10, atol=1e-12)
    plain = view.associate(people, traits=["height"]).to_pandas()
    np.testing.assert_array_equal(found["effect_allele_frequency"], plain["effect_allele_frequency"])
    assert set(found["test"]) == {coding[:3].upper()}


def test_spa_says_so(view, people):
    result = view.associate(people, traits=["case"], model="spa", covariate_names=["age"])
    counts = result.status_counts()
    assert counts["score"] > counts.get("spa", 0)
    assert "saddlepoint" in str(result.provenance.parameters["rule"])


def test_a_file_of_many_traits_has_the_rows_of_the_result(view, people, tmp_path):
    options = {"traits": ["height", "weight", "age"]}
    whole = view.associate(people, **options)
    for at_once in (1, 2, 9):
        target = tmp_path / f"{at_once}.parquet"
        found = associate_to_file(view, people, target, traits_at_once=at_once, **options)
        assert parquet.read_table(target).to_pandas().equals(parquet.read_table(target).to_pandas())
        pd.testing.assert_frame_equal(found.read().to_pandas().astype(object), whole.to_pandas().astype(object))
        assert found.status_counts == whole.status_counts()
        assert found.lambda_gc == whole.lambda_gc()
        assert {k: v["variant_id"] for k, v in found.strongest.items()} == {
            name: whole.top(1, trait=name).table["variant_id"][0].as_py() for name in whole.traits
        }
        said = json.loads(parquet.read_schema(target).metadata[PROVENANCE_KEY])
        assert said["parameters"]["traits"] == options["traits"]
        assert polars.read_parquet(target).shape == (len(whole), 14)
    with pytest.raises(OutputExistsError):
        associate_to_file(view, people, target, **options)
    with pytest.raises(UsageError, match=r"written as \.parquet"):
        associate_to_file(view, people, tmp_path / "r.tsv", **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.parquet", "2.parquet", "9.parquet"]


def test_room_that_is_used_again_is_not_taken_for_what_lay_there(view, people, tmp_path, monkeypatch):
    """Batches share memory, and a file stores once what is the same memory: each row group has its own numbers."""
    monkeypatch.setattr("genomics_dc.parquet._ROWS_PER_GROUP_MIN", 1)
    rng = np.random.default_rng(9)
    table = people[["IID"]].copy()
    # traits of a pair miss the same people, of other pairs others: other variants are untested
    for pair, n_missing in enumerate([0, 20, 45, 30, 50]):
        missing = rng.choice(len(table), size=n_missing, replace=False)
        for one in range(2):
            table[f"t{pair}{one}"] = rng.normal(size=len(table))
            table.loc[missing, f"t{pair}{one}"] = np.nan
    names = [name for name in table.columns if name != "IID"]
    whole = view.associate(table, traits=names)
    by_trait = [whole.of_trait(name).status_counts() for name in names]
    assert by_trait[0] == by_trait[1] != by_trait[4] != by_trait[8]
    found = associate_to_file(view, table, tmp_path / "r.parquet", traits=names, traits_at_once=2)
    assert parquet.ParquetFile(tmp_path / "r.parquet").metadata.num_row_groups == len(names)
    pd.testing.assert_frame_equal(found.read().to_pandas().astype(object), whole.to_pandas().astype(object))


@pytest.mark.parametrize("n_traits", [1_000, pytest.param(10_000, marks=pytest.mark.exhaustive)])
def test_many_traits_take_the_memory_of_some(view, people, tmp_path, n_traits):
    rng = np.random.default_rng(1)
    names = [f"t{number}" for number in range(n_traits)]
    table = pa.table({"IID": people["IID"].tolist(), **dict(zip(names, rng.normal(size=(n_traits, 60)), strict=True))})
    few = view.variants(index=range(20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = associate_to_file(few, table, tmp_path / "many.parquet", traits=names, traits_at_once=200, threads=1)
    assert len(found) == 20 * n_traits
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 << 10  # KiB
    file = parquet.ParquetFile(tmp_path / "many.parquet")
    assert file.metadata.num_row_groups < 100  # small ones are joined
    alone = few.associate(table, traits=names[-1:])
    last = file.read(columns=["trait", "p_value"]).slice(20 * n_traits - 20)
    assert set(last["trait"].to_pylist()) == set(names[-1:])
    assert last["p_value"].equals(alone.table["p_value"])


def test_half_a_file_is_no_file(view, people, tmp_path):
    with pytest.raises(InputError):
        associate_to_file(view, people.assign(weight=1.0), tmp_path / "r.parquet", traits=["height", "weight"])
    assert not list(tmp_path.iterdir())


def test_haploid_triploid_half_and_sixty_alleles(tmp_path):
    samples = [f"S{number}" for number in range(12)]
    alleles = ",".join("A" * length for length in range(2, 62))
    calls = ["0/0", "0/1", "1/1", "0", "1", "0/1/1", "./.", "0/.", "0|1", "1|1", "0/0", "0/1"]
    wide = ["0/0", "0/1", "1/1", "1/60", "60/60", "7/9", "0/1", "1/1", "0/0", "59/1", "0/0", "./."]
    view = made(
        tmp_path,
        [
            "1 10 odd A G . PASS . GT " + " ".join(calls),
            f"1 20 wide A {alleles} . PASS . GT " + " ".join(wide),
        ],
        samples,
    )
    trait = np.array([1.0, 2, 4, 1.5, 3.5, 9, 9, 9, 2.5, 4.5, 0.5, 2])
    frame = pd.DataFrame({"IID": samples, "y": trait})
    odd, of_first = view.associate(frame, traits=["y"]).table.to_pylist()
    kept = [0, 1, 2, 3, 4, 8, 9, 10, 11]  # three copies and half a call are missing, one copy counts twice
    dose = [0, 1, 2, 0, 2, 1, 2, 0, 1]
    assert odd["n"] == 9
    assert odd["beta"] == pytest.approx(np.polyfit(dose, trait[kept], 1)[0])
    first = [0, 1, 2, 1, 0, 0, 1, 2, 0, 1, 0]
    assert of_first["n"] == 11
    assert of_first["beta"] == pytest.approx(np.polyfit(first, trait[:11], 1)[0])
    assert of_first["other_allele"].count(",") == 59


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([np.inf] + [1.0] * 59, "row 1, column bad: expected a number, found infinity"),
        ([np.nan] * 60, "covariate bad is missing in all samples"),
        (["x"] * 60, "row 1, column bad: expected a number, found text"),
        ([2.0] * 60, "covariate bad has the same value in all 60 samples"),
    ],
)
def test_bad_covariates_are_named(view, people, column, words):
    with pytest.raises(InputError, match=words):
        view.associate(people.assign(bad=column), traits=["height"], covariate_names=["age", "bad"])


@pytest.mark.parametrize("samples", [1, 2])
def test_hardly_anybody(view, people, samples):
    few = view.samples([str(name) for name in view.sample_ids[:samples]])
    with pytest.raises(InputError, match="samples with all values, but 0 covariates, an intercept and a variant"):
        few.associate(people, traits=["weight"])


def test_ids_on_both_sides_are_counted(view, people):
    frame = pd.concat([people.iloc[:50], people.iloc[:3].assign(IID=["a", "b", "c"])])
    result = view.associate(frame, traits=["height"])
    assert result.provenance.parameters["rows_without_sample"] == {"phenotypes": 3}
    assert result.provenance.parameters["samples_without_row"] == {"phenotypes": 10}
    for changed, words in (
        (frame.iloc[:51], "1 of 51 samples that the store does not have"),
        (people[:50], "no row for 10"),
    ):
        with pytest.raises(InputError, match=words):
            view.associate(changed, traits=["height"], strict=True)
    with pytest.raises(InputError, match="stands there already"):
        view.associate(pd.concat([people, people[:1]]), traits=["height"])


def test_case_control_as_text_is_refused_by_name(view, people):
    words = np.where(people["case"] == 1, "case", "control")
    with pytest.raises(InputError, match="column case: expected a number, found text"):
        view.associate(people.assign(case=words), traits=["case"], model="logistic")


def test_p_below_what_a_float_holds(view, people):
    dosage = view.dosage()
    row = int(np.argmax((dosage >= 0).sum(axis=1) * (np.abs(dosage.clip(0).mean(axis=1) - 1) < 0.5)))
    rng = np.random.default_rng(2)
    frame = people.assign(height=dosage[row].clip(0) * 1e6 + rng.normal(size=60) * 1e-3)
    rows = view.associate(frame, traits=["height"]).table.to_pylist()
    assert rows[row]["p_value"] == 0.0
    assert rows[row]["neg_log_10_p_value"] > 308
    t = rows[row]["beta"] / rows[row]["standard_error"]
    assert rows[row]["neg_log_10_p_value"] == pytest.approx(float(tails.neg_log10_p_t(t, rows[row]["n"] - 2)), rel=1e-9)


def test_a_packed_array_that_is_not_the_genotypes_is_found(tmp_path, people):
    """The packed genotypes lie beside the calls; a chunk that was changed by hand does not pass its checksum."""
    vcf = write_cohort_vcf(tmp_path / "c.vcf", n_samples=N_SAMPLES, n_variants=30, seed=9)
    build_store(vcf, tmp_path / "c.vcz")
    chunks = [
        path for path in (tmp_path / "c.vcz").rglob("*packed*/**/*") if path.is_file() and path.name != "zarr.json"
    ]
    assert chunks
    data = bytearray(chunks[0].read_bytes())
    data[len(data) // 2] ^= 0x10
    chunks[0].write_bytes(bytes(data))
    with pytest.raises(StoreError):
        open_store(tmp_path / "c.vcz").associate(people, traits=["height"])


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_an_added_constant_or_a_twin_changes_nothing(view, people, seed):
    rng = np.random.default_rng(seed)
    frame = people.assign(height=rng.normal(size=60))
    base = view.associate(frame, traits=["height"], covariate_names=["age"]).to_pandas()
    moved = view.associate(
        frame.assign(age=frame["age"] + 1000), traits=["height"], covariate_names=["age"]
    ).to_pandas()
    np.testing.assert_allclose(moved["neg_log_10_p_value"], base["neg_log_10_p_value"], rtol=1e-6, atol=1e-9)
    both = view.associate(frame.assign(twin=frame["height"]), traits=["height", "twin"], covariate_names=["age"])
    assert isinstance(both, AssociationResult)
    assert both.of_trait("twin").table["beta"].equals(both.of_trait("height").table["beta"])
    assert both.of_trait("twin").to_pandas()["beta"].equals(base["beta"])


def test_collinear_variants_name_the_covariate(view, people):
    dosage = view.dosage()
    row = int(np.flatnonzero((dosage.min(axis=1) >= 0) & (dosage.max(axis=1) > 0))[0])
    frame = people.assign(copy=dosage[row] * 2.0 + 1)
    result = view.associate(frame, traits=["height"], covariate_names=["age", "copy"])
    assert result.to_pandas()["status"][row] == "collinear"
    name = view.sites().variant_id[row]
    assert f"variant {name} is collinear with covariate copy in the samples of trait height" in result.notes
    assert not math.isnan(result.lambda_gc()["height"])
