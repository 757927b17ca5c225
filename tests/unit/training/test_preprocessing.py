"""Preprocessing does what the library does, in less time; and the limit of threads holds for every library."""

import sys
from types import ModuleType

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

from ml_training.inference import threads
from ml_training.inference.threads import limit_threads
from ml_training.training.estimators.preprocessing import _MedianImputer


@pytest.mark.parametrize("rows", [1, 2, 7, 200, 1_001])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_medians_are_those_of_the_library(rows: int, order: str) -> None:
    random = np.random.default_rng(rows)
    x = random.normal(size=(rows, 8)) * 10.0 ** random.integers(-30, 30, 8)
    x[:, 1] = np.round(x[:, 1])
    x[random.random(x.shape) < 0.3] = np.nan
    x[:, 2] = np.nan  # a column without any value
    x[1:, 3] = np.nan  # and one with a single value
    x[:, 4] = np.arange(rows)  # and one without a missing value
    x = np.array(x, order=order)  # type: ignore[call-overload]
    ours, plain = (kind(strategy="median", keep_empty_features=True).fit(x) for kind in (_MedianImputer, SimpleImputer))
    np.testing.assert_array_equal(ours.statistics_, plain.statistics_)
    np.testing.assert_array_equal(ours.transform(x), plain.transform(x))
    assert set(vars(ours)) == set(vars(plain)), "no attribute more or less, so that the stored bytes are the same"


def test_every_library_is_limited_and_free_again_after_the_block() -> None:
    before = threadpool_info()
    with limit_threads(2):
        inside = threadpool_info()
    assert {pool["num_threads"] for pool in inside if pool["user_api"] == "blas"} == {1}
    assert {pool["num_threads"] for pool in inside if pool["user_api"] == "openmp"} == {2}
    assert [pool["num_threads"] for pool in threadpool_info()] == [pool["num_threads"] for pool in before]


def test_libraries_are_searched_again_when_a_module_was_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    first, again = (threads._controller(len(sys.modules)) for _ in range(2))
    assert first is again
    monkeypatch.setitem(sys.modules, "a_module_with_a_library_of_its_own", ModuleType("new"))
    assert threads._controller(len(sys.modules)) is not first
