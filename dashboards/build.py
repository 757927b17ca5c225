"""Writes the JSON file of every dashboard, or checks that the committed files equal what the code would write."""

import argparse
import json
from collections.abc import Callable, Sequence
from difflib import unified_diff
from pathlib import Path

from dashboards import fleet, internals, job, ml_training_service, models, overview
from dashboards.grafana_sdk import JSONEncoder, dashboard

HERE = Path(__file__).parent
DASHBOARDS: dict[str, Callable[[], dashboard.Dashboard]] = {
    "dashboard_ml_training_service.json": ml_training_service.build,
    "dashboard_ml_training_overview.json": overview.build,
    "dashboard_ml_training_fleet.json": fleet.build,
    "dashboard_ml_training_job.json": job.build,
    "dashboard_ml_training_models.json": models.build,
    "dashboard_ml_training_internals.json": internals.build,
}


def build_all() -> tuple[dashboard.Dashboard, ...]:
    """Every dashboard, newly built."""
    return tuple(build() for build in DASHBOARDS.values())


def render(built: dashboard.Dashboard) -> str:
    """The text of the file. Panel ids are 1..n in reading order and keys are sorted: equal dashboards, equal bytes."""
    for number, panel in enumerate(built.panels or [], start=1):
        panel.id_val = number
    # The SDK has no field for the theme. Grafana itself takes it from the user or the server's default.
    document = {**json.loads(json.dumps(built, cls=JSONEncoder)), "style": "dark"}
    for link in document.get("links") or []:
        # The SDK would put every link into the menu of the controls, where nobody looks for it.
        link.pop("placement", None)
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def drift(folder: Path = HERE) -> str:
    """A unified diff from the files in `folder` to what the code would write; empty when they are equal."""
    lines: list[str] = []
    for name, build in DASHBOARDS.items():
        path = folder / name
        committed = path.read_text(encoding="utf-8") if path.exists() else ""
        lines += unified_diff(
            committed.splitlines(keepends=True), render(build()).splitlines(keepends=True), name, f"{name} (built)"
        )
    return "".join(lines)


def write(folder: Path = HERE) -> None:
    """Write the file of every dashboard into `folder`."""
    for name, build in DASHBOARDS.items():
        (folder / name).write_text(render(build()), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the files; with --check, exit with status 1 and a diff when a committed file differs."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail with a diff when a file differs")
    if not parser.parse_args(arguments).check:
        write()
    elif difference := drift():
        raise SystemExit(
            f"{difference}\nthe dashboards differ from their code: run `make dashboards` and commit the result"
        )


if __name__ == "__main__":
    main()
