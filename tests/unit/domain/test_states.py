"""The transition table of jobs, and the numbers that the metrics show."""

import pytest

from ml_training.domain.states import TRANSITIONS, JobStatus, TaskKind

ALLOWED = {
    ("PENDING", "RUNNING"),
    ("PENDING", "CANCELLED"),
    ("RUNNING", "COMPLETED"),
    ("RUNNING", "FAILED"),
    ("RUNNING", "CANCELLED"),
    ("RUNNING", "PENDING"),
}


def test_exactly_the_documented_moves_are_allowed() -> None:
    assert {(old.value, new.value) for old, following in TRANSITIONS.items() for new in following} == ALLOWED


def test_every_status_says_where_it_leads() -> None:
    assert set(TRANSITIONS) == set(JobStatus)


@pytest.mark.parametrize("status", JobStatus)
def test_terminal_means_no_way_out(status: JobStatus) -> None:
    assert status.is_terminal == (not TRANSITIONS[status])


def test_the_codes_are_the_ones_of_the_dashboards() -> None:
    codes = {status.value: status.code for status in JobStatus}
    assert codes == {"PENDING": 1, "RUNNING": 2, "COMPLETED": 3, "FAILED": 4, "CANCELLED": 5}


def test_only_regression_is_no_classification() -> None:
    assert [kind.value for kind in TaskKind if not kind.is_classification] == ["regression"]
