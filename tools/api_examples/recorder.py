"""Sends requests, waits where a job has to end, and keeps each request and answer as an example of its operation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.eventually import eventually

ITEMS = 3  # of a long list, as many as show what it holds
LONGEST_LIST = 5
Json = Any


@dataclass(slots=True)
class OperationExamples:
    """The examples of one operation: bodies by name, answers by status and name, one value for each parameter."""

    requests: dict[str, Json] = field(default_factory=dict)
    responses: dict[str, dict[str, Json]] = field(default_factory=dict)
    parameters: dict[str, Json] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=dict)


class Recorder:
    """A client that remembers; every answer must have the expected status."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self.operations: dict[str, OperationExamples] = {}  # by "post /api/v1/jobs"

    def authorize(self, key: str) -> None:
        """Send this API key from now on."""
        self._http.headers["Authorization"] = f"Bearer {key}"

    def call(
        self,
        method: str,
        template: str,
        *,
        status: int = 200,
        body: Json = None,
        content: bytes | None = None,
        name: str = "example",
        query: Mapping[str, Json] | None = None,
        headers: Mapping[str, str] | None = None,
        **path: int | str,
    ) -> Json:
        """Send one request and return the answer's JSON, or its text. name: of the example. content: of no JSON."""
        url = template.format(**path)
        answer = self._http.request(method, url, json=body, content=content, params=query, headers=headers)
        assert answer.status_code == status, (method, url, answer.text)
        content = answer.json() if "json" in answer.headers.get("Content-Type", "") else answer.text
        kept = self.operations.setdefault(f"{method.lower()} /api/v1{template}", OperationExamples())
        if body is not None:
            kept.requests[name] = body
        if content != "" and isinstance(content, dict | list):
            kept.responses.setdefault(str(status), {}).setdefault(name, shortened(content))
        for key, value in {**path, **(query or {}), **(headers or {})}.items():
            kept.parameters.setdefault(key, value)
        return content

    def upload(self, form: Mapping[str, str], *, file: tuple[str, str]) -> Json:
        """Upload a file (name, text) with form fields and wait until it is decided."""
        kept = self.operations["post /api/v1/datasets"]
        kept.form = kept.form or {**form, "file": file[1]}
        answer = self._http.post("/datasets", params={"wait": 60}, data=dict(form), files={"file": file})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def running(self, spec: Json) -> int:
        """Submit a job that takes long, and wait until a worker runs it; no example is kept."""
        job_id = int(self._http.post("/jobs", json=spec).json()["id"])

        def runs() -> bool:
            workers = self._http.get("/workers").json()["items"]
            return any(job["id"] == job_id for worker in workers for job in worker["jobs"])

        eventually(runs, what=f"job {job_id} runs")
        return job_id

    def job(self, spec: Json, *, name: str, ends: str = "COMPLETED") -> Json:
        """Submit a job and wait until it has ended."""
        job = self.call("POST", "/jobs", status=202, body=spec, name=name)

        def ended() -> Json:
            shown = self._http.get(f"/jobs/{job['id']}", params={"wait": 30}).json()
            return shown if shown["status"] not in ("PENDING", "RUNNING") else None

        shown = eventually(ended, what=f"job {job['id']} ends")
        assert shown["status"] == ends, shown
        return shown


def shortened(value: Json) -> Json:
    """The same value with long lists and texts cut, so that the document stays readable."""
    if isinstance(value, list):
        return [shortened(item) for item in (value if len(value) <= LONGEST_LIST else value[:ITEMS])]
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    return value


def shape(value: Json) -> Json:
    """What stays equal when the same story is told again: the keys, without the values."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return "value"
