"""Generated data sets: large enough that a job on them runs for a minute."""

import io
from functools import cache

import numpy as np

from ml_training.domain.records import Dataset
from ml_training.domain.states import DatasetStatus
from ml_training.services import datasets, queries
from ml_training.services.resources import Resources


@cache
def generated_csv(rows: int, columns: int, *, seed: int = 0) -> bytes:
    """A binary classification table; the target depends on the first two features, with noise."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, columns))
    y = (x[:, 0] + 0.5 * x[:, 1] + random.normal(scale=0.5, size=rows) > 0).astype(int)
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
