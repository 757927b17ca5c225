"""Finds an example for each named schema of an OpenAPI document inside the examples of its operations."""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from tools.api_examples.recorder import OperationExamples

Json = Any
REFERENCE = "#/components/schemas/"


class SchemaExamples:
    """Walks schemas and values side by side; the first value of each schema is its example."""

    def __init__(self, document: Json) -> None:
        self._schemas = document["components"]["schemas"]
        self.found: dict[str, Json] = {}

    def collect(self, schema: Json, value: Json) -> None:
        """Keep the values of all named schemas in this value."""
        if name := schema.get("$ref", "").removeprefix(REFERENCE):
            self.found.setdefault(name, value)
            schema = self._schemas[name]
        branches = schema.get("oneOf", []) + schema.get("anyOf", [])
        for branch in branches:
            if self._fits(branch, value):
                self.collect(branch, value)
                break
        for part in schema.get("allOf", []):
            self.collect(part, value)
        if isinstance(value, dict):
            for key, inner in value.items():
                other = schema.get("additionalProperties")
                self.collect(schema.get("properties", {}).get(key) or (other if isinstance(other, dict) else {}), inner)
        elif isinstance(value, list):
            for inner in value:
                self.collect(schema.get("items", {}), inner)

    def _fits(self, schema: Json, value: Json) -> bool:
        inside = {**schema, "components": {"schemas": self._schemas}}  # where its references lead to
        return Draft202012Validator(inside).is_valid(value)


def schema_examples(document: Json, operations: dict[str, OperationExamples]) -> dict[str, Json]:
    """{name of a schema: example}, for all that occur in the requests and answers of the operations."""
    examples = SchemaExamples(document)
    for schema, value in _bodies(document, operations):
        examples.collect(schema, value)
    return examples.found


def _bodies(document: Json, operations: dict[str, OperationExamples]) -> Iterator[tuple[Json, Json]]:
    for key, kept in operations.items():
        method, path = key.split(" ")
        operation = document["paths"][path][method]
        content = operation.get("requestBody", {}).get("content", {})
        for body in kept.requests.values():
            yield content["application/json"]["schema"], body
        for status, answers in kept.responses.items():
            for medium in operation["responses"][status]["content"].values():
                yield from ((medium["schema"], answer) for answer in answers.values())
