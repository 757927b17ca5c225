"""Data sets: upload, list, look at, delete."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_training.client.display import Listing, html_table
from ml_training.client.errors import ApiError, DatasetRejected, Json, UsageError
from ml_training.client.progress import ProgressBars, bars_for_people
from ml_training.client.records import Record
from ml_training.client.tables import as_file
from ml_training.client.transport import UPLOAD_TIMEOUT
from ml_training.client.uploads import send_file
from ml_training.client.waiting import wait_for_jobs
from ml_training.domain.names import name_of_file
from ml_training.domain.states import JobStatus

if TYPE_CHECKING:
    from ml_training.client.client import Client
    from ml_training.client.jobs import Job

COLUMNS = {
    "id": "id",
    "name": "name",
    "version": "version",
    "status": "status",
    "rows": "rows",
    "columns": "columns",
    "created": "created_at",
}


@dataclass(frozen=True, kw_only=True)
class Dataset(Record):
    """A data set as it was when it was read. profile is None before it is READY, and in lists."""

    name: str
    version: int
    status: str
    file_format: str
    time_column: str | None
    phase_column: str | None
    group_column: str | None
    bytes: int
    sha256: str
    rows: int | None
    columns: int | None
    reasons: list[dict[str, Any]]
    job_id: int | None
    created_at: datetime
    origin: dict[str, str | None] | None
    profile: dict[str, Any] | None

    @property
    def label(self) -> str:
        """A short name, such as `data set 3 (churn version 2)`."""
        return f"data set {self.id} ({self.name} version {self.version})"

    @property
    def warnings(self) -> list[dict[str, Any]]:
        """What the service found odd: {"code", "pointer", "detail"} each."""
        return list(self.data.get("warnings") or ())

    def refresh(self) -> "Dataset":
        """The data set as it is now."""
        return self.client.datasets.get(self.id)

    def wait(self, *, timeout: float | None = None, progress: bool | None = None) -> "Dataset":
        """Wait until it is READY and return it; raises DatasetRejected with the reasons. See `Job.wait`."""
        found = self
        if self.status == "PROCESSING" and self.job_id is not None:
            transport = self.client.transport
            with bars_for_people(progress) as bars:
                wait_for_jobs(transport, [transport.get(f"/jobs/{self.job_id}")], bars=bars, timeout=timeout)
            found = self.refresh()
        if found.status == "REJECTED":
            raise DatasetRejected(found, label=found.label, reasons=found.reasons)
        return found

    def preview(self, rows: int = 20) -> list[Json]:
        """The first rows, at most 200: a value for each column."""
        items: list[Json] = self.client.transport.get(f"/datasets/{self.id}/preview", limit=rows)["items"]
        return items

    def delete(self) -> None:
        """Delete it; raises ApiError (409) while a job needs it. Models that were trained on it stay."""
        self.client.transport.delete(f"/datasets/{self.id}")

    def _repr_html_(self) -> str:
        rows: list[tuple[object, ...]] = [
            ("data set", f"{self.id}: {self.name} version {self.version}"),
            ("status", self.status),
            ("rows", self.rows),
            ("columns", self.columns),
        ]
        rows += [("reason", reason.get("detail")) for reason in self.reasons]
        rows += [("warning", warning.get("detail")) for warning in self.warnings]
        return html_table(rows)


Rows = list[Json]  # `list` is a method below


class Datasets:
    """`client.datasets`."""

    def __init__(self, client: "Client") -> None:
        self._client = client

    def upload(
        self,
        data: Any,
        *,
        name: str | None = None,
        time_column: str | None = None,
        phase_column: str | None = None,
        group_column: str | None = None,
        wait: bool = True,
        progress: bool | None = None,
        **options: str | None,
    ) -> Dataset:
        """Upload a table and wait until it is READY; raises DatasetRejected, UsageError, ApiError.

        data: the path of a file, a pandas or polars DataFrame, or an Arrow table. name: of the data set; the same name
        again makes a new version; by default it is made of the file's name. options: how the file is to be read, such
        as separator, decimal, encoding, date_format, sheet (docs/api.md). wait: False returns it PROCESSING.
        Bytes that the service already has are not sent again, also those of an upload that broke off.
        """
        columns = {"time_column": time_column, "phase_column": phase_column, "group_column": group_column}
        name = name or _default_name(data)
        fields = {key: value for key, value in {"name": name, **columns, **options}.items() if value is not None}
        with as_file(data, name) as file, bars_for_people(progress) as bars:
            dataset = Dataset.read(self._client, self._create(file, fields, bars))
        return dataset.wait(progress=progress) if wait else dataset

    def from_query(
        self,
        connection: str,
        query: str,
        *,
        name: str,
        wait: bool = True,
        progress: bool | None = None,
        **about: str | None,
    ) -> Dataset:
        """A data set from the rows of one SELECT, READY; raises DatasetRejected, ApiError.

        connection: one of `connections()`. about: time_column, phase_column, group_column, date_format. The rows are
        sorted by all columns, so that equal rows give equal bytes. wait: False returns it PROCESSING.
        """
        return self._from({"connection": connection, "query": query, "name": name}, about, wait, progress)

    def from_source(
        self,
        source: str,
        *,
        name: str | None = None,
        wait: bool = True,
        progress: bool | None = None,
        **about: str | None,
    ) -> Dataset:
        """A data set from a file in a bucket, READY; raises DatasetRejected, ApiError.

        source: s3://ROOT/KEY. name: by default it is made of the key. about: the roles and reading options of `upload`.
        """
        fields = {"source": source, "name": name or name_of_file(source.rpartition("/")[2])}
        return self._from(fields, about, wait, progress)

    def refresh(
        self, dataset: "Dataset | int | str", *, timeout: float | None = None, progress: bool | None = None
    ) -> Dataset:
        """Ask where a data set came from again: a new version if its rows have changed, else the newest one there is.

        dataset: it, its id, or a name for its newest READY version. Raises JobFailed, JobCancelled, and ApiError (409)
        for an upload. See `Job.wait` for the others.
        """
        return self.start_refresh(dataset).wait(timeout=timeout, progress=progress).dataset

    def start_refresh(self, dataset: "Dataset | int | str") -> "Job":
        """The job of `refresh`, which runs; its `dataset` is the result once it has ended."""
        from ml_training.client.jobs import Job  # not above: it imports this module for its types

        found = dataset if isinstance(dataset, Dataset) else self.get(dataset)
        return Job.read(self._client, self._client.transport.post(f"/datasets/{found.id}/refresh"))

    def connections(self) -> Rows:
        """The databases that `from_query` may use: {"name", "kind"} each."""
        items: Rows = self._client.transport.get("/connections")["items"]
        return items

    def sample(self, sample: str, *, name: str | None = None, progress: bool | None = None) -> Dataset:
        """A data set that ships with the service, READY; `samples()` lists them."""
        body = {"name": name or sample, "sample": sample}
        answer = self._client.transport.post("/datasets", body, repeatable=False)
        return Dataset.read(self._client, answer).wait(progress=progress)

    def samples(self) -> list[Json]:
        """The data sets that ship with the service."""
        items: list[Json] = self._client.transport.get("/datasets/samples")["items"]
        return items

    def get(self, dataset: int | str) -> Dataset:
        """The data set with this id, or the newest READY version of this name; raises ApiError or UsageError."""
        if isinstance(dataset, int):
            return Dataset.read(self._client, self._client.transport.get(f"/datasets/{dataset}"))
        found = self.list(name=dataset, status="READY", limit=1)
        if not found:
            raise UsageError(f"there is no READY data set named {dataset!r}: upload one, or list what there is")
        return self.get(int(found[0].id))

    def list(
        self,
        *,
        q: str | None = None,
        name: str | None = None,
        status: str | None = None,
        sort: str | None = None,
        limit: int = 100,
    ) -> Listing:
        """At most `limit` data sets, the newest first (`sort="oldest"`: the oldest). Filters are exact values.

        In place of name: q, the beginning of the name, in any case; the data sets come in the order of the names.
        """
        filters = {"q": q, "name": name, "status": status, "sort": sort}
        found = self._client.transport.list_items("/datasets", limit=limit, **filters)
        return Listing((Dataset.read(self._client, item) for item in found), COLUMNS)

    def preview(self, dataset: int | str, rows: int = 20) -> Rows:
        """The first rows of a data set, at most 200."""
        return self.get(dataset).preview(rows)

    def delete(self, dataset_id: int) -> None:
        """See `Dataset.delete`."""
        self._client.transport.delete(f"/datasets/{dataset_id}")

    def open_uploads(self) -> Rows:
        """Uploads that broke off: uploading the same file again sends the rest; after a day they are forgotten."""
        items: Rows = self._client.transport.get("/uploads")["items"]
        return items

    def delete_upload(self, upload_id: int) -> None:
        """Forget an upload that broke off."""
        self._client.transport.delete(f"/uploads/{upload_id}")

    def _from(
        self, fields: Mapping[str, str], about: Mapping[str, str | None], wait: bool, progress: bool | None
    ) -> Dataset:
        given = {key: value for key, value in about.items() if value is not None}
        answer = self._client.transport.post("/datasets", {**fields, **given}, repeatable=False)
        dataset = Dataset.read(self._client, answer)
        return dataset.wait(progress=progress) if wait else dataset

    def _create(self, file: Path, fields: Mapping[str, str], bars: ProgressBars) -> Json:
        transport = self._client.transport
        sha256 = _sha256(file)
        if transport.exists(f"/datasets/sha256/{sha256}"):
            body = {**fields, "sha256": sha256, "file_name": file.name}
            try:
                return transport.post("/datasets", body, repeatable=False, timeout=UPLOAD_TIMEOUT)
            except ApiError as error:
                if error.status != 404:  # the bytes went, or are damaged: an upload replaces them
                    raise

        def show(sent: int, whole: int) -> None:
            message = f"{sent / 1e6:,.1f} of {whole / 1e6:,.1f} MB"
            status = JobStatus.RUNNING if sent < whole else JobStatus.COMPLETED
            bars.show(file.name, f"upload {file.name}", status=status, fraction=sent / max(1, whole), message=message)

        upload_id = send_file(transport, file, sha256, on_sent=show)
        # Asked for again after a lost answer, it is the same data set.
        return transport.post("/datasets", {**fields, "upload_id": upload_id}, timeout=UPLOAD_TIMEOUT)


def _default_name(data: Any) -> str:
    return name_of_file(Path(data).name) if isinstance(data, str | Path) else "data"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
