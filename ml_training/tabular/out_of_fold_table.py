"""Makes Arrow tables of the out-of-fold predictions of a training."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from ml_training.selection.out_of_fold import OutOfFold
from ml_training.selection.predict_plan import PREDICTION, ROW, predicted_names

ROWS_PER_TABLE = 50_000


def out_of_fold_schema(found: OutOfFold) -> Any:
    """The columns: row, split, target, prediction, and a probability for each class where the model has them."""
    value = pa.float64() if found.model.classes is None else pa.array(found.model.classes).type
    chances = [] if found.probabilities is None else predicted_names(found.model)[1:]
    return pa.schema(
        [
            (ROW, pa.int64()),
            ("split", pa.int64()),
            ("target", value),
            (PREDICTION, value),
            *((name, pa.float64()) for name in chances),
        ]
    )


def out_of_fold_tables(found: OutOfFold) -> Iterator[Any]:
    """The Arrow tables, in the order of the rows."""
    schema = out_of_fold_schema(found)
    classes = None if found.model.classes is None else pa.array(found.model.classes)
    for start in range(0, len(found.rows), ROWS_PER_TABLE):
        part = found[start : start + ROWS_PER_TABLE]
        both = [pa.array(values) for values in (part.target, part.values)]
        if classes is not None:
            both = [classes.take(codes) for codes in both]
        columns = [pa.array(part.rows), pa.array(part.split), *both]
        if part.probabilities is not None:
            columns += [pa.array(np.ascontiguousarray(column)) for column in part.probabilities.T]
        yield pa.table(columns, schema=schema)
