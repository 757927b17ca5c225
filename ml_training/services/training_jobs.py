"""The handlers of TRAIN, TEST and COMPARE: load, call the engine, store the bytes, hand over the verdict.

Loaded by the fleet's child processes only: it brings the whole machine-learning stack along.
"""

import time
from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection

from ml_training import __version__
from ml_training.db import datasets, registry
from ml_training.db.engine import Database
from ml_training.domain.errors import ErrorCode, Invalid, JobFailed
from ml_training.domain.records import Dataset, Job, Model
from ml_training.domain.specs import CompareSpec, TestSpec, TrainSpec, spec_json, stored_spec
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import TestPlan, plan_test, plan_train
from ml_training.services.execute import Workplace
from ml_training.services.feasibility import schema_of
from ml_training.services.lifecycle import Held
from ml_training.services.reporter import JobReporter
from ml_training.services.revision import code_revision
from ml_training.services.verdict import Verdict
from ml_training.storage.base import Kind
from ml_training.training import engine
from ml_training.training.engine import TrainedModel


def run_train(place: Workplace, job: Job, reporter: JobReporter) -> Verdict:
    """Train one model, store its artifact, and hand over the model row."""
    spec = stored_spec(job.spec)
    assert isinstance(spec, TrainSpec)
    dataset = _dataset(place.database, spec.dataset_id)
    index = _verified_index(place, dataset)
    plan = _planned(lambda: plan_train(spec, index))
    started = time.perf_counter()
    trained = engine.train(spec, index, plan=plan, reporter=reporter, threads=place.threads)
    seconds = time.perf_counter() - started
    stored = place.storage.put_bytes(Kind.ARTIFACT, trained.artifact)
