"""Adds an example to each operation and schema of the OpenAPI document; `make examples` records them from a service."""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_suffix(".json")


def add_examples(document: dict[str, Any]) -> None:
    """Change `document`: bodies, answers, parameters and named schemas get their recorded examples."""
    recorded = json.loads(FILE.read_text(encoding="utf-8"))
    for key, examples in recorded["operations"].items():
        method, path = key.split(" ")
        operation = document["paths"].get(path, {}).get(method)
        if operation is not None:
            _add_to_operation(operation, examples)
    for name, value in recorded["schemas"].items():
        if name in document["components"]["schemas"]:
            document["components"]["schemas"][name]["examples"] = [value]


def _add_to_operation(operation: dict[str, Any], examples: dict[str, Any]) -> None:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None and examples["requests"]:
        body["examples"] = _named(examples["requests"])
    form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data")
    if form is not None and examples["form"]:
        form["example"] = examples["form"]
    for status, answers in examples["responses"].items():
        for kind, content in operation["responses"].get(status, {}).get("content", {}).items():
            if kind != "text/html":  # the examples are JSON
                content["examples"] = _named(answers)
    for parameter in operation.get("parameters", []):
        if parameter["name"] in examples["parameters"]:
            parameter["example"] = examples["parameters"][parameter["name"]]


def _named(examples: dict[str, Any]) -> dict[str, Any]:
    return {name: {"value": value} for name, value in examples.items()}
