"""The API stays small: it loads no machine-learning stack, no migrations and no exporter, not even indirectly."""

import subprocess
import sys

HEAVY = (
    "pandas",
    "sklearn",
    "lightgbm",
    "pyarrow",
    "scipy",
    "skops",
    "alembic",
    "prometheus_client",
    "exporter",
    "httpx",
    "joserfc",
    "workers",
)
SCRIPT = f"""
import importlib, pkgutil, sys
import ml_training.api
for module in pkgutil.walk_packages(ml_training.api.__path__, "ml_training.api."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(*[name for name in {HEAVY!r} if name in sys.modules])
"""


def test_importing_every_module_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "\n")
