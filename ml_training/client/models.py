"""Models: the registry, and using a model on this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ml_training.client.cards import ModelCard
from ml_training.client.display import Listing, html_table, intervals_text, scores_text
from ml_training.client.download import download
from ml_training.client.errors import ApiError, Json, UsageError
from ml_training.client.onnx import OnnxExport, export_onnx
from ml_training.client.records import Record
from ml_training.client.results import Prediction

if TYPE_CHECKING:
    from ml_training.client.client import Client

COLUMNS = {
    "id": "id",
    "name": "name",
    "version": "version",
    "type": "model_type",
    "task": "task",
    "held out": "held_out_text",
    "created": "created_at",
}
PREVIEWED_ROWS = 200  # the most that the service shows
NOT_FOUND = 404
LOADED_MODELS = 4  # kept in memory by a client, so that predicting again does not download again


@dataclass(frozen=True, kw_only=True)
class Model(Record):
    """A trained model. scores: {"train", "held_out"}; details and lineage are empty in lists."""

    name: str
    version: int
    model_type: str
    task: str
    job_id: int
    dataset_id: int
    dataset_sha256: str
    artifact_sha256: str
    artifact_bytes: int
    scores: dict[str, Any]
    train_accuracy: float | None
    test_accuracy: float | None
    description: str
    tags: list[str]
    aliases: list[str]
    created_at: datetime
    details: dict[str, Any] | None
    lineage: dict[str, Any] | None

    @property
    def label(self) -> str:
        """A short name, such as `model 7 (churn version 3)`."""
        return f"model {self.id} ({self.name} version {self.version})"

    @property
    def held_out_text(self) -> str:
        """The scores on held-out rows that fit the task."""
        return scores_text(self.scores.get("held_out") or {}, self.task)

    @property
    def score_intervals(self) -> dict[str, Any]:
        """By part (held_out, train) the 95 % interval of each score; empty in lists and of older models."""
        return (self.details or {}).get("score_intervals") or {}

    @property
    def prediction_sets(self) -> list[dict[str, Any]]:
        """By confidence how often the sets of a PREDICT with `interval` hold the right class of held-out rows.

        Empty for a quantity, in lists and of older models; docs/jobs.md describes the keys.
        """
        return (self.details or {}).get("prediction_sets") or []

    def refresh(self) -> "Model":
        """The model as it is now."""
        return self.client.models.get(self.id)

    def spec(self) -> Json:
        """The spec that trained it: submitted again, it trains the same model."""
        return self.client.transport.get(f"/models/{self.id}/spec")

    def update(
        self,
        *,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        aliases: Sequence[str] | None = None,
    ) -> "Model":
        """Set what is given; an alias that another version of the name holds moves to this one."""
        given = {"description": description, "tags": tags, "aliases": aliases}
        body = {name: value for name, value in given.items() if value is not None}
        return Model.read(self.client, self.client.transport.patch(f"/models/{self.id}", body))

    def alias_history(self) -> list[Json]:
        """Where the aliases of its name have pointed to, newest first: alias, model_id, version, moved_at, moved_by."""
        moves: list[Json] = self.client.transport.get(f"/models/{self.id}/alias-history")["items"]
        return moves

    def card(self) -> ModelCard:
        """What is known about it, in short and as one HTML page."""
        path = f"/models/{self.id}/card"
        transport = self.client.transport
        return ModelCard(transport.get(path), transport.get_text(path, accept="text/html"))

    def out_of_fold(self) -> Prediction:
        """What its training said about the rows that it held out; needs `keep_out_of_fold=True` in the training."""
        return Prediction.read(self.client, self.client.transport.get(f"/models/{self.id}/out-of-fold"))

    def download(self, path: str | Path | None = None) -> Path:
        """Write the model's file, verified; path: a file or a directory, default `<name>-<version>.zip` here."""
        target = Path(path or ".").expanduser()
        if target.is_dir():
            target /= f"{self.name}-{self.version}.zip"
        return download(self.client.transport, f"/models/{self.id}/download", target, sha256=self.artifact_sha256)

    def export_onnx(self, path: str | Path | None = None, *, rows: Any = None) -> OnnxExport:
        """Write it as an ONNX file that predicts the same; see `ml_training.client.onnx.export_onnx`.

        path: a file or a directory, default `<name>-<version>.onnx` here. rows: a table to compare on, default the
        first 200 rows of its data set. Raises UsageError when that is not there any more.
        """
        target = Path(path or ".").expanduser()
        if target.is_dir():
            target /= f"{self.name}-{self.version}.onnx"
        compared = self._first_rows() if rows is None else rows
        with TemporaryDirectory(prefix="ml-training-") as directory:
            return export_onnx(self.download(directory), target, rows=compared)

    def load(self) -> Any:
        """The model in memory, with `predict` and `predict_proba`; needs the libraries that trained it."""
        return self.client.models.load(self)

    def predict(self, table: Any) -> Any:
        """Predict the rows of a table on this machine: labels as they are in the data, or numbers in its units."""
        return self.load().predict(table)

    def predict_proba(self, table: Any) -> Any:
        """The probabilities of the classes, rows x classes."""
        return self.load().predict_proba(table)

    def delete(self) -> None:
        """Delete it and its aliases; raises ApiError (409) while a job needs it."""
        self.client.transport.delete(f"/models/{self.id}")

    def _first_rows(self) -> list[Json]:
        try:
            return self.client.datasets.preview(self.dataset_id, PREVIEWED_ROWS)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise
            raise UsageError(
                f"data set {self.dataset_id}, which trained it, was deleted: give rows to compare"
            ) from None

    def _repr_html_(self) -> str:
        rows = [
            ("model", f"{self.id}: {self.name} version {self.version}"),
            ("type", f"{self.model_type}, {self.task}"),
            ("held out", self.held_out_text),
            ("95 % intervals", intervals_text(self.score_intervals.get("held_out") or {}, self.task)),
            ("training", scores_text(self.scores.get("train") or {}, self.task)),
            ("aliases", ", ".join(self.aliases) or None),
            ("data set", self.dataset_id),
        ]
        return html_table(rows)


