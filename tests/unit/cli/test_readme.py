"""The README names every verb, and its links lead somewhere."""

import re
from pathlib import Path

from typer.main import get_command

from ml_training.cli.app import app

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_make_verb_is_named() -> None:
    verbs = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(verbs) > 5
    assert [verb for verb in verbs if f"`make {verb}`" not in TEXT and f"`{verb}`" not in TEXT] == []


def test_every_verb_of_the_command_line_is_named_and_no_other() -> None:
    verbs = set(get_command(app).commands)
    assert set(re.findall(r"`ml-training ([a-z]+)", TEXT)) == verbs


def test_every_link_to_a_file_leads_to_one() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", TEXT) if "://" not in link]
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []
