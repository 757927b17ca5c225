"""Validation of a model: which rows are held out, once or in several splits."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StrictInt, Tag, field_validator

from ml_training.domain.spec_fields import Spec

Share = Annotated[float, Field(ge=0.01, le=0.9, strict=True)]
Splits = Annotated[StrictInt, Field(ge=2, le=20)]
METHODS = ("holdout", "time_series", "cross_validation")


class Holdout(Spec):
    """One split: `test_size` of the rows are held out, stratified by class for classification."""

    method: Literal["holdout"] = "holdout"
    test_size: Share = 0.2

    @property
    def is_refitted(self) -> bool:
        """Whether the stored model is fitted again on all rows after the splits."""
        return False


class TimeSeries(Spec):
    """The last part in time is held out; with `splits` forward chaining: each part is predicted from all before it."""

    method: Literal["time_series"]
    test_size: Share | None = None  # 0.2 without splits
    splits: Splits | None = None

    @field_validator("splits")
    @classmethod
    def _one_of_both(cls, splits: int | None, info: Any) -> int | None:
        if splits is not None and info.data.get("test_size") is not None:
            raise ValueError("does not go with test_size, since splits cut the rows into equal parts: leave one out")
        return splits

    @property
    def share(self) -> float:
        """The part of the rows that one split holds out."""
        return 0.2 if self.test_size is None else self.test_size

    @property
    def is_refitted(self) -> bool:
        """See Holdout."""
        return self.splits is not None


class CrossValidation(Spec):
    """Each of `splits` parts is predicted from the others; stratified by class for classification."""

    method: Literal["cross_validation"]
    splits: Splits = 5

    @property
    def is_refitted(self) -> bool:
        """See Holdout."""
        return True


def _method(value: Any) -> Any:
    return value.get("method", "holdout") if isinstance(value, dict) else getattr(value, "method", "holdout")


Validation = Annotated[
    Annotated[Holdout, Tag("holdout")]
    | Annotated[TimeSeries, Tag("time_series")]
    | Annotated[CrossValidation, Tag("cross_validation")],
    Discriminator(
        _method,
        custom_error_type="unknown_method",
        custom_error_message=f"method must be one of {', '.join(METHODS)}",
    ),
]


class FeatureEngineering(Spec):
    """Rolling features of the numeric ones, over windows of a number of rows, per group and in time order."""

    windows: Annotated[list[Annotated[StrictInt, Field(ge=2, le=500)]], Field(min_length=1, max_length=10)]

    @field_validator("windows")
    @classmethod
    def _distinct(cls, windows: list[int]) -> list[int]:
        if len(set(windows)) != len(windows):
            raise ValueError("names a window twice: each window once")
        return sorted(windows)
