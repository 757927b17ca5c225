"""Runs a training script in fresh processes with one thread and with two, beside the work of the test."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

THREADS = (1, 2)


@contextmanager
def with_one_thread_and_two(script: str, place: str) -> Iterator[list["subprocess.Popen[str]"]]:
    """Processes that run the script with the arguments threads, place; they are ended with the block.

    How long they take says how busy the machine is, no more: the time limit of the test is theirs.
    """
    with ExitStack() as stack:
        processes = []
        for threads in THREADS:
            process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", script, str(threads), place],
                env=os.environ | {"PYTHONHASHSEED": str(threads), "OMP_WAIT_POLICY": "PASSIVE"},
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            processes.append(process)
        yield processes


def printed(process: "subprocess.Popen[str]") -> Any:
    """The JSON that the process has printed when it has ended well."""
    out, _ = process.communicate()
    assert process.returncode == 0
    return json.loads(out)
