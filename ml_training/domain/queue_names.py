"""Names that both ends of the queue use."""

TASK_RUN = "ml_training.run"  # a permit: "run one job"; which one, the database decides at the claim
QUEUE = "ml_training"
EVENT_PROGRESS = "task-progress"  # {"job_id", "progress", "message"}: live progress between two snapshots
EVENT_CHANGED = "task-changed"  # {"job_id"}: a job row changed, look now
EVENT_PREFIX = "celeryev"  # Celery's channel is "/{db}.celeryev/{type with dots}"
