"""The importances of parameters are shares, or unknown, whatever the scores are."""

from typing import Any

import pytest

from ml_training.domain.search_space import search_space
from ml_training.domain.specs import parse_spec
from ml_training.domain.study_steps import Trial
from ml_training.domain.tune_spec import TuneSpec
from ml_training.training.parameter_sampler import importances

SPEC: dict[str, Any] = {
    "job_type": "TUNE",
    "model_name": "m",
    "train": {"model_type": "ridge", "dataset_id": 1, "target": {"column": "y"}},
    "search": {"/params/alpha": {"low": 0.5, "high": 8.0}},
    "metric": "rmse",
}


def shares(*scores: float | None) -> dict[str, float | None]:
    """The importances of a study whose trials have these scores."""
    spec, _ = parse_spec(SPEC, max_runtime_seconds=60)
    assert isinstance(spec, TuneSpec)
    trials = [
        Trial(number, number, {"/params/alpha": float(number)}, "COMPLETED", score)
        for number, score in enumerate(scores, start=1)
    ]
    return importances(spec, search_space(spec), trials)


@pytest.mark.parametrize(
    ("scores", "known"),
    [
        ((1.0, 2.0, 4.0), True),
        ((1.0, None, 4.0), True),
        ((1.0, 1.0, 1.0), False),
        ((1e-300, 2e-300, 4e-300), False),  # their variance is 0: such a target once failed the whole study
        ((None, None), False),
        ((), False),
    ],
)
def test_importances_are_shares_or_unknown(scores: tuple[float | None, ...], known: bool) -> None:
    assert shares(*scores) == {"/params/alpha": 1.0 if known else None}
