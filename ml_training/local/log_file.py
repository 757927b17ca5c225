"""The log file of a child process; it is rotated while the process writes to it."""

import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

LIMIT_BYTES = 10 << 20
START_LINE = "----- started"


class LogFile:
    """The file `path`; when it grows over the limit, its content moves to `path`.1."""

    def __init__(self, path: Path, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self.path = path
        self._limit_bytes = limit_bytes

    def open(self) -> BinaryIO:
        """Open for appending: the descriptor of a child then writes at the end of the file, also after `rotate`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.rotate()
        file = self.path.open("ab", buffering=0)
        with suppress(OSError):  # a full disk must not prevent the start
            file.write(f"{START_LINE} at {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n".encode())
        return file

    def rotate(self) -> None:
        """When the file is over the limit, copy it to `path`.1 and truncate it (logrotate's `copytruncate`).

        The file cannot be renamed, because a child has it open.
        """
        if self.path.exists() and self.path.stat().st_size > self._limit_bytes:
            with suppress(OSError):  # on a full disk, free space matters more than old lines
                shutil.copyfile(self.path, self.path.with_name(f"{self.path.name}.1"))
            with self.path.open("r+b") as file:
                file.truncate(0)

    def tail(self, lines: int = 5) -> list[str]:
        """The last `lines` lines since the latest start, without empty lines."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(max(0, self.path.stat().st_size - 8192))
            text = file.read().decode("utf-8", errors="replace")
        _, _, latest = f"\n{text}".rpartition(f"\n{START_LINE}")
        return [line for line in latest.splitlines()[1:] if line.strip()][-lines:]
