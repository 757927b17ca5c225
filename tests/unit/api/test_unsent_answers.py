"""What clients have not read yet: kept within a limit, sent in order, given up when a client takes nothing."""

import selectors
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ml_training.api import client_socket, unsent_answers
from ml_training.api.client_socket import BUFFER_BYTES, ClientSocket
from ml_training.api.unsent_answers import UnsentAnswers
from tests.support.eventually import eventually

WHOLE = bytes(range(256)) * 40_000  # far more than the kernel takes


@dataclass(eq=False)
class Connection:
    """A connection as gunicorn keeps it."""

    sock: ClientSocket


class Loop:
    """An event loop in the hands of the test, and the connections that it was told to be done with."""

    def __init__(self) -> None:
        self.poller = selectors.DefaultSelector()
        self.ended: list[Any] = []
        self.answers = UnsentAnswers(self.poller, self.ended.append)
        self._open: list[socket.socket] = []

    def connect(self) -> tuple[Connection, socket.socket]:
        """A connection and its client."""
        server, client = socket.socketpair()
        connection = Connection(ClientSocket(server))
        connection.sock.on_unsent = lambda: self.answers.add(connection)
        self._open += [connection.sock, client]
        return connection, client

    def turn(self) -> None:
        """Run what is due."""
        for key, _ in self.poller.select(0):
            key.data(key.fileobj)

    def close(self) -> None:
        """Close everything."""
        for one in self._open:
            one.close()  # of a connection with unsent bytes the first call only gives them up
            one.close()
        self.poller.close()


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def test_an_answer_is_handed_over_at_once_and_arrives_whole(loop: Loop) -> None:
    connection, client = loop.connect()
    connection.sock.sendall(b"head ")
    connection.sock.sendall(WHOLE)  # returns, although nobody reads
    assert loop.ended == []
    received = b""
    while len(received) < len(WHOLE) + 5:
        loop.turn()
        received += client.recv(1 << 20)
    loop.turn()
    assert received == b"head " + WHOLE
    assert loop.ended == [connection]
    assert connection.sock.unsent == 0


def test_a_second_piece_waits_until_the_first_is_read(loop: Loop) -> None:
    connection, client = loop.connect()
    connection.sock.sendall(WHOLE)
    writer = threading.Thread(target=connection.sock.sendall, args=(b"second",))
    writer.start()
    received = b""
    while not received.endswith(b"second"):
        assert writer.is_alive() or connection.sock.unsent <= BUFFER_BYTES + 6
        loop.turn()
        received += client.recv(1 << 20)
    writer.join()
    assert received == WHOLE + b"second"


def test_a_writer_gives_up_a_client_that_does_not_read(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_socket, "SEND_SECONDS", 0.01)
    connection, _ = loop.connect()
    connection.sock.sendall(WHOLE)
    with pytest.raises(BrokenPipeError):
        connection.sock.sendall(b"second")


def test_a_client_that_takes_nothing_is_given_up(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    connection, _ = loop.connect()
    connection.sock.sendall(WHOLE)
    loop.answers.give_up_stalled()
    assert loop.ended == []
    monkeypatch.setattr(unsent_answers, "SEND_SECONDS", 0.0)
    loop.answers.give_up_stalled()
    assert loop.ended == [connection]
    assert connection.sock.is_broken
    with pytest.raises(BrokenPipeError):
        connection.sock.sendall(b"more")


def test_a_waiting_writer_is_woken_when_its_client_is_given_up(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    connection, _ = loop.connect()
    connection.sock.sendall(WHOLE)
    errors: list[Exception] = []

    def write() -> None:
        try:
            connection.sock.sendall(b"second")
        except OSError as error:
            errors.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    monkeypatch.setattr(unsent_answers, "SEND_SECONDS", 0.0)
    loop.answers.give_up_stalled()
    eventually(lambda: len(errors) == 1, what="the writer ends")
    writer.join()


def test_over_the_limit_the_client_that_reads_least_goes_first(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsent_answers, "MOST_UNSENT_BYTES", 25_000_000)
    slow, client = loop.connect()
    stalled, _ = loop.connect()
    slow.sock.sendall(WHOLE)
    stalled.sock.sendall(WHOLE)
    while slow.sock.progress_at <= stalled.sock.progress_at:
        client.recv(1 << 20)
        loop.turn()
    assert loop.ended == []
    another, _ = loop.connect()
    another.sock.sendall(WHOLE)
    assert loop.ended == [stalled]


def test_a_client_that_left_ends_its_answer(loop: Loop) -> None:
    connection, client = loop.connect()
    connection.sock.sendall(WHOLE)
    client.close()
    loop.turn()
    assert loop.ended == [connection]
    assert connection.sock.is_broken
