"""Starts `ml-training up` in the background, and stops a stack from another process."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

from ml_training.local.child_process import child_environment
from ml_training.local.console_output import CommandOutput
from ml_training.local.log_file import LogFile
from ml_training.local.run_file import LOCK_FILE, AlreadyRunning, RunInfo, read_run_file
from ml_training.settings import PREFIX, Settings

LOOK_SECONDS = 0.1
START_SECONDS = 180.0
STOP_SECONDS = 120.0


class StartFailed(Exception):
    """The stack in the background ended, or was not ready in time; the message has the end of its log."""


class StopFailed(Exception):
    """The stack runs on."""


def start_detached(settings: Settings, *, output: CommandOutput) -> bool:
    """Start the stack in a session of its own, and wait until it is ready; raises StartFailed or AlreadyRunning."""
    if (running := read_run_file(settings.run_file)) is not None:
        raise AlreadyRunning(f"process {running.pid} already runs a stack in {settings.data_dir}: ml-training down")
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = LogFile(settings.data_dir / "logs" / "up.log")
    output.message("starting", f"Starting in {settings.data_dir}; the log is {log.path}")
    with log.open() as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "ml_training.cli", "up"],
            env=child_environment({f"{PREFIX}DATA_DIR": str(settings.data_dir)}),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    info = _wait_until_ready(process, settings, log)
    output.message(
        "ready",
        f"{info.addresses}\nml-training down stops it",
        api_url=info.api_url,
        exporter_url=info.exporter_url,
        pid=info.pid,
    )
    return True


def stop_stack(settings: Settings) -> bool:
    """Stop the stack of the data directory in order, and wait until all its processes have ended.

    False if none runs. Raises StopFailed when it does not end in time, or belongs to another user.
    """
    running = read_run_file(settings.run_file)
    if running is None or _lock_is_free(settings):  # a process id alone may belong to another program by now
        return False
    with suppress(ProcessLookupError):
        try:
            os.kill(running.pid, signal.SIGTERM)
        except PermissionError:
            raise StopFailed(f"process {running.pid} belongs to another user: stop it as that user") from None
    deadline = time.monotonic() + STOP_SECONDS
    while not _lock_is_free(settings):
        if time.monotonic() > deadline:
            raise StopFailed(f"process {running.pid} has not stopped within {STOP_SECONDS:g} s: look again later")
        time.sleep(LOOK_SECONDS)
    return True


def _wait_until_ready(process: "subprocess.Popen[bytes]", settings: Settings, log: LogFile) -> RunInfo:
    deadline = time.monotonic() + START_SECONDS
    while (info := read_run_file(settings.run_file)) is None or info.pid != process.pid:
        if process.poll() is not None or time.monotonic() > deadline:
            process.terminate()
            lines = "\n".join(f"  | {line}" for line in log.tail())
            raise StartFailed(f"the stack did not start; the end of {log.path}:\n{lines or '  | (nothing)'}")
        time.sleep(LOOK_SECONDS)
    return info


def _lock_is_free(settings: Settings) -> bool:
    """Whether no stack of this data directory runs: the stack, and after it its guard, hold the lock to the end."""
    try:
        with (settings.data_dir / LOCK_FILE).open("a") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True
