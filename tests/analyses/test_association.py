"""The scan over a view: least squares row by row, missing values, threads and chunks, bad input, plots, files."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import parquet
from scipy import stats

from genomics_dc.analyses.association import AssociationResult, associate
from genomics_dc.analyses.view import open_store
from genomics_dc.errors import InputError, OutputExistsError, UsageError
from genomics_dc.results import PROVENANCE_KEY
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf

N_SAMPLES = 60
SSF = [
    "chromosome",
    "base_pair_location",
    "effect_allele",
    "other_allele",
    "beta",
    "standard_error",
    "effect_allele_frequency",
    "p_value",
    "neg_log_10_p_value",
    "n",
    "variant_id",
    "trait",
    "test",
    "status",
]


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    vcf = write_cohort_vcf(folder / "c.vcf", n_samples=N_SAMPLES, n_variants=250, seed=3, many_alleles=10)
    build_store(vcf, folder / "c.vcz")
    return open_store(folder / "c.vcz")


@pytest.fixture(scope="module")
def people(view):
    """Traits with their own missing values, covariates, and case-control codings, by sample."""
    rng = np.random.default_rng(4)
    dosage = view.dosage()
    strong = int(np.argmin(np.abs(dosage.clip(0).mean(axis=1) - 1)))
    frame = pd.DataFrame({"IID": [str(name) for name in view.sample_ids]})
    frame["age"] = rng.normal(50, 10, N_SAMPLES).round()
    frame["pc1"] = rng.normal(0, 0.01, N_SAMPLES)
    frame["height"] = rng.normal(size=N_SAMPLES) + 1.5 * dosage[strong].clip(0) + 0.02 * frame["age"]
    frame["weight"] = rng.normal(size=N_SAMPLES) + 3
    frame["same_people_as_height"] = rng.normal(size=N_SAMPLES)
    frame["case"] = (rng.random(N_SAMPLES) < 0.4).astype(int)
    frame.loc[[3, 8], ["height", "same_people_as_height"]] = np.nan
    frame.loc[[5, 6, 7], "weight"] = np.nan
    frame.loc[[10], "age"] = np.nan
    return frame


def plain(view, people, trait, covariates):
    """Least squares of each variant by the definition: {variant row: (beta, se, p, n)}."""
    found = {}
    for row, dosage in enumerate(view.dosage()):
        x = np.column_stack(
            [np.ones(N_SAMPLES), *(people[name] for name in covariates), np.where(dosage < 0, np.nan, dosage)]
        )
        y = people[trait].to_numpy(dtype=float)
        keep = ~np.isnan(x).any(axis=1) & ~np.isnan(y)
        x, y = x[keep], y[keep]
        df = len(y) - x.shape[1]
        if df < 1 or np.ptp(x[:, -1]) == 0:
            continue
        solution, *_ = np.linalg.lstsq(x, y, rcond=None)
        rest = y - x @ solution
        error = math.sqrt(rest @ rest / df * np.linalg.inv(x.T @ x)[-1, -1])
        found[row] = (solution[-1], error, 2 * stats.t.sf(abs(solution[-1] / error), df), len(y))
    return found


def test_every_row_equals_least_squares(view, people):
    traits = ["height", "weight", "same_people_as_height"]
    result = view.associate(people, traits=traits, covariate_names=["age", "pc1"], threads=2)
    assert result.table.column_names == SSF
    assert len(result) == 3 * view.n_variants
    assert result.samples_by_trait == {"height": 57, "weight": 56, "same_people_as_height": 57}
    for trait in traits:
        expected = plain(view, people, trait, ["age", "pc1"])
        rows = result.of_trait(trait).table.to_pylist()
        assert {i for i, row in enumerate(rows) if row["status"] == "ok"} == set(expected)
        for i, (beta, error, p, n) in expected.items():
            assert rows[i]["beta"] == pytest.approx(beta, rel=1e-7, abs=1e-10)
            assert rows[i]["standard_error"] == pytest.approx(error, rel=1e-7)
            assert rows[i]["p_value"] == pytest.approx(p, rel=1e-6)
            assert rows[i]["neg_log_10_p_value"] == pytest.approx(-math.log10(p), rel=1e-6, abs=1e-9)
            assert rows[i]["n"] == n


def test_a_trait_gains_and_loses_no_sample_by_its_company(view, people):
    traits = ["height", "weight", "same_people_as_height"]
    together = view.associate(people, traits=traits, covariate_names=["age"])
    for trait in traits:
        alone = view.associate(people, traits=[trait], covariate_names=["age"])
        ours, theirs = together.of_trait(trait).to_pandas(), alone.to_pandas()
        for name in SSF:
            assert ours[name].astype(str).tolist() == theirs[name].astype(str).tolist(), name


def test_a_variant_that_cannot_be_tested_stays_with_its_reason(view, people):
    result = view.associate(people, traits=["height"])
    table = result.table
    assert result.status_counts()["monomorphic"] > 0
    untested = table.filter(pc.not_equal(table["status"].cast(pa.string()), "ok"))
    for name in ("beta", "standard_error", "p_value", "neg_log_10_p_value"):
        assert untested[name].null_count == untested.num_rows
    assert untested["n"].null_count == 0
    assert sum(result.status_counts().values()) == view.n_variants


def test_alleles_and_frequencies(view, people):
    sites = view.sites()
    rows = view.associate(people, traits=["weight"]).table.to_pylist()
    keep = people["weight"].notna().to_numpy()
    for i, (row, dosage) in enumerate(zip(rows, view.dosage()[:, keep], strict=True)):
        alts = sites.alt[i].split(",")
        assert row["effect_allele"] == alts[0]
        assert row["other_allele"] == ",".join([sites.ref[i], *alts[1:]])
        assert (row["chromosome"], row["base_pair_location"]) == (sites.contig[i], sites.position[i])
        assert row["effect_allele_frequency"] == pytest.approx(dosage[dosage >= 0].mean() / 2)


@pytest.mark.parametrize("model", ["linear", "logistic"])
def test_same_bytes_for_any_threads(view, people, model, tmp_path):
    trait = "height" if model == "linear" else "case"
    for threads in (1, 2, 5):
        result = view.associate(people, traits=[trait], covariate_names=["age"], model=model, threads=threads)
        result.write(tmp_path / f"{threads}.parquet")
    first = (tmp_path / "1.parquet").read_bytes()
    assert first == (tmp_path / "2.parquet").read_bytes() == (tmp_path / "5.parquet").read_bytes()


def test_the_part_equals_the_whole(view, people):
    whole = view.associate(people, traits=["height"], covariate_names=["age"]).to_pandas()
    part = view.region("20:1,000,500-1,001,500")
    rows = part.sites().index
    some = part.associate(people, traits=["height"], covariate_names=["age"]).to_pandas()
    assert 0 < len(some) < len(whole)
    pd.testing.assert_frame_equal(some.astype(object), whole.iloc[rows].reset_index(drop=True).astype(object))


def test_order_of_people_does_not_matter(view, people):
    base = view.associate(people, traits=["height"], covariate_names=["age"]).to_pandas()
    shuffled_rows = people.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        view.associate(shuffled_rows, traits=["height"], covariate_names=["age"]).to_pandas(), base
    )
    other = view.samples(list(view.sample_ids)[::-1])
    found = other.associate(people, traits=["height"], covariate_names=["age"]).to_pandas()
    np.testing.assert_allclose(found["beta"], base["beta"], rtol=1e-8, atol=1e-11)
    np.testing.assert_array_equal(found["n"], base["n"])


def test_logistic_codings_and_firth_are_marked(view, people):
    result = view.associate(people, traits=["case"], covariate_names=["age"], model="logistic", fit_all=True)
    counts = result.status_counts()
    assert counts["ok"] > 100
    assert counts["firth"] > 0
    assert set(counts) <= {"ok", "firth", "monomorphic"}
    table = result.to_pandas()
    assert ((table["test"] == "FIRTH") == (table["status"] == "firth")).all()
    twos = people.assign(case=people["case"] + 1)
    again = view.associate(twos, traits=["case"], covariate_names=["age"], model="logistic", fit_all=True)
    pd.testing.assert_frame_equal(again.to_pandas(), table)
    throughout = view.associate(people, traits=["case"], covariate_names=["age"], model="firth").to_pandas()
    assert set(throughout["status"]) <= {"firth", "monomorphic"}
    both = (table["status"] == "firth").to_numpy()
    np.testing.assert_array_equal(throughout["beta"][both], table["beta"][both])


def test_logistic_fits_what_the_score_test_lets_through(view, people):
    options = {"traits": ["case"], "covariate_names": ["age"], "model": "logistic"}
    every = view.associate(people, fit_all=True, **options).to_pandas()
    result = view.associate(people, **options)
    scan = result.to_pandas()
    scored = (scan["status"] == "score").to_numpy()
    assert 100 < scored.sum() < len(scan)
    assert ((scan["test"] == "SCORE") == scored).all()
    pd.testing.assert_frame_equal(scan[~scored].astype(object), every[~scored].astype(object))
    assert scan["p_value"][scored].min() > 0.1
    assert every["p_value"][scored].min() > 0.05
    assert "score test" in str(result.provenance.parameters["rule"])
    np.testing.assert_array_equal(scan["n"], every["n"])
    np.testing.assert_array_equal(scan["effect_allele_frequency"], every["effect_allele_frequency"])


def test_score_test_is_the_definition(view, people):
    """Rao's statistic of the full information at the null estimate, from the matrix itself; complete genotypes."""
    api = pytest.importorskip("statsmodels.api")
    frame = people.dropna(subset=["age"])
    rows = frame.index.to_numpy()
    x = np.column_stack([np.ones(len(rows)), (frame["age"] - 50) / 10])
    cases = frame["case"].to_numpy(dtype=float)
    p = api.Logit(cases, x).fit(disp=False, tol=1e-14).predict(x)
    scan = view.associate(people, traits=["case"], covariate_names=["age"], model="logistic").to_pandas()
    compared = 0
    for v, dosage in enumerate(view.dosage()[:, rows]):
        if scan["status"][v] != "score" or (dosage < 0).any():
            continue
        whole = np.column_stack([x, dosage])
        information = (whole * (p * (1 - p))[:, None]).T @ whole
        variance = np.linalg.inv(information)[-1, -1]
        score = dosage @ (cases - p)
        assert scan["beta"][v] == pytest.approx(score * variance, rel=1e-6, abs=1e-9)
        assert scan["standard_error"][v] == pytest.approx(math.sqrt(variance), rel=1e-6)
        assert scan["p_value"][v] == pytest.approx(stats.chi2.sf(score**2 * variance, 1), rel=1e-6)
        compared += 1
    assert compared > 20


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (
            {"IID": lambda f: ["S0000", *(f"X{i}" for i in range(N_SAMPLES - 1))]},
            {"strict": True},
            r"59 of 60 samples that the store",
        ),
        ({"height": lambda f: 1.0}, {}, "trait height has the same value"),
        ({"height": lambda f: np.nan}, {}, "trait height is missing in all 60 samples of the view"),
        ({"height": lambda f: ["short"] * N_SAMPLES}, {}, "row 1, column height: expected a number"),
        ({"age": lambda f: 7.0}, {"covariate_names": ["age"]}, "covariate age has the same value in all 58"),
        (
            {"sum": lambda f: f["age"] - 3 * f["pc1"]},
            {"covariate_names": ["pc1", "weight", "age", "sum"]},
            r"covariate sum is collinear with covariates pc1, age over",
        ),
        (
            {"copy": lambda f: 2 * f["height"] + 1},
            {"covariate_names": ["pc1", "copy"]},
            "trait height is collinear with covariate copy over the 58 samples",
        ),
        ({}, {"traits": ["size"]}, "has no column size"),
        ({}, {"traits": ["height"], "model": "logistic"}, "58 values .*needs two"),
        ({"case": lambda f: np.arange(N_SAMPLES) % 3}, {"traits": ["case"], "model": "logistic"}, "3 values .0, 1, 2"),
        (
            {"told": lambda f: f["case"] * 5.0 + f["pc1"]},
            {"traits": ["case"], "covariate_names": ["pc1", "told"], "model": "logistic"},
            "covariate told alone tells cases from controls of trait case",
        ),
    ],
)
def test_bad_input_is_one_sentence(view, people, change, options, words):
    frame = people.assign(**change)
    with pytest.raises(InputError, match=words) as caught:
        view.associate(frame, **{"traits": ["height"], **options})
    assert "\n" not in str(caught.value)


