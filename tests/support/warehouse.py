"""A database that data sets come from: its rows, the account that reads it, and a service that knows it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from ml_training.domain.limits import Limits
from ml_training.source_settings import NamedSource, SourceSettings, read_source_settings
from tests.support.in_process_service import PREFIX, InProcessService
from tests.support.postgres import PostgresServer

USER, PASSWORD, DATABASE = "reader_of_sales", "s3cret-of-the-warehouse", "warehouse"


class Warehouse:
    """A PostgreSQL database with an account that may only read its public schema."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self.url = server.url(DATABASE).replace("postgres@", f"{USER}:{PASSWORD}@")

    def create(self) -> None:
        """Make the database and the account."""
        self._server.execute(f"CREATE DATABASE {DATABASE}")
        self.execute(
            f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {USER}",
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {USER}",
        )

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements as the owner, each by itself; the rows of the last one, if it has any."""
        with psycopg.connect(self._server.url(DATABASE), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def running(self) -> list[int]:
        """The processes of the server that run a query of the account."""
        query = f"SELECT pid FROM pg_stat_activity WHERE usename = '{USER}' AND state = 'active'"
        return [int(row[0]) for row in self.execute(query)]


@contextmanager
def warehouse_of(server: PostgresServer) -> Iterator[Warehouse]:
    """A fresh database on the server, removed afterwards."""
    warehouse = Warehouse(server)
    warehouse.create()
    try:
        yield warehouse
    finally:
        server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        server.execute(f"DROP ROLE {USER}")


def sources(**urls: str) -> SourceSettings:
    """The settings that name these connections, and as roots those with a URL of a bucket."""
    families = {name: "SOURCES" if url.startswith("s3:") else "CONNECTIONS" for name, url in urls.items()}
    variables = {f"ML_TRAINING_{families[name]}__{name.upper()}": url for name, url in urls.items()}
    found, problems = read_source_settings(variables)
    assert problems == []
    return found


class SourcedService(InProcessService):
    """A service that takes data sets from sources."""

    def __init__(self, directory: Path, database_url: str, found: SourceSettings, limits: Limits | None = None) -> None:
        super().__init__(directory, database_url, sources=found, limits=limits)

    def take(self, **body: str) -> dict[str, Any]:
        """Ask for a data set and work until its verdict is there."""
        answer = self.client.post(f"{PREFIX}/datasets", json={"name": "data", **body})
        assert answer.status_code == 201, answer.data
        self.work()
        found: dict[str, Any] = self.get(f"/datasets/{answer.json['id']}")
        return found

    def query(self, text: str, **body: str) -> dict[str, Any]:
        """A data set from a query on the connection `warehouse`."""
        return self.take(connection="warehouse", query=text, **body)

    def reasons(self, text: str) -> str:
        """Why a query is REJECTED."""
        found = self.query(text)
        assert found["status"] == "REJECTED", found
        return "\n".join(f"{reason['column']}: {reason['detail']}" for reason in found["reasons"])

    def refresh(self, dataset_id: int) -> dict[str, Any]:
        """The job of a refresh, when it has ended."""
        answer = self.client.post(f"{PREFIX}/datasets/{dataset_id}/refresh")
        assert answer.status_code == 202, answer.data
        self.work()
        found: dict[str, Any] = self.get(f"/jobs/{answer.json['id']}")
        return found


def limited_to(source: SourceSettings, project: str) -> SourceSettings:
    """The same connections for one project only."""
    limited = {
        name: NamedSource(found.kind, found.url, frozenset({project})) for name, found in source.connections.items()
    }
    return SourceSettings(limited, source.roots)
