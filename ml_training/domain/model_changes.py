"""What users may change on a stored model: description, tags and aliases."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr, StringConstraints, ValidationError

from ml_training.domain.errors import FieldError, Invalid
from ml_training.domain.json_pointers import field_errors
from ml_training.domain.patterns import ALIAS_PATTERN
from ml_training.domain.spec_fields import Name

Alias = Annotated[StrictStr, StringConstraints(pattern=f"^{ALIAS_PATTERN}$")]


def _distinct(labels: list[str]) -> list[str]:
    if len(set(labels)) != len(labels):
        raise ValueError("names one twice: each once")
    return labels


UNIQUE = {"uniqueItems": True}
Tags = Annotated[list[Name], Field(max_length=20, json_schema_extra=UNIQUE), AfterValidator(_distinct)]
Aliases = Annotated[list[Alias], Field(max_length=10, json_schema_extra=UNIQUE), AfterValidator(_distinct)]


class ModelChanges(BaseModel):
    """Sets what is given, and leaves the rest; an alias that another version of the name holds moves here."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"minProperties": 1})

    # Factories, so that the OpenAPI document shows no defaults: a field that is not given does not change.
    description: Annotated[StrictStr, StringConstraints(max_length=2_000)] = Field(default_factory=str)
    tags: Tags = Field(default_factory=list)
    aliases: Aliases = Field(default_factory=list)

    def gives(self, field: str) -> bool:
        """Whether the request names the field."""
        return field in self.model_fields_set


def parse_changes(body: object) -> ModelChanges:
    """The changes; raises Invalid with every reason."""
    try:
        changes = ModelChanges.model_validate(body, strict=True)
    except ValidationError as error:
        raise Invalid("the changes are wrong", errors=field_errors(error, body)) from None
    if not changes.model_fields_set:
        nothing = FieldError("", f"changes nothing: give {', '.join(ModelChanges.model_fields)}")
        raise Invalid("the changes are wrong", errors=(nothing,))
    return changes
