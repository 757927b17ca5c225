"""Every code block of docs/client.md and docs/cli.md runs against the real stack."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack_process import PROGRAM, StackProcess, start_stack

pytestmark = pytest.mark.slow
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackProcess]:
    """The single-machine stack, ready and empty."""
    with start_stack(tmp_path_factory.mktemp("up") / "data") as stack:
        stack.wait_until_ready()
        yield stack


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def run(stack: StackProcess, directory: Path, *command: str) -> str:
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "ML_TRAINING_DATA_DIR": str(stack.data_dir), "PATH": path}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{stack.output}"
    return done.stdout


def test_the_page_of_the_command_line_runs_from_top_to_bottom(stack: StackProcess, tmp_path: Path) -> None:
    script = "set -eux\n" + "\n".join(blocks("cli.md", "sh"))
    printed = run(stack, tmp_path, "sh", "-c", script)
    for part in (
        "data set 1 (churn version 1) is READY",
        "made model 1",
        "held-out  accuracy",
        "made comparison 1",
        '"row","customer_id","prediction"',
    ):
        assert part in printed
    assert (tmp_path / "churn.zip").stat().st_size > 0


def test_the_page_of_the_client_runs_from_top_to_bottom(stack: StackProcess, tmp_path: Path) -> None:
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks("client.md", "python")), encoding="utf-8")
    printed = run(stack, tmp_path, sys.executable, str(script))
    assert "COMPLETED" in printed
    assert "422" in printed
