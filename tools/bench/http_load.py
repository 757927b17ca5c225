"""A load generator: `python -m tools.bench.http_load PORT PATH CONNECTIONS SECONDS` reads JSON bodies from stdin.

It prints the number of answers, their statuses and the milliseconds of each. One process with one event loop (epoll)
over kept connections, each of which sends its next request when its answer is complete, as `wrk` does; it sends about
20,000 requests a second on one core, far more than the servers here answer. The same client everywhere, so that figures
of two machines can be compared, and bodies that differ, which wrk needs a Lua script for.
"""

import json
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from tools.bench.figures import MeasurementError
from tools.bench.http_client import answer_length, request_bytes

ROOT = Path(__file__).parents[2]
LAST_ANSWERS_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of the load generator saw: answers a second, and milliseconds of each answer."""

    rate: float
    milliseconds: Sequence[float]
    statuses: dict[str, int]


def run_load(port: int, path: str, *, connections: int, seconds: float, bodies: Sequence[Any]) -> Load:
    """POST the bodies in turn for `seconds`, in another process; raises MeasurementError when an answer is not 202."""
    command = [sys.executable, "-m", "tools.bench.http_load", str(port), path, str(connections), str(seconds)]
    done = subprocess.run(command, input=json.dumps(bodies), capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise MeasurementError(f"the load generator failed: {done.stderr[-2000:]}")
    load = Load(**json.loads(done.stdout))
    if set(load.statuses) != {"202"}:
        raise MeasurementError(f"{path} was answered with {load.statuses}, not only with 202")
    return load


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def main() -> None:
    """Send, print."""
    port, path, connections, seconds = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    requests = cycle([request_bytes("POST", path, json.dumps(body).encode()) for body in json.load(sys.stdin)])
    selector, statuses, took = selectors.DefaultSelector(), Counter[str](), list[float]()
    started = time.perf_counter()
    for _ in range(connections):
        connection = _connect(port)
        selector.register(connection, selectors.EVENT_READ, [bytearray(), time.perf_counter()])
        connection.sendall(next(requests))
    deadline, last = started + seconds, started
    while selector.get_map() and time.perf_counter() < deadline + LAST_ANSWERS_SECONDS:
        for key, _ in selector.select(1.0):
            received, sent = key.data
            chunk = key.fileobj.recv(1 << 18)  # type: ignore[union-attr]
            if not chunk:
                raise ConnectionError("the server closed a connection in the middle of the run")
            received += chunk
            lengths = answer_length(received)
            if lengths is None or len(received) < lengths[1]:
                continue
            last = time.perf_counter()
            took.append(round(1000 * (last - sent), 4))
            statuses[received[9:12].decode()] += 1
            if last >= deadline:
                selector.unregister(key.fileobj)
                continue
            key.data[0], key.data[1] = bytearray(), time.perf_counter()
            key.fileobj.sendall(next(requests))  # type: ignore[union-attr]
    unanswered = len(selector.get_map())
    if unanswered:
        statuses["none"] = unanswered
    rate = len(took) / (last - started)
    sys.stdout.write(json.dumps({"rate": rate, "milliseconds": took, "statuses": statuses}))


if __name__ == "__main__":
    main()
