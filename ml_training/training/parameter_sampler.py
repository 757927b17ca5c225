"""Chooses what the next trials of a study try, and says which parameters mattered: optuna's samplers, without its
storage.

The study of optuna is made again from the trials that have ended, with a seed that depends on their number: so a step
that is repeated chooses the same. Within a generation the sampler knows the trials that it has just chosen, and keeps
away from them (`constant_liar`).
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np

from ml_training.domain.algorithms import ModelType
from ml_training.domain.score_names import LOWER_IS_BETTER
from ml_training.domain.search_space import Parameter, SearchSpace
from ml_training.domain.study_steps import Trial, best_trial
from ml_training.domain.tune_spec import MODEL_TYPE, TuneSpec, Values

MOST_FOR_IMPORTANCE = 200  # trials, the first ones: each costs the forest of the importances 30 ms and more
TREES = 64


def next_values(
    spec: TuneSpec, space: SearchSpace, ended: Sequence[Trial], *, count: int, earlier: Sequence[Trial] = ()
) -> list[Values]:
    """What the next `count` trials try, fewer when a grid has no more points.

    ended: all trials before; of one that others have continued the last of these. TPE takes a score after fewer rounds
    for that of a trial which was stopped: of these those with more rounds are the better ones.
    earlier: trials of earlier studies, with values of this space. The first trial tries the best of them again.
    """
    if spec.sampler == "grid":
        return list(islice(space.grid(), len(ended), len(ended) + count))
    with _quiet():
        last = 0 if spec.halving is None else spec.halving.rungs - 1
        study = _study(spec, space, [*earlier, *ended], seed=_seed(spec.random_state, len(ended)), last=last)
        best = None if ended else best_trial(spec.metric, earlier)
        if best is not None:
            study.enqueue_trial(_params(space, best.values)[0])
        return [_ask(study, space) for _ in range(count)]


def importances(spec: TuneSpec, space: SearchSpace, ended: Sequence[Trial]) -> dict[str, float | None]:
    """The share of the spread of the scores that each parameter explains, by pointer; 0 to 1, together 1.

    They are those of fANOVA (Hutter, Hoos and Leyton-Brown, ICML 2014). None for a parameter that not every scored
    trial has, and for all when the scores do not differ, or by next to nothing.
    """
    from optuna.importance import FanovaImportanceEvaluator

    names = [*([MODEL_TYPE] if len(space.model_types) > 1 else []), *(one.pointer for one in space.parameters)]
    found: dict[str, float | None] = dict.fromkeys(sorted(names))
    scored = [trial for trial in ended if trial.score is not None][:MOST_FOR_IMPORTANCE]
    if len({trial.score for trial in scored}) < 2:
        return found
    with _quiet():
        study = _study(spec, space, scored, seed=spec.random_state, last=0)
        evaluator = FanovaImportanceEvaluator(n_trees=TREES, max_depth=TREES, seed=spec.random_state)
        try:
            shares = {name: float(share) for name, share in evaluator.evaluate(study).items()}
        except RuntimeError:  # the scores differ by so little that no tree has any variance to explain
            return found
    total = sum(shares.values())
    return found | {name: share / total for name, share in shares.items() if total > 0}


def _study(spec: TuneSpec, space: SearchSpace, ended: Iterable[Trial], *, seed: int, last: int) -> Any:
    # Here, not at the top: only studies need it, and it takes memory and a second.
    import optuna

    if spec.sampler == "random":
        sampler: Any = optuna.samplers.RandomSampler(seed=seed)
    else:
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)
    direction: Any = "minimize" if spec.metric in LOWER_IS_BETTER else "maximize"
    study = optuna.create_study(sampler=sampler, direction=direction)
    for trial in ended:
        params, distributions = _params(space, trial.values)
        made = optuna.trial.create_trial(**_ending(trial, last), params=params, distributions=distributions)
        study.add_trial(made)
    return study


def _ending(trial: Trial, last: int) -> dict[str, Any]:
    """State and score of an ended trial; last: the rung on which trials are trained to the end."""
    from optuna.trial import TrialState

    if trial.score is None:
        return {"state": TrialState.FAIL}
    if trial.rung < last:
        return {"state": TrialState.PRUNED, "intermediate_values": {trial.rung: trial.score}}
    return {"state": TrialState.COMPLETE, "value": trial.score}


def _ask(study: Any, space: SearchSpace) -> Values:
    trial, values = study.ask(), dict[str, Any]()
    model_type = space.model_types[0]
    if len(space.model_types) > 1:
        values[MODEL_TYPE] = trial.suggest_categorical(MODEL_TYPE, [kind.value for kind in space.model_types])
        model_type = ModelType(values[MODEL_TYPE])
    for parameter in space.of(model_type):
        values[parameter.pointer] = _suggested(trial, parameter)
    return values


def _suggested(trial: Any, parameter: Parameter) -> Any:
    name, search = parameter.pointer, parameter.search
    if search.choices is not None:
        # By their places: a choice may be a list or an object, which the sampler does not know.
        return search.choices[trial.suggest_categorical(name, range(len(search.choices)))]
    if parameter.is_whole:
        return int(trial.suggest_int(name, search.low, _high(parameter), log=search.log, step=search.step or 1))
    return float(trial.suggest_float(name, search.low, _high(parameter), log=search.log, step=search.step))


def _params(space: SearchSpace, values: Values) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of a trial as the sampler names them, and what each was chosen from."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    params, distributions = dict[str, Any](), dict[str, Any]()
    model_type = space.model_types[0]
    if len(space.model_types) > 1:
        params[MODEL_TYPE] = values[MODEL_TYPE]
        model_type = ModelType(values[MODEL_TYPE])
        distributions[MODEL_TYPE] = CategoricalDistribution([kind.value for kind in space.model_types])
    for parameter in space.of(model_type):
        name, search, value = parameter.pointer, parameter.search, values[parameter.pointer]
        if search.choices is not None:
            params[name] = next(at for at, one in enumerate(search.choices) if repr(one) == repr(value))
            distributions[name] = CategoricalDistribution(range(len(search.choices)))
            continue
        params[name] = value
        of_kind: Any = IntDistribution if parameter.is_whole else FloatDistribution
        step = (search.step or 1) if parameter.is_whole else search.step
        distributions[name] = of_kind(search.low, _high(parameter), log=search.log, step=step)
    return params, distributions


def _high(parameter: Parameter) -> Any:
    """The largest value that the steps reach."""
    values = parameter.values if parameter.search.step is not None else None
    return parameter.search.high if not values else values[-1]


def _seed(random_state: int, ended: int) -> int:
    return int(np.random.SeedSequence([random_state, ended]).generate_state(1)[0])


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what optuna writes to standard error about each study and each feature that may change."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