class Models:
    """`client.models`."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        self._loaded: dict[int, Any] = {}

    def get(self, model: int | str) -> Model:
        """The model with this id, or `name@alias`, or the newest version of a name; raises ApiError or UsageError."""
        if isinstance(model, int):
            return Model.read(self._client, self._client.transport.get(f"/models/{model}"))
        name, _, alias = model.partition("@")
        found = self.list(name=name, alias=alias or None, limit=1)
        if not found:
            raise UsageError(f"there is no model {model!r}: list what there is")
        return self.get(int(found[0].id))

    def list(
        self,
        *,
        q: str | None = None,
        name: str | None = None,
        alias: str | None = None,
        tag: str | None = None,
        model_type: str | None = None,
        dataset_id: int | None = None,
        sort: str | None = None,
        limit: int = 100,
    ) -> Listing:
        """At most `limit` models, the newest first. Filters are exact values.

        These go together: name, alias, model_type; or dataset_id, model_type; or tag; or q, model_type: q is the
        beginning of the name, in any case, and the models come in the order of the names. sort: `oldest`, or the name
        of a score on held-out rows, such as `roc_auc` or `rmse`: then the `limit` newest ones are sorted, best first.
        """
        order = sort if sort in (None, "newest", "oldest") else None
        found = self._client.transport.list_items(
            "/models",
            limit=limit,
            q=q,
            name=name,
            alias=alias,
            tag=tag,
            model_type=model_type,
            dataset_id=dataset_id,
            sort=order,
        )
        models = [Model.read(self._client, item) for item in found]
        return Listing(models if order == sort else best_first(models, str(sort)), COLUMNS)

    def load(self, model: Model) -> Any:
        """See `Model.load`; the last few are kept in memory."""
        if model.id not in self._loaded:
            from ml_training.client.model import load_model  # with numpy: only when it is needed

            with TemporaryDirectory(prefix="ml-training-") as directory:
                loaded = load_model(model.download(directory))
            while len(self._loaded) >= LOADED_MODELS:
                self._loaded.pop(next(iter(self._loaded)))
            self._loaded[model.id] = loaded
        return self._loaded[model.id]

    def delete(self, model_id: int) -> None:
        """See `Model.delete`."""
        self._client.transport.delete(f"/models/{model_id}")


def best_first(models: Sequence[Model], score: str) -> list[Model]:
    """Sorted by a score on held-out rows, the best first; those without it last."""
    from ml_training.domain.score_names import LOWER_IS_BETTER, SCORES

    if score not in SCORES:
        raise UsageError(f"sort must be newest, oldest or one of {', '.join(SCORES)}, not {score!r}")
    sign = 1 if score in LOWER_IS_BETTER else -1

    def rank(model: Model) -> tuple[bool, float]:
        value = (model.scores.get("held_out") or {}).get(score)
        return value is None, 0.0 if value is None else sign * value

    return sorted(models, key=rank)
