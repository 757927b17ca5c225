"""What TEST, COMPARE and PREDICT jobs make."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ml_training.client.display import Listing, cell_text, html_table, scores_text
from ml_training.client.download import download
from ml_training.client.errors import Json
from ml_training.client.records import Record

if TYPE_CHECKING:
    from ml_training.client.client import Client

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, kw_only=True)
class TestResult(Record):
    """A model evaluated on a data set. overlap: some rows were trained on; degradation: held-out score minus this."""

    __test__ = False  # pytest must not collect this class

    job_id: int
    model_id: int
    dataset_id: int
    rows: int
    scores: dict[str, Any]
    overlap: bool
    degradation: dict[str, Any]
    overfitted: bool | None
    accuracy: float | None
    created_at: datetime
    details: dict[str, Any] | None

    @property
    def scores_text(self) -> str:
        """The scores that fit the task."""
        return scores_text(self.scores)

    def _repr_html_(self) -> str:
        return html_table(
            [
                ("test result", f"{self.id}: model {self.model_id} on data set {self.dataset_id}"),
                ("rows", self.rows),
                ("scores", self.scores_text),
                ("overlap", "some of these rows were trained on" if self.overlap else "none"),
            ]
        )


@dataclass(frozen=True, kw_only=True)
class Comparison(Record):
    """Models ranked on the same rows; winner_model_id is None on a tie."""

    job_id: int
    dataset_id: int
    metric: str
    rows: int
    winner_model_id: int | None
    ranking: list[dict[str, Any]]
    significance: dict[str, Any]
    created_at: datetime

    @property
    def winner_text(self) -> str:
        """Which model wins."""
        return "a tie" if self.winner_model_id is None else f"model {self.winner_model_id}"

    def _repr_html_(self) -> str:
        rows = [
            (entry["model_id"], cell_text((entry.get("scores") or entry).get(self.metric))) for entry in self.ranking
        ]
        return html_table(rows, ("model", self.metric))


@dataclass(frozen=True, kw_only=True)
class Prediction(Record):
    """The predictions of a model for the rows of a data set or a list, as a file."""

    job_id: int
    model_id: int
    dataset_id: int | None
    rows: int
    sha256: str
    bytes: int
    format: str
    columns: list[str] | None
    unseen_categories: dict[str, int] | None
    missing: dict[str, int] | None
    created_at: datetime

    def preview(self, rows: int = 20) -> list[Json]:
        """The first rows: `row`, the kept columns, `prediction`, the probabilities."""
        items: list[Json] = self.client.transport.get(f"/predictions/{self.id}/preview", limit=rows)["items"]
        return items

    def download(self, path: str | Path | None = None) -> Path:
        """Write the file, verified; path: a file or a directory, default `prediction-<id>.<format>` here."""
        target = Path(path or ".").expanduser()
        if target.is_dir():
            target /= f"prediction-{self.id}.{self.format}"
        return download(self.client.transport, f"/predictions/{self.id}/download", target, sha256=self.sha256)

    def delete(self) -> None:
        """Delete it."""
        self.client.transport.delete(f"/predictions/{self.id}")

    def _repr_html_(self) -> str:
        return html_table(
            [("prediction", self.id), ("model", self.model_id), ("rows", self.rows), ("format", self.format)]
        )


class Results(Generic[R]):
    """`client.test_results`, `client.comparisons`, `client.predictions`."""

    def __init__(self, client: "Client", path: str, record: type[R], columns: Mapping[str, str]) -> None:
        self._client = client
        self._path = path
        self._record = record
        self._columns = columns

    def get(self, result_id: int) -> R:
        """One result."""
        return self._record.read(self._client, self._client.transport.get(f"{self._path}/{result_id}"))

    def list(self, *, limit: int = 100) -> Listing:
        """At most `limit` results, the newest first."""
        found = self._client.transport.list_items(self._path, limit=limit)
        return Listing((self._record.read(self._client, item) for item in found), self._columns)


TEST_RESULT_COLUMNS = {
    "id": "id",
    "model": "model_id",
    "data set": "dataset_id",
    "rows": "rows",
    "scores": "scores_text",
    "overlap": "overlap",
    "created": "created_at",
}
COMPARISON_COLUMNS = {
    "id": "id",
    "data set": "dataset_id",
    "metric": "metric",
    "rows": "rows",
    "winner": "winner_text",
    "created": "created_at",
}
PREDICTION_COLUMNS = {
    "id": "id",
    "model": "model_id",
    "data set": "dataset_id",
    "rows": "rows",
    "format": "format",
    "created": "created_at",
}
