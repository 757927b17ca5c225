"""What TEST, COMPARE, PREDICT, EXPLAIN and TUNE jobs make."""

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
    from ml_training.client.models import Model

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
    def score_intervals(self) -> dict[str, Any]:
        """The 95 % interval of each score; empty in lists and of older results."""
        return ((self.details or {}).get("score_intervals") or {}).get("test") or {}

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
        """The first rows: `row`, the kept columns, `prediction`, the probabilities, the interval or the set."""
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


@dataclass(frozen=True, kw_only=True)
class Study(Record):
    """What a search for parameters has found; best_values and importances by JSON pointer into `train`."""

    job_id: int
    dataset_id: int
    best_model_id: int
    metric: str
    sampler: str
    trials: int
    failed_trials: int
    best_trial: int
    model_name: str | None
    best_score: float | None
    stopped_by: str
    best_values: dict[str, Any] | None
    importances: dict[str, float | None] | None
    warm_start: dict[str, Any] | None
    created_at: datetime

    @property
    def model(self) -> "Model":
        """The model that was trained with the best values."""
        return self.client.models.get(self.best_model_id)

    def list_trials(self, *, limit: int = 10_000) -> list[Json]:
        """The trials in their order: number, job_id, status, values, score, seconds, error."""
        return list(self.client.transport.list_items(f"/studies/{self.id}/trials", limit=limit))

    def _repr_html_(self) -> str:
        shares = self.importances or {}
        rows = [
            (name, cell_text(value), cell_text(shares.get(name))) for name, value in (self.best_values or {}).items()
        ]
        about = [
            ("study", self.id),
            (f"best {self.metric}", f"{cell_text(self.best_score)}, trial {self.best_trial} of {self.trials}"),
            ("model", self.best_model_id),
            ("stopped by", self.stopped_by),
        ]
        return html_table(about) + html_table(rows, ("parameter", "best value", "importance"))


@dataclass(frozen=True, kw_only=True)
class Explanation(Record):
    """What a model has learnt, and where it is right, on rows of a data set; docs/explain.md describes the parts."""

    job_id: int
    model_id: int
    dataset_id: int
    rows: int
    created_at: datetime
    metric: str | None
    scores: dict[str, Any] | None
    score_intervals: dict[str, Any] | None
    permutation_importance: dict[str, Any] | None
    contributions: dict[str, Any] | None
    partial_dependence: list[dict[str, Any]] | None
    calibration: dict[str, Any] | None
    thresholds: dict[str, Any] | None
    lift: list[dict[str, Any]] | None
    residuals: dict[str, Any] | None
    slices: list[dict[str, Any]] | None

    @property
    def importance(self) -> list[tuple[str, float | None, float | None]]:
        """(feature, importance, spread) by permutation, the most important first."""
        features = (self.permutation_importance or {}).get("features") or []
        return [(item["feature"], item["value"], item["spread"]) for item in features]

    def delete(self) -> None:
        """Delete it."""
        self.client.transport.delete(f"/explanations/{self.id}")

    def _repr_html_(self) -> str:
        header = ("feature", f"fall of {self.metric} when it is shuffled", "spread")
        return html_table(self.importance[:20], header)


@dataclass(frozen=True, kw_only=True)
class DriftReport(Record):
    """How far rows are from those that a model was trained on; docs/drift.md describes the numbers."""

    job_id: int
    model_id: int
    dataset_id: int
    rows: int
    weighted_psi: float
    drifted: bool
    created_at: datetime
    judged_psi: float | None
    p_value: float | None
    auc: float | None
    features: list[dict[str, Any]] | None

    def delete(self) -> None:
        """Delete it."""
        self.client.transport.delete(f"/drift-reports/{self.id}")

    def _repr_html_(self) -> str:
        names = ("feature", "psi", "p_value", "wasserstein", "ks", "missing_share", "unseen_share")
        return html_table([[item[name] for name in names] for item in (self.features or [])[:20]], names)


class Results(Generic[R]):
    """`client.test_results`, `client.comparisons`, `client.predictions` and the other lists of results."""

    def __init__(self, client: "Client", path: str, record: type[R], columns: Mapping[str, str]) -> None:
        self._client = client
        self._path = path
        self._record = record
        self._columns = columns

    def get(self, result_id: int) -> R:
        """One result."""
        return self._record.read(self._client, self._client.transport.get(f"{self._path}/{result_id}"))

    def list(self, *, limit: int = 100, **filters: str | None) -> Listing:
        """At most `limit` results, the newest first; studies also by q, the beginning of their model's name."""
        found = self._client.transport.list_items(self._path, limit=limit, **filters)
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
EXPLANATION_COLUMNS = {
    "id": "id",
    "model": "model_id",
    "data set": "dataset_id",
    "rows": "rows",
    "created": "created_at",
}
DRIFT_REPORT_COLUMNS = {
    "id": "id",
    "model": "model_id",
    "data set": "dataset_id",
    "rows": "rows",
    "drift": "weighted_psi",
    "drifted": "drifted",
    "created": "created_at",
}
STUDY_COLUMNS = {
    "id": "id",
    "metric": "metric",
    "best score": "best_score",
    "trials": "trials",
    "model": "best_model_id",
    "stopped by": "stopped_by",
    "created": "created_at",
}
