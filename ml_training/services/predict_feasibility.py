"""Checks what only PREDICT asks for: rows that the spec gives, the size of the output, contributions, intervals."""

from ml_training.domain.conformal import HeldOutErrors, least_rows
from ml_training.domain.limits import Limits
from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.problems import Problems
from ml_training.domain.records import Model
from ml_training.selection.given_rows import check_given, given_columns
from ml_training.selection.plan import PredictPlan
from ml_training.selection.predict_plan import REFUSED, can_contribute, check_output, values_in_a_row
from ml_training.selection.schema import ModelSchema


def check_given_rows(spec: PredictSpec, model: Model) -> int:
    """Check the rows of the spec against the model; returns its number of features; raises Invalid with every error."""
    problems, schema = Problems(), ModelSchema.of(model)
    check_given(spec, schema, problems)
    check_output(spec, given_columns(spec, schema), schema, problems)
    _check_contributions(spec, model, problems)
    _check_interval(spec, model, problems)
    problems.raise_if_any(REFUSED)
    return len(schema.features)


def check_output_size(limits: Limits, plan: PredictPlan, model: Model) -> None:
    """What the output holds is limited like what a data set holds."""
    problems = Problems()
    _check_contributions(plan.spec, model, problems)
    _check_interval(plan.spec, model, problems)
    columns, rows = values_in_a_row(plan.spec, plan.model), len(plan.rows)
    if rows * columns > limits.cells:
        detail = f"{rows:,} rows of {columns:,} values are too many: rows times values may be {limits.cells:,}"
        pointer = "/contributions" if plan.spec.contributions else "/dataset_id"
        problems.add(pointer, f"{detail}; predict them in parts, by start and end or phases")
    problems.raise_if_any(REFUSED)


def _check_contributions(spec: PredictSpec, model: Model, problems: Problems) -> None:
    if spec.contributions and not can_contribute(model.model_type):
        detail = f"model {model.id} is {model.model_type}: contributions are available for lightgbm,"
        problems.add("/contributions", f"{detail} logistic_regression and ridge; leave it out, or use EXPLAIN")


def _check_interval(spec: PredictSpec, model: Model, problems: Problems) -> None:
    if spec.interval is None:
        return
    errors = HeldOutErrors.of_details(model.details)
    if errors is None:
        detail = f"model {model.id} has no errors on held-out rows, as models of older versions: train it again"
        problems.add("/interval", detail)
    elif errors.largest_error(spec.interval) is None:
        least = least_rows(spec.interval)
        needed = f"{spec.interval} needs {least} held-out rows, and model {model.id} had {errors.rows}"
        problems.add("/interval", f"{needed}: give a smaller one, or train with a larger test_size or with splits")
