"""The log file of each child process, bounded in size while the process keeps writing to it."""

import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

LIMIT_BYTES = 10 << 20
START_LINE = "----- started"


class LogFile:
    """`path` and, once it grew over the limit, the part before in `path`.1."""

    def __init__(self, path: Path, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self.path = path
        self._limit_bytes = limit_bytes

    def open(self) -> BinaryIO:
        """For appending: a child's descriptor then follows the end of the file, also after `bound` cut it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.bound()
        file = self.path.open("ab", buffering=0)
        with suppress(OSError):  # a full disk is no reason not to start
            file.write(f"{START_LINE} at {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n".encode())
        return file

    def bound(self) -> None:
        """Move what is there aside when it is over the limit; copied, since a child holds the file open."""
        if self.path.exists() and self.path.stat().st_size > self._limit_bytes:
            with suppress(OSError):  # on a full disk, room matters more than old lines
                shutil.copyfile(self.path, self.path.with_name(f"{self.path.name}.1"))
            with self.path.open("r+b") as file:
                file.truncate(0)

    def tail(self, lines: int = 5) -> list[str]:
        """The last lines since the present start, without empty ones."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(max(0, self.path.stat().st_size - 8192))
            text = file.read().decode("utf-8", errors="replace")
        _, _, present = f"\n{text}".rpartition(f"\n{START_LINE}")
        return [line for line in present.splitlines()[1:] if line.strip()][-lines:]
