"""Writes the lock files: one resolution for everything, then a subset of it for each image and for the client.

Run by `make lock`. Every file holds hashes for Linux x86-64, Linux arm64 and macOS at once; `dev.txt` is resolved
first and constrains the rest, so that all processes of the service run the same versions.
"""

import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

HERE = Path(__file__).parent
WHOLE = {"dev": "dev", "runtime": "local", "client": None}  # lock file -> extra; the client and the command line are in
TOOLS = ("charts", "schemathesis")  # extras for one command of the Makefile, too large for everybody's environment
IMAGES = ("api", "worker", "exporter", "dask")  # these extras alone: an image copies the code and installs no client


def compile_lock(name: str, *sources: str, text: str | None = None) -> None:
    """Resolve the sources into requirements/<name>.txt; `text`: what the source `-` reads."""
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
        *sources,
        "-o",
        str(HERE / f"{name}.txt"),
    ]
    if name != "dev":
        command += ["--constraint", str(HERE / "dev.txt")]
    subprocess.run(command, check=True, cwd=HERE.parent, input=text, text=True)


def requirements_of(extra: str) -> str:
    """The requirements of an extra of setup.cfg, without those of the project itself."""
    config = ConfigParser()
    config.read(HERE.parent / "setup.cfg", encoding="utf-8")
    return config["options.extras_require"][extra]


def main() -> None:
    """Resolve the whole, then each subset under its constraint, and the installer by itself."""
    for name, extra in WHOLE.items():
        chosen = [] if extra is None else ["--extra", extra, str(HERE / "build.in")]
        compile_lock(name, *chosen, "setup.cfg")
    for name in (*IMAGES, *TOOLS):
        compile_lock(name, "-", str(HERE / "build.in"), text=requirements_of(name))
    compile_lock("uv", str(HERE / "uv.in"))


if __name__ == "__main__":
    main()
