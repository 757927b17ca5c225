"""`make timing`: Welch's t-test on the times of requests with a known id and a wrong secret, and with an unknown id.

The requests take turns, so that what else the machine does meets both alike, and go through the whole app without a
socket, whose noise would hide a difference rather than show one. Source of the statistic: B. L. Welch, "The
generalization of Student's problem when several different population variances are involved", Biometrika 34 (1947).
"""

import argparse
import logging
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import structlog
from flask.testing import FlaskClient

from ml_training.api.app import create_app
from ml_training.api.context import context_of
from ml_training.db.migrate import migrate
from ml_training.domain.caller import SERVICE, Role
from ml_training.services.keys import create_key
from ml_training.settings import Settings

TRIES = 20_000
LARGEST_T = 4.5  # a chance of 1 in 150,000 that equal times differ by more: the limit that tests of timing leaks use
KEPT = 0.9  # of the times, the shortest: those above show other processes, not the work of the request
KEYS = 50


def welch_t(first: Sequence[float], second: Sequence[float]) -> float:
    """Welch's t of two samples."""
    error = math.sqrt(statistics.variance(first) / len(first) + statistics.variance(second) / len(second))
    return (statistics.fmean(first) - statistics.fmean(second)) / error


def cropped(times: Sequence[float]) -> list[float]:
    """The shortest of the times."""
    return sorted(times)[: int(len(times) * KEPT)]


def times(client: FlaskClient, headers: Sequence[str], tries: int) -> list[list[float]]:
    """Seconds of `tries` requests with each header, in turns, each from an address of its own."""
    found: list[list[float]] = [[] for _ in headers]
    addresses = count(1)
    for number in range(tries):
        for place in range(len(headers)):
            kind = (place + number) % len(headers)  # none of them is always the first
            address = f"10.{(n := next(addresses)) >> 16}.{n >> 8 & 255}.{n & 255}"
            environ = {"REMOTE_ADDR": address, "HTTP_AUTHORIZATION": headers[kind]}
            started = time.perf_counter()
            answer = client.get("/api/v1/jobs", environ_base=environ)
            found[kind].append(time.perf_counter() - started)
            if answer.status_code != 401:  # the measurement would be of something else
                raise SystemExit(f"an answer of {answer.status_code} in place of 401")
    return found


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
        first, second, again = times(app.test_client(), (known, unknown, unknown), tries)
        context_of(app).resources.close()
    t, control = welch_t(cropped(first), cropped(second)), welch_t(cropped(again), cropped(second))
    medians = [statistics.median(values) * 1e6 for values in (first, second)]
    sys.stdout.write(
        f"{tries} tries each: median {medians[0]:.1f} us with a known id, {medians[1]:.1f} us with an unknown one; "
        f"Welch's t {t:+.2f} (unknown against itself {control:+.2f}; told apart above {LARGEST_T})\n"
    )
    return 0 if abs(t) < LARGEST_T else 1


if __name__ == "__main__":
    sys.exit(main())