def test_more_covariates_than_samples(view, people):
    rng = np.random.default_rng(1)
    many = pd.DataFrame(rng.normal(size=(N_SAMPLES, 70)), columns=[f"c{j}" for j in range(70)])
    many.insert(0, "IID", people["IID"])
    with pytest.raises(InputError, match="58 samples with all values, but 70 covariates, an intercept and a variant"):
        view.associate(people, traits=["height"], covariates=many)


def test_usage(view, people):
    with pytest.raises(UsageError, match="model must be one of"):
        associate(view, people, traits=["height"], model="cox")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"no variant of .* is left"):
        view.variants(index=[]).associate(people, traits=["height"])
    with pytest.raises(InputError, match="no sample is left"):
        view.samples([]).associate(people, traits=["height"])


def test_top_and_lambda(view, people):
    result = view.associate(people, traits=["height", "weight"])
    best = result.top(3, trait="height").to_pandas()
    column = result.of_trait("height").to_pandas()["neg_log_10_p_value"]
    assert best["neg_log_10_p_value"].tolist() == column.nlargest(3).tolist()
    assert len(result.top(5)) == 5
    p = result.of_trait("height").to_pandas()["p_value"].dropna()
    chi2 = stats.chi2.isf(p, 1)
    assert result.lambda_gc()["height"] == pytest.approx(np.median(chi2) / stats.chi2.median(1), rel=0.02)
    with pytest.raises(UsageError, match="name one of the traits height, weight"):
        result.of_trait()
    with pytest.raises(UsageError, match="size is not a trait"):
        result.of_trait("size")


