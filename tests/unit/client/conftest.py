"""The real app without a server around it, and a client that calls it in the same thread."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from flask import Flask

from ml_training.api.app import create_app
from ml_training.api.context import context_of
from ml_training.client import Client
from ml_training.client.transport import API
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.services.resources import Resources
from ml_training.settings import Settings
from tests.support.json_server import JsonServer, json_server

NO_BROKER = "redis://127.0.0.1:1/0"
BASE = "http://localhost"


@pytest.fixture
def app(new_sqlite: Callable[[], str], tmp_path: Path) -> Iterator[Flask]:
    """The app over a fresh database."""
    settings = Settings(
        database_url=new_sqlite(), broker_url=NO_BROKER, data_dir=tmp_path / "data", publish_budget_seconds=0.2
    )
    app = create_app(settings)
    yield app
    context_of(app).resources.close()


@pytest.fixture
def resources(app: Flask) -> Resources:
    """The core of the app."""
    return context_of(app).resources.of(DEFAULT_PROJECT_ID)


@pytest.fixture
def client(app: Flask) -> Iterator[Client]:
    """A client of the app."""
    with Client(BASE, retry_seconds=0) as client:
        client.transport._http = httpx.Client(base_url=BASE + API, transport=httpx.WSGITransport(app=app))
        yield client


@pytest.fixture
def server() -> Iterator[JsonServer]:
    """A server that answers what a test prepares."""
    with json_server() as server:
        yield server
