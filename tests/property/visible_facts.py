"""What a user knows of data sets and models from what the service shows of them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from ml_training.selection.index import ColumnKind
from tests.property.tables import Table

FEW = 20
NUMBERS = (ColumnKind.NUMBER, ColumnKind.INTEGER)


@dataclass(frozen=True)
class KnownData:
    """A READY data set as the API shows it, and the table that it was made from."""

    table: Table
    shown: dict[str, Any]

    @property
    def id(self) -> int:
        """Its id."""
        return int(self.shown["id"])

    @property
    def columns(self) -> list[dict[str, Any]]:
        """The profiles of its columns."""
        found: list[dict[str, Any]] = self.shown["profile"]["columns"]
        return found

    @property
    def phases(self) -> list[Any]:
        """The phases that occur; none without a phase column."""
        return [item["phase"] for item in self.shown["profile"]["rows_per_phase"] or []]

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """The first and the last time."""
        found = self.shown["profile"]["time_range"]
        return None if found is None else (datetime.fromisoformat(found["start"]), datetime.fromisoformat(found["end"]))

    def named(self, *kinds: str) -> list[dict[str, Any]]:
        """The columns of these kinds."""
        return [column for column in self.columns if column["kind"] in kinds]

    def usable(self) -> list[str]:
        """What can be a feature."""
        kinds = (*NUMBERS, ColumnKind.BOOLEAN, ColumnKind.CATEGORY)
        return [column["name"] for column in self.named(*kinds) if column["nulls"] < self.table.rows]

    def varying(self, *kinds: str) -> list[dict[str, Any]]:
        """The columns of these kinds that have two different values."""
        return [column for column in self.named(*kinds) if column["distinct"] is None or column["distinct"] > 1]

    def moment(self, rng: random.Random, low: float, high: float) -> str:
        """A time of its range, as users write them."""
        assert self.span is not None
        first, last = self.span
        moment = first + (last - first) * rng.uniform(low, high)
        zone = timezone(timedelta(minutes=rng.choice([0, 0, 120, -570])))
        return moment.astimezone(zone).isoformat().replace("+00:00", rng.choice(["Z", "+00:00"]))


@dataclass(frozen=True)
class KnownModel:
    """Of a model as much as the draw needs; `predicts` is equal for models that can be compared.

    features: name, kind and categories of each one that is a column.
    """

    id: int
    dataset_id: int
    predicts: str
    metrics: tuple[str, ...]
    features: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    is_windowed: bool = False

    @classmethod
    def of(cls, shown: dict[str, Any]) -> "KnownModel":
        """From what the API shows."""
        schema = shown["details"]["schema"]
        predicts = repr((schema["task"], schema["target"], schema["classes"]))
        columns = [feature for feature in schema["features"] if feature["window"] is None]
        features = tuple((item["name"], item["kind"], tuple(item["categories"])) for item in columns)
        return cls(
            shown["id"],
            shown["dataset_id"],
            predicts,
            tuple(sorted(shown["scores"]["train"])),
            features,
            len(columns) < len(schema["features"]),
        )


@dataclass
class World:
    """Everything that specs can name; models come while the test runs."""

    data: Sequence[KnownData]
    rejected: int
    models: list[KnownModel] = field(default_factory=list)
    groups: dict[str, list[KnownModel]] = field(default_factory=dict)
    accepted: list[dict[str, Any]] = field(default_factory=list)  # specs that may be sent again with `reuse`

    def learn(self, model: KnownModel) -> None:
        """One more model."""
        self.models.append(model)
        self.groups.setdefault(model.predicts, []).append(model)

    def data_of(self, dataset_id: int) -> KnownData:
        """The data set with this id."""
        return next(data for data in self.data if data.id == dataset_id)

    def rivals(self) -> list[list[KnownModel]]:
        """Groups of models that can be compared."""
        return [group for group in self.groups.values() if len(group) > 1]
