"""A program whose parts run in forks: `python -m tests.support.fork_probe DIRECTORY` starts each of HOW as a module.

It prints a JSON object: how each fork ended, by name.
"""

import atexit
import json
import os
import signal
import sys
import threading
from pathlib import Path

from ml_training.local.forked_process import fork_module, load_shared_modules

MODULE = "tests.support.fork_probe"
HOW = ("return", "status", "message", "error", "signal")


def say(line: str) -> None:
    """Write a line to the output, as late as any program does."""
    sys.stdout.write(f"{line}\n")


def start_all(directory: Path) -> None:
    """As the stack does it: files, signal handlers and exit functions of this process are its own."""
    atexit.register(say, "exit function of the parent")
    signal.signal(signal.SIGTERM, lambda *_: None)
    load_shared_modules()
    statuses = {}
    with (directory / "lock").open("wb"):
        for how in HOW:
            try:
                with (directory / f"{how}.log").open("wb") as log:
                    child = fork_module((MODULE, how), environment={"ONLY": how}, output=log.fileno())
                statuses[how] = child.wait()
            finally:
                say("finally of the parent")
    say(json.dumps(statuses))


def run(how: str) -> int | str:
    """What a fork does: it tells where it is, and ends in one of the ways."""
    atexit.register(say, "exit function of the fork")
    files = sorted(int(path.name) for path in Path("/proc/self/fd").iterdir() if int(path.name) > 2)
    command_line = Path("/proc/self/cmdline").read_bytes().rstrip(b"\0 ").decode()
    told = {
        "arguments": sys.argv,
        "command_line": command_line,
        "environment": {name: value for name, value in os.environ.items() if name == name.upper()},
        "files": files[:-1],  # the last one lists them
        "leads_its_session": os.getsid(0) == os.getpid(),
        "sigterm": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "input": sys.stdin.read(),
    }
    say(json.dumps(told))
    thread = threading.Thread(target=lambda: say("thread of the fork"))
    thread.start()
    thread.join()
    if how == "error":
        raise LookupError("nobody catches it")
    if how == "signal":
        os.kill(os.getpid(), signal.SIGKILL)
    return {"status": 7, "message": "one line for the log"}.get(how, 0)


if __name__ == "__main__":
    if sys.argv[1] in HOW:
        sys.exit(run(sys.argv[1]))
    start_all(Path(sys.argv[1]))
