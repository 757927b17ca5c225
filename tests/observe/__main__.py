"""`make observe`: the real service under a real Prometheus; every shipped query must find data, else status 1.

`make screenshots` plays longer and draws the dashboards as well.
"""

import argparse
import math
import shutil
import sys
import tempfile
from pathlib import Path

from tests.observe import screenshots
from tests.observe.checks import Finding, Run, alert_states, check
from tests.observe.report import render
from tests.observe.run import find_programs, observed

SECONDS, SCREENSHOT_SECONDS = 90.0, 600.0
BUILD = Path("build")


def main() -> int:
    """Run, check, write; 0 when nothing is missing, 1 when something is, 2 when a program is not there."""
    options = parse()
    programs = find_programs()
    if programs is None:
        return missing("prometheus and promtool (Debian: apt-get install prometheus)")
    if options.screenshots and not (screenshots.find_chromium() and shutil.which("npm")):
        return missing("chromium and npm (Debian: apt-get install chromium npm)")
    seconds = options.seconds or (SCREENSHOT_SECONDS if options.screenshots else SECONDS)
    with tempfile.TemporaryDirectory() as directory, observed(Path(directory), programs, seconds=seconds) as run:
        problems = draw(run, options.screenshots) if options.screenshots else []
        findings = check(run)
        write_report(options.report, run, findings)
    problems += [f"{one.group}, {one.where}: {one.problem}: {one.query}" for one in findings if one.problem]
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    sys.stdout.write(f"{len(findings)} queries, {len(problems)} problems; report: {options.report}\n")
    return 1 if problems else 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.observe", description=__doc__)
    parser.add_argument("--report", type=Path, default=BUILD / "observe.md", help="Markdown file to write")
    parser.add_argument("--seconds", type=float, help="how long the mix of jobs is played")
    parser.add_argument("--screenshots", type=Path, help="directory for a PNG of each dashboard")
    return parser.parse_args()


def missing(what: str) -> int:
    """Say which programs are not on PATH; the exit status."""
    sys.stderr.write(f"this needs {what} on PATH\n")
    return 2


def draw(run: Run, folder: Path) -> list[str]:
    """Draw every dashboard as it looks now; what is wrong with the pictures."""
    project = screenshots.bundle(BUILD / "render")
    pictures = screenshots.draw(project, folder, run, minutes=math.ceil(run.seconds / 60))
    for picture in pictures:
        empty = ", ".join(panel["title"] for panel in picture.drawn.panels if not panel["frames"])
        sys.stdout.write(f"{picture.file}: {len(picture.drawn.panels)} panels; without data: {empty or 'none'}\n")
    return [f"{picture.name}: {problem}" for picture in pictures for problem in screenshots.problems_of(picture)]


def write_report(path: Path, run: Run, findings: list[Finding]) -> None:
    """The report as a file; its directory is made."""
    facts = {"Prometheus": run.prometheus.version(), "observed for": f"{run.seconds} s"}
    path.parent.mkdir(parents=True, exist_ok=True)
    text = render(findings, title="What the queries find", facts=facts, alerts=alert_states(run.prometheus))
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
