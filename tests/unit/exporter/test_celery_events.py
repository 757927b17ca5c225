"""Event messages: what kombu writes is read, everything else is counted and dropped."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.celery_events import MAX_MESSAGE_BYTES, EventConsumer, decode
from exporter.live_progress import LiveProgress
from tests.support.collectors import running_row
from tests.support.event_messages import event_message

NOW = 1_800_000_000.0


class Calls:
    """Counts the calls of an EventConsumer."""

    def __init__(self) -> None:
        self.changes = 0
        self.progress = 0
        self.live = LiveProgress()
        self.consumer = EventConsumer(self.live, on_change=self._add("changes"), on_progress=self._add("progress"))

    def _add(self, name: str) -> Callable[[], None]:
        return lambda: setattr(self, name, getattr(self, name) + 1)

    def take(self, *bodies: dict[str, Any]) -> None:
        for body in bodies:
            self.consumer.consume([event_message(body)], NOW)


def test_one_event_and_a_batch_are_read_alike() -> None:
    event = {"type": "task-started", "uuid": "1"}
    assert decode(event_message(event)) == [event]
    assert decode(event_message([event, event])) == [event, event]


MALFORMED = [
    b"",
    b"\xff\xfe",
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b'{"body": 7}',
    b'{"body": "%%%"}',
    b'{"body": "eyJ0eXBl"}',
    b'{"body": null}',
    b"[" * 5000,
    event_message("text"),
    event_message(None),
    event_message([1, "a", None]),
    b'{"body": "' + b"A" * MAX_MESSAGE_BYTES + b'"}',
]


@pytest.mark.parametrize("raw", MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_message_is_no_event_but_is_counted(raw: bytes) -> None:
    calls = Calls()
    calls.consumer.consume([raw], NOW)
    assert decode(raw) == []
    assert calls.consumer.counts()["other"] == 1
    assert (calls.changes, calls.progress) == (0, 0)


@given(st.binary(max_size=200))
def test_any_bytes_can_be_consumed(raw: bytes) -> None:
    Calls().consumer.consume([raw], NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["type", "timestamp", "job_id", "progress", "attempt"])


@given(st.dictionaries(FIELDS, JSON | st.sampled_from(["task-progress", "task-started"])))
def test_any_event_can_be_consumed(event: dict[str, Any]) -> None:
    calls = Calls()
    calls.live.follow([running_row()])
    calls.take(event)
    assert 0.0 <= calls.live.of(running_row()) <= 1.0


def test_types_are_a_closed_list() -> None:
    calls = Calls()
    calls.take(
        {"type": "task-started"}, {"type": "mine"}, {"type": 7}, {}, {"type": "other"}, {"type": ["task-started"]}
    )
    counts = calls.consumer.counts()
    assert (counts["task-started"], counts["other"]) == (1, 5)
    assert "mine" not in counts


def test_the_lag_is_the_longest_of_the_last_minute() -> None:
    calls = Calls()
    assert calls.consumer.lag(NOW) is None
    calls.take({"type": "task-sent", "timestamp": NOW - 3.0}, {"type": "task-sent", "timestamp": NOW - 1.0})
    assert calls.consumer.lag(NOW) == 3.0
    assert calls.consumer.lag(NOW + 120) is None


@pytest.mark.parametrize("sent", [None, "now", True, 0.0, -1e300, [NOW]])
def test_a_senseless_time_is_no_lag(sent: object) -> None:
    calls = Calls()
    calls.take({"type": "task-sent", "timestamp": sent})
    assert calls.consumer.lag(NOW) is None


def test_a_senders_clock_that_is_ahead_is_no_negative_lag() -> None:
    calls = Calls()
    calls.take({"type": "task-sent", "timestamp": NOW + 100.0})
    assert calls.consumer.lag(NOW) == 0.0


def test_a_change_asks_for_a_snapshot_and_progress_only_for_a_page() -> None:
    calls = Calls()
    calls.live.follow([running_row()])
    calls.take({"type": "worker-heartbeat"}, {"type": "task-received"})
    assert (calls.changes, calls.progress) == (0, 0)
    calls.take({"type": "task-started"})
    assert (calls.changes, calls.progress) == (1, 0)
    calls.take({"type": "task-progress", "job_id": 1, "attempt": 1, "progress": 0.7})
    assert (calls.changes, calls.progress) == (1, 1)
    assert calls.live.of(running_row()) == 0.7


def test_progress_that_says_nothing_new_asks_for_nothing() -> None:
    calls = Calls()
    calls.live.follow([running_row()])
    calls.take({"type": "task-progress", "job_id": 1, "progress": 0.1}, {"type": "task-progress", "progress": 0.7})
    assert (calls.changes, calls.progress) == (0, 0)


def test_progress_of_a_job_that_was_not_known_to_run_asks_for_a_snapshot() -> None:
    calls = Calls()
    calls.take({"type": "task-progress", "job_id": 1, "attempt": 1, "progress": 0.0})
    assert (calls.changes, calls.progress) == (1, 0)


def test_messages_that_come_together_are_read_together() -> None:
    calls = Calls()
    sent = [{"type": "task-started"}, {"type": "task-succeeded"}, {"type": "task-started", "timestamp": NOW - 2.0}]
    calls.consumer.consume([event_message(sent[:2]), b"broken", event_message(sent[2])], NOW)
    counts = calls.consumer.counts()
    assert (counts["task-started"], counts["task-succeeded"], counts["other"]) == (2, 1, 1)
    assert calls.consumer.lag(NOW) == 2.0
    assert calls.changes == 1
