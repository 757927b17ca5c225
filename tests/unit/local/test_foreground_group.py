"""Ctrl-C under make: the program hears it and ends in order, make does not and says that all is well."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pseudo_terminal import CTRL_C, CTRL_Z, terminal

PROGRAM = """
import os, sys
from contextlib import nullcontext
from ml_training.local.interrupts import StopRequested, interrupts
from ml_training.local.foreground_group import own_terminal

def places():
    in_front = os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    return f"alone {os.getpgrp() == os.getpid()}, in front {in_front}"

before = places()
with nullcontext() if "plain" in sys.argv else own_terminal(), interrupts() as asked:
    print(f"started: {places()}", flush=True)
    try:
        asked.wait(0.0 if "leave" in sys.argv else 60.0)
        if "leave" in sys.argv:
            sys.exit("an error")
    except StopRequested:
        print("drained", flush=True)
    finally:
        print("at the end", flush=True)
print("ended: as before" if places() == before else f"ended: {places()}")
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Holds the program, and a Makefile that runs it as `make run` does."""
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    run = f"@exec {sys.executable} program.py"
    recipes = {"run": run, "plain": f"{run} plain", "leave": f"{run} leave", "after-error": f"-{run} leave\n\t{run}"}
    rules = [f"{name}:\n\t{recipe}\n" for name, recipe in recipes.items()]
    (tmp_path / "Makefile").write_text("".join(rules), encoding="utf-8")
    return tmp_path


def test_ctrl_c_ends_the_program_in_order_and_make_says_that_all_is_well(directory: Path) -> None:
    with terminal("make run", directory=directory) as person:
        person.until("started: alone True, in front True")
        person.press(CTRL_C)
        assert person.status() == 0
        assert "drained\n" in person.screen
        assert "ended: as before\n" in person.screen
        assert "***" not in person.screen


def test_without_a_group_of_its_own_make_would_have_died_of_it(directory: Path) -> None:
    with terminal("make plain", directory=directory) as person:
        person.until("started: alone False, in front True")
        person.press(CTRL_C)
        assert person.status() == 130


def test_ctrl_z_does_not_stop_what_nobody_would_wake(directory: Path) -> None:
    with terminal("make run", directory=directory) as person:
        person.until("started")
        person.press(CTRL_Z)
        person.until("^Z")
        person.press(CTRL_C)
        assert person.status() == 0


def test_the_terminal_is_given_back_after_an_error_too(directory: Path) -> None:
    with terminal("make after-error", directory=directory) as person:
        person.until("(ignored)\nstarted: alone True, in front True")
        person.press(CTRL_C)
        assert person.status() == 0


def test_afterwards_the_shell_has_its_terminal_and_may_run_it_again(directory: Path) -> None:
    with terminal("make run; echo once; make run", directory=directory) as person:
        person.until("started: alone True, in front True")
        person.press(CTRL_C)
        person.until("once\nstarted: alone True, in front True")
        person.press(CTRL_C)
        assert person.status() == 0


@pytest.mark.parametrize(
    ("command", "places"),
    [
        (f"{sys.executable} program.py leave", "alone True, in front True"),  # by the shell itself
        ("make leave & wait", "alone False, in front False"),
        ("make leave < /dev/null", "alone False, in front False"),
        ("make leave | cat", "alone False, in front True"),
    ],
)
def test_elsewhere_nothing_changes(directory: Path, command: str, places: str) -> None:
    with terminal(command, directory=directory) as person:
        person.until(f"started: {places}")


def test_without_a_terminal_nothing_changes(directory: Path) -> None:
    done = subprocess.run(
        [sys.executable, "program.py", "leave"], cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert "started: alone False, in front False" in done.stdout
    assert done.stderr == "an error\n"
