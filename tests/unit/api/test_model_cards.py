"""The card of a model: JSON as documented, or one page that runs and loads nothing and shows no markup of users."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from flask.testing import FlaskClient

from ml_training.services.resources import Resources
from tests.support.api import documented_body, ready_dataset, stored_explanation, stored_model

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"


@pytest.fixture
def model_id(resources: Resources) -> int:
    """A model whose texts are all hostile."""
    dataset_id = ready_dataset(resources)
    spec = {"target": {"column": HOSTILE}, "params": {"n_estimators": 5}, "phases": [HOSTILE]}
    curve = {"fpr": [0.0, 0.5, 1.0], "tpr": [0.0, 0.9, 1.0]}
    details = {
        "classes": [HOSTILE, "b"],
        "rows": {"train": 8, "held_out": 2},
        "importance": {"method": "gain", "features": [{"feature": HOSTILE, "value": 3.5, "splits": 2}]},
        "confusion_matrix": {"labels": [HOSTILE, "b"], "counts": [[1, 0], [0, 1]]},
        "curves": {"roc": curve, "learning": {"metric": "rmse", "iteration": [1, 2], "train": [2.0, None]}},
        "score_intervals": {"held_out": {"accuracy": [0.5, 1.0]}},
        "warnings": [{"code": "leak_feature", "pointer": "/features", "detail": HOSTILE}],
    }
    facts: dict[str, Any] = {"scores": {"held_out": {"accuracy": 0.8}}, "lineage": {"spec": spec}, "details": details}
    made = stored_model(resources, dataset_id=dataset_id, job_id=100, **facts)
    stored_explanation(resources, model_id=made, dataset_id=dataset_id, job_id=101)
    return made


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, Any]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_card_is_json_as_documented(client: FlaskClient, model_id: int) -> None:
    answer = client.get(f"/api/v1/models/{model_id}/card")
    card = documented_body(client, "/models/{model_id}/card", answer)
    assert card["score_intervals"] == {"held_out": {"accuracy": [0.5, 1.0]}}
    assert card["split"]["target"] == {"column": HOSTILE}
    assert card["explanation"]["permutation_importance"]["features"][0]["feature"] == "x"
    assert answer.headers["Vary"] == "Accept"
    assert client.get("/api/v1/models/999/card").status_code == 404


def test_the_page_runs_nothing_and_loads_nothing(client: FlaskClient, model_id: int) -> None:
    answer = client.get(f"/api/v1/models/{model_id}/card", headers={"Accept": "text/html"})
    assert answer.mimetype == "text/html"
    tags = Tags()
    tags.feed(answer.text)
    used = {tag for tag, _ in tags.found}
    assert used <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "tr", "th", "td"),
        *("svg", "rect", "text", "path", "polyline"),
    }
    for _, attributes in tags.found:
        assert not {"src", "href", "style"}.intersection(attributes)
        assert not any(name.startswith("on") for name in attributes)
    assert HOSTILE not in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "[0.5, 1]" in answer.text, "scores have their intervals"


def test_a_model_of_an_older_version_has_a_card_too(client: FlaskClient, resources: Resources) -> None:
    model_id = stored_model(resources, dataset_id=ready_dataset(resources), job_id=200)
    assert client.get(f"/api/v1/models/{model_id}/card").status_code == 200
    page = client.get(f"/api/v1/models/{model_id}/card", headers={"Accept": "text/html,*/*;q=0.8"}).text
    assert not re.search(r"\b(nan|inf|None)\b", page)
