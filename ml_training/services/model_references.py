"""Replaces the name of a model in a spec by its id: `churn@champion` is a model now, and may be another one later."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from ml_training.db.model_references import find_version
from ml_training.domain.errors import FieldError
from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.problems import refusal
from ml_training.domain.specs import JobSpec
from ml_training.services.resources import Resources


def with_model_id(resources: Resources, spec: JobSpec) -> JobSpec:
    """The spec with the id of the model that it names, or as it is when there is none; raises Invalid when it gives
    another id.

    The transaction that stores the job looks again (`moved`).
    """
    if not isinstance(spec, PredictSpec) or spec.model is None:
        return spec
    with resources.database.read() as connection:
        found = _find(connection, spec.model)
    if found is not None and spec.model_id not in (None, found):
        detail = f"{spec.model} is model {found} now, and model_id is {spec.model_id}: give one of them"
        raise refusal("/model", detail)
    return spec.model_copy(update={"model_id": found})


def current_models(connection: Connection, specs: Iterable[JobSpec]) -> Mapping[str, int | None]:
    """The id of the model that each name in the specs means in this transaction, by the name."""
    names = {spec.model for spec in specs if isinstance(spec, PredictSpec) and spec.model is not None}
    return {name: _find(connection, name) for name in sorted(names)}


def moved(spec: JobSpec, current: Mapping[str, int | None]) -> FieldError | None:
    """The error for a name that means another model than when the spec was checked; None when it does not."""
    if not isinstance(spec, PredictSpec) or spec.model is None or current[spec.model] == spec.model_id:
        return None
    return FieldError("/model", f"{spec.model} has just become another model: submit the job again")


def _find(connection: Connection, reference: str) -> int | None:
    name, _, alias = reference.partition("@")
    return find_version(connection, name, alias or None)


def not_found(reference: str) -> str:
    """What is wrong with a name that means no model."""
    name, _, alias = reference.partition("@")
    return f"no version of model {name!r} has the alias {alias!r}" if alias else f"there is no model called {name!r}"
