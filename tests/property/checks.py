"""What must be true of every answer and every result; each check says what is wrong, or nothing."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from ml_training.domain.drift_spec import DriftSpec
from ml_training.domain.explain_spec import ExplainSpec
from ml_training.domain.object_sizes import MOST_FIELDS
from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.specs import CompareSpec, TestSpec, TrainSpec
from ml_training.domain.targets import ColumnTarget, HorizonTarget, RuleTarget
from ml_training.domain.tune_spec import StopRules, TuneSpec
from ml_training.domain.validation import (
    CrossValidation,
    FeatureEngineering,
    GroupHoldout,
    GroupKFold,
    Holdout,
    TimeSeries,
)
from tests.property.tables import Table
from tests.support.in_process_service import strict

PROBLEM = "application/problem+json"
STATUSES = {202, 400, 409, 413, 415, 422}
SPECS: dict[object, Any] = {
    "TRAIN": TrainSpec,
    "TEST": TestSpec,
    "COMPARE": CompareSpec,
    "PREDICT": PredictSpec,
    "EXPLAIN": ExplainSpec,
    "DRIFT": DriftSpec,
    "TUNE": TuneSpec,
}
INSIDE: dict[str, tuple[Any, ...]] = {
    "/target": (ColumnTarget, RuleTarget, HorizonTarget),
    "/validation": (Holdout, TimeSeries, CrossValidation, GroupHoldout, GroupKFold),
    "/feature_engineering": (FeatureEngineering,),
    "/stop": (StopRules,),
}
LARGEST_ANSWER = 4 << 20


def wrong_with_answer(status: int, kind: str, data: bytes, sent: Any) -> Iterator[str]:
    """`sent`: the JSON that was sent, None when it was none."""
    if status not in STATUSES:
        yield f"status {status}: {data[:300]!r}"
    if len(data) > LARGEST_ANSWER:
        yield f"an answer of {len(data):,} bytes"
    if status < 400:
        return
    if kind != PROBLEM:
        yield f"{status} is {kind}, no problem"
        return
    problem = strict(data)
    if problem["status"] != status or not problem["title"] or not problem["detail"] or not problem["type"]:
        yield f"an empty problem: {problem}"
    if status == 422:
        errors = problem.get("errors", [])
        if not errors:
            yield f"422 without a reason: {problem}"
        for error in errors[:1_000]:
            if not error["detail"] or not leads_somewhere(error["pointer"], sent):
                yield f"leads nowhere: {error}"


def leads_somewhere(pointer: str, body: Any) -> bool:
    """Whether a sender who looks there finds what to change: a value that was sent, or a field that could have been.

    The whole body is such a place only when it is no object, or has too many fields.
    """
    if not isinstance(body, dict) or len(body) > MOST_FIELDS:
        return pointer == ""
    if not pointer.startswith("/"):
        return False
    if pointer.startswith("/train/") and isinstance(body.get("train"), dict):
        return leads_somewhere(pointer.removeprefix("/train"), {**body["train"], "job_type": "TRAIN"})
    holder, _, name = pointer.rpartition("/")
    found, inside = resolved(holder, body)
    if not found:
        return holder in INSIDE and name in _fields(INSIDE[holder]) and holder[1:] in _fields(_spec(body))
    if resolved(pointer, body)[0]:
        return True
    known = _fields(_spec(body)) if holder == "" else _fields(INSIDE.get(holder, ()))
    return isinstance(inside, dict) and _unescaped(name) in known


def resolved(pointer: str, body: Any) -> tuple[bool, Any]:
    """Whether RFC 6901 finds something there, and what."""
    here = body
    for part in pointer.split("/")[1:]:
        key = _unescaped(part)
        if isinstance(here, dict) and key in here:
            here = here[key]
        elif isinstance(here, list) and key.isdecimal() and int(key) < len(here):
            here = here[int(key)]
        else:
            return False, None
    return True, here


def wrong_with_numbers(value: Any, where: str = "") -> Iterator[str]:
    """Scores are numbers or null, all the way down."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from wrong_with_numbers(item, f"{where}/{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from wrong_with_numbers(item, f"{where}/{number}")
    elif value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        yield f"no score: {where} is {value!r}"


def wrong_with_model(model: Mapping[str, Any], spec: Mapping[str, Any], table: Table) -> Iterator[str]:
    """The rows of a model add up to those that the spec selects."""
    rows, selected = model["details"]["rows"], len(selected_rows(table, spec, part="train"))
    validation = spec["validation"]
    used = selected - rows["dropped"]
    if rows["not_covered"] > rows["dropped"] or min(rows.values()) < 0 or rows["train"] < 1:
        yield f"impossible rows: {rows}"
    if validation["method"] in ("cross_validation", "group_k_fold"):
        right = rows["train"] == rows["held_out"] == used
    elif validation.get("splits") is not None:
        right = rows["train"] == used and 0 < rows["held_out"] < used
    else:
        right = rows["train"] + rows["held_out"] + rows["purged"] == used and rows["held_out"] > 0
    if not right:
        yield f"of {selected} selected rows: {rows}"
    matrix = model["details"]["confusion_matrix"]
    if matrix is not None and sum(map(sum, matrix["counts"])) != rows["held_out"]:
        yield f"the confusion matrix does not hold the {rows['held_out']} rows held out"
    shares = [value for part in ("train", "held_out") for value in (model["scores"][part].get("accuracy"),)]
    if any(share is not None and not 0 <= share <= 1 for share in shares):
        yield f"accuracies {shares}"


def wrong_with_test(result: Mapping[str, Any], spec: Mapping[str, Any], table: Table) -> Iterator[str]:
    """So do those of a test."""
    rows, selected = result["details"]["rows"], len(selected_rows(table, spec, part="test"))
    if rows["test"] + rows["dropped"] != selected or rows["test"] != result["rows"] or rows["test"] < 1:
        yield f"of {selected} selected rows: {rows}"


def wrong_with_comparison(result: Mapping[str, Any], spec: Mapping[str, Any], table: Table) -> Iterator[str]:
    """Every model has its place, and the best comes first."""
    selected = len(selected_rows(table, spec, part="test"))
    if not 1 <= result["rows"] <= selected:
        yield f"{result['rows']} of {selected} selected rows"
    ranking = result["ranking"]
    if sorted(service["model_id"] for service in ranking) != sorted(spec["model_ids"]):
        yield f"not every model once: {ranking}"
    if ranking[0]["rank"] != 1 or any(first["rank"] > second["rank"] for first, second in pairwise(ranking)):
        yield f"no ranking: {ranking}"


def wrong_with_prediction(
    shown: Mapping[str, Any], preview: list[dict[str, Any]], spec: Mapping[str, Any], table: Table | None
) -> Iterator[str]:
    """A prediction has the selected rows, the columns in their order, probabilities, and counts that can be."""
    wanted = selected_rows(table, spec, part="") if table is not None else list(range(len(spec["rows"])))
    if shown["rows"] != len(wanted) or not len(wanted):
        yield f"{shown['rows']} of {len(wanted)} selected rows"
    if [row["row"] for row in preview] != wanted[: len(preview)] or not preview:
        yield f"other rows: {preview[:3]}"
    if shown["columns"][: 2 + len(spec["keep"])] != ["row", *spec["keep"], "prediction"]:
        yield f"columns {shown['columns']}"
    for row in preview:
        yield from _wrong_with_row(row, shown["columns"][2 + len(spec["keep"]) :], spec)
    for counts in (shown["missing"], shown["unseen_categories"]):
        if not all(0 <= count <= shown["rows"] for count in counts.values()):
            yield f"impossible counts: {counts}"


def _wrong_with_row(row: dict[str, Any], names: Sequence[str], spec: Mapping[str, Any]) -> Iterator[str]:
    """names: the columns behind the prediction."""
    chances = [row[name] for name in names if name.startswith("probability_")]
    if chances and abs(sum(chances) - 1) > 1e-6:
        yield f"probabilities that do not add up: {row}"
    if row["prediction"] is None:
        yield f"no prediction: {row}"
    around = [name for name in names if name in ("low", "high", "prediction_set")]
    if around not in ([["low", "high"], ["prediction_set"]] if spec["interval"] is not None else [[]]):
        yield f"columns {names} for interval {spec['interval']}"
    if "prediction_set" in around and len(row["prediction_set"]) > max(2, len(chances)):
        yield f"a set of more classes than there are: {row}"


def wrong_with_explanation(result: Mapping[str, Any], spec: Mapping[str, Any], table: Table) -> Iterator[str]:
    """The rows add up, every feature has one importance, and the slices of a column hold every row once."""
    rows, selected = result["row_counts"], len(selected_rows(table, spec, part=""))
    explained = min(rows["labelled"], spec["sample_rows"])
    if rows["labelled"] + rows["dropped"] != selected or not rows["explained"] == result["rows"] == explained >= 1:
        yield f"of {selected} selected rows: {rows}"
    names = [item["feature"] for item in result["permutation_importance"]["features"]]
    if len(set(names)) != len(names) or not names:
        yield f"importances of {names}"
    for column in result["slices"]:
        if sum(value["rows"] for value in column["values"]) != explained:
            yield f"the slices of {column['column']} do not hold {explained} rows"


def wrong_with_drift(result: Mapping[str, Any], spec: Mapping[str, Any], table: Table) -> Iterator[str]:
    """The rows add up, weights are shares, and the verdict follows from the numbers beside it."""
    rows, selected = result["row_counts"], len(selected_rows(table, spec, part=""))
    if rows["compared_selected"] != selected or rows["compared"] != min(selected, spec["sample_rows"]):
        yield f"of {selected} selected rows: {rows}"
    if abs(sum(item["weight"] for item in result["features"]) - 1) > 1e-9:
        yield "the weights are no shares"
    for item in result["features"]:
        shares = [item[name] for name in ("missing_share", "unseen_share", "missing_share_training")]
        if min(shares) < 0 or max(shares) > 1 or item["psi"] < 0 or not 0 < (item["p_value"] or 1) <= 1:
            yield f"the numbers of {item}"
    significant = result["p_value"] is not None and result["p_value"] <= 0.05
    if result["drifted"] != (result["judged_psi"] >= spec["threshold"] and significant):
        yield f"drifted {result['drifted']} for {result['judged_psi']}, {result['p_value']}"


def selected_rows(table: Table, spec: Mapping[str, Any], *, part: str) -> list[int]:
    """The rows that the spec's window and phases select, found in the table itself."""
    kept: list[int] = list(range(table.rows))
    start, end = (spec.get(f"{part}_{name}".lstrip("_")) for name in ("start", "end"))
    if table.time is not None and (start or end):
        times = [datetime.fromisoformat(cell) if cell else None for cell in table.columns[table.time]]
        zone = next(time for time in times if time is not None).tzinfo
        low, high = (None if text is None else datetime.fromisoformat(text) for text in (start, end))
        if zone is None:
            low, high = (None if moment is None else moment.replace(tzinfo=None) for moment in (low, high))
        kept = [
            row
            for row in kept
            if (time := times[row]) is not None and (low is None or low <= time) and (high is None or time < high)
        ]
    if table.phase is not None and spec.get("phases"):
        wanted = {str(phase) for phase in spec["phases"]}
        kept = [row for row in kept if table.columns[table.phase][row] in wanted]
    return kept


def _spec(body: Mapping[str, Any]) -> tuple[Any, ...]:
    kind = body.get("job_type")
    return (SPECS[kind],) if isinstance(kind, str) and kind in SPECS else tuple(SPECS.values())


def _fields(kinds: tuple[Any, ...]) -> set[str]:
    return {name for kind in kinds for name in kind.model_fields}


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
