"""Methods of a view: the parameters and help of their functions, imported when first used; what is printed."""

from __future__ import annotations

import inspect
import pydoc
import subprocess
import sys

import pytest

from genomics_dc.analyses import method
from genomics_dc.analyses.view import View, open_store
from genomics_dc.store import build_store
from genomics_dc.store.read import StoreView
from tests.builders import write_cohort_vcf

ANALYSES = sorted(name for name in vars(View) if not name.startswith("_"))


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    folder = tmp_path_factory.mktemp("view")
    build_store(write_cohort_vcf(folder / "c.vcf", n_samples=12, n_variants=60, seed=2), folder / "c.vcz")
    return open_store(folder / "c.vcz")


@pytest.mark.parametrize("name", ANALYSES)
def test_a_method_says_its_real_parameters(name):
    parameters = list(inspect.signature(getattr(View, name)).parameters.values())
    assert parameters[0].name == "self"
    kinds = {one.kind for one in parameters}
    assert not kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}, (
        f"write `{name} = analysis(lambda: module.function)` in genomics_dc/analyses/view.py"
    )
    assert (getattr(View, name).__doc__ or "").startswith(("Return", "Test"))


def test_help_shows_them(view):
    from genomics_dc.analyses.association import associate

    text = pydoc.plain(pydoc.render_doc(view.associate))
    assert "phenotypes: 'Any', *, traits: 'Sequence[str] | None', covariates: 'Any' = None" in text
    assert "Test every variant of a view against every trait." in text
    assert list(inspect.signature(view.associate).parameters) == list(inspect.signature(associate).parameters)[1:]
    assert inspect.signature(View.ld_prune).return_annotation == "View"
    assert View.associate.__name__ == "associate"
    assert View.associate.__qualname__ == "View.associate"


def test_an_analysis_is_imported_when_it_is_used():
    code = (
        "import sys; from genomics_dc.analyses.view import View\n"
        "before = 'genomics_dc.analyses.association' in sys.modules\n"
        "View.associate; print(before, 'genomics_dc.analyses.association' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_a_result_prints_shape_and_time_and_no_genotype(view):
    result = view.kinship()
    assert repr(result).startswith("KinshipResult(66 rows x 9 columns: sample_id_1")
    assert "samples 12" in repr(result)
    assert repr(result).endswith(" s)")
    page = result._repr_html_()
    for fact in ("KinshipResult", "<td", "66", "samples", "12", "time"):
        assert fact in page
    assert "S0001" not in repr(result) + page
    quality = view.qc()
    assert "60, " in quality._repr_html_()
    assert "12, " in quality._repr_html_()


def test_a_view_prints_its_shape(view):
    assert view.region("20:1,000,000-1,000,100")._repr_html_().count("counted when asked for") == 1
    page = view._repr_html_()
    assert "c.vcz" in page
    assert "60" in page
    assert isinstance(view, StoreView)


def test_a_person_who_waits_is_shown_progress(view, monkeypatch):
    seen = []
    monkeypatch.setattr(method, "interactive", lambda: True)

    class Bar:
        def __init__(self, name):
            seen.append(name)

        def __enter__(self):
            return lambda first, second: seen.append(second)

        def __exit__(self, *_):
            seen.append("end")

    monkeypatch.setattr(method, "progress_bar", Bar)
    view.qc()
    assert seen[0] == "qc"
    assert 1.0 in seen
    assert seen[-1] == "end"
    seen.clear()
    told = []
    view.qc(progress=lambda step, share: told.append(share))
    assert told
    assert not seen


def test_a_mistaken_option_is_told_as_python_does(view):
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        view.qc(colour="red")
