"""Writes the lock files: one resolution for everything, then a subset of it for each image.

Run by `make lock`. Every file holds hashes for Linux x86-64, Linux arm64 and macOS at once; `dev.txt` is resolved
first and constrains the rest, so that all processes of the service run the same versions.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SUBSETS = {"runtime": "local", "api": "api", "worker": "worker", "exporter": "exporter"}


def compile_lock(name: str, extra: str, constraint: Path | None) -> None:
    """Resolve `extra` of setup.cfg into requirements/<name>.txt."""
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        "--quiet",
        "--universal",
        "--generate-hashes",
        "--python-version",
        "3.11",
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--no-header",
        "--extra",
        extra,
        "setup.cfg",
        str(HERE / "build.in"),
        "-o",
        str(HERE / f"{name}.txt"),
    ]
    if constraint is not None:
        command += ["--constraint", str(constraint)]
    subprocess.run(command, check=True, cwd=HERE.parent)


def main() -> None:
    """Resolve the whole, then each subset under its constraint."""
    compile_lock("dev", "dev", None)
    for name, extra in SUBSETS.items():
        compile_lock(name, extra, HERE / "dev.txt")


if __name__ == "__main__":
    main()
