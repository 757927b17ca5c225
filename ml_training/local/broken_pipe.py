"""An output that may go away: a closed terminal or pipe is no reason to stop what was being done."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO


class LastingOutput(io.TextIOBase):
    """Writes to `file` until that fails, and from then on to nowhere."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute in the base class
        """As the file's: no character is written that it cannot hold."""
        return self._file.encoding or "utf-8"

    def write(self, text: str) -> int:
        """Write, or forget it."""
        with self._or_nowhere():
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or forget it."""
        with self._or_nowhere():
            self._file.flush()

    def isatty(self) -> bool:
        """Whether people read it."""
        return self._file.isatty()

    def fileno(self) -> int:
        """The descriptor."""
        return self._file.fileno()

    @contextmanager
    def _or_nowhere(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            # The descriptor itself, or the interpreter's last flush would still fail.
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())
