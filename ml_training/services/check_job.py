"""Checks a job before it is stored: an accepted job can run."""

from ml_training.domain.specs import JobSpec
from ml_training.domain.tune_spec import TuneSpec
from ml_training.services.check_cache import Feasibility
from ml_training.services.feasibility import check_feasibility
from ml_training.services.resources import Resources
from ml_training.services.tune_feasibility import check_tune


def check_job(resources: Resources, spec: JobSpec) -> Feasibility:
    """Raise Invalid with every error, or Conflict while the data set is not READY; else the job can run."""
    return check_tune(resources, spec) if isinstance(spec, TuneSpec) else check_feasibility(resources, spec)
