"""Successive halving (Jamieson and Talwalkar, AISTATS 2016): the trials of a generation begin with few rounds, and only
the best of them continue with more.

Rung 0 is the first. Only the scores of the last rung are those of whole trainings. What a study does next is decided
from its spec and the rows of its trials.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from ml_training.domain.algorithms import PARAMS, ModelType
from ml_training.domain.json_pointers import pointer_to
from ml_training.domain.problems import Problems
from ml_training.domain.resumable import DECIDING, RESUMABLE, hardest, obstacles
from ml_training.domain.score_names import LOWER_IS_BETTER
from ml_training.domain.search_space import model_types_of
from ml_training.domain.study_steps import Trial
from ml_training.domain.tune_spec import MODEL_TYPE, PARAMS_PREFIX, Halving, TuneSpec, Values

NAME = "n_estimators"
ROUNDS = f"{PARAMS_PREFIX}{NAME}"
EARLY_STOPPING = "early_stopping_rounds"
OR_NONE = "or leave halving out"


def rounds_of(spec: TuneSpec, halving: Halving) -> list[int]:
    """The rounds (trees) of each rung, ascending; the last rung has those of `train`."""
    most = spec.train.params.get(NAME, PARAMS[ModelType.LIGHTGBM]().model_dump()[NAME])
    return [most // halving.factor ** (halving.rungs - 1 - rung) for rung in range(halving.rungs)]


def values_at(spec: TuneSpec, values: Values, rung: int) -> Values:
    """The values of a trial at a rung; as they are in a study without halving."""
    return values if spec.halving is None else {**values, ROUNDS: rounds_of(spec, spec.halving)[rung]}


def final_values(spec: TuneSpec, values: Values) -> Values:
    """The values of a trial with the rounds of a whole training."""
    return values if spec.halving is None else values_at(spec, values, spec.halving.rungs - 1)


def with_rungs(trials: Sequence[Trial]) -> list[Trial]:
    """The trials with their rungs, in their order: each is one above the trial that it continues."""
    found: dict[int, Trial] = {}
    for trial in trials:
        rung = 0 if trial.continues is None else found[trial.continues].rung + 1
        found[trial.number] = replace(trial, rung=rung)
    return list(found.values())


def to_continue(spec: TuneSpec, trials: Sequence[Trial]) -> list[Trial]:
    """The trials that continue on the next rung, in their order; none when the next generation can begin.

    trials: with their rungs; all have ended. One of `factor` continues, at least one; those without a score never do.
    """
    halving = spec.halving
    if halving is None or not trials or trials[-1].rung == halving.rungs - 1:
        return []
    group = newest(spec, trials)
    sign = 1 if spec.metric in LOWER_IS_BETTER else -1
    scored = [(sign * trial.score, trial.number, trial) for trial in group if trial.score is not None]
    best = sorted(scored, key=lambda one: one[:2])[: _continuing(halving, len(group))]
    return sorted((trial for _, _, trial in best), key=lambda trial: trial.number)


def newest(spec: TuneSpec, trials: Sequence[Trial]) -> list[Trial]:
    """The trials that were made together at last: those of a generation, or of one of its later rungs."""
    if not trials or trials[-1].rung == 0:
        begun = [trial for trial in trials if trial.continues is None]
        return begun[(len(begun) - 1) // spec.generation * spec.generation :] if begun else []
    of_rung = takewhile(lambda trial: trial.rung == trials[-1].rung, reversed(trials))
    return sorted(of_rung, key=lambda trial: trial.number)


def furthest(trials: Sequence[Trial]) -> list[Trial]:
    """For each trial that began, the last of those that continue it which has a score; itself when none has."""
    found: dict[int, Trial] = {}
    first: dict[int, int] = {}
    for trial in trials:
        first[trial.number] = trial.number if trial.continues is None else first[trial.continues]
        if trial.continues is None or trial.score is not None:
            found[first[trial.number]] = trial
    return list(found.values())


def rows_expected(spec: TuneSpec, trials: int) -> int:
    """How many rows a study has in which `trials` trials begin, when each rung has enough scores."""
    if spec.halving is None:
        return trials
    whole, rest = divmod(trials, spec.generation)
    return whole * _rows(spec.halving, spec.generation) + (_rows(spec.halving, rest) if rest else 0)


def _continuing(halving: Halving, count: int) -> int:
    return max(1, count // halving.factor)


def _rows(halving: Halving, count: int) -> int:
    total = count
    for _ in range(halving.rungs - 1):
        count = _continuing(halving, count)
        total += count
    return total


def check_halving(spec: TuneSpec, problems: Problems) -> None:
    """Add every reason why the trials of a study could not be halved, or not continued to the same model."""
    halving = spec.halving
    if halving is None:
        return
    _check_numbers(spec, halving, problems)
    if spec.train.early_stopping_rounds is not None:
        problems.add(f"/train/{EARLY_STOPPING}", f"halving ends the poor trials itself: leave it out, {OR_NONE}")
    for pointer, reason in (
        (ROUNDS, f"is what halving varies: give the most of them as {NAME} in train.params, {OR_NONE}"),
        (f"/{EARLY_STOPPING}", f"does not go with halving: leave it out, {OR_NONE}"),
    ):
        if pointer in spec.search:
            problems.add(pointer_to("search", pointer), reason)
    for kind in model_types_of(spec):
        if kind not in RESUMABLE:
            known = ", ".join(RESUMABLE)
            reason = f"a training of {kind} cannot be continued to the same model: choose of {known}, {OR_NONE}"
            problems.add(_place_of_type(spec, kind), reason)
        _check_draws(spec, kind, problems)


def _check_numbers(spec: TuneSpec, halving: Halving, problems: Problems) -> None:
    needed = halving.factor ** (halving.rungs - 1)
    rounds = rounds_of(spec, halving)
    if rounds[0] < 1:
        detail = f"the first rung would have no round: {rounds[-1]} rounds divided by {needed}"
        problems.add("/halving/rungs", f"{detail}; fewer rungs, a smaller factor, or a larger {NAME} in train.params")
    if spec.generation < needed:
        detail = f"must be at least {needed} with {halving.rungs} rungs and a factor of {halving.factor}"
        problems.add(
            "/generation", f"{detail}: that is how many begin for each that is trained to the end; or fewer rungs"
        )


def _place_of_type(spec: TuneSpec, kind: ModelType) -> str:
    searched = spec.search.get(MODEL_TYPE)
    if searched is None or searched.choices is None:
        return "/train/model_type"
    return pointer_to("search", MODEL_TYPE, "choices", searched.choices.index(kind.value))


def _check_draws(spec: TuneSpec, kind: ModelType, problems: Problems) -> None:
    """The parameters of a model type at the values that are the hardest to continue from."""
    defaults = PARAMS[kind]().model_dump()
    worst = {name: hardest(name, _ends(spec, name, defaults[name])) for name in DECIDING.get(kind, ())}
    for name in obstacles(kind, worst):
        places = (name, "subsample_freq") if name == "subsample" else (name,)
        searched = [f"{PARAMS_PREFIX}{one}" for one in places if f"{PARAMS_PREFIX}{one}" in spec.search]
        where = pointer_to("search", searched[0]) if searched else f"/train{PARAMS_PREFIX}{name}"
        reason = f"a training with it cannot be continued to the same model: keep {name} at {defaults[name]}"
        problems.add(where, f"{reason}, {OR_NONE}")


def _ends(spec: TuneSpec, name: str, default: Any) -> list[Any]:
    searched = spec.search.get(f"{PARAMS_PREFIX}{name}")
    return [spec.train.params.get(name, default)] if searched is None else searched.ends
