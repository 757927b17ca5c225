"""The card of a model: JSON, or one HTML page."""

from typing import Any

from flask import Response, request
from pydantic import AliasPath, Field

from ml_training.api.card_page import POLICY, card_page
from ml_training.api.context import resources
from ml_training.api.models import models
from ml_training.api.openapi_routes import documented, problems
from ml_training.api.response_schemas import ResponseSchema, Time
from ml_training.api.responses import JSON, json_response
from ml_training.domain.caller import Role
from ml_training.services.model_cards import model_card

__all__ = ["ModelCard", "models"]  # who registers the models gets the route of their cards too

HTML = "text/html"


def _of_model(name: str) -> Any:
    return Field(validation_alias=AliasPath("model", name))


class ModelCard(ResponseSchema):
    """What is known about a model, from stored facts only."""

    id: int = _of_model("id")
    name: str = _of_model("name")
    version: int = _of_model("version")
    model_type: str = _of_model("model_type")
    task: str = _of_model("task")
    description: str = _of_model("description")
    tags: list[str] = _of_model("tags")
    aliases: list[str] = _of_model("aliases")
    created_at: Time = _of_model("created_at")
    classes: list[Any] | None
    positive_class: Any
    scores: dict[str, Any]
    score_intervals: dict[str, Any] = Field(description="95 % intervals by part; empty for models of older versions")
    rows: dict[str, Any]
    data: dict[str, Any] = Field(description="data set: id, name, version, SHA-256")
    split: dict[str, Any] = Field(description="target, window, phases, validation")
    params: dict[str, Any]
    importance: dict[str, Any] | None = Field(description="the most important features")
    confusion_matrix: dict[str, Any] | None
    curves: dict[str, Any]
    warnings: list[dict[str, Any]] = Field(description="what the data said against the training")
    explanation: dict[str, Any] | None = Field(description="the newest one, in short")
    lineage: dict[str, Any] = Field(description="seed, library versions, code revision")


_SCHEMAS: dict[str, Any] = {
    JSON: {"schema": ModelCard.model_json_schema(by_alias=False, mode="serialization")},
    HTML: {"schema": {"type": "string"}},
}


@models.get("/<id:model_id>/card", responses={200: {"content": _SCHEMAS}, **problems(404)})
@documented(Role.VIEWER, path="model_id")
def card(model_id: int) -> Response:
    """What is known about a model: JSON, or with `Accept: text/html` one page that needs nothing else."""
    answer = json_response(ModelCard.from_record(model_card(resources(), model_id)))
    if request.accept_mimetypes.best_match([JSON, HTML]) == HTML:
        page = card_page(answer.get_json())
        answer = Response(page, mimetype=HTML, headers={"Content-Security-Policy": POLICY})
    answer.headers["Vary"] = "Accept"
    return answer
