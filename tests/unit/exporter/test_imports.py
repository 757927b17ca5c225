"""The exporter stays small: it loads neither the queue nor the machine-learning stack, not even indirectly."""

import subprocess
import sys

HEAVY = ("pandas", "sklearn", "lightgbm", "pyarrow", "scipy", "numpy", "celery", "kombu", "flask", "alembic")
SCRIPT = f"""
import pkgutil, importlib, sys
import exporter
for module in pkgutil.walk_packages(exporter.__path__, "exporter."):
    importlib.import_module(module.name)
loaded = [name for name in {HEAVY!r} if name in sys.modules]
opened = [name for name in ("ml_training.services", "ml_training.queue", "workers") if name in sys.modules]
print(*loaded, *opened)
"""


def test_importing_every_module_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "\n")