def test_provenance_says_what_was_asked(view, people, tmp_path):
    result = view.associate(people, traits=["case"], covariate_names=["age"], model="logistic")
    path = result.write(tmp_path / "r.parquet")
    text = parquet.read_schema(path).metadata[PROVENANCE_KEY].decode()
    assert view.store_hash in text
    assert "Firth" in text
    assert '"covariates":["age"]' in text
    assert "threads" not in text
    assert repr(result).startswith("AssociationResult(260 rows x 14 columns")


def test_tsv_prints_missing_as_na(view, people, tmp_path):
    result = view.associate(people, traits=["height"])
    again = pd.read_csv(result.write(tmp_path / "r.tsv"), sep="\t")
    assert again["beta"].isna().sum() == result.table["beta"].null_count
    assert again["beta"].dropna().tolist() == [b for b in result.table["beta"].to_pylist() if b is not None]


def test_plink2_files(view, people, tmp_path):
    result = view.associate(people, traits=["height", "weight"])
    paths = result.to_plink2(tmp_path / "out")
    assert [path.name for path in paths] == ["out.height.glm.linear", "out.weight.glm.linear"]
    lines = paths[0].read_text().splitlines()
    assert lines[0] == "#CHROM\tPOS\tID\tREF\tALT\tA1\tTEST\tOBS_CT\tBETA\tSE\tT_STAT\tP\tERRCODE"
    assert len(lines) == 1 + view.n_variants
    for line, row in zip(lines[1:], result.of_trait("height").table.to_pylist(), strict=True):
        cells = line.split("\t")
        if row["status"] == "ok":
            assert float(cells[8]) == pytest.approx(row["beta"], rel=1e-5)
            assert float(cells[11]) == pytest.approx(row["p_value"], rel=1e-5)
            assert cells[12] == "."
        else:
            assert cells[8:] == ["NA"] * 4 + [row["status"].upper()]
    with pytest.raises(OutputExistsError):
        result.to_plink2(tmp_path / "out")
    with pytest.raises(UsageError, match="2 traits"):
        result.to_plink2(tmp_path / "one.glm.linear")
    hybrid = view.associate(people, traits=["case"], model="logistic").to_plink2(tmp_path / "c.glm.logistic.hybrid")
    assert hybrid[0].read_text().splitlines()[0].split("\t")[6:13] == [
        "FIRTH?",
        "TEST",
        "OBS_CT",
        "OR",
        "LOG(OR)_SE",
        "Z_STAT",
        "P",
    ]


