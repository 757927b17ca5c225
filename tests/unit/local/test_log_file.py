"""Log files of child processes: append, rotate, tail."""

import subprocess
import sys
from pathlib import Path

from ml_training.local.log_file import LogFile
from tests.support.eventually import eventually


def test_a_new_start_appends_and_the_tail_begins_at_that_start(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "logs" / "api.log")
    with log.open() as file:
        file.write(b"first run\n")
    with log.open() as file:
        file.write(b"second run\n\n  port is taken\n")
    assert "first run" in log.path.read_text(encoding="utf-8")
    assert log.tail() == ["second run", "  port is taken"]
    assert log.tail(1) == ["  port is taken"]


def test_a_missing_file_has_an_empty_tail(tmp_path: Path) -> None:
    assert LogFile(tmp_path / "no.log").tail() == []


def test_a_large_log_is_rotated_while_its_process_keeps_writing(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "api.log", limit_bytes=1000)
    code = "import sys\nfor line in sys.stdin: print(line * 200, flush=True)"
    with (
        log.open() as file,
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=file) as child,
    ):
        assert child.stdin
        child.stdin.write(b"before\n")
        child.stdin.flush()
        eventually(lambda: log.path.stat().st_size > 1000, what="the log grew")
        log.rotate()
        assert log.path.stat().st_size == 0
        child.stdin.write(b"after\n")
        child.stdin.close()
    assert log.path.read_bytes().startswith(b"after")  # no hole: the next byte of the child is the first of the file
    assert b"before" in (tmp_path / "api.log.1").read_bytes()


def test_a_log_is_truncated_even_when_it_cannot_be_copied(tmp_path: Path) -> None:
    (tmp_path / "api.log.1").mkdir()
    log = LogFile(tmp_path / "api.log", limit_bytes=10)
    log.path.write_bytes(b"x" * 11)
    log.rotate()
    assert log.path.stat().st_size == 0
