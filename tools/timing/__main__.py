"""`make timing`: what authentication costs, and whether the time of an answer tells a known id from an unknown one.

Welch's t-test on the times of requests with a known id and a wrong secret, and with an unknown id. Their order is
drawn, so that what else the machine does meets both alike, and they go through the whole app without a socket, whose
noise would hide a difference rather than show one. Source of the statistic: B. L. Welch, "The generalization of
Student's problem when several different population variances are involved", Biometrika 34 (1947).
"""

import argparse
import gc
import logging
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import structlog
from flask.testing import FlaskClient

from ml_training.api.access import Access
from ml_training.api.app import create_app
from ml_training.api.context import context_of
from ml_training.db.migrate import migrate
from ml_training.domain.caller import SERVICE, Role
from ml_training.services.keys import create_key
from ml_training.settings import Settings

TRIES = 20_000
LARGEST_T = 4.5  # a chance of 1 in 150,000 that equal times differ by more: the limit that tests of timing leaks use
KEPT = 0.9  # of the times, the shortest: those above show other processes, not the work of the request
KEYS = 1_000
COLLECTED_EVERY = 1_000  # requests


def welch_t(first: Sequence[float], second: Sequence[float]) -> float:
    """Welch's t of two samples."""
    error = math.sqrt(statistics.variance(first) / len(first) + statistics.variance(second) / len(second))
    return (statistics.fmean(first) - statistics.fmean(second)) / error


def cropped(times: Sequence[float]) -> list[float]:
    """The shortest of the times."""
    return sorted(times)[: int(len(times) * KEPT)]


def times(client: FlaskClient, headers: Sequence[str], tries: int) -> list[list[float]]:
    """Seconds of `tries` requests with each header, in an order that is drawn, each from an address of its own."""
    found: list[list[float]] = [[] for _ in headers]
    order = [kind for kind in range(len(headers)) for _ in range(tries)]
    random.Random(1).shuffle(order)
    gc.disable()  # it would run in the middle of some requests
    for number, kind in enumerate(order):
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        environ = {"REMOTE_ADDR": address, "HTTP_AUTHORIZATION": headers[kind]}
        started = time.perf_counter()
        answer = client.get("/api/v1/jobs", environ_base=environ)
        found[kind].append(time.perf_counter() - started)
        if answer.status_code != 401:  # the measurement would be of something else
            raise SystemExit(f"an answer of {answer.status_code} in place of 401")
        if number % COLLECTED_EVERY == 0:
            gc.collect()
    return found


def authentication_seconds(access: Access, header: str, *, rounds: int = 200, calls: int = 100) -> float:
    """The median time of finding the caller of a request, the looks at the database included."""

    def one_round() -> float:
        started = time.perf_counter()
        for _ in range(calls):
            access.identify(header, address="10.0.0.1", request_id="")
        return (time.perf_counter() - started) / calls

    return statistics.median(one_round() for _ in range(rounds))


def main() -> int:
    """0 when neither test tells the two kinds apart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=TRIES)
    tries = parser.parse_args().tries
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as directory:
        app = create_app(Settings(data_dir=Path(directory)))
        database = context_of(app).resources.database
        migrate(database)
        made = [create_key(database, SERVICE, name="n", role=Role.ADMIN) for _ in range(KEYS)]
        known, unknown = (f"Bearer mlt_{key_id}_{'a' * 64}" for key_id in (made[0].key_id, "0" * 12))
        own_time = authentication_seconds(context_of(app).access, f"Bearer {made[-1].key}")
        first, second, again = times(app.test_client(), (known, unknown, unknown), tries)
        context_of(app).resources.close()
    t, control = welch_t(cropped(first), cropped(second)), welch_t(cropped(again), cropped(second))
    medians = [statistics.median(values) * 1e6 for values in (first, second)]
    sys.stdout.write(f"authentication by one of {KEYS} keys: median {own_time * 1e6:.1f} us a request\n")
    sys.stdout.write(
        f"{tries} tries each: median {medians[0]:.1f} us with a known id, {medians[1]:.1f} us with an unknown one; "
        f"Welch's t {t:+.2f} (unknown against itself {control:+.2f}; told apart above {LARGEST_T})\n"
    )
    return 0 if abs(t) < LARGEST_T else 1


if __name__ == "__main__":
    sys.exit(main())