def test_plink2_prints_p_that_no_float_holds(view, people, tmp_path):
    result = view.associate(people, traits=["height"])
    column = SSF.index("neg_log_10_p_value")
    tiny = pa.array([450.25] * len(result))
    made = AssociationResult(result.table.set_column(column, SSF[column], tiny), result.provenance)
    line = made.to_plink2(tmp_path / "t.glm.linear")[0].read_text().splitlines()[1]
    mantissa, exponent = line.split("\t")[11].split("e-")
    assert exponent == "451"
    assert float(mantissa) == pytest.approx(10**0.75, rel=1e-5)


def test_a_name_that_could_leave_the_folder_is_refused(view, people, tmp_path):
    frame = people.rename(columns={"height": "../height"})
    result = view.associate(frame, traits=["../height"])
    with pytest.raises(UsageError, match="cannot be part of a file name"):
        result.to_plink2(tmp_path / "out")
    written = result.plot.save(tmp_path / "plots")
    assert {path.parent for path in written} == {tmp_path / "plots"}


def test_plots_are_drawn_and_keep_their_bytes(view, people, tmp_path):
    result = view.associate(people, traits=["height"], covariate_names=["age"])
    first = result.plot.save(tmp_path / "a")
    assert [path.name for path in first] == [
        "manhattan.height.svg",
        "manhattan.height.png",
        "qq.height.svg",
        "qq.height.png",
    ]
    second = result.plot.save(tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    axes = result.plot.manhattan().axes[0]
    assert "height" in axes.get_title(loc="left")
    assert axes.get_ylim()[1] > result.top(1).table["neg_log_10_p_value"][0].as_py()


def test_plots_of_nothing_say_so(view, people):
    alone = view.variants(index=[int(np.flatnonzero(view.dosage().max(axis=1) <= 0)[0])])
    result = alone.associate(people, traits=["weight"])
    assert result.status_counts() == {"monomorphic": 1}
    assert math.isnan(result.lambda_gc()["weight"])
    for figure in (result.plot.manhattan(), result.plot.qq()):
        assert any("could be tested" in text.get_text() for text in figure.axes[0].texts)


def test_progress_is_told(view, people):
    seen = []
    view.associate(people, traits=["height"], threads=2, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (view.n_variants, view.n_variants)
