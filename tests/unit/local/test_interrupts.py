"""Stop signals: the first requests a stop, a later one forces it."""

import os
import signal
from collections.abc import Iterator

import pytest

from ml_training.local.interrupts import DUPLICATE_SECONDS, StopRequested, catch_interrupts
from tests.support.eventually import eventually


@pytest.fixture
def hangup_not_ignored() -> Iterator[None]:
    """SIGHUP has its default handler, even when the tests run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangup_not_ignored")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_next_wait_and_raises_nothing_before_it(number: signal.Signals) -> None:
    with catch_interrupts() as interrupts:
        interrupts.wait(0.0)
        os.kill(os.getpid(), number)
        eventually(lambda: interrupts.requested, what="the signal arrived")
        with pytest.raises(StopRequested):
            interrupts.wait(60.0)
        assert not interrupts.forced()


def test_one_ctrl_c_that_arrives_twice_does_not_force_the_stop_but_a_later_one_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("ml_training.local.interrupts.time.monotonic", lambda: now[0])
    with catch_interrupts() as interrupts:
        interrupts.handle_signal(signal.SIGINT)
        interrupts.handle_signal(signal.SIGINT)
        assert not interrupts.forced()
        now[0] += DUPLICATE_SECONDS * 2
        interrupts.handle_signal(signal.SIGHUP)
        assert not interrupts.forced()
        interrupts.handle_signal(signal.SIGINT)
        assert interrupts.forced()


def test_sigint_works_in_the_background_of_a_script() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with catch_interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGINT)
            eventually(lambda: interrupts.requested, what="the signal arrived")
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_ignored_sighup_stays_ignored_and_all_handlers_are_restored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with catch_interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
            interrupts.wait(0.05)
            assert not interrupts.requested
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
