"""The catalogue: name, type, HELP, unit and labels of every metric of the page, in the order of the page."""

from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    """Prometheus metric types; the words of a TYPE line."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family; `name` as Prometheus stores it, so counters end in `_total`."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""

    @property
    def family(self) -> str:
        """The family's name in OpenMetrics, where `_total` belongs to a counter's samples only."""
        return self.name.removesuffix("_total") if self.kind is MetricKind.COUNTER else self.name


def _gauge(name: str, text: str, *labels: str, unit: str = "") -> Metric:
    return Metric(name, MetricKind.GAUGE, text, labels, unit)


def _counter(name: str, text: str, *labels: str, unit: str = "") -> Metric:
    return Metric(name, MetricKind.COUNTER, text, labels, unit)


def _histogram(name: str, text: str, *labels: str) -> Metric:
    return Metric(name, MetricKind.HISTOGRAM, text, labels, "seconds")


_JOB = ("job_id", "job_type", "model_type")

# The service
SERVICE_UPTIME = _gauge(
    "ml_service_uptime_seconds",
    "Seconds since the API started; 0 when no API process was seen for 30 s.",
    unit="seconds",
)
DB_CONNECTED = _gauge("ml_db_connected", "1 while the exporter reaches the database, else 0.")
BROKER_CONNECTED = _gauge("ml_broker_connected", "1 while the exporter reaches the Redis broker, else 0.")
MODELS = _gauge("ml_models_total", "Models that are not deleted (a gauge: the name is fixed by contract).")
ACTIVE_JOBS = _gauge("ml_active_jobs", "Jobs RUNNING now.")
DATASETS = _gauge("ml_datasets", "Data sets that are not deleted.")
DATASET_BYTES = _gauge("ml_dataset_bytes", "Uploads and indexes of the data sets that are not deleted.", unit="bytes")
ARTIFACT_BYTES = _gauge("ml_artifact_bytes", "Artifacts of the models that are not deleted.", unit="bytes")
STORAGE_FREE = _gauge(
    "ml_storage_free_bytes", "Free bytes of the data directory's file system, as maintenance sees it.", unit="bytes"
)
BUILD_INFO = _gauge("ml_build_info", "Always 1; the labels say what is running.", "version", "revision", "python")

# The API, by the heartbeat rows of its processes
JOBS_REJECTED = _counter(
    "ml_jobs_rejected_total", "Jobs refused at the door; memory of the API, may lose the last 10 s.", "reason"
)
API_REQUESTS = _counter(
    "ml_api_requests_total",
    "Requests answered by all API processes; their memory, may lose the last 10 s.",
    "route",
    "method",
    "code",
)
API_UNAUTHENTICATED = _counter(
    "ml_api_unauthenticated_total",
    "Requests without a valid key; memory of the API, may lose the last 10 s.",
    "reason",
)
API_DURATION = _histogram(
    "ml_api_request_duration_seconds",
    "Time to answer, waits asked for included; memory of the API, may lose the last 10 s.",
    "route",
)

# All jobs
JOBS = _counter(
    "ml_jobs_total", "Jobs that ever reached this terminal status; retention does not lower it.", "job_type", "status"
)
JOBS_DURATION = _histogram(
    "ml_jobs_duration_seconds", "First start to end, of ended jobs that had started, as a histogram.", "job_type"
)
JOBS_REUSED = _counter(
    "ml_jobs_reused_total", "COMPLETED jobs that have the result of an equal job; ml_jobs_total holds them.", "job_type"
)
ESTIMATES = _counter(
    "ml_job_estimates_total",
    "Estimates of dry runs whose job was submitted next, by whether they held.",
    "estimate",
    "result",
)
JOBS_CURRENT = _gauge("ml_jobs_current", "Jobs PENDING or RUNNING now.", "job_type", "status")
QUEUE_DEPTH = _gauge(
    "ml_queue_depth", "What waits: due jobs in the database, permits to run one job in the broker.", "queue"
)
QUEUE_OLDEST = _gauge(
    "ml_queue_oldest_seconds", "How long the oldest due job has been due; 0 when none is.", "queue", unit="seconds"
)
QUEUE_WAIT = _histogram("ml_queue_wait_seconds", "From acceptance to the first start.", "job_type")
ATTEMPTS_LOST = _counter(
    "ml_job_attempts_lost_total", "Attempts that ended without a verdict and were charged to their job.", "reason"
)
WRITES_REFUSED = _counter(
    "ml_stale_writes_refused_total", "Writes refused because their attempt no longer owned its job."
)
ENTRIES_DROPPED = _counter(
    "ml_queue_entries_dropped_total", "Entries of the broker's list that were no permits, dropped by a worker."
)
TRAINING_ROWS = _counter(
    "ml_training_rows_total", "Rows used by TRAIN jobs that ended, whatever their verdict.", "model_type"
)
TRAINING_SECONDS = _counter(
    "ml_training_seconds_total", "Seconds from first start to end of TRAIN jobs.", "model_type", unit="seconds"
)

# The projects that a setting names, at most 100
PROJECT_JOBS = _gauge("ml_project_jobs", "Jobs of the project PENDING or RUNNING now.", "project", "status")
PROJECT_BYTES = _gauge(
    "ml_project_stored_bytes", "Bytes of what the project has stored and not deleted.", "project", unit="bytes"
)

# One job: RUNNING, then PENDING by age, then those that ended within 15 minutes; at most 2,000 jobs
JOB_PROGRESS = _gauge(
    "ml_job_progress_percent", "0 while PENDING, 100 when COMPLETED, else the last progress.", *_JOB, unit="percent"
)
JOB_DURATION = _gauge(
    "ml_job_duration_seconds",
    "Since the first start of this one job: elapsed, or final once it ended.",
    *_JOB,
    unit="seconds",
)
JOB_ETA = _gauge(
    "ml_job_eta_seconds", "Expected seconds to the end of a RUNNING job; absent while unknown.", *_JOB, unit="seconds"
)
JOB_LOSS = _gauge(
    "ml_job_loss",
    "Loss of a RUNNING training after its latest iteration, on the rows of the split; lower is better.",
    "job_id",
    "split",
    "score",
)
JOB_STATUS = _gauge(
    "ml_job_status",
    "One series a job: its status as label and as code (1 PENDING, 2 RUNNING, 3 COMPLETED, 4 FAILED, 5 CANCELLED).",
    *_JOB,
    "status",
)
JOB_FEATURES = _gauge(
    "ml_job_features_count",
    "Features used; absent until known (a gauge: the name is fixed by contract).",
    "job_id",
    "job_type",
)
JOB_PHASES = _gauge(
    "ml_job_phases_count", "Phases selected, 0 without (a gauge: the name is fixed by contract).", "job_id", "job_type"
)

# Models: the newest 200 and 200 older ones with an alias; the scores of 100
TRAINING_ACCURACY = _gauge(
    "ml_training_accuracy", "Accuracy on the rows that the model was fitted on; absent for regression.", "model_id"
)
TEST_ACCURACY = _gauge(
    "ml_test_accuracy", "Accuracy on unseen rows: the newest TEST without overlap, else held out.", "model_id"
)

MODEL_INFO = _gauge(
    "ml_model_info", "Always 1; the labels say what a model is called.", "model_id", "model_name", "model_version"
)
MODEL_DRIFT = _gauge(
    "ml_model_drift", "PSI of the newest DRIFT job, weighted by importance; 0 when it can be chance.", "model_id"
)

MODEL_SCORE = _gauge(
    "ml_model_score", "A score of the training, on its own rows and on held-out ones.", "model_id", "score", "split"
)

# Processes, by their heartbeat rows
WORKERS_UP = _gauge("ml_workers_up", "Workers seen within 30 s.")
WORKER_UP = _gauge("ml_worker_up", "1 if the worker was seen within 30 s, else 0; gone after 10 minutes.", "worker")
WORKER_SLOTS = _gauge("ml_worker_slots", "Jobs that the worker can run at once.", "worker")
WORKER_BUSY = _gauge("ml_worker_busy_slots", "Jobs that the worker runs now.", "worker")
WORKER_AGE = _gauge(
    "ml_worker_heartbeat_age_seconds", "Seconds since the worker was last seen.", "worker", unit="seconds"
)
PROCESS_MEMORY = _gauge(
    "ml_process_resident_memory_bytes", "Resident memory by the process's own heartbeat.", "process", unit="bytes"
)
PROCESS_STORAGE_OK = _gauge(
    "ml_process_storage_ok", "1 if the process sees the storage that belongs to the database, else 0.", "process"
)
PROCESS_BROKER_OK = _gauge(
    "ml_process_broker_ok",
    "1 if the broker takes permits when the process asks, over a new connection, else 0.",
    "process",
)

# Celery's events
EVENTS = _counter("ml_events_received_total", "Events read since this exporter started; a lossy channel.", "type")
EVENT_LAG = _gauge(
    "ml_event_lag_seconds", "Longest way of an event to the exporter in the last minute.", unit="seconds"
)

EVENT_GAPS = _counter(
    "ml_exporter_event_gaps_total", "Times that the event channel broke off: what was sent until it is back is missed."
)

# The exporter itself
SNAPSHOT_AGE = _gauge(
    "ml_exporter_snapshot_age_seconds", "Age of what the database said; grows while it is away.", unit="seconds"
)
COLLECTOR_SUCCESS = _gauge("ml_exporter_collector_success", "1 if the collector's last run succeeded.", "collector")
COLLECTOR_DURATION = _gauge(
    "ml_exporter_collector_duration_seconds", "Duration of the collector's last run.", "collector", unit="seconds"
)
SERIES_DROPPED = _counter(
    "ml_exporter_series_dropped_total",
    "Series left out by the caps on jobs, processes and pages, each time.",
)
PROCESS_VIRTUAL = _gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", unit="bytes")
PROCESS_RESIDENT = _gauge("process_resident_memory_bytes", "Resident memory size in bytes.", unit="bytes")
PROCESS_START = _gauge(
    "process_start_time_seconds", "Start time of the process since unix epoch in seconds.", unit="seconds"
)
PROCESS_CPU = _counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", unit="seconds")
PROCESS_OPEN_FDS = _gauge("process_open_fds", "Number of open file descriptors.")
PROCESS_MAX_FDS = _gauge("process_max_fds", "Maximum number of open file descriptors.")
GC_COLLECTED = _counter("python_gc_objects_collected_total", "Objects collected during gc", "generation")
GC_UNCOLLECTABLE = _counter(
    "python_gc_objects_uncollectable_total", "Uncollectable objects found during GC", "generation"
)
GC_COLLECTIONS = _counter("python_gc_collections_total", "Number of times this generation was collected", "generation")
PYTHON_INFO = _gauge(
    "python_info", "Python platform information", "version", "implementation", "major", "minor", "patchlevel"
)

CATALOGUE: tuple[Metric, ...] = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))

# What is dropped first when the page has too many series: what repeats or refines other families; the names that
# are fixed by contract come last.
DROPPED_FIRST: tuple[Metric, ...] = (
    MODEL_SCORE,
    JOB_LOSS,
    MODEL_INFO,
    PROCESS_MEMORY,
    PROCESS_STORAGE_OK,
    PROCESS_BROKER_OK,
    WORKER_AGE,
    API_DURATION,
    JOB_ETA,
    WORKER_BUSY,
    WORKER_SLOTS,
    API_REQUESTS,
    JOB_PHASES,
    JOB_FEATURES,
    JOB_DURATION,
    JOB_PROGRESS,
)
