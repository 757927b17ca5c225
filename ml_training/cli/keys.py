"""The commands for API keys. They work on the database itself, so that the first key needs no key."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ml_training.cli.command_database import command_database
from ml_training.cli.result_printer import AsJson, result_printer
from ml_training.cli.service import Limit
from ml_training.domain.caller import Role

if TYPE_CHECKING:
    from ml_training.domain.api_keys import StoredKey

EXPIRES = "When it expires: a number of days such as 90d, or a time such as 2027-01-31T12:00:00+00:00."
keys = typer.Typer(invoke_without_command=True)


@keys.callback()
def list_keys(context: typer.Context, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List API keys, the newest first, or make and revoke them, in the database of this machine.

    Example: ml-training keys --limit 10
    """
    if context.invoked_subcommand is None:
        list_all(limit, as_json)


@keys.command()
def create(
    name: Annotated[str, typer.Option("--name", help="Who or what will use it.")],
    role: Annotated[Role, typer.Option("--role", help="What it may do; each role may also do what those before may.")],
    project: Annotated[str, typer.Option("--project", help="The project that it belongs to.")] = "default",
    expires: Annotated[str | None, typer.Option("--expires", help=EXPIRES)] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it: nobody can read it again. The first key closes the service.

    Example: ml-training keys create --role submitter --name nightly --expires 90d
    """
    expires_at = None if expires is None else _time(expires)
    with result_printer(as_json) as printer, command_database() as database:
        from ml_training.domain.caller import SERVICE
        from ml_training.services.keys import create_key

        made = create_key(database, SERVICE, name=name, role=role, project=project, expires_at=expires_at)
        printer.document({**_shown(made), "key": made.key})
        printer.line(made.key)


@keys.command("list")
def list_all(limit: Limit = 50, as_json: AsJson = False) -> None:
    """List keys, newest first; their secrets are not stored.

    Example: ml-training keys list
    """
    with result_printer(as_json) as printer, command_database() as database:
        from ml_training.db.keys import list_keys

        with database.read() as connection:
            found = [_shown(key) for key in list_keys(connection, before_id=None, limit=limit)]
        printer.document({"items": found})
        fields = ("id", "name", "role", "expires_at", "last_used_at", "revoked_at")
        printer.table(fields, [[key[name] for name in fields] for key in found])


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the key: mlt_<id>_<secret>.")],
    as_json: AsJson = False,
) -> None:
    """Revoke a key for good; within about a second no process accepts it.

    Example: ml-training keys revoke 0123456789ab
    """
    with result_printer(as_json) as printer, command_database() as database:
        from ml_training.domain.caller import SERVICE
        from ml_training.services.keys import revoke_key

        revoke_key(database, SERVICE, key_id)
        printer.document({"revoked": key_id})
        printer.line(f"key {key_id} is revoked")


def _time(text: str) -> float:
    """Unix seconds of `90d` from now, or of a time with its offset."""
    try:
        if text.endswith("d"):
            return (datetime.now(UTC) + timedelta(days=int(text[:-1]))).timestamp()
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(EXPIRES, param_hint="--expires") from error
    if found.tzinfo is None:
        raise typer.BadParameter(f"{EXPIRES} With its offset, such as +00:00.", param_hint="--expires")
    return found.timestamp()


def _shown(key: "StoredKey") -> dict[str, Any]:
    return {
        "id": key.key_id,
        "name": key.name,
        "role": key.role.value,
        "project_id": key.project_id,
        **{name: _text(getattr(key, name)) for name in ("created_at", "expires_at", "revoked_at", "last_used_at")},
    }


def _text(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
