"""What a project may use, and what it uses."""

from dataclasses import dataclass

SECONDS_PER_MINUTE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """The limits of one project; None: as much as the service allows."""

    pending_jobs: int | None = None
    running_jobs: int | None = None
    stored_bytes: int | None = None  # of its data sets, models and predictions
    submissions_per_minute: int | None = None  # jobs, also those that belong to uploads; in any 60 seconds


@dataclass(frozen=True, slots=True)
class Usage:
    """What a project uses now."""

    pending_jobs: int
    running_jobs: int
    stored_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One row of `projects`, and what it uses."""

    id: int
    name: str
    created_at: float
    quotas: Quotas
    usage: Usage
