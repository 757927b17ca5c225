"""`make vendor`: fetch the console's three libraries at their pinned versions with npm, and note their hashes.

The files are used as they are, but for one thing: a browser without a build step cannot resolve the bare name
"preact", so an import of it becomes the path of the file beside it; and source maps are not shipped.
"""

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "ml_training" / "console" / "vendor"
SOURCE_MAP = re.compile(rb"\n?//# sourceMappingURL=\S+\n?")


@dataclass(frozen=True, slots=True)
class Library:
    """A package of the npm registry, and which of its files become which of ours."""

    name: str
    version: str
    licence: str
    files: dict[str, str]


LIBRARIES = (
    Library(
        "preact",
        "11.2.0",
        "MIT",
        {"dist/preact.mjs": "preact.js", "hooks/dist/hooks.mjs": "preact-hooks.js", "LICENSE": "preact.LICENSE.txt"},
    ),
    Library("htm", "3.1.1", "Apache-2.0", {"dist/htm.module.js": "htm.js", "LICENSE": "htm.LICENSE.txt"}),
    Library(
        "uplot",
        "1.6.32",
        "MIT",
        {"dist/uPlot.esm.js": "uplot.js", "dist/uPlot.min.css": "uplot.css", "LICENSE": "uplot.LICENSE.txt"},
    ),
)


def main() -> int:
    """Write every file and `libraries.json`, which the tests hold against the files."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    noted = []
    for library in LIBRARIES:
        contents = {ours: adapted(content) for ours, content in fetched(library).items()}
        for name, content in contents.items():
            (VENDOR / name).write_bytes(content)
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(contents.items())}
        noted.append({**asdict(library), "files": hashes})
    (VENDOR / "libraries.json").write_text(json.dumps(noted, indent=2) + "\n", encoding="utf-8")
    return 0


def fetched(library: Library) -> dict[str, bytes]:
    """The wanted files of the package, by our name."""
    with tempfile.TemporaryDirectory() as directory:
        command = ["npm", "pack", "--silent", f"{library.name}@{library.version}", "--pack-destination", directory]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        [archive] = Path(directory).glob("*.tgz")
        with tarfile.open(archive) as package:
            return {ours: _member(package, f"package/{theirs}") for theirs, ours in library.files.items()}


def adapted(content: bytes) -> bytes:
    """A file as the console ships it."""
    return SOURCE_MAP.sub(b"\n", content.replace(b'from"preact"', b'from"./preact.js"'))


def _member(package: tarfile.TarFile, name: str) -> bytes:
    found = package.extractfile(name)
    if found is None:
        raise FileNotFoundError(name)
    return found.read()


if __name__ == "__main__":
    sys.exit(main())
