"""Server-sent events as a client reads them."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event; `id` is None without one."""

    id: int | None
    event: str
    data: dict[str, Any]


def read_events(lines: Iterable[str]) -> Iterator[SseEvent]:
    """The events among the lines of a stream; comments and `retry` are skipped, anything unknown fails."""
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            assert name in {"id", "event", "data", "retry"}, line
            assert name not in fields, f"{name} is given twice in one event"
            fields[name] = value
        elif fields.keys() - {"retry"}:
            number = fields.get("id")
            yield SseEvent(None if number is None else int(number), fields["event"], json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}


def parse_stream(body: str) -> list[SseEvent]:
    """Every event of a complete stream, which must end at the end of an event."""
    assert body.endswith("\n\n")
    return list(read_events(body.split("\n")))
