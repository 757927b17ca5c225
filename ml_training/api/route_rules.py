"""The rule of each route, which says who may call it; declared where the route is defined, checked when an app is made.

A route without a rule stops the start: what nobody thought about is not open.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from flask import Flask

from ml_training.domain.caller import Role

EVERYONE: Final = None  # the rule of a route that needs no key
RULE = "required_role"
SCHEME = "apiKey"
ViewT = TypeVar("ViewT", bound=Callable[..., Any])


class MissingRule(Exception):
    """A route does not say who may call it."""


def allow(role: Role | None) -> Callable[[ViewT], ViewT]:
    """Set the rule of a view function: the least role that it needs, or EVERYONE."""

    def mark(view: ViewT) -> ViewT:
        setattr(view, RULE, role)
        return view

    return mark


def rules_of(app: Flask) -> Mapping[str, Role | None]:
    """The rule of every endpoint; raises MissingRule with all endpoints that have none."""
    missing = sorted(name for name, view in app.view_functions.items() if not hasattr(view, RULE))
    if missing:
        raise MissingRule(f"these routes do not say who may call them: {', '.join(missing)}")
    return {name: getattr(view, RULE) for name, view in app.view_functions.items()}


def add_rules(document: dict[str, Any], rules: Mapping[tuple[str, str], Role | None]) -> None:
    """Tell in an OpenAPI document which role each operation needs; rules: by (method, path), as `add_rules` reads them.

    Each operation gets `security`, and one that is not open to everyone the answers 401 and 403 and `x-required-role`.
    """
    document["components"]["securitySchemes"] = {
        SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "mlt_<id>_<secret>",
            "description": "an API key; a service without keys that listens on loopback is open",
        }
    }
    refused = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for (method, path), role in rules.items():
        operation = document["paths"].get(path, {}).get(method.lower())
        if operation is None:
            continue
        operation["security"] = [] if role is EVERYONE else [{SCHEME: []}]
        if role is not EVERYONE:
            operation["x-required-role"] = role.value
            operation["responses"] |= {
                "401": {"description": "No valid key", **refused},
                "403": {"description": "The key's role does not allow it", **refused},
                "429": operation["responses"].get("429", {"description": "Too many requests", **refused}),
            }
