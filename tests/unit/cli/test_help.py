"""Every command explains itself with an example, answers programs with JSON, and is on the page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from ml_training.cli.app import app
from tests.support.command_line import run_command

PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))


ALL = dict(commands(get_command(app)))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_a_command_has_help_with_an_example_and_an_answer_in_json(path: tuple[str, ...]) -> None:
    result = run_command(*path, "--help")
    assert result.exit_code == 0
    assert "Example: " in result.stdout
    assert "ml-training" in result.stdout
    assert any("--json" in parameter.opts for parameter in ALL[path].params)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_a_command_is_on_the_page(path: tuple[str, ...]) -> None:
    assert path[-1] in PAGE


def test_the_version_is_printed() -> None:
    assert run_command("--version").stdout.startswith("ml-training 0.")
