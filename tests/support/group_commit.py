"""Submissions that share a transaction, as it happens only by chance without help."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from sqlalchemy import Connection

from ml_training.domain.records import Job
from ml_training.services.resources import Resources
from tests.support.eventually import eventually


def submitted_together(
    resources: Resources, submissions: list[Callable[[], Job]], *, meanwhile: Callable[[Connection], object] = id
) -> list[Future[Job]]:
    """All of them, after they have come while a group was being led: so they are one group, in this order.

    meanwhile: done in the transaction of the group before, when all have come.
    """
    entered, leave = threading.Event(), threading.Event()

    def first_store(connection: Connection, requests: Any) -> list[Any]:
        entered.set()
        assert leave.wait(60)
        meanwhile(connection)
        return ["first"] * len(requests)

    with ThreadPoolExecutor(len(submissions) + 1) as pool:
        first = pool.submit(resources.group_commit.run, resources.database.write, first_store, None)
        assert entered.wait(60)
        found = []
        for number, one in enumerate(submissions, start=1):
            found.append(pool.submit(one))
            eventually(lambda number=number: len(resources.group_commit._queue) == number, what="it waits")
        leave.set()
        assert first.result() == "first"
    return found
