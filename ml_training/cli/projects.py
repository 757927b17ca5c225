"""The commands for projects: create, list, set. They work on the database of the settings, so they need no running API.

The functions import what they need: the other commands start without a database library.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ml_training.cli.command_database import command_database
from ml_training.cli.result_printer import AsJson, ResultPrinter, result_printer
from ml_training.cli.service import Limit

if TYPE_CHECKING:
    from ml_training.domain.quotas import Project

UNLIMITED = -1
COLUMNS = ("id", "name", "pending", "running", "stored bytes", "a minute")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the project.")]
Pending = Annotated[int | None, typer.Option(min=-1, help="The most jobs that wait; -1: no quota.")]
Running = Annotated[int | None, typer.Option(min=-1, help="The most jobs that run at once; -1: no quota.")]
Stored = Annotated[int | None, typer.Option(min=-1, help="The most bytes that it stores; -1: no quota.")]
PerMinute = Annotated[int | None, typer.Option(min=-1, help="The most jobs submitted in 60 seconds; -1: no quota.")]
projects = typer.Typer(invoke_without_command=True)


@projects.callback()
def list_or_change(context: typer.Context, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List the projects that share the service, the newest first, or make them and set how much each may use.

    Example: ml-training projects --limit 10
    """
    if context.invoked_subcommand is None:
        list_projects(limit, as_json)


@projects.command("create")
def create_project(
    name: Name,
    pending_jobs: Pending = None,
    running_jobs: Running = None,
    stored_bytes: Stored = None,
    submissions_per_minute: PerMinute = None,
    as_json: AsJson = False,
) -> None:
    """Make a project.

    Example: ml-training projects create marketing --running-jobs 4
    """
    quotas = _quotas(pending_jobs, running_jobs, stored_bytes, submissions_per_minute)
    with result_printer(as_json) as printer, command_database() as database:
        from ml_training.domain.caller import SERVICE
        from ml_training.services.projects import create_project

        _print(printer, create_project(database, SERVICE, {"name": name, "quotas": quotas}))


@projects.command("list")
def list_projects(limit: Limit = 100, as_json: AsJson = False) -> None:
    """List projects, the newest first: what each uses, and of how much.

    Example: ml-training projects list
    """
    with result_printer(as_json) as printer, command_database() as database:
        from ml_training.services.projects import all_projects

        found = all_projects(database, limit=limit)
        printer.document({"items": [asdict(project) for project in found]})
        printer.table(COLUMNS, [_row(project) for project in found])


@projects.command("set")
def set_quotas(
    name: Name,
    pending_jobs: Pending = None,
    running_jobs: Running = None,
    stored_bytes: Stored = None,
    submissions_per_minute: PerMinute = None,
    as_json: AsJson = False,
) -> None:
    """Set quotas of a project; those that are not given stay.

    Example: ml-training projects set marketing --pending-jobs 100 --running-jobs -1
    """
    quotas = _quotas(pending_jobs, running_jobs, stored_bytes, submissions_per_minute)
    with result_printer(as_json) as printer, command_database() as database:
        from ml_training.domain.caller import SERVICE
        from ml_training.services.projects import find_project, set_quotas

        _print(printer, set_quotas(database, SERVICE, find_project(database, name).id, {"quotas": quotas}))


def _quotas(pending: int | None, running: int | None, stored: int | None, per_minute: int | None) -> dict[str, Any]:
    """The quotas that the options give; -1 takes one away."""
    given = {
        "pending_jobs": pending,
        "running_jobs": running,
        "stored_bytes": stored,
        "submissions_per_minute": per_minute,
    }
    return {name: None if value == UNLIMITED else value for name, value in given.items() if value is not None}


def _print(printer: ResultPrinter, project: "Project") -> None:
    printer.document(asdict(project))
    printer.table(COLUMNS, [_row(project)])


def _row(project: "Project") -> list[object]:
    used, quotas = project.usage, project.quotas
    return [
        project.id,
        project.name,
        _of(used.pending_jobs, quotas.pending_jobs),
        _of(used.running_jobs, quotas.running_jobs),
        _of(used.stored_bytes, quotas.stored_bytes),
        "" if quotas.submissions_per_minute is None else quotas.submissions_per_minute,
    ]


def _of(used: int, quota: int | None) -> str:
    return f"{used:,}" if quota is None else f"{used:,} of {quota:,}"
