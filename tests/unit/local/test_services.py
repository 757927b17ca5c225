"""What the parts of a stack are told before they start."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ml_training.domain.worker_shape import WorkerShape, training_environment, worker_shape
from ml_training.local.libgomp import bundled_openmp, openmp_environment
from ml_training.local.processes import child_environment
from ml_training.local.services import stack_environment, worker_environment
from ml_training.settings import Settings, read_settings


@pytest.mark.parametrize(
    ("cores", "concurrency", "threads", "shape"),
    [
        (8, 0, 0, WorkerShape(8, 1)),
        (8, 2, 0, WorkerShape(2, 4)),
        (8, 3, 0, WorkerShape(3, 2)),
        (2, 8, 0, WorkerShape(8, 1)),
        (8, 2, 3, WorkerShape(2, 3)),
        (0, 0, 0, WorkerShape(1, 1)),
    ],
)
def test_the_cores_are_shared_among_the_jobs(cores: int, concurrency: int, threads: int, shape: WorkerShape) -> None:
    assert worker_shape(cores, concurrency=concurrency, threads=threads) == shape


def test_waiting_threads_sleep_and_no_library_takes_more_than_its_share() -> None:
    assert training_environment(8, concurrency=2) == {
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": "4",
        "OPENBLAS_NUM_THREADS": "4",
    }


def test_every_part_reads_the_same_settings_as_the_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path, worker_concurrency=3, worker_threads=2)
    told = stack_environment(settings, broker_url="redis://:p@127.0.0.1:1/0") | worker_environment(settings)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    read = read_settings()
    assert read.database == settings.database == f"sqlite:///{tmp_path}/ml_training.db"
    assert (read.broker_url, read.data_dir) == ("redis://:p@127.0.0.1:1/0", tmp_path)
    assert (read.worker_concurrency, read.worker_threads) == (3, 2)
    assert (os.environ["OMP_NUM_THREADS"], os.environ["OMP_WAIT_POLICY"]) == ("2", "PASSIVE")


def test_a_package_of_the_same_name_in_the_users_folder_is_not_started(tmp_path: Path) -> None:
    (tmp_path / "workers.py").write_text("print('a stranger')", encoding="utf-8")
    code = "import importlib.util; print(importlib.util.find_spec('workers').origin)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=child_environment({}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path) not in done.stdout


def test_a_worker_finds_scikit_learns_openmp_where_the_system_has_none(tmp_path: Path) -> None:
    told = openmp_environment(tmp_path / "lib", needed=True)
    if sys.platform == "darwin":
        assert told == {"DYLD_LIBRARY_PATH": str(bundled_openmp().parent)}  # type: ignore[union-attr]
        return
    assert told == {"LD_LIBRARY_PATH": str(tmp_path / "lib")}
    assert (tmp_path / "lib" / "libgomp.so.1").resolve() == bundled_openmp()
    code = "import ctypes; ctypes.CDLL('libgomp.so.1'); print(open('/proc/self/maps').read())"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **told}, capture_output=True, text=True)
    assert "scikit_learn.libs/libgomp" in done.stdout
    assert openmp_environment(tmp_path / "lib", needed=True) == told  # a second start finds its link already there


def test_a_system_with_openmp_is_left_alone(tmp_path: Path) -> None:
    assert openmp_environment(tmp_path / "lib", needed=False) == {}
    assert not (tmp_path / "lib").exists()


def test_the_bundled_library_can_be_loaded() -> None:
    assert ctypes.CDLL(str(bundled_openmp()))
