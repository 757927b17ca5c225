"""Gives LightGBM an OpenMP runtime where the system has none: scikit-learn's wheel brings one along.

LightGBM's wheels link against libgomp.so.1 (macOS: libomp.dylib) and bring none; slim images and plain Macs have none.
Loading scikit-learn's copy first does not help, the name must be found by the dynamic loader when a process starts.
"""

import ctypes
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

MAC_PLACES = tuple(  # the rpaths that are built into LightGBM's wheel
    Path(prefix, "libomp.dylib") for prefix in ("/opt/homebrew/opt/libomp/lib", "/opt/local/lib/libomp")
)
MEND = "install it: `apt-get install libgomp1`, `dnf install libgomp` or, on macOS, `brew install libomp`"


def has_openmp() -> bool:
    """Whether the loader finds the library by itself."""
    if sys.platform == "darwin":
        return any(path.exists() for path in MAC_PLACES)
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        return False
    return True


def bundled_openmp() -> Path | None:
    """The copy inside scikit-learn's wheel, if this is such an installation."""
    spec = find_spec("sklearn")  # finds the package without importing it
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    pattern = "sklearn/.dylibs/libomp.dylib" if sys.platform == "darwin" else "scikit_learn.libs/libgomp-*.so*"
    return next(iter(sorted(package.parent.glob(pattern))), None)


def openmp_environment(directory: Path, *, needed: bool | None = None) -> Mapping[str, str]:
    """The variables with which a worker finds an OpenMP runtime: none when it does anyway, or when there is none.

    Keeps a link in `directory` on Linux, since the wheel's file has a name of its own.
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
