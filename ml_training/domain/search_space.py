"""The search space of a study: which values a parameter may have, and the TRAIN spec of one trial.

A parameter belongs to the model types that have it: with several of them a trial gets those of its own type only, the
searched ones and those that `train` gives.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from math import prod
from typing import Any

from ml_training.domain.algorithms import ModelType, parameter_names
from ml_training.domain.errors import FieldError
from ml_training.domain.specs import TrainSpec, parse_spec, spec_json
from ml_training.domain.tune_spec import MODEL_TYPE, PARAMS_PREFIX, ParameterSearch, TuneSpec, Values

MOST_POINTS = 10_000  # of a grid


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a search; is_whole: only whole numbers; a range has no choices."""

    pointer: str
    search: ParameterSearch
    is_whole: bool

    @property
    def values(self) -> Sequence[Any] | None:
        """Every value that it may have, in order; None for a range without steps."""
        search = self.search
        if search.choices is not None or search.low is None or search.high is None:
            return search.choices or ()
        step = search.step
        if step is None:
            if not self.is_whole or search.log:
                return None
            step = 1
        low, high, each = (Decimal(str(number)) for number in (search.low, search.high, step))
        count = int((high - low) / each) + 1
        if count > MOST_POINTS:
            return None
        points = [low + number * each for number in range(count)]
        return [int(point) if self.is_whole else float(point) for point in points]


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """What the trials of a study try."""

    model_types: tuple[ModelType, ...]
    parameters: tuple[Parameter, ...]  # without the model type

    def of(self, model_type: ModelType) -> list[Parameter]:
        """The parameters that a trial of this model type has."""
        return [parameter for parameter in self.parameters if applies(parameter.pointer, model_type)]

    def grid(self) -> Iterator[Values]:
        """Every point, of one model type after the other; only if each parameter has `values`."""
        for model_type in self.model_types:
            chosen = self.of(model_type)
            for values in product(*(parameter.values or () for parameter in chosen)):
                point = dict(zip((parameter.pointer for parameter in chosen), values, strict=True))
                yield {MODEL_TYPE: model_type.value, **point} if len(self.model_types) > 1 else point

    def grid_points(self) -> int:
        """How many points the grid has."""
        return sum(prod(len(one.values or ()) for one in self.of(model_type)) for model_type in self.model_types)


def applies(pointer: str, model_type: ModelType) -> bool:
    """Whether trials of this model type have the parameter."""
    return not pointer.startswith(PARAMS_PREFIX) or pointer.removeprefix(PARAMS_PREFIX) in parameter_names(model_type)


def model_types_of(spec: TuneSpec) -> tuple[ModelType, ...]:
    """The model types that the trials may have; unknown ones are left out."""
    searched = spec.search.get(MODEL_TYPE)
    if searched is None:
        return (spec.train.model_type,)
    known = {kind.value: kind for kind in ModelType}
    return tuple(known[choice] for choice in searched.choices or () if isinstance(choice, str) and choice in known)


def search_space(spec: TuneSpec) -> SearchSpace:
    """The space of a spec that has been checked."""
    types = model_types_of(spec)
    parameters = [
        Parameter(pointer, search, is_whole_number(spec, pointer, search))
        for pointer, search in spec.search.items()
        if pointer != MODEL_TYPE
    ]
    return SearchSpace(types, tuple(parameters))


def is_whole_number(spec: TuneSpec, pointer: str, search: ParameterSearch) -> bool:
    """Whether a range is one of whole numbers: its ends are, and the parameter takes no other between them."""
    low, high = search.low, search.high
    if not (isinstance(low, int) and isinstance(high, int)):
        return False
    between = low + (high - low) / 2
    between += 0.25 if between == int(between) else 0.0
    types = [kind for kind in model_types_of(spec) if applies(pointer, kind)]
    return any(errors_of(spec, kind, {pointer: between}) for kind in types)


def errors_of(spec: TuneSpec, model_type: ModelType, values: Values) -> tuple[FieldError, ...]:
    """What is wrong with the TRAIN spec of a trial; pointers into `train`."""
    return parse_trial(spec, {**values, MODEL_TYPE: model_type.value})[1]


def parse_trial(spec: TuneSpec, values: Values) -> tuple[TrainSpec | None, tuple[FieldError, ...]]:
    """The TRAIN spec of a trial with these values, or every error."""
    body = {"job_type": "TRAIN", "model_name": spec.model_name, **_with_values(spec, values)}
    found, errors = parse_spec(body, max_runtime_seconds=spec.max_runtime_seconds or 1)
    return (found if isinstance(found, TrainSpec) else None), errors


def winner_spec(spec: TuneSpec, values: Values) -> TrainSpec | None:
    """The spec of the training that makes the study's model; None when it is not valid."""
    found, _ = parse_trial(spec, values)
    own = {"priority": spec.priority, "max_runtime_seconds": spec.max_runtime_seconds}
    return None if found is None else found.model_copy(update=own)


def _with_values(spec: TuneSpec, values: Values) -> dict[str, Any]:
    body = spec_json(spec.train)
    params: Mapping[str, Any] = body["params"]
    for pointer, value in values.items():
        if pointer.startswith(PARAMS_PREFIX):
            params = {**params, pointer.removeprefix(PARAMS_PREFIX): value}
        elif pointer.count("/") == 1:
            body[pointer[1:]] = value
        else:
            _, outer, inner = pointer.split("/")
            body[outer] = {**(body[outer] if isinstance(body[outer], dict) else {}), inner: value}
    if isinstance(body["model_type"], str) and body["model_type"] in set(ModelType):
        names = parameter_names(ModelType(body["model_type"]))
        several = len(model_types_of(spec)) > 1
        params = {name: value for name, value in params.items() if name in names or not several}
    return {**body, "params": params}
