"""What a model needs from a data set: its task, target, classes and features; stored with the model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ml_training.domain.records import Model
from ml_training.domain.states import TaskKind
from ml_training.domain.targets import AnyTarget, stored_target
from ml_training.selection.index import ColumnKind

ClassLabel = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Window:
    """A rolling statistic of the column `source` over `rows` rows: a row and the rows before it in its history."""

    source: str
    rows: int
    statistic: str


@dataclass(frozen=True, slots=True)
class FeatureSchema:
    """A feature as it was in training; `categories`: the sorted texts that its codes point into."""

    name: str
    kind: ColumnKind
    categories: tuple[str, ...] = ()
    window: Window | None = None  # None: a column of the data set as it is

    @property
    def column(self) -> str:
        """The column of the data set that the feature is read from."""
        return self.name if self.window is None else self.window.source


@dataclass(frozen=True, slots=True)
class ModelSchema:
    """What a model predicts and from which features.

    classes: sorted, None for regression; grouped: whether its windows were computed within the groups of a group
    column.
    """

    model_id: int
    task: TaskKind
    target: AnyTarget
    classes: tuple[ClassLabel, ...] | None
    features: tuple[FeatureSchema, ...]
    grouped: bool = False

    @property
    def positive(self) -> int | None:
        """The index of the positive class of a binary model."""
        return positive_class(self.task, self.classes)

    @property
    def has_windows(self) -> bool:
        """Whether any feature is computed from the history of a row."""
        return any(feature.window is not None for feature in self.features)

    def to_json(self) -> dict[str, Any]:
        """The schema as it is stored with the model, without the id, which belongs to the row."""
        return {
            "task": self.task.value,
            "target": self.target.model_dump(mode="json"),
            "classes": None if self.classes is None else list(self.classes),
            "grouped": self.grouped,
            "features": [
                {
                    "name": feature.name,
                    "kind": feature.kind.value,
                    "categories": list(feature.categories),
                    "window": None if feature.window is None else asdict(feature.window),
                }
                for feature in self.features
            ],
        }

    @classmethod
    def of(cls, model: Model) -> "ModelSchema":
        """The schema of a stored model."""
        return cls.from_json(model.details["schema"], model_id=model.id)

    @classmethod
    def from_json(cls, body: Mapping[str, Any], *, model_id: int) -> "ModelSchema":
        """The reverse of `to_json`."""
        return cls(
            model_id=model_id,
            task=TaskKind(body["task"]),
            target=stored_target(body["target"]),
            classes=None if body["classes"] is None else tuple(body["classes"]),
            grouped=body["grouped"],
            features=tuple(_feature(item) for item in body["features"]),
        )


def _feature(item: Mapping[str, Any]) -> FeatureSchema:
    window = None if item["window"] is None else Window(**item["window"])
    return FeatureSchema(item["name"], ColumnKind(item["kind"]), tuple(item["categories"]), window)


def positive_class(task: TaskKind, classes: tuple[ClassLabel, ...] | None) -> int | None:
    """The index of the positive class of a binary task: 1 or true when it is one of them, else the last."""
    if task is not TaskKind.BINARY or classes is None:
        return None
    # `1 == True` and `1 == 1.0` in Python: one test covers integers, numbers and booleans; text never equals 1.
    return next((code for code, label in enumerate(classes) if label == 1), len(classes) - 1)
