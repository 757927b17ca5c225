"""What may go wrong in a part, and what that means for the job."""

from enum import StrEnum

from ml_training.domain.errors import AttemptLost, ErrorCode, JobFailed, Unavailable


class Failure(StrEnum):
    """Why a part ended without its share of the model."""

    VERSIONS = "versions"  # the cluster worker runs other versions than the job's worker
    STORAGE = "storage"  # it does not find or read the data
    MEMORY = "memory"  # it would need more memory than its cluster worker has
    LOST = "lost"  # its process ended, or lost the connection to the other parts
    DEFECT = "defect"  # anything else


def failed(failure: Failure, detail: str) -> Exception:
    """The exception that ends the attempt; what may pass by itself lets the job be tried again."""
    if failure in (Failure.VERSIONS, Failure.STORAGE):
        return Unavailable(detail)
    if failure is Failure.LOST:
        return AttemptLost(detail)
    if failure is Failure.MEMORY:
        hint = "add workers to the Dask cluster, give them more memory, or use fewer rows or features"
        return JobFailed(ErrorCode.OUT_OF_MEMORY, detail, hint=hint)
    return JobFailed(ErrorCode.TRAINING_ERROR, detail, hint="this is a defect of the service: please report it")
