"""docs/performance.md: one section a story, each replaced on its own, so that a partial run keeps all others."""

import re
from collections.abc import Iterable, Mapping, Sequence

from tools.bench.figures import Row, Section, with_unit

HEAD = """# Performance

`make bench` writes this page; do not edit it. Each story is measured beside its floor, the same work done with the bare
libraries, in the same run and in turn, because the speed of a machine changes from minute to minute. Compare figures of
one section only. A ratio is the median of the service divided by the median of its floor. Both databases use fsync.
[How to run it](../CONTRIBUTING.md#measure-the-speed). [What limits it](performance-limits.md).
"""
MARK = "<!-- story: {} -->"
MARKS = re.compile(r"^<!-- story: ([a-z0-9-]+) -->$", re.MULTILINE)
REACHED = {True: "yes", False: "**no**", None: ""}


def render(section: Section, before: Section | None = None) -> str:
    """The section as Markdown; `before` adds a column with the figures of an earlier commit."""
    header = ["", "value", "target", "reached", "spread"] + ([f"before ({before.commit})"] if before else [])
    old = {} if before is None else {row.name: row for row in before.rows}
    lines = [_cells(row) + ([_value(old.get(row.name))] if before else []) for row in section.rows]
    table = [header, ["---"] * len(header), *lines]
    return "\n".join(
        [
            MARK.format(section.story),
            f"## {section.title}",
            f"{section.how} ({section.date}, commit {section.commit}, {section.conditions})",
            "",
            *("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in table),
            "",
        ]
    )


def replace_sections(page: str, sections: Mapping[str, str], order: Sequence[str]) -> str:
    """The page with these sections in place of the ones of the same stories; the stories stay in `order`."""
    marks = list(MARKS.finditer(page))
    bounds = [*(mark.start() for mark in marks), len(page)]
    found = {mark[1]: page[bounds[at] : bounds[at + 1]] for at, mark in enumerate(marks)}
    merged = {**found, **sections}
    return "\n".join([HEAD, *(merged[story].rstrip("\n") + "\n" for story in _sorted(merged, order))])


def console(section: Section) -> str:
    """The section as lines for a terminal."""
    width = max((len(row.name) for row in section.rows), default=0)
    return "".join(
        f"  {row.name:{width}}  {with_unit(row.value, row.unit):>14}"
        f"  {row.target.text(row.unit) if row.target else '':14}"
        f" {REACHED[row.is_reached].strip('*'):4} {row.spread}\n"
        for row in section.rows
    )


def _sorted(stories: Iterable[str], order: Sequence[str]) -> list[str]:
    known = {story: place for place, story in enumerate(order)}
    return sorted(stories, key=lambda story: (known.get(story, len(known)), story))


def _cells(row: Row) -> list[str]:
    target = row.target.text(row.unit) if row.target else ""
    return [row.name, _value(row), target, REACHED[row.is_reached], row.spread]


def _value(row: Row | None) -> str:
    return "" if row is None else with_unit(row.value, row.unit)
