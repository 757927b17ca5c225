"""The environment variables with which the processes of a stack start."""

import os
from pathlib import Path

import pytest

from ml_training.local.stack_processes import stack_environment, worker_environment
from ml_training.settings import Settings, read_settings


def test_every_process_reads_the_same_settings_as_the_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path, worker_concurrency=3, worker_threads=2)
    variables = stack_environment(settings, broker_url="redis://:p@127.0.0.1:1/0") | worker_environment(settings)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    read = read_settings()
    assert read.database == settings.database == f"sqlite:///{tmp_path}/ml_training.db"
    assert (read.broker_url, read.data_dir) == ("redis://:p@127.0.0.1:1/0", tmp_path)
    assert (read.worker_concurrency, read.worker_threads) == (3, 2)
    assert (os.environ["OMP_NUM_THREADS"], os.environ["OMP_WAIT_POLICY"]) == ("2", "PASSIVE")
