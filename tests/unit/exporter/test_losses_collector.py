"""The collector of losses: what running trainings report is free JSON, of which only losses are shown."""

from typing import Any, cast

import pytest

from exporter.collectors.losses import MAX_JOBS, LossesCollector
from ml_training.db.stats import Stats
from tests.support.exporter import Series


class Reports:
    """Stands for the database's answer."""

    def __init__(self, bodies: dict[int, Any]) -> None:
        self._bodies = bodies
        self.limits: list[int] = []

    def running_losses(self, *, limit: int) -> dict[int, Any]:
        self.limits.append(limit)
        return self._bodies


def page(reports: Reports) -> Series:
    """What the collector renders of the reports."""
    return Series(b"".join(LossesCollector().collect(cast(Stats, reports))(0.0).values()).decode())


def test_each_loss_is_a_series_of_its_split_and_score() -> None:
    reports = Reports({7: {"iteration": 3, "split": 1.0, "train_log_loss": 0.5, "held_out_l2": 0.25, "stop_l2": 1}})
    found = page(reports).all("ml_job_loss")
    assert {
        tuple(dict(labels)[name] for name in ("job_id", "split", "score")): value for labels, value in found.items()
    } == {
        ("7", "train", "log_loss"): 0.5,
        ("7", "held_out", "l2"): 0.25,
        ("7", "stop", "l2"): 1.0,
    }
    assert reports.limits == [MAX_JOBS]


@pytest.mark.parametrize(
    "body",
    [None, [], "train_log_loss", {}, {"train_l2": None}, {"train_l2": True}, {"train_l2": "1"}, {"other_l2": 1.0}],
)
def test_what_is_no_loss_is_not_shown(body: Any) -> None:
    assert page(Reports({7: body})).all("ml_job_loss") == {}


def test_the_name_of_a_score_needs_no_escaping() -> None:
    assert page(Reports({7: {'train_a"} 1\nb': 0.5}})).labels("ml_job_loss", "score") == {"a___1_b"}
