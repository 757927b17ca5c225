"""Builds the runbook as a page of the console, so that an alert and a panel can link to it where no repository is.

`python -m tools.runbook_page` writes it; a test compares it with docs/runbook.md.
"""

import itertools
import sys
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "docs" / "runbook.md"
PAGE = ROOT / "ml_training" / "console" / "runbook.html"
HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Runbook · ML Training</title>
<link rel="icon" href="/console/icon.svg">
<link rel="stylesheet" href="/console/style.css">
</head>
<body>
<header class="bar"><a class="brand" href="/console/">ML Training</a></header>
<main class="text">
"""
TAIL = "</main>\n</body>\n</html>\n"


def runbook_page() -> str:
    """The HTML page; each alert has a heading with its name as id, and a line in the contents."""
    markdown = MarkdownIt("commonmark", {"html": False})
    tokens = markdown.parse(SOURCE.read_text(encoding="utf-8"))
    alerts = _name_headings(tokens)
    _leave_out_links_to_files(tokens)
    first = next(at for at, token in enumerate(tokens) if token.type == "heading_open" and token.tag == "h2")
    before, after = (markdown.renderer.render(part, markdown.options, {}) for part in (tokens[:first], tokens[first:]))
    after = after.replace("\n<strong>", "<br>\n<strong>")  # symptom, check and remedy begin a line
    contents = "".join(f'<li><a href="#{name}">{name}</a></li>\n' for name in alerts)
    return f'{HEAD}{before}<nav aria-label="Alerts">\n<ul>\n{contents}</ul>\n</nav>\n{after}{TAIL}'


def _name_headings(tokens: list[Token]) -> list[str]:
    names = []
    for heading, text in itertools.pairwise(tokens):
        if heading.type == "heading_open" and heading.tag == "h2":
            names.append(text.content)
            heading.attrSet("id", text.content)
    return names


def _leave_out_links_to_files(tokens: list[Token]) -> None:
    """Other documents are not served: their names stay, as text."""
    for token in tokens:
        if token.children:
            token.children = [child for child in token.children if child.type not in ("link_open", "link_close")]


def main() -> int:
    """Write the page."""
    PAGE.write_text(runbook_page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
