"""An exporter for the tests, in this process, and its page read strictly."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from pydantic import SecretStr

from exporter.__main__ import build_exporter
from ml_training.local.ports import free_port
from ml_training.settings import Settings

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
DEAD_BROKER = "redis://127.0.0.1:1/0"
Labels = frozenset[tuple[str, str]]


class Series:
    """The samples of one page; a series that occurs twice fails at once."""

    def __init__(self, page: str, *, openmetrics: bool = False) -> None:
        self._found: dict[tuple[str, Labels], float] = {}
        for family in (parse_openmetrics if openmetrics else parse_text)(page):
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in self._found, f"twice on the page: {key}"
                self._found[key] = sample.value

    def __getitem__(self, name: str) -> float:
        return self.value(name)

    def __contains__(self, name: str) -> bool:
        return any(found == name for found, _ in self._found)

    def __len__(self) -> int:
        return len(self._found)

    def value(self, name: str, **labels: str) -> float:
        """The value of the one series of this name that has these labels."""
        values = list(self.all(name, **labels).values())
        assert len(values) == 1, f"{name}{labels}: {len(values)} series"
        return values[0]

    def all(self, name: str, **labels: str) -> dict[Labels, float]:
        """Every series of this name that has these labels."""
        wanted = frozenset(labels.items())
        return {found: value for (other, found), value in self._found.items() if other == name and wanted <= found}

    def labels(self, name: str, label: str) -> set[str]:
        """The values of one label of a metric."""
        return {dict(found)[label] for found in self.all(name)}


@dataclass(frozen=True)
class ExporterClient:
    """Asks an exporter over HTTP."""

    port: int

    def get(self, path: str, *, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers with lower-case names, and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def series(self) -> Series:
        """The page, which is always answered with 200."""
        status, _, body = self.get("/metrics")
        assert status == 200
        return Series(body.decode())

    def json(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and document of a health route."""
        status, _, body = self.get(path)
        return status, orjson.loads(body)


@contextmanager
def running_exporter(
    database_url: str, broker_url: str = DEAD_BROKER, *, snapshot_seconds: float = 0.2, metrics_token: str = ""
) -> Iterator[ExporterClient]:
    """A whole exporter on a free port, ended afterwards."""
    settings = Settings(
        database_url=database_url,
        broker_url=broker_url,
        exporter_port=free_port(),
        snapshot_seconds=snapshot_seconds,
        metrics_token=SecretStr(metrics_token),
    )
    exporter = build_exporter(settings, revision="0123abc")
    exporter.start()
    try:
        yield ExporterClient(exporter.server.port)
    finally:
        exporter.stop()
