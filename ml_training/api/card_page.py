"""The card of a model as one HTML page that needs nothing else: its pictures are inside, and it has no script."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from ml_training.api.card_pictures import bars, lines

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.6rem;overflow-wrap:anywhere}h2{font-size:1.15rem;margin-top:2rem;border-bottom:1px solid #ddd}
table{border-collapse:collapse;margin:.5rem 0}th,td{border:1px solid #ddd;padding:.2rem .6rem;text-align:left;
overflow-wrap:anywhere;vertical-align:top}th{background:#f5f5f5}svg{margin:.5rem 1rem .5rem 0;font:11px sans-serif;
max-width:100%}.note{color:#666}
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
SHOWN_FEATURES, SHOWN_CURVES, MOST_CLASSES, MOST_SLICES = 20, 6, 20, 60
Json = Mapping[str, Any]


def card_page(card: Json) -> str:
    """The page of a card as `GET /models/{id}/card` answers it in JSON."""
    title = f"{card['name']} version {card['version']}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(card['description'])}</p>" if card["description"] else "",
        _table(_facts(card)),
        _section("Scores", _scores(card)),
        _section("Warnings about the data", _warnings(card["warnings"])),
        _section("Importance of the features", _importance(card)),
        _section("Curves on held-out rows", _curves(card["curves"])),
        _section("Confusion matrix on held-out rows", _confusion(card["confusion_matrix"])),
        _explanation(card["explanation"]),
        _section("Data and split", _table([*_named(card["rows"]), *_named(card["data"]), *_named(card["split"])])),
        _section("Parameters", _table(_named(card["params"]))),
        _section("Lineage", _table(_named(card["lineage"]))),
    ]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def _facts(card: Json) -> list[tuple[str, Any]]:
    names = ("id", "model_type", "task", "classes", "positive_class", "aliases", "tags", "created_at")
    return [(name.replace("_", " "), card[name]) for name in names]


def _scores(card: Json) -> str:
    parts = [part for part in ("held_out", "train", "baseline") if isinstance(card["scores"].get(part), Mapping)]
    names = list(dict.fromkeys(name for part in parts for name in card["scores"][part]))
    rows = [[name, *(_score(card, part, name) for part in parts)] for name in names]
    note = "In brackets the 95 % interval of a bootstrap. baseline: what always predicting the same would score."
    return _table(rows, ("score", *(part.replace("_", "-") for part in parts))) + f'<p class="note">{note}</p>'


def _score(card: Json, part: str, name: str) -> str:
    value, interval = card["scores"][part].get(name), (card["score_intervals"].get(part) or {}).get(name)
    return _text(value) + (f" [{_text(interval[0])}, {_text(interval[1])}]" if interval else "")


def _warnings(warnings: Sequence[Json]) -> str:
    return _table([(item["code"], item["detail"]) for item in warnings]) if warnings else ""


def _importance(card: Json) -> str:
    found = card["importance"]
    if not found:
        return ""
    rows = [(item["feature"], item["value"]) for item in found["features"][:SHOWN_FEATURES]]
    return f'<p class="note">By {escape(found["method"])}.</p>' + bars(rows, title="importance of the features")


def _curves(curves: Json) -> str:
    drawn = []
    if "roc" in curves:
        points = list(zip(curves["roc"]["fpr"], curves["roc"]["tpr"], strict=True))
        drawn.append(lines([("", points)], title="ROC", x="false positive rate", y="true positive rate", diagonal=True))
    if "precision_recall" in curves:
        found = curves["precision_recall"]
        points = list(zip(found["recall"], found["precision"], strict=True))
        drawn.append(lines([("", points)], title="precision and recall", x="recall", y="precision"))
    if "learning" in curves:
        found = curves["learning"]
        series = [
            (name, [(at, loss) for at, loss in zip(found["iteration"], losses, strict=True) if loss is not None])
            for name, losses in found.items()
            if name not in ("metric", "iteration")
        ]
        drawn.append(lines(series, title="loss by iteration", x="iteration", y=found["metric"]))
    return "".join(drawn)


def _confusion(found: Json | None) -> str:
    if found is None or len(found["labels"]) > MOST_CLASSES:
        return ""
    rows = [[f"true {_text(label)}", *counts] for label, counts in zip(found["labels"], found["counts"], strict=True)]
    return _table(rows, ("", *(f"predicted {_text(label)}" for label in found["labels"])))


def _explanation(found: Json | None) -> str:
    if found is None:
        return _section("Explanation", '<p class="note">There is no explanation yet: an EXPLAIN job makes one.</p>')
    metric = found["metric"]
    permuted = [(item["feature"], item["value"] or 0.0) for item in found["permutation_importance"]["features"]]
    parts = [
        f"<p>Explanation {found['id']}: {found['rows']} rows of data set {found['dataset_id']}, "
        f"{escape(metric)} {_text(found['scores'].get(metric))}.</p>",
        f'<p class="note">How much {escape(metric)} gets worse when a feature is shuffled.</p>',
        bars(permuted[:SHOWN_FEATURES], title="permutation importance"),
        _calibration(found["calibration"]),
        "".join(map(_dependence, found["partial_dependence"][:SHOWN_CURVES])),
        _slices(found["slices"], metric),
    ]
    return _section("Explanation", "".join(parts))


def _calibration(found: Json | None) -> str:
    if found is None:
        return ""
    points = [(one["predicted"], one["observed"]) for one in found["bins"]]
    return lines([("", points)], title="calibration", x="predicted", y="observed", diagonal=True)


def _dependence(found: Json) -> str:
    if not found["grid"] or not all(isinstance(at, int | float) for at in found["grid"]):
        return ""
    series = [
        (name, [(float(at), mean) for at, mean in zip(found["grid"], means, strict=True) if mean is not None])
        for name, means in list(found["means"].items())[:4]
    ]
    return lines(series, title=f"dependence on {found['feature']}", x=found["feature"], y="mean prediction")


def _slices(columns: Sequence[Json], metric: str) -> str:
    rows = [
        (column["column"], one["value"], one["rows"], one["score"], one["interval"], "worse" if one["is_worse"] else "")
        for column in columns
        for one in column["values"]
    ]
    header = ("column", "value", "rows", metric, "95 % interval", "")
    return _table(rows[:MOST_SLICES], header) if rows else ""


def _named(facts: Json) -> list[tuple[str, Any]]:
    return [(name.replace("_", " "), value) for name, value in facts.items() if value is not None]


def _section(title: str, content: str) -> str:
    return f"<h2>{escape(title)}</h2>{content}" if content else ""


def _table(rows: Iterable[Sequence[Any]], header: Sequence[str] = ()) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(_text(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{f'<tr>{head}</tr>' if head else ''}{body}</table>"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool | str | int):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "-"
    return json.dumps(value, ensure_ascii=False)
