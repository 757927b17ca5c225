"""The use case of a stored drift report that is not one of all results: delete it."""

from ml_training.db import results
from ml_training.domain.audit import AuditAction
from ml_training.domain.errors import NotFound
from ml_training.domain.records import DriftReport
from ml_training.services.audit import audited_change
from ml_training.services.ownership import require_owner
from ml_training.services.queries import get_result
from ml_training.services.resources import Resources


def delete_drift_report(resources: Resources, report_id: int) -> None:
    """Soft delete; the model keeps the number. Raises NotFound, or Forbidden when another key made it."""
    found = get_result(resources, DriftReport, report_id)
    require_owner(resources.caller, found.created_by, f"drift report {report_id}")
    action = AuditAction.DRIFT_REPORT_DELETE
    with audited_change(resources.database, resources.caller, action, report_id) as change:
        if not results.mark_result_deleted(change.connection, DriftReport, report_id):
            raise NotFound(f"there is no drift report {report_id}")
