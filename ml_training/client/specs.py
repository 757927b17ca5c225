"""Job specs from arguments: what is not given is left to the service, which knows the defaults and checks the rest."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from ml_training.client.errors import Json, UsageError


def train_spec(dataset_id: int, *, target: str | Mapping[str, Any], model_type: str, name: str, **more: Any) -> Json:
    """A TRAIN spec; target: the name of a column, or a rule or horizon as docs/jobs.md describes it."""
    column = {"column": target} if isinstance(target, str) else dict(target)
    return _spec("TRAIN", model_name=name, model_type=model_type, dataset_id=dataset_id, target=column, **more)


def evaluation_spec(model_id: int, dataset_id: int, **more: Any) -> Json:
    """A TEST spec."""
    return _spec("TEST", model_id=model_id, dataset_id=dataset_id, **more)


def compare_spec(model_ids: Sequence[int], dataset_id: int, *, metric: str, **more: Any) -> Json:
    """A COMPARE spec."""
    return _spec("COMPARE", model_ids=list(model_ids), dataset_id=dataset_id, metric=metric, **more)


def predict_spec(
    model: int | str, *, dataset_id: int | None = None, rows: Sequence[Mapping[str, Any]] | None = None, **more: Any
) -> Json:
    """A PREDICT spec, on a data set or on 1 to 1,000 rows; raises UsageError unless exactly one is given."""
    if (dataset_id is None) == (rows is None):
        raise UsageError("give either a data set or rows")
    named = {"model_id": model} if isinstance(model, int) else {"model": model}
    listed = None if rows is None else [{str(name): _cell(value) for name, value in row.items()} for row in rows]
    return _spec("PREDICT", **named, dataset_id=dataset_id, rows=listed, **more)


def tune_spec(
    dataset_id: int,
    *,
    target: str | Mapping[str, Any],
    search: Mapping[str, Any],
    metric: str,
    name: str,
    model_type: str | None = None,
    train: Mapping[str, Any] | None = None,
    **more: Any,
) -> Json:
    """A TUNE spec; search: by JSON pointer into the training, or by the plain name of a parameter."""
    column = {"column": target} if isinstance(target, str) else dict(target)
    given = {"model_type": model_type, "dataset_id": dataset_id, "target": column, **(train or {})}
    common = {field: value for field, value in given.items() if value is not None}
    pointers = {key if key.startswith("/") else f"/params/{key}": value for key, value in search.items()}
    return _spec("TUNE", model_name=name, train=common, search=pointers, metric=metric, **more)


def explain_spec(model_id: int, dataset_id: int, **more: Any) -> Json:
    """An EXPLAIN spec."""
    return _spec("EXPLAIN", model_id=model_id, dataset_id=dataset_id, **more)


def drift_spec(model_id: int, dataset_id: int, **more: Any) -> Json:
    """A DRIFT spec."""
    return _spec("DRIFT", model_id=model_id, dataset_id=dataset_id, **more)


def _spec(job_type: str, **fields: Any) -> Json:
    return {"job_type": job_type, **{name: _plain(value) for name, value in fields.items() if value is not None}}


def _cell(value: Any) -> Any:
    """The value of a row as JSON; a missing one in any form (NaN, NaT, NA) is None."""
    try:
        missing = bool(value != value)
    except TypeError:  # pandas.NA is neither equal nor not
        missing = True
    return None if missing else _plain(value)


def _plain(value: Any) -> Any:
    """The value as JSON; times need an offset, so that no time zone is guessed."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise UsageError(f"{value.isoformat()} has no time zone: add one, such as datetime(..., tzinfo=UTC)")
        return value.isoformat()
    if isinstance(value, date):
        raise UsageError(f"{value.isoformat()} is a day: give a time with an offset, such as 2026-01-31T00:00:00Z")
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") and hasattr(value, "dtype") else value
