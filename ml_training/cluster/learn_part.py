"""The Dask task of a part: runs its process on a worker of the cluster, and ends it when nobody wants it any more."""

import socket
import time
from typing import Any
from urllib.parse import urlsplit

from ml_training.cluster.failures import Failure
from ml_training.cluster.part import Part
from ml_training.cluster.part_process import PartProcess

TOPIC = "ml-training"  # of the events that parts tell
LOOK = 0.5  # seconds between two looks at the process
TELL = 1.0  # seconds between two events
SILENCE = 20.0  # seconds without a sign of the job after which the part ends
NOT_WANTED: dict[str, Any] = {"failure": Failure.LOST.value, "detail": "the job does not want this part any more"}


def learn_part(body: dict[str, Any]) -> dict[str, Any]:
    """Runs as a task: `model` (None but in the first part), or `failure` and `detail`."""
    from distributed import Variable, get_client, get_worker

    worker, part = get_worker(), Part.from_json(body)
    orders = Variable(part.name, client=get_client())
    host = socket.gethostbyname(str(urlsplit(worker.address).hostname))  # LightGBM takes numbers only
    about = {"name": part.name, "number": part.number, "host": host}
    with PartProcess(part, threads=worker.state.nthreads) as process:
        follower = _Follower(process, limit=worker.memory_manager.memory_limit)
        while True:
            ended = follower.look()
            if follower.has_news() or ended is not None:
                worker.log_event(TOPIC, {**about, **follower.news()})
                if ended is None:
                    ended = follower.obey(_order(orders))
            if ended is not None:
                return ended


def _order(orders: Any) -> dict[str, Any] | None:
    """What the job says now; None when nothing is heard of it."""
    try:
        found: dict[str, Any] = orders.get(timeout=2)
    except (OSError, TimeoutError):
        return None
    return found


class _Follower:
    """Looks at a process again and again; keeps what it will say of it."""

    def __init__(self, process: PartProcess, *, limit: int | None) -> None:
        self._process, self._limit = process, limit
        self._told = self._heard = time.monotonic()
        self._sign: object = None
        self._linked = False
        self._state: dict[str, Any] = {"stage": "starting"}
        self._rounds: list[dict[str, Any]] = []

    def look(self) -> dict[str, Any] | None:
        """Read what the process says; its result once it has ended."""
        messages = self._process.heard(within=LOOK)
        for message in messages or []:
            if "round" in message:
                self._rounds.append(message)
            else:
                self._state |= message
        if messages is None:
            return self._process.result()
        if self._limit and self._process.memory() > self._limit:
            detail = f"a part of the rows needs more than the {self._limit / 1e6:,.0f} MB of its cluster worker"
            return {"failure": Failure.MEMORY.value, "detail": detail}
        return None

    def has_news(self) -> bool:
        """Whether it is time to tell something, if only that the part is still there."""
        return time.monotonic() - self._told >= TELL

    def news(self) -> dict[str, Any]:
        """What is new since the last call."""
        self._told = time.monotonic()
        rounds, self._rounds = self._rounds, []
        return {**self._state, "work": self._process.work_done(), "rounds": rounds}

    def obey(self, order: dict[str, Any] | None) -> dict[str, Any] | None:
        """Pass an order on; the result when the part is to end."""
        now = time.monotonic()
        if order is not None and order["sign"] != self._sign:
            self._sign, self._heard = order["sign"], now
        if now - self._heard > SILENCE or (order is not None and order["stop"]):
            return NOT_WANTED
        machines = None if order is None or self._linked else order["machines"]
        self._linked = self._linked or machines is not None
        self._process.say(None if machines is None else {"machines": machines})
        return None
