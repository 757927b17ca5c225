"""The use cases of projects: make one, list them, set quotas. Projects are never deleted: their rows name them."""

from collections.abc import Sequence

from sqlalchemy import Connection

from ml_training.db import projects
from ml_training.db.engine import Database
from ml_training.domain.audit import AuditAction
from ml_training.domain.caller import Caller
from ml_training.domain.errors import Conflict, NotFound
from ml_training.domain.project_changes import parse_new_project, parse_project_changes
from ml_training.domain.quotas import Project
from ml_training.services.audit import audited_change
from ml_training.services.queries import Page, read_one, read_page
from ml_training.services.resources import Resources


def create_project(database: Database, caller: Caller, body: object) -> Project:
    """Store a project; raises Invalid, or Conflict when the name is taken."""
    wanted = parse_new_project(body)
    with audited_change(database, caller, AuditAction.PROJECT_CREATE) as change:
        project_id = projects.insert_project(change.connection, wanted.name, wanted.quotas.given())
        if project_id is None:
            raise Conflict(f"there is a project called {wanted.name!r} already: choose another name")
        change.subject_ids.append(project_id)
        return _existing(change.connection, project_id)


def get_project(resources: Resources, project_id: int) -> Project:
    """The project; raises NotFound."""
    return read_one(resources, projects.get_project, project_id, "project")


def find_project(database: Database, name: str) -> Project:
    """The project of this name; raises NotFound."""
    with database.read() as connection:
        found = projects.find_project(connection, name)
    if found is None:
        raise NotFound(f"there is no project called {name!r}: ml-training projects list shows them")
    return found


def list_projects(resources: Resources, *, cursor: str | None = None, limit: int | None = None) -> Page[Project]:
    """Projects, newest first."""
    return read_page(resources, projects.list_projects, cursor, limit)


def all_projects(database: Database, *, limit: int) -> Sequence[Project]:
    """The newest projects."""
    with database.read() as connection:
        return projects.list_projects(connection, before_id=None, limit=limit)


def set_quotas(database: Database, caller: Caller, project_id: int, body: object) -> Project:
    """Set the quotas that are given; raises Invalid or NotFound. What a project has beyond a new quota stays."""
    changes = parse_project_changes(body)
    with audited_change(database, caller, AuditAction.PROJECT_CHANGE, project_id) as change:
        projects.set_quotas(change.connection, project_id, changes.quotas.given())
        return _existing(change.connection, project_id)


def _existing(connection: Connection, project_id: int) -> Project:
    found = projects.get_project(connection, project_id)
    if found is None:
        raise NotFound(f"there is no project {project_id}")
    return found
