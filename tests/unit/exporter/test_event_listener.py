"""Reading the event channel from a real socket: whole messages only, and an end for everything else."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from exporter import event_listener as module
from exporter.event_listener import EventListener


class ListenerOnSocket:
    """A listener on one end of a socket pair, and what it received."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.reads = 0
        self.subscribed = threading.Event()
        self.ours, self.theirs = socket.socketpair()
        self._client = Redis()
        self.listener = EventListener(self._client, consume=self._consume, on_subscribed=self.subscribed.set)

    def _consume(self, messages: Sequence[bytes], _now: float) -> None:
        self.messages += messages
        self.reads += 1

    def receive(self, *sent: bytes) -> None:
        """Send, close, read to the end."""
        for part in sent:
            self.theirs.sendall(part)
        self.theirs.close()
        self.listener._read(self.ours)

    def close(self) -> None:
        for end in (self.ours, self.theirs, self._client):
            end.close()


@pytest.fixture
def subject() -> Iterator[ListenerOnSocket]:
    with closing(ListenerOnSocket()) as subject:
        yield subject


def message(body: bytes) -> bytes:
    parts = (b"pmessage", b"/0.celeryev/*", b"/0.celeryev/task.sent", body)
    return b"*4\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


SUBSCRIBED = b"*3\r\n$10\r\npsubscribe\r\n$13\r\n/0.celeryev/*\r\n:1\r\n"
PONG = b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"


def test_messages_that_come_together_are_consumed_together(subject: ListenerOnSocket) -> None:
    with pytest.raises(RedisConnectionError, match="closed"):
        subject.receive(SUBSCRIBED + message(b"one") + PONG + message(b"two"))
    assert subject.messages == [b"one", b"two"]
    assert subject.reads == 1
    assert subject.subscribed.is_set()


def test_half_a_message_is_not_one(subject: ListenerOnSocket) -> None:
    with pytest.raises(RedisConnectionError, match="closed"):
        subject.receive(message(b"one") + message(b"two")[:-4])
    assert subject.messages == [b"one"]


def test_a_message_without_an_end_does_not_fill_the_memory(
    subject: ListenerOnSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_REPLY_BYTES", 100)
    with pytest.raises(RedisConnectionError, match="without an end"):
        subject.receive(b"*4\r\n$1000000\r\n" + b"x" * 200)


def test_a_server_that_refuses_the_subscription_is_an_error(subject: ListenerOnSocket) -> None:
    with pytest.raises(RedisError, match="NOPERM"):
        subject.receive(b"-NOPERM no access to the channel\r\n")
    assert not subject.subscribed.is_set()


def test_a_server_that_falls_silent_is_pinged_and_then_left(
    subject: ListenerOnSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", 0.02)
    with pytest.raises(RedisConnectionError, match="does not answer"):
        subject.listener._read(subject.ours)
    assert subject.theirs.recv(100) == b"*1\r\n$4\r\nPING\r\n"
