"""What the handlers of submitted jobs share: the spec, the data and the models of a job, and its plan."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from pydantic import ValidationError

from ml_training.domain.drift_spec import DriftSpec
from ml_training.domain.errors import ErrorCode, Invalid, JobFailed
from ml_training.domain.explain_spec import ExplainSpec
from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.records import Dataset, Job, Model
from ml_training.domain.specs import CompareSpec, TestSpec, TrainSpec, stored_spec
from ml_training.domain.tune_spec import TrialSpec, TuneSpec
from ml_training.execution.inputs import assert_unchanged, load_dataset, open_index
from ml_training.execution.job_handler import WorkerContext
from ml_training.selection.index import SelectionIndex
from ml_training.training import engine

SpecT = TypeVar("SpecT", TrainSpec, TestSpec, CompareSpec, PredictSpec, ExplainSpec, DriftSpec, TuneSpec, TrialSpec)
PlanT = TypeVar("PlanT")


def spec_of(job: Job, spec_type: type[SpecT]) -> SpecT:
    """The job's spec; raises JobFailed when the row holds a spec of another type."""
    try:
        spec = stored_spec(job.spec)
    except ValidationError:
        raise JobFailed(ErrorCode.BAD_SPEC, "the stored spec cannot be read", hint="submit the job again") from None
    if not isinstance(spec, spec_type):
        raise JobFailed(ErrorCode.BAD_SPEC, f"the stored spec is not one of a {job.job_type.value} job")
    return spec


@contextmanager
def open_data(context: WorkerContext, dataset_id: int) -> Iterator[tuple[Dataset, SelectionIndex]]:
    """The data set and its index; raises JobFailed when the bytes are not those of the row, at the begin or the end."""
    dataset = load_dataset(context.database, dataset_id)
    with open_index(context.storage, dataset) as index, assert_unchanged(context.storage, dataset):
        yield dataset, index


def load_artifact(context: WorkerContext, model: Model) -> engine.LoadedModel:
    """The model from its stored bytes; raises IntegrityError when they are damaged."""
    artifact = context.storage.read_bytes(model.artifact_key, sha256=model.artifact_sha256)
    return engine.load_model(artifact, model_id=model.id)


def planned(make_plan: Callable[[], PlanT]) -> PlanT:
    """The plan; raises JobFailed. The API checked the same index, so this is a defect: the message says each reason."""
    try:
        return make_plan()
    except Invalid as error:
        reasons = [error.detail, *(f"{item.pointer}: {item.detail}" for item in error.errors)]
        raise JobFailed(ErrorCode.BAD_SPEC, "; ".join(reasons)) from error
