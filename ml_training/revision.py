"""The revision of the running code: from the image build, else from the git checkout, else only the version."""

import subprocess
from functools import cache
from pathlib import Path

from ml_training import __version__

REVISION_FILE = Path(__file__).parent / "REVISION"  # written by the image build


@cache
def code_revision() -> str:
    """A commit id, or `v<version>` when there is none."""
    if REVISION_FILE.exists():
        return REVISION_FILE.read_text(encoding="utf-8").strip()
    try:
        found = subprocess.run(
            ["git", "-C", str(REVISION_FILE.parent), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return f"v{__version__}"
    return found.stdout.strip()
