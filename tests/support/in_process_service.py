"""The service in one process: the real app over a real database and a real storage, and a worker's real handlers."""

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import g, request
from flask.testing import FlaskClient

from ml_training.api.app import create_app
from ml_training.api.caller import caller
from ml_training.api.context import context_of
from ml_training.cluster.open_cluster import open_cluster
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.domain.limits import Limits
from ml_training.execution.handlers import HANDLERS
from ml_training.execution.run_job import run_next
from ml_training.maintenance.sweep import sweep_storage_once
from ml_training.maintenance.verify import violations
from ml_training.settings import Settings
from ml_training.source_settings import SourceSettings
from ml_training.sources.sources import Sources
from tests.support.forms import form_request
from tests.support.wiring import SLOW, make_worker_context

NO_BROKER = "redis://127.0.0.1:1/0"  # permits are only permits: here the test itself asks for the next job
PREFIX = "/api/v1"
PROJECT = "tests.project"
NO_SOURCES = SourceSettings()


class InProcessService:
    """An API and a worker; a context manager."""

    def __init__(
        self,
        directory: Path,
        database_url: str,
        *,
        limits: Limits | None = None,
        sources: SourceSettings = NO_SOURCES,
        dask_scheduler: str = "",
        **more: Any,
    ) -> None:
        settings = Settings(
            database_url=database_url,
            broker_url=NO_BROKER,
            data_dir=directory,
            publish_budget_seconds=0.2,
            limits=limits or Limits(),
            data_sources=sources,
            dask_scheduler=dask_scheduler,
            **more,
        )
        self._app = create_app(settings)
        self._app.before_request(_act_for_a_project)
        self.resources = context_of(self._app).resources.of(DEFAULT_PROJECT_ID)
        self.client = self._app.test_client()
        self._worker_context = make_worker_context(
            self.resources.database,
            self.resources.storage,
            HANDLERS,
            times=SLOW,
            limits=settings.limits,
            sources=Sources(sources),
            dask=open_cluster(settings),
            storage_trouble=self.resources.storage_check.trouble,
        )

    def __enter__(self) -> "InProcessService":
        return self

    def __exit__(self, *_: object) -> None:
        self.resources.close()

    @property
    def document(self) -> dict[str, Any]:
        """The OpenAPI document."""
        found: dict[str, Any] = self._app.api_doc
        return found

    def client_of(self, project_id: int) -> FlaskClient:
        """A client whose requests are those of a caller of this project."""
        client = self._app.test_client()
        client.environ_base[PROJECT] = str(project_id)
        return client

    def work(self) -> int:
        """Run every due job; how many there were."""
        done = 0
        while run_next(self._worker_context):
            done += 1
        return done

    def get(self, path: str) -> Any:
        """The JSON of an answer that must be 200."""
        status, data = self.ask(path)
        assert status == 200, (path, status, data[:500])
        return strict(data)

    def ask(self, path: str) -> tuple[int, bytes]:
        """(status, body) of a GET."""
        answer = self.client.get(PREFIX + path)
        return answer.status_code, answer.data

    def post(self, data: bytes, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
        """Submit a job: (status, content type, body)."""
        answer = self.client.post(PREFIX + "/jobs", data=data, headers=dict(headers))
        return answer.status_code, answer.mimetype or "", answer.data

    def send_file(self, data: bytes, form: Mapping[str, str], *, filename: str = "data.csv") -> tuple[int, Any]:
        """Upload a file: (status, body)."""
        request = form_request({**form, "file": (io.BytesIO(data), filename)})
        answer = self.client.post(PREFIX + "/datasets", **request)
        return answer.status_code, strict(answer.data)

    def upload(self, data: bytes, form: Mapping[str, str], *, filename: str = "data.csv") -> dict[str, Any]:
        """Upload a file and work until its verdict is there."""
        status, body = self.send_file(data, form, filename=filename)
        assert status == 201, body
        self.work()
        found: dict[str, Any] = self.get(f"/datasets/{body['id']}")
        return found

    def sweep(self) -> None:
        """Remove the stored objects that no row names, however young they are."""
        sweep_storage_once(self.resources, age_seconds=-1.0)

    def violations(self) -> list[str]:
        """Every invariant that does not hold."""
        return list(violations(self.resources.database, self.resources.storage, sweep_age_seconds=0.0))


def _act_for_a_project() -> None:
    """The last hook: the caller that was found belongs to the project of the client."""
    project_id = request.environ.get(PROJECT)
    if project_id is not None:
        g.caller = replace(caller(), project_id=int(project_id))


def strict(data: bytes) -> Any:
    """JSON without NaN and Infinity, which Python's reader would take."""

    def constant(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(data, parse_constant=constant)
