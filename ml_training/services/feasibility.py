"""Checks a job spec against its data set and models before the job is stored: an accepted job can run.

The answer is cached: the index of a READY data set and a model never change, so equal checks have equal answers.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection

from ml_training.db import datasets, results
from ml_training.domain.errors import Conflict, FieldError, Invalid
from ml_training.domain.limits import Limits
from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.problems import Problems
from ml_training.domain.records import Dataset, Model
from ml_training.domain.specs import JobSpec, TrainSpec
from ml_training.domain.states import DatasetStatus
from ml_training.selection.given_rows import check_given, given_columns
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import PredictPlan, TrainPlan, plan_job
from ml_training.selection.predict_plan import REFUSED, can_contribute, check_output, output_names
from ml_training.selection.schema import ModelSchema
from ml_training.services.check_cache import Feasibility
from ml_training.services.model_references import not_found
from ml_training.services.resources import Resources

# No check depends on them. The seed decides which rows are drawn, not how many: see selection/fold_counts.py.
IRRELEVANT_FIELDS = frozenset({"model_name", "params", "priority", "max_runtime_seconds", "random_state"})


def check_feasibility(resources: Resources, spec: JobSpec) -> Feasibility:
    """Raise Invalid with every error, or Conflict while the data set is not READY; else the job can run.

    A check that has passed before is not repeated, and nothing is read then: the transaction that stores the job looks
    whether its data set and models are still there, and `require_indexes` looks for the storage.
    """
    if isinstance(spec, PredictSpec) and spec.rows is not None:
        return _check_given(resources, spec)
    key = check_key(spec)
    cached = resources.check_cache.passed(key)
    if cached is not None:
        return cached
    with resources.database.read() as connection:
        dataset = None if spec.dataset_id is None else datasets.get_dataset(connection, spec.dataset_id)
        models, errors = _models(connection, spec)
    if dataset is None:
        errors.append(FieldError("/dataset_id", f"there is no data set {spec.dataset_id}"))
    if dataset is None or errors:
        raise Invalid("the job names things that do not exist", errors=tuple(errors))
    with open_index(resources, dataset) as index:
        return resources.check_cache.run(key, lambda: _check(resources.limits, spec, dataset, index, models))


def require_indexes(resources: Resources, checks: Iterable[Feasibility]) -> None:
    """Raise OSError when the storage is away: one look for each data set of cached checks."""
    for index_key in {check.index_key for check in checks if check.is_cached and check.index_key is not None}:
        with resources.storage.local(index_key):
            pass


def check_key(spec: JobSpec) -> str:
    """Equal for specs that need the same check: names, parameters, seeds and run times do not matter."""
    return spec.model_dump_json(exclude=set(IRRELEVANT_FIELDS))


def forget_deleted(resources: Resources, specs: Sequence[JobSpec]) -> None:
    """Take out of the cache the checks of specs whose data set or models are deleted: one look for many specs."""
    dataset_ids = {spec.dataset_id for spec in specs if spec.dataset_id is not None}
    model_ids = {model_id for spec in specs for model_id in spec.model_ids_by_pointer().values()}
    with resources.database.read() as connection:
        existing = datasets.existing_datasets(connection, dataset_ids)
        models = results.existing_models(connection, model_ids) if model_ids else set()
    resources.check_cache.forget(
        [
            check_key(spec)
            for spec in specs
            if (spec.dataset_id is not None and spec.dataset_id not in existing)
            or not models.issuperset(spec.model_ids_by_pointer().values())
        ]
    )


@contextmanager
def open_index(resources: Resources, dataset: Dataset) -> Iterator[SelectionIndex]:
    """The index of a READY data set; raises Conflict for any other."""
    if dataset.status is not DatasetStatus.READY or dataset.index_key is None:
        hint = "wait until it is READY" if dataset.status is DatasetStatus.PROCESSING else "upload a corrected file"
        raise Conflict(f"data set {dataset.id} is {dataset.status.value}: {hint}")
    with resources.storage.local(dataset.index_key) as path:
        yield SelectionIndex.open(path)


def _check(
    limits: Limits, spec: JobSpec, dataset: Dataset, index: SelectionIndex, models: Sequence[Model]
) -> Feasibility:
    plan = plan_job(spec, index, [ModelSchema.of(model) for model in models])
    if isinstance(plan, TrainPlan) and isinstance(spec, TrainSpec):
        _check_size(limits, spec, plan)
    if isinstance(plan, PredictPlan):
        _check_output_size(limits, plan, models[0])
    return Feasibility(_model_type(spec, models), len(set(spec.phases or ())), str(dataset.index_key))


def _check_given(resources: Resources, spec: PredictSpec) -> Feasibility:
    """The check of rows that the spec gives; not cached, since its key would be as large as the rows."""
    with resources.database.read() as connection:
        models, errors = _models(connection, spec)
    if errors:
        raise Invalid("the job names things that do not exist", errors=tuple(errors))
    problems, schema = Problems(), ModelSchema.of(models[0])
    check_given(spec, schema, problems)
    check_output(spec, given_columns(spec, schema), schema, problems)
    _check_contributions(spec, models[0], schema, problems)
    problems.raise_if_any(REFUSED)
    return Feasibility(models[0].model_type, 0, None)


def _check_output_size(limits: Limits, plan: PredictPlan, model: Model) -> None:
    """What the output holds is limited like what a data set holds."""
    problems = Problems()
    _check_contributions(plan.spec, model, plan.model, problems)
    columns, rows = len(output_names(plan.spec, plan.model)), len(plan.rows)
    if rows * columns > limits.cells:
        detail = f"{rows:,} rows of {columns:,} columns are too many: rows times columns may be {limits.cells:,}"
        pointer = "/contributions" if plan.spec.contributions else "/dataset_id"
        problems.add(pointer, f"{detail}; predict them in parts, by start and end or phases")
    problems.raise_if_any(REFUSED)


def _check_contributions(spec: PredictSpec, model: Model, schema: ModelSchema, problems: Problems) -> None:
    if spec.contributions and not can_contribute(model.model_type, schema.task):
        detail = f"model {model.id} is {model.model_type}, {schema.task}: contributions are available for lightgbm"
        problems.add("/contributions", f"{detail} with two classes or regression; leave it out")


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
    kept = len(plan.labels.rows) * (4 + len(plan.labels.classes or ()))
    if spec.keep_out_of_fold and kept > limits.cells:
        errors.append(FieldError("/keep_out_of_fold", f"would keep {kept:,} cells, and {limits.cells:,} is the limit"))
    if errors:
        raise Invalid("the job cannot run on this data set", errors=tuple(errors))


def _models(connection: Connection, spec: JobSpec) -> tuple[list[Model], list[FieldError]]:
    """The models that the spec names, and an error for each one that does not exist."""
    models, errors = [], []
    if isinstance(spec, PredictSpec) and spec.model is not None and spec.model_id is None:
        errors.append(FieldError("/model", not_found(spec.model)))
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
