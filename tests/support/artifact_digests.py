"""The hashes of models that are trained in many ways on one data set, here or in a process of its own."""

import hashlib
import json
from pathlib import Path
from typing import Any

from ml_training.selection.index import SelectionIndex
from tests.support.timed_data import TYPES, everything
from tests.support.training_data import job, trained

CROSSED = {"method": "cross_validation", "splits": 3}
FORWARD = {"method": "time_series", "splits": 3}
CASES = {
    f"{model_type} {how} {validation['method']}": (model_type, how, validation)
    for model_type in TYPES
    for how, validation in (("smote", CROSSED), ("weights", CROSSED), ("weights", FORWARD))
}


def digest_of(name: str, index: SelectionIndex, *, threads: int, **fields: Any) -> str:
    """The SHA-256 of what a case gives: artifact and scores."""
    model_type, how, validation = CASES[name]
    spec = job(model_type, **everything(model_type, how=how, validation=validation, **fields))
    model = trained(spec, index, threads=threads)
    scores = json.dumps([model.scores, model.details["rows"]], sort_keys=True)
    return hashlib.sha256(model.artifact + scores.encode()).hexdigest()


def digests(directory: Path, *, threads: int) -> dict[str, str]:
    """Those of every case, also for a process of its own."""
    index = SelectionIndex.open(directory)
    return {name: digest_of(name, index, threads=threads) for name in CASES}
