"""A terminal with a shell that controls jobs, as a person has one: keys go in, what stands on the screen comes out."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.eventually import PATIENCE, eventually

CTRL_C, CTRL_Z = b"\x03", b"\x1a"
LOGIN = "import os, sys; os.login_tty(0); os.execvp(sys.argv[1], sys.argv[1:])"


class Terminal:
    """The person's side of it."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self._screen = b""
        os.set_blocking(descriptor, False)

    @property
    def screen(self) -> str:
        """Everything that was written so far; it must be read now and then, or who writes waits."""
        try:
            while found := os.read(self._descriptor, 65_536):
                self._screen += found
        except OSError:  # nothing more now, or, once the last one has left, ever
            pass
        return self._screen.decode(errors="replace").replace("\r\n", "\n")

    def press(self, key: bytes) -> None:
        """Press a key."""
        os.write(self._descriptor, key)

    def until(self, text: str, *, within: float = PATIENCE) -> None:
        """Wait until `text` stands on the screen."""

        def shown() -> bool:
            assert text in self.screen, self.screen
            return True

        eventually(shown, within=within, what=f"{text!r} on the screen")

    def status(self, *, within: float = PATIENCE) -> int:
        """Wait until the shell leaves, with the status of its last command; of SIGINT it may die itself."""

        def left() -> bool:
            assert self.screen is not None  # read to the end
            return self.process.poll() is not None

        eventually(left, within=within, what="the shell leaves")
        return 128 - self.process.returncode if self.process.returncode < 0 else self.process.returncode


@contextmanager
def terminal(command: str, *, directory: Path, environment: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    """A new terminal in which a shell runs `command` as a job; it is closed at the end."""
    ours, theirs = os.openpty()
    script = f"{command}; exit $?"  # the last command of a script would replace the shell
    process = subprocess.Popen(
        [sys.executable, "-c", LOGIN, "sh", "-m", "-c", script],
        cwd=directory,
        env={**_without_make(), **(environment or {})},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        os.close(ours)  # whoever is left hears SIGHUP
        process.wait(60)


def _without_make() -> dict[str, str]:
    # The suite itself often runs under make: a make on the screen must not think that it is part of that one.
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
