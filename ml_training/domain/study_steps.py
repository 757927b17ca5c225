"""What a study does next: decided from its spec and the rows of its trials alone, so a repeated step decides the same.

Only `stop.seconds` looks at the clock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ml_training.domain.score_names import LOWER_IS_BETTER
from ml_training.domain.states import JobStatus
from ml_training.domain.tune_spec import TuneSpec, Values

DEFAULT_TRIALS = 50


class StoppedBy(StrEnum):
    """Why a study has no more trials."""

    TRIALS = "trials"  # as many as the spec allows, or every point of the grid
    TARGET = "target"
    NO_IMPROVEMENT = "trials_without_improvement"
    SECONDS = "seconds"


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial as its row says; score: None unless it has COMPLETED with a score that is defined.

    status: COMPLETED, FAILED or CANCELLED; None until it has ended. error: why it FAILED. continues: the number of the
    trial that it continues with more rounds; rung: how many trials there are before it in this way (`halving`).
    """

    number: int
    job_id: int
    values: Values
    status: str | None
    score: float | None
    seconds: float | None = None
    error: str | None = None
    continues: int | None = None
    rung: int = 0

    @property
    def id(self) -> int:
        """What a page of trials ends with: its number, from 1."""
        return self.number


def trials_allowed(spec: TuneSpec, grid_points: int) -> int:
    """How many trials the study has at most."""
    if spec.sampler == "grid":
        return grid_points
    return DEFAULT_TRIALS if spec.trials is None else spec.trials


def is_better(metric: str, score: float, than: float) -> bool:
    """Whether a score beats another one; equal ones do not."""
    return score < than if metric in LOWER_IS_BETTER else score > than


def best_trial(metric: str, trials: Iterable[Trial]) -> Trial | None:
    """The trial with the best score, of equal ones the first; None when none has a score.

    Of trials that continue others only those of the furthest rung: a score after fewer rounds is another one.
    """
    scored = [trial for trial in trials if trial.score is not None]
    furthest = max((trial.rung for trial in scored), default=0)
    best: tuple[float, Trial] | None = None
    for trial in scored:
        score = trial.score
        if score is not None and trial.rung == furthest and (best is None or is_better(metric, score, best[0])):
            best = score, trial
    return None if best is None else best[1]


def chosen_trial(metric: str, trials: Sequence[Trial]) -> Trial | None:
    """The trial whose values the model gets: the best one, or the first that completed when no score is defined."""
    completed = (trial for trial in trials if trial.status == JobStatus.COMPLETED)
    return best_trial(metric, trials) or next(completed, None)


def stopped_by(spec: TuneSpec, trials: Sequence[Trial], *, allowed: int, seconds: float) -> StoppedBy | None:
    """Why no generation begins after these trials, which have all ended; None when the next one begins.

    seconds: since the study has started.
    """
    best, rules = best_trial(spec.metric, trials), spec.stop
    if _reaches(spec.metric, best, rules.target):
        return StoppedBy.TARGET
    begun = [trial.number for trial in trials if trial.continues is None]
    if len(begun) >= allowed:
        return StoppedBy.TRIALS
    since_best = sum(best is None or number > best.number for number in begun)
    if rules.trials_without_improvement is not None and since_best >= rules.trials_without_improvement:
        return StoppedBy.NO_IMPROVEMENT
    if rules.seconds is not None and seconds >= rules.seconds:
        return StoppedBy.SECONDS
    return None


def _reaches(metric: str, best: Trial | None, target: float | None) -> bool:
    if best is None or best.score is None or target is None:
        return False
    return not is_better(metric, target, best.score)
