"""Finds an OpenMP runtime for LightGBM; where the system has none, uses the copy in scikit-learn's wheel.

LightGBM's wheels link against libgomp.so.1 (macOS: libomp.dylib) but do not contain it; slim images and new Macs have
none. Loading scikit-learn's copy first does not help: the dynamic loader must find that name when a process starts.
"""

import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

MAC_PATHS = tuple(  # the rpaths that are built into LightGBM's wheel
    Path(prefix, "libomp.dylib") for prefix in ("/opt/homebrew/opt/libomp/lib", "/opt/local/lib/libomp")
)
INSTALL_HINT = "install it: `apt-get install libgomp1`, `dnf install libgomp` or, on macOS, `brew install libomp`"


def has_openmp() -> bool:
    """Whether the dynamic loader finds the library without help."""
    if sys.platform == "darwin":
        return any(path.exists() for path in MAC_PATHS)
    # In another process: a runtime reads its variables when it is loaded, and a worker may be a fork of this process.
    load = "import ctypes; ctypes.CDLL('libgomp.so.1')"
    return (
        subprocess.run([sys.executable, "-I", "-S", "-c", load], stderr=subprocess.DEVNULL, check=False).returncode == 0
    )


def bundled_openmp() -> Path | None:
    """The copy in scikit-learn's wheel; None when scikit-learn was not installed from a wheel."""
    spec = find_spec("sklearn")  # finds the package without importing it
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    pattern = "sklearn/.dylibs/libomp.dylib" if sys.platform == "darwin" else "scikit_learn.libs/libgomp-*.so*"
    return next(iter(sorted(package.parent.glob(pattern))), None)


def openmp_environment(directory: Path, *, needed: bool | None = None) -> Mapping[str, str]:
    """Variables that let a worker find an OpenMP runtime; empty if the system has one or scikit-learn's wheel has none.

    Creates a symbolic link in `directory` on Linux, because the loader does not look for the file name in the wheel.
    `needed` overrides the check of the system.
    """
    bundled = bundled_openmp()
    if bundled is None or not (not has_openmp() if needed is None else needed):
        return {}
    if sys.platform == "darwin":
        return {"DYLD_LIBRARY_PATH": str(bundled.parent)}
    directory.mkdir(parents=True, exist_ok=True)
    link = directory / "libgomp.so.1"
    link.unlink(missing_ok=True)
    link.symlink_to(bundled)
    return {"LD_LIBRARY_PATH": str(directory)}
