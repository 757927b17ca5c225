"""What a model needs to predict: its task, classes and features; read from the schema that is stored with it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ml_training.domain.states import TaskKind
from ml_training.inference.columns import ColumnKind

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

    def to_json(self) -> dict[str, Any]:
        """The feature as it is stored with the model."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "categories": list(self.categories),
            "window": None if self.window is None else asdict(self.window),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "FeatureSchema":
        """The reverse of `to_json`."""
        window = None if body["window"] is None else Window(**body["window"])
        return cls(body["name"], ColumnKind(body["kind"]), tuple(body["categories"]), window)


@dataclass(frozen=True, slots=True)
class PredictionSchema:
    """The part of a model's schema that predictions need.

    classes: sorted, None for regression; grouped: whether its windows were computed within the groups of a group
    column; time_column, group_column: the names of these columns in the training data, None when it has none or when
    an older version of the service, which did not store the names, trained the model.
    """

    task: TaskKind
    classes: tuple[ClassLabel, ...] | None
    features: tuple[FeatureSchema, ...]
    grouped: bool = False
    time_column: str | None = None
    group_column: str | None = None

    @property
    def has_windows(self) -> bool:
        """Whether any feature is computed from the history of a row."""
        return any(feature.window is not None for feature in self.features)

    @property
    def columns(self) -> dict[str, FeatureSchema]:
        """The columns of a table that the features are read from, each with a feature that is read from it.

        The column itself is preferred to its windows: only it knows the kind and the categories.
        """
        plain = {feature.name: feature for feature in self.features if feature.window is None}
        return {feature.column: plain.get(feature.column, feature) for feature in self.features}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "PredictionSchema":
        """The schema of a manifest, or of a model's details; raises KeyError, TypeError or ValueError."""
        return cls(
            task=TaskKind(body["task"]),
            classes=None if body["classes"] is None else tuple(body["classes"]),
            features=tuple(map(FeatureSchema.from_json, body["features"])),
            grouped=body["grouped"],
            time_column=body.get("time_column"),
            group_column=body.get("group_column"),
        )


def positive_class(task: TaskKind, classes: tuple[ClassLabel, ...] | None) -> int | None:
    """The index of the positive class of a binary task: 1 or true when it is one of them, else the last."""
    if task is not TaskKind.BINARY or classes is None:
        return None
    # `1 == True` and `1 == 1.0` in Python: one test covers integers, numbers and booleans; text never equals 1.
    return next((code for code, label in enumerate(classes) if label == 1), len(classes) - 1)
