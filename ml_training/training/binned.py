"""What the engine knows of a cache of binned rows: files by a key, which are found, or made and added."""

import hashlib
import json
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from ml_training import __version__
from ml_training.training.matrix import FeatureRows

FORMAT_VERSION = 1  # to be raised when the same rows are read or binned in another way


class Files(Protocol):
    """Where the files are."""

    def find(self, key: str) -> AbstractContextManager[Path | None]:
        """The file of a key, there until the end of the block and verified; None when there is none."""

    def add(self, key: str, write: Callable[[Path], None], *, about_bytes: int) -> None:
        """Keep the file that `write` makes at the path it is given; `write` may raise OSError, which means: not."""


class NoFiles:
    """Finds nothing and keeps nothing."""

    @contextmanager
    def find(self, key: str) -> Iterator[Path | None]:
        """See Files."""
        yield None

    def add(self, key: str, write: Callable[[Path], None], *, about_bytes: int) -> None:
        """See Files."""


@dataclass(frozen=True, slots=True)
class BinnedCache:
    """The binned rows of one data set.

    data: the SHA-256 of its content, "" when it is not known: then nothing is found or kept.
    """

    files: Files
    data: str

    def key(self, rows: FeatureRows, binning: dict[str, Any]) -> str | None:
        """The SHA-256 of all that the bins of these rows depend on; `binning`: the parameters of the library."""
        if not self.data:
            return None
        made_from = {
            "format": FORMAT_VERSION,
            "data": self.data,
            "features": [asdict(feature) for feature in rows.reader.features],
            "rows": hashlib.sha256(rows.rows.astype("<i8").data).hexdigest(),
            "binning": binning,
            "versions": [__version__, *(version(library) for library in ("lightgbm", "numpy"))],
            "machine": [sys.byteorder, sys.platform, platform.machine()],
        }
        return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


NO_BINNED_CACHE = BinnedCache(NoFiles(), data="")
