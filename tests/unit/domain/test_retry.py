"""What becomes of a job whose attempt ended without a verdict."""

import pytest

from ml_training.domain.errors import ErrorCode
from ml_training.domain.retry import Decision, EndReason, decide

CHARGED = [EndReason.WORKER_LOST]
FREE = [EndReason.DRAIN, EndReason.INFRASTRUCTURE]


@pytest.mark.parametrize("reason", CHARGED)
def test_the_third_charged_loss_is_the_end(reason: EndReason) -> None:
    assert reason.is_charged
    assert [decide(reason, losses).error_code for losses in (1, 2, 3, 4)] == [
        None,
        None,
        ErrorCode.POISON,
        ErrorCode.POISON,
    ]


@pytest.mark.parametrize("reason", FREE)
@pytest.mark.parametrize("losses", [0, 2, 3, 50])
def test_a_drain_or_an_outage_never_ends_a_job(reason: EndReason, losses: int) -> None:
    assert not reason.is_charged
    assert decide(reason, losses).error_code is None


@pytest.mark.parametrize("losses", [0, 1, 2, 10])
def test_a_drained_job_waits_for_nothing(losses: int) -> None:
    assert decide(EndReason.DRAIN, losses) == Decision(delay=0.0)


def test_the_first_lost_worker_costs_no_time_the_second_a_pause() -> None:
    assert decide(EndReason.WORKER_LOST, 1).delay == 0.0
    assert decide(EndReason.WORKER_LOST, 2).delay == 2.0


def test_the_pause_doubles_up_to_half_a_minute() -> None:
    delays = [decide(EndReason.INFRASTRUCTURE, attempt).delay for attempt in (*range(1, 12), 10_000)]
    assert delays[:4] == [1.0, 2.0, 4.0, 8.0]
    assert max(delays) == delays[-1] == 30.0


def test_jitter_shortens_the_pause_so_that_a_fleet_does_not_come_back_in_step() -> None:
    assert decide(EndReason.INFRASTRUCTURE, 3, jitter=0.25).delay == 1.0
