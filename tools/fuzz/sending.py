"""Sends raw requests, each on a connection of its own, and collects what must not happen."""

import re
import socket
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

PATIENCE_SECONDS = 60.0  # of a busy machine; the server ends every one of these connections within seconds
THREADS = 4
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
NOT_IMPLEMENTED = 501  # the answer to a transfer coding that is not known (RFC 9112, 6.1)


@dataclass(slots=True)
class Outcome:
    """The first status of each answer, and the requests with an answer that must not be."""

    statuses: Counter[int] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)


def send_all(port: int, requests: Sequence[bytes]) -> Outcome:
    """Send every request to a server on this machine; 0 is the status of a connection closed without an answer."""
    outcome = Outcome()
    with ThreadPoolExecutor(THREADS) as pool:
        for data, answer in zip(requests, pool.map(lambda data: answer_to(port, data), requests), strict=True):
            statuses = [int(found) for found in STATUS.findall(answer)]
            outcome.statuses[statuses[0] if statuses else 0] += 1
            if answer == TIMED_OUT or any(status >= 500 and status != NOT_IMPLEMENTED for status in statuses):
                outcome.findings.append(f"{data[:600]!r} -> {answer[:600]!r}")
    return outcome


STREAM = b"Content-Type: text/event-stream"  # ends with its job, and nothing runs jobs here
TIMED_OUT = b"no end within the patience of the fuzzer"


def answer_to(port: int, data: bytes) -> bytes:
    """All that the server sends on a connection on which this, and nothing else, is sent."""
    answer = bytearray()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while STREAM not in answer and (chunk := connection.recv(1 << 16)):
                answer += chunk
    except TimeoutError:
        return TIMED_OUT
    except OSError:  # a server may close before it has read everything
        return bytes(answer)
    return bytes(answer)
