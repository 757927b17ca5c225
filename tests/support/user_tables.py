"""Data sets as users have them: frames of all kinds, the files that the service reads, and models of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets

from ml_training.domain.limits import Limits
from ml_training.selection.index import SelectionIndex
from ml_training.tabular.ingest import read_table

ROWS = 160
NEW_YEAR = pd.Timestamp("2026-01-01")


@dataclass(frozen=True)
class UserTable:
    """A frame whose target is the column y, with the roles of its columns and fields of the TRAIN spec."""

    frame: pd.DataFrame
    roles: dict[str, str] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)

    @property
    def is_regression(self) -> bool:
        return self.spec.get("task") == "regression"

    @property
    def has_windows(self) -> bool:
        return "feature_engineering" in self.spec


def ingested(directory: Path, table: UserTable, *, form: str) -> SelectionIndex:
    """The index that the service makes of the table's file, `csv` or `parquet`, in a new directory."""
    target = directory / "index"
    target.mkdir(parents=True)
    path = directory / f"data.{form}"
    table.frame.to_csv(path, index=False) if form == "csv" else table.frame.to_parquet(path, index=False)
    result = read_table(path, form, limits=Limits(), directory=target, **table.roles)
    assert result.index is not None, result.reasons
    return result.index


def sample(name: str, rows: int = ROWS) -> UserTable:
    """One of scikit-learn's own."""
    loaded = getattr(datasets, f"load_{name}")(as_frame=True)
    frame = loaded.frame.sample(min(rows, len(loaded.frame)), random_state=1, ignore_index=True)
    frame = frame.rename(columns={frame.columns[-1]: "y"})
    return UserTable(frame, spec={"task": "regression"} if name in ("diabetes", "linnerud") else {})


def mixed(target: str, **spec: Any) -> UserTable:
    """Numbers, integers, booleans and categories, with missing values; `target` names a column of `_targets`."""
    random = np.random.default_rng(7)

    def holes(values: Any) -> list[Any]:
        return [None if random.random() < 0.08 else value for value in values]

    size = random.normal(size=ROWS)
    member = random.random(ROWS) < 0.4
    colour = random.choice(["bleu", "grün", "赤", "🟣 x", "a,b", 'say "no"'], ROWS)
    town = [f"town {number}" for number in random.integers(0, 60, ROWS)]
    effect = 2 * size + member + (colour == "赤") + random.normal(scale=0.3, size=ROWS)
    ranks = np.argsort(np.argsort(effect))
    targets: dict[str, Any] = {
        "text": np.array(["No", "Yes"])[ranks * 2 // ROWS],
        "texts": np.array(["drei", "eins", "vier", "zwei"])[ranks * 4 // ROWS],
        "boolean": ranks * 2 // ROWS == 1,
        "integers": np.array([11, 3, 7])[ranks * 3 // ROWS],
        "number": 100 + 10 * effect,
        "huge number": effect * 1e20,
        "tiny number": effect * 1e-30,
    }
    frame = pd.DataFrame(
        {
            "size": pd.Series(holes(size), dtype="float64"),
            "colour": pd.array(holes(colour), dtype="str"),
            "age": random.integers(18, 90, ROWS),
            "member": pd.array(holes(member), dtype="boolean"),
            "town": pd.array(holes(town), dtype="str"),
            "huge": random.normal(size=ROWS) * 10.0 ** random.integers(0, 45, ROWS),
            "y": targets[target],
        }
    )
    return UserTable(frame, spec=spec)


def over_time(*, group: bool, target: str) -> UserTable:
    """Windows over rows that are in no order of time, some without a time, with times that repeat."""
    table = mixed(target)
    random = np.random.default_rng(9)
    hours = random.integers(0, 70, ROWS)
    when = [None if random.random() < 0.05 else NEW_YEAR + pd.Timedelta(hours=int(hour)) for hour in hours]
    frame = table.frame.assign(when=pd.to_datetime(pd.Series(when)), shop=random.choice(["Nord", "Süd", "Ost"], ROWS))
    roles = {"time_column": "when"} | ({"group_column": "shop"} if group else {})
    spec: dict[str, Any] = {"feature_engineering": {"windows": [2, 5]}}
    return UserTable(frame, roles, spec | ({"task": "regression"} if target == "number" else {}))


def renamed(names: dict[str, str]) -> UserTable:
    table = mixed("text")
    return UserTable(table.frame.rename(columns=names), spec=table.spec)


def texts_like_numbers() -> UserTable:
    """Categories that another reader takes for numbers: this is what makes models silently wrong."""
    random = np.random.default_rng(3)
    plan = random.choice(["1", "2", "03", "x"], ROWS)
    flag = random.choice(["True", "False", "maybe"], ROWS)
    size = random.normal(size=ROWS)
    y = np.where((plan == "03") ^ (flag == "True") ^ (size > 1), "Yes", "No")
    return UserTable(pd.DataFrame({"plan": plan, "size": size, "flag": flag, "y": y}))


def one_kind(name: str) -> UserTable:
    table = mixed("text")
    kept = {"booleans": ["member"], "categories": ["colour", "town"], "one number": ["size"]}[name]
    return UserTable(table.frame[[*kept, "y"]].assign(also=table.frame[kept[0]])[[*kept, "also", "y"]])


TABLES: dict[str, Callable[[], UserTable]] = {
    "iris": lambda: sample("iris"),
    "wine": lambda: sample("wine"),
    "breast_cancer": lambda: sample("breast_cancer"),
    "digits": lambda: sample("digits"),
    "diabetes": lambda: sample("diabetes"),
    "mixed, two texts": lambda: mixed("text"),
    "mixed, four texts": lambda: mixed("texts"),
    "mixed, booleans": lambda: mixed("boolean"),
    "mixed, integers that are classes": lambda: mixed("integers"),
    "mixed, regression": lambda: mixed("number", task="regression"),
    "mixed, huge regression": lambda: mixed("huge number", task="regression"),
    "mixed, tiny regression": lambda: mixed("tiny number", task="regression"),
    "windows with groups": lambda: over_time(group=True, target="texts"),
    "windows without groups, regression": lambda: over_time(group=False, target="number"),
    "weird names": lambda: renamed(
        {"size": "size in m²", "colour": 'a "b", c', "age": "a=b: {x}", "town": "#1 %", "huge": "y?"}
    ),
    "texts like numbers": texts_like_numbers,
    "booleans only": lambda: one_kind("booleans"),
    "categories only": lambda: one_kind("categories"),
    "one number": lambda: one_kind("one number"),
}
