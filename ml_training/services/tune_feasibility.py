"""Checks a study before it is stored: every trial that it may try can run on its data and in a slot."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

from ml_training.domain.algorithms import ModelType
from ml_training.domain.errors import FieldError, Invalid
from ml_training.domain.json_pointers import pointer_to
from ml_training.domain.memory.facts import MemoryEstimate, TrainingFacts
from ml_training.domain.memory.jobs import training
from ml_training.domain.problems import Problems
from ml_training.domain.score_names import CLASSIFICATION_METRICS, REGRESSION_METRICS
from ml_training.domain.search_checks import check_search
from ml_training.domain.search_space import SearchSpace, model_types_of, parse_trial, search_space
from ml_training.domain.specs import TrainSpec
from ml_training.domain.tune_spec import MODEL_TYPE, PARAMS_PREFIX, TuneSpec, Values
from ml_training.services.check_cache import Feasibility
from ml_training.services.feasibility import check_data, find_slot, forget_deleted
from ml_training.services.job_memory import THREADS, check_memory
from ml_training.services.resources import Resources

MOST_CHECKS = 100  # of the data: values that parameters outside of `params` may have together, times model types
PASSES = 2
NEEDS_PROBABILITIES = "log_loss"
WITHOUT_PROBABILITIES = frozenset({ModelType.RIDGE})
REFUSED = "the study cannot run on this data set"


def check_tune(resources: Resources, spec: TuneSpec) -> Feasibility:
    """Raise Invalid with every error, or Conflict while the data set is not READY; else every trial can run."""
    check_search(spec)
    space, problems = search_space(spec), Problems()
    candidates = [(values, _parsed(spec, values)) for values in _candidates(spec, space)]
    forget_deleted(resources, [train for _, train in candidates])
    slot, found = find_slot(resources), list[tuple[MemoryEstimate, Feasibility]]()
    for values, train in candidates:
        with _in_words_of_the_study(spec, problems):
            checked = check_data(resources, train)
            largest, facts = train, checked.training
            if facts is not None:
                largest = _largest(spec, space, values, facts, threads=THREADS if slot is None else slot.threads)
            found.append((check_memory(largest, checked, slot), checked))
    problems.raise_if_any(REFUSED)
    _check_metric(spec, found[0][1])
    label = found[0][1].model_type if len(space.model_types) == 1 else "mixed"
    every = [checked for _, checked in found]
    return replace(
        every[0],
        model_type=label,
        excluded=next((one.excluded for one in every if one.excluded is not None), None),
        warnings=tuple(dict.fromkeys(warning for one in every for warning in one.warnings)),
        largest=max((memory for memory, _ in found), key=lambda memory: memory.bytes),
        is_cached=any(one.is_cached for one in every),
    )


def _candidates(spec: TuneSpec, space: SearchSpace) -> Iterator[Values]:
    """The first value of each parameter, with every combination of those that the data decide about."""
    of_data = [one for one in space.parameters if not one.pointer.startswith(PARAMS_PREFIX)]
    count = len(space.model_types) * prod(len(one.search.ends) for one in of_data)
    if count > MOST_CHECKS:
        detail = f"has {count:,} combinations to check on the data, and {MOST_CHECKS} is the limit: give fewer choices"
        where = pointer_to("search", max(of_data, key=lambda one: len(one.search.ends)).pointer)
        raise Invalid("the search is too large", errors=(FieldError(where, detail),))
    for model_type in space.model_types:
        first = {one.pointer: one.search.ends[0] for one in space.of(model_type)}
        for values in product(*(one.search.ends for one in of_data)):
            chosen = dict(zip((one.pointer for one in of_data), values, strict=True))
            yield {**first, **chosen, MODEL_TYPE: model_type.value}


def _parsed(spec: TuneSpec, values: Values) -> TrainSpec:
    train, errors = parse_trial(spec, values)
    if train is None:
        raise Invalid("the search is wrong", errors=tuple(_in_study(spec, error) for error in errors))
    return train


def _largest(spec: TuneSpec, space: SearchSpace, values: Values, facts: TrainingFacts, *, threads: int) -> TrainSpec:
    """The trial that takes the most memory: from each parameter the value that takes the most beside the others."""
    chosen = dict(values)

    def needed(tried: dict[str, Any]) -> int:
        train = _parsed(spec, tried)
        return training(facts, train.model_type, train.params, threads=threads).bytes

    searched = [one for one in space.of(ModelType(values[MODEL_TYPE])) if one.pointer.startswith(PARAMS_PREFIX)]
    for _ in range(PASSES):
        for one in searched:
            ends = [{**chosen, one.pointer: value} for value in one.search.ends]
            chosen = max(ends, key=needed)
    return _parsed(spec, chosen)


@contextmanager
def _in_words_of_the_study(spec: TuneSpec, problems: Problems) -> Iterator[None]:
    """Add the reasons of an Invalid raised in the block, which are those of a TRAIN spec, as reasons of the study."""
    try:
        yield
    except Invalid as error:
        for one in error.errors or (FieldError("", error.detail),):
            found = _in_study(spec, one)
            if found.pointer not in problems.pointers:
                problems.add(found.pointer, found.detail)


def _in_study(spec: TuneSpec, error: FieldError) -> FieldError:
    """An error of a trial's TRAIN spec, at the field of the study that it comes from."""
    owner = next((name for name in spec.search if f"{error.pointer}/".startswith(f"{name}/")), None)
    if owner is None and error.pointer == "/params" and any(name.startswith(PARAMS_PREFIX) for name in spec.search):
        return FieldError("/search", error.detail)
    return FieldError(f"/train{error.pointer}" if owner is None else pointer_to("search", owner), error.detail)


def _check_metric(spec: TuneSpec, checked: Feasibility) -> None:
    is_classification = checked.facts.classes is not None
    fitting = CLASSIFICATION_METRICS if is_classification else REGRESSION_METRICS
    if spec.metric not in fitting:
        task = "classification" if is_classification else "regression"
        detail = f"the target makes this a {task}: choose one of {', '.join(fitting)}"
        raise Invalid(REFUSED, errors=(FieldError("/metric", detail),))
    is_calibrated = spec.train.calibration != "none"
    if spec.metric == NEEDS_PROBABILITIES and set(model_types_of(spec)) <= WITHOUT_PROBABILITIES and not is_calibrated:
        named = ", ".join(sorted(WITHOUT_PROBABILITIES))
        detail = (
            f"{named} has no probabilities unless it is calibrated, so it is undefined: "
            "choose another metric or model_type, or calibrate"
        )
        raise Invalid(REFUSED, errors=(FieldError("/metric", detail),))
