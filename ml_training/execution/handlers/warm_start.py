"""The trials of earlier studies that a study begins with: found at its first step, and stored with its first trials."""

from typing import Any

from pydantic import ValidationError

from ml_training.db import trials, warm_starts
from ml_training.domain.records import Job
from ml_training.domain.search_space import SearchSpace
from ml_training.domain.specs import canonical_json, fingerprint, stored_spec
from ml_training.domain.states import JobStatus
from ml_training.domain.study_steps import Trial
from ml_training.domain.tune_spec import MOST_TRIALS, TuneSpec
from ml_training.domain.warm_start import scored_alike, values_here
from ml_training.execution.inputs import load_dataset
from ml_training.execution.job_handler import WorkerContext
from ml_training.execution.reuse_key import data_identity

MOST_EARLIER = 1_000  # trials


def warm_key(context: WorkerContext, spec: TuneSpec) -> str:
    """Equal for studies whose scores can be compared: of the same data, rows, target, validation and metric."""
    dataset = load_dataset(context.database, spec.dataset_id, deleted_too=True)
    return fingerprint({"data": data_identity(dataset), **scored_alike(spec)})


def taken_before(context: WorkerContext, job: Job) -> list[dict[str, Any]] | None:
    """What was stored at the first step of the study; None before it."""
    with context.database.read() as connection:
        return warm_starts.read_warm_start(connection, job.id)


def find_earlier(context: WorkerContext, job: Job, spec: TuneSpec, space: SearchSpace) -> list[dict[str, Any]]:
    """The scored trials of earlier studies that this one could make, each point once: newest studies first."""
    found: dict[str, dict[str, Any]] = {}
    key = warm_key(context, spec)
    with context.database.read() as connection:
        studies = warm_starts.earlier_studies(connection, key)
        tables = [trials.list_trials(connection, one.job_id, after=0, limit=MOST_TRIALS) for one in studies]
    for study, table in zip(studies, tables, strict=True):
        earlier = _spec_of(study)
        for trial in table if earlier is not None and study.job_id != job.id else ():
            if trial.score is None or earlier is None or len(found) >= MOST_EARLIER:
                continue
            values = values_here(spec, space, earlier, trial.values)
            if values is not None:
                row = {"study_id": study.study_id, "number": trial.number, "job_id": trial.job_id}
                found.setdefault(canonical_json(values), {**row, "values": dict(values), "score": trial.score})
    return list(found.values())


def as_trials(taken: list[dict[str, Any]] | None) -> list[Trial]:
    """The stored rows as the sampler takes them."""
    return [
        Trial(row["number"], row["job_id"], row["values"], JobStatus.COMPLETED.value, row["score"])
        for row in taken or ()
    ]


def told(taken: list[dict[str, Any]] | None) -> dict[str, Any]:
    """What the result of the study says of them."""
    return {"studies": sorted({row["study_id"] for row in taken or ()}), "trials": len(taken or ())}


def _spec_of(study: warm_starts.EarlierStudy) -> TuneSpec | None:
    try:
        spec = stored_spec(study.spec)
    except ValidationError:  # only a hand in the database writes such a row
        return None
    return spec if isinstance(spec, TuneSpec) else None
