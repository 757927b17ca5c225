"""Validation errors of pydantic as JSON pointers (RFC 6901) into the request body, one error per pointer.

The messages speak of JSON, not of Python: what is expected, in which form, and what was probably meant.
"""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from ml_training.domain.errors import FieldError
from ml_training.domain.near_misses import MOST_SEARCHES, did_you_mean
from ml_training.domain.patterns import PATTERN_HINTS

QUOTED = re.compile(r"'([^']*)'")
QUOTED_JSON = re.compile(r'"([^"]*)"')
NO_NAMES: Mapping[str, Collection[str]] = {}
NO_FORMS: Mapping[str, str] = {}
MOST_READ = 2_000  # errors of one body: more are not put into words
OBJECT_KINDS = frozenset({"dict_type", "model_type", "model_attributes_type", "mapping_type", "dataclass_type"})
KINDS = {
    "missing": "field required",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "finite_number": "must be a finite number",
    "none_required": "must be null",
    "timezone_aware": "must say its time zone, such as 2026-01-31T12:00:00Z",
}
BOUNDS = {
    "greater_than": ("must be above {}", "gt"),
    "greater_than_equal": ("must be at least {}", "ge"),
    "less_than": ("must be below {}", "lt"),
    "less_than_equal": ("must be at most {}", "le"),
    "string_too_short": ("must have at least {} characters", "min_length"),
    "string_too_long": ("must have at most {} characters", "max_length"),
    "too_short": ("must have at least {} items", "min_length"),
    "too_long": ("must have at most {} items", "max_length"),
}


def field_errors(
    error: ValidationError,
    body: object,
    *,
    prefix: str = "",
    names: Mapping[str, Collection[str]] = NO_NAMES,
    forms: Mapping[str, str] = NO_FORMS,
    searches: int = MOST_SEARCHES,
) -> tuple[FieldError, ...]:
    """The errors of `body`, at most MOST_READ; several with the same pointer become one, as of a union.

    names: the fields that an object may have, by its pointer without the prefix; forms: what the object looks like, as
    JSON. With both, an error says what was probably meant, of the first `searches` unknown fields.
    """
    found: dict[str, list[str]] = {}
    unknown = MOST_SEARCHES - searches
    for item in error.errors(include_url=False, include_input=False):
        if len(found) == MOST_READ:
            break
        context, kind = item.get("ctx", {}), item["type"]
        path = [*_path(item["loc"], body, kind), *_tag(kind, context)]
        pointer = pointer_to(*path)
        detail = _detail(kind, item["msg"], context, forms.get(pointer))
        if kind == "extra_forbidden":
            unknown += 1
            known = names.get(pointer_to(*path[:-1]), ()) if unknown <= MOST_SEARCHES else ()
            detail = f"unknown field{did_you_mean(str(path[-1]), known) or ': remove it or check its spelling'}"
        elif detail.startswith("must be one of") and isinstance(value := _value(path, body), str):
            detail += did_you_mean(value, QUOTED_JSON.findall(detail))
        if detail not in found.setdefault(prefix + pointer, []):
            found[prefix + pointer].append(detail)
    # A list with a wrong item is meant to be a list: that it might have been one word instead is no help.
    inside = {pointer.rpartition("/")[0] for pointer in found}
    return tuple(
        FieldError(pointer, ", or ".join(details))
        for pointer, details in found.items()
        if not (pointer in inside and all(detail.startswith('must be "') for detail in details))
    )


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


def _value(path: list[int | str], body: object) -> object:
    here: Any = body
    for part in path:
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            return None
    return here


def _tag(kind: str, context: Mapping[str, Any]) -> list[str]:
    """The discriminator field: pydantic reports the object that contains it."""
    return [str(context["discriminator"]).strip("'")] if kind in ("union_tag_not_found", "union_tag_invalid") else []


def _escaped(part: int | str) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _detail(kind: str, message: str, context: Mapping[str, Any], form: str | None) -> str:
    if kind == "union_tag_not_found":
        return "field required"
    if kind in ("union_tag_invalid", "literal_error", "enum"):  # pydantic's message may repeat the value, however long
        return _one_of(QUOTED.findall(str(context.get("expected_tags") or context.get("expected"))), message)
    if kind in OBJECT_KINDS:
        return f"must be an object{f', such as {form}' if form else ''}"
    if kind == "string_pattern_mismatch":
        return PATTERN_HINTS.get(str(context["pattern"]), f"must match {context['pattern']}")
    if kind in ("too_short", "string_too_short") and context["min_length"] == 1:
        return "must not be empty"
    if kind in BOUNDS:
        text, bound = BOUNDS[kind]
        return text.format(f"{context[bound]:,}" if isinstance(context[bound], int) else f"{context[bound]:g}")
    if kind in KINDS:
        return KINDS[kind]
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _one_of(allowed: list[str], message: str) -> str:
    if not allowed:
        return message[:1].lower() + message[1:]
    shown = ", ".join(json.dumps(value, ensure_ascii=False) for value in allowed)
    return f"must be one of {shown}" if len(allowed) > 1 else f"must be {shown}"
