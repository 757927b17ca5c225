"""`up --detach` returns when the stack is ready, and `down` stops every process of it."""

import json
import os
import subprocess
from pathlib import Path

import psutil
import pytest

from ml_training.local.run_file import read_run_file
from tests.support.eventually import eventually
from tests.support.stack_process import PROGRAM, own_settings

pytestmark = pytest.mark.slow


def test_the_stack_runs_in_the_background_until_down(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    environment = {**os.environ, **own_settings(data_dir)}

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([str(PROGRAM), *arguments], env=environment, capture_output=True, text=True)

    try:
        started = run("up", "--detach")
        assert started.returncode == 0, started.stderr
        assert "ml-training down stops it" in started.stdout
        info = read_run_file(data_dir / "run.json")
        assert info
        processes = [psutil.Process(info.pid), *psutil.Process(info.pid).children(recursive=True)]
        assert run("jobs", "--json").returncode == 0
        again = run("up", "--detach")
        assert again.returncode == 1
        assert "already runs a stack" in again.stderr
    finally:
        stopped = run("down", "--json")
    assert json.loads(stopped.stdout) == {"stopped": True}
    eventually(lambda: not any(process.is_running() for process in processes), what="all processes have ended")
    nothing = run("down")
    assert (nothing.returncode, nothing.stdout) == (0, f"No stack runs in {data_dir}\n")


def test_a_stack_that_cannot_start_says_why(tmp_path: Path) -> None:
    environment = {**os.environ, **own_settings(tmp_path / "data"), "ML_TRAINING_DATABASE_URL": "sqlite:////proc/x.db"}
    done = subprocess.run([str(PROGRAM), "up", "--detach"], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "the stack did not start" in done.stderr
    assert "up.log" in done.stderr
