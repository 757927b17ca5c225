"""What a worker loads: all of our models can be stored and loaded, without pandas and without all of scikit-learn."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from pathlib import Path

from ml_training.training.left_out import leave_out
leave_out("pandas")
from ml_training.training.skops_import import import_skops
import_skops()
import numpy, scipy.special, sklearn.utils
assert "add" in dir(numpy) and "expit" in dir(scipy.special), "they are themselves again"
assert sklearn.utils.all_estimators.__module__.startswith("sklearn."), "it is itself again"
from ml_training.execution import handlers
for name in ("sklearn.gaussian_process", "sklearn.mixture", "imblearn", "openpyxl", "pytest"):
    assert name not in sys.modules, name

from ml_training.training import engine
from tests.support.training_data import MODEL_CASES, job, mixed, trained

directory = Path(sys.argv[1])
for number, (model_type, task) in enumerate(MODEL_CASES):
    place = directory / str(number)
    place.mkdir()
    made = trained(job(model_type), mixed(place, task))
    assert engine.load_model(made.artifact, model_id=1).schema.task is task
assert "pandas" not in sys.modules
print(len(MODEL_CASES), "models")
"""


@pytest.mark.slow
def test_every_model_is_stored_and_loaded_and_the_rest_of_scikit_learn_stays_outside(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[-2000:]
    assert found.stdout.strip().endswith("models")
