"""Projects: what each may use, and what it uses now. For admins."""

from flask import Response

from ml_training.api.caller import caller
from ml_training.api.context import PREFIX, resources
from ml_training.api.openapi_routes import blueprint, documented, problems
from ml_training.api.request_parameters import PageParameters
from ml_training.api.response_schemas import Cursor, ResponseSchema, Time
from ml_training.api.responses import json_response
from ml_training.domain.caller import Role
from ml_training.domain.project_changes import NewProject, ProjectChanges
from ml_training.services import projects as service

projects = blueprint("projects", "Who shares the service, and how much each may use")


class Quotas(ResponseSchema):
    """What a project may use; null: as much as the service allows."""

    pending_jobs: int | None
    running_jobs: int | None
    stored_bytes: int | None
    submissions_per_minute: int | None


class Usage(ResponseSchema):
    """What a project uses now."""

    pending_jobs: int
    running_jobs: int
    stored_bytes: int


class Project(ResponseSchema):
    """A project."""

    id: int
    name: str
    created_at: Time
    quotas: Quotas
    usage: Usage


class ProjectPage(ResponseSchema):
    """Projects, newest first."""

    items: list[Project]
    next_cursor: Cursor


@projects.post("", responses={201: Project, **problems(400, 409, 413, 415)})
@documented(Role.ADMIN, body=NewProject)
def create(body: object) -> Response:
    """Make a project."""
    made = service.create_project(resources().database, caller(), body)
    return json_response(Project.from_record(made), 201, headers={"Location": f"{PREFIX}/projects/{made.id}"})


@projects.get("", responses={200: ProjectPage})
@documented(Role.ADMIN, query=PageParameters)
def list_all(query: PageParameters) -> Response:
    """Projects, newest first."""
    return json_response(ProjectPage.from_record(service.list_projects(resources(), **query.model_dump())))


@projects.get("/<id:project_id>", responses={200: Project, **problems(404)})
@documented(Role.ADMIN, path="project_id")
def show(project_id: int) -> Response:
    """A project: its quotas, and what it uses."""
    return json_response(Project.from_record(service.get_project(resources(), project_id)))


@projects.patch("/<id:project_id>", responses={200: Project, **problems(400, 404, 413, 415)})
@documented(Role.ADMIN, path="project_id", body=ProjectChanges)
def change(project_id: int, body: object) -> Response:
    """Set quotas; null takes one away. Jobs that wait or run stay, also beyond a new quota."""
    service.get_project(resources(), project_id)
    return json_response(Project.from_record(service.set_quotas(resources().database, caller(), project_id, body)))
