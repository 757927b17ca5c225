"""What can go wrong, as exceptions; each message says what to do."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]
REMEDIES = {
    400: "send JSON as docs/api.md describes it",
    401: "set ML_TRAINING_API_KEY to a valid key",
    403: "use a key that may do this",
    404: "list what there is; deleted things answer like those that never were",
    409: "wait until the job has ended, or use another one",
    413: "send less; the message names the limit",
    415: "use one of the formats that the message names",
    422: "correct the fields that are named",
    429: "try again later: the queue is full",
    500: "this is a defect of the service: its log knows more about the request_id",
    503: "try again later, or run `ml-training doctor` where the service runs",
}
MOST_REASONS = 20


class ClientError(Exception):
    """Base of all errors of the client."""


class UsageError(ClientError):
    """The call itself is wrong; nothing was sent. The message says what to change."""


class Unreachable(ClientError):
    """No server answered, or what answered is not this service; the message says how to start or find one."""


class ApiError(ClientError):
    """The service refused a request.

    status: the HTTP status. title, detail: in words. errors: (JSON pointer, detail) of every field that is wrong.
    remedy: what to do. document: the whole problem document (RFC 9457).
    """

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        self.status = status
        self.document = dict(document)
        self.title = str(document.get("title", f"HTTP {status}"))
        self.detail = str(document.get("detail", ""))
        self.errors = tuple((str(error["pointer"]), str(error["detail"])) for error in document.get("errors", ()))
        self.remedy = REMEDIES.get(status, "")
        super().__init__("\n".join(self.text_lines()))

    def text_lines(self) -> list[str]:
        """For people: the problem, then one line for each wrong field."""
        first = f"{self.title} ({self.status}): {self.detail}" if self.detail else f"{self.title} ({self.status})"
        return [first, *(f"  {pointer or '/'}: {detail}" for pointer, detail in self.errors)]


class JobFailed(ClientError):
    """A job ended FAILED; code, message and hint are those of the job, `job` is the job itself."""

    def __init__(self, job: Any, *, label: str, error: Mapping[str, Any] | None) -> None:
        found = error or {}
        self.job = job
        self.code, self.message, self.hint = (str(found.get(name) or "") for name in ("code", "message", "hint"))
        super().__init__(f"{label} FAILED: {self.code}: {self.message}. {self.hint}".rstrip(". "))


class JobCancelled(ClientError):
    """A job ended CANCELLED; `job` is the job itself."""

    def __init__(self, job: Any, *, label: str) -> None:
        self.job = job
        super().__init__(f"{label} was CANCELLED")


class DatasetRejected(ClientError):
    """The service cannot use an uploaded file; `reasons` has {"row", "column", "detail"} of each reason."""

    def __init__(self, dataset: Any, *, label: str, reasons: Sequence[Mapping[str, Any]]) -> None:
        self.dataset = dataset
        self.reasons = tuple(reasons)
        super().__init__("\n".join([f"{label} is REJECTED:", *(f"  {line}" for line in reason_lines(reasons))]))


def reason_lines(reasons: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each different reason, with the column and the rows where it was found.

    >>> reason_lines([{"row": 4, "column": "x", "detail": "no time"}, {"row": 9, "column": "x", "detail": "no time"}])
    ["column 'x', rows 4 and 9: no time"]
    """
    places: dict[tuple[str | None, str], list[int]] = {}
    counts: Counter[tuple[str | None, str]] = Counter()
    for reason in reasons:
        key = reason.get("column"), str(reason.get("detail") or "no reason given")
        counts[key] += 1
        rows = places.setdefault(key, [])
        if reason.get("row") is not None:
            rows.append(int(reason["row"]))
    lines = [_reason_line(column, detail, places[column, detail]) for column, detail in counts]
    more = len(lines) - MOST_REASONS
    return [*lines[:MOST_REASONS], *([f"and {more} more reasons"] if more > 0 else [])] or ["no reason given"]


def _reason_line(column: str | None, detail: str, rows: Sequence[int]) -> str:
    where = [] if column is None else [f"column {column!r}"]
    if len(rows) == 1:
        where.append(f"row {rows[0]}")
    elif len(rows) > 3:
        where.append(f"{len(rows)} rows, first {', '.join(map(str, rows[:3]))}")
    elif rows:
        where.append(f"rows {', '.join(map(str, rows[:-1]))} and {rows[-1]}")
    return f"{', '.join(where)}: {detail}" if where else detail
