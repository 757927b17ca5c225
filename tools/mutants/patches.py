"""The patches: which guard each removes, which tests must notice, and how it is applied to a copy of the sources."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COPIED = (
    "ml_training",
    "workers",
    "exporter",
    "dashboards",
    "tests",
    "tools",
    "setup.cfg",
    "pyproject.toml",
    "README.md",
)
REMOVES, CAUGHT = re.compile(r"^# Removes: (.+)$", re.MULTILINE), re.compile(r"^# Caught by: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Patch:
    """One mutant."""

    path: Path
    removes: str
    tests: tuple[str, ...]  # node ids of pytest; every one must fail

    @property
    def name(self) -> str:
        """Its file's name."""
        return self.path.stem

    def apply(self, copy: Path, *, check: bool = False) -> None:
        """Change the copy; raises CalledProcessError when the sources are not what the patch was made for."""
        command = ["git", "apply", *(["--check"] if check else []), str(self.path)]
        # Outside of a repository git takes paths as they are; inside of one it would skip what is not its own.
        subprocess.run(command, cwd=copy, check=True, capture_output=True, env={"GIT_DIR": "/dev/null", "PATH": PATH})


PATH = "/usr/local/bin:/usr/bin:/bin"


def all_patches() -> list[Patch]:
    """Every mutant, by name."""
    return [_read(path) for path in sorted(HERE.glob("*.patch"))]


def copy_sources(to: Path) -> Path:
    """A copy of what tests need, to be changed and thrown away."""
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "node_modules")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=ignore)
        else:
            shutil.copy2(source, to / name)
    return to


def _read(path: Path) -> Patch:
    text = path.read_text(encoding="utf-8")
    removes = REMOVES.search(text)
    assert removes is not None, f"{path.name} does not say what it removes"
    return Patch(path, removes[1], tuple(CAUGHT.findall(text)))
