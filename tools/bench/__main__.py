"""`make bench`: the speed of the service beside the bare libraries, on this machine; writes docs/performance.md.

Figures for people, not a test: the machine should be quiet. `ARGS="small drain"` chooses stories, `--quick` takes sizes
for a few minutes, `--checkout DIR` measures the code of another checkout (with its own `.venv`), `--json FILE` keeps
the figures, and `--before FILE` shows those of an earlier run beside them.
"""

import argparse
import datetime
import json
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tools.bench import machine, report
from tools.bench.figures import Section
from tools.bench.service import ROOT, Checkout
from tools.bench.stories import STORIES
from tools.bench.stories.base import NAMES, Run, Story

PAGE = ROOT / "docs" / "performance.md"


def say(text: str) -> None:
    """A line of progress."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def measure(story: Story, options: argparse.Namespace, checkout: Checkout) -> Section:
    """One story in a new directory."""
    say(f"{story.name}: {story.title}")
    load, started = machine.load(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        rows = story.measure(
            Run(
                checkout=checkout,
                directory=Path(directory),
                databases=tuple(options.databases),
                quick=options.quick,
                huge=options.huge,
                say=lambda text: say(f"  {text}"),
                lock=options.lock,
            )
        )
    say(f"{story.name}: measured in {time.monotonic() - started:.0f} s")
    return Section(
        story=story.name,
        title=story.title,
        how=story.how,
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        commit=machine.commit_of(checkout.directory),
        conditions=f"{machine.describe()}; {load} at the start{'; small sizes (--quick)' if options.quick else ''}",
        rows=tuple(rows),
    )


def read_sections(path: Path | None) -> dict[str, Section]:
    """The sections of a file that `--json` wrote, by story; nothing without a file."""
    if path is None or not path.exists():
        return {}
    return {value["story"]: Section.from_json(value) for value in json.loads(path.read_text(encoding="utf-8"))}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("stories", nargs="*", metavar="STORY", help=f"of {', '.join(STORIES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="small sizes; the report only goes to the terminal")
    parser.add_argument("--huge", action="store_true", help="also 20,000,000 rows, which takes 10 GB of disk")
    parser.add_argument("--databases", nargs="+", default=list(NAMES), choices=list(NAMES))
    parser.add_argument("--checkout", type=Path, default=ROOT)
    parser.add_argument("--json", type=Path, help="a file to add the figures to")
    parser.add_argument("--before", type=Path, help="a file of an earlier run")
    parser.add_argument("--lock", type=Path, help="a file to lock while something is timed")
    parser.add_argument("--report", type=Path, help="the page to write; default: docs/performance.md, none when quick")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.stories if name not in STORIES]
    if unknown:
        parser.error(f"no such story: {', '.join(unknown)}; choose from {', '.join(STORIES)}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure story by story; each one is written as soon as it is measured. 1 when a story could not be measured."""
    options = parse(arguments)
    before = read_sections(options.before)
    page = options.report or (None if options.quick else PAGE)
    checkout = Checkout(options.checkout.resolve())
    failed = []
    for name in options.stories or STORIES:
        try:
            section = measure(STORIES[name], options, checkout)
        except Exception as error:  # noqa: BLE001 - the edge of a story: the others are measured anyway
            say(f"{name}: FAILED: {type(error).__name__}: {error}")
            failed.append(name)
            continue
        sys.stdout.write(f"{section.title}\n{report.console(section)}")
        sys.stdout.flush()
        if options.json is not None:
            kept = {**read_sections(options.json), name: section}
            options.json.write_text(json.dumps([each.to_json() for each in kept.values()], indent=1), encoding="utf-8")
        if page is not None:
            text = page.read_text(encoding="utf-8") if page.exists() else ""
            page.write_text(
                report.replace_sections(text, {name: report.render(section, before.get(name))}, list(STORIES)),
                encoding="utf-8",
            )
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exception: every server that was started is stopped
    sys.exit(main())
