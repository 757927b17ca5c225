"""A module that runs in a fork behaves as in a new interpreter, and nothing is forked that would not."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ml_training.local.openmp_runtime import bundled_openmp
from tests.support import fork_probe

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forks")


@pytest.fixture(scope="module")
def printed(directory: Path) -> list[str]:
    """By a program of its own: pytest has threads."""
    return run_python("-m", fork_probe.MODULE, str(directory)).splitlines()


def run_python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(directory: Path, how: str) -> tuple[dict[str, Any], list[str]]:
    first, *rest = (directory / f"{how}.log").read_text().splitlines()
    return json.loads(first), rest


def test_a_fork_ends_with_the_status_of_its_module(printed: list[str], directory: Path) -> None:
    assert json.loads(printed[-2]) == {"return": 0, "status": 7, "message": 1, "error": 1, "signal": -9}
    assert "one line for the log" in told(directory, "message")[1]
    assert "LookupError: nobody catches it" in told(directory, "error")[1]


def test_nothing_of_the_caller_runs_in_a_fork(printed: list[str], directory: Path) -> None:
    assert printed == ["finally of the parent"] * len(fork_probe.HOW) + [printed[-2], "exit function of the parent"]
    assert told(directory, "return")[1] == ["thread of the fork", "exit function of the fork"]
    assert told(directory, "error")[1][-1] == "exit function of the fork", "also after an error that nobody caught"


@pytest.mark.parametrize("how", fork_probe.HOW)
@pytest.mark.usefixtures("printed")
def test_a_fork_has_what_a_new_interpreter_has(directory: Path, how: str) -> None:
    found, _ = told(directory, how)
    assert found["arguments"][1:] == [how]
    assert found["command_line"] == f"{sys.executable} -m {fork_probe.MODULE} {how}"
    assert found["environment"] == {"ONLY": how}
    assert found["files"] == []
    assert found["leads_its_session"]
    assert found["sigterm"]
    assert found["blocked"] == []
    assert found["input"] == ""


CAN_FORK = (
    "from ml_training.local.forked_process import can_fork; import ctypes, sqlite3, threading; "
    "from ml_training.local import openmp_runtime; "
)
OPENED = "c = sqlite3.connect('x.db'); c.execute('CREATE TABLE t (n)'); "


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("print(can_fork({'OMP_NUM_THREADS': '1'}))", True),
        ("print(can_fork({'LD_LIBRARY_PATH': '/lib'}))", False),
        ("threading.Thread(target=threading.Event().wait, daemon=True).start(); print(can_fork({}))", False),
        (f"{OPENED}print(can_fork({{}}))", False),
        (f"{OPENED}c.close(); print(can_fork({{}}))", True),
        (f"ctypes.CDLL({str(bundled_openmp())!r}); print(can_fork({{}}))", False),
        ("openmp_runtime.has_openmp(); print(can_fork({}))", True),
    ],
    ids=[
        "alone",
        "a variable of the loader",
        "a second thread",
        "an open database",
        "a closed database",
        "a loaded OpenMP",
        "a look for OpenMP",
    ],
)
def test_nothing_is_forked_that_would_not_be_as_a_new_interpreter(code: str, expected: bool, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CAN_FORK + code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == str(expected), done.stderr
