"""Figures of a benchmark: medians, percentiles, targets, and the section of the report that they make."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


class MeasurementError(Exception):
    """What should have been measured did not work, so there is no figure."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure must reach: at most `bound`, or at least `bound` where `at_least` is true."""

    bound: float
    at_least: bool = False

    def is_met_by(self, value: float) -> bool:
        """Whether `value` reaches the target; NaN never does."""
        return value >= self.bound if self.at_least else value <= self.bound

    def text(self, unit: str) -> str:
        """Such as `<= 45 ms`."""
        return f"{'>=' if self.at_least else '<='} {with_unit(self.bound, unit)}"


def at_most(bound: float) -> Target:
    """The target of a time, a size or a ratio of times."""
    return Target(bound)


def at_least(bound: float) -> Target:
    """The target of a rate or a ratio of rates."""
    return Target(bound, at_least=True)


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure; `spread` says how much it varied, in words."""

    name: str
    value: float
    unit: str = ""
    target: Target | None = None
    spread: str = ""

    @property
    def is_reached(self) -> bool | None:
        """Whether the target is reached; None without a target."""
        return None if self.target is None else self.target.is_met_by(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What one run of one story measured, and where."""

    story: str
    title: str
    how: str  # how it was measured, in a sentence or two
    date: str
    commit: str
    conditions: str  # what the machine did besides, and whether the sizes were small
    rows: Sequence[Row] = field(default_factory=tuple)

    def to_json(self) -> dict[str, Any]:
        """A value that `json.dumps` takes and `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Section":
        """The inverse of `to_json`; raises KeyError or TypeError for anything else."""
        rows = [Row(**{**row, "target": row["target"] and Target(**row["target"])}) for row in value["rows"]]
        return cls(**{**value, "rows": tuple(rows)})


def median(values: Sequence[float]) -> float:
    """The median; NaN of nothing."""
    return statistics.median(values) if values else math.nan


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the values do not exceed (nearest rank); NaN of nothing."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def ratio(ours: Sequence[float], floor: Sequence[float]) -> float:
    """The median of `ours` divided by the median of `floor`; NaN when one of them is missing or the floor is 0."""
    base = median(floor)
    return median(ours) / base if base else math.nan


def paired_ratios(ours: Sequence[float], floor: Sequence[float]) -> list[float]:
    """The ratio of each round: both were measured one right after the other, so the machine was about the same."""
    return [mine / base for mine, base in zip(ours, floor, strict=True) if base]


def spread(values: Sequence[float], unit: str = "") -> str:
    """How much the values vary: their quartiles and number, or all of them when there are at most four."""
    if len(values) <= 4:
        return " · ".join(number(value) for value in values) + (f" {unit}" if unit and values else "")
    low, high = number(percentile(values, 0.25)), number(percentile(values, 0.75))
    return f"{low} to {high}{f' {unit}' if unit else ''}, n = {len(values)}"


def number(value: float) -> str:
    """Three significant digits, thousands separated; `?` for NaN."""
    if math.isnan(value):
        return "?"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def with_unit(value: float, unit: str) -> str:
    """Such as `45.0 ms`."""
    return f"{number(value)} {unit}".strip()
