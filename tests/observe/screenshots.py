"""Draws every dashboard with Grafana's own scene engine in headless Chromium, over a Prometheus that watched a run."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.observe.checks import Run
from tests.observe.expressions import dashboards
from tests.observe.page_server import Drawn, PageServer, serving
from tests.observe.prometheus import SCRAPE_SECONDS

RENDER = Path(__file__).with_name("render")
NPM = ("npm", "ci", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund")
WIDTH = 1600
ROW, CONTROLS = 38, 80  # pixels: a row of Grafana's grid with its gap; what stands above the grid
LARGEST_BYTES = 250_000
CHROMIUM_SECONDS = 120
CHROMIUM_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--force-device-scale-factor=1",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn dashboard: the file, and what its page said about each panel."""

    name: str
    file: Path
    drawn: Drawn


def find_chromium() -> str | None:
    """Chromium of PATH, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def bundle(directory: Path) -> Path:
    """Install the render project's packages into `directory` and build its page there; raises CalledProcessError."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(RENDER / name, directory / name)
    if not _is_installed(directory):
        subprocess.run(NPM, cwd=directory, check=True)
        shutil.copyfile(RENDER / "package-lock.json", directory / "installed.json")
    subprocess.run(["node", str(RENDER / "build.mjs"), "dist"], cwd=directory, check=True)
    return directory


def draw(project: Path, folder: Path, run: Run, *, minutes: int) -> list[Picture]:
    """A PNG in `folder` for each dashboard over the last `minutes`."""
    chromium = find_chromium()
    assert chromium
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    with serving(project, run.prometheus.url) as server:
        for name, document in dashboards().items():
            server.show(
                {
                    "dashboard": document, "values": dict(run.preferred), "scrapeSeconds": SCRAPE_SECONDS,
                    "from": f"now-{minutes}m", "to": "now",
                }
            )  # fmt: skip
            file = folder / f"{name.removeprefix('dashboard_').removesuffix('.json')}.png"
            shoot(chromium, server, file, height=height_of(document))
            subprocess.run(["node", str(RENDER / "shrink.mjs"), str(file.absolute())], cwd=project, check=True)
            pictures.append(Picture(name, file, server.drawn()))
    return pictures


def height_of(document: Mapping[str, Any]) -> int:
    """Pixels that the whole dashboard needs."""
    rows = max(int(panel["gridPos"]["y"]) + int(panel["gridPos"]["h"]) for panel in document["panels"])
    return CONTROLS + ROW * rows


def shoot(chromium: str, server: PageServer, file: Path, *, height: int) -> None:
    """Draw the page that the server shows."""
    with tempfile.TemporaryDirectory() as profile:
        command = [
            chromium, *CHROMIUM_FLAGS, f"--user-data-dir={profile}", f"--window-size={WIDTH},{height}",
            f"--screenshot={file}", server.url,
        ]  # fmt: skip
        environment = {**os.environ, "TZ": "UTC"}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=CHROMIUM_SECONDS, check=False
        )
    if done.returncode or not file.exists():
        raise RuntimeError(f"chromium ended with {done.returncode}: {done.stderr[-2000:]}")


def problems_of(picture: Picture) -> list[str]:
    """What is wrong with a picture: errors of page or panels, panels without an answer, too many bytes."""
    found = [*picture.drawn.errors]
    for panel in picture.drawn.panels:
        found += [f"{panel['title']}: {error}" for error in panel["errors"]]
        found += [] if panel["isDone"] else [f"{panel['title']}: no answer"]
        found += [f"{panel['title']}: data, but no line"] if panel["isBlank"] and panel["frames"] else []
    if not picture.drawn.panels:
        found.append("the page said nothing")
    if (size := picture.file.stat().st_size) > LARGEST_BYTES:
        found.append(f"{size} bytes, more than {LARGEST_BYTES}")
    return found


def _is_installed(directory: Path) -> bool:
    installed = directory / "installed.json"
    wanted = json.loads((RENDER / "package-lock.json").read_text(encoding="utf-8"))
    return installed.exists() and json.loads(installed.read_text(encoding="utf-8")) == wanted
