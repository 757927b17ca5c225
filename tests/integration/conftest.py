"""The core over the test's own database, storage and broker, without any worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_training.db.engine import Database
from ml_training.domain.limits import Limits
from ml_training.queue.permits import open_permits
from ml_training.services.resources import Resources
from ml_training.storage.local import LocalStorage


@pytest.fixture
def resources(database: Database, tmp_path: Path, broker_url: str) -> Iterator[Resources]:
    """A core; runs the test once on each kind of database."""
    storage = LocalStorage(tmp_path / "storage")
    resources = Resources(database, storage, open_permits(broker_url, budget=1.0), Limits(), 30.0)
    yield resources
    resources.permits.close()
