"""Validation of a model: which rows are held out, once or in several splits."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StrictInt, Tag, field_validator

from ml_training.domain.spec_fields import ColumnName, Duration, Spec, length_of

Share = Annotated[float, Field(ge=0.01, le=0.9, strict=True)]
Splits = Annotated[StrictInt, Field(ge=2, le=20)]
# Left out of what is stored unless it is given: specs from before it stay what they were.
Gap = Annotated[Duration | None, Field(exclude_if=lambda value: value is None)]
METHODS = ("holdout", "time_series", "cross_validation", "group_holdout", "group_k_fold")


class Holdout(Spec):
    """One split: `test_size` of the rows are held out, stratified by class for classification."""

    method: Literal["holdout"] = "holdout"
    test_size: Share = 0.2

    @property
    def is_refitted(self) -> bool:
        """Whether the stored model is fitted again on all rows after the splits."""
        return False


class TimeSeries(Spec):
    """The last part in time is held out; with `splits` forward chaining: each part is predicted from all before it.

    purge: how long after its time the label of a row is known; embargo: a gap before the held-out rows beyond that.
    """

    method: Literal["time_series"]
    test_size: Share | None = None  # 0.2 without splits
    splits: Splits | None = None
    purge: Gap = None
    embargo: Gap = None

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

    def gap(self, horizon: timedelta) -> timedelta:
        """How long before the held-out rows the training part ends; horizon: that of the target.

        A label under a horizon is known one horizon later, whatever `purge` says: the longer one counts.
        """
        purge, embargo = (timedelta() if text is None else length_of(text) for text in (self.purge, self.embargo))
        return max(horizon, purge) + embargo

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


class GroupHoldout(Spec):
    """One split: whole groups with about `test_size` of the rows are held out."""

    method: Literal["group_holdout"]
    group_column: ColumnName | None = None  # the data set's group column
    test_size: Share = 0.2

    @property
    def is_refitted(self) -> bool:
        """See Holdout."""
        return False


class GroupKFold(Spec):
    """Each of `splits` parts, made of whole groups and about equally large, is predicted from the others."""

    method: Literal["group_k_fold"]
    group_column: ColumnName | None = None  # the data set's group column
    splits: Splits = 5

    @property
    def is_refitted(self) -> bool:
        """See Holdout."""
        return True


ByGroup = GroupHoldout | GroupKFold


def _method(value: Any) -> Any:
    return value.get("method", "holdout") if isinstance(value, dict) else getattr(value, "method", "holdout")


Validation = Annotated[
    Annotated[Holdout, Tag("holdout")]
    | Annotated[TimeSeries, Tag("time_series")]
    | Annotated[CrossValidation, Tag("cross_validation")]
    | Annotated[GroupHoldout, Tag("group_holdout")]
    | Annotated[GroupKFold, Tag("group_k_fold")],
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
