"""Every example in the docstring of a public analysis runs, in a folder with a small cohort."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import genomics_dc
from genomics_dc import analyses, store
from genomics_dc.analyses.view import View, open_store
from genomics_dc.provenance import Provenance
from genomics_dc.results import Result
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf

ROOMS = (analyses, store)
MODULES = [
    "genomics_dc.progress",
    "genomics_dc.results",
    *(f"{room.__name__}.{module.name}" for room in ROOMS for module in pkgutil.iter_modules(room.__path__)),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What examples name: stores, an annotation, and tables of traits, covariates, groups and results."""
    path = tmp_path_factory.mktemp("doctest")
    vcf = write_cohort_vcf(path / "cohort.vcf", n_samples=120, n_variants=300, many_alleles=20, seed=8, depth=True)
    vcf.write_text(vcf.read_text().replace("\tv12\t", "\trs123\t"))
    build_store(vcf, path / "cohort.vcz")
    for name in ("new.vcz", "1kg.vcz"):
        (path / name).symlink_to(path / "cohort.vcz")
    rng = np.random.default_rng(8)
    view = open_store(path / "cohort.vcz")
    case = rng.integers(0, 2, 120)
    groups = {"pop": np.arange(120) % 4, "super_pop": np.arange(120) % 2, "group": np.arange(120) % 2}
    tables = {
        "traits.tsv": {"hba1c": rng.normal(40, 6, 120), "bmi": rng.normal(24, 3, 120), "case": case, "t2d": case},
        "covariates.tsv": {"age": rng.integers(20, 80, 120), "sex": rng.integers(1, 3, 120)},
        "sex.tsv": {"sex": rng.integers(1, 3, 120)},
        **dict.fromkeys(("samples.tsv", "populations.tsv", "1kg.tsv", "ancestry.tsv"), groups),
    }
    people = [str(name) for name in view.sample_ids]
    for name, columns in tables.items():
        pd.DataFrame({"sample_id": people, **columns}).to_csv(path / name, sep="\t", index=False)
    write_consequences(path / "cohort.annotation", view)
    result = view.associate(path / "traits.tsv", traits=["hba1c"])
    result.write(path / "discovery.tsv")
    result.write(path / "replication.parquet")
    return path


def write_consequences(folder, view):
    """What `annotate` writes, made up: every second variant a stop or a missense variant of a gene."""
    sites = view.sites()
    rows = {
        "contig": sites.contig.astype(str)[::2],
        "position": sites.position[::2],
        "ref": sites.ref.astype(str)[::2],
        "alt": np.array([str(alt).split(",")[0] for alt in sites.alt])[::2],
        "gene": [f"G{row // 10}" for row in range(0, len(sites), 2)],
        "so_terms": [["stop_gained" if row % 4 else "missense_variant"] for row in range(0, len(sites), 2)],
    }
    folder.mkdir()
    Result(pa.table(rows), Provenance("annotate", store_hash=view.store_hash)).write(folder / "consequences.parquet")


# What an example takes that is not made here: a genome with genes. Hail has its own tests.
ELSEWHERE = ("annotation", "genes.gff3")


def examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in MODULES:
        module = importlib.import_module(name)
        for test in finder.find(module, name):
            wanted = [one for one in test.examples if not any(word in one.source for word in ELSEWHERE)]
            if wanted and "hail_bridge" not in test.name:
                test.examples = wanted
                yield test


@pytest.mark.parametrize("test", examples(), ids=lambda test: test.name)
def test_the_example_runs(test, folder, monkeypatch, tmp_path):
    for place in folder.iterdir():
        (tmp_path / place.name).symlink_to(place)
    monkeypatch.chdir(tmp_path)
    test.globs = {
        **test.globs,
        "gdc": genomics_dc,
        "np": np,
        "open_store": open_store,
        "view": open_store("cohort.vcz"),
        "reference": open_store("1kg.vcz"),
    }
    for example in test.examples:
        example.options.pop(doctest.SKIP, None)
        if not example.want:  # what is not said is not compared
            example.options[doctest.ELLIPSIS] = True
            example.want = "...\n" if _prints(example.source) else ""
    talk = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE, verbose=False)
    failed = runner.run(test, out=talk.append).failed
    assert not failed, "".join(talk)


def _prints(source):
    """Tell whether an example is an expression, whose value the interpreter shows."""
    try:
        compile(source, "example", "eval")
    except SyntaxError:
        return False
    return True


@pytest.mark.parametrize("name", sorted(name for name in vars(View) if not name.startswith("_")))
def test_every_method_has_an_example(name):
    text = getattr(View, name).__doc__
    assert re.search(r"Examples\n\s*-+\n\s*>>> ", text), f"{name}: add an example that runs to its docstring"
