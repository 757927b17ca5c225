"""When the parts of a fit do not get on any more."""

from typing import Any

import pytest

from ml_training.cluster.gang import CONNECTING, IDLE, SILENT, SLOW_ROUND, Gang, PartState
from ml_training.domain.errors import AttemptLost


def gang(*, rounds: int = 10, squared: bool = False) -> Gang:
    return Gang([PartState(), PartState()], began=0.0, rounds=rounds, squared=squared)


def tell(found: Gang, now: float, *, work: float, parts: tuple[int, ...] = (0, 1), **more: Any) -> None:
    """Each part tells the same."""
    for number in parts:
        found.hear(number, {"stage": "training", "work": work, "rounds": [], **more}, now)


def test_parts_that_wait_for_a_worker_of_the_cluster_may_wait() -> None:
    found = gang()
    tell(found, 1.0, work=1.0, parts=(0,))
    tell(found, 999.0, work=1.0, parts=(0,))
    assert found.trouble(1_000.0) is None
    assert found.begun == 1


def test_a_silent_part_ends_the_fit() -> None:
    found = gang()
    tell(found, 1.0, work=1.0)
    tell(found, 1.0 + SILENT, work=2.0, parts=(0,))
    assert found.trouble(1.0 + SILENT) is None
    trouble = found.trouble(2.0 + SILENT)
    assert isinstance(trouble, AttemptLost)
    assert "part 2 of 2" in str(trouble)


def test_parts_without_work_wait_for_each_other() -> None:
    found = gang()
    tell(found, 0.0, work=1.0)
    for second in range(int(IDLE) + 1):
        tell(found, float(second), work=1.01)
    assert found.trouble(IDLE) is None
    assert isinstance(found.trouble(IDLE + 1), AttemptLost)


def test_one_part_that_works_is_enough() -> None:
    found = gang()
    for second in range(300):
        tell(found, float(second), work=1.0, parts=(0,))
        tell(found, float(second), work=1.0 + second, parts=(1,))
        assert found.trouble(float(second)) is None


def test_a_part_that_cannot_connect_ends_the_fit_though_it_works() -> None:
    """The library reads from a closed socket in a loop: it looks like work."""
    found = gang()
    for second in range(int(CONNECTING) + 2):
        tell(found, float(second), work=float(second), stage="connecting")
    assert isinstance(found.trouble(CONNECTING + 1), AttemptLost)


def test_a_round_that_takes_far_longer_than_those_before_ends_the_fit() -> None:
    found = gang()
    for number in (1, 2):
        tell(found, float(number), work=1.0, rounds=[{"round": number, "losses": {"train": 0.5}}], weights={})
        for part in found.parts:
            part.weights = {"train": 1.0}
        assert list(found.finished_rounds(float(number))) == [(number, {"train": 0.5})]
    for second in range(3, 3 + int(SLOW_ROUND)):
        tell(found, float(second), work=float(second))
        assert found.trouble(float(second)) is None or second >= 2 + SLOW_ROUND
    assert isinstance(found.trouble(3.0 + SLOW_ROUND), AttemptLost)


@pytest.mark.parametrize(("squared", "expected"), [(False, 2.5), (True, 7**0.5)])
def test_losses_are_those_of_all_rows_together(squared: bool, expected: float) -> None:
    found = gang(squared=squared)
    for number, (weight, loss) in enumerate([(3.0, 2.0), (1.0, 4.0)]):
        about = {
            "stage": "ready",
            "work": 1.0,
            "host": "10.0.0.1",
            "port": 12_400 + number,
            "weights": {"train": weight},
        }
        found.hear(number, {**about, "rounds": [{"round": 1, "losses": {"train": loss}}]}, 1.0)
    assert found.machines == ["10.0.0.1:12400", "10.0.0.1:12401"]
    [(number, losses)] = found.finished_rounds(2.0)
    assert (number, losses["train"]) == (1, pytest.approx(expected))


def test_the_parts_connect_only_when_all_are_ready() -> None:
    found = gang()
    tell(found, 1.0, work=1.0, parts=(0,), host="10.0.0.1", port=12_400, weights={})
    assert found.machines is None


def test_a_part_that_has_ended_may_be_silent() -> None:
    found = gang()
    tell(found, 1.0, work=1.0)
    found.parts[1].has_ended = True
    tell(found, 1.0 + SILENT, work=2.0, parts=(0,))
    assert found.trouble(2.0 + SILENT) is None
