"""Leaves libraries out of a process that others would import where they happen to be installed."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType


class _LeftOut(MetaPathFinder):
    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Raises ModuleNotFoundError for a name that is left out, as if it were not installed."""
        if fullname in self._names:
            raise ModuleNotFoundError(f"{fullname} is left out of this process", name=fullname)


def leave_out(*names: str) -> None:
    """Let each later import of these packages fail as if they were not installed."""
    sys.meta_path.insert(0, _LeftOut(names))
