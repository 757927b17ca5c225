"""No mannered word in comments, docstrings and documents: plain terms that a search engine finds."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("ml_training", "workers", "exporter", "dashboards")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
BANNED = re.compile(
    r"""\b(
        heed(s|ed)? | befell | befall(s|en)? | anew | meanwhile | doors? | lanes? | painters? | lasting | goodbye
        | mend(s|ed|ing)? | stands? | stood | told | by\s+heart | for\s+want\s+of | of\s+nobody | by\s+way\s+of
        | (hold|holds|held|holding)\s+(\w+\s+){0,4}against | go(es)?\s+on | went\s+on | whatever\s+becomes
        | so\s+many | as\s+often\s+as\s+it\s+takes
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
Text = tuple[int, str]  # (first line, text)


def comments(source: str) -> Iterator[Text]:
    """Every comment of a Python file; comments on consecutive lines are one text, so that a phrase may wrap."""
    first, last, words = 0, -1, ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        if words and line != last + 1:
            yield first, words
            words = ""
        first = first if words else line
        words, last = words + token.string.lstrip("#") + "\n", line
    if words:
        yield first, words


def docstrings(source: str) -> Iterator[Text]:
    """Every docstring, and every string that documents an attribute: an expression that is only a string."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def texts(path: Path) -> Iterator[Text]:
    """The prose of a file."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield 1, source
    else:
        yield from comments(source)
        yield from docstrings(source)


def mannered(path: Path) -> list[str]:
    """`file:line: word` for each banned word of a file."""
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name
    found = [
        (line + text.count("\n", 0, match.start()), " ".join(match[0].split()))
        for line, text in texts(path)
        for match in BANNED.finditer(text)
    ]
    return [f"{name}:{line}: {word}" for line, word in sorted(found)]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('"""What befell the fleet."""\n', "befell"),
        ("x = 1  # it goes on\n", "goes on"),
        ("# a spec is held\n# against its data\n", "held against"),
        ('class A:\n    """Fine."""\n\n    b = 1\n    """Mended."""\n', "Mended"),
    ],
)
def test_a_banned_word_is_found_wherever_prose_is(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "x.py"
    path.write_text(text, encoding="utf-8")
    assert [line.rpartition(": ")[2].replace(" # ", " ") for line in mannered(path)] == [word]


@pytest.mark.parametrize("text", ["x = 'the door'\n", "door = 1\n", "# standard, understood, control plane\n"])
def test_code_and_longer_words_are_free(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.py"
    path.write_text(text, encoding="utf-8")
    assert mannered(path) == []


def test_prose_is_plain() -> None:
    assert [line for path in (*SOURCES, *PAGES) for line in mannered(path)] == []
