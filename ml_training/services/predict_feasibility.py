"""Checks what only PREDICT asks for: rows that the spec gives, the size of the output, contributions."""

from ml_training.domain.limits import Limits
from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.problems import Problems
from ml_training.domain.records import Model
from ml_training.selection.given_rows import check_given, given_columns
from ml_training.selection.plan import PredictPlan
from ml_training.selection.predict_plan import REFUSED, can_contribute, check_output, output_names
from ml_training.selection.schema import ModelSchema


def check_given_rows(spec: PredictSpec, model: Model) -> int:
    """Check the rows of the spec against the model; returns its number of features; raises Invalid with every error."""
    problems, schema = Problems(), ModelSchema.of(model)
    check_given(spec, schema, problems)
    check_output(spec, given_columns(spec, schema), schema, problems)
    _check_contributions(spec, model, schema, problems)
    problems.raise_if_any(REFUSED)
    return len(schema.features)


def check_output_size(limits: Limits, plan: PredictPlan, model: Model) -> None:
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
