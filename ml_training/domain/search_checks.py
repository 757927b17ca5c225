"""Checks a search space at submission: each pointer leads to a parameter, and each value is one that a trial may have.

A range is checked at both ends, choices one by one and in pairs: a spec has no rule about more than two fields beside
the model type, which is tried with every pair.
"""

from collections.abc import Iterator
from itertools import combinations, product

from ml_training.domain.algorithms import ModelType, parameter_names
from ml_training.domain.errors import FieldError
from ml_training.domain.halving import check_halving
from ml_training.domain.json_pointers import pointer_to
from ml_training.domain.problems import Problems
from ml_training.domain.search_space import (
    MOST_POINTS,
    applies,
    errors_of,
    model_types_of,
    search_space,
)
from ml_training.domain.tune_spec import MODEL_TYPE, PARAMS_PREFIX, VARIED, WINDOWS, TuneSpec, Values

MOST_PAIRS = 10_000
MAY_VARY = ", ".join((MODEL_TYPE, f"{PARAMS_PREFIX}<name>", WINDOWS, *VARIED))
REFUSED = "the search is wrong"
WHOLE_WINDOWS = "/feature_engineering"


def check_search(spec: TuneSpec) -> None:
    """Raise Invalid with every reason why a trial of this study could not be a TRAIN job."""
    problems = Problems()
    _check_pointers(spec, problems)
    problems.raise_if_any(REFUSED)
    for model_type in model_types_of(spec):
        _check_values(spec, model_type, problems)
    problems.raise_if_any(REFUSED)
    for one in search_space(spec).parameters:
        if one.is_whole and not isinstance(one.search.step, int | None):
            problems.add(pointer_to("search", one.pointer, "step"), "must be a whole number, as the parameter is")
    check_halving(spec, problems)
    problems.raise_if_any(REFUSED)
    if spec.sampler == "grid":
        _check_grid(spec, problems)
    problems.raise_if_any(REFUSED)


def _check_pointers(spec: TuneSpec, problems: Problems) -> None:
    for pointer in spec.unknown_pointers():
        detail = "is not a field that trials may vary, as all of them must be scored on the same rows"
        problems.add(pointer_to("search", pointer), f"{detail}: {MAY_VARY}")
    searched = spec.search.get(MODEL_TYPE)
    for number, choice in enumerate(searched.choices or () if searched else ()):
        if not isinstance(choice, str) or choice not in set(ModelType):
            where = pointer_to("search", MODEL_TYPE, "choices", number)
            problems.add(where, f"must be one of {', '.join(ModelType)}")
    if searched is not None and searched.choices is None:
        problems.add(pointer_to("search", MODEL_TYPE), 'must be {"choices": [...]}')
    if WINDOWS in spec.search and WHOLE_WINDOWS in spec.search:
        problems.add(pointer_to("search", WINDOWS), f"is a part of {WHOLE_WINDOWS}: search one of them")
    types = model_types_of(spec)
    given = [(pointer_to("search", one), one) for one in spec.search if one.startswith(PARAMS_PREFIX)]
    if len(types) > 1:  # of a single type the check of the spec itself says it
        given += [(pointer_to("train", "params", name), f"{PARAMS_PREFIX}{name}") for name in spec.train.params]
    for where, pointer in given:
        if types and not any(applies(pointer, kind) for kind in types):
            name = pointer.removeprefix(PARAMS_PREFIX)
            known = sorted({one for kind in types for one in parameter_names(kind)})
            problems.add(where, f"no parameter of {', '.join(types)}{problems.did_you_mean(name, known)}")


def _check_values(spec: TuneSpec, model_type: ModelType, problems: Problems) -> None:
    searched = {
        pointer: search
        for pointer, search in spec.search.items()
        if pointer != MODEL_TYPE and applies(pointer, model_type)
    }
    first: Values = {pointer: search.ends[0] for pointer, search in searched.items()}
    known = set(problems.pointers)
    of_type = f" (model_type {model_type.value})" if len(model_types_of(spec)) > 1 else ""

    def add(errors: tuple[FieldError, ...], varied: dict[str, str]) -> None:
        for error in errors:
            inside = next((name for name in varied if f"{error.pointer}/".startswith(f"{name}/")), None)
            owner = next((name for name in searched if f"{error.pointer}/".startswith(f"{name}/")), None)
            if inside is not None:
                where = varied[inside]
            else:
                where = pointer_to("search", owner) if owner else f"/train{error.pointer}"
            if where not in known:
                known.add(where)
                problems.add(where, f"{error.detail}{of_type}")

    add(errors_of(spec, model_type, first), {name: _place(name, 0, spec) for name in searched})
    for pointer, search in searched.items():
        for number, value in enumerate(search.ends[1:], start=1):
            add(errors_of(spec, model_type, {**first, pointer: value}), {pointer: _place(pointer, number, spec)})
    if len(problems):
        return
    for values in _pairs(spec, list(searched), problems):
        add(errors_of(spec, model_type, {**first, **values}), {name: pointer_to("search", name) for name in values})


def _pairs(spec: TuneSpec, pointers: list[str], problems: Problems) -> Iterator[Values]:
    choices = {name: spec.search[name].choices for name in pointers}
    chosen = {name: values for name, values in choices.items() if values}
    count = sum(len(chosen[one]) * len(chosen[two]) for one, two in combinations(chosen, 2))
    if count > MOST_PAIRS:
        detail = f"has {count:,} pairs of choices, and {MOST_PAIRS:,} can be checked: give fewer choices, or ranges"
        problems.add("/search", detail)
        return
    for one, two in combinations(chosen, 2):
        for values in product(chosen[one], chosen[two]):
            yield dict(zip((one, two), values, strict=True))


def _place(pointer: str, number: int, spec: TuneSpec) -> str:
    if spec.search[pointer].choices is not None:
        return pointer_to("search", pointer, "choices", number)
    return pointer_to("search", pointer, "low" if number == 0 else "high")


def _check_grid(spec: TuneSpec, problems: Problems) -> None:
    space = search_space(spec)
    for parameter in space.parameters:
        if parameter.values is None:
            detail = "a grid needs choices, or a range with a step that makes at most"
            problems.add(pointer_to("search", parameter.pointer), f"{detail} {MOST_POINTS:,} values")
    if len(problems):
        return
    points = space.grid_points()
    if points > MOST_POINTS:
        problems.add("/search", f"the grid has {points:,} points, and {MOST_POINTS:,} is the limit")
    elif spec.trials is not None and spec.trials < points:
        detail = f"the grid has {points:,} points: leave trials out, or use the sampler random for fewer"
        problems.add("/trials", detail)
