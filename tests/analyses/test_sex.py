"""The sex of samples: every coding, what is not known, what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from genomics_dc.analyses.sample_table import read_samples
from genomics_dc.analyses.sex import sex_of
from genomics_dc.errors import InputError

IDS = ["a", "b", "c", "d"]


def table(values, name="sex"):
    return read_samples(pd.DataFrame({"IID": IDS, name: values}), role="covariates")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["M", "F", "male", "Female"], [1, 2, 1, 2]),
        ([1, 2, 0, 1], [1, 2, np.nan, 1]),
        ([1, 0, 0, 1], [1, 2, 2, 1]),
        ([1.0, 2.0, np.nan, 2.0], [1, 2, np.nan, 2]),
        (["m", "NA", "", "f"], [1, np.nan, np.nan, 2]),
    ],
)
def test_codings(values, expected):
    np.testing.assert_array_equal(sex_of([table(values)], IDS), expected)


def test_people_without_a_row_and_the_first_table_that_has_it():
    found = sex_of([table([1, 1, 1, 1], "age"), table(["f", "f", "m", "m"], "SEX")], ["d", "x", "a"])
    np.testing.assert_array_equal(found, [1, np.nan, 2])
    assert sex_of([table([1, 2, 3, 4], "age")], IDS) is None


def test_what_is_no_sex_is_refused():
    with pytest.raises(InputError, match="must hold the sex as M and F") as caught:
        sex_of([table(["secret", "m", "f", "f"])], IDS)
    assert "secret" not in str(caught.value)
    with pytest.raises(InputError, match="no column gender"):
        sex_of([table([1, 2, 1, 2])], IDS, "gender")
