"""What the engine hands back: values, ready to be stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A TRAIN job's result.

    artifact: the one file from which `load_model` restores the model; scores: {"train": {...}, "held_out": {...}};
    details: what the registry shows (docs/api.md); lineage: library versions and the seed.
    """

    artifact: bytes
    artifact_format: str  # lightgbm-text or skops
    schema: Json
    scores: Json
    details: Json
    lineage: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class TestOutcome:
    """A TEST job's result; degradation: held-out score minus the score here, by name, None where either is."""

    __test__ = False  # not a test class, whatever its name

    rows: int
    scores: Json
    overlap: bool
    degradation: Json
    overfitted: bool | None
    accuracy: float | None
    details: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonOutcome:
    """A COMPARE job's result; ranking: best first; winner None: a tie, or nobody has the score."""

    metric: str
    rows: int
    winner_model_id: int | None
    ranking: tuple[Json, ...]
    significance: Json
