"""Storing a pipeline must fit into a small slot of a worker, whose limit counts addresses too."""

import subprocess
import sys

import pytest

SCRIPT = """
from pathlib import Path
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from ml_training.inference.columns import ColumnKind
from ml_training.inference.schema import FeatureSchema
from ml_training.inference.target_scaling import TargetScale
from ml_training.training.estimators.base import UserTerms
from ml_training.training.estimators.frame_steps import usable_alone

def addresses():
    return int(Path("/proc/self/status").read_text().split("VmData:")[1].split()[0]) * 1024

features = (FeatureSchema("a", ColumnKind.NUMBER), FeatureSchema("b", ColumnKind.CATEGORY, ("x", "y")))
model = LogisticRegression().fit(np.arange(20.0).reshape(10, 2), [0, 1] * 5)
before = addresses()
usable_alone(Pipeline([("linear", model)]), UserTerms(features=features, labels=("n", "y"), scale=TargetScale()))
print(addresses() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the addresses of a process")
def test_storing_a_pipeline_reserves_few_addresses() -> None:
    found = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert int(found.stdout) < 256 << 20
