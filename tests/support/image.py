"""Imports modules as an image would: distributions outside the image's lock file are as good as not installed.

Run as `python -m tests.support.image LOCK PACKAGE...`: imports every module of the packages or fails with the reason.
"""

import importlib
import pkgutil
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType


def locked(lock: Path) -> set[str]:
    """The normalised names of the distributions in a lock file."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    return {_normal(line.split("==")[0]) for line in lines if re.match(r"[A-Za-z0-9._-]+==", line)}


class NotInTheImage:
    """A finder that hides every installed package whose distribution the lock does not name."""

    def __init__(self, lock: Path) -> None:
        names = locked(lock)
        self._hidden = {
            package
            for package, owners in packages_distributions().items()
            if not any(_normal(owner) in names for owner in owners) and not package.startswith("_")
        } - {"ml_training", "workers", "exporter"}

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Raise ModuleNotFoundError for a hidden package, else leave it to the finders behind."""
        if name.split(".")[0] in self._hidden:
            raise ModuleNotFoundError(f"No module named {name!r} in this image", name=name)
        return None


def import_all(package: str) -> None:
    """Import `package` and every module below it."""
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, f"{package}."):
        importlib.import_module(found.name)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.meta_path.insert(0, NotInTheImage(Path(sys.argv[1])))
    for root in sys.argv[2:]:
        import_all(root)
