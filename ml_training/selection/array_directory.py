"""Reads indexes of format version 2, which older versions wrote: a directory with a `.npy` file for each array."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class ArrayDirectory:
    """The arrays of such a directory; each is mapped when it is asked for."""

    directory: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, directory: Path) -> "ArrayDirectory":
        """Read the manifest; raises OSError when it is gone."""
        return cls(directory, json.loads((directory / MANIFEST).read_bytes()))

    def array(self, name: str) -> NDArray[Any]:
        """See Arrays; raises OSError when the file is gone, ValueError when it is cut off."""
        values: NDArray[Any] = np.load(self.directory / name, mmap_mode="r", allow_pickle=False)
        return values

    def text(self, name: str) -> bytes:
        """See Arrays; raises OSError when the file is gone."""
        return (self.directory / name).read_bytes()

    def release(self) -> None:
        """See Arrays: each array is mapped for itself, and its memory is given back with it."""
