"""`ml-training up` as a user runs it: real processes, real signals, no process left over."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from ml_training.db.engine import open_database
from ml_training.db.migrate import migrate
from ml_training.local.log_file import LogFile
from ml_training.local.ports import free_port
from ml_training.local.run_file import read_run_file
from ml_training.process.usable_cores import usable_cores
from tests.support.access import make_key
from tests.support.eventually import PATIENCE, eventually
from tests.support.pseudo_terminal import CTRL_C, open_terminal
from tests.support.stack_process import (
    PARTS,
    PROGRAM,
    READY,
    StackProcess,
    is_alive,
    own_settings,
    start_stack,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackProcess]:
    with start_stack(tmp_path_factory.mktemp("stack") / "data") as stack:
        stack.wait_until_ready()
        yield stack


def test_each_part_answers_from_its_own_process(stack: StackProcess) -> None:
    assert "starting again" not in stack.output, "the worker has waited for the migration"
    api, exporter = stack.urls
    assert httpx.get(f"{api}/health/live").json()["master_pid"] == stack.part("api").pid
    assert httpx.get(f"{exporter}/health/live").json()["pid"] == stack.part("exporter").pid
    assert httpx.get(f"{api}/health/ready").json()["parts"]["workers"]["ok"]
    assert httpx.get(f"{exporter}/metrics").status_code == httpx.codes.OK


def test_the_doctor_finds_the_stack_and_no_errors(stack: StackProcess) -> None:
    environment = {**os.environ, "ML_TRAINING_DATA_DIR": str(stack.data_dir)}
    done = subprocess.run([str(PROGRAM), "doctor", "--json"], env=environment, capture_output=True, text=True)
    assert [check for check in json.loads(done.stdout)["checks"] if not check["ok"]] == []
    assert done.returncode == 0


def test_a_second_stack_on_the_same_data_is_refused(stack: StackProcess) -> None:
    environment = {**os.environ, "ML_TRAINING_DATA_DIR": str(stack.data_dir)}
    done = subprocess.run([str(PROGRAM), "up"], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"process {stack.process.pid} already runs a stack" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", PARTS)
def test_a_killed_part_is_restarted_and_its_children_are_ended(stack: StackProcess, name: str) -> None:
    victim = stack.part(name)
    session = [victim, *victim.children(recursive=True)]
    victim.kill()
    eventually(lambda: f"{name:<12} ended by signal 9; starting again" in stack.output, what="the exit is reported")
    eventually(lambda: stack.output.count(f"{name:<12} ready") == 2, what=f"{name} is back")
    assert stack.part(name).pid != victim.pid
    assert [process for process in session if is_alive(process)] == []


def test_a_job_completes_after_all_these_restarts(stack: StackProcess) -> None:
    api, _ = stack.urls
    made = httpx.post(f"{api}/datasets", json={"name": "iris", "sample": "iris"}).raise_for_status().json()
    dataset = f"{api}/datasets/{made['id']}"
    eventually(lambda: httpx.get(dataset).json()["status"] == "READY", what="ingested")


def test_the_children_of_a_killed_parent_are_ended(stack: StackProcess) -> None:
    descendants = stack.descendants()
    assert len(descendants) > len(PARTS)
    stack.signal_and_wait(signal.SIGKILL)
    eventually(lambda: not [process for process in descendants if is_alive(process)], what="all are gone")


def test_the_sample_run_prints_scores_and_a_later_make_run_skips_it_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    with start_stack(tmp_path / "data", "--sample", "--exit") as first:
        assert first.process.wait(PATIENCE * 2) == 0, first.output
    models = [line.split() for line in first.output.splitlines() if line.startswith(("1 ", "2 "))]
    assert [model[1] for model in models] == ["lightgbm", "random_forest"]
    assert all(0.85 < float(held_out) < 1.0 for _, _, held_out, _ in models)
    assert "TEST of model 1" in first.output
    assert "COMPARE by accuracy" in first.output
    assert not (tmp_path / "data" / "run.json").exists()
    make_run = f"make -o install run BIN={PROGRAM.parent}"  # as in the Makefile, without installing anything
    with open_terminal(make_run, directory=ROOT, environment=own_settings(tmp_path / "data")) as terminal:
        terminal.wait_for(READY)
        assert "the sample run is left out" in terminal.screen
        running = read_run_file(tmp_path / "data" / "run.json")
        assert running
        descendants = psutil.Process(running.pid).children(recursive=True)
        wait_for_pool_children(LogFile(tmp_path / "data" / "logs" / "worker.log"))
        terminal.press(CTRL_C)
        assert terminal.exit_status(within=60) == 0
        stops = [
            line.split()[0] for line in terminal.screen.splitlines() if line.endswith(" stopped") and line[0] == " "
        ]
        assert "Everything is stopped\n" in terminal.screen
        assert "***" not in terminal.screen
    assert stops == ["api", "worker", "maintenance", "exporter", "redis"], terminal.screen
    assert [process for process in descendants if is_alive(process)] == []
    assert not (tmp_path / "data" / "run.json").exists()


def wait_for_pool_children(log: LogFile) -> None:
    """Wait until every pool child of a worker has imported its libraries; until then, a worker stops slowly."""

    def all_ready() -> bool:
        return sum("child_ready" in line for line in log.tail(1000)) == usable_cores()

    eventually(all_ready, what="the pool children are ready")


def test_a_taken_port_fails_the_start_at_once_with_the_setting_to_change(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        with start_stack(tmp_path / "data", ML_TRAINING_EXPORTER_PORT=port) as stack:
            assert stack.process.wait(60) == 1
    assert f"port {port} of 127.0.0.1 is taken by another program" in stack.output
    assert "ML_TRAINING_EXPORTER_PORT" in stack.output
    assert "Traceback" not in stack.output


def test_the_log_of_a_part_that_cannot_start_is_printed_and_the_others_are_stopped(tmp_path: Path) -> None:
    with start_stack(
        tmp_path / "data", ML_TRAINING_DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/x"
    ) as stack:
        assert stack.process.wait(PATIENCE) == 1
    assert "migrate did not start" in stack.output
    assert "Connection refused" in stack.output
    assert "redis        stopped" in stack.output


@pytest.mark.slow
def test_the_sample_run_of_a_closed_service_has_a_key_of_its_own(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    database = open_database(f"sqlite:///{data_dir / 'ml_training.db'}")
    migrate(database)
    admin = make_key(database)
    with start_stack(data_dir, "--sample") as stack:
        stack.wait_until_ready()
        assert "COMPARE by accuracy" in stack.output
        assert httpx.get(f"{stack.urls[0]}/jobs").status_code == httpx.codes.UNAUTHORIZED
        headers = {"Authorization": f"Bearer {admin.key}"}
        own, first = httpx.get(f"{stack.urls[0]}/keys", headers=headers).json()["items"]
    assert (own["role"], own["revoked_at"] is not None, first["id"]) == ("submitter", True, admin.key_id)
    assert admin.key not in stack.output
    database.dispose()
