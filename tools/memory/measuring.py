"""Runs work in a forked child and measures how much memory it took at most."""

import gc
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ml_training.process.malloc import give_back

CLEAR_REFS, RESET_PEAK = Path("/proc/self/clear_refs"), "5"  # see the manual page proc_pid_clear_refs(5)


@dataclass(frozen=True, slots=True)
class Measured:
    """peak: bytes above what the child began with; error: why the work did not end, "" when it did."""

    peak: int
    seconds: float
    error: str


def peak_of(work: Callable[[], object], *, most_seconds: float, most_bytes: int) -> Measured:
    """Run `work` in a fork of this process and measure its peak; Linux only.

    A child that takes longer than `most_seconds` is ended; its allocations fail above `most_bytes`.
    """
    gc.collect()
    give_back()  # else the child would use free memory that this process has, and its peak would be too low
    read_end, write_end = os.pipe()
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        _run(work, write_end, most_bytes)
    os.close(write_end)
    timed_out = not _ended(child, within=most_seconds)
    if timed_out:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with os.fdopen(read_end) as answers:
        text = answers.read()
    took = time.monotonic() - started
    if timed_out or not text:
        return Measured(0, took, "timed out" if timed_out else "the process ended")
    return Measured(**json.loads(text), seconds=took)


def _ended(child: int, *, within: float) -> bool:
    handle = os.pidfd_open(child)  # readable as soon as the process has ended
    ended = bool(select.select([handle], [], [], within)[0])
    os.close(handle)
    if ended:
        os.waitpid(child, 0)
    return ended


def _run(work: Callable[[], object], write_end: int, most_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))
    CLEAR_REFS.write_text(RESET_PEAK)
    before, error = _status("VmRSS"), ""
    try:
        work()
    except MemoryError:
        error = "MemoryError"
    except BaseException as raised:  # noqa: BLE001 - the edge of a process: the parent is told
        error = f"{type(raised).__name__}: {raised}"[:300]
        traceback.print_exc(file=sys.stderr)
    os.write(write_end, json.dumps({"peak": _status("VmHWM") - before, "error": error}).encode())
    os._exit(0)


def address_space() -> int:
    """Bytes of data that this process has reserved: what RLIMIT_DATA counts."""
    return _status("VmData")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) << 10
