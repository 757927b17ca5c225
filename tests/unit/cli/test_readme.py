"""The README names every make target and every command, and its links exist."""

import re
from pathlib import Path

from typer.main import get_command

from ml_training.cli.app import app

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_make_target_is_named() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(targets) > 5
    assert [target for target in targets if f"`make {target}`" not in TEXT and f"`{target}`" not in TEXT] == []


def test_every_command_is_named_and_no_other() -> None:
    commands = set(get_command(app).commands)
    assert set(re.findall(r"`ml-training ([a-z]+)", TEXT)) == commands


def test_every_link_to_a_file_exists() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", TEXT) if "://" not in link]
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []
