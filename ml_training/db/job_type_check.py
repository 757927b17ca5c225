"""Widens the check on `jobs.job_type`, for migrations that add types of jobs."""

import re

from sqlalchemy import Connection, text

from ml_training.db.sqlite_definitions import edit_definition

LAST = "'INGEST'"  # new types come before it
CHECK = re.compile(r"job_type IN \(([^)]*)\)")


def add_job_types(connection: Connection, *names: str) -> None:
    """Let the check allow these types too, whatever types it names by now."""
    added = "".join(f"'{name}', " for name in names)
    if connection.dialect.name == "postgresql":
        _widen_postgresql(connection, added)
    else:
        edit_definition(connection, "jobs", CHECK, lambda found: found[0].replace(LAST, f"{added}{LAST}"))


def _widen_postgresql(connection: Connection, added: str) -> None:
    query = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'jobs_job_type'"
    found = connection.execute(text(query)).scalar_one()
    types = ", ".join(re.findall(r"'\w+'", found)).replace(LAST, f"{added}{LAST}")
    connection.execute(text("ALTER TABLE jobs DROP CONSTRAINT jobs_job_type"))
    connection.execute(text(f"ALTER TABLE jobs ADD CONSTRAINT jobs_job_type CHECK (job_type IN ({types}))"))
