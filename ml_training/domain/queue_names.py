"""The names of tasks, queues and events that senders and receivers share."""

TASK_RUN = "ml_training.run"  # a permit: "run one job"; which one, the database decides at the claim
QUEUE = "ml_training"
EVENT_PROGRESS = "task-progress"  # {"job_id", "progress", "message"}: live progress between two snapshots
EVENT_PREFIX = "celeryev"  # Celery's channel is "/{db}.celeryev/{type with dots}"
ENDED_CHANNEL = "ml_training.ended"  # Redis channel "/{db}.ml_training.ended": "job/7" or "dataset/3" has ended
PROBE_KEY = "ml_training.probe"  # written to see whether the broker takes anything
