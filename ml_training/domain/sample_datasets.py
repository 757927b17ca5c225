"""The sample data sets, as the API lists them; a worker writes the files."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample with its target in the column `target`; the columns with a role get that role by themselves."""

    name: str
    description: str
    rows: int
    columns: int  # the target included
    task: Literal["classification", "regression"]
    target: str = "target"
    time_column: str | None = None
    phase_column: str | None = None
    group_column: str | None = None


SAMPLE_FORMAT = "sample"  # the file format of a data set whose bytes a worker writes
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
        Sample(
            name="machines",
            description="Simulated: twelve machines, one reading an hour for sixty days; does it fail within a day?",
            rows=17_280,
            columns=9,
            task="classification",
            time_column="time",
            phase_column="phase",
            group_column="machine",
        ),
    )
}
