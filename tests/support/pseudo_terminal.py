"""A pseudo-terminal with a job-control shell: a test presses keys and reads the screen, as a user does."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.eventually import PATIENCE, eventually

CTRL_C, CTRL_Z = b"\x03", b"\x1a"
LOGIN = "import os, sys; os.login_tty(0); os.execvp(sys.argv[1], sys.argv[1:])"


class PseudoTerminal:
    """The user's side of the terminal."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self._screen = b""
        os.set_blocking(descriptor, False)

    @property
    def screen(self) -> str:
        """Everything that was written so far; must be read regularly, otherwise the writing program blocks."""
        try:
            while found := os.read(self._descriptor, 65_536):
                self._screen += found
        except OSError:  # nothing to read now, or all programs have exited
            pass
        return self._screen.decode(errors="replace").replace("\r\n", "\n")

    def press(self, key: bytes) -> None:
        """Press a key, such as CTRL_C."""
        os.write(self._descriptor, key)

    def wait_for(self, text: str, *, within: float = PATIENCE) -> None:
        """Wait until `text` is on the screen."""

        def shown() -> bool:
            assert text in self.screen, self.screen
            return True

        eventually(shown, within=within, what=f"{text!r} on the screen")

    def exit_status(self, *, within: float = PATIENCE) -> int:
        """Wait until the shell exits; the status of its last command, also if SIGINT killed the shell."""

        def exited() -> bool:
            assert self.screen is not None  # keep reading to the end
            return self.process.poll() is not None

        eventually(exited, within=within, what="the shell exits")
        return 128 - self.process.returncode if self.process.returncode < 0 else self.process.returncode


@contextmanager
def open_terminal(
    command: str, *, directory: Path, environment: Mapping[str, str] | None = None
) -> Iterator[PseudoTerminal]:
    """A new terminal in which a shell runs `command` as a job; closed at the end of the context."""
    ours, theirs = os.openpty()
    script = f"{command}; exit $?"  # without this, the shell would exec its last command
    process = subprocess.Popen(
        [sys.executable, "-c", LOGIN, "sh", "-m", "-c", script],
        cwd=directory,
        env={**_environment_without_make(), **(environment or {})},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        yield PseudoTerminal(process, ours)
    finally:
        os.close(ours)  # the remaining processes get SIGHUP
        process.wait(60)


def _environment_without_make() -> dict[str, str]:
    # The test suite often runs under make: a make in the terminal must not treat itself as a sub-make of that one.
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
