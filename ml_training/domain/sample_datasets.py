"""The sample data sets that ship with scikit-learn: what the API lists; a worker makes the files."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample; every one of them is real, and has its target in the column `target`."""

    name: str
    description: str
    rows: int
    columns: int  # the target included
    task: Literal["classification", "regression"]
    target: str = "target"


SAMPLES: dict[str, Sample] = {
    sample.name: sample
    for sample in (
        Sample(
            name="breast_cancer",
            description="Breast cancer Wisconsin (diagnostic): is a tumour benign or malignant?",
            rows=569,
            columns=31,
            task="classification",
        ),
        Sample(
            name="wine",
            description="Wine recognition: which of three cultivars, from a chemical analysis?",
            rows=178,
            columns=14,
            task="classification",
        ),
        Sample(
            name="digits",
            description="Handwritten digits: which digit, from 8 x 8 pixels?",
            rows=1_797,
            columns=65,
            task="classification",
        ),
        Sample(
            name="iris",
            description="Iris plants: which of three species, from petals and sepals?",
            rows=150,
            columns=5,
            task="classification",
        ),
        Sample(
            name="diabetes",
            description="Diabetes: how far does the disease progress within a year?",
            rows=442,
            columns=11,
            task="regression",
        ),
    )
}
