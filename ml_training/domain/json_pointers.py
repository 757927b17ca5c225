"""Validation errors of pydantic as JSON pointers (RFC 6901) into the request body, one error per pointer."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ml_training.domain.errors import FieldError


def field_errors(error: ValidationError, body: object, *, prefix: str = "") -> tuple[FieldError, ...]:
    """Every error of `body`; several with the same pointer become one, such as those of a union's branches."""
    found: dict[str, list[str]] = {}
    for item in error.errors(include_url=False, include_input=False):
        context = item.get("ctx", {})
        path = [*_path(item["loc"], body, item["type"]), *_tag(item["type"], context)]
        pointer = prefix + pointer_to(*path)
        detail = _detail(item["type"], item["msg"], context)
        if detail not in found.setdefault(pointer, []):
            found[pointer].append(detail)
    return tuple(FieldError(pointer, ", or ".join(details)) for pointer, details in found.items())


def pointer_to(*parts: int | str) -> str:
    """The pointer along these keys and positions.

    >>> pointer_to("rows", 3, "a/b")
    '/rows/3/a~1b'
    """
    return "".join(f"/{_escaped(part)}" for part in parts)


def _path(loc: tuple[int | str, ...], body: object, kind: str) -> list[int | str]:
    """The parts of `loc` that lead through the body: pydantic adds the tag or branch of a union it tried."""
    path: list[int | str] = []
    here: Any = body
    for number, part in enumerate(loc):
        is_key = isinstance(here, dict) and part in here
        is_place = isinstance(here, list) and isinstance(part, int) and part < len(here)
        if is_key or is_place:
            here = here[part]
            path.append(part)
        elif kind == "missing" and number == len(loc) - 1:
            path.append(part)
    return path


def _tag(kind: str, context: Mapping[str, Any]) -> list[str]:
    """The discriminator field: pydantic reports the object that contains it."""
    return [str(context["discriminator"]).strip("'")] if kind in ("union_tag_not_found", "union_tag_invalid") else []


def _escaped(part: int | str) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _detail(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind == "extra_forbidden":
        return "unknown field: remove it or check its spelling"
    if kind == "union_tag_not_found":
        return "field required"
    if kind == "union_tag_invalid":  # pydantic's message repeats the value, however long
        return f"must be one of {context['expected_tags']}"
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
