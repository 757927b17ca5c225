"""Signals as questions: the first one ends, a later one hurries."""

import os
import signal
from collections.abc import Iterator

import pytest

from ml_training.local.interrupts import SAME_SECONDS, StopRequested, interrupts
from tests.support.eventually import eventually


@pytest.fixture
def hangup_heard() -> Iterator[None]:
    """SIGHUP as a terminal leaves it, even where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangup_heard")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_next_wait_and_raises_nothing_before(number: signal.Signals) -> None:
    with interrupts() as asked:
        asked.wait(0.0)
        os.kill(os.getpid(), number)
        eventually(lambda: asked.requested, what="the signal arrived")
        with pytest.raises(StopRequested):
            asked.wait(60.0)
        assert not asked.hurry()


def test_one_ctrl_c_that_arrives_twice_does_not_hurry_but_a_later_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("ml_training.local.interrupts.time.monotonic", lambda: now[0])
    with interrupts() as asked:
        asked.note(signal.SIGINT)
        asked.note(signal.SIGINT)
        assert not asked.hurry()
        now[0] += SAME_SECONDS * 2
        asked.note(signal.SIGHUP)
        assert not asked.hurry()
        asked.note(signal.SIGINT)
        assert asked.hurry()


def test_a_stack_in_the_background_of_a_script_still_hears_sigint() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts() as asked:
            os.kill(os.getpid(), signal.SIGINT)
            eventually(lambda: asked.requested, what="the signal arrived")
    finally:
        signal.signal(signal.SIGINT, before)


def test_nohup_is_respected_and_afterwards_everything_is_as_before() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts() as asked:
            os.kill(os.getpid(), signal.SIGHUP)
            asked.wait(0.05)
            assert not asked.requested
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
