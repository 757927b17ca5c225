"""Which trials of an earlier study a new one can begin with: those that it could have made itself.

Such a trial trains with the spec that the new study would make of the same values. So its score is the one that the
new study would reach, and a sampler may learn from it.
"""

from collections.abc import Mapping
from typing import Any

from ml_training.domain.algorithms import OLD_NAMES
from ml_training.domain.search_space import Parameter, SearchSpace, parse_trial
from ml_training.domain.specs import TrainSpec, spec_json
from ml_training.domain.tune_spec import MODEL_TYPE, PARAMS_PREFIX, TuneSpec, Values

# What must be equal for scores to be comparable, beside the data and the metric: which rows are scored, and for what.
OF_THE_SCORES = ("target", "task", "phases", "train_start", "train_end", "validation", "random_state")
# What does not change the score of a trial; the data set is compared by its content.
NOT_OF_A_SCORE = frozenset(
    {"model_name", "dataset_id", "priority", "max_runtime_seconds", "leakage", "keep_out_of_fold", "reuse"}
)


def scored_alike(spec: TuneSpec) -> dict[str, Any]:
    """The part of a study's spec that decides whether its scores can be compared with those of another one."""
    train = spec_json(spec.train)
    return {"metric": spec.metric, **{name: train[name] for name in OF_THE_SCORES}}


def values_here(spec: TuneSpec, space: SearchSpace, earlier: TuneSpec, values: Values) -> Values | None:
    """The values with which `spec` makes the trial that `earlier` has made of `values`; None when it cannot."""
    trained, _ = parse_trial(earlier, values)
    if trained is None or trained.model_type not in space.model_types:
        return None
    found: dict[str, Any] = {MODEL_TYPE: trained.model_type.value} if len(space.model_types) > 1 else {}
    for parameter in space.of(trained.model_type):
        try:
            found[parameter.pointer] = _in_space(parameter, _value_at(trained, parameter.pointer))
        except (LookupError, TypeError, ValueError):
            return None
    made, _ = parse_trial(spec, found)
    return found if made is not None and _of_score(made) == _of_score(trained) else None


def _of_score(train: TrainSpec) -> Mapping[str, Any]:
    return spec_json(train, without=NOT_OF_A_SCORE)


def _value_at(train: TrainSpec, pointer: str) -> Any:
    """What a trial has there; raises LookupError or TypeError when it has nothing."""
    body = spec_json(train)
    if pointer.startswith(PARAMS_PREFIX):
        name = pointer.removeprefix(PARAMS_PREFIX)
        return body["params"][OLD_NAMES.get(train.model_type, {}).get(name, name)]
    for part in pointer.split("/")[1:]:
        body = body[part]
    return body


def _in_space(parameter: Parameter, value: Any) -> Any:
    """The value as the space has it; raises ValueError when it has it not."""
    search = parameter.search
    if search.choices is not None:
        alike = [one for one in search.choices if one == value and isinstance(one, bool) is isinstance(value, bool)]
        if not alike:
            raise ValueError("none of the choices")
        return alike[0]
    if isinstance(value, bool) or not isinstance(value, int | float) or search.low is None or search.high is None:
        raise ValueError("no number")
    steps = parameter.values if search.step is not None else None
    if not search.low <= value <= search.high or (steps is not None and value not in steps):
        raise ValueError("outside of the range")
    if parameter.is_whole and value != int(value):
        raise ValueError("no whole number")
    return int(value) if parameter.is_whole else float(value)
