"""Reads a lock file of requirements/: names, versions and hashes."""

import re
from dataclasses import dataclass
from pathlib import Path

PIN = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Locked:
    """One version of a package; `sha256`: of every file of it that may be installed."""

    name: str
    version: str
    sha256: tuple[str, ...]


def read_lock(path: Path) -> list[Locked]:
    """Every pin, in the order of the file; raises ValueError for one without a hash.

    A package may occur twice, with another version for another Python.
    """
    found = []
    for entry in re.split(r"\n(?=[A-Za-z0-9])", path.read_text(encoding="utf-8")):
        pin = PIN.match(entry)
        if pin:
            locked = Locked(pin["name"], pin["version"], tuple(sorted(HASH.findall(entry))))
            if not locked.sha256:
                raise ValueError(f"{path.name}: {locked.name} has no hash")
            found.append(locked)
    return found
