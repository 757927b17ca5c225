"""`make observe`: run the real service with a real Prometheus; exit with status 1 if a shipped query finds no data.

`make screenshots` runs longer and draws the dashboards too.
"""

import argparse
import math
import shutil
import sys
import tempfile
from pathlib import Path

from tools.observe import screenshots
from tools.observe.checks import Finding, alert_states, check_service
from tools.observe.observed_service import ObservedService, find_programs, observe_service
from tools.observe.report import render_report

SECONDS, SCREENSHOT_SECONDS = 90.0, 600.0
BUILD = Path("build")


def main() -> int:
    """Run, check, write the report. Exit status: 0 no problem, 1 some problem, 2 a program is not installed."""
    options = parse_arguments()
    programs = find_programs()
    if programs is None:
        return report_missing("prometheus and promtool (Debian: apt-get install prometheus)")
    if options.screenshots and not (screenshots.find_chromium() and shutil.which("npm")):
        return report_missing("chromium and npm (Debian: apt-get install chromium npm)")
    seconds = options.seconds or (SCREENSHOT_SECONDS if options.screenshots else SECONDS)
    with (
        tempfile.TemporaryDirectory() as directory,
        observe_service(Path(directory), programs, seconds=seconds) as observed,
    ):
        problems = draw_dashboards(observed, options.screenshots) if options.screenshots else []
        findings = check_service(observed)
        write_report(options.report, observed, findings)
    problems += [f"{one.group}, {one.where}: {one.problem}: {one.query}" for one in findings if one.problem]
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    sys.stdout.write(f"{len(findings)} queries, {len(problems)} problems; report: {options.report}\n")
    return 1 if problems else 0


def parse_arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.observe", description=__doc__)
    parser.add_argument("--report", type=Path, default=BUILD / "observe.md", help="Markdown file to write")
    parser.add_argument("--seconds", type=float, help="how long the service works on jobs")
    parser.add_argument("--screenshots", type=Path, help="directory for a PNG of each dashboard")
    return parser.parse_args()


def report_missing(what: str) -> int:
    """Print which programs are not on PATH; return the exit status."""
    sys.stderr.write(f"this needs {what} on PATH\n")
    return 2


def draw_dashboards(observed: ObservedService, folder: Path) -> list[str]:
    """Draw every dashboard as it looks now; return what is wrong with the pictures."""
    project = screenshots.build_render_project(BUILD / "render")
    taken = screenshots.take_screenshots(project, folder, observed, minutes=math.ceil(observed.seconds / 60))
    for screenshot in taken:
        empty = ", ".join(panel["title"] for panel in screenshot.drawn.panels if not panel["frames"])
        sys.stdout.write(f"{screenshot.file}: {len(screenshot.drawn.panels)} panels; without data: {empty or 'none'}\n")
    return [f"{screenshot.name}: {problem}" for screenshot in taken for problem in screenshots.problems_of(screenshot)]


def write_report(path: Path, observed: ObservedService, findings: list[Finding]) -> None:
    """Write the report to `path`; create its directory."""
    facts = {"Prometheus": observed.prometheus.version(), "observed for": f"{observed.seconds} s"}
    path.parent.mkdir(parents=True, exist_ok=True)
    text = render_report(findings, title="What the queries find", facts=facts, alerts=alert_states(observed.prometheus))
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
