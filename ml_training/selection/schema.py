"""What a model needs from a data set: its task, target, classes and features; stored with the model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_training.domain.records import Model
from ml_training.domain.states import TaskKind
from ml_training.domain.targets import AnyTarget, stored_target
from ml_training.inference.schema import ClassLabel, FeatureSchema, PredictionSchema, Window, positive_class

__all__ = ["ClassLabel", "FeatureSchema", "ModelSchema", "Window", "positive_class"]


@dataclass(frozen=True, slots=True)
class ModelSchema:
    """What a model predicts and from which features.

    classes: sorted, None for regression; grouped: whether its windows were computed within the groups of a group
    column; time_column, group_column: the columns that the windows were computed from, None without windows.
    """

    model_id: int
    task: TaskKind
    target: AnyTarget
    classes: tuple[ClassLabel, ...] | None
    features: tuple[FeatureSchema, ...]
    grouped: bool = False
    time_column: str | None = None
    group_column: str | None = None

    @property
    def positive(self) -> int | None:
        """The index of the positive class of a binary model."""
        return positive_class(self.task, self.classes)

    @property
    def has_windows(self) -> bool:
        """Whether any feature is computed from the history of a row."""
        return any(feature.window is not None for feature in self.features)

    @property
    def for_prediction(self) -> PredictionSchema:
        """The part that predictions need."""
        return PredictionSchema(
            self.task, self.classes, self.features, self.grouped, self.time_column, self.group_column
        )

    def to_json(self) -> dict[str, Any]:
        """The schema as it is stored with the model, without the id, which belongs to the row."""
        return {
            "task": self.task.value,
            "target": self.target.model_dump(mode="json"),
            "classes": None if self.classes is None else list(self.classes),
            "grouped": self.grouped,
            "time_column": self.time_column,
            "group_column": self.group_column,
            "features": [feature.to_json() for feature in self.features],
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
            features=tuple(map(FeatureSchema.from_json, body["features"])),
            time_column=body.get("time_column"),  # not stored by older versions of the service
            group_column=body.get("group_column"),
        )
