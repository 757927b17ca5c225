"""The use cases of studies: a page of them, a page of the trials of one."""

from collections.abc import Sequence

from sqlalchemy import Connection

from ml_training.db import results, trials
from ml_training.domain.records import Study
from ml_training.domain.study_steps import Trial
from ml_training.services.queries import Page, get_result, list_results, read_page, search_page
from ml_training.services.resources import Resources


def list_studies(
    resources: Resources, *, q: str | None = None, cursor: str | None = None, limit: int | None = None
) -> Page[Study]:
    """Studies, newest first. q: the beginning of their model's name, see `search_page`."""
    if q is None:
        return list_results(resources, Study, cursor=cursor, limit=limit)
    return search_page(
        resources, results.search_studies, q, cursor, limit, name_of=lambda study: study.model_name or ""
    )


def list_trials(
    resources: Resources, study_id: int, *, cursor: str | None = None, limit: int | None = None
) -> Page[Trial]:
    """The trials of a study in their order; the cursor is the number of the last one. Raises NotFound."""
    study = get_result(resources, Study, study_id)

    def fetch(connection: Connection, *, before_id: int | None, limit: int) -> Sequence[Trial]:
        return trials.list_trials(connection, study.job_id, after=before_id or 0, limit=limit)

    return read_page(resources, fetch, cursor, limit)
