"""The resources over the test's own database, storage and broker, without any worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_training.db.engine import Database
from ml_training.services.resources import Resources
from tests.support.wiring import make_resources


@pytest.fixture
def resources(database: Database, tmp_path: Path, broker_url: str) -> Iterator[Resources]:
    """The test runs once on each kind of database."""
    resources = make_resources(database, tmp_path / "storage", broker_url=broker_url)
    yield resources
    resources.permits.close()
