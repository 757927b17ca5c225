"""A library that is left out looks like one that is not installed."""

import subprocess
import sys

SCRIPT = """
import importlib.util, sys
from ml_training.training.left_out import leave_out
leave_out("openpyxl")
try:
    import openpyxl
except ModuleNotFoundError as error:
    assert error.name == "openpyxl"
else:
    sys.exit("it was imported")
import httpx
"""


def test_a_library_that_is_left_out_cannot_be_imported_and_others_can() -> None:
    found = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[-2000:]
