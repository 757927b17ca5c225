"""The spec of TUNE: what every trial has in common, what the trials vary, and when the search ends."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, StrictBool, StrictInt, field_validator, model_validator

from ml_training.domain.spec_fields import Name, Spec, SubmittedSpec
from ml_training.domain.train_spec import TrainSpec

MOST_TRIALS = 10_000
MOST_GENERATION = 100
MOST_PARAMETERS = 20
MOST_CHOICES = 100
MODEL_TYPE = "/model_type"
PARAMS_PREFIX = "/params/"
# What trials may vary beside `params`. Rows, target, validation and seed are the same for all of them: else their
# scores could not be compared.
VARIED = ("/class_balance", "/early_stopping_rounds", "/feature_engineering", "/features")
WINDOWS = "/feature_engineering/windows"
OF_THE_STUDY = ("job_type", "model_name", "priority", "max_runtime_seconds")
METRICS = Literal[
    "accuracy",
    "f1",
    "precision",
    "recall",
    "roc_auc",
    "mcc",
    "log_loss",
    "fpr",
    "fnr",
    "rmse",
    "mae",
    "r2",
    "mape",
]


def _without_fields_of_the_study(schema: dict[str, Any]) -> None:
    for name in OF_THE_STUDY:
        schema["properties"].pop(name, None)
    schema["required"] = [name for name in schema.get("required", []) if name not in OF_THE_STUDY]


class CommonTraining(TrainSpec):
    """A TRAIN spec without the fields that belong to the study."""

    model_config = ConfigDict(json_schema_extra=_without_fields_of_the_study)

    job_type: Literal["TRAIN"] = Field(default="TRAIN", exclude=True)
    model_name: Name = Field(default="trial", exclude=True)
    priority: StrictInt = Field(default=5, exclude=True)
    max_runtime_seconds: StrictInt | None = Field(default=None, exclude=True)

    @field_validator(*OF_THE_STUDY, mode="before")
    @classmethod
    def _of_the_study(cls, _value: object, info: Any) -> object:
        where = "leave it out" if info.field_name == "job_type" else "give it beside train, not in it"
        raise ValueError(f"belongs to the study: {where}")

    @field_validator("engine")
    @classmethod
    def _here(cls, engine: str | None) -> str | None:
        if engine is not None:
            raise ValueError("leave it out: models of a cluster are not reproducible, and a study is")
        return engine


class ParameterSearch(Spec):
    """What the trials try for one parameter: `choices`, or a range from `low` to `high`, both of them included."""

    choices: Annotated[list[Any], Field(min_length=1, max_length=MOST_CHOICES)] | None = None
    low: float | int | None = None
    high: float | int | None = None
    log: StrictBool = Field(default=False, description="equal ratios are equally likely, instead of equal distances")
    step: float | int | None = Field(default=None, description="only low, low + step, low + 2 step, ...")

    @field_validator("low", "high", "step", mode="before")
    @classmethod
    def _is_number(cls, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            raise ValueError("must be a number")  # noqa: TRY004 - pydantic turns only a ValueError into an error
        return value

    @field_validator("choices")
    @classmethod
    def _distinct(cls, choices: list[Any] | None) -> list[Any] | None:
        shown = [repr(choice) for choice in choices or ()]
        if len(set(shown)) != len(shown):
            raise ValueError("names a value twice: each value once")
        return choices

    @model_validator(mode="after")
    def _one_form(self) -> "ParameterSearch":
        if self.choices is not None:
            if self.low is not None or self.high is not None or self.step is not None or self.log:
                raise ValueError("choices do not go with low, high, log or step: give one of the two forms")
            return self
        if self.low is None or self.high is None:
            raise ValueError('give {"choices": [...]}, or {"low": ..., "high": ...}')
        if not self.low < self.high:
            raise ValueError("low must be below high")
        if self.log and self.low <= 0:
            raise ValueError("log needs a low above 0")
        if self.step is not None and (self.log or not 0 < self.step <= self.high - self.low):
            raise ValueError("step must be above 0, at most high - low, and does not go with log")
        return self

    @property
    def ends(self) -> list[Any]:
        """Every choice, or both ends of the range."""
        return [self.low, self.high] if self.choices is None else list(self.choices)


class StopRules(Spec):
    """When a study ends before its trials are used up; looked at between generations."""

    seconds: Annotated[StrictInt, Field(ge=1)] | None = Field(
        default=None, description="no generation begins later than this after the start: so it depends on the clock"
    )
    trials_without_improvement: Annotated[StrictInt, Field(ge=1, le=MOST_TRIALS)] | None = None
    target: float | None = Field(default=None, strict=True, description="a score that is good enough")


class Halving(Spec):
    """Successive halving: the trials of a generation begin with few rounds, the best ones continue with more."""

    rungs: Annotated[StrictInt, Field(ge=2, le=8)] = Field(
        default=3, description="how often trials are compared; the last time after all rounds"
    )
    factor: Annotated[StrictInt, Field(ge=2, le=10)] = Field(
        default=3, description="the best trials continue, one in `factor`, with `factor` times the rounds"
    )


class TuneSpec(SubmittedSpec):
    """Search the best parameters for a model, and train it with them."""

    result_field = "study_id"

    job_type: Literal["TUNE"]
    model_name: Name
    train: CommonTraining
    search: Annotated[dict[str, ParameterSearch], Field(min_length=1, max_length=MOST_PARAMETERS)]
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    metric: METRICS
    trials: Annotated[StrictInt, Field(ge=1, le=MOST_TRIALS)] | None = Field(
        default=None, description="50, or with the sampler grid every point of the grid"
    )
    generation: Annotated[StrictInt, Field(ge=1, le=MOST_GENERATION)] = Field(
        default=4, description="trials that are chosen together, and so may run at the same time"
    )
    halving: Halving | None = Field(default=None, description="end the poor trials of each generation after few rounds")
    stop: StopRules = StopRules()
    warm_start: StrictBool = Field(
        default=False,
        description="begin with what earlier studies of the same data, rows, target and metric have tried",
    )
    random_state: Annotated[StrictInt, Field(ge=0, lt=2**31)] = 42

    @field_validator("warm_start")
    @classmethod
    def _can_learn(cls, warm_start: bool, info: Any) -> bool:
        sampler = info.data.get("sampler", "tpe")
        if warm_start and sampler != "tpe":
            raise ValueError(f"the sampler {sampler} does not learn from earlier trials: leave it out, or choose tpe")
        if warm_start and info.data.get("halving") is not None:
            raise ValueError("does not go with halving, which may end the best earlier trial: leave one of them out")
        return warm_start

    @model_validator(mode="before")
    @classmethod
    def _first_model_type(cls, body: Any) -> Any:
        """`train` needs no model_type when the trials choose it: the first choice is used for the check."""
        if not isinstance(body, dict) or not isinstance(body.get("train"), dict):
            return body
        searched = body["search"].get(MODEL_TYPE) if isinstance(body.get("search"), dict) else None
        choices = searched.get("choices") if isinstance(searched, dict) else None
        if isinstance(choices, list) and choices and "model_type" not in body["train"]:
            return {**body, "train": {**body["train"], "model_type": choices[0]}}
        return body

    @field_validator("search")
    @classmethod
    def _by_pointer(cls, search: dict[str, ParameterSearch]) -> dict[str, ParameterSearch]:
        # One order for equal specs: a sampler draws the parameters one after the other.
        return dict(sorted(search.items()))

    @property
    def dataset_id(self) -> int:
        """The data set that all trials train on."""
        return self.train.dataset_id

    def unknown_pointers(self) -> Iterator[str]:
        """The keys of `search` that are no parameter which a trial may vary."""
        for pointer in self.search:
            if pointer not in (MODEL_TYPE, WINDOWS, *VARIED) and not re.fullmatch(r"/params/[^/~]+", pointer):
                yield pointer


class TrialSpec(Spec):
    """One trial of a study. The study's own job makes these jobs."""

    result_field: ClassVar[str] = "trial_id"

    job_type: Literal["TRIAL"]
    shown_if_set = frozenset({"continues", "keeps_state"})

    number: StrictInt
    metric: METRICS
    train: TrainSpec
    continues: StrictInt | None = None  # the number of the trial with fewer rounds
    keeps_state: StrictBool = False  # another trial may continue this one


Values = Mapping[str, Any]  # what a trial tries: by pointer into `train`
