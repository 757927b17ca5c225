"""Adds to the OpenAPI document what depends on the settings: how many items a page may have."""

from typing import Any

from ml_training.domain.limits import Limits


def add_limits(document: dict[str, Any], limits: Limits) -> None:
    """Give the parameter `limit` of every list its largest value; the others, of previews, have one already."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query" and parameter["name"] == "limit":
                    _limit_whole_numbers(parameter["schema"], limits.page)


def _limit_whole_numbers(schema: dict[str, Any], largest: int) -> None:
    for kind in schema.get("anyOf", []):  # a page may go without a limit
        if kind["type"] == "integer":
            kind["maximum"] = largest
