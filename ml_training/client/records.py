"""The base of what the client returns: frozen values with the fields of the service's answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from ml_training.client.errors import Json

if TYPE_CHECKING:
    from ml_training.client.client import Client

OWN = frozenset({"data", "client"})


@dataclass(frozen=True, kw_only=True)
class Record:
    """A thing of the service, as it was when it was read.

    data: the whole answer, with fields that this version of the client does not know; client: who read it.
    """

    id: int
    data: Mapping[str, Any] = field(repr=False, compare=False)
    client: "Client" = field(repr=False, compare=False)

    @classmethod
    def read(cls, client: "Client", answer: Json) -> Self:
        """The record of an answer; a field that an older service does not send is None."""
        values = {name: _value(name, answer.get(name)) for name in field_names(cls)}
        return cls(**values, data=answer, client=client)


def field_names(record: type[Record]) -> tuple[str, ...]:
    """The fields that are read from an answer."""
    return tuple(item.name for item in fields(record) if item.name not in OWN)


def _value(name: str, value: Any) -> Any:
    if name.endswith("_at") and isinstance(value, str):
        return datetime.fromisoformat(value)
    return value
