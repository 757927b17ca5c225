"""A data set in time, with groups, and jobs on it that use everything at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.algorithms import EARLY_STOPPING, ModelType
from ml_training.selection.index import ColumnKind, IndexColumn, SelectionIndex
from ml_training.selection.index_writer import write_index
from tests.support.training_data import category, integer, number

ROWS = 360
HOUR = 3_600_000_000
HELD_OUT = 0.25
START = ROWS * 3 // 4  # the first hour of the held-out part, when one row comes every hour
Values = dict[str, NDArray[Any]]
WORDS = np.array(["red", "green", "blue", "rare"])


def values(seed: int = 3) -> Values:
    """One row an hour, in no order; `y` follows from the past and from the row itself."""
    random = np.random.default_rng(seed)
    hour = random.permutation(ROWS)
    level = np.cumsum(random.normal(size=ROWS))[hour]
    step = random.integers(0, 4, ROWS)
    effect = 0.2 * (level - np.median(level)) + step - 1.5 + random.normal(scale=0.5, size=ROWS)
    return {
        "hour": hour,
        "level": np.where(random.random(ROWS) < 0.1, np.nan, level),
        "step": step,
        "colour": random.integers(0, 3, ROWS),
        "group": hour % 3,
        "y": np.digitize(effect, [-1.0, 1.5]),
        "amount": 10 * effect,
    }


def timed(directory: Path, made: Mapping[str, NDArray[Any]], *, target: str) -> SelectionIndex:
    """The data set of these values; `y` is its target, classes or the amount."""
    columns = [
        IndexColumn("when", ColumnKind.TIME, made["hour"].astype(np.int64) * HOUR),
        number("level", made["level"]),
        integer("step", made["step"]),
        category("colour", [str(word) for word in WORDS[made["colour"]]]),
        category("group", [f"g{code}" for code in made["group"]]),
        integer("y", made["y"]) if target == "classes" else number("y", made["amount"]),
    ]
    place = directory / f"timed-{len(list(directory.iterdir()))}"
    place.mkdir()
    return write_index(place, columns, rows=ROWS, time_column="when", group_column="group")


def everything(model_type: str, *, how: str = "none", **fields: Any) -> dict[str, Any]:
    """The fields of a job with windows, balanced classes, and early stopping where the algorithm knows it."""
    stops = {"early_stopping_rounds": 3} if model_type in set(EARLY_STOPPING) else {}
    return {
        "features": ["level", "step", "colour"],
        "feature_engineering": {"windows": [3, 10]},
        "class_balance": how,
        "validation": {"method": "time_series", "test_size": HELD_OUT},
        **stops,
        **fields,
    }


TYPES = [model_type.value for model_type in ModelType]
