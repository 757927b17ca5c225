"""Changes: one cheap question for all that a client shows."""

import time
from collections.abc import Callable
from functools import partial

from flask import Response
from pydantic import Field

from ml_training.api.context import context, resources
from ml_training.api.long_poll import long_poll
from ml_training.api.openapi_routes import QueryParameters, blueprint, documented
from ml_training.api.parked_requests import has_waited, park
from ml_training.api.request_parameters import Wait
from ml_training.api.response_schemas import ResponseSchema
from ml_training.api.responses import json_response
from ml_training.domain.caller import Role
from ml_training.services.change_watch import ChangeWatch, WaitingClient
from ml_training.services.changes import News, parse_position, read_news, wait_for_news

KINDS = "job, dataset, model, prediction, test_result, comparison, explanation, drift_report, study or project"


class ChangesParameters(QueryParameters):
    """Where a client is, and how long it waits for news."""

    after: str | None = Field(None, max_length=40, description="next of the answer before; none: where one is now")
    wait: Wait = Field(0, description="answer when something has changed, or after this many seconds")


class Change(ResponseSchema):
    """One thing that has changed: read it again, or 404 says that it is gone."""

    kind: str = Field(description=KINDS)
    id: int
    seq: int = Field(description="rises with each change of the same thing")


class RunningJob(ResponseSchema):
    """How far a RUNNING job is."""

    id: int
    attempt: int
    progress: float
    progress_message: str
    eta_seconds: float | None


class Changes(ResponseSchema):
    """What has changed since a position."""

    items: list[Change] = Field(description="at most 1,000; each thing once, with its last change")
    next: str = Field(description="for ?after= of the next request")
    reset: bool = Field(description="the position is not known any more: keep next, then load everything again")
    running: list[RunningJob] = Field(description="the newest 200; their progress is not a change")

    @classmethod
    def of(cls, news: News) -> "Changes":
        """The schema of an answer."""
        items = [Change.from_record(item) for item in news.items]
        running = [RunningJob.from_record(job) for job in news.running]
        return cls(items=items, next=str(news.position), reset=news.reset, running=running)


changes = blueprint("changes", "What has changed since a client last asked")


@changes.get("", responses={200: Changes})
@documented(Role.VIEWER, query=ChangesParameters)
def list_changes(query: ChangesParameters) -> Response:
    """The things of the project that have changed behind ?after=, and the progress of its RUNNING jobs.

    Without ?after= only the position now: keep `next`, then load what you show, then ask for what has changed.
    """
    after = parse_position(query.after)
    found = read_news(resources(), after)
    if after is None or not query.wait or _has_news(found) or has_waited():
        return _show(found)
    watch, deadline = context().change_watch, time.monotonic() + query.wait
    if park(partial(_watch, watch, WaitingClient(resources().project_id, after, deadline))):
        return _show(found)
    return long_poll(
        query.wait,
        lambda seconds: wait_for_news(resources(), after, seconds=seconds),
        has_ended=_has_news,
        respond=_show,
    )


def _watch(watch: ChangeWatch, client: WaitingClient, wake: Callable[[], object]) -> Callable[[], object]:
    # The event loop calls it, outside of any request.
    watch.add(client, wake)
    return partial(watch.remove, client)


def _has_news(found: News) -> bool:
    return bool(found.items) or found.reset


def _show(found: News) -> Response:
    return json_response(Changes.of(found))
