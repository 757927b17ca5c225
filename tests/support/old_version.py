"""The code of the project before its newest migration, out of git."""

import os
import subprocess
from pathlib import Path

import pytest

from ml_training.db.schema_version import VERSIONS, head_revision

ROOT = Path(__file__).parents[2]


def code_before_the_newest_migration(directory: Path) -> Path:
    """Unpack it there. Where git does not know it, such as in a tarball, the test fails in CI, else it is skipped."""
    [newest] = VERSIONS.glob(f"{head_revision()}_*.py")
    try:
        added = _git("log", "--diff-filter=A", "--format=%H", "-1", "--", str(newest.relative_to(ROOT)))
        archive = _git_bytes("archive", f"{added}^" if added else "HEAD")  # without a commit: it is not committed yet
    except (OSError, subprocess.CalledProcessError) as error:
        reason = f"git does not know the commit before migration {head_revision()} (a clone without history?): {error}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason=reason)
    directory.mkdir()
    subprocess.run(["tar", "-x", "-C", str(directory)], input=archive, check=True)
    return directory


def _git(*arguments: str) -> str:
    return _git_bytes(*arguments).decode().strip()


def _git_bytes(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout
