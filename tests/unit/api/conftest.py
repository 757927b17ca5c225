"""The app over a fresh SQLite database and a broker that is away: nothing here may need it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ml_training.api.app import create_app
from ml_training.api.context import context_of
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.domain.limits import Limits
from ml_training.services.resources import Resources
from ml_training.settings import Settings

NO_BROKER = "redis://127.0.0.1:1/0"


@pytest.fixture
def settings(new_sqlite: Callable[[], str], tmp_path: Path) -> Settings:
    """Small limits, so that tests can reach them."""
    return Settings(
        database_url=new_sqlite(),
        broker_url=NO_BROKER,
        data_dir=tmp_path / "data",
        publish_budget_seconds=0.2,
        api_threads=4,
        limits=Limits(json_body_bytes=4_000, upload_bytes=100_000, batch_jobs=5, waits=1, pending_jobs=50, page=100),
    )


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The app."""
    app = create_app(settings)
    yield app
    context_of(app).resources.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the app."""
    return app.test_client()


@pytest.fixture
def resources(app: Flask) -> Resources:
    """The core of the app."""
    return context_of(app).resources.of(DEFAULT_PROJECT_ID)


@pytest.fixture
def lose_database(settings: Settings, resources: Resources) -> Callable[[], None]:
    """Make the database impossible to open."""

    def lose() -> None:
        resources.database.dispose()
        path = Path(settings.database_url.removeprefix("sqlite:///"))
        path.unlink()
        path.mkdir()

    return lose
