"""The verbs about this machine: up, migrate, doctor.

They import what they need themselves: the other verbs should not wait a second for a database library.
"""

from typing import Annotated

import typer

from ml_training.cli.result_printer import AsJson, Failed, answering
from ml_training.settings import read_settings


def up(
    sample: Annotated[bool, typer.Option("--sample", help="Train on sample data if the database is empty.")] = False,
    leave: Annotated[bool, typer.Option("--exit", help="Stop again afterwards.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start the whole service on this machine and keep it alive until Ctrl-C."""
    from ml_training.local.redis_server import RedisError
    from ml_training.local.run_file import AlreadyRunning
    from ml_training.local.run_stack import up as run_stack
    from ml_training.local.stack import StackError

    with answering(as_json) as output:
        try:
            complete = run_stack(read_settings(), reporter=output.reporter(), sample=sample, leave=leave)
        except (StackError, RedisError, AlreadyRunning) as error:
            raise Failed(str(error)) from error
        if not complete:
            raise typer.Exit(1)


def migrate(as_json: AsJson = False) -> None:
    """Bring the database to the schema of this version."""
    from ml_training.cli.doctor_checks import cause_of
    from ml_training.db.engine import open_database
    from ml_training.db.migrate import migrate as apply
    from ml_training.domain.errors import Unavailable

    with answering(as_json) as output:
        database = open_database(read_settings().database, pool_size=1)
        try:
            revision = apply(database)
        except Unavailable as error:
            raise Failed(f"{error} ({cause_of(error)})") from error
        finally:
            database.dispose()
        output.document({"revision": revision})
        output.line(f"the database is at revision {revision}")


def doctor(as_json: AsJson = False) -> None:
    """Check every part and say how to mend it; changes nothing. Exit status 1 if any part fails."""
    from ml_training.cli.doctor import advice, examine

    with answering(as_json) as output:
        checks = examine()
        output.document({"ok": all(check.ok for check in checks), "checks": [check.as_json() for check in checks]})
        for line in [*(check.line() for check in checks), "", *advice(checks)]:
            output.line(line)
        if not all(check.ok for check in checks):
            raise typer.Exit(1)
