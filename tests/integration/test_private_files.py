"""Nobody else on the machine reads what the service writes: modes of the data directory and of every file in it."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ml_training.domain.variables import SettingsError
from ml_training.process.private_files import keep_private
from tests.support.datasets import ready_sample
from tests.support.eventually import eventually
from tests.support.fleet import running_fleet
from tests.support.fleet_jobs import SMALL, ended, train


@pytest.fixture(autouse=True)
def own_umask() -> Iterator[None]:
    """The umask of the test process is as before at the end."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("found", [0o777, 0o755, 0o750, 0o701])
@pytest.mark.parametrize(
    "names", [(), ("storage", "ml_training.db", "jobs.db-wal", "jobs.db-writers", "logs", "up.lock")]
)
def test_a_directory_of_the_service_is_closed(tmp_path: Path, found: int, names: tuple[str, ...]) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in names:
        (data / name).write_bytes(b"")
    data.chmod(found)
    keep_private(data)
    assert mode(data) == 0o700
    (data / "new").write_bytes(b"")
    (data / "logs2").mkdir()
    assert (mode(data / "new"), mode(data / "logs2")) == (0o600, 0o700)


def test_a_directory_that_holds_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    tmp_path.chmod(0o755)
    with pytest.raises(SettingsError, match=r"'photos', which is not of this service.*chmod 700"):
        keep_private(tmp_path)
    assert mode(tmp_path) == 0o755
    tmp_path.chmod(0o1777)
    with pytest.raises(SettingsError, match="not of this service"):
        keep_private(tmp_path)
    tmp_path.chmod(0o700)
    keep_private(tmp_path)


def test_a_directory_that_a_group_shares_stays_shared(tmp_path: Path) -> None:
    tmp_path.chmod(0o2777)
    keep_private(tmp_path)
    assert mode(tmp_path) == 0o2770
    (tmp_path / "new").write_bytes(b"")
    assert mode(tmp_path / "new") == 0o660


def test_a_new_directory_is_private(tmp_path: Path) -> None:
    keep_private(tmp_path / "a" / "b")
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert mode(tmp_path / "a" / "b") == 0o700


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"")
    with pytest.raises(SettingsError, match="is no directory"):
        keep_private(tmp_path / "data")


@pytest.mark.parametrize("command", [("ml_training.api",), ("workers",), ("workers", "maintenance")])
def test_a_process_refuses_a_directory_that_it_cannot_close(
    tmp_path: Path, new_sqlite: Callable[[], str], command: tuple[str, ...]
) -> None:
    data = tmp_path / "shared"
    data.mkdir()
    (data / "others").write_bytes(b"")
    data.chmod(0o777)
    variables = {"ML_TRAINING_DATA_DIR": str(data), "ML_TRAINING_DATABASE_URL": new_sqlite()}
    found = subprocess.run(
        [sys.executable, "-m", *command], env={**os.environ, **variables}, capture_output=True, text=True, timeout=60
    )
    assert found.returncode != 0
    assert "is open to other users" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.slow
def test_every_file_that_a_fleet_writes_is_its_owners(tmp_path: Path, sqlite_template: bytes, broker_url: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "ml_training.db").write_bytes(sqlite_template)
    data.chmod(0o777)
    url = f"sqlite:///{data / 'ml_training.db'}"
    os.umask(0o000)
    with running_fleet(tmp_path, database_url=url, broker_url=broker_url) as stack:
        stack.fleet.start("api", "ml_training.api")
        stack.fleet.start("exporter", "exporter")
        eventually(lambda: "exporter_started" in stack.fleet.log("exporter"), what="the exporter runs")
        os.umask(0o077)
        dataset = ready_sample(stack.resources)
        ended(stack, train(stack, dataset.id, params=SMALL).id)
        assert mode(data) == 0o700
        files = [path for path in data.rglob("*") if path.name != "ml_training.db"]
        assert len(files) > 10
        assert [path for path in files if mode(path) & 0o077 and not path.name.startswith("ml_training.db-")] == []
