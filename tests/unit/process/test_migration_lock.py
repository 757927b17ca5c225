"""Who waits for a migration returns when it has ended, however it ended."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ml_training.process.migration_lock import migration_lock, wait_for_migration
from tests.support.eventually import PATIENCE

A_MOMENT = 0.3  # in which a thread that does not wait would end
HOLD = """
import sys
from pathlib import Path
from ml_training.process.migration_lock import migration_lock
with migration_lock(Path(sys.argv[1])):
    print("holds it", flush=True)
    sys.stdin.read()
"""


def test_a_process_that_starts_during_a_migration_waits_for_its_end(tmp_path: Path) -> None:
    waiting = threading.Thread(target=wait_for_migration, args=(tmp_path,), daemon=True)
    with migration_lock(tmp_path):
        waiting.start()
        waiting.join(A_MOMENT)
        assert waiting.is_alive()
    waiting.join(PATIENCE)
    assert not waiting.is_alive()


def test_a_migration_that_failed_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), migration_lock(tmp_path):
        raise RuntimeError
    wait_for_migration(tmp_path)


def test_nobody_waits_for_a_process_that_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "holds it\n"
        holder.kill()
        holder.wait()
        wait_for_migration(tmp_path)


def test_a_directory_that_does_not_exist_yet_has_no_migration(tmp_path: Path) -> None:
    wait_for_migration(tmp_path / "new")
