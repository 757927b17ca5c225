"""The OpenMP runtime for LightGBM: the copy in scikit-learn's wheel."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

from ml_training.local.openmp_runtime import bundled_openmp, openmp_environment


def test_a_worker_finds_scikit_learns_openmp_when_the_system_has_none(tmp_path: Path) -> None:
    variables = openmp_environment(tmp_path / "lib", needed=True)
    if sys.platform == "darwin":
        assert variables == {"DYLD_LIBRARY_PATH": str(bundled_openmp().parent)}  # type: ignore[union-attr]
        return
    assert variables == {"LD_LIBRARY_PATH": str(tmp_path / "lib")}
    assert (tmp_path / "lib" / "libgomp.so.1").resolve() == bundled_openmp()
    code = "import ctypes; ctypes.CDLL('libgomp.so.1'); print(open('/proc/self/maps').read())"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **variables}, capture_output=True, text=True)
    assert "scikit_learn.libs/libgomp" in done.stdout
    assert openmp_environment(tmp_path / "lib", needed=True) == variables  # the link exists from the first start


def test_nothing_changes_on_a_system_with_openmp(tmp_path: Path) -> None:
    assert openmp_environment(tmp_path / "lib", needed=False) == {}
    assert not (tmp_path / "lib").exists()


def test_the_bundled_library_can_be_loaded() -> None:
    assert ctypes.CDLL(str(bundled_openmp()))
