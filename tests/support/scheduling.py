"""Which tests one worker of pytest-xdist runs together."""

from typing import Any

from xdist.scheduler import LoadFileScheduling

BROWSER_TESTS = "tests/browser"


class FileScheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """A file at a time, and all files of browser tests together: they share a running service."""

    def _split_scope(self, nodeid: str) -> str:
        return BROWSER_TESTS if nodeid.startswith(f"{BROWSER_TESTS}/") else str(super()._split_scope(nodeid))


def scheduler_of(config: Any, log: Any) -> FileScheduling | None:
    """For `--dist loadfile`; None: xdist takes its own."""
    return FileScheduling(config, log) if config.getvalue("dist") == "loadfile" else None
