"""The environment of child processes."""

import subprocess
import sys
from pathlib import Path

from ml_training.local.child_process import child_environment


def test_a_child_does_not_import_from_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "workers.py").write_text("print('wrong module')", encoding="utf-8")
    code = "import importlib.util; print(importlib.util.find_spec('workers').origin)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=child_environment({}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path) not in done.stdout
