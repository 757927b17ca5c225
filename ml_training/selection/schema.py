"""What a stored model says of the data it needs: its task, target, classes and features."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_training.domain.states import TaskKind
from ml_training.selection.index import ColumnKind, SelectionIndex

ClassLabel = str | int | float | bool


@dataclass(frozen=True, slots=True)
class FeatureSchema:
    """A feature as the model saw it in training; `categories` are those that its codes point into."""

    name: str
    kind: ColumnKind
    categories: tuple[str, ...] = ()

    @classmethod
    def of(cls, index: SelectionIndex, name: str) -> "FeatureSchema":
        """The schema of a column of a data set."""
        return cls(name=name, kind=index.kind(name), categories=index.categories(name))


@dataclass(frozen=True, slots=True)
class ModelSchema:
    """What a model predicts and from what; `classes` is None for regression, else sorted."""

    model_id: int
    task: TaskKind
    target_column: str
    classes: tuple[ClassLabel, ...] | None
    features: tuple[FeatureSchema, ...]

    @property
    def positive(self) -> int | None:
        """The index of the positive class of a binary model."""
        return positive_class(self.task, self.classes)

    def to_json(self) -> dict[str, Any]:
        """The schema as it is stored with the model; the id is the row's."""
        return {
            "task": self.task.value,
            "target_column": self.target_column,
            "classes": None if self.classes is None else list(self.classes),
            "features": [
                {"name": feature.name, "kind": feature.kind.value, "categories": list(feature.categories)}
                for feature in self.features
            ],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any], *, model_id: int) -> "ModelSchema":
        """The reverse of `to_json`."""
        return cls(
            model_id=model_id,
            task=TaskKind(body["task"]),
            target_column=body["target_column"],
            classes=None if body["classes"] is None else tuple(body["classes"]),
            features=tuple(
                FeatureSchema(item["name"], ColumnKind(item["kind"]), tuple(item["categories"]))
                for item in body["features"]
            ),
        )


def positive_class(task: TaskKind, classes: tuple[ClassLabel, ...] | None) -> int | None:
    """The index of the positive class of a binary task: 1 or true when it is one of them, else the last."""
    if task is not TaskKind.BINARY or classes is None:
        return None
    # `1 == True` and `1 == 1.0` in Python: one test covers integers, numbers and booleans; text never equals 1.
    return next((code for code, label in enumerate(classes) if label == 1), len(classes) - 1)
