"""Jobs: what was asked for, how far it is, and waiting for its result."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ml_training.client.display import Listing, html_table
from ml_training.client.errors import JobCancelled, JobFailed, Json
from ml_training.client.events import Event, follow
from ml_training.client.progress import bars_for_people, job_label
from ml_training.client.records import Record
from ml_training.client.waiting import wait_for_jobs
from ml_training.domain.states import JobStatus

if TYPE_CHECKING:
    from ml_training.client.client import Client
    from ml_training.client.datasets import Dataset
    from ml_training.client.models import Model
    from ml_training.client.results import Comparison, DriftReport, Explanation, Prediction, Study, TestResult

COLUMNS = {"job": "label", "status": "status", "progress": "progress", "created": "created_at"}


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """A line of a job's log."""

    seq: int
    attempt: int
    at: datetime
    line: str


@dataclass(frozen=True, kw_only=True)
class Job(Record):
    """A job as it was when it was read; `refresh()` reads it again. Times are UTC, durations seconds."""

    job_type: str
    model_type: str
    status: str
    progress: float
    progress_message: str
    eta_seconds: float | None
    attempt: int
    dataset_id: int | None
    priority: int
    queue_wait_seconds: float | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result: dict[str, int | None] | None
    error: dict[str, str] | None
    spec: dict[str, Any]
    parent_id: int | None
    reused_from: int | None

    @property
    def label(self) -> str:
        """A short name, such as `#3 TRAIN lightgbm`."""
        return job_label(dict(self.data))

    @property
    def has_ended(self) -> bool:
        """Whether it is COMPLETED, FAILED or CANCELLED; that never changes any more."""
        return JobStatus(self.status).is_terminal

    def refresh(self) -> "Job":
        """The job as it is now."""
        return self.client.jobs.get(self.id)

    def wait(self, *, timeout: float | None = None, progress: bool | None = None) -> "Job":
        """Wait until the job has ended, with a progress bar on a terminal or in a notebook; returns the ended job.

        timeout: seconds, after which WaitTooLong is raised; the job keeps running. progress: True or False overrules
        whether the bar is shown. Raises JobFailed or JobCancelled. Restarts of service and workers are waited for.
        """
        [ended] = self.client.jobs.wait([self], timeout=timeout, progress=progress)
        return ended

    def cancel(self) -> "Job":
        """Ask the job to stop; it is CANCELLED within seconds. A job that has ended otherwise raises ApiError (409)."""
        return Job.read(self.client, self.client.transport.post(f"/jobs/{self.id}/cancel"))

    def events(self, *, after: int = 0) -> Iterator[Event]:
        """Progress, scores, log lines and the end, each as it happens; from the first one, or behind number `after`."""
        return follow(self.client.transport, self.id, after=after)

    def logs(self) -> list[LogLine]:
        """Every line of the log so far, oldest first."""
        lines = self.client.transport.list_items(f"/jobs/{self.id}/logs", limit=1_000_000)
        return [
            LogLine(
                seq=line["seq"],
                attempt=line["attempt"],
                at=datetime.fromisoformat(line["at"]),
                line=line["line"],
            )
            for line in lines
        ]

    @property
    def model(self) -> "Model":
        """The model that a COMPLETED TRAIN job made."""
        return self.client.models.get(self._result_id("model_id"))

    @property
    def test_result(self) -> "TestResult":
        """What a COMPLETED TEST job made."""
        return self.client.test_results.get(self._result_id("test_result_id"))

    @property
    def comparison(self) -> "Comparison":
        """What a COMPLETED COMPARE job made."""
        return self.client.comparisons.get(self._result_id("comparison_id"))

    @property
    def prediction(self) -> "Prediction":
        """What a COMPLETED PREDICT job made."""
        return self.client.predictions.get(self._result_id("prediction_id"))

    @property
    def study(self) -> "Study":
        """What a COMPLETED TUNE job made."""
        return self.client.studies.get(self._result_id("study_id"))

    @property
    def explanation(self) -> "Explanation":
        """What a COMPLETED EXPLAIN job made."""
        return self.client.explanations.get(self._result_id("explanation_id"))

    @property
    def drift_report(self) -> "DriftReport":
        """What a COMPLETED DRIFT job made."""
        return self.client.drift_reports.get(self._result_id("drift_report_id"))

    @property
    def dataset(self) -> "Dataset":
        """The data set that the job has made, or that it reads; a refresh reads one and may make another."""
        made = (self.result or {}).get("dataset_id")
        return self.client.datasets.get(made or self.dataset_id or self._result_id("dataset_id"))

    def raise_unless_completed(self) -> None:
        """Raise JobFailed or JobCancelled if it ended so."""
        if self.status == JobStatus.FAILED:
            raise JobFailed(self, label=self.label, error=self.error)
        if self.status == JobStatus.CANCELLED:
            raise JobCancelled(self, label=self.label)

    def _result_id(self, name: str) -> int:
        found = (self.result or {}).get(name)
        if found is None:
            raise AttributeError(f"{self.label} is {self.status} and has no {name}: wait for a job that makes one")
        return found

    def _repr_html_(self) -> str:
        error = self.error or {}
        rows = [
            ("job", self.label),
            ("status", self.status),
            ("progress", f"{self.progress:.0%} {self.progress_message}"),
            ("result", ", ".join(f"{name} {value}" for name, value in (self.result or {}).items()) or None),
            *((name, error[name]) for name in ("code", "message", "hint") if error.get(name)),
        ]
        return html_table(rows)


