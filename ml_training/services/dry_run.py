"""Checks a job as a submission does, and says what it would be; nothing is stored."""

from dataclasses import dataclass
from typing import Literal

from ml_training.domain.errors import Invalid
from ml_training.domain.specs import parse_spec
from ml_training.domain.warnings import JobWarning
from ml_training.services.check_cache import JobFacts
from ml_training.services.check_job import check_job
from ml_training.services.estimates import Estimate, estimate
from ml_training.services.feasibility import find_slot, forget_deleted, require_indexes
from ml_training.services.given_estimates import GivenEstimate
from ml_training.services.queue_limit import check_queue_limit
from ml_training.services.resources import Resources


@dataclass(frozen=True, slots=True)
class DryRun:
    """The job would be accepted now."""

    warnings: tuple[JobWarning, ...]
    facts: JobFacts
    estimate: Estimate
    accepted: Literal[True] = True


def dry_run(resources: Resources, body: object) -> DryRun:
    """What would become of the job; raises what its submission would raise."""
    spec, errors = parse_spec(body, max_runtime_seconds=resources.limits.runtime_seconds)
    if spec is None:
        raise Invalid("the job spec is wrong", errors=errors)
    forget_deleted(resources, [spec])
    checked = check_job(resources, spec)
    require_indexes(resources, [checked])
    slot = find_slot(resources)
    with resources.database.read() as connection:
        check_queue_limit(connection, resources, 1, lock=False)
        expected = estimate(connection, resources, spec, checked, slot)
    given = GivenEstimate(expected.seconds, expected.starts_in_seconds)
    resources.given_estimates.give(spec, given, project_id=resources.project_id)
    return DryRun(checked.warnings, checked.facts, expected)
