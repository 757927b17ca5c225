"""Generated data sets: large enough that a job on them runs for a minute."""

import io
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ml_training.domain.records import Dataset
from ml_training.domain.states import DatasetStatus
from ml_training.services import datasets, queries
from ml_training.services.resources import Resources


def _generated(rows: int, columns: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (rows, columns) and a target of 0 and 1, which depends on the first two of them, with noise."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, columns))
    return x, (x[:, 0] + 0.5 * x[:, 1] + random.normal(scale=0.5, size=rows) > 0).astype(int)


@cache
def generated_parquet(rows: int, columns: int, *, seed: int = 0) -> bytes:
    """A binary classification table. Of millions of cells it is written and read four times as fast as text."""
    x, y = _generated(rows, columns, seed)
    table = pa.table({**{f"f{number}": x[:, number] for number in range(columns)}, "target": y})
    file = io.BytesIO()
    pq.write_table(table, file, compression="none")
    return file.getvalue()


@cache
def generated_csv(rows: int, columns: int, *, seed: int = 0) -> bytes:
    """The table as text, with five digits."""
    x, y = _generated(rows, columns, seed)
    header = ",".join([*(f"f{number}" for number in range(columns)), "target"])
    text = io.StringIO()
    np.savetxt(
        text, np.column_stack([x, y]), delimiter=",", fmt=[*["%.5g"] * columns, "%d"], header=header, comments=""
    )
    return text.getvalue().encode()


def upload(resources: Resources, body: bytes, *, name: str = "generated", file_format: str = "csv") -> Dataset:
    """Upload bytes and wait for the verdict."""
    stored = datasets.store_upload(resources, file_format, [body])
    dataset = datasets.accept_upload(resources, name=name, file_format=file_format, stored=stored)
    return queries.wait_for_dataset(resources, dataset.id, seconds=120)


def ready_sample(resources: Resources, sample: str = "breast_cancer") -> Dataset:
    """A sample data set, READY."""
    dataset = datasets.accept_sample(resources, name=sample, sample=sample)
    found = queries.wait_for_dataset(resources, dataset.id, seconds=60)
    assert found.status is DatasetStatus.READY, found
    return found
