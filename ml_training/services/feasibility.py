"""Refused at the door: holds a spec against the data and the models it names, before anything is stored."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from ml_training.db import datasets, registry
from ml_training.domain.errors import Conflict, FieldError, Invalid
from ml_training.domain.records import Dataset, Model
from ml_training.domain.specs import CompareSpec, TestSpec, TrainSpec, model_type_label
from ml_training.domain.states import DatasetStatus
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import plan_test, plan_train
from ml_training.selection.schema import ModelSchema
from ml_training.services.core import Core

Submitted = TrainSpec | TestSpec | CompareSpec


@dataclass(frozen=True, slots=True)
class Feasible:
    """What the check found out on its way: the columns of the job row that come from data and models."""

    model_type: str
    phases_count: int


def check_feasible(core: Core, spec: Submitted) -> Feasible:
    """Raise Invalid with every reason, or Conflict while the data set is not READY; else the job can run."""
    with core.database.read() as connection:
        dataset = datasets.get_dataset(connection, spec.dataset_id)
        models = _models(connection, spec)
    errors = [FieldError(pointer, f"there is no model {model_id}") for pointer, model_id, model in models if not model]
    if dataset is None:
        errors.append(FieldError("/dataset_id", f"there is no data set {spec.dataset_id}"))
    if dataset is None or errors:
        raise Invalid("the job names things that do not exist", errors=tuple(errors))
    index = open_index(core, dataset)
    if isinstance(spec, TrainSpec):
        plan_train(spec, index)
        label = model_type_label(spec)
    else:
        found = [model for _, _, model in models if model]
        plan_test(spec, index, [schema_of(model) for model in found])
        label = _common_type(found)
    return Feasible(model_type=label, phases_count=len(set(spec.phases or ())))


def open_index(core: Core, dataset: Dataset) -> SelectionIndex:
    """The index of a READY data set; raises Conflict for any other."""
    if dataset.status is not DatasetStatus.READY or dataset.index_key is None:
        hint = "wait until it is READY" if dataset.status is DatasetStatus.PROCESSING else "upload a mended file"
        raise Conflict(f"data set {dataset.id} is {dataset.status.value}: {hint}")
    return SelectionIndex.open(core.storage.path(dataset.index_key))


def schema_of(model: Model) -> ModelSchema:
    """What a stored model needs of its data."""
    return ModelSchema.from_json(model.details["schema"], model_id=model.id)


def _models(connection: Connection, spec: Submitted) -> Sequence[tuple[str, int, Model | None]]:
    if isinstance(spec, TestSpec):
        wanted = [("/model_id", spec.model_id)]
    elif isinstance(spec, CompareSpec):
        wanted = [(f"/model_ids/{number}", model_id) for number, model_id in enumerate(spec.model_ids)]
    else:
        wanted = []
    return [(pointer, model_id, registry.get_model(connection, model_id)) for pointer, model_id in wanted]


def _common_type(models: Sequence[Model]) -> str:
    types = {model.model_type for model in models}
    return types.pop() if len(types) == 1 else "mixed"
