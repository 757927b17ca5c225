"""The client and the HTTP commands need nothing of the server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ml_training.local.ports import free_port
from tests.support.json_server import JsonServer

ROOT = Path(__file__).parents[3]
LOCK = "requirements/client.txt"
NEED_LIBRARIES = ("estimators",)  # scikit-learn
AS_INSTALLED = f"""
import sys
from pathlib import Path
from tests.support.image import NotInTheImage
sys.meta_path.insert(0, NotInTheImage(Path("{LOCK}")))
"""


def run_as_installed(script: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a script in an interpreter that has only the packages of the client's lock file."""
    return subprocess.run(
        [sys.executable, "-c", AS_INSTALLED + script],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def run_command(*arguments: str, url: str = "http://127.0.0.1:1") -> "subprocess.CompletedProcess[str]":
    script = f"sys.argv[1:] = {list(arguments)!r}\nfrom ml_training.cli import main\nmain()"
    return run_as_installed(script, ML_TRAINING_API_URL=url)


def test_the_client_is_imported_without_a_package_of_the_server() -> None:
    script = (
        "import importlib, pkgutil, ml_training.client as client\n"
        "for found in pkgutil.iter_modules(client.__path__):\n"
        f"    if found.name not in {NEED_LIBRARIES!r}: importlib.import_module(f'ml_training.client.{{found.name}}')"
    )
    done = run_as_installed(script)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NEED_LIBRARIES)
def test_what_needs_a_library_names_it(name: str) -> None:
    done = run_as_installed(f"import ml_training.client.{name}")
    assert "No module named 'numpy'" in done.stderr


def test_the_package_alone_loads_no_library() -> None:
    script = (
        "import sys; before = set(sys.modules); import ml_training.client; "
        "print([name for name in ('httpx', 'rich', 'numpy', 'pydantic', 'typer') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_http_commands_run(server: JsonServer) -> None:
    server.answer("GET", "/api/v1/jobs", {"items": [], "next_cursor": None})
    done = run_command("jobs", url=server.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert "status" in done.stdout


@pytest.mark.parametrize("command", [["up"], ["down"], ["migrate"], ["doctor"]])
def test_a_command_that_needs_the_server_says_what_to_install(command: list[str]) -> None:
    done = run_command(*command)
    assert done.returncode == 1
    assert 'pip install "ml-training-service[local]"' in done.stderr


def test_when_nobody_answers_the_message_says_what_to_do() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = run_command("jobs", url=url)
    assert done.returncode == 1
    assert f"no ML Training Service answers at {url}" in done.stderr
    assert 'start one with "ml-training up", or set ML_TRAINING_API_URL; "ml-training doctor" checks it' in done.stderr


def test_help_loads_neither_the_client_nor_its_libraries() -> None:
    script = (
        "import sys; sys.argv[1:] = ['--version']\nfrom ml_training.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('httpx', 'pydantic', 'sqlalchemy', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0].startswith("ml-training ")
    assert done.stdout.splitlines()[-1] == "[]"
