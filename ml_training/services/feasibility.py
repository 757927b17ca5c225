"""Checks a job spec against its data set and models before the job is stored: an accepted job can run.

The answer is cached: an index and a model never change, so equal checks have equal answers.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection

from ml_training.db import datasets, results
from ml_training.domain.errors import Conflict, FieldError, Invalid
from ml_training.domain.limits import Limits
from ml_training.domain.records import Dataset, Model
from ml_training.domain.specs import JobSpec, TrainSpec, fingerprint, spec_json
from ml_training.domain.states import DatasetStatus
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import TrainPlan, plan_job
from ml_training.selection.schema import ModelSchema
from ml_training.services.resources import Resources

IRRELEVANT_FIELDS = frozenset({"model_name", "params", "priority", "max_runtime_seconds"})


@dataclass(frozen=True, slots=True)
class Feasibility:
    """The columns of the job row that the check found in the data and the models."""

    model_type: str
    phases_count: int


def check_feasibility(resources: Resources, spec: JobSpec) -> Feasibility:
    """Raise Invalid with every error, or Conflict while the data set is not READY; else the job can run."""
    with resources.database.read() as connection:
        dataset = datasets.get_dataset(connection, spec.dataset_id)
        models, errors = _models(connection, spec)
    if dataset is None:
        errors.append(FieldError("/dataset_id", f"there is no data set {spec.dataset_id}"))
    if dataset is None or errors:
        raise Invalid("the job names things that do not exist", errors=tuple(errors))
    with open_index(resources, dataset) as index:
        resources.check_cache.run(_cache_key(spec, dataset), lambda: _check(resources.limits, spec, index, models))
    return Feasibility(model_type=_model_type(spec, models), phases_count=len(set(spec.phases or ())))


@contextmanager
def open_index(resources: Resources, dataset: Dataset) -> Iterator[SelectionIndex]:
    """The index of a READY data set; raises Conflict for any other."""
    if dataset.status is not DatasetStatus.READY or dataset.index_key is None:
        hint = "wait until it is READY" if dataset.status is DatasetStatus.PROCESSING else "upload a corrected file"
        raise Conflict(f"data set {dataset.id} is {dataset.status.value}: {hint}")
    with resources.storage.local(dataset.index_key) as path:
        yield SelectionIndex.open(path)


def _check(limits: Limits, spec: JobSpec, index: SelectionIndex, models: Sequence[Model]) -> None:
    plan = plan_job(spec, index, [ModelSchema.of(model) for model in models])
    if isinstance(plan, TrainPlan) and isinstance(spec, TrainSpec):
        _check_size(limits, spec, plan)


def _check_size(limits: Limits, spec: TrainSpec, plan: TrainPlan) -> None:
    """Windows add columns and SMOTE adds rows: both together must fit into a worker's memory."""
    columns, rows = len(plan.features), plan.largest_fit
    pointer = "/feature_engineering/windows" if spec.feature_engineering else "/features"
    errors = []
    if columns > limits.columns:
        errors.append(FieldError(pointer, f"makes {columns:,} features, and {limits.columns:,} is the limit"))
    if rows * columns > limits.cells:
        detail = f"{rows:,} rows of {columns:,} features are too many: rows times features may be {limits.cells:,}"
        errors.append(FieldError("/class_balance" if spec.class_balance == "smote" else pointer, detail))
    if errors:
        raise Invalid("the job cannot run on this data set", errors=tuple(errors))


def _cache_key(spec: JobSpec, dataset: Dataset) -> str:
    """Equal for specs that need the same check: names, parameters and run times do not matter."""
    return fingerprint([dataset.id, spec_json(spec, without=IRRELEVANT_FIELDS)])


def _models(connection: Connection, spec: JobSpec) -> tuple[list[Model], list[FieldError]]:
    """The models that the spec names, and an error for each one that does not exist."""
    models, errors = [], []
    for pointer, model_id in spec.model_ids_by_pointer().items():
        model = results.get_model(connection, model_id)
        if model is None:
            errors.append(FieldError(pointer, f"there is no model {model_id}"))
        else:
            models.append(model)
    return models, errors


def _model_type(spec: JobSpec, models: Sequence[Model]) -> str:
    """The `model_type` label of the job in lists and metrics."""
    types = {spec.model_type.value} if isinstance(spec, TrainSpec) else {model.model_type for model in models}
    return types.pop() if len(types) == 1 else "mixed"
