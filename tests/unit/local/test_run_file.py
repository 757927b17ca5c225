"""`run.json` and the lock of the data directory."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ml_training.local.run_file import AlreadyRunning, RunInfo, lock_data_dir, read_run_file

URLS = {
    "api_url": "http://127.0.0.1:1",
    "exporter_url": "http://127.0.0.1:2",
    "broker_url": "redis://:secret@127.0.0.1:3/0",
    "database_url": "sqlite:///x.db",
}


def test_the_file_is_read_back_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    info = RunInfo(**URLS, pid=os.getpid())
    info.write(tmp_path / "run.json")
    assert read_run_file(tmp_path / "run.json") == info
    files = {"run.json", "database.url", "broker.url"}
    assert {path.name for path in tmp_path.iterdir()} == files
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in files} == {0o600}
    assert "secret" not in (tmp_path / "run.json").read_text(encoding="utf-8")


def test_the_file_of_a_killed_stack_is_ignored(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    RunInfo(**URLS, pid=gone.pid).write(tmp_path / "run.json")
    assert read_run_file(tmp_path / "run.json") is None


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"pid": 1}'])
def test_a_damaged_file_is_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text, encoding="utf-8")
    assert read_run_file(tmp_path / "run.json") is None


def test_a_data_directory_has_only_one_stack(tmp_path: Path) -> None:
    with lock_data_dir(tmp_path):
        RunInfo(**URLS, pid=os.getpid()).write(tmp_path / "run.json")
        with pytest.raises(AlreadyRunning, match=r"http://127.0.0.1:1.*ML_TRAINING_DATA_DIR"), lock_data_dir(tmp_path):
            pass
    with lock_data_dir(tmp_path):
        pass


def test_the_lock_is_waited_for_but_not_for_ever(tmp_path: Path) -> None:
    with (
        lock_data_dir(tmp_path),
        pytest.raises(AlreadyRunning, match="in a moment"),
        lock_data_dir(tmp_path, wait_seconds=0.2),
    ):
        pass
