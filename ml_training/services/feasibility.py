"""Checks a job spec against its data set and models before the job is stored: an accepted job can run.

The answer is cached: the index of a READY data set and a model never change, so equal checks have equal answers.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from ml_training.db import datasets, results
from ml_training.domain.drift_spec import DriftSpec
from ml_training.domain.errors import Conflict, ErrorCode, FieldError, Invalid
from ml_training.domain.limits import Limits
from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.records import Dataset, Model
from ml_training.domain.specs import JobSpec, TrainSpec, spec_json
from ml_training.domain.states import DatasetStatus
from ml_training.domain.tune_spec import TuneSpec
from ml_training.domain.validation import ByGroup
from ml_training.selection.data_warnings import data_warnings, without_ids
from ml_training.selection.drift_plan import check_compared
from ml_training.selection.features import usable_columns
from ml_training.selection.id_columns import id_columns
from ml_training.selection.index import SelectionIndex
from ml_training.selection.labels import Labels
from ml_training.selection.memory_facts import model_facts, training_facts
from ml_training.selection.plan import PredictPlan, TrainPlan, plan_job, plan_train
from ml_training.selection.predict_plan import values_in_a_row
from ml_training.selection.schema import ModelSchema
from ml_training.services.check_cache import Feasibility, JobFacts
from ml_training.services.drift_feasibility import deleted_training_data
from ml_training.services.job_memory import check_memory
from ml_training.services.model_references import not_found
from ml_training.services.predict_feasibility import check_given_rows, check_output_size
from ml_training.services.resources import Resources
from ml_training.services.slots import Slot
from ml_training.storage.base import IntegrityError

DAMAGED = (
    f"{ErrorCode.DATASET_CHANGED.value}: the stored bytes of {{}} are damaged: "
    "restore them from a backup, or upload the file again as a new version"
)
# No check depends on them. The seed decides which rows are drawn, not how many, unless whole groups are drawn: see
# selection/fold_counts.py.
IRRELEVANT_FIELDS = frozenset({"model_name", "params", "priority", "max_runtime_seconds", "random_state", "reuse"})


def check_feasibility(resources: Resources, spec: JobSpec) -> Feasibility:
    """Raise Invalid with every error, or Conflict while the data set is not READY; else the job can run.

    The memory of the workers is looked at each time: they come and go, and the parameters are not part of the check.
    """
    engine = _engine_errors(resources, spec)
    try:
        checked = check_data(resources, spec)
    except Invalid as error:
        raise Invalid(error.detail, errors=(*error.errors, *engine)) from None
    if engine:
        raise Invalid("the job cannot run on this service", errors=engine)
    needed = check_memory(spec, checked, find_slot(resources))
    return replace(checked, memory_bytes=needed.bytes)


def _engine_errors(resources: Resources, spec: JobSpec) -> tuple[FieldError, ...]:
    if not isinstance(spec, TrainSpec) or spec.engine is None or resources.has_dask:
        return ()
    detail = "no Dask cluster is configured: leave engine out, or set ML_TRAINING_DASK_SCHEDULER for API and workers"
    return (FieldError("/engine", detail),)


def find_slot(resources: Resources) -> Slot | None:
    """The slot that every job must fit into; None when nothing is known of it."""
    return resources.slots.smallest(resources.database, within_seconds=resources.heartbeat_dead_seconds)


def check_data(resources: Resources, spec: JobSpec) -> Feasibility:
    """`check_feasibility` without the memory of the workers.

    A check that has passed before is not repeated, and nothing is read then: the transaction that stores the job looks
    whether its data set and models are still there, and `require_indexes` looks for the storage.
    """
    if isinstance(spec, PredictSpec) and spec.rows is not None:
        return _check_given(resources, spec, rows=len(spec.rows))
    key = check_key(spec, project_id=resources.project_id)
    cached = resources.check_cache.passed(key)
    if cached is not None and not isinstance(spec, DriftSpec):  # it depends on one more data set, which may go
        return cached
    with resources.database.read() as connection:
        dataset = None if spec.dataset_id is None else datasets.get_dataset(connection, spec.dataset_id)
        models, errors = _models(connection, spec)
        if isinstance(spec, DriftSpec):
            errors += deleted_training_data(connection, models)
    if dataset is None:
        errors.append(FieldError("/dataset_id", f"there is no data set {spec.dataset_id}"))
    if dataset is None or errors:
        raise Invalid("the job names things that do not exist", errors=tuple(errors))
    with open_index(resources, dataset) as index:
        return resources.check_cache.run(key, lambda: _check(resources.limits, spec, dataset, index, models))


def require_indexes(resources: Resources, checks: Iterable[Feasibility]) -> None:
    """Raise OSError when the storage is away, Conflict when an index is no file: one look for each of cached checks."""
    for index_key in {check.index_key for check in checks if check.is_cached and check.index_key is not None}:
        try:
            with resources.storage.local(index_key):
                pass
        except IntegrityError:
            raise Conflict(DAMAGED.format("a data set")) from None


def check_key(spec: JobSpec, *, project_id: int) -> str:
    """Equal for specs that need the same check: names, parameters, run times and most seeds do not matter.

    Never equal for two projects: one would learn from the answer or its time what the other has checked.
    """
    draws_groups = isinstance(spec, TrainSpec) and isinstance(spec.validation, ByGroup)
    excluded = IRRELEVANT_FIELDS - {"random_state"} if draws_groups else IRRELEVANT_FIELDS
    return f"{project_id} {spec.model_dump_json(exclude=set(excluded))}"


def forget_deleted(resources: Resources, specs: Sequence[JobSpec]) -> None:
    """Take out of the cache the checks of specs whose data set or models are deleted: one look for many specs."""
    dataset_ids = {spec.dataset_id for spec in specs if spec.dataset_id is not None}
    model_ids = {model_id for spec in specs for model_id in spec.model_ids_by_pointer().values()}
    with resources.database.read() as connection:
        existing = datasets.existing_datasets(connection, dataset_ids)
        models = results.existing_models(connection, model_ids) if model_ids else set()
    resources.check_cache.forget(
        [
            check_key(spec, project_id=resources.project_id)
            for spec in specs
            if (spec.dataset_id is not None and spec.dataset_id not in existing)
            or not models.issuperset(spec.model_ids_by_pointer().values())
        ]
    )


@contextmanager
def open_index(resources: Resources, dataset: Dataset) -> Iterator[SelectionIndex]:
    """The index of a READY data set; raises Conflict for any other, and for one whose stored bytes are damaged.

    The bytes are compared with their hash only after an error: reading them all takes longer than most checks.
    """
    if dataset.status is not DatasetStatus.READY or dataset.index_key is None:
        hint = "wait until it is READY" if dataset.status is DatasetStatus.PROCESSING else "upload a corrected file"
        raise Conflict(f"data set {dataset.id} is {dataset.status.value}: {hint}")
    try:
        with resources.storage.local(dataset.index_key) as path:
            yield SelectionIndex.open(path)
    except (ValueError, LookupError, TypeError, IntegrityError):
        if resources.storage.verify(dataset.index_key, str(dataset.index_sha256)):
            raise  # a defect
        raise Conflict(DAMAGED.format(f"data set {dataset.id}")) from None


def _check_given(resources: Resources, spec: PredictSpec, *, rows: int) -> Feasibility:
    """The check of rows that the spec gives; not cached, since its key would be as large as the rows."""
    with resources.database.read() as connection:
        models, errors = _models(connection, spec)
    if errors:
        raise Invalid("the job names things that do not exist", errors=tuple(errors))
    features = check_given_rows(spec, models[0])
    facts = JobFacts(rows, None, features, None)
    return Feasibility(models[0].model_type, 0, None, facts, models=(model_facts(models[0]),))


def _check(
    limits: Limits, spec: JobSpec, dataset: Dataset, index: SelectionIndex, models: Sequence[Model]
) -> Feasibility:
    if isinstance(spec, TuneSpec):
        raise TypeError("a study is checked trial by trial: see tune_feasibility.py")
    about = (_model_type(spec, models), len(set(spec.phases or ())), str(dataset.index_key))
    if isinstance(spec, TrainSpec):
        return _check_training(limits, spec, index, about)
    schemas = [ModelSchema.of(model) for model in models]
    loaded = tuple(map(model_facts, models))
    if isinstance(spec, DriftSpec):
        rows = len(check_compared(spec, index, schemas[0]))
        return Feasibility(*about, JobFacts(rows, None, len(schemas[0].features), None), models=loaded)
    plan = plan_job(spec, index, schemas)
    features = len({feature.name for schema in schemas for feature in schema.features})
    if isinstance(plan, PredictPlan):
        check_output_size(limits, plan, models[0])
        columns = values_in_a_row(plan.spec, plan.model)
        facts = JobFacts(len(plan.rows), None, features, None)
        return Feasibility(*about, facts, models=loaded, output_columns=columns)
    facts = _facts(plan.labels, features=features, folds=None)  # of a TEST, COMPARE or EXPLAIN
    return Feasibility(*about, facts, models=loaded)


def _check_training(limits: Limits, spec: TrainSpec, index: SelectionIndex, about: tuple[str, int, str]) -> Feasibility:
    ids = id_columns(index)
    usable = [name for name in index.names if name in usable_columns(spec, index)]
    chosen = without_ids(spec, ids, usable=usable)
    plan = plan_train(chosen, index)
    _check_size(limits, spec, plan)
    folds = getattr(spec.validation, "splits", None) or 1
    return Feasibility(
        *about,
        facts=replace(_facts(plan.labels, features=len(plan.features), folds=folds), purged=plan.purged),
        training=training_facts(plan),
        warnings=data_warnings(spec, plan, ids, usable=usable),
        excluded=None if chosen is spec else tuple(chosen.exclude_features),
    )


def spec_to_store(spec: JobSpec, checked: Feasibility) -> dict[str, Any]:
    """The spec of the job's row: with the columns that were left out because they look like ids."""
    if checked.excluded is not None and isinstance(spec, TuneSpec):
        common = spec.train.model_copy(update={"exclude_features": list(checked.excluded)})
        spec = spec.model_copy(update={"train": common})
    elif checked.excluded is not None:
        spec = spec.model_copy(update={"exclude_features": list(checked.excluded)})
    return spec_json(spec)


def _facts(labels: Labels, *, features: int, folds: int | None) -> JobFacts:
    return JobFacts(len(labels.rows), folds, features, None if labels.classes is None else len(labels.classes))


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
