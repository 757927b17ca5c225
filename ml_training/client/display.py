"""How things look in a notebook: small HTML tables; and which scores are shown of a model."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

SHOWN_SCORES = {
    "binary": ("accuracy", "f1", "roc_auc"),
    "multiclass": ("accuracy", "f1", "log_loss"),
    "regression": ("r2", "rmse", "mae"),
}


def cell_text(value: object) -> str:
    """The text of a table cell; "-" is unknown, times have no fractions."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def scores_text(scores: Mapping[str, Any], task: str | None = None) -> str:
    """The scores that fit the task, such as `r2 0.8731, rmse 12.0300`; "-" when there is none."""
    names = SHOWN_SCORES.get(task or "") or ("r2" in scores and SHOWN_SCORES["regression"]) or SHOWN_SCORES["binary"]
    shown = [f"{name} {cell_text(scores[name])}" for name in names if scores.get(name) is not None]
    return ", ".join(shown) or "-"


def intervals_text(intervals: Mapping[str, Any], task: str | None = None) -> str:
    """The intervals of the scores that `scores_text` shows, such as `r2 0.85 to 0.89`; "-" when there is none."""
    names = SHOWN_SCORES.get(task or "") or ("r2" in intervals and SHOWN_SCORES["regression"]) or SHOWN_SCORES["binary"]
    known = [(name, intervals[name]) for name in names if intervals.get(name)]
    return ", ".join(f"{name} {cell_text(low)} to {cell_text(high)}" for name, (low, high) in known) or "-"


def html_table(rows: Iterable[Sequence[object]], header: Sequence[str] = ()) -> str:
    """An HTML table; every text is escaped."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    lines = ["".join(f"<td>{escape(cell_text(value))}</td>" for value in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"


class Listing(list[Any]):
    """A list of records that a notebook shows as a table; `columns` maps titles to the attributes that it shows."""

    def __init__(self, items: Iterable[Any], columns: Mapping[str, str]) -> None:
        super().__init__(items)
        self.columns = dict(columns)

    def _repr_html_(self) -> str:
        rows = [[getattr(item, name) for name in self.columns.values()] for item in self]
        return html_table(rows, tuple(self.columns))
