"""What hurts a bucket: it is away, slow or full, answers with errors, loses, repeats and damages what it sends."""

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial

from tests.support.s3_proxy import (
    Exchange,
    S3Proxy,
    Trouble,
    away,
    cut_answer,
    first,
    lie,
    lose_answer,
    refusing,
    repeat,
    slow,
)

SLOW_BYTES_A_SECOND = 1e6
LONG_ABSENCE = "away for longer than is waited for"  # meanwhile no job runs that could be hurt
REPEATED_SECONDS = 30.0  # so long a request is repeated, before a job is handed back
LASTING: Mapping[str, Trouble] = {
    "away": away,
    "slow": slow(SLOW_BYTES_A_SECOND),
    "answers 500": refusing(500, "InternalError"),
    "answers 503": refusing(503, "ServiceUnavailable"),
    "answers SlowDown": refusing(503, "SlowDown"),
}


def full(exchange: Exchange) -> None:
    """Nothing new fits in; what is there can be read and removed."""
    if exchange.method in ("PUT", "POST"):
        exchange.refuse(507, "QuotaExceeded")
    else:
        exchange.forward()


class BucketTrouble:
    """The faults of a bucket behind a proxy; `wait` pauses, and ends early when the run does."""

    def __init__(self, proxy: S3Proxy, *, wait: Callable[[float], object]) -> None:
        self._proxy = proxy
        self._wait = wait

    def faults(self) -> dict[str, Callable[[random.Random], None]]:
        """By name."""
        lasting = {name: partial(self._last, trouble) for name, trouble in {**LASTING, "full": full}.items()}
        often = {"cuts answers": cut_answer, "loses answers": lose_answer, "is asked twice": repeat}
        return {
            **lasting,
            **{name: partial(self._happen_often, trouble) for name, trouble in often.items()},
            "sends a wrong bit": self._lie,
            LONG_ABSENCE: self._stay_away,
        }

    def _last(self, trouble: Trouble, chance: random.Random) -> None:
        with self._proxy.troubled(trouble):
            self._wait(chance.uniform(1.0, 8.0))

    def _stay_away(self, chance: random.Random) -> None:
        with self._proxy.troubled(away):
            self._wait(REPEATED_SECONDS + chance.uniform(5.0, 10.0))

    def _happen_often(self, trouble: Trouble, chance: random.Random) -> None:
        """To every third request, on average."""
        own = random.Random(chance.random())

        def sometimes(exchange: Exchange) -> None:
            if own.random() < 1 / 3:
                trouble(exchange)
            else:
                exchange.forward()

        with self._proxy.troubled(sometimes):
            self._wait(chance.uniform(2.0, 8.0))

    def _lie(self, chance: random.Random) -> None:
        """Once: the second try is right. What lies for longer ends jobs, as damaged bytes do."""
        with self._read_once(lie):
            self._wait(chance.uniform(1.0, 4.0))

    def _read_once(self, trouble: Trouble) -> AbstractContextManager[None]:
        only = first(1, trouble)

        def on_reads(exchange: Exchange) -> None:
            if exchange.method == "GET" and "/identity" not in exchange.path and "list-type" not in exchange.path:
                only(exchange)
            else:
                exchange.forward()

        return self._proxy.troubled(on_reads)
