"""Writes the sample data sets of scikit-learn as CSV files, the same bytes every time."""

import csv
from pathlib import Path
from typing import Any

from ml_training.domain.sample_datasets import SAMPLES

NAMED_CLASSES = frozenset({"breast_cancer", "iris"})  # their classes are words such as malignant or setosa


def write_sample(name: str, path: Path) -> None:
    """Write the sample `name`, a key of SAMPLES, to `path`; raises KeyError for other names. Loads scikit-learn."""
    from sklearn import datasets  # takes seconds to import, and only samples need it

    sample = SAMPLES[name]
    options: dict[str, Any] = {"scaled": False} if name == "diabetes" else {}
    loaded = getattr(datasets, f"load_{name}")(**options)
    targets = loaded.target_names[loaded.target] if name in NAMED_CLASSES else loaded.target
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*loaded.feature_names, sample.target])
        writer.writerows([*row, target] for row, target in zip(loaded.data.tolist(), targets.tolist(), strict=True))
