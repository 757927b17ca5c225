"""Wraps a fitted scikit-learn pipeline as a model, and stores it with skops."""

from collections.abc import Callable

from sklearn.pipeline import Pipeline

from ml_training.domain.algorithms import ModelType
from ml_training.domain.states import TaskKind
from ml_training.inference.pipeline_predictor import PipelinePredictor, load_pipeline
from ml_training.training.canonical import canonical_skops
from ml_training.training.estimators.base import Importance, UserTerms
from ml_training.training.estimators.frame_steps import usable_alone


class PipelineModel(PipelinePredictor):
    """A pipeline whose last step is the estimator; its input is the model matrix."""

    def __init__(self, pipeline: Pipeline, task: TaskKind, *, importance: Importance | None = None) -> None:
        super().__init__(pipeline, task)
        self._importance = importance

    def dump(self, terms: UserTerms) -> bytes:
        """See Predictor."""
        return canonical_skops(usable_alone(self._pipeline, terms))

    def importance(self) -> Importance | None:
        """See Predictor; None for a loaded model: the importance is stored with the details of the model."""
        return self._importance


def loader(model_type: ModelType) -> Callable[[bytes, TaskKind], PipelineModel]:
    """What loads the models of a type that `dump` stored; it raises as `load_pipeline`."""

    def load(payload: bytes, task: TaskKind) -> PipelineModel:
        return PipelineModel(load_pipeline(payload, model_type), task)

    return load
