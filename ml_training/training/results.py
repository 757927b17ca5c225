"""The results of the engine, ready to be stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_training.selection.out_of_fold import OutOfFold

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A TRAIN job's result.

    artifact: the one file from which `load_model` restores the model; scores: {"train": {...}, "held_out": {...}};
    details: what the API shows of the model (docs/api.md); lineage: library versions and the seed; out_of_fold: the
    predictions for the held-out rows, when the spec asks to keep them.
    """

    artifact: bytes
    artifact_format: str  # lightgbm-text or skops
    schema: Json
    scores: Json
    details: Json
    lineage: Json
    out_of_fold: OutOfFold | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestOutcome:
    """A TEST job's result.

    degradation: held-out score of the training minus the score here, by name, None where one of both is None.
    """

    __test__ = False  # pytest would take it for a class of tests

    rows: int
    scores: Json
    overlap: bool
    degradation: Json
    overfitted: bool | None
    accuracy: float | None
    details: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonOutcome:
    """A COMPARE job's result; ranking: best first; winner_model_id: None for a tie, or when the score is undefined."""

    metric: str
    rows: int
    winner_model_id: int | None
    ranking: tuple[Json, ...]
    significance: Json
