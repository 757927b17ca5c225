"""The places that data come from, by the names of the configuration, and what each project may use of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ml_training.domain.origins import FileOrigin
from ml_training.domain.query_columns import QueryRows
from ml_training.source_settings import NamedSource, SourceSettings
from ml_training.sources.driver import Driver
from ml_training.sources.refused import refused
from ml_training.sources.rows_file import QueryLimits


@dataclass(frozen=True, slots=True)
class Sources:
    """What a process knows of the sources; it opens nothing before it is asked to."""

    settings: SourceSettings

    def connections(self, project: str) -> Mapping[str, str]:
        """The kind of each connection that a project may use, by name."""
        return _open_to(self.settings.connections, project)

    def roots(self, project: str) -> Mapping[str, str]:
        """The kind of each root that a project may use, by name."""
        return _open_to(self.settings.roots, project)

    def run_query(
        self,
        connection: str,
        query: str,
        path: Path,
        *,
        project: str,
        limits: QueryLimits,
        should_stop: Callable[[], bool],
        arrived: Callable[[int], None],
    ) -> QueryRows:
        """Write the sorted rows of a query to a file; see `RunQuery`."""
        source = _allowed(self.settings.connections, connection, project, "connection")
        driver, url = _driver(source), source.url.get_secret_value()
        return driver.run_query(url, query, path, limits=limits, should_stop=should_stop, arrived=arrived)

    def fetch_file(
        self,
        origin: FileOrigin,
        path: Path,
        *,
        project: str,
        file_format: str,
        known_version: str,
        most_bytes: int,
        should_stop: Callable[[], bool],
        arrived: Callable[[int], None],
    ) -> str | None:
        """Copy an object to a file; see `bucket_file.fetch_file`."""
        from ml_training.sources.bucket_file import WantedFile, fetch_file

        url = _allowed(self.settings.roots, origin.root, project, "root").url.get_secret_value()
        wanted = WantedFile(url, origin.key, file_format, known_version)
        return fetch_file(wanted, path, most_bytes=most_bytes, should_stop=should_stop, arrived=arrived)

    def check_root(self, name: str) -> None:
        """Look into the bucket once; raises SourceRefused or SourceUnavailable."""
        from ml_training.sources.bucket_file import check

        check(self.settings.roots[name].url.get_secret_value())

    def check_connection(self, name: str) -> None:
        """Connect once; raises SourceRefused or SourceUnavailable."""
        source = self.settings.connections[name]
        _driver(source).check(source.url.get_secret_value())


def _driver(source: NamedSource) -> Driver:
    if source.kind == "postgresql":
        from ml_training.sources import postgresql

        return postgresql.DRIVER
    from ml_training.sources import mariadb

    return mariadb.DRIVER


def _open_to(found: Mapping[str, NamedSource], project: str) -> Mapping[str, str]:
    return {name: source.kind for name, source in sorted(found.items()) if source.is_open_to(project)}


def _allowed(found: Mapping[str, NamedSource], name: str, project: str, what: str) -> NamedSource:
    """The source; a worker decides by its own settings, which may have changed since the job was accepted."""
    source = found.get(name)
    if source is None or not source.is_open_to(project):
        raise refused(
            f"the workers have no {what} {name} for this project: its operator must configure it for them too"
        )
    return source


NO_SOURCES = Sources(SourceSettings())
