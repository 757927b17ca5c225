"""One file per job type: the work between the claim and the result.

Only the child processes of a worker import this package: it loads the machine-learning stack and the file parsers.
"""

from collections.abc import Mapping

from ml_training.domain.specs import JobType
from ml_training.execution.handlers.compare import run_compare
from ml_training.execution.handlers.drift import run_drift
from ml_training.execution.handlers.explain import run_explain
from ml_training.execution.handlers.ingest import run_ingest
from ml_training.execution.handlers.predict import run_predict
from ml_training.execution.handlers.test import run_test
from ml_training.execution.handlers.train import run_train
from ml_training.execution.handlers.trial import run_trial
from ml_training.execution.handlers.tune import run_tune
from ml_training.execution.job_handler import JobHandler

HANDLERS: Mapping[JobType, JobHandler] = {
    JobType.INGEST: run_ingest,
    JobType.TRAIN: run_train,
    JobType.TEST: run_test,
    JobType.COMPARE: run_compare,
    JobType.PREDICT: run_predict,
    JobType.TUNE: run_tune,
    JobType.TRIAL: run_trial,
    JobType.EXPLAIN: run_explain,
    JobType.DRIFT: run_drift,
}
