"""The use case of a stored explanation that is not one of all results: delete it."""

from ml_training.db import results
from ml_training.domain.audit import AuditAction
from ml_training.domain.errors import NotFound
from ml_training.domain.records import Explanation
from ml_training.services.audit import audited_change
from ml_training.services.ownership import require_owner
from ml_training.services.queries import get_result
from ml_training.services.resources import Resources


def delete_explanation(resources: Resources, explanation_id: int) -> None:
    """Soft delete; raises NotFound, or Forbidden when another key made it."""
    found = get_result(resources, Explanation, explanation_id)
    require_owner(resources.caller, found.created_by, f"explanation {explanation_id}")
    action = AuditAction.EXPLANATION_DELETE
    with audited_change(resources.database, resources.caller, action, explanation_id) as change:
        if not results.mark_result_deleted(change.connection, Explanation, explanation_id):
            raise NotFound(f"there is no explanation {explanation_id}")
