"""The document at /openapi.json is valid, complete and true; the page at /docs needs nothing from outside."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from ml_training.api.request_hooks import template_of
from ml_training.api.request_parameters import MODEL_LABELS
from ml_training.domain.errors import ErrorCode
from ml_training.settings import Settings

METHODS = {"get", "post", "put", "patch", "delete"}
NAMED_IN_BODIES = {("POST", "/api/v1/datasets")}  # a stored file that its body names can be unknown
API_PAGE = Path(__file__).parents[3] / "docs" / "api.md"


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    """The document, as served."""
    response = client.get("/openapi.json")
    assert response.mimetype == "application/json"
    found: dict[str, Any] = response.json
    return found


def routes_of(app: Flask) -> set[tuple[str, str]]:
    """Every route of the API as (method, template); documentation and console are left out."""
    return {
        (method, template_of(rule) or "")
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
        if not rule.endpoint.startswith(("docs.", "console."))
    }


def operations_of(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Every documented operation by (method, template)."""
    return {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def test_the_document_is_valid_openapi_31(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document, cls=OpenAPIV31SpecValidator)


def test_every_route_is_documented_and_every_documented_route_exists(app: Flask, document: dict[str, Any]) -> None:
    assert set(operations_of(document)) == routes_of(app)


def test_all_routes_except_documentation_and_console_are_below_api_v1(app: Flask) -> None:
    assert all(path.startswith("/api/v1/") for _, path in routes_of(app))


def test_the_api_page_lists_every_route(app: Flask) -> None:
    page = API_PAGE.read_text(encoding="utf-8")
    missing = [f"{method} {path}" for method, path in sorted(routes_of(app)) if f"`{method} {path}`" not in page]
    assert missing == []


def test_the_api_page_names_no_route_that_does_not_exist(app: Flask) -> None:
    named = set(re.findall(r"`([A-Z]+) (/api/v1/[^`]*)`", API_PAGE.read_text(encoding="utf-8")))
    assert named <= routes_of(app)


def test_the_api_page_lists_every_error_code_of_a_job() -> None:
    page = API_PAGE.read_text(encoding="utf-8")
    assert [code.value for code in ErrorCode if f"`{code.value}`" not in page] == []


def test_every_operation_has_a_summary_an_own_id_and_says_how_it_fails(document: dict[str, Any]) -> None:
    operations = operations_of(document).values()
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert operation["summary"].endswith(".")
        failures = {code for code in operation["responses"] if int(code) >= 400}
        assert {"422", "500", "503"} <= failures
        assert all(list(operation["responses"][code]["content"]) == ["application/problem+json"] for code in failures)


def test_the_ranges_of_numbers_are_documented(document: dict[str, Any], settings: Settings) -> None:
    ranges: dict[str, set[tuple[int, int]]] = {}
    for operation in operations_of(document).values():
        for parameter in operation.get("parameters", []):
            kinds = parameter["schema"].get("anyOf", [parameter["schema"]])
            for kind in (kind for kind in kinds if kind.get("type") == "integer" and parameter["in"] != "path"):
                ranges.setdefault(parameter["name"], set()).add((kind["minimum"], kind["maximum"]))
    assert ranges == {
        "limit": {(1, settings.limits.page), (1, 200)},
        "wait": {(0, 60)},
        "after": {(0, 999_999_999)},
        "dataset_id": {(1, 999_999_999)},
        "parent_id": {(1, 999_999_999)},
        "Last-Event-ID": {(0, 999_999_999)},
        "Upload-Length": {(0, 1 << 40)},
        "Upload-Offset": {(0, 1 << 40)},
    }


def test_an_event_of_a_stream_is_documented(document: dict[str, Any]) -> None:
    answer = operations_of(document)["GET", "/api/v1/jobs/{job_id}/events"]["responses"]["200"]["content"]
    properties = answer["text/event-stream"]["schema"]["properties"]
    assert properties["event"]["enum"] == ["progress", "scores", "log", "end"]
    assert properties["data"]["type"] == "string"


def test_every_id_in_a_path_is_documented_and_can_be_unknown(document: dict[str, Any]) -> None:
    for (method, path), operation in operations_of(document).items():
        in_path = [item["name"] for item in operation.get("parameters", []) if item["in"] == "path"]
        assert in_path == re.findall(r"{(\w+)}", path)
        assert ("404" in operation["responses"]) == (bool(in_path) or (method, path) in NAMED_IN_BODIES)


def test_bodies_are_documented_with_the_closed_models_that_check_them(document: dict[str, Any]) -> None:
    operations = operations_of(document)
    job = operations["POST", "/api/v1/jobs"]["requestBody"]["content"]["application/json"]["schema"]
    spec = document["components"]["schemas"][job["$ref"].rsplit("/")[-1]]
    kinds = spec["discriminator"]["mapping"]
    assert set(kinds) == {"TRAIN", "TEST", "COMPARE", "PREDICT", "EXPLAIN", "DRIFT", "TUNE"}
    for reference in kinds.values():
        assert document["components"]["schemas"][reference.rsplit("/")[-1]]["additionalProperties"] is False
    upload = operations["POST", "/api/v1/datasets"]["requestBody"]["content"]
    assert set(upload) == {"multipart/form-data", "application/json"}
    assert upload["multipart/form-data"]["schema"]["required"] == ["name", "file"]


def test_every_operation_and_every_schema_has_an_example(document: dict[str, Any]) -> None:
    for (method, path), operation in operations_of(document).items():
        for medium in operation.get("requestBody", {}).get("content", {}).values():
            assert "example" in medium or medium["examples"], (method, path)
        for parameter in operation.get("parameters", []):
            optional = {"cursor", "Last-Event-ID"}  # their values come from an earlier answer
            assert "example" in parameter or parameter["name"] in optional, (method, path, parameter["name"])
        for status, answer in operation["responses"].items():
            for kind, medium in answer.get("content", {}).items():
                assert int(status) >= 400 or kind != "application/json" or medium["examples"], (method, path, status)
    schemas = document["components"]["schemas"]
    assert [name for name, schema in schemas.items() if not schema.get("examples")] == []


def test_the_idempotency_key_is_documented(document: dict[str, Any]) -> None:
    parameters = operations_of(document)["POST", "/api/v1/jobs"]["parameters"]
    assert sorted((item["in"], item["name"], item["required"]) for item in parameters) == [
        ("header", "Idempotency-Key", False),
        ("query", "dry_run", False),
    ]


def test_the_labels_of_the_job_filter_are_those_of_the_metrics() -> None:
    assert MODEL_LABELS[-2:] == ["mixed", "none"]
    assert "lightgbm" in MODEL_LABELS


def test_the_docs_page_loads_only_from_this_server(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert page.mimetype == "text/html"
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) == 4
    for link in links:
        assert link.startswith("/docs/")
        with client.get(link) as asset:
            assert asset.status_code == 200
            assert len(asset.data) > 50


def test_the_policy_of_the_docs_page_lets_its_scripts_run_and_nothing_foreign(client: FlaskClient) -> None:
    page = client.get("/docs")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert re.findall(r"<script(?! src=)", page.text) == []  # an inline script would be blocked
    assert '"/openapi.json"' in client.get("/docs/start.js").text


@pytest.mark.parametrize(
    "path", ["/docs/assets/../../__init__.py", "/docs/assets/%2e%2e/%2e%2e/plugins.py", "/docs/assets//etc/passwd"]
)
def test_the_docs_serve_no_other_file(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("name", ["x" * 300, "x/" * 2_040, "%00", "x" * 300 + "/y.js"])
def test_a_name_that_no_file_can_have_is_not_found(client: FlaskClient, name: str) -> None:
    assert client.get(f"/docs/assets/{name}").status_code == 404
    assert client.get(f"/console/{name}").status_code in (200, 404)  # what is no file is the address of a page
