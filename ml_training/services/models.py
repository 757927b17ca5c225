"""The use cases of a stored model: download, describe, set aliases, show its spec, delete."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from ml_training.db import results
from ml_training.db.aliases import drop_aliases, list_alias_moves, set_aliases
from ml_training.db.job_models import uses_model
from ml_training.domain.audit import AuditAction
from ml_training.domain.caller import Role
from ml_training.domain.errors import Conflict, NotFound
from ml_training.domain.model_changes import parse_changes
from ml_training.domain.records import AliasMove, Json, Model
from ml_training.selection.schema import ModelSchema
from ml_training.services.audit import audited_change
from ml_training.services.ownership import require_owner, require_role
from ml_training.services.queries import get_model
from ml_training.services.resources import Resources
from ml_training.services.stored_files import Download, StoredFile, open_stored
from ml_training.storage.base import StoredObject


def open_artifact(resources: Resources, model_id: int) -> AbstractContextManager[StoredFile]:
    """The model's file, closed at the end of the block.

    Raises NotFound, or Unavailable when the stored bytes are not the ones that were registered.
    """
    return open_stored(resources, artifact_download(resources, model_id))


def artifact_download(resources: Resources, model_id: int) -> Download:
    """The model's file as it is offered; raises NotFound."""
    model = get_model(resources, model_id)
    return Download(
        stored=StoredObject(model.artifact_key, model.artifact_sha256, model.artifact_bytes),
        filename=f"{model.name}-{model.version}.zip",
        media_type="application/zip",
        damaged=f"the stored file of model {model_id} is damaged or gone: restore it or train the model again",
    )


def train_spec(resources: Resources, model_id: int) -> Json:
    """The spec that trained the model: submitted again, it trains the same model; raises NotFound."""
    model = get_model(resources, model_id)
    spec: Json = model.lineage["spec"]
    if spec.get("features") != "auto" or "warnings" in model.details or "schema" not in model.details:
        return spec
    # Trained before columns that look like ids were left out of `auto`: the same model needs the same columns.
    features = ModelSchema.of(model).features
    return {**spec, "features": [feature.name for feature in features if feature.window is None]}


def change_model(resources: Resources, model_id: int, body: object) -> Model:
    """Set what `body` gives of description, tags and aliases, all or nothing.

    Raises Invalid, NotFound, or Forbidden: others read an alias, so only an operator moves one.
    """
    changes = parse_changes(body)
    model = get_model(resources, model_id)
    name = model.name
    require_owner(resources.caller, model.created_by, f"model {model_id}")
    if changes.gives("aliases"):
        require_role(resources.caller, Role.OPERATOR, "to change aliases")
    with audited_change(resources.database, resources.caller, AuditAction.MODEL_CHANGE, model_id) as change:
        connection = change.connection
        if changes.gives("aliases"):
            results.lock_name(connection, name)
        if not results.lock_models(connection, [model_id], alone=True):
            raise _gone(model_id)
        results.describe_model(connection, model_id, **changes.model_dump(exclude_unset=True, exclude={"aliases"}))
        if changes.gives("aliases"):
            aliases, by = changes.aliases, resources.caller.key_id
            set_aliases(connection, name=name, model_id=model_id, version=model.version, aliases=aliases, by=by)
        changed = results.get_model(connection, model_id)
    if changed is None:  # cannot be: the row has been locked
        raise _gone(model_id)
    return changed


def alias_history(resources: Resources, model_id: int) -> Sequence[AliasMove]:
    """Where the aliases of the model's name have pointed to, newest first; raises NotFound."""
    name = get_model(resources, model_id).name
    with resources.database.read() as connection:
        return list_alias_moves(connection, name)


def delete_model(resources: Resources, model_id: int) -> None:
    """Soft delete, its aliases too.

    Raises NotFound, Forbidden (another key made it), or Conflict while a job that has not ended needs the model.
    """
    model = get_model(resources, model_id)
    require_owner(resources.caller, model.created_by, f"model {model_id}")
    with audited_change(resources.database, resources.caller, AuditAction.MODEL_DELETE, model_id) as change:
        connection = change.connection
        if not results.lock_models(connection, [model_id], alone=True):
            raise _gone(model_id)
        if uses_model(connection, model_id):
            raise Conflict(f"a job that has not ended needs model {model_id}: wait for it or cancel it")
        results.mark_model_deleted(connection, model_id)
        drop_aliases(connection, name=model.name, model_id=model_id, by=resources.caller.key_id)


def _gone(model_id: int) -> NotFound:
    return NotFound(f"there is no model {model_id}")
