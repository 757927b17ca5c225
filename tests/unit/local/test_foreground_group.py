"""Ctrl-C under make: the program receives it and stops in order; make does not receive it and succeeds."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pseudo_terminal import CTRL_C, CTRL_Z, open_terminal

PROGRAM = """
import os, sys
from contextlib import nullcontext
from ml_training.local.interrupts import StopRequested, catch_interrupts
from ml_training.local.foreground_group import own_foreground_group

def group():
    foreground = os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    return f"alone {os.getpgrp() == os.getpid()}, foreground {foreground}"

before = group()
with nullcontext() if "plain" in sys.argv else own_foreground_group(), catch_interrupts() as interrupts:
    print(f"started: {group()}", flush=True)
    try:
        interrupts.wait(0.0 if "exit" in sys.argv else 60.0)
        if "exit" in sys.argv:
            sys.exit("an error")
    except StopRequested:
        print("stopped in order", flush=True)
    finally:
        print("at the end", flush=True)
print("ended: as before" if group() == before else f"ended: {group()}")
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Holds the program, and a Makefile that runs it as `make run` does."""
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    run = f"@exec {sys.executable} program.py"
    recipes = {"run": run, "plain": f"{run} plain", "exit": f"{run} exit", "after-error": f"-{run} exit\n\t{run}"}
    rules = [f"{name}:\n\t{recipe}\n" for name, recipe in recipes.items()]
    (tmp_path / "Makefile").write_text("".join(rules), encoding="utf-8")
    return tmp_path


def test_ctrl_c_stops_the_program_in_order_and_make_succeeds(directory: Path) -> None:
    with open_terminal("make run", directory=directory) as terminal:
        terminal.wait_for("started: alone True, foreground True")
        terminal.press(CTRL_C)
        assert terminal.exit_status() == 0
        assert "stopped in order\n" in terminal.screen
        assert "ended: as before\n" in terminal.screen
        assert "***" not in terminal.screen


def test_without_an_own_group_make_ends_with_status_130(directory: Path) -> None:
    with open_terminal("make plain", directory=directory) as terminal:
        terminal.wait_for("started: alone False, foreground True")
        terminal.press(CTRL_C)
        assert terminal.exit_status() == 130


def test_ctrl_z_is_ignored(directory: Path) -> None:
    with open_terminal("make run", directory=directory) as terminal:
        terminal.wait_for("started")
        terminal.press(CTRL_Z)
        terminal.wait_for("^Z")
        terminal.press(CTRL_C)
        assert terminal.exit_status() == 0


def test_the_terminal_is_given_back_after_an_error(directory: Path) -> None:
    with open_terminal("make after-error", directory=directory) as terminal:
        terminal.wait_for("(ignored)\nstarted: alone True, foreground True")
        terminal.press(CTRL_C)
        assert terminal.exit_status() == 0


def test_the_shell_gets_its_terminal_back_and_can_run_the_program_again(directory: Path) -> None:
    with open_terminal("make run; echo once; make run", directory=directory) as terminal:
        terminal.wait_for("started: alone True, foreground True")
        terminal.press(CTRL_C)
        terminal.wait_for("once\nstarted: alone True, foreground True")
        terminal.press(CTRL_C)
        assert terminal.exit_status() == 0


@pytest.mark.parametrize(
    ("command", "group"),
    [
        (f"{sys.executable} program.py exit", "alone True, foreground True"),  # started by the shell
        ("make exit & wait", "alone False, foreground False"),
        ("make exit < /dev/null", "alone False, foreground False"),
        ("make exit | cat", "alone False, foreground True"),
    ],
)
def test_nothing_changes_when_the_terminal_is_not_shared(directory: Path, command: str, group: str) -> None:
    with open_terminal(command, directory=directory) as terminal:
        terminal.wait_for(f"started: {group}")


def test_without_a_terminal_nothing_changes(directory: Path) -> None:
    done = subprocess.run(
        [sys.executable, "program.py", "exit"], cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert "started: alone False, foreground False" in done.stdout
    assert done.stderr == "an error\n"
