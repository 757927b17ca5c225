"""The images of Dockerfile and Compose: a tag can be moved to other bytes, a digest cannot."""

import re
from pathlib import Path

DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
NAMED = re.compile(r"^FROM\s+(\S+)|^\s+image:\s+(\S+)", re.MULTILINE)


def images(root: Path) -> list[str]:
    """Every image that is fetched, in order of its name."""
    files = [root / "Dockerfile", *sorted(root.glob("docker-compose*.yml"))]
    texts = [file.read_text(encoding="utf-8") for file in files]
    named = {first or second for text in texts for first, second in NAMED.findall(text)}
    return sorted(name for name in named if ":" in name)  # the others are built here


def without_digest(root: Path) -> list[str]:
    """Those that are named by a tag only."""
    return [name for name in images(root) if not DIGEST.search(name)]
