"""`ml-training up` with a certificate: its parts find each other, and so do people with the authority's file."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.stack_process import PROGRAM, start_stack
from tests.support.tls import Authority

pytestmark = pytest.mark.slow


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAM), *arguments], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_the_stack_and_its_commands_speak_https(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate = {f"ML_TRAINING_{name.upper()}": value for name, value in authority.issue().settings().items()}
    with start_stack(tmp_path / "data", **certificate) as stack:
        stack.wait_until_ready()
        assert all(url.startswith("https://127.0.0.1:") for url in stack.urls)
        data_dir = {"ML_TRAINING_DATA_DIR": str(stack.data_dir)}
        trusting = {**data_dir, "SSL_CERT_FILE": str(authority.file)}
        done = run("overview", "--json", **trusting)
        assert (done.returncode, "workers" in json.loads(done.stdout)) == (0, True), done.stderr
        strange = run("overview", **data_dir)
        assert strange.returncode != 0
        assert "SSL_CERT_FILE" in strange.stderr
        assert "Traceback" not in strange.stderr
        missing = run("overview", **data_dir, SSL_CERT_FILE=str(tmp_path / "none.pem"))
        assert f"SSL_CERT_FILE: {tmp_path / 'none.pem'}: No such file or directory" in missing.stderr
        checks = {
            check["name"]: check
            for check in json.loads(run("doctor", "--json", **trusting, **certificate).stdout)["checks"]
        }
        assert [check for check in checks.values() if not check["ok"]] == []
        assert "localhost, 127.0.0.1" in checks["tls"]["detail"]
