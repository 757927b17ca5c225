"""Refused at the door: holds a spec against the data and the models it names, before anything is stored.

What was found is remembered: an index and a model never change, so the answer to the same question never does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from ml_training.db import datasets, results
from ml_training.domain.errors import Conflict, FieldError, Invalid
from ml_training.domain.limits import Limits
from ml_training.domain.records import Dataset, Model
from ml_training.domain.specs import CompareSpec, TestSpec, TrainSpec, fingerprint, model_type_label, spec_json
from ml_training.domain.states import DatasetStatus
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import TrainPlan, plan_test, plan_train
from ml_training.selection.schema import ModelSchema
from ml_training.services.resources import Resources

JobSpec = TrainSpec | TestSpec | CompareSpec
IRRELEVANT_FIELDS = frozenset({"model_name", "params", "priority", "max_runtime_seconds"})


@dataclass(frozen=True, slots=True)
class Feasibility:
    """What the check found out on its way: the columns of the job row that come from data and models."""

    model_type: str
    phases_count: int


def check_feasibility(resources: Resources, spec: JobSpec) -> Feasibility:
    """Raise Invalid with every reason, or Conflict while the data set is not READY; else the job can run."""
    with resources.database.read() as connection:
        dataset = datasets.get_dataset(connection, spec.dataset_id)
        models = _models(connection, spec)
    errors = [FieldError(pointer, f"there is no model {model_id}") for pointer, model_id, model in models if not model]
    if dataset is None:
        errors.append(FieldError("/dataset_id", f"there is no data set {spec.dataset_id}"))
    if dataset is None or errors:
        raise Invalid("the job names things that do not exist", errors=tuple(errors))
    found = [model for _, _, model in models if model]
    index = open_index(resources, dataset)
    resources.answers.ask(_question(spec, dataset), lambda: _check(resources, spec, index, found))
    label = model_type_label(spec) if isinstance(spec, TrainSpec) else _common_type(found)
    return Feasibility(model_type=label, phases_count=len(set(spec.phases or ())))


def _check(resources: Resources, spec: JobSpec, index: SelectionIndex, models: Sequence[Model]) -> None:
    if isinstance(spec, TrainSpec):
        _check_size(resources.limits, spec, plan_train(spec, index))
    else:
        plan_test(spec, index, [schema_of(model) for model in models])


def _check_size(limits: Limits, spec: TrainSpec, plan: TrainPlan) -> None:
    """Windows make columns and SMOTE makes rows: together they must still fit into a worker's memory."""
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


def _question(spec: JobSpec, dataset: Dataset) -> str:
    """Equal for specs that ask the same of the data: names, parameters and times to run play no part."""
    return fingerprint([dataset.id, spec_json(spec, without=IRRELEVANT_FIELDS)])


def open_index(resources: Resources, dataset: Dataset) -> SelectionIndex:
    """The index of a READY data set; raises Conflict for any other."""
    if dataset.status is not DatasetStatus.READY or dataset.index_key is None:
        hint = "wait until it is READY" if dataset.status is DatasetStatus.PROCESSING else "upload a mended file"
        raise Conflict(f"data set {dataset.id} is {dataset.status.value}: {hint}")
    return SelectionIndex.open(resources.storage.path(dataset.index_key))


def schema_of(model: Model) -> ModelSchema:
    """What a stored model needs of its data."""
    return ModelSchema.from_json(model.details["schema"], model_id=model.id)


def _models(connection: Connection, spec: JobSpec) -> Sequence[tuple[str, int, Model | None]]:
    if isinstance(spec, TestSpec):
        wanted = [("/model_id", spec.model_id)]
    elif isinstance(spec, CompareSpec):
        wanted = [(f"/model_ids/{number}", model_id) for number, model_id in enumerate(spec.model_ids)]
    else:
        wanted = []
    return [(pointer, model_id, results.get_model(connection, model_id)) for pointer, model_id in wanted]


def _common_type(models: Sequence[Model]) -> str:
    types = {model.model_type for model in models}
    return types.pop() if len(types) == 1 else "mixed"