JobList = list[Job]  # `list` is a method below


class Jobs:
    """`client.jobs`."""

    def __init__(self, client: "Client") -> None:
        self._client = client

    def submit(self, spec: Json, *, idempotency_key: str | None = None) -> Job:
        """Submit a spec as docs/jobs.md describes it; the same key never makes a second job."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else None
        return Job.read(self._client, self._client.transport.post("/jobs", spec, headers=headers))

    def dry_run(self, spec: Json) -> Json:
        """What a job of this spec would be; nothing is stored. Raises ApiError with the errors that it would get.

        The answer has `warnings`, `rows`, `folds`, `features`, `classes` and `estimate` (docs/api.md).
        """
        return self._client.transport.post("/jobs?dry_run=true", spec)

    def submit_many(self, specs: Sequence[Json], *, idempotency_key: str | None = None) -> list[Job | Json]:
        """Submit up to 1,000 specs at once: for each a job, or the answer with the `errors` why there is none."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else None
        answer = self._client.transport.post("/jobs/batch", {"jobs": list(specs)}, headers=headers)
        return [Job.read(self._client, item["job"]) if item["job"] else item for item in answer["items"]]

    def cancel_many(self, ids: Sequence[int] | None = None, **filters: Any) -> Json:
        """Ask up to 1,000 jobs to stop: those named, or those that pass the filters (status, job_type, model_type; or
        parent_id alone). The answer has `items` (id, status, job_status, errors) and how many `remaining`."""
        return self._client.transport.post("/jobs/cancel", _which(ids, filters))

    def retry_many(
        self, ids: Sequence[int] | None = None, *, idempotency_key: str | None = None, **filters: Any
    ) -> Json:
        """Submit the specs of up to 1,000 FAILED or CANCELLED jobs again, as new jobs: see `cancel_many`.

        The answer names the new job of each as `job_id`. With filters it is not repeated when the service is away:
        the second call could mean other jobs.
        """
        if ids is None:
            return self._client.transport.post_once("/jobs/retry", _which(ids, filters))
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else None
        return self._client.transport.post("/jobs/retry", _which(ids, filters), headers=headers)

    def get(self, job_id: int) -> Job:
        """The job."""
        return Job.read(self._client, self._client.transport.get(f"/jobs/{job_id}"))

    def list(
        self,
        *,
        q: str | None = None,
        name: str | None = None,
        parent_id: int | None = None,
        dataset_id: int | None = None,
        status: str | None = None,
        job_type: str | None = None,
        model_type: str | None = None,
        sort: str | None = None,
        limit: int = 100,
    ) -> Listing:
        """At most `limit` jobs, the newest first (`sort="oldest"`: the oldest). Filters are exact values.

        Together: status, job_type, model_type; or name (of the model), status; or dataset_id, status, job_type; or
        parent_id alone: the jobs of a study, which are in no other list; or q, status: q is the beginning of the name,
        in any case, and the jobs come in the order of the names.
        """
        found = self._client.transport.list_items(
            "/jobs",
            limit=limit,
            q=q,
            name=name,
            parent_id=parent_id,
            dataset_id=dataset_id,
            status=status,
            job_type=job_type,
            model_type=model_type,
            sort=sort,
        )
        return Listing((Job.read(self._client, item) for item in found), COLUMNS)

    def wait(self, jobs: Sequence[Job], *, timeout: float | None = None, progress: bool | None = None) -> JobList:
        """Wait until all have ended, see `Job.wait`; the first one that did not complete raises its error."""
        with bars_for_people(progress) as bars:
            answers = [dict(job.data) for job in jobs]
            ended = wait_for_jobs(self._client.transport, answers, bars=bars, timeout=timeout)
        found = [Job.read(self._client, answer) for answer in ended]
        for job in found:
            job.raise_unless_completed()
        return found


def _which(ids: Sequence[int] | None, filters: Json) -> Json:
    return {"filter": filters} if ids is None else {"ids": [*ids]}
