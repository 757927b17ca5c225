"""Models as users handle them: download and soft delete."""

from dataclasses import dataclass
from pathlib import Path

from ml_training.db import registry
from ml_training.domain.errors import NotFound, Unavailable
from ml_training.services.core import Core
from ml_training.services.read import get_model


@dataclass(frozen=True, slots=True)
class Artifact:
    """The file of a model, verified a moment ago."""

    path: Path
    sha256: str
    size: int
    filename: str


def open_artifact(core: Core, model_id: int) -> Artifact:
    """The model's file; raises NotFound, or Unavailable when the stored bytes are not the ones that were registered."""
    model = get_model(core, model_id)
    if not core.storage.verify(model.artifact_key, model.artifact_sha256):
        raise Unavailable(
            f"the stored file of model {model_id} is damaged or gone: restore it or train the model again"
        )
    return Artifact(
        path=core.storage.path(model.artifact_key),
        sha256=model.artifact_sha256,
        size=model.artifact_bytes,
        filename=f"{model.name}-{model.version}.zip",
    )


def delete_model(core: Core, model_id: int) -> None:
    """Soft delete; raises NotFound."""
    get_model(core, model_id)
    with core.database.write() as connection:
        if not registry.mark_model_deleted(connection, model_id):
            raise NotFound(f"there is no model {model_id}")
