"""`python -m tools.fuzz.hostile_clients`: how long a short request takes beside 200 clients that do not behave.

They are silent, stop in the middle of a head, or never read their answer; one line for each of them and each server.
"""

import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.redis_server import start_redis
from tools.fuzz.__main__ import migrate_new
from tools.fuzz.run import Target, running_targets
from tools.fuzz.sending import answer_to
from tools.fuzz.whole_requests import read

CLIENTS = 200
PROBES = 300
LONG = {"api": "/docs/assets/js/swagger-ui-bundle.js", "exporter": "/metrics"}
SHORT = {"api": "/api/v1/health/live", "exporter": "/metrics"}
KINDS: dict[str, Callable[[str], bytes]] = {
    "silent": lambda _name: b"",
    "half a head": lambda name: read(SHORT[name])[:-8],
    "never reading": lambda name: read(LONG[name]) * 4,
}


def measure(target: Target, seconds: list[float]) -> None:
    """Add the times of PROBES short requests, one after the other, each on a new connection."""
    for _ in range(PROBES):
        started = time.perf_counter()
        answer = answer_to(target.port, read(SHORT[target.name], b"Connection: close\r\n"))
        assert answer.startswith(b"HTTP/1.1 200 "), answer[:100]
        seconds.append(time.perf_counter() - started)


@contextmanager
def hostile(target: Target, data: bytes) -> Iterator[None]:
    """CLIENTS connections on which this was sent and nothing is read."""
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.connect(("127.0.0.1", target.port))
            connection.sendall(data)
        yield


def line(target: Target, kind: str, seconds: list[float]) -> str:
    """One row of the table."""
    cuts = statistics.quantiles(seconds, n=100)
    figures = " | ".join(f"{value * 1e3:.1f}" for value in (statistics.median(seconds), cuts[98], max(seconds)))
    return f"| {target.name} | {kind} | {figures} |\n"


def main() -> None:
    """Measure both servers quiet and beside each kind of client."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        directory = Path(name)
        url = f"sqlite:///{directory / 'jobs.db'}"
        migrate_new(url)
        redis = start_redis(directory)
        try:
            with running_targets(directory, url, redis.url) as targets:
                sys.stdout.write("| server | 200 clients | median ms | p99 ms | longest ms |\n|---|---|---|---|---|\n")
                for target in targets:
                    quiet: list[float] = []
                    measure(target, quiet)
                    sys.stdout.write(line(target, "none", quiet))
                    for kind, data in KINDS.items():
                        seconds: list[float] = []
                        with hostile(target, data(target.name)):
                            measure(target, seconds)
                        sys.stdout.write(line(target, kind, seconds))
        finally:
            redis.stop()


if __name__ == "__main__":
    main()
