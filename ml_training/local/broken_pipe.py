"""An output stream that survives a closed pipe or terminal, so that the command can finish its work."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO


class BrokenPipeSafeOutput(io.TextIOBase):
    """Writes to `file` until a write fails, then discards everything."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute in the base class
        """The encoding of the file, so that rich writes no character that the file cannot hold."""
        return self._file.encoding or "utf-8"

    def write(self, text: str) -> int:
        """Write `text`, or discard it."""
        with self._discard_on_error():
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or do nothing."""
        with self._discard_on_error():
            self._file.flush()

    def isatty(self) -> bool:
        """Whether the file is a terminal."""
        return self._file.isatty()

    def fileno(self) -> int:
        """The descriptor of the file."""
        return self._file.fileno()

    @contextmanager
    def _discard_on_error(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            # Replace the descriptor itself: otherwise the interpreter's last flush would still fail.
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())
