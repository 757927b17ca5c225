"""A real Prometheus server that scrapes one exporter, with the repository's configuration and rules."""

import math
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml

from ml_training.local.ports import free_port
from tests.support.eventually import eventually

CONFIGURATION_FOLDER = Path(__file__).parents[2] / "dashboards" / "prometheus"
SCRAPE_SECONDS = 1


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What a query found: number of series, of values that are numbers, of NaN values, and one value as an example."""

    series: int
    numbers: int
    nans: int
    example: str


class QueryError(Exception):
    """Prometheus rejected a query; the message is its reason."""


class Prometheus:
    """A client of a running server."""

    def __init__(self, url: str, http: httpx.Client) -> None:
        self.url = url
        self.started = time.time()
        self._http = http

    def instant(self, expression: str) -> QueryResult:
        """The result now; raises QueryError."""
        return _query_result(self._get("/query", query=expression)["result"])

    def range(self, expression: str, *, step: int = SCRAPE_SECONDS) -> QueryResult:
        """The result from the server's start until now; raises QueryError."""
        now = time.time()
        return _query_result(
            self._get("/query_range", query=expression, start=self.started, end=now, step=step)["result"]
        )

    def label_values(self, label: str, selector: str) -> list[str]:
        """The values of a label, in the order in which their series appeared."""
        found = self._get("/series", **{"match[]": selector, "start": self.started, "end": time.time()})
        return list(dict.fromkeys(series[label] for series in found if label in series))

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with its `health`, `lastError` and, of an alert, its `state`."""
        return [rule for group in self._get("/rules")["groups"] for rule in group["rules"]]

    def is_ready(self) -> bool:
        """Whether the exporter was scraped and every rule was evaluated."""
        rules = self.rules()
        return self.instant("up == 1").series > 0 and bool(rules) and all(rule["health"] != "unknown" for rule in rules)

    def version(self) -> str:
        """The version of the program."""
        return str(self._get("/status/buildinfo")["version"])

    def _get(self, path: str, **parameters: Any) -> Any:
        try:
            document = self._http.get(f"{self.url}/api/v1{path}", params=parameters).json()
        except (httpx.TransportError, ValueError) as error:  # ValueError: while it starts it answers with plain text
            raise OSError(str(error)) from error
        if document["status"] != "success":
            raise QueryError(document["error"])
        return document["data"]


@contextmanager
def running_prometheus(program: str, directory: Path, exporter_url: str) -> Iterator[Prometheus]:
    """A server on a free port that already scraped the exporter; killed afterwards."""
    directory.mkdir()
    file = directory / "prometheus.yml"
    file.write_text(configuration(exporter_url), encoding="utf-8")
    port = free_port()
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={file}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ],
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "GOMAXPROCS": "1"},
        )
    try:
        with httpx.Client(timeout=30, trust_env=False) as http:
            server = Prometheus(f"http://127.0.0.1:{port}", http)
            eventually(lambda: process.poll() is not None or server.is_ready(), within=60, what="a first scrape")
            assert process.poll() is None, (directory / "log").read_text(encoding="utf-8")
            yield server
    finally:
        process.kill()
        process.wait(30)


def configuration(exporter_url: str) -> str:
    """The repository's configuration with another target, which has no token, and other intervals."""
    document = yaml.safe_load((CONFIGURATION_FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    document["global"] = dict.fromkeys(("scrape_interval", "evaluation_interval"), f"{SCRAPE_SECONDS}s")
    document["rule_files"] = [str(CONFIGURATION_FOLDER / name) for name in document["rule_files"]]
    (scrape,) = document["scrape_configs"]
    scrape["static_configs"] = [{"targets": [urlsplit(exporter_url).netloc]}]
    del scrape["authorization"]
    return yaml.safe_dump(document)


def _query_result(result: Any) -> QueryResult:
    if result and not isinstance(result[0], dict):  # a scalar: [time, value]
        result = [{"metric": {}, "value": result}]
    points = [(one["metric"], one.get("values") or [one["value"]]) for one in result]
    values = [(labels, value) for labels, pairs in points for _, value in pairs]
    numbers = [(labels, value) for labels, value in values if not math.isnan(float(value))]
    example = "".join(_sample_text(*numbers[-1])) if numbers else ""
    return QueryResult(len(result), len(numbers), len(values) - len(numbers), example)


def _sample_text(labels: dict[str, str], value: str) -> str:
    shown = ", ".join(f'{name}="{text}"' for name, text in labels.items() if name not in {"__name__", "instance"})
    return f"{float(value):.6g}" + (f" {{{shown}}}" if shown else "")
