"""Draws every dashboard as a PNG, with Grafana's scene engine in headless Chromium and the data of a Prometheus."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.observe.expressions import committed_dashboards
from tools.observe.observed_service import ObservedService
from tools.observe.page_server import DrawnPage, PageServer, running_page_server
from tools.observe.prometheus_server import SCRAPE_SECONDS

RENDER = Path(__file__).with_name("render")
NPM = ("npm", "ci", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund")
WIDTH = 1600
ROW, CONTROLS = 38, 80  # pixels: a row of Grafana's grid with its gap; what is above the grid
LARGEST_BYTES = 250_000
CHROMIUM_SECONDS = 120
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
)


@dataclass(frozen=True, slots=True)
class Screenshot:
    """A picture of a dashboard: the file, and what the page reported about each panel."""

    name: str
    file: Path
    drawn: DrawnPage


def find_chromium() -> str | None:
    """Chromium from PATH, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def build_render_project(directory: Path) -> Path:
    """Install the render project's packages into `directory` and build its page there; raises CalledProcessError."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(RENDER / name, directory / name)
    if not _is_installed(directory):
        subprocess.run(NPM, cwd=directory, check=True)
        shutil.copyfile(RENDER / "package-lock.json", directory / "installed.json")
    subprocess.run(["node", str(RENDER / "build.mjs"), "dist"], cwd=directory, check=True)
    return directory


def take_screenshots(project: Path, folder: Path, observed: ObservedService, *, minutes: int) -> list[Screenshot]:
    """A PNG in `folder` for each dashboard over the last `minutes`."""
    chromium = find_chromium()
    assert chromium
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    with running_page_server(project, observed.prometheus.url) as server:
        for name, document in committed_dashboards().items():
            server.show(
                {
                    "dashboard": document,
                    "values": dict(observed.preferred),
                    "scrapeSeconds": SCRAPE_SECONDS,
                    "from": f"now-{minutes}m",
                    "to": "now",
                }
            )
            file = folder / f"{name.removeprefix('dashboard_').removesuffix('.json')}.png"
            _take_screenshot(chromium, server, file, height=height_of(document))
            subprocess.run(["node", str(RENDER / "shrink.mjs"), str(file.absolute())], cwd=project, check=True)
            taken.append(Screenshot(name, file, server.drawn()))
    return taken


def height_of(document: Mapping[str, Any]) -> int:
    """The height of the whole dashboard in pixels."""
    rows = max(int(panel["gridPos"]["y"]) + int(panel["gridPos"]["h"]) for panel in document["panels"])
    return CONTROLS + ROW * rows


def _take_screenshot(chromium: str, server: PageServer, file: Path, *, height: int) -> None:
    """Write a picture of the page that the server serves to `file`."""
    with tempfile.TemporaryDirectory() as profile:
        command = [
            chromium,
            *CHROMIUM_FLAGS,
            f"--user-data-dir={profile}",
            f"--window-size={WIDTH},{height}",
            f"--screenshot={file}",
            server.url,
        ]
        environment = {**os.environ, "TZ": "UTC"}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=CHROMIUM_SECONDS, check=False
        )
    if done.returncode or not file.exists():
        raise RuntimeError(f"chromium ended with {done.returncode}: {done.stderr[-2000:]}")


def problems_of(screenshot: Screenshot) -> list[str]:
    """What is wrong with a picture: errors of page or panels, panels without a result, too many bytes."""
    found = [*screenshot.drawn.errors]
    for panel in screenshot.drawn.panels:
        found += [f"{panel['title']}: {error}" for error in panel["errors"]]
        found += [] if panel["isDone"] else [f"{panel['title']}: no answer"]
        found += [f"{panel['title']}: data, but no line"] if panel["isBlank"] and panel["frames"] else []
    if not screenshot.drawn.panels:
        found.append("the page reported nothing")
    if (size := screenshot.file.stat().st_size) > LARGEST_BYTES:
        found.append(f"{size} bytes, more than {LARGEST_BYTES}")
    return found


def _is_installed(directory: Path) -> bool:
    installed = directory / "installed.json"
    wanted = json.loads((RENDER / "package-lock.json").read_text(encoding="utf-8"))
    return installed.exists() and json.loads(installed.read_text(encoding="utf-8")) == wanted
