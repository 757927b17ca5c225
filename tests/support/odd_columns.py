"""Columns that LightGBM bins in every way that it has."""

from pathlib import Path

import numpy as np

from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import FeatureSchema
from tests.support.training_data import boolean, category, integer, number, table

ODD_ROWS = 3_000


def odd_columns(directory: Path) -> tuple[SelectionIndex, list[FeatureSchema]]:
    """Zeros, tiny numbers, missing values, sparse columns that are bundled, constants, categories (the last column)."""
    random = np.random.default_rng(3)
    some = random.random(ODD_ROWS)
    tiny = np.where(some < 0.5, 1e-36, random.normal(size=ODD_ROWS))
    columns = [
        number("wide", random.normal(size=ODD_ROWS) * 1e30),
        number("gone", np.where(some < 0.3, np.nan, some)),
        number("tiny", tiny),
        number("single", random.normal(size=ODD_ROWS).astype(np.float32).astype(np.float64)),
        *(number(f"sparse {at}", np.where(random.random(ODD_ROWS) < 0.97, 0.0, some)) for at in range(8)),
        integer("small", random.integers(-2, 3, ODD_ROWS)),
        integer("nearly constant", (np.arange(ODD_ROWS) < 10).astype(np.int64)),
        boolean("flag", random.integers(-1, 2, ODD_ROWS)),
        category("word", [None if code == 0 else f"w{code}" for code in random.integers(0, 40, ODD_ROWS)]),
    ]
    index = table(directory, *columns)
    features = [FeatureSchema(name, index.kind(name), index.categories(name)) for name in index.names]
    return index, features
