"""`run.json` and the lock of the data directory."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ml_training.local.run_file import AlreadyRunning, RunInfo, only_stack, read_run_file
from ml_training.local.stack_urls import find_urls
from ml_training.settings import Settings

URLS = {
    "api_url": "http://127.0.0.1:1",
    "exporter_url": "http://127.0.0.1:2",
    "broker_url": "redis://:secret@127.0.0.1:3/0",
    "database_url": "sqlite:///x.db",
}


def test_what_is_written_is_read_again_and_only_the_owner_may(tmp_path: Path) -> None:
    info = RunInfo(**URLS, pid=os.getpid())
    info.write(tmp_path / "run.json")
    assert read_run_file(tmp_path / "run.json") == info
    assert stat.S_IMODE((tmp_path / "run.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_the_file_of_a_killed_stack_counts_for_nothing(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    RunInfo(**URLS, pid=gone.pid).write(tmp_path / "run.json")
    assert read_run_file(tmp_path / "run.json") is None


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"pid": 1}'])
def test_a_damaged_file_counts_for_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text, encoding="utf-8")
    assert read_run_file(tmp_path / "run.json") is None


def test_one_stack_a_data_directory(tmp_path: Path) -> None:
    with only_stack(tmp_path):
        RunInfo(**URLS, pid=os.getpid()).write(tmp_path / "run.json")
        with pytest.raises(AlreadyRunning, match=r"http://127.0.0.1:1.*ML_TRAINING_DATA_DIR"), only_stack(tmp_path):
            pass
    with only_stack(tmp_path):
        pass


def test_a_stack_that_still_ends_is_waited_for_but_not_for_ever(tmp_path: Path) -> None:
    with only_stack(tmp_path), pytest.raises(AlreadyRunning, match="in a moment"), only_stack(tmp_path, patience=0.2):
        pass


def test_the_service_to_talk_to_is_the_setting_then_the_running_stack_then_the_default(tmp_path: Path) -> None:
    wildcards = {"api_host": "0.0.0.0", "exporter_host": "::"}  # noqa: S104 - what a user may have set
    settings = Settings(data_dir=tmp_path, api_port=81, exporter_port=82, **wildcards)
    assert (find_urls(settings).api, find_urls(settings).exporter) == ("http://127.0.0.1:81", "http://[::1]:82")
    RunInfo(**URLS, pid=os.getpid()).write(settings.run_file)
    assert (find_urls(settings).api, find_urls(settings).exporter) == ("http://127.0.0.1:1", "http://127.0.0.1:2")
    chosen = settings.model_copy(update={"api_url": "http://elsewhere"})
    assert find_urls(chosen).api == "http://elsewhere"
