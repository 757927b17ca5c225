"""Writes the sample data sets as CSV files, the same bytes every time."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ml_training.domain.sample_datasets import SAMPLES, Sample
from ml_training.tabular.simulated_machines import COLUMNS, NAME, readings

NAMED_CLASSES = frozenset({"breast_cancer", "iris"})  # their classes are words such as malignant or setosa


def write_sample(name: str, path: Path) -> None:
    """Write the sample `name`, a key of SAMPLES, to `path`; raises KeyError for other names."""
    sample = SAMPLES[name]
    if name == NAME:
        _write(path, COLUMNS, readings())
    else:
        _write(path, *_of_scikit_learn(sample))


def _of_scikit_learn(sample: Sample) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
    from sklearn import datasets  # takes seconds to import, and only samples need it

    options: dict[str, Any] = {"scaled": False} if sample.name == "diabetes" else {}
    loaded = getattr(datasets, f"load_{sample.name}")(**options)
    targets = loaded.target_names[loaded.target] if sample.name in NAMED_CLASSES else loaded.target
    rows = ([*row, target] for row, target in zip(loaded.data.tolist(), targets.tolist(), strict=True))
    return [*loaded.feature_names, sample.target], rows


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
