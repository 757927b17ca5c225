"""The fork server of a worker: it loads the machine-learning stack once, and every pool child is a fork of it.

A child shares the memory of what the server has loaded, and it is ready after milliseconds: the import takes seconds.
A fork copies only the thread that calls it, so the server has one thread, no connection and no OpenMP thread; those
start in the children. billiard's fork server does the forking; ours is itself forked from the worker's parent, instead
of started as a new interpreter, so that the parent's modules are shared too.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from billiard import forkserver
from billiard.connection import arbitrary_address
from celery.platforms import set_pdeathsig

from ml_training.logs import get_logger

log = get_logger(__name__)
LOADED = b"loaded"
PARENT_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C reaches the whole group: the parent decides


class ExitStatus:
    """Tells the parent of the pool how a child ended; it cannot ask the kernel, since it is not the child's parent.

    billiard's server writes the id of a new child to a pipe, and could write its status there, but the main loop of a
    pool's child ends the process before that. A child that was killed writes nothing: the parent reports status 255.
    """

    def __init__(self) -> None:
        self._pipe: int | None = None

    def write(self, pipe: int, number: int) -> None:
        """Replaces billiard's `write_unsigned`: the first call in a child is with its id."""
        self._pipe = pipe
        write_unsigned(pipe, number)

    def tell(self, status: int) -> None:
        """Tell the status of this process, which ends now."""
        if self._pipe is not None:
            write_unsigned(self._pipe, status)


_EXIT_STATUS = ExitStatus()
write_unsigned = forkserver.write_unsigned
tell_exit_status = _EXIT_STATUS.tell


@dataclass(frozen=True, slots=True)
class ForkServer:
    """The server's process, seen from the parent of the pool."""

    pid: int
    loaded: int  # the read end of a pipe

    def wait_until_loaded(self) -> bool:
        """Wait until the server can fork; False when it ended instead, having written why to stderr."""
        answer = os.read(self.loaded, len(LOADED))
        os.close(self.loaded)
        return answer == LOADED

    def watch(self, on_end: Callable[[], None]) -> None:
        """Call `on_end` in a thread of its own when the server ends: without it no child can be replaced."""

        def wait() -> None:
            _, status = os.waitpid(self.pid, 0)
            log.error("fork_server_ended", status=os.waitstatus_to_exitcode(status))
            on_end()

        threading.Thread(target=wait, name="fork-server", daemon=True).start()

    def end(self) -> None:
        """End the server, and with it every child that still runs."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def start_fork_server(load: Callable[[], None]) -> ForkServer:
    """Fork the server, which calls `load`; billiard's start method `forkserver` uses it in this process from now on.

    Call it while this process has one thread and no connection.
    """
    loaded, tell_loaded = os.pipe()
    alive, keep_alive = os.pipe()  # the server ends when nobody holds `keep_alive` any longer
    with socket.socket(socket.AF_UNIX) as listener:
        address = arbitrary_address("AF_UNIX")  # in a directory that only this user can enter
        listener.bind(address)
        Path(address).chmod(0o600)
        listener.listen()
        pid = os.fork()
        if pid == 0:
            os.close(loaded)
            os.close(keep_alive)
            _serve(listener, alive, tell_loaded, load)
    os.close(tell_loaded)
    os.close(alive)
    # What billiard's own `ensure_running` sets after it has started a server; there is no public way.
    server = forkserver._forkserver
    server._forkserver_address, server._forkserver_alive_fd = address, keep_alive
    return ForkServer(pid, loaded)


def _serve(listener: socket.socket, alive: int, tell_loaded: int, load: Callable[[], None]) -> NoReturn:
    try:
        for number in PARENT_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        set_pdeathsig("SIGKILL")  # children ask the same of the server: all end with the parent, however it ends
        forkserver.write_unsigned = _EXIT_STATUS.write
        load()
        os.write(tell_loaded, LOADED)
        os.close(tell_loaded)
        forkserver.main(listener.detach(), alive, [])
    except SystemExit:  # billiard's way to say that every client has ended
        os._exit(0)
    except BaseException:  # the edge of the process: the parent sees only that it ended
        log.exception("fork_server_failed")
    os._exit(1)
