"""Reads the server-sent events of a job; a stream that breaks off is resumed where it ended."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ml_training.client.errors import ApiError, Unreachable
from ml_training.client.transport import TRANSIENT_STATUSES, Transport


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a job.

    kind: `progress`, `scores`, `log` or `end`. seq: its number in the job, None where it has none. data: its fields.
    """

    kind: str
    seq: int | None
    data: dict[str, Any]


def follow(transport: Transport, job_id: int, *, after: int = 0) -> Iterator[Event]:
    """The events of a job behind number `after`, until the job has ended.

    Raises Unreachable or ApiError when the service stays away for longer than `transport` waits.
    """
    last, patience = after, transport.patience()
    while True:
        try:
            with transport.stream(f"/jobs/{job_id}/events", headers={"Last-Event-ID": str(last)}) as response:
                for event in read_events(response.iter_lines()):
                    patience.restart()
                    last = last if event.seq is None else event.seq
                    yield event
                    if event.kind == "end":
                        return
        except (Unreachable, ApiError) as error:
            if isinstance(error, ApiError) and error.status not in TRANSIENT_STATUSES:
                raise
            if not patience.wait():
                raise
        else:
            transport.pause(0.1)  # the service closed the stream without an end: it stops or restarts


def read_events(lines: Iterable[str]) -> Iterator[Event]:
    """The events in the lines of a `text/event-stream`; what is not complete at the end is left out."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if line and name:
            fields[name] = value.removeprefix(" ")
        elif not line and "data" in fields:
            seq = int(fields["id"]) if fields.get("id", "").isdigit() else None
            yield Event(fields.get("event", "message"), seq, json.loads(fields["data"]))
            fields = {}
        elif not line:
            fields = {}
